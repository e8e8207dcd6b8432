//! Whether a blob is a message of its table's kind: the one judgement that every reader shares. A row whose blob is not
//! one is damage, whatever was asked for.

use super::descriptors::{Descriptor, Form};
use super::json::duration;
use super::known::{Item, Message, Shape};
use super::number::Scalar;
use super::wire::Malformed;
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
    pub(crate) fn predicate(self) -> &'static str {
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
    /// A number that is not finite, or a duration that protobuf does not allow.
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
    check.message(&Message::new(descriptor, message))?;
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
    /// Looks at every occurrence of every field: of one that comes again, each must be sound.
    fn message(&mut self, message: &Message<'_>) -> Result<(), Flaw> {
        for item in message.occurrences() {
            let item = item?;
            self.count(1)?;
            let Item::Known(field) = item else {
                continue;
            };
            match field.whole_shape()? {
                Shape::Text(text) => self.text(text)?,
                // Those of an Any are looked at below.
                Shape::Bytes(_) if message.descriptor.form == Form::Any => {}
                Shape::Bytes(bytes) => self.add_json(bytes.len())?,
                Shape::Texts(texts) => texts.iter().try_for_each(|text| self.text(text?))?,
                Shape::Number(number) => self.number(number.scalar()?),
                Shape::Numbers(numbers) => {
                    self.count(u32::try_from(numbers.packed_bytes()).unwrap_or(u32::MAX))?;
                    numbers.iter().try_for_each(|number| number.map(drop))?;
                }
                Shape::Message(inner) => self.message(&inner)?,
                Shape::Messages(list) => list.iter().try_for_each(|inner| self.message(&inner?))?,
                Shape::Map(map) => map.messages().try_for_each(|entry| self.message(&entry?))?,
            }
        }
        match message.descriptor.form {
            Form::Any => self.any(message),
            Form::Timestamp => {
                let (seconds, nanos) = message.seconds_and_nanos()?;
                if Timestamp::from_unix(seconds, nanos).is_none() {
                    self.oddity.get_or_insert(Oddity::Time);
                }
                Ok(())
            }
            Form::Duration => {
                let (seconds, nanos) = message.seconds_and_nanos()?;
                if duration(seconds, nanos).is_none() {
                    self.oddity.get_or_insert(Oddity::Number);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn any(&mut self, message: &Message<'_>) -> Result<(), Flaw> {
        let any = message.any()?;
        match &any.known {
            Some(contents) => self.message(contents),
            None => self.add_json(any.contents.len()),
        }
    }

    fn number(&mut self, number: Scalar) {
        let is_finite = match number {
            Scalar::Double(value) => value.is_finite(),
            Scalar::Float(value) => value.is_finite(),
            _ => true,
        };
        if !is_finite {
            self.oddity.get_or_insert(Oddity::Number);
        }
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
        if self.json > MAX_JSON {
            Err(Flaw::TooLarge)
        } else {
            Ok(())
        }
    }

    fn count(&mut self, values: u32) -> Result<(), Flaw> {
        self.values = self.values.saturating_add(values);
        if self.values > MAX_VALUES {
            Err(Flaw::TooLarge)
        } else {
            Ok(())
        }
    }
}
