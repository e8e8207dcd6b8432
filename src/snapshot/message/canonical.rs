//! The canonical form of a message: equal meaning, equal bytes. What the content digest is made of, and what `diff`
//! compares first. FORMAT.md, "content digest", describes it for others to recompute.
//!
//! Fields come by number, map entries by key, the contents of an Any by the same rules, zero values not at all.
//! Fields we do not know keep their bytes, so a change in one is never overlooked. Noise is left out.

use prost::encoding::{encode_varint, encoded_len_varint, key_len};
use smallvec::SmallVec;

use super::descriptors::{self, Descriptor, Form, Kind, Label};
use super::known::{
    bytes, keep_last_member, last, map_entries, merged, repeated_varints, two_parts,
};
use super::wire::{
    DELIMITED, MAX_DEPTH, Malformed, Payload, RawField, VARINT, fields, fields_under, push_key,
    push_varint, walk,
};

/// Profile keys that change from day to day without anybody's access changing.
pub(in crate::snapshot) const NOISE_KEYS: [&str; 2] = ["last_login", "updated_at"];
/// `UserTrait.last_login`, for the same reason.
const NOISE_USER_FIELD: u32 = 9;

/// Appends the canonical form of `message` without the fields in `skip`.
pub(in crate::snapshot) fn canonical(
    descriptor: &'static Descriptor,
    message: &[u8],
    skip: &[u32],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let start = out.len();
    pass(Order::Given, descriptor, message, skip, out).or_else(|Malformed| {
        out.truncate(start);
        pass(Order::Made, descriptor, message, skip, out)
    })
}

fn pass(
    order: Order,
    descriptor: &'static Descriptor,
    message: &[u8],
    skip: &[u32],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let depth = 0;
    Canonical { out, order, depth }.message(descriptor, message, skip, Keys::All)
}

/// How fields are put in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// They must come in it, as every writer of a c1z has them: then they need not be listed and sorted. What comes
    /// otherwise ends the pass, for one in which they are.
    Given,
    /// By listing and sorting them.
    Made,
}

/// Which keys of a Struct count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    All,
    /// A profile's own keys: all but [`NOISE_KEYS`].
    Lasting,
}

struct Canonical<'o> {
    out: &'o mut Vec<u8>,
    order: Order,
    depth: u32,
}

