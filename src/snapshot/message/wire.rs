//! Protobuf's wire form, one level at a time: a message's bytes into its fields, borrowed, and back.

use prost::encoding::{decode_varint, encode_varint};
use smallvec::SmallVec;

/// Bytes that are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct Malformed;

/// Deepest nesting that is followed; protobuf's own decoders stop at 100 too.
pub(in crate::snapshot) const MAX_DEPTH: u32 = 100;

/// What follows a key, as the key says.
pub(in crate::snapshot) const VARINT: u32 = 0;
const FIXED64: u32 = 1;
/// A length, and so many bytes.
pub(in crate::snapshot) const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// One field as it came: its number, what it holds, and its whole encoding with the key.
#[derive(Clone, Copy, Debug)]
pub(in crate::snapshot) struct RawField<'a> {
    pub number: u32,
    pub payload: Payload<'a>,
    pub encoded: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Payload<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(&'a [u8]),
}

/// Fields of one message. Most messages have a handful, and a million rows have ten messages each: they stand on the
/// stack.
pub(in crate::snapshot) type Fields<'a> = SmallVec<[RawField<'a>; 8]>;

/// The fields of `message`, sorted by number; those of one number in the order they came.
pub(in crate::snapshot) fn fields(message: &[u8]) -> Result<Fields<'_>, Malformed> {
    let mut fields = Fields::new();
    let mut sorted = true;
    for field in walk(message) {
        let field = field?;
        sorted &= fields
            .last()
            .is_none_or(|last: &RawField<'_>| last.number <= field.number);
        fields.push(field);
    }
    if !sorted {
        fields.sort_by_key(|field| field.number);
    }
    Ok(fields)
}

/// Those fields of `message` that are under one number, in the order they came.
pub(in crate::snapshot) fn fields_under(
    number: u32,
    message: &[u8],
) -> Result<Fields<'_>, Malformed> {
    walk(message)
        .filter(|field| field.as_ref().map_or(true, |field| field.number == number))
        .collect()
}

/// The fields of `message` in the order they came, up to the first that is none.
pub(in crate::snapshot) fn walk(
    message: &[u8],
) -> impl Iterator<Item = Result<RawField<'_>, Malformed>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = take_field(&mut rest);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

#[inline]
fn take_field<'a>(rest: &mut &'a [u8]) -> Result<RawField<'a>, Malformed> {
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
        // Groups went out of use before proto3; no writer of a c1z makes them.
        _ => return Err(Malformed),
    };
    Ok(RawField {
        number,
        payload,
        encoded: &before[..before.len() - rest.len()],
    })
}

/// Nearly all keys and lengths are of one byte.
#[inline]
fn take_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    match **rest {
        [byte @ ..0x80, ref after @ ..] => {
            *rest = after;
            Ok(byte.into())
        }
        _ => decode_varint(rest).map_err(|_| Malformed),
    }
}

/// Appends the key of a field.
pub(in crate::snapshot) fn push_key(number: u32, wire_type: u32, out: &mut Vec<u8>) {
    push_varint(u64::from(number << 3 | wire_type), out);
}

/// Appends a varint as short as it can be.
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

/// All varints of a packed field.
pub(in crate::snapshot) fn packed_varints(mut bytes: &[u8]) -> Result<Vec<u64>, Malformed> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(take_varint(&mut bytes)?);
    }
    Ok(values)
}
