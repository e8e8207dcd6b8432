//! The canonical form of a message: messages of equal meaning have equal bytes. The content digest is computed from it,
//! and `diff` compares it first. FORMAT.md, "The content digest", describes it for other implementations.
//!
//! Fields are sorted by number and map entries by key, also inside an Any; zero values and noise are left out. Unknown
//! fields keep their bytes, so no change in them is overlooked, except for the order of maps (`unknown.rs`).

use prost::encoding::{encode_varint, encoded_len_varint, key_len};

use super::descriptors::{Descriptor, Form, Kind, by_type_url};
use super::known::{Any, Item, Known, Map, Message, Shape, two_parts};
use super::noise::{is_noise_field, is_noise_key};
use super::unknown;
use super::wire::{
    DELIMITED, Malformed, Payload, VARINT, bytes, push_key, push_varint, take_field,
};

/// Appends the canonical form of `message` without the fields in `skip`.
pub(in crate::snapshot) fn canonical(
    descriptor: &'static Descriptor,
    message: &[u8],
    skip: &[u32],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let message = Message::new(descriptor, message);
    Canonical { out }.message(&message, skip, Keys::All)
}

/// Appends the canonical form of `message`, which would be its own form if it had no noise.
pub(in crate::snapshot) fn without_noise(
    descriptor: &'static Descriptor,
    message: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    Canonical { out }.without_noise(descriptor, message, Keys::All)
}

/// Which keys of a Struct are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    All,
    /// All without noise, for the keys of a profile itself.
    WithoutNoise,
}

struct Canonical<'o> {
    out: &'o mut Vec<u8>,
}