impl Canonical<'_> {
    fn message(
        &mut self,
        descriptor: &'static Descriptor,
        message: &[u8],
        skip: &[u32],
        keys: Keys,
    ) -> Result<(), Malformed> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Malformed);
        }
        if descriptor.form == Form::Any {
            self.any(message)?;
        } else if self.order == Order::Given {
            let mut same = SmallVec::<[RawField<'_>; 4]>::new();
            for raw in walk(message) {
                let raw = raw?;
                match same.last() {
                    // Of a oneof's members only one counts.
                    Some(last) if raw.number < last.number || descriptor.form == Form::Value => {
                        return Err(Malformed);
                    }
                    Some(last) if last.number < raw.number => {
                        self.counted(descriptor, &same, skip, keys)?;
                        same.clear();
                    }
                    _ => {}
                }
                same.push(raw);
            }
            if !same.is_empty() {
                self.counted(descriptor, &same, skip, keys)?;
            }
        } else {
            let mut all = fields(message)?;
            if descriptor.form == Form::Value {
                keep_last_member(descriptor, &mut all);
            }
            for same in all.chunk_by(|a, b| a.number == b.number) {
                self.counted(descriptor, same, skip, keys)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// All that came under one number, if it counts.
    fn counted(
        &mut self,
        descriptor: &'static Descriptor,
        same: &[RawField<'_>],
        skip: &[u32],
        keys: Keys,
    ) -> Result<(), Malformed> {
        let number = same[0].number;
        let is_noise =
            number == NOISE_USER_FIELD && std::ptr::eq(descriptor, &descriptors::USER_TRAIT);
        match skip.contains(&number) || is_noise {
            true => Ok(()),
            false => self.field(descriptor, number, same, keys),
        }
    }

    fn field(
        &mut self,
        descriptor: &'static Descriptor,
        number: u32,
        same: &[RawField<'_>],
        keys: Keys,
    ) -> Result<(), Malformed> {
        let Some(field) = descriptor.field(number) else {
            self.out.extend(same.iter().flat_map(|raw| raw.encoded));
            return Ok(());
        };
        // The keys of a profile are those of the Struct that a message holds; one inside a Value is a value.
        let keys = match field.kind {
            Kind::Message(inner)
                if inner.form == Form::Struct && descriptor.form == Form::Plain =>
            {
                Keys::Lasting
            }
            Kind::Map(_) => keys,
            _ => Keys::All,
        };
        match (field.kind, field.label) {
            (Kind::Map(value), _) => self.map(number, value, same, keys),
            (Kind::Message(inner), Label::Repeated) => same
                .iter()
                .try_for_each(|raw| self.nested(number, inner, bytes(raw)?, keys)),
            (Kind::Embedded(inner, identity), Label::Repeated) => same
                .iter()
                .try_for_each(|raw| self.identity(number, inner, identity, bytes(raw)?)),
            (Kind::Message(inner), _) => {
                let start = self.out.len();
                self.nested(number, inner, &merged(same)?, keys)?;
                // A profile of which nothing lasts says as much as none.
                let is_empty = self.out.len() - start == key_len(number) + 1;
                if keys == Keys::Lasting && is_empty {
                    self.out.truncate(start);
                }
                Ok(())
            }
            (Kind::Embedded(inner, identity), _) => {
                self.identity(number, inner, identity, &merged(same)?)
            }
            (Kind::String, Label::Repeated) => same.iter().try_for_each(|raw| {
                self.bytes(number, bytes(raw)?);
                Ok(())
            }),
            (_, Label::Repeated) => self.packed(number, same),
            (Kind::String, label) => {
                let text = bytes(last(same))?;
                if label == Label::Oneof || !text.is_empty() {
                    self.bytes(number, text);
                }
                Ok(())
            }
            (_, label) => {
                let raw = last(same);
                let is_zero = match raw.payload {
                    Payload::Varint(value) => value == 0,
                    Payload::Fixed64(value) => value == [0; 8],
                    Payload::Fixed32(value) => value == [0; 4],
                    Payload::Bytes(_) => return Err(Malformed),
                };
                if label == Label::Oneof || !is_zero {
                    match raw.payload {
                        // Spelled anew, for a varint may be longer than it need be.
                        Payload::Varint(value) => {
                            push_key(number, VARINT, self.out);
                            push_varint(value, self.out);
                        }
                        _ => self.out.extend(raw.encoded),
                    }
                }
                Ok(())
            }
        }
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

    fn nested(
        &mut self,
        number: u32,
        inner: &'static Descriptor,
        message: &[u8],
        keys: Keys,
    ) -> Result<(), Malformed> {
        self.delimited(number, |this| this.message(inner, message, &[], keys))
    }

    /// Only what identifies the object that is copied here.
    fn identity(
        &mut self,
        number: u32,
        inner: &'static Descriptor,
        identity: u32,
        message: &[u8],
    ) -> Result<(), Malformed> {
        let same = fields_under(identity, message)?;
        self.delimited(number, |this| match same.is_empty() {
            true => Ok(()),
            false => this.field(inner, identity, &same, Keys::All),
        })
    }

    fn map(
        &mut self,
        number: u32,
        value: &'static Descriptor,
        same: &[RawField<'_>],
        keys: Keys,
    ) -> Result<(), Malformed> {
        // An entry is a message of its own, and counts as a level.
        self.depth += 1;
        for (key, entry) in map_entries(same)? {
            if keys == Keys::Lasting && NOISE_KEYS.iter().any(|noise| noise.as_bytes() == key) {
                continue;
            }
            self.delimited(number, |this| {
                this.bytes(1, key);
                this.nested(2, value, entry, Keys::All)
            })?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn packed(&mut self, number: u32, same: &[RawField<'_>]) -> Result<(), Malformed> {
        let values = repeated_varints(same)?;
        if values.is_empty() {
            return Ok(());
        }
        self.delimited(number, |this| {
            values
                .iter()
                .for_each(|value| push_varint(*value, this.out));
            Ok(())
        })
    }

    fn any(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let (type_url, value) = two_parts(message)?;
        self.bytes(1, type_url);
        match std::str::from_utf8(type_url)
            .ok()
            .and_then(descriptors::by_type_url)
        {
            Some(inner) => self.nested(2, inner, value, Keys::All),
            None => {
                self.bytes(2, value);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        fn a_pass_over_fields_in_order_writes_what_one_over_sorted_fields_does(
            message in any_message(),
            descriptor in prop::sample::select(vec![
                &descriptors::RESOURCE, &descriptors::ENTITLEMENT, &descriptors::GRANT, &descriptors::USER_TRAIT,
                &descriptors::STRUCT, &descriptors::VALUE, &descriptors::GRANT_METADATA,
            ]),
        ) {
            let of = |order| {
                let mut out = Vec::new();
                pass(order, descriptor, &message, &[], &mut out).map(|()| out)
            };
            if let Ok(given) = of(Order::Given) {
                prop_assert_eq!(Ok(given), of(Order::Made));
            }
        }
    }
}
