//! A message as JSON, in protobuf's JSON mapping, as the `baton` CLI prints it: camelCase, enum names, no zero values,
//! the contents of an Any beside its `@type`. Written straight from the wire format of any writer.
//!
//! Where the official tools abort a whole listing or leave something out, this continues: contents of an Any of unknown
//! type are base64 under `@bytes`, a name that no field can have; invalid UTF-8 is replaced, and a number that JSON
//! cannot represent becomes text.

use std::io::{self, Write};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;
use serde::ser::{Error, SerializeMap, SerializeSeq, Serializer};
use serde_json::ser::Formatter;
use serde_json::{Serializer as JsonSerializer, Value};

use super::descriptors::{Descriptor, Form, GRANT, Kind, enum_name};
use super::known::{Any, Item, Message, Shape};
use super::number::Scalar;
use super::wire::Malformed;
use crate::model::{EntitlementId, ResourceId, Timestamp};

/// The member of a Value that is JSON's null.
const NULL_VALUE: &str = "nullValue";
/// Most seconds in a duration, positive or negative: 10,000 years.
const MAX_DURATION: u64 = 315_576_000_000;

/// Appends `message` as one JSON value.
pub(in crate::snapshot) fn write_json(
    descriptor: &'static Descriptor,
    message: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    write(&Message::new(descriptor, message), out)
}

/// Appends a grant as one JSON value, from its references and the rest of its message: see
/// [`after_references`](super::references::after_references).
pub(in crate::snapshot) fn write_grant_json(
    id: &str,
    (entitlement, resource): (&EntitlementId, &ResourceId),
    principal: &ResourceId,
    rest: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let grant = GrantInParts {
        entitlement: EntitlementReference {
            resource: ResourceReference::to(resource),
            id: entitlement.as_str(),
        },
        principal: ResourceReference::to(principal),
        id,
        rest: Message::new(&GRANT, rest),
    };
    write(&grant, out)
}

fn write(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut serializer = JsonSerializer::with_formatter(out, ProtobufNumbers);
    value.serialize(&mut serializer).map_err(|_| Malformed)
}

/// A grant whose references need not be walked, since the columns repeat them: they are most of its message. Names and order
/// must be those of the schema, which a test in `tests/shortcuts.rs` compares.
struct GrantInParts<'a> {
    entitlement: EntitlementReference<'a>,
    principal: ResourceReference<'a>,
    id: &'a str,
    rest: Message<'a>,
}

impl Serialize for GrantInParts<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        map.serialize_entry("entitlement", &self.entitlement)?;
        map.serialize_entry("principal", &self.principal)?;
        map.serialize_entry("id", self.id)?;
        members(&self.rest, &mut map)?;
        map.end()
    }
}

/// An Entitlement that consists of its ids.
#[derive(Serialize)]
struct EntitlementReference<'a> {
    resource: ResourceReference<'a>,
    id: &'a str,
}

/// A Resource that consists of its id.
#[derive(Serialize)]
struct ResourceReference<'a> {
    id: IdParts<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IdParts<'a> {
    resource_type: &'a str,
    resource: &'a str,
}

impl<'a> ResourceReference<'a> {
    fn to(id: &'a ResourceId) -> Self {
        Self {
            id: IdParts {
                resource_type: id.resource_type.as_str(),
                resource: &id.resource,
            },
        }
    }
}

/// Compact JSON with numbers as protobuf's Go library writes them: no exponent between 10^-6 and 10^21, and no `.0`.
struct ProtobufNumbers;

impl Formatter for ProtobufNumbers {
    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        let magnitude = value.abs();
        if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
            write!(out, "{value}")
        } else if magnitude < 1.0 {
            write!(out, "{value:e}")
        } else {
            write!(out, "{}", format!("{value:e}").replace('e', "e+"))
        }
    }
}

impl Message<'_> {
    /// Converts to a JSON value.
    pub(crate) fn to_value(&self) -> Result<Value, Malformed> {
        serde_json::to_value(self).map_err(|_| Malformed)
    }
}

impl Shape<'_> {
    /// Converts to a JSON value.
    pub(crate) fn to_value(&self) -> Result<Value, Malformed> {
        serde_json::to_value(self).map_err(|_| Malformed)
    }
}

