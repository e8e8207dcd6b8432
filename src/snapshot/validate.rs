//! Whether a message would break a reader: every official one refuses a whole listing for one bad string.

use super::canonical::{bytes, last, map_entries, merged, repeated_varints, two_parts};
use super::messages::{self, Descriptor, Form, Kind, Label};
use super::wire::{MAX_DEPTH, Malformed, Payload, fields, walk};
use crate::model::Timestamp;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// No protobuf message of its type.
    Malformed,
    /// A string that is not UTF-8.
    Utf8,
    /// A number that JSON has no form for.
    Number,
    /// A time outside the years 1 to 9999, or with nanoseconds outside a second.
    Time,
}

impl From<Malformed> for Flaw {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Looks through the whole message, the contents of every Any we know included.
pub(super) fn validate(descriptor: &'static Descriptor, message: &[u8]) -> Result<(), Flaw> {
    check(descriptor, message, 1)
}

fn check(descriptor: &'static Descriptor, message: &[u8], depth: u32) -> Result<(), Flaw> {
    if depth > MAX_DEPTH {
        return Err(Flaw::Malformed);
    }
    if descriptor.form == Form::Any {
        let (type_url, value) = two_parts(message)?;
        let type_url = std::str::from_utf8(type_url).map_err(|_| Flaw::Utf8)?;
        return match messages::by_type_url(type_url) {
            Some(inner) => check(inner, value, depth + 1),
            None => Ok(()),
        };
    }
    for same in fields(message)?.chunk_by(|a, b| a.number == b.number) {
        let Some(field) = descriptor.field(same[0].number) else {
            continue;
        };
        match (field.kind, field.label) {
            (Kind::Message(inner) | Kind::Embedded(inner, _), Label::Repeated) => {
                for raw in same {
                    check(inner, bytes(raw)?, depth + 1)?;
                }
            }
            (Kind::Message(inner) | Kind::Embedded(inner, _), _) => {
                check(inner, &merged(same)?, depth + 1)?;
            }
            (Kind::Map(value), _) => {
                for (key, entry) in map_entries(same)? {
                    std::str::from_utf8(key).map_err(|_| Flaw::Utf8)?;
                    check(value, entry, depth + 2)?;
                }
            }
            (Kind::String, _) => {
                for raw in same {
                    std::str::from_utf8(bytes(raw)?).map_err(|_| Flaw::Utf8)?;
                }
            }
            (Kind::Double, _) => match last(same).payload {
                Payload::Fixed64(value) if f64::from_le_bytes(value).is_finite() => {}
                Payload::Fixed64(_) => return Err(Flaw::Number),
                _ => return Err(Flaw::Malformed),
            },
            (_, Label::Repeated) => {
                repeated_varints(same)?;
            }
            _ => {
                if !matches!(last(same).payload, Payload::Varint(_)) {
                    return Err(Flaw::Malformed);
                }
            }
        }
    }
    if descriptor.form == Form::Timestamp && timestamp(message)?.is_none() {
        return Err(Flaw::Time);
    }
    Ok(())
}

/// A `google.protobuf.Timestamp`, if it is one that JSON has a text for.
fn timestamp(message: &[u8]) -> Result<Option<Timestamp>, Malformed> {
    let (seconds, nanos) = timestamp_parts(message)?;
    Ok(Timestamp::from_unix(seconds, nanos))
}

/// Seconds and nanoseconds of a `google.protobuf.Timestamp`.
pub(super) fn timestamp_parts(message: &[u8]) -> Result<(i64, i32), Malformed> {
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
