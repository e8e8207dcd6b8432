//! Whether a blob is a message of its table's kind: the one judgement that every reader shares. A row whose blob is not
//! one is damage, whatever was asked for.

use super::descriptors::{self, Descriptor, Form, Kind, Label};
use super::known::timestamp_parts;
use super::wire::{MAX_DEPTH, Malformed, Payload, RawField, packed_varints, walk};
use crate::model::Timestamp;
use crate::snapshot::limits::MAX_VALUES;

/// Longest JSON that a blob may stand for, about, in bytes. Control characters take six bytes each in it.
const MAX_JSON: usize = 8 << 20;

/// Why a blob is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Flaw {
    /// Not a protobuf message of its type.
    Malformed,
    /// A string that is not UTF-8: one fails a whole listing of the official readers.
    Utf8,
    /// More values, or more text, than is read.
    TooLarge,
}

impl Flaw {
    /// What is wrong with the blob, to follow "its blob".
    pub fn predicate(self) -> &'static str {
        match self {
            Self::Malformed => "is not a valid message",
            Self::Utf8 => "holds text that is not UTF-8",
            Self::TooLarge => "holds more than one of a c1z may",
        }
    }
}

impl From<Malformed> for Flaw {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// What a message may hold that JSON has no form for. Readers show it in a form of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Oddity {
    /// A number that is not finite.
    Number,
    /// A time outside the years 1 to 9999, or with nanoseconds outside a second.
    Time,
}

/// Looks through a whole message, the contents of every Any of a known type included.
///
/// # Errors
/// The first flaw.
pub(in crate::snapshot) fn validate(
    descriptor: &'static Descriptor,
    message: &[u8],
) -> Result<Option<Oddity>, Flaw> {
    let mut check = Check {
        // A shorter message cannot stand for more JSON than that.
        weighs_text: message.len() > MAX_JSON / 8,
        ..Check::default()
    };
    check.message(descriptor, message, 1)?;
    Ok(check.oddity)
}

#[derive(Default)]
struct Check {
    values: u32,
    weighs_text: bool,
    /// Bytes of text in the message's JSON.
    json: usize,
    oddity: Option<Oddity>,
}

impl Check {
    fn message(
        &mut self,
        descriptor: &'static Descriptor,
        message: &[u8],
        depth: u32,
    ) -> Result<(), Flaw> {
        if depth > MAX_DEPTH {
            return Err(Flaw::Malformed);
        }
        if descriptor.form == Form::Any {
            return self.any(message, depth);
        }
        for raw in walk(message) {
            let raw = raw?;
            self.count(1)?;
            let Some(field) = descriptor.field(raw.number) else {
                continue;
            };
            match field.kind {
                Kind::Message(inner) | Kind::Embedded(inner, _) => {
                    self.message(inner, bytes(&raw)?, depth + 1)?;
                }
                Kind::Map(value) => self.map_entry(value, bytes(&raw)?, depth + 1)?,
                Kind::String => self.text(bytes(&raw)?)?,
                Kind::Double => match raw.payload {
                    Payload::Fixed64(value) if f64::from_le_bytes(value).is_finite() => {}
                    Payload::Fixed64(_) => {
                        self.oddity.get_or_insert(Oddity::Number);
                    }
                    _ => return Err(Flaw::Malformed),
                },
                Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Enum(_) => {
                    match (raw.payload, field.label) {
                        (Payload::Varint(_), _) => {}
                        (Payload::Bytes(packed), Label::Repeated) => {
                            self.count(u32::try_from(packed.len()).unwrap_or(u32::MAX))?;
                            packed_varints(packed)?;
                        }
                        _ => return Err(Flaw::Malformed),
                    }
                }
            }
        }
        if descriptor.form == Form::Timestamp {
            let (seconds, nanos) = timestamp_parts(message)?;
            if Timestamp::from_unix(seconds, nanos).is_none() {
                self.oddity.get_or_insert(Oddity::Time);
            }
        }
        Ok(())
    }

    fn any(&mut self, message: &[u8], depth: u32) -> Result<(), Flaw> {
        // Each occurrence must be whole; the last one counts.
        let (mut type_url, mut contents): (&[u8], &[u8]) = (b"", b"");
        for raw in walk(message) {
            let raw = raw?;
            self.count(1)?;
            match raw.number {
                1 => type_url = bytes(&raw)?,
                2 => contents = bytes(&raw)?,
                _ => {}
            }
        }
        self.text(type_url)?;
        let type_url = std::str::from_utf8(type_url).map_err(|_| Flaw::Utf8)?;
        match descriptors::by_type_url(type_url) {
            Some(inner) => self.message(inner, contents, depth + 1),
            None => self.add_json(contents.len()),
        }
    }

    /// An entry of a map is a message of its own: the key and the value.
    fn map_entry(
        &mut self,
        value: &'static Descriptor,
        entry: &[u8],
        depth: u32,
    ) -> Result<(), Flaw> {
        if depth > MAX_DEPTH {
            return Err(Flaw::Malformed);
        }
        for raw in walk(entry) {
            let raw = raw?;
            self.count(1)?;
            match raw.number {
                1 => self.text(bytes(&raw)?)?,
                2 => self.message(value, bytes(&raw)?, depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Flaw> {
        std::str::from_utf8(text).map_err(|_| Flaw::Utf8)?;
        if !self.weighs_text {
            return Ok(());
        }
        let escaped = text.iter().filter(|byte| **byte < b' ').count();
        self.add_json(text.len() + 5 * escaped)
    }

    fn add_json(&mut self, bytes: usize) -> Result<(), Flaw> {
        self.json = self.json.saturating_add(bytes);
        match self.json > MAX_JSON {
            true => Err(Flaw::TooLarge),
            false => Ok(()),
        }
    }

    fn count(&mut self, values: u32) -> Result<(), Flaw> {
        self.values = self.values.saturating_add(values);
        match self.values > MAX_VALUES {
            true => Err(Flaw::TooLarge),
            false => Ok(()),
        }
    }
}

fn bytes<'a>(raw: &RawField<'a>) -> Result<&'a [u8], Flaw> {
    match raw.payload {
        Payload::Bytes(bytes) => Ok(bytes),
        _ => Err(Flaw::Malformed),
    }
}