impl Canonical<'_> {
    fn message(
        &mut self,
        message: &Message<'_>,
        skip: &[u32],
        keys: Keys,
    ) -> Result<(), Malformed> {
        if message.descriptor.form == Form::Any {
            return self.any(message);
        }
        let ordered = message.in_order()?;
        for item in ordered.fields() {
            let field = match item? {
                Item::Known(field) => field,
                Item::Unknown(unknown) => {
                    if message.identity.is_none() {
                        self.unknown(unknown);
                    }
                    continue;
                }
            };
            let number = field.schema.number;
            let is_noise = is_noise_field(message.descriptor, number);
            // A copy of another object is reduced to its id.
            let is_of_other = message.identity.is_some_and(|identity| identity != number);
            if !is_noise && !is_of_other && !skip.contains(&number) {
                self.field(message.descriptor, &field, keys)?;
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        owner: &'static Descriptor,
        field: &Known<'_>,
        keys: Keys,
    ) -> Result<(), Malformed> {
        let number = field.schema.number;
        match field.shape()? {
            None => {}
            Some(Shape::Text(bytes) | Shape::Bytes(bytes)) => self.bytes(number, bytes),
            Some(Shape::Texts(texts)) => {
                for text in texts.iter() {
                    self.bytes(number, text?);
                }
            }
            // Encoded again, since a varint may be longer than necessary.
            Some(Shape::Number(value)) => match value.payload {
                Payload::Varint(varint) => {
                    push_key(number, VARINT, self.out);
                    push_varint(varint, self.out);
                }
                _ => self.out.extend_from_slice(value.encoded()),
            },
            Some(Shape::Numbers(values)) => self.delimited(number, |this| {
                for value in values.iter() {
                    push_varint(value?, this.out);
                }
                Ok(())
            })?,
            Some(Shape::Message(inner)) => {
                let keys = keys_of(owner, inner.descriptor);
                self.unless_empty(number, keys, |this| this.message(&inner, &[], keys))?;
            }
            Some(Shape::Messages(list)) => {
                for inner in list.iter() {
                    let inner = inner?;
                    self.nested(number, &inner, keys_of(owner, inner.descriptor))?;
                }
            }
            Some(Shape::Map(map)) => self.map(number, &map, keys)?,
        }
        Ok(())
    }

    /// Fields that the schema does not have.
    #[cold]
    fn unknown(&mut self, fields: &[u8]) {
        let start = self.out.len();
        self.out.extend_from_slice(fields);
        unknown::normalize_fields(&mut self.out[start..]);
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        push_key(number, DELIMITED, self.out);
        push_varint(bytes.len() as u64, self.out);
        self.out.extend_from_slice(bytes);
    }

    /// As [`delimited`](Self::delimited), but a profile of nothing but noise equals an absent one.
    fn unless_empty(
        &mut self,
        number: u32,
        keys: Keys,
        write: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let start = self.out.len();
        self.delimited(number, write)?;
        let is_empty = self.out.len() - start == key_len(number) + 1;
        if keys == Keys::WithoutNoise && is_empty {
            self.out.truncate(start);
        }
        Ok(())
    }

    fn without_noise(
        &mut self,
        descriptor: &'static Descriptor,
        message: &[u8],
        keys: Keys,
    ) -> Result<(), Malformed> {
        if descriptor.form == Form::Any {
            let (type_url, contents) = two_parts(message)?;
            let inner = by_type_url(type_url).ok_or(Malformed)?;
            self.bytes(1, type_url);
            return self.delimited(2, |this| this.without_noise(inner, contents, Keys::All));
        }
        let mut rest = message;
        while !rest.is_empty() {
            let raw = take_field(&mut rest)?;
            let field = descriptor.field(raw.number).ok_or(Malformed)?;
            match field.kind {
                _ if is_noise_field(descriptor, raw.number) => {}
                Kind::Map(..) if keys == Keys::WithoutNoise => {
                    let (key, _) = two_parts(bytes(raw.payload)?)?;
                    if !is_noise_key(key) {
                        self.out.extend_from_slice(raw.encoded);
                    }
                }
                Kind::Message(inner)
                    if matches!(inner.form, Form::Plain | Form::Any | Form::Struct) =>
                {
                    let (content, keys) = (bytes(raw.payload)?, keys_of(descriptor, inner));
                    self.unless_empty(raw.number, keys, |this| {
                        this.without_noise(inner, content, keys)
                    })?;
                }
                _ => self.out.extend_from_slice(raw.encoded),
            }
        }
        Ok(())
    }

    /// Writes a length-delimited field whose content is what `write` appends.
    fn delimited(
        &mut self,
        number: u32,
        write: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        push_key(number, DELIMITED, self.out);
        // Reserves room for a short length; longer content has to move.
        let at = self.out.len();
        self.out.push(0);
        write(self)?;
        let length = self.out.len() - at - 1;
        if let Ok(short @ ..0x80) = u8::try_from(length) {
            self.out[at] = short;
        } else {
            let start = at + encoded_len_varint(length as u64);
            self.out.resize(start + length, 0);
            self.out.copy_within(at + 1..at + 1 + length, start);
            encode_varint(length as u64, &mut &mut self.out[at..start]);
        }
        Ok(())
    }

    fn nested(&mut self, number: u32, inner: &Message<'_>, keys: Keys) -> Result<(), Malformed> {
        self.delimited(number, |this| this.message(inner, &[], keys))
    }

    fn map(&mut self, number: u32, map: &Map<'_>, keys: Keys) -> Result<(), Malformed> {
        for entry in map.entries()? {
            let (key, value) = entry?;
            if keys == Keys::WithoutNoise && is_noise_key(key) {
                continue;
            }
            self.delimited(number, |this| {
                this.bytes(1, key);
                this.nested(2, &value, Keys::All)
            })?;
        }
        Ok(())
    }

    fn any(&mut self, message: &Message<'_>) -> Result<(), Malformed> {
        let any = message.any()?;
        self.bytes(1, any.type_url);
        match &any.known {
            Some(contents) => self.nested(2, contents, Keys::All),
            None => {
                self.bytes(2, &any.normalized_contents());
                Ok(())
            }
        }
    }
}

impl Any<'_> {
    /// Contents of an unknown type, normalized for comparison.
    #[cold]
    pub(super) fn normalized_contents(&self) -> Vec<u8> {
        let mut contents = self.contents.to_vec();
        unknown::normalize(&mut contents);
        contents
    }
}

