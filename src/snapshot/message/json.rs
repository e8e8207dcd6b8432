//! A message as JSON, the way protobuf's mapping has it and the `baton` CLI prints it: camelCase, enum names, no zero
//! values, the contents of an Any beside its `@type`. Written straight from the wire form, whoever wrote the file.
//!
//! Where the official tools give up on a whole listing, this goes on: contents of an Any we do not know stand as
//! base64 under `value`, bad UTF-8 is replaced, a number that JSON has no form for becomes text.

use std::io::Write;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::descriptors::{self, Descriptor, EnumNames, Field, Form, Kind, Label};
use super::known::{
    bytes, keep_last_member, last, map_entries, merged, repeated_varints, timestamp_parts,
    two_parts,
};
use super::wire::{MAX_DEPTH, Malformed, Payload, RawField, fields, fields_under};
use crate::model::Timestamp;

/// Appends `message` as one JSON value.
pub(in crate::snapshot) fn write_json(
    descriptor: &'static Descriptor,
    message: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    Json { out, depth: 0 }.message(descriptor, message)
}

/// Appends `text` as a JSON string.
pub(in crate::snapshot) fn push_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string has a JSON form, and a Vec takes all bytes");
}

struct Json<'o> {
    out: &'o mut Vec<u8>,
    depth: u32,
}

