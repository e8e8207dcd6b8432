//! Checks that a blob is a valid message of its kind. All readers share this check: a row with an invalid blob is
//! damage, whichever command reads it.

use super::descriptors::{Descriptor, Form};
use super::json::duration;
use super::known::{Item, Message, Shape};
use super::number::Scalar;
use super::wire::Malformed;
use crate::model::Timestamp;
use crate::snapshot::limits::MAX_VALUES;

/// Approximate limit on the JSON of a blob, in bytes. Control characters take six bytes each in JSON.
const MAX_JSON: usize = 8 << 20;

/// Why a blob is not a valid message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Flaw {
    /// Not a protobuf message of its type.
    Malformed,
    /// A string that is not UTF-8, which makes a whole listing fail in the official readers.
    Utf8,
    /// More values or text than is read.
    TooLarge,
}

impl Flaw {
    /// The problem, as a predicate of "its blob".
    pub(crate) fn predicate(self) -> &'static str {
        match self {
            Self::Malformed => "is not a valid message",
            Self::Utf8 => "contains text that is not UTF-8",
            Self::TooLarge => "exceeds the limits on values and text",
        }
    }
}

impl From<Malformed> for Flaw {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// A value that JSON cannot represent. Readers print it in a form of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Oddity {
    /// A number that is not finite, or a duration that protobuf does not allow.
    Number,
    /// A time outside the years 1 to 9999, or with nanoseconds outside a second.
    Time,
}

/// Checks a whole message, including the contents of every Any of a known type.
///
/// # Errors
/// The first flaw.
pub(in crate::snapshot) fn validate(
    descriptor: &'static Descriptor,
    message: &[u8],
) -> Result<Option<Oddity>, Flaw> {
    let mut check = Check {
        // A shorter message cannot become more JSON than that.
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
    /// Checks every occurrence of every field, also those that a later one overrides.
    fn message(&mut self, message: &Message<'_>) -> Result<(), Flaw> {
        for item in message.occurrences() {
            let item = item?;
            self.count(1)?;
            let Item::Known(field) = item else {
                continue;
            };
            match field.whole_shape()? {
                Shape::Text(text) => self.text(text)?,
                // The contents of an Any are checked below.
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