/// Noise is left out of a Struct that is a field of a message, such as a profile, but not of one inside a Value.
fn keys_of(owner: &'static Descriptor, inner: &'static Descriptor) -> Keys {
    if owner.form == Form::Plain && inner.form == Form::Struct {
        Keys::WithoutNoise
    } else {
        Keys::All
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::snapshot::message::descriptors;
    use crate::snapshot::message::flaws::{OwnForm, Weight, validate};
    use crate::snapshot::message::wire::walk;

    /// The wire type of a field, and its bytes without a length.
    type Content = (u32, Vec<u8>);

    /// A message of arbitrary fields, sorted by number or not, whose contents may be messages too.
    fn any_message() -> impl Strategy<Value = Vec<u8>> {
        let scalar = prop_oneof![
            any::<u64>().prop_map(|value| {
                let mut content = Vec::new();
                push_varint(value, &mut content);
                (VARINT, content)
            }),
            any::<[u8; 8]>().prop_map(|bytes| (1, bytes.to_vec())),
            any::<[u8; 4]>().prop_map(|bytes| (5, bytes.to_vec())),
            "[a-c]{0,2}|[a-z]{130}".prop_map(|text| (DELIMITED, text.into_bytes())),
        ];
        let message = |content| {
            let fields = prop::collection::vec((1_u32..14, content), 0..6);
            (fields, any::<bool>()).prop_map(|(mut fields, in_order): (Vec<(u32, Content)>, _)| {
                if in_order {
                    fields.sort_by_key(|(number, _)| *number);
                }
                let mut message = Vec::new();
                for (number, (wire_type, content)) in fields {
                    push_key(number, wire_type, &mut message);
                    if wire_type == DELIMITED {
                        push_varint(content.len() as u64, &mut message);
                    }
                    message.extend(content);
                }
                message
            })
        };
        scalar
            .prop_recursive(6, 64, 6, move |content| {
                message(content).prop_map(|message| (DELIMITED, message))
            })
            .prop_map(|(_, content)| content)
    }

    /// The canonical form of a message.
    fn of(descriptor: &'static Descriptor, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::new();
        canonical(descriptor, message, &[], &mut out).map(|()| out)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn fields_out_of_order_are_taken_as_if_they_came_in_order(
            message in any_message(),
            // Not a Value: there, the last member counts.
            descriptor in prop::sample::select(vec![
                &descriptors::RESOURCE, &descriptors::ENTITLEMENT, &descriptors::GRANT,
                &descriptors::USER_TRAIT, &descriptors::STRUCT, &descriptors::GRANT_METADATA,
            ]),
        ) {
            let mut fields: Vec<_> = walk(&message).collect::<Result<_, _>>().unwrap_or_default();
            fields.sort_by_key(|field| field.number);
            let sorted: Vec<u8> = fields.iter().flat_map(|field| field.encoded).copied().collect();
            if walk(&message).all(|field| field.is_ok()) {
                prop_assert_eq!(of(descriptor, &message), of(descriptor, &sorted));
            }
        }

        #[test]
        fn message_that_is_taken_for_its_own_canonical_form_is_that(
            message in any_message(),
            noise in any::<bool>(),
            descriptor in prop::sample::select(vec![
                &descriptors::RESOURCE, &descriptors::ENTITLEMENT, &descriptors::GRANT, &descriptors::VALUE,
                &descriptors::USER_TRAIT, &descriptors::STRUCT, &descriptors::GRANT_METADATA,
            ]),
        ) {
            // What is canonical already is taken for that, unless it could also be something else.
            let made = of(descriptor, &message).unwrap_or_default();
            let mut messages = vec![message, made];
            if noise {
                // A profile with noise, in a message and by itself.
                let entry = b"\x0a\x10\x0a\x0alast_login\x12\x02\x20\x01";
                messages.push(entry.to_vec());
                messages.push([b"\x0a\x12".as_slice(), entry].concat());
                messages.push([b"\x42\x12".as_slice(), entry].concat());
            }
            for message in messages {
                let own_form = validate(descriptor, &message, &[], Weight::default()).ok().and_then(|valid| valid.own_form);
                let expected = of(descriptor, &message);
                match own_form {
                    Some(OwnForm { has_noise: false, .. }) => prop_assert_eq!(Ok(message), expected),
                    Some(OwnForm { has_noise: true, .. }) => {
                        let mut out = Vec::new();
                        without_noise(descriptor, &message, &mut out).unwrap();
                        prop_assert_eq!(Ok(out), expected);
                    }
                    None => {}
                }
            }
        }
    }
}
