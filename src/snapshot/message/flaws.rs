//! Checks that a blob is a valid message of its kind. All readers share this check: a row with an invalid blob is
//! damage, whichever command reads it. It also finds most messages that are their own canonical form.

use super::descriptors::{Descriptor, Form, Kind, Label, by_type_url};
use super::json::duration;
use super::known::{Known, Message, Shape, two_parts};
use super::noise::{is_noise_field, is_noise_key};
use super::number::Scalar;
use super::wire::{MAX_DEPTH, Malformed, bytes, next_number, take_field};
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

/// A valid message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct Valid {
    /// The first value that JSON cannot represent.
    pub oddity: Option<Oddity>,
    /// What is known about its canonical form.
    pub own_form: Option<OwnForm>,
}

/// A message that is its own canonical form, apart from the fields to skip and from noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct OwnForm {
    /// Where the fields after those to skip start.
    pub start: usize,
    /// Whether there is noise in it.
    pub has_noise: bool,
}

/// What a part of a message adds to the limits.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::snapshot) struct Weight {
    /// Its values, at any depth.
    pub values: u32,
    /// Its length in bytes.
    pub bytes: usize,
}

/// Checks a whole message, including the contents of every Any of a known type. `skip` are the fields that its canonical form
/// leaves out; `already` is the weight of fields before `message` that are known to be valid.
///
/// # Errors
/// The first flaw.
pub(in crate::snapshot) fn validate(
    descriptor: &'static Descriptor,
    message: &[u8],
    skip: &[u32],
    already: Weight,
) -> Result<Valid, Flaw> {
    let mut check = Check {
        // A shorter message cannot exceed the limit: a byte becomes at most six, and a name or two.
        weighs_text: already.bytes + message.len() > MAX_JSON / 8,
        values: already.values,
        json: already.bytes,
        ..Check::default()
    };
    let is_own_form = check.message(descriptor, message, 1, skip)?.is_some();
    // In its own form, fields are sorted.
    let start = start_after(skip, message).filter(|_| is_own_form);
    Ok(Valid {
        oddity: check.oddity,
        own_form: start.map(|start| OwnForm {
            start,
            has_noise: check.has_noise,
        }),
    })
}

/// Where the fields of a message start that come after those to skip; `None` if one to skip comes later.
fn start_after(skip: &[u32], message: &[u8]) -> Option<usize> {
    let last = skip.last().copied().unwrap_or_default();
    let mut rest = message;
    while next_number(rest).is_some_and(|number| number <= last) {
        let raw = take_field(&mut rest).ok()?;
        if !skip.contains(&raw.number) {
            return None;
        }
    }
    Some(message.len() - rest.len())
}

#[derive(Default)]
struct Check {
    values: u32,
    weighs_text: bool,
    /// Bytes of text in the message's JSON.
    json: usize,
    oddity: Option<Oddity>,
    has_noise: bool,
}

