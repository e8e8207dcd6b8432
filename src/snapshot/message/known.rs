//! What the fields of a message mean: several occurrences of one field as one value, entries of maps, parts of an Any.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::descriptors::Descriptor;
use super::wire::{Fields, Malformed, Payload, RawField, packed_varints, walk};

/// Of a oneof's members only the one that came last counts, whatever its number.
pub(in crate::snapshot) fn keep_last_member(
    descriptor: &'static Descriptor,
    fields: &mut Fields<'_>,
) {
    let is_member = |raw: &RawField<'_>| descriptor.field(raw.number).is_some();
    // All are slices of one message, so the later one has the higher address.
    let last = fields
        .iter()
        .filter(|raw| is_member(raw))
        .map(|raw| raw.encoded.as_ptr())
        .max();
    fields.retain(|raw| !is_member(raw) || Some(raw.encoded.as_ptr()) == last);
}

/// The bytes under 1 and under 2: type URL and contents of an Any, key and value of a map's entry.
pub(in crate::snapshot) fn two_parts(message: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (mut first, mut second): (&[u8], &[u8]) = (b"", b"");
    for raw in walk(message) {
        let raw = raw?;
        match raw.number {
            1 => first = bytes(&raw)?,
            2 => second = bytes(&raw)?,
            _ => {}
        }
    }
    Ok((first, second))
}

/// A key and its encoded value.
type MapEntry<'a> = (&'a [u8], &'a [u8]);

/// The entries of a map, by key; of a key that comes twice the last counts.
pub(in crate::snapshot) fn map_entries<'a>(
    same: &[RawField<'a>],
) -> Result<SmallVec<[MapEntry<'a>; 8]>, Malformed> {
    let mut entries: SmallVec<[MapEntry<'a>; 8]> = SmallVec::with_capacity(same.len());
    for raw in same {
        entries.push(two_parts(bytes(raw)?)?);
    }
    if entries.is_sorted_by(|a, b| a.0 < b.0) {
        return Ok(entries);
    }
    entries.sort_by_key(|(key, _)| *key);
    entries.dedup_by(|later, kept| {
        let repeat = later.0 == kept.0;
        if repeat {
            *kept = *later;
        }
        repeat
    });
    Ok(entries)
}

/// The numbers of a repeated field, packed or not.
pub(in crate::snapshot) fn repeated_varints(same: &[RawField<'_>]) -> Result<Vec<u64>, Malformed> {
    let mut values = Vec::new();
    for raw in same {
        match raw.payload {
            Payload::Varint(value) => values.push(value),
            Payload::Bytes(packed) => values.extend(packed_varints(packed)?),
            Payload::Fixed64(_) | Payload::Fixed32(_) => return Err(Malformed),
        }
    }
    Ok(values)
}

/// A message that came in several parts is the parts one after the other.
pub(in crate::snapshot) fn merged<'a>(same: &[RawField<'a>]) -> Result<Cow<'a, [u8]>, Malformed> {
    match same {
        [only] => Ok(bytes(only)?.into()),
        parts => {
            let mut whole = Vec::new();
            for part in parts {
                whole.extend(bytes(part)?);
            }
            Ok(whole.into())
        }
    }
}

pub(in crate::snapshot) fn bytes<'a>(raw: &RawField<'a>) -> Result<&'a [u8], Malformed> {
    match raw.payload {
        Payload::Bytes(bytes) => Ok(bytes),
        _ => Err(Malformed),
    }
}

/// Of a single field that comes several times, the last counts.
pub(in crate::snapshot) fn last<'s, 'a>(same: &'s [RawField<'a>]) -> &'s RawField<'a> {
    &same[same.len() - 1]
}

/// Seconds and nanoseconds of a `google.protobuf.Timestamp`.
pub(in crate::snapshot) fn timestamp_parts(message: &[u8]) -> Result<(i64, i32), Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    for raw in walk(message) {
        let raw = raw?;
        match (raw.number, raw.payload) {
            (1, Payload::Varint(value)) => seconds = value as i64,
            (2, Payload::Varint(value)) => nanos = value as i32,
            _ => {}
        }
    }
    Ok((seconds, nanos))
}
