//! Numeric fields, single and repeated, on the wire and as typed values.

use super::descriptors::{EnumNames, Kind};
use super::wire::{Malformed, Payload, contents, packed_varints, walk};

/// A number as encoded on the wire.
#[derive(Clone, Copy)]
pub(in crate::snapshot) struct Number<'s> {
    pub(super) kind: Kind,
    pub payload: Payload<'s>,
    pub(super) occurrences: &'s [u8],
}

impl<'s> Number<'s> {
    /// Its bytes, key included.
    pub(crate) fn encoded(&self) -> &'s [u8] {
        let last = walk(self.occurrences).last();
        last.and_then(Result::ok).map_or(&[], |raw| raw.encoded)
    }

    /// The number as a typed value.
    pub(crate) fn scalar(&self) -> Result<Scalar, Malformed> {
        Scalar::of(self.kind, self.payload)
    }

    #[inline]
    pub(super) fn is_zero(&self) -> bool {
        match self.payload {
            Payload::Varint(value) => value == 0,
            Payload::Fixed64(value) => value == [0; 8],
            Payload::Fixed32(value) => value == [0; 4],
            Payload::Bytes(_) => false,
        }
    }
}

/// A typed number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::snapshot) enum Scalar {
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Uint32(u32),
    Uint64(u64),
    Float(f32),
    Double(f64),
    Enum(EnumNames, i32),
}

impl Scalar {
    /// The value of an absent field.
    pub(super) fn zero(kind: Kind) -> Option<Self> {
        let zeros = [
            Payload::Varint(0),
            Payload::Fixed32([0; 4]),
            Payload::Fixed64([0; 8]),
        ];
        zeros.into_iter().find_map(|zero| Self::of(kind, zero).ok())
    }

    fn of(kind: Kind, payload: Payload<'_>) -> Result<Self, Malformed> {
        Ok(match (kind, payload) {
            (Kind::Bool, Payload::Varint(value)) => Self::Bool(value != 0),
            // Truncated as protobuf does: an int32 is encoded in 64 bits.
            (Kind::Int32, Payload::Varint(value)) => Self::Int32(value as i32),
            (Kind::Uint32, Payload::Varint(value)) => Self::Uint32(value as u32),
            (Kind::Int64, Payload::Varint(value)) => Self::Int64(value as i64),
            (Kind::Uint64, Payload::Varint(value)) => Self::Uint64(value),
            (Kind::Float, Payload::Fixed32(value)) => Self::Float(f32::from_le_bytes(value)),
            (Kind::Double, Payload::Fixed64(value)) => Self::Double(f64::from_le_bytes(value)),
            (Kind::Enum(names), Payload::Varint(value)) => Self::Enum(names, value as i32),
            _ => return Err(Malformed),
        })
    }
}

/// A repeated number, packed or not.
pub(in crate::snapshot) struct Numbers<'s> {
    pub(super) kind: Kind,
    pub(super) occurrences: &'s [u8],
}

impl<'s> Numbers<'s> {
    pub(super) fn is_empty(&self) -> bool {
        walk(self.occurrences).all(|raw| raw.is_ok_and(|raw| raw.payload == Payload::Bytes(&[])))
    }

    /// Bytes of the packed numbers: an upper limit on how many there are.
    pub(crate) fn packed_bytes(&self) -> usize {
        contents(self.occurrences)
            .map(|packed| packed.map_or(0, <[u8]>::len))
            .sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<u64, Malformed>> + 's {
        walk(self.occurrences).flat_map(|raw| {
            let (one, packed) = match raw.map(|raw| raw.payload) {
                Ok(Payload::Varint(value)) => (Some(Ok(value)), &[][..]),
                Ok(Payload::Bytes(packed)) => (None, packed),
                Ok(Payload::Fixed64(_) | Payload::Fixed32(_)) | Err(Malformed) => {
                    (Some(Err(Malformed)), &[][..])
                }
            };
            one.into_iter().chain(packed_varints(packed))
        })
    }

    /// The numbers as typed values.
    pub(crate) fn scalars(&self) -> impl Iterator<Item = Result<Scalar, Malformed>> + 's {
        let kind = self.kind;
        self.iter()
            .map(move |value| Scalar::of(kind, Payload::Varint(value?)))
    }
}