impl Check {
    /// Checks every occurrence of every field, also those that a later one overrides. Returns the number of fields if the message
    /// is certainly its own canonical form, apart from noise. `depth` is that of the message; `skip` as in [`validate`].
    fn message(
        &mut self,
        descriptor: &'static Descriptor,
        message: &[u8],
        depth: u32,
        skip: &[u32],
    ) -> Result<Option<u32>, Flaw> {
        if depth > MAX_DEPTH {
            return Err(Flaw::Malformed);
        }
        let mut is_canonical = true;
        let mut before = 0;
        let mut fields = 0;
        let mut last_key: &[u8] = b"";
        let mut any: (&[u8], &[u8]) = (b"", b"");
        let mut rest = message;
        while !rest.is_empty() {
            let raw = take_field(&mut rest)?;
            self.count(1)?;
            fields += 1;
            let Some(field) = descriptor.field(raw.number) else {
                is_canonical = false;
                continue;
            };
            let is_repeat = raw.number == before;
            is_canonical &= before < raw.number || (is_repeat && field.label == Label::Repeated);
            before = raw.number;
            let is_default = |bytes: &[u8]| bytes.is_empty() && field.label == Label::Single;
            let is_own_form = match field.kind {
                Kind::String => {
                    let text = bytes(raw.payload)?;
                    self.text(text)?;
                    if raw.number == 1 {
                        any.0 = text;
                    }
                    !is_default(text)
                }
                // The contents of an Any are checked below.
                Kind::Bytes if descriptor.form == Form::Any => {
                    any.1 = bytes(raw.payload)?;
                    true
                }
                Kind::Bytes => {
                    let bytes = bytes(raw.payload)?;
                    self.add_json(bytes.len())?;
                    !is_default(bytes)
                }
                Kind::Message(inner) => {
                    match self.message(inner, bytes(raw.payload)?, depth + 1, &[])? {
                        // An empty profile is left out.
                        Some(0) => inner.form != Form::Struct,
                        fields => fields.is_some(),
                    }
                }
                Kind::Embedded(inner, _) => {
                    self.message(inner, bytes(raw.payload)?, depth + 1, &[])?;
                    // Of a copy of another object, only the id counts.
                    false
                }
                Kind::Map(inner, _) => {
                    let entry = bytes(raw.payload)?;
                    // Key and value are written even if they are missing.
                    let has_both = self.message(inner, entry, depth + 1, &[])? == Some(2);
                    let (key, _) = two_parts(entry)?;
                    let follows = !is_repeat || last_key < key;
                    last_key = key;
                    self.has_noise |= is_noise_key(key);
                    has_both && follows
                }
                _ => self.number(&Known::of(field, &raw, depth))?,
            };
            self.has_noise |= is_noise_field(descriptor, raw.number);
            is_canonical &= (is_own_form && raw.is_short()) || skip.contains(&raw.number);
        }
        is_canonical &= match descriptor.form {
            Form::Any => self.any(any, depth)? && fields == 2,
            Form::Timestamp => {
                let (seconds, nanos) = Message::new(descriptor, message).seconds_and_nanos()?;
                if Timestamp::from_unix(seconds, nanos).is_none() {
                    self.oddity.get_or_insert(Oddity::Time);
                }
                true
            }
            Form::Duration => {
                let (seconds, nanos) = Message::new(descriptor, message).seconds_and_nanos()?;
                if duration(seconds, nanos).is_none() {
                    self.oddity.get_or_insert(Oddity::Number);
                }
                true
            }
            _ => !(descriptor.has_oneof && fields > 1),
        };
        Ok(is_canonical.then_some(fields))
    }

    /// Checks type URL and contents of an Any. Returns whether the contents are certainly their own canonical form.
    fn any(&mut self, (type_url, contents): (&[u8], &[u8]), depth: u32) -> Result<bool, Flaw> {
        match by_type_url(type_url) {
            Some(descriptor) => {
                let own_form = self.message(descriptor, contents, depth + 1, &[])?;
                Ok(own_form.is_some())
            }
            None => {
                self.add_json(contents.len())?;
                Ok(false)
            }
        }
    }

    /// Checks a numeric field. Returns whether it is certainly its own canonical form.
    fn number(&mut self, field: &Known<'_>) -> Result<bool, Flaw> {
        match field.whole_shape()? {
            Shape::Number(number) => {
                self.scalar(number.scalar()?);
                Ok(!(field.schema.label == Label::Single && number.is_zero()))
            }
            Shape::Numbers(numbers) => {
                self.count(u32::try_from(numbers.packed_bytes()).unwrap_or(u32::MAX))?;
                numbers.iter().try_for_each(|number| number.map(drop))?;
                Ok(false)
            }
            _ => Err(Flaw::Malformed),
        }
    }

    fn scalar(&mut self, number: Scalar) {
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
        // Nearly all texts are ASCII, which is faster to see.
        if !text.is_ascii() {
            std::str::from_utf8(text).map_err(|_| Flaw::Utf8)?;
        }
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