impl Any<'_> {
    /// Contents of an unknown type in base64, normalized for comparison.
    pub(crate) fn normalized_base64(&self) -> String {
        BASE64_STANDARD.encode(self.normalized_contents())
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
                let (seconds, nanos) = self.seconds_and_nanos().map_err(malformed)?;
                match Timestamp::from_unix(seconds, nanos) {
                    Some(moment) => out.serialize_str(&moment.to_protobuf_json()),
                    None => out.collect_str(&format_args!("{seconds} s {nanos} ns")),
                }
            }
            Form::Duration => {
                let (seconds, nanos) = self.seconds_and_nanos().map_err(malformed)?;
                match duration(seconds, nanos) {
                    Some(duration) => out.serialize_str(&duration),
                    None => out.collect_str(&format_args!("{seconds} s {nanos} ns")),
                }
            }
            Form::FieldMask => {
                let paths = field_mask(self).map_err(malformed)?;
                out.serialize_str(&paths)
            }
            // These are written as the value of their one field.
            Form::Struct => only_field(self, out, |out| out.serialize_map(Some(0))?.end()),
            Form::ListValue => only_field(self, out, |out| out.collect_seq([(); 0])),
            Form::Value => only_field(self, out, S::serialize_unit),
            Form::Wrapper => only_field(self, out, |out| {
                match self.descriptor.fields.first().map(|field| field.kind) {
                    Some(Kind::String | Kind::Bytes) => out.serialize_str(""),
                    kind => kind.and_then(Scalar::zero).serialize(out),
                }
            }),
        }
    }
}

/// The paths of a FieldMask in camelCase.
fn field_mask(mask: &Message<'_>) -> Result<String, Malformed> {
    let mut paths = String::new();
    for item in mask.in_order()?.fields() {
        if let Item::Known(field) = item?
            && let Some(Shape::Texts(texts)) = field.shape()?
        {
            for (at, path) in texts.iter().enumerate() {
                if at > 0 {
                    paths.push(',');
                }
                let path = String::from_utf8_lossy(path?);
                let mut is_after_underscore = false;
                for c in path.chars() {
                    match c {
                        '_' => {}
                        _ if is_after_underscore => paths.push(c.to_ascii_uppercase()),
                        _ => paths.push(c),
                    }
                    is_after_underscore = c == '_';
                }
            }
        }
    }
    Ok(paths)
}

/// A duration in protobuf's JSON form, such as `3.500s`; `None` if protobuf does not allow it.
pub(super) fn duration(seconds: i64, nanos: i32) -> Option<String> {
    let is_allowed = seconds.unsigned_abs() <= MAX_DURATION
        && nanos.unsigned_abs() < 1_000_000_000
        // Seconds and nanoseconds must have the same sign.
        && seconds.signum() * i64::from(nanos.signum()) >= 0;
    is_allowed.then(|| {
        let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
        let seconds = seconds.unsigned_abs();
        match nanos.unsigned_abs() {
            0 => format!("{sign}{seconds}s"),
            n if n % 1_000_000 == 0 => format!("{sign}{seconds}.{:03}s", n / 1_000_000),
            n if n % 1_000 == 0 => format!("{sign}{seconds}.{:06}s", n / 1_000),
            n => format!("{sign}{seconds}.{n:09}s"),
        }
    })
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
    if !any.type_url.is_empty() {
        map.serialize_entry("@type", &Text(any.type_url))?;
    }
    match &any.known {
        Some(contents) if contents.descriptor.form == Form::Plain => members(contents, &mut map)?,
        Some(contents) => map.serialize_entry("value", contents)?,
        None if any.contents.is_empty() => {}
        None => map.serialize_entry("@bytes", &Base64(any.contents))?,
    }
    map.end()
}

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => Text(text).serialize(out),
            Self::Bytes(bytes) => Base64(bytes).serialize(out),
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
        match str::from_utf8(self.0) {
            Ok(text) => out.serialize_str(text),
            Err(_) => out.serialize_str(&String::from_utf8_lossy(self.0)),
        }
    }
}

struct Base64<'b>(&'b [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Bool(value) => out.serialize_bool(value),
            Self::Int32(value) => out.serialize_i32(value),
            Self::Uint32(value) => out.serialize_u32(value),
            Self::Int64(value) => out.collect_str(&value),
            Self::Uint64(value) => out.collect_str(&value),
            // As the double with the same digits.
            Self::Float(value) => match value.to_string().parse() {
                Ok(value) => double(value, out),
                Err(_) => double(value.into(), out),
            },
            Self::Double(value) => double(value, out),
            Self::Enum(names, value) => match enum_name(names, value) {
                Some(name) => out.serialize_str(name),
                None => out.serialize_i32(value),
            },
        }
    }
}

fn double<S: Serializer>(value: f64, out: S) -> Result<S::Ok, S::Error> {
    /// Up to this, every integer is a double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.is_nan() {
        out.serialize_str("NaN")
    } else if value.is_infinite() {
        out.serialize_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else if value.fract() == 0.0
        && value.abs() <= EXACT
        && !(value == 0.0 && value.is_sign_negative())
    {
        out.serialize_i64(value as i64)
    } else {
        out.serialize_f64(value)
    }
}

fn malformed<E: Error>(_: Malformed) -> E {
    E::custom("the message is malformed")
}
