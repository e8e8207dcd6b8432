//! The walk over a message of a known type: its fields by number, each with all its occurrences and typed by the
//! schema. The canonical form, JSON, the checks and the facts are each a `match` over it.
//!
//! Protobuf's rules for repeated occurrences are applied here: fields are sorted by number, a message in parts is
//! merged, and the last occurrence counts for a text or number, for the members of a oneof, and for a key of a map.
//! Default values, such as an empty text, are left out.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::descriptors::{self, Descriptor, Field, Kind, Label};
use super::number::{Number, Numbers};
use super::wire::{
    MAX_DEPTH, Malformed, Payload, RawField, bytes, contents, next_number, take_field, walk,
};

/// A message whose type is known.
#[derive(Clone, Debug)]
pub(in crate::snapshot) struct Message<'a> {
    pub descriptor: &'static Descriptor,
    bytes: Cow<'a, [u8]>,
    depth: u32,
    /// For a copy of an object that has its own row: the number of the field that identifies the object.
    pub identity: Option<u32>,
}

impl<'a> Message<'a> {
    /// A whole blob.
    pub(crate) fn new(descriptor: &'static Descriptor, bytes: &'a [u8]) -> Self {
        Self {
            descriptor,
            bytes: bytes.into(),
            depth: 1,
            identity: None,
        }
    }

    /// A message one level deeper.
    #[inline(always)]
    fn at(
        depth: u32,
        descriptor: &'static Descriptor,
        bytes: Cow<'a, [u8]>,
        identity: Option<u32>,
    ) -> Result<Self, Malformed> {
        if depth > MAX_DEPTH {
            Err(Malformed)
        } else {
            Ok(Self {
                descriptor,
                bytes,
                depth,
                identity,
            })
        }
    }

    /// The message with its fields sorted by number; occurrences of one number keep their order.
    pub(crate) fn in_order(&self) -> Result<InOrder<'_>, Malformed> {
        let has_oneof = self.descriptor.has_oneof;
        let mut last = 0;
        let mut is_in_order = true;
        for (at, raw) in walk(&self.bytes).enumerate() {
            let number = raw?.number;
            // Only one member of a oneof counts.
            is_in_order &= last <= number && !(has_oneof && at > 0);
            last = number;
        }
        Ok(InOrder {
            descriptor: self.descriptor,
            depth: self.depth,
            bytes: if is_in_order {
                Cow::Borrowed(&self.bytes)
            } else {
                Cow::Owned(self.sorted()?)
            },
        })
    }

    fn sorted(&self) -> Result<Vec<u8>, Malformed> {
        let mut all = walk(&self.bytes).collect::<Result<Vec<_>, _>>()?;
        if self.descriptor.has_oneof {
            for oneof in [Label::Oneof, Label::SecondOneof] {
                let is_member = |raw: &RawField<'_>| {
                    let field = self.descriptor.field(raw.number);
                    field.is_some_and(|field| field.label == oneof)
                };
                // Keeps the last member.
                if let Some(last) = all.iter().copied().rfind(is_member) {
                    all.retain(|raw| !is_member(raw));
                    all.push(last);
                }
            }
        }
        all.sort_by_key(|raw| raw.number);
        Ok(all.iter().flat_map(|raw| raw.encoded).copied().collect())
    }

    /// Type and contents of an Any.
    pub(crate) fn any(&self) -> Result<Any<'_>, Malformed> {
        let (type_url, contents) = two_parts(&self.bytes)?;
        let known = descriptors::by_type_url(type_url)
            .map(|descriptor| Message::at(self.depth + 1, descriptor, contents.into(), None));
        Ok(Any {
            type_url,
            contents,
            known: known.transpose()?,
        })
    }

    /// Seconds and nanoseconds of a Timestamp or a Duration.
    pub(crate) fn seconds_and_nanos(&self) -> Result<(i64, i32), Malformed> {
        let (mut seconds, mut nanos) = (0, 0);
        for raw in walk(&self.bytes) {
            let raw = raw?;
            match (raw.number, raw.payload) {
                (1, Payload::Varint(value)) => seconds = value as i64,
                (2, Payload::Varint(value)) => nanos = value as i32,
                _ => {}
            }
        }
        Ok((seconds, nanos))
    }
}

