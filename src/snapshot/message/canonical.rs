//! The canonical form of a message: equal meaning, equal bytes. What the content digest is made of, and what `diff`
//! compares first. FORMAT.md, "content digest", describes it for others to recompute.
//!
//! Fields come by number, map entries by key, the contents of an Any by the same rules, zero values not at all.
//! What we do not know keeps its bytes, so a change in it is never overlooked, but for the order of maps (`unknown.rs`).
//! Noise is left out.

use prost::encoding::{encode_varint, encoded_len_varint, key_len};

use super::descriptors::{self, Descriptor, Form};
use super::known::{Any, Item, Known, Map, Message, Shape};
use super::unknown;
use super::wire::{DELIMITED, Malformed, Payload, VARINT, push_key, push_varint};
use crate::model::keys;

/// `UserTrait.last_login`, which is noise like the key of the profile.
const NOISE_USER_FIELD: u32 = 9;

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

/// Which keys of a Struct count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    All,
    /// A profile's own keys: all but [`keys::NOISE`].
    Lasting,
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
        let is_user_trait = std::ptr::eq(message.descriptor, &descriptors::USER_TRAIT);
        let ordered = message.in_order()?;
        for item in ordered.fields() {
            let field = match item? {
                Item::Known(field) => field,
                Item::Unknown(unknown) => {
                    if message.identity.is_none() {
                        let start = self.out.len();
                        self.out.extend_from_slice(unknown);
                        unknown::settle_fields(&mut self.out[start..]);
                    }
                    continue;
                }
            };
            let number = field.schema.number;
            let is_noise = is_user_trait && number == NOISE_USER_FIELD;
            // Of a copy of another object, only what identifies it.
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
            // Spelled anew, for a varint may be longer than it need be.
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
                let keys = keys_of(owner, &inner);
                let start = self.out.len();
                self.nested(number, &inner, keys)?;
                // A profile of which nothing lasts says as much as none.
                let is_empty = self.out.len() - start == key_len(number) + 1;
                if keys == Keys::Lasting && is_empty {
                    self.out.truncate(start);
                }
            }
            Some(Shape::Messages(list)) => {
                for inner in list.iter() {
                    let inner = inner?;
                    self.nested(number, &inner, keys_of(owner, &inner))?;
                }
            }
            Some(Shape::Map(map)) => self.map(number, &map, keys)?,
        }
        Ok(())
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        push_key(number, DELIMITED, self.out);
        push_varint(bytes.len() as u64, self.out);
        self.out.extend_from_slice(bytes);
    }

    /// What `write` appends, under `number` and with its length before it.
    fn delimited(
        &mut self,
        number: u32,
        write: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        push_key(number, DELIMITED, self.out);
        // Room for a short length; only what turns out longer has to move.
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
            if keys == Keys::Lasting && keys::NOISE.iter().any(|noise| noise.as_bytes() == key) {
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
                self.bytes(2, &any.settled_contents());
                Ok(())
            }
        }
    }
}

impl Any<'_> {
    /// Contents of a type that is not known, as they are compared.
    pub(super) fn settled_contents(&self) -> Vec<u8> {
        let mut contents = self.contents.to_vec();
        unknown::settle(&mut contents);
        contents
    }
}

/// The keys of a profile are those of the Struct that a message holds; one inside a Value is a value.
fn keys_of(owner: &'static Descriptor, inner: &Message<'_>) -> Keys {
    if owner.form == Form::Plain && inner.descriptor.form == Form::Struct {
        Keys::Lasting
    } else {
        Keys::All
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::snapshot::message::wire::walk;

    /// What follows a key: its wire type, and what comes after a length if there is one.
    type Content = (u32, Vec<u8>);

    /// A message of whatever fields, in order by number or not, whose contents may be messages too.
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn fields_out_of_order_are_taken_as_if_they_came_in_order(
            message in any_message(),
            // Not a Value: of its members the last counts.
            descriptor in prop::sample::select(vec![
                &descriptors::RESOURCE, &descriptors::ENTITLEMENT, &descriptors::GRANT,
                &descriptors::USER_TRAIT, &descriptors::STRUCT, &descriptors::GRANT_METADATA,
            ]),
        ) {
            let mut fields: Vec<_> = walk(&message).collect::<Result<_, _>>().unwrap_or_default();
            fields.sort_by_key(|field| field.number);
            let sorted: Vec<u8> = fields.iter().flat_map(|field| field.encoded).copied().collect();
            let of = |message: &[u8]| {
                let mut out = Vec::new();
                canonical(descriptor, message, &[], &mut out).map(|()| out)
            };
            if walk(&message).all(|field| field.is_ok()) {
                prop_assert_eq!(of(&message), of(&sorted));
            }
        }
    }
}