impl Json<'_> {
    fn message(
        &mut self,
        descriptor: &'static Descriptor,
        message: &[u8],
    ) -> Result<(), Malformed> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Malformed);
        }
        match descriptor.form {
            Form::Plain => {
                self.out.push(b'{');
                self.members(descriptor, message, true)?;
                self.out.push(b'}');
            }
            Form::Any => self.any(message)?,
            Form::Timestamp => self.timestamp(message)?,
            Form::Struct => self.only_field(descriptor, message, b"{}")?,
            Form::ListValue => self.only_field(descriptor, message, b"[]")?,
            Form::Value => self.value(descriptor, message)?,
        }
        self.depth -= 1;
        Ok(())
    }

    /// The fields of a plain message, without the braces.
    fn members(
        &mut self,
        descriptor: &'static Descriptor,
        message: &[u8],
        mut first: bool,
    ) -> Result<(), Malformed> {
        let all = fields(message)?;
        for same in all.chunk_by(|a, b| a.number == b.number) {
            let Some(field) = descriptor.field(same[0].number) else {
                continue;
            };
            if is_absent(field, same)? {
                continue;
            }
            if !first {
                self.out.push(b',');
            }
            first = false;
            push_string(field.json, self.out);
            self.out.push(b':');
            self.field(field, same)?;
        }
        Ok(())
    }

    fn field(&mut self, field: &'static Field, same: &[RawField<'_>]) -> Result<(), Malformed> {
        match (field.kind, field.label) {
            (Kind::Map(value), _) => self.map(value, same),
            (Kind::Message(inner) | Kind::Embedded(inner, _), Label::Repeated) => {
                self.list(same, |this, raw| this.message(inner, bytes(raw)?))
            }
            (Kind::Message(inner) | Kind::Embedded(inner, _), _) => {
                self.message(inner, &merged(same)?)
            }
            (Kind::String, Label::Repeated) => self.list(same, |this, raw| {
                this.text(bytes(raw)?);
                Ok(())
            }),
            (Kind::Enum(names), Label::Repeated) => {
                let numbers = repeated_varints(same)?;
                self.list(&numbers, |this, number| {
                    this.enumeration(names, *number);
                    Ok(())
                })
            }
            (kind, _) => self.scalar(kind, last(same).payload),
        }
    }

    fn scalar(&mut self, kind: Kind, payload: Payload<'_>) -> Result<(), Malformed> {
        match (kind, payload) {
            (Kind::String, Payload::Bytes(text)) => self.text(text),
            (Kind::Bool, Payload::Varint(value)) => {
                self.out
                    .extend_from_slice(if value == 0 { b"false" } else { b"true" });
            }
            (Kind::Enum(names), Payload::Varint(value)) => self.enumeration(names, value),
            // Protobuf's own truncations and sign: an int32 travels as 64 bits.
            (Kind::Int32, Payload::Varint(value)) => self.display(value as i32),
            (Kind::Uint32, Payload::Varint(value)) => self.display(value as u32),
            (Kind::Int64, Payload::Varint(value)) => {
                push_string(&(value as i64).to_string(), self.out)
            }
            (Kind::Double, Payload::Fixed64(value)) => self.double(f64::from_le_bytes(value)),
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn list<T>(
        &mut self,
        items: &[T],
        mut write: impl FnMut(&mut Self, &T) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.out.push(b'[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            write(self, item)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn map(&mut self, value: &'static Descriptor, same: &[RawField<'_>]) -> Result<(), Malformed> {
        self.depth += 1;
        self.out.push(b'{');
        for (at, (key, entry)) in map_entries(same)?.into_iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.text(key);
            self.out.push(b':');
            self.message(value, entry)?;
        }
        self.out.push(b'}');
        self.depth -= 1;
        Ok(())
    }

    /// A message that JSON shows as its one field.
    fn only_field(
        &mut self,
        descriptor: &'static Descriptor,
        message: &[u8],
        empty: &[u8],
    ) -> Result<(), Malformed> {
        let field = &descriptor.fields[0];
        let same = fields_under(field.number, message)?;
        if same.is_empty() {
            self.out.extend_from_slice(empty);
            return Ok(());
        }
        self.field(field, &same)
    }

    fn value(&mut self, descriptor: &'static Descriptor, message: &[u8]) -> Result<(), Malformed> {
        let mut all = fields(message)?;
        keep_last_member(descriptor, &mut all);
        let known = all
            .iter()
            .find_map(|raw| Some((descriptor.field(raw.number)?, raw)));
        match known {
            None | Some((Field { number: 1, .. }, _)) => self.out.extend_from_slice(b"null"),
            Some((field, raw)) => self.field(field, std::slice::from_ref(raw))?,
        }
        Ok(())
    }

    fn any(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let (type_url, value) = two_parts(message)?;
        let type_url = String::from_utf8_lossy(type_url);
        self.out.extend_from_slice(b"{\"@type\":");
        push_string(&type_url, self.out);
        match descriptors::by_type_url(&type_url) {
            Some(inner) if inner.form == Form::Plain => self.members(inner, value, false)?,
            _ => {
                self.out.extend_from_slice(b",\"value\":");
                push_string(&BASE64_STANDARD.encode(value), self.out);
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn timestamp(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let (seconds, nanos) = timestamp_parts(message)?;
        match Timestamp::from_unix(seconds, nanos) {
            Some(moment) => push_string(&moment.to_protobuf_json(), self.out),
            None => push_string(&format!("{seconds} s {nanos} ns"), self.out),
        }
        Ok(())
    }

    fn enumeration(&mut self, names: EnumNames, value: u64) {
        let number = value as i32;
        match usize::try_from(number).ok().and_then(|at| names.get(at)) {
            Some(name) => push_string(name, self.out),
            None => self.display(number),
        }
    }

    fn double(&mut self, value: f64) {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match value {
            _ if !value.is_finite() => push_string(&value.to_string(), self.out),
            _ if value.fract() == 0.0 && value.abs() < EXACT => self.display(value as i64),
            _ => self.display(serde_json::json!(value)),
        }
    }

    fn text(&mut self, text: &[u8]) {
        push_string(&String::from_utf8_lossy(text), self.out);
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        write!(self.out, "{value}").expect("a Vec takes all bytes");
    }
}

/// Whether JSON leaves the field out: a single scalar that is zero, or a list without elements.
fn is_absent(field: &Field, same: &[RawField<'_>]) -> Result<bool, Malformed> {
    Ok(match (field.kind, field.label) {
        (Kind::Message(_) | Kind::Embedded(..) | Kind::Map(_), _) | (_, Label::Oneof) => false,
        (Kind::Enum(_), Label::Repeated) => repeated_varints(same)?.is_empty(),
        (_, Label::Repeated) => false,
        (_, Label::Single) => match last(same).payload {
            Payload::Varint(value) => value == 0,
            Payload::Fixed64(value) => value == [0; 8],
            Payload::Fixed32(value) => value == [0; 4],
            Payload::Bytes(text) => text.is_empty(),
        },
    })
}
