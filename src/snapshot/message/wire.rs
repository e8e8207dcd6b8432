//! Protobuf's wire format, one level at a time: splits the bytes of a message into fields, and writes fields.

use prost::encoding::{decode_varint, encode_varint, encoded_len_varint, key_len};

/// Bytes that are not a protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct Malformed;

/// Deepest nesting that is read, as in protobuf's own decoders.
pub(in crate::snapshot) const MAX_DEPTH: u32 = 100;

/// Wire types.
pub(in crate::snapshot) const VARINT: u32 = 0;
const FIXED64: u32 = 1;
/// A length, and that many bytes.
pub(in crate::snapshot) const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// One field on the wire: its number, its payload, and its whole encoding with the key.
#[derive(Clone, Copy, Debug)]
pub(in crate::snapshot) struct RawField<'a> {
    pub number: u32,
    pub payload: Payload<'a>,
    pub encoded: &'a [u8],
}

impl RawField<'_> {
    /// Whether its key and its varints are as short as possible.
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        let content = match self.payload {
            Payload::Varint(value) => encoded_len_varint(value),
            Payload::Fixed64(_) => 8,
            Payload::Fixed32(_) => 4,
            Payload::Bytes(bytes) => encoded_len_varint(bytes.len() as u64) + bytes.len(),
        };
        self.encoded.len() == key_len(self.number) + content
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Payload<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(&'a [u8]),
}

/// The fields of `message` in their original order, up to the first malformed one.
pub(in crate::snapshot) fn walk(message: &[u8]) -> Walk<'_> {
    Walk(message)
}

/// The rest of a message.
#[derive(Clone)]
pub(in crate::snapshot) struct Walk<'a>(&'a [u8]);

impl<'a> Iterator for Walk<'a> {
    type Item = Result<RawField<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = take_field(&mut self.0);
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// Takes the first field off `rest`.
#[inline(always)]
pub(super) fn take_field<'a>(rest: &mut &'a [u8]) -> Result<RawField<'a>, Malformed> {
    let before = *rest;
    let key = u32::try_from(take_varint(rest)?).map_err(|_| Malformed)?;
    let number = key >> 3;
    if number == 0 {
        return Err(Malformed);
    }
    let payload = match key & 7 {
        VARINT => Payload::Varint(take_varint(rest)?),
        FIXED64 => Payload::Fixed64(take_array(rest)?),
        DELIMITED => {
            let length = usize::try_from(take_varint(rest)?).map_err(|_| Malformed)?;
            let (bytes, after) = rest.split_at_checked(length).ok_or(Malformed)?;
            *rest = after;
            Payload::Bytes(bytes)
        }
        FIXED32 => Payload::Fixed32(take_array(rest)?),
        // Groups were removed in proto3, and no writer of a c1z uses them.
        _ => return Err(Malformed),
    };
    Ok(RawField {
        number,
        payload,
        encoded: &before[..before.len() - rest.len()],
    })
}

/// The number of the first field of `rest`, if it has one.
#[inline]
pub(super) fn next_number(mut rest: &[u8]) -> Option<u32> {
    if rest.is_empty() {
        return None;
    }
    let key = take_varint(&mut rest).ok()?;
    Some(u32::try_from(key).ok()? >> 3)
}

/// Nearly all keys and lengths take one byte, and most others two.
#[inline(always)]
fn take_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    match **rest {
        [byte @ ..0x80, ref after @ ..] => {
            *rest = after;
            Ok(byte.into())
        }
        [low, byte @ ..0x80, ref after @ ..] => {
            *rest = after;
            Ok(u64::from(low & 0x7f) | u64::from(byte) << 7)
        }
        _ => take_long_varint(rest),
    }
}

#[cold]
fn take_long_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    decode_varint(rest).map_err(|_| Malformed)
}

/// Appends the key of a field.
pub(in crate::snapshot) fn push_key(number: u32, wire_type: u32, out: &mut Vec<u8>) {
    push_varint(u64::from(number << 3 | wire_type), out);
}

/// Appends a varint in its shortest form.
pub(in crate::snapshot) fn push_varint(value: u64, out: &mut Vec<u8>) {
    match u8::try_from(value) {
        Ok(byte @ ..0x80) => out.push(byte),
        _ => encode_varint(value, out),
    }
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (bytes, after) = rest.split_first_chunk().ok_or(Malformed)?;
    *rest = after;
    Ok(*bytes)
}

/// All varints of a packed field, up to the first malformed one.
pub(super) fn packed_varints(
    mut packed: &[u8],
) -> impl Iterator<Item = Result<u64, Malformed>> + '_ {
    std::iter::from_fn(move || {
        if packed.is_empty() {
            return None;
        }
        let value = take_varint(&mut packed);
        if value.is_err() {
            packed = &[];
        }
        Some(value)
    })
}

/// The contents of all occurrences, which must be length-delimited.
#[inline]
pub(super) fn contents(occurrences: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    walk(occurrences).map(|raw| bytes(raw?.payload))
}

/// The content of a length-delimited field.
#[inline]
pub(super) fn bytes(payload: Payload<'_>) -> Result<&[u8], Malformed> {
    match payload {
        Payload::Bytes(bytes) => Ok(bytes),
        _ => Err(Malformed),
    }
}
