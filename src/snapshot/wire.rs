//! Protobuf's wire form, one level at a time: a message's bytes into its fields, borrowed, sorted by number.

use prost::encoding::{WireType, decode_key, decode_varint};
use smallvec::SmallVec;

/// Bytes that are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Deepest nesting that is followed; protobuf's own decoders stop at 100 too.
pub(super) const MAX_DEPTH: u32 = 100;

/// One field as it came: its number, what it holds, and its whole encoding with the key.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawField<'a> {
    pub number: u32,
    pub payload: Payload<'a>,
    pub encoded: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(&'a [u8]),
}

/// Fields of one message. Most messages have a handful, and a million rows have ten messages each: they stand on the
/// stack.
pub(super) type Fields<'a> = SmallVec<[RawField<'a>; 8]>;

/// The fields of `message`, sorted by number; those of one number in the order they came.
pub(super) fn fields(message: &[u8]) -> Result<Fields<'_>, Malformed> {
    let mut fields = Fields::new();
    let mut rest = message;
    let mut sorted = true;
    while !rest.is_empty() {
        let before = rest;
        let (number, wire_type) = decode_key(&mut rest).map_err(|_| Malformed)?;
        let payload = match wire_type {
            WireType::Varint => Payload::Varint(decode_varint(&mut rest).map_err(|_| Malformed)?),
            WireType::SixtyFourBit => Payload::Fixed64(take_array(&mut rest)?),
            WireType::ThirtyTwoBit => Payload::Fixed32(take_array(&mut rest)?),
            WireType::LengthDelimited => {
                let length = decode_varint(&mut rest).map_err(|_| Malformed)?;
                let length = usize::try_from(length).map_err(|_| Malformed)?;
                let (bytes, after) = rest.split_at_checked(length).ok_or(Malformed)?;
                rest = after;
                Payload::Bytes(bytes)
            }
            // Groups went out of use before proto3; no writer of a c1z makes them.
            WireType::StartGroup | WireType::EndGroup => return Err(Malformed),
        };
        sorted &= fields
            .last()
            .is_none_or(|last: &RawField<'_>| last.number <= number);
        fields.push(RawField {
            number,
            payload,
            encoded: &before[..before.len() - rest.len()],
        });
    }
    if !sorted {
        fields.sort_by_key(|field| field.number);
    }
    Ok(fields)
}

/// Whether the message has a field of this number; false for what is no message.
pub(super) fn has_field(message: &[u8], number: u32) -> bool {
    fields(message).is_ok_and(|fields| fields.iter().any(|field| field.number == number))
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (bytes, after) = rest.split_first_chunk().ok_or(Malformed)?;
    *rest = after;
    Ok(*bytes)
}

/// All varints of a packed field.
pub(super) fn packed_varints(mut bytes: &[u8]) -> Result<Vec<u64>, Malformed> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(decode_varint(&mut bytes).map_err(|_| Malformed)?);
    }
    Ok(values)
}