/// A `google.protobuf.Any`.
pub(in crate::snapshot) struct Any<'a> {
    pub type_url: &'a [u8],
    pub contents: &'a [u8],
    /// The contents, if their type is known.
    pub known: Option<Message<'a>>,
}

/// A message whose fields are sorted by number.
pub(in crate::snapshot) struct InOrder<'a> {
    descriptor: &'static Descriptor,
    depth: u32,
    bytes: Cow<'a, [u8]>,
}

impl InOrder<'_> {
    /// Its fields by number, each with all its occurrences.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields {
            descriptor: self.descriptor,
            depth: self.depth,
            rest: &self.bytes,
        }
    }
}

/// A walk over the fields of a message.
pub(in crate::snapshot) struct Fields<'a> {
    descriptor: &'static Descriptor,
    depth: u32,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    #[inline(always)]
    fn take(&mut self) -> Result<Item<'a>, Malformed> {
        let before = self.rest;
        let first = take_field(&mut self.rest)?;
        let mut same = Occurrences {
            all: first.encoded,
            last: first.payload,
            is_one: true,
        };
        if next_number(self.rest) == Some(first.number) {
            same.last = self.take_repeats(first.number)?;
            same.all = &before[..before.len() - self.rest.len()];
            same.is_one = false;
        }
        Ok(match self.descriptor.field(first.number) {
            Some(schema) => Item::Known(Known {
                schema,
                same,
                depth: self.depth,
            }),
            None => Item::Unknown(same.all),
        })
    }

    /// Takes all following occurrences of `number`, and returns the last.
    #[inline(never)]
    fn take_repeats(&mut self, number: u32) -> Result<Payload<'a>, Malformed> {
        loop {
            let raw = take_field(&mut self.rest)?;
            if next_number(self.rest) != Some(number) {
                return Ok(raw.payload);
            }
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Item<'a>, Malformed>;

    // The values that this and the next two functions return are large, and are matched on at once.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let item = self.take();
        if item.is_err() {
            self.rest = &[];
        }
        Some(item)
    }
}

/// All occurrences of one field number in a message.
#[derive(Clone, Copy)]
struct Occurrences<'s> {
    /// Their bytes, keys included.
    all: &'s [u8],
    last: Payload<'s>,
    is_one: bool,
}

/// All occurrences of one field number in a message.
pub(in crate::snapshot) enum Item<'s> {
    Known(Known<'s>),
    /// A field that is not in the schema: the bytes of its occurrences, keys included.
    Unknown(&'s [u8]),
}

/// A field in the schema.
pub(in crate::snapshot) struct Known<'s> {
    pub schema: &'static Field,
    same: Occurrences<'s>,
    /// The depth of the message that contains it.
    depth: u32,
}

impl<'s> Known<'s> {
    /// One occurrence of a field in a message at `depth`.
    pub(super) fn of(schema: &'static Field, raw: &RawField<'s>, depth: u32) -> Self {
        Self {
            schema,
            same: Occurrences {
                all: raw.encoded,
                last: raw.payload,
                is_one: true,
            },
            depth,
        }
    }

    /// The value; `None` if it is the default.
    #[inline(always)]
    pub(crate) fn shape(&self) -> Result<Option<Shape<'s>>, Malformed> {
        let shape = self.whole_shape()?;
        let is_single = self.schema.label == Label::Single;
        let is_absent = match &shape {
            Shape::Text(text) | Shape::Bytes(text) => is_single && text.is_empty(),
            Shape::Number(number) => is_single && number.is_zero(),
            Shape::Numbers(numbers) => numbers.is_empty(),
            _ => false,
        };
        Ok((!is_absent).then_some(shape))
    }

    /// The value, even if it is the default.
    #[inline(always)]
    pub(crate) fn whole_shape(&self) -> Result<Shape<'s>, Malformed> {
        let Self { schema, same, .. } = self;
        let list = |descriptor, identity| List {
            occurrences: same.all,
            descriptor,
            identity,
            depth: self.depth + 1,
        };
        Ok(match (schema.kind, schema.label) {
            (Kind::Map(entry, value), _) => Shape::Map(Map {
                entries: list(entry, None),
                value,
            }),
            (Kind::Message(inner), Label::Repeated) => Shape::Messages(list(inner, None)),
            (Kind::Embedded(inner, identity), Label::Repeated) => {
                Shape::Messages(list(inner, Some(identity)))
            }
            (Kind::Message(inner), _) => Shape::Message(list(inner, None).merged(same)?),
            (Kind::Embedded(inner, identity), _) => {
                Shape::Message(list(inner, Some(identity)).merged(same)?)
            }
            (Kind::String, Label::Repeated) => Shape::Texts(Texts(same.all)),
            (Kind::String, _) => Shape::Text(bytes(same.last)?),
            (Kind::Bytes, _) => Shape::Bytes(bytes(same.last)?),
            (kind, Label::Repeated) => Shape::Numbers(Numbers {
                kind,
                occurrences: same.all,
            }),
            (kind, _) => Shape::Number(match same.last {
                Payload::Bytes(_) => return Err(Malformed),
                payload => Number {
                    kind,
                    payload,
                    occurrences: same.all,
                },
            }),
        })
    }
}

