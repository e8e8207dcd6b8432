//! JSON that is written while rows are read: sequences of values, and documents that hold them.
//!
//! Rows are made into JSON in batches, by several threads. What separates two values is written where they meet: within
//! a batch by [`Layout::next`], between batches by [`JsonSequence::push`].

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// What is around the values of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    before_first: &'static str,
    between: &'static str,
    after_last: &'static str,
    /// After no value at all.
    of_none: &'static str,
}

impl Layout {
    /// One value a line, in an object with one member, `{"grants":[…]}`: what the `baton` CLI prints for `-o json`. Of
    /// no value at all it prints `{}`.
    pub const LIST: Self = Self {
        before_first: "\n",
        between: ",\n",
        after_last: "\n]}\n",
        of_none: "{}\n",
    };
    /// One value a line, in a member of a [`JsonDocument`].
    const MEMBER: Self = Self {
        before_first: "\n    ",
        between: ",\n    ",
        after_last: "\n  ]",
        of_none: "\n  ]",
    };
    /// One value a line, and nothing else.
    const LINES: Self = Self {
        before_first: "",
        between: "\n",
        after_last: "\n",
        of_none: "",
    };

    /// Begins the next value of a batch, which is to be appended to what is returned.
    pub fn next(self, batch: &mut Vec<u8>) -> &mut Vec<u8> {
        if !batch.is_empty() {
            batch.extend_from_slice(self.between.as_bytes());
        }
        batch
    }
}

/// A sequence that is being written.
pub struct JsonSequence<'w> {
    out: &'w mut dyn Write,
    layout: Layout,
    /// The member that holds the values, if it is to be begun with the first of them.
    member: Option<&'static str>,
    any: bool,
}

impl<'w> JsonSequence<'w> {
    /// An object with one member, a list; an empty object if the list is empty.
    pub fn list(out: &'w mut dyn Write, name: &'static str) -> Self {
        Self {
            member: Some(name),
            ..Self::new(out, Layout::LIST)
        }
    }

    /// Begins lines.
    pub fn lines(out: &'w mut dyn Write) -> Self {
        Self::new(out, Layout::LINES)
    }

    fn new(out: &'w mut dyn Write, layout: Layout) -> Self {
        Self {
            out,
            layout,
            member: None,
            any: false,
        }
    }

    /// How the values of its batches are laid out.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Adds a batch of values, as [`Layout::next`] puts them one after the other.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn push(&mut self, batch: &[u8]) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let before = if self.any {
            self.layout.between
        } else {
            self.layout.before_first
        };
        self.any = true;
        if let Some(name) = self.member.take() {
            write!(self.out, "{{\"{name}\":[")?;
        }
        self.out.write_all(before.as_bytes())?;
        self.out.write_all(batch)
    }

    /// Ends the sequence.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(self) -> io::Result<()> {
        let end = if self.any {
            self.layout.after_last
        } else {
            self.layout.of_none
        };
        self.out.write_all(end.as_bytes())
    }
}

/// An object over many lines, written member by member.
pub struct JsonDocument<'w> {
    out: &'w mut dyn Write,
    any: bool,
}

impl<'w> JsonDocument<'w> {
    /// Begins a document.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn new(out: &'w mut dyn Write) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(Self { out, any: false })
    }

    /// Adds a member with its value, indented.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn member(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.name(name)?;
        let mut inside = PrettyFormatter::new();
        // The formatter indents the value as a part of an object that has begun.
        inside.begin_object(&mut io::sink())?;
        value.serialize(&mut Serializer::with_formatter(&mut *self.out, inside))?;
        Ok(())
    }

    /// Begins a member that is a list.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn list(&mut self, name: &str) -> io::Result<JsonSequence<'_>> {
        self.name(name)?;
        self.out.write_all(b"[")?;
        Ok(JsonSequence::new(self.out, Layout::MEMBER))
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        let before = if self.any { "," } else { "" };
        self.any = true;
        write!(self.out, "{before}\n  \"{name}\": ")
    }

    /// Ends the document.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(self) -> io::Result<()> {
        self.out.write_all(b"\n}\n")
    }
}

/// An object on one line that is being appended to other bytes.
pub struct JsonItem<'o> {
    out: &'o mut Vec<u8>,
    any: bool,
}

impl<'o> JsonItem<'o> {
    /// Begins an object.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, any: false }
    }

    /// Begins a member; its JSON is to be appended to what is returned.
    pub fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if self.any {
            self.out.push(b',');
        }
        self.any = true;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Ends the object.
    pub fn finish(self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A sequence of these batches.
    fn written(mut sequence: JsonSequence<'_>, batches: &[&[u8]]) {
        for values in batches {
            let mut batch = Vec::new();
            for value in *values {
                sequence.layout().next(&mut batch).push(*value);
            }
            sequence.push(&batch).unwrap();
        }
        sequence.finish().unwrap();
    }

    #[test]
    fn sequences_are_whole_however_their_values_come_in_batches() {
        let batches: [&[&[u8]]; 6] = [
            &[],
            &[b""],
            &[b"1"],
            &[b"12", b"3"],
            &[b"", b"1", b"", b"23"],
            &[b"1", b"2", b"3"],
        ];
        for batches in batches {
            let values: Vec<u8> = batches.concat();
            let expected: Vec<Value> = values.iter().map(|digit| json!(digit - b'0')).collect();

            let mut list = Vec::new();
            written(JsonSequence::list(&mut list, "a"), batches);
            let list: Value = serde_json::from_slice(&list).unwrap();
            let expected_list = if values.is_empty() {
                json!({})
            } else {
                json!({"a": expected})
            };
            assert_eq!(list, expected_list);

            let mut lines = Vec::new();
            written(JsonSequence::lines(&mut lines), batches);
            let line = |digit: &u8| format!("{}\n", char::from(*digit));
            let expected_lines: String = values.iter().map(line).collect();
            assert_eq!(lines, expected_lines.as_bytes());

            let mut whole = Vec::new();
            let mut document = JsonDocument::new(&mut whole).unwrap();
            document.member("x", &json!({"y": [1]})).unwrap();
            written(document.list("a").unwrap(), batches);
            written(document.list("b").unwrap(), batches);
            document.finish().unwrap();
            let whole: Value = serde_json::from_slice(&whole).unwrap();
            let expected = json!({"x": {"y": [1]}, "a": expected, "b": expected});
            assert_eq!(whole, expected);
        }
    }

    #[test]
    fn members_of_a_document_are_indented_as_if_it_were_written_at_once() {
        let value = json!({"a": {"b": [1, {}], "c": null}, "d": [], "e": "f"});
        let mut written = Vec::new();
        let mut document = JsonDocument::new(&mut written).unwrap();
        for (name, member) in value.as_object().unwrap() {
            document.member(name, member).unwrap();
        }
        document.finish().unwrap();
        let at_once = serde_json::to_string_pretty(&value).unwrap() + "\n";
        assert_eq!(String::from_utf8(written).unwrap(), at_once);
    }
}
