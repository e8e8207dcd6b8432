//! A message as JSON, the way protobuf's mapping has it and the `baton` CLI prints it: camelCase, enum names, no zero
//! values, the contents of an Any beside its `@type`. Made straight from the wire form, whoever wrote the file.
//!
//! Where the official tools give up on a whole listing, this goes on: contents of an Any we do not know are base64 under
//! `value`, bad UTF-8 is replaced, a number that JSON has no form for becomes text.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use super::descriptors::{Descriptor, Form};
use super::known::{Any, Item, Message, Scalar, Shape};
use super::wire::Malformed;
use crate::model::Timestamp;

/// The member of a Value that is JSON's null.
const NULL_VALUE: &str = "nullValue";

/// Appends `message` as one JSON value.
pub(in crate::snapshot) fn write_json(
    descriptor: &'static Descriptor,
    message: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let message = Message::new(descriptor, message);
    serde_json::to_writer(out, &message).map_err(|_| Malformed)
}

impl Message<'_> {
    /// Its JSON as a value.
    pub(crate) fn to_value(&self) -> Result<Value, Malformed> {
        serde_json::to_value(self).map_err(|_| Malformed)
    }
}

impl Shape<'_> {
    /// Its JSON as a value.
    pub(crate) fn to_value(&self) -> Result<Value, Malformed> {
        serde_json::to_value(self).map_err(|_| Malformed)
    }
}

impl Any<'_> {
    /// How JSON shows contents of a type that is not known.
    pub(crate) fn contents_in_base64(&self) -> String {
        BASE64_STANDARD.encode(self.contents)
    }
}

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.descriptor.form {
            Form::Plain => {
                let mut map = out.serialize_map(None)?;
                members(self, &mut map)?;
                map.end()
            }
            Form::Any => any(self, out),
            Form::Timestamp => {
                let (seconds, nanos) = self.timestamp().map_err(malformed)?;
                match Timestamp::from_unix(seconds, nanos) {
                    Some(moment) => out.serialize_str(&moment.to_protobuf_json()),
                    None => out.collect_str(&format_args!("{seconds} s {nanos} ns")),
                }
            }
            // These are shown as their one field.
            Form::Struct => only_field(self, out, |out| out.serialize_map(Some(0))?.end()),
            Form::ListValue => only_field(self, out, |out| out.collect_seq([(); 0])),
            Form::Value => only_field(self, out, S::serialize_unit),
        }
    }
}

/// The fields of a plain message.
fn members<M: SerializeMap>(message: &Message<'_>, out: &mut M) -> Result<(), M::Error> {
    let ordered = message.in_order().map_err(malformed)?;
    for item in ordered.fields() {
        if let Item::Known(field) = item.map_err(malformed)?
            && let Some(shape) = field.shape().map_err(malformed)?
        {
            out.serialize_entry(field.schema.json, &shape)?;
        }
    }
    Ok(())
}

fn only_field<S: Serializer>(
    message: &Message<'_>,
    out: S,
    empty: impl FnOnce(S) -> Result<S::Ok, S::Error>,
) -> Result<S::Ok, S::Error> {
    let ordered = message.in_order().map_err(malformed)?;
    for item in ordered.fields() {
        if let Item::Known(field) = item.map_err(malformed)?
            && field.schema.json != NULL_VALUE
            && let Some(shape) = field.shape().map_err(malformed)?
        {
            return shape.serialize(out);
        }
    }
    empty(out)
}

fn any<S: Serializer>(message: &Message<'_>, out: S) -> Result<S::Ok, S::Error> {
    let any = message.any().map_err(malformed)?;
    let mut map = out.serialize_map(None)?;
    map.serialize_entry("@type", &Text(any.type_url))?;
    match &any.known {
        Some(contents) => members(contents, &mut map)?,
        None => map.serialize_entry("value", &any.contents_in_base64())?,
    }
    map.end()
}

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => Text(text).serialize(out),
            Self::Texts(texts) => list(texts.iter().map(|text| text.map(Text)), out),
            Self::Number(number) => number.scalar().map_err(malformed)?.serialize(out),
            Self::Numbers(numbers) => list(numbers.scalars(), out),
            Self::Message(message) => message.serialize(out),
            Self::Messages(messages) => list(messages.iter(), out),
            Self::Map(entries) => {
                let mut map = out.serialize_map(None)?;
                for entry in entries.entries().map_err(malformed)? {
                    let (key, value) = entry.map_err(malformed)?;
                    map.serialize_entry(&Text(key), &value)?;
                }
                map.end()
            }
        }
    }
}

fn list<S: Serializer, T: Serialize>(
    items: impl Iterator<Item = Result<T, Malformed>>,
    out: S,
) -> Result<S::Ok, S::Error> {
    let mut list = out.serialize_seq(None)?;
    for item in items {
        list.serialize_element(&item.map_err(malformed)?)?;
    }
    list.end()
}

/// Bytes that should be UTF-8.
struct Text<'t>(&'t [u8]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&String::from_utf8_lossy(self.0))
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        /// Below this, every whole number is a double.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match *self {
            Self::Bool(value) => out.serialize_bool(value),
            Self::Int32(value) => out.serialize_i32(value),
            Self::Uint32(value) => out.serialize_u32(value),
            Self::Int64(value) => out.collect_str(&value),
            Self::Double(value) if !value.is_finite() => out.collect_str(&value),
            Self::Double(value) if value.fract() == 0.0 && value.abs() < EXACT => {
                out.serialize_i64(value as i64)
            }
            Self::Double(value) => out.serialize_f64(value),
            Self::Enum(names, value) => {
                match usize::try_from(value).ok().and_then(|at| names.get(at)) {
                    Some(name) => out.serialize_str(name),
                    None => out.serialize_i32(value),
                }
            }
        }
    }
}

fn malformed<E: Error>(_: Malformed) -> E {
    E::custom("the message is malformed")
}
