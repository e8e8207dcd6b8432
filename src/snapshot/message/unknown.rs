//! Normalizes maps in messages of unknown type. Official writers write the entries of a map inside an Any in random
//! order, so the same data has different bytes each time it is written.
//!
//! Without a schema, a map looks like a repeated message, whose order may be significant. Only one kind of map can be
//! recognized: a `google.protobuf.Struct`, whose values have a distinctive shape. So the entries of everything shaped
//! like a Struct are sorted by key, at any depth, and everything else keeps its place. No byte is changed, added or
//! left out, so any other difference is still seen.
//!
//! The shape of a Struct depends on keys and lengths of fields, not on text, and sorting does not change these. So
//! normalizing twice has the same result as normalizing once.

use std::ops::Range;

use super::wire::{MAX_DEPTH, Payload, RawField, walk};

/// Sorts the entries of every Struct in `message`, which may itself be one.
pub(super) fn normalize(message: &mut [u8]) {
    normalize_at(1, message);
}

/// Sorts the entries of every Struct in `fields`, which are part of a message.
pub(super) fn normalize_fields(fields: &mut [u8]) {
    for content in delimited(fields).unwrap_or_default() {
        normalize_at(1, &mut fields[content]);
    }
}

fn normalize_at(depth: u32, message: &mut [u8]) {
    if depth > MAX_DEPTH {
        return;
    }
    let Some(contents) = delimited(message) else {
        return;
    };
    let is_struct = is_struct(depth, message);
    for content in contents {
        normalize_at(depth + 1, &mut message[content]);
    }
    if is_struct {
        sort_entries(message);
    }
}

/// The ranges of the contents of length-delimited fields; `None` if `message` is not a message.
fn delimited(message: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut end = 0;
    let mut contents = Vec::new();
    for raw in walk(message) {
        let raw = raw.ok()?;
        end += raw.encoded.len();
        if let Payload::Bytes(bytes) = raw.payload {
            contents.push(end - bytes.len()..end);
        }
    }
    Some(contents)
}

/// Sorts the entries of a Struct by key; entries with the same key keep their order.
fn sort_entries(message: &mut [u8]) {
    let mut entries: Vec<_> = walk(message)
        .filter_map(|raw| {
            let RawField {
                payload: Payload::Bytes(entry),
                encoded,
                ..
            } = raw.ok()?
            else {
                return None;
            };
            match walk(entry).next()?.ok()?.payload {
                Payload::Bytes(key) => Some((key, encoded)),
                _ => None,
            }
        })
        .collect();
    if !entries.is_sorted_by_key(|(key, _)| *key) {
        entries.sort_by_key(|(key, _)| *key);
        let sorted = entries
            .iter()
            .flat_map(|(_, entry)| *entry)
            .copied()
            .collect::<Vec<_>>();
        message.copy_from_slice(&sorted);
    }
}

/// Whether `message` has the shape of a Struct: entries under 1, each a key under 1 and a Value under 2.
fn is_struct(depth: u32, message: &[u8]) -> bool {
    each_under_one(depth, message, |entry| {
        let mut fields = walk(entry);
        match (fields.next(), fields.next(), fields.next()) {
            (Some(Ok(key)), Some(Ok(value)), None) => match (key.payload, value.payload) {
                (Payload::Bytes(_), Payload::Bytes(inner)) => {
                    (key.number, value.number) == (1, 2) && is_value(depth + 2, inner)
                }
                _ => false,
            },
            _ => false,
        }
    })
}

/// Whether `message` has the shape of a Value: exactly one of its members.
fn is_value(depth: u32, message: &[u8]) -> bool {
    let mut fields = walk(message);
    let (Some(Ok(member)), None) = (fields.next(), fields.next()) else {
        return false;
    };
    match (member.number, member.payload) {
        // Null, a number, a text, true or false.
        (1, Payload::Varint(0)) | (2, Payload::Fixed64(_)) | (3, Payload::Bytes(_)) => true,
        (4, Payload::Varint(0 | 1)) => true,
        (5, Payload::Bytes(inner)) => is_struct(depth + 1, inner),
        (6, Payload::Bytes(list)) => {
            each_under_one(depth + 1, list, |value| is_value(depth + 2, value))
        }
        _ => false,
    }
}

