//! Numbers as SQLite stores them.

use super::fault::Fault;

pub(super) fn be_u16(bytes: &[u8], at: usize) -> Result<u16, Fault> {
    array(bytes, at).map(u16::from_be_bytes)
}

pub(super) fn be_u32(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    array(bytes, at).map(u32::from_be_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Fault> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or_else(|| Fault::Damage("a value extends past the end of its page".to_owned()))
}

/// Reads a varint as SQLite writes it (big-endian, seven bits per byte, all eight of the ninth). Returns it and its
/// end.
#[inline]
pub(super) fn varint(bytes: &[u8], at: usize) -> Result<(u64, usize), Fault> {
    match bytes.get(at..) {
        Some([byte @ ..0x80, ..]) => return Ok((u64::from(*byte), at + 1)),
        Some([high, low @ ..0x80, ..]) => {
            return Ok((u64::from(high & 0x7f) << 7 | u64::from(*low), at + 2));
        }
        _ => {}
    }
    long_varint(bytes, at)
}

fn long_varint(bytes: &[u8], at: usize) -> Result<(u64, usize), Fault> {
    let mut value = 0;
    for (index, byte) in bytes.iter().skip(at).take(9).enumerate() {
        if index == 8 {
            return Ok((value << 8 | u64::from(*byte), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if *byte < 0x80 {
            return Ok((value, at + index + 1));
        }
    }
    Err(Fault::Damage(
        "a number extends past the end of its page".to_owned(),
    ))
}