/// The value of a field.
pub(in crate::snapshot) enum Shape<'s> {
    /// Bytes that should be UTF-8.
    Text(&'s [u8]),
    Texts(Texts<'s>),
    Bytes(&'s [u8]),
    Number(Number<'s>),
    Numbers(Numbers<'s>),
    Message(Message<'s>),
    Messages(List<'s>),
    Map(Map<'s>),
}

/// A repeated text.
pub(in crate::snapshot) struct Texts<'s>(&'s [u8]);

impl<'s> Texts<'s> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<&'s [u8], Malformed>> {
        contents(self.0)
    }
}

/// A repeated message, or a message in parts.
pub(in crate::snapshot) struct List<'s> {
    occurrences: &'s [u8],
    descriptor: &'static Descriptor,
    identity: Option<u32>,
    depth: u32,
}

impl<'s> List<'s> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<Message<'s>, Malformed>> {
        contents(self.occurrences).map(|bytes| self.message(bytes?.into()))
    }

    /// Merges a message in several parts by concatenating them.
    #[inline(always)]
    fn merged(&self, same: &Occurrences<'s>) -> Result<Message<'s>, Malformed> {
        if same.is_one {
            self.message(bytes(same.last)?.into())
        } else {
            self.of_parts()
        }
    }

    fn of_parts(&self) -> Result<Message<'s>, Malformed> {
        let parts = contents(self.occurrences).collect::<Result<Vec<_>, _>>()?;
        self.message(parts.concat().into())
    }

    #[inline(always)]
    fn message(&self, bytes: Cow<'s, [u8]>) -> Result<Message<'s>, Malformed> {
        Message::at(self.depth, self.descriptor, bytes, self.identity)
    }
}

/// A map from texts to messages. An entry is a message itself and counts as a level of nesting.
pub(in crate::snapshot) struct Map<'s> {
    entries: List<'s>,
    value: &'static Descriptor,
}

impl<'s> Map<'s> {
    /// Keys and values, sorted by key. The last entry of a key counts.
    pub(crate) fn entries(
        &self,
    ) -> Result<impl Iterator<Item = Result<(&'s [u8], Message<'s>), Malformed>>, Malformed> {
        let List {
            occurrences, depth, ..
        } = self.entries;
        let mut entries: SmallVec<[(&[u8], &[u8]); 8]> = SmallVec::new();
        for entry in contents(occurrences) {
            entries.push(two_parts(entry?)?);
        }
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            entries.sort_by_key(|(key, _)| *key);
            entries.dedup_by(|later, kept| {
                let is_repeat = later.0 == kept.0;
                if is_repeat {
                    *kept = *later;
                }
                is_repeat
            });
        }
        let value = self.value;
        Ok(entries.into_iter().map(move |(key, bytes)| {
            let value = Message::at(depth + 1, value, bytes.into(), None)?;
            Ok((key, value))
        }))
    }
}

/// The bytes of fields 1 and 2: type URL and contents of an Any, or key and value of a map entry.
pub(in crate::snapshot) fn two_parts(message: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (mut first, mut second): (&[u8], &[u8]) = (b"", b"");
    for raw in walk(message) {
        let raw = raw?;
        match raw.number {
            1 => first = bytes(raw.payload)?,
            2 => second = bytes(raw.payload)?,
            _ => {}
        }
    }
    Ok((first, second))
}