/// Whether `message` has only field 1, and each of its contents `fits`.
fn each_under_one(depth: u32, message: &[u8], fits: impl Fn(&[u8]) -> bool) -> bool {
    depth <= MAX_DEPTH
        && walk(message).all(|raw| match raw {
            Ok(RawField {
                number: 1,
                payload: Payload::Bytes(content),
                ..
            }) => fits(content),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::snapshot::message::wire::{DELIMITED, VARINT, push_key, push_varint};

    fn delimited_field(number: u32, content: &[u8]) -> Vec<u8> {
        let mut field = Vec::new();
        push_key(number, DELIMITED, &mut field);
        push_varint(content.len() as u64, &mut field);
        field.extend_from_slice(content);
        field
    }

    /// A Value, written twice: its Structs in one order and in the other.
    fn any_value() -> impl Strategy<Value = [Vec<u8>; 2]> {
        let twice = |value: Vec<u8>| [value.clone(), value];
        let scalar = prop_oneof![
            Just(vec![0x08, 0]).prop_map(twice),
            any::<[u8; 8]>().prop_map(move |number| twice([&[0x11][..], &number].concat())),
            "[a-c]{0,3}".prop_map(move |text| twice(delimited_field(3, text.as_bytes()))),
            (0_u8..2).prop_map(move |switch| twice(vec![0x20, switch])),
        ];
        scalar.prop_recursive(4, 32, 4, |value| {
            let list = prop::collection::vec(value.clone(), 0..4).prop_map(|values| {
                [0, 1].map(|side| {
                    let values = values
                        .iter()
                        .flat_map(|value| delimited_field(1, &value[side]));
                    delimited_field(6, &values.collect::<Vec<_>>())
                })
            });
            let object =
                any_struct(value).prop_map(|sides| sides.map(|side| delimited_field(5, &side)));
            prop_oneof![list, object]
        })
    }

    /// A Struct, written twice: its entries in one order and in the other.
    fn any_struct(
        value: impl Strategy<Value = [Vec<u8>; 2]>,
    ) -> impl Strategy<Value = [Vec<u8>; 2]> {
        prop::collection::btree_map("[a-e]{0,2}", value, 0..4).prop_map(|entries| {
            let mut sides = [0, 1].map(|side| {
                let entries = entries.iter().map(|(key, value)| {
                    let parts = [
                        delimited_field(1, key.as_bytes()),
                        delimited_field(2, &value[side]),
                    ];
                    delimited_field(1, &parts.concat())
                });
                entries.collect::<Vec<_>>()
            });
            sides[1].reverse();
            sides.map(|entries| entries.concat())
        })
    }

    fn normalized(message: &[u8]) -> Vec<u8> {
        let mut message = message.to_vec();
        normalize(&mut message);
        message
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn a_struct_is_the_same_in_any_order_wherever_it_is(
            [a, b] in any_struct(any_value()),
            around in prop::collection::vec(2_u32..16, 0..4),
        ) {
            let wrap = |message| {
                let mut number = Vec::new();
                push_key(1, VARINT, &mut number);
                push_varint(300, &mut number);
                let wrapped = |inner: Vec<u8>, at: &u32| {
                    [number.clone(), delimited_field(*at, &inner)].concat()
                };
                around.iter().fold(message, wrapped)
            };
            prop_assert_eq!(normalized(&wrap(a)), normalized(&wrap(b)));
        }

        // Bytes that are often keys and lengths of Structs, complete or not.
        #[test]
        fn whatever_the_bytes_are_only_their_order_changes_and_only_once(
            pieces in prop::collection::vec(
                prop_oneof![
                    any_struct(any_value()).prop_map(|[_, b]| b),
                    any_struct(any_value()).prop_map(|[a, _]| delimited_field(1, &a)),
                    "[a-z\n\u{12}\u{1a}]{0,4}".prop_map(String::into_bytes),
                    prop::collection::vec(prop::sample::select(
                        vec![0, 1, 2, 3, 4, 5, 6, 8, 0x0a, 0x11, 0x12, 0x1a, 0x20, 0x2a, 0x32, 0x8a, 0xff],
                    ), 0..6),
                ],
                0..5,
            ),
        ) {
            let message = pieces.concat();
            let once = normalized(&message);
            prop_assert_eq!(normalized(&once), &*once);
            let [mut before, mut after] = [message, once];
            before.sort_unstable();
            after.sort_unstable();
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn a_struct_is_left_as_it_is_below_the_deepest_level() {
        let entry = |key: &[u8]| {
            let parts = [delimited_field(1, key), delimited_field(2, &[0x20, 1])];
            delimited_field(1, &parts.concat())
        };
        let nested = |levels: u32| {
            let unordered = [entry(b"b"), entry(b"a")].concat();
            (0..levels).fold(unordered, |inner, _| delimited_field(7, &inner))
        };
        // An entry and its Value add two levels.
        for (levels, is_sorted) in [(MAX_DEPTH - 3, true), (MAX_DEPTH, false), (1000, false)] {
            let message = nested(levels);
            assert_eq!(normalized(&message) != message, is_sorted, "{levels}");
        }
    }
}
