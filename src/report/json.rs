//! JSON that is written while rows are read: sequences of values, and documents that contain them.
//!
//! Several threads encode rows as JSON in batches. Separators within a batch are written by [`Layout::next`],
//! separators between batches by [`JsonSequence::push`].

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// The text around the values of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    before_first: &'static str,
    between: &'static str,
    after_last: &'static str,
    /// Written in place of an empty sequence.
    of_none: &'static str,
}

impl Layout {
    /// One value per line, in an object with one member, `{"grants":[…]}`, as the `baton` CLI prints it for `-o json`.
    /// For an empty list it prints `{}`.
    pub const LIST: Self = Self {
        before_first: "\n",
        between: ",\n",
        after_last: "\n]}\n",
        of_none: "{}\n",
    };
    /// One value per line, in a member of a [`JsonDocument`].
    const MEMBER: Self = Self {
        before_first: "\n    ",
        between: ",\n    ",
        after_last: "\n  ]",
        of_none: "\n  ]",
    };
    /// One value per line, and nothing else.
    const LINES: Self = Self {
        before_first: "",
        between: "\n",
        after_last: "\n",
        of_none: "",
    };

    /// Starts the next value of a batch; append it to the returned buffer.
    pub fn next(self, batch: &mut Vec<u8>) -> &mut Vec<u8> {
        if !batch.is_empty() {
            batch.extend_from_slice(self.between.as_bytes());
        }
        batch
    }
}

/// Writes a sequence of values.
pub struct JsonSequence<'w> {
    out: &'w mut dyn Write,
    layout: Layout,
    /// The name of the list, if it has not been written yet.
    member: Option<&'static str>,
    any: bool,
}

impl<'w> JsonSequence<'w> {
    /// Starts an object with one member, a list. An empty list gives an empty object.
    pub fn list(out: &'w mut dyn Write, name: &'static str) -> Self {
        Self {
            member: Some(name),
            ..Self::new(out, Layout::LIST)
        }
    }

    /// Starts a sequence of lines.
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

    /// The layout that batches must follow.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Appends a batch of values that was built with [`Layout::next`].
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

/// Writes an object over several lines, member by member.
pub struct JsonDocument<'w> {
    out: &'w mut dyn Write,
    any: bool,
}

impl<'w> JsonDocument<'w> {
    /// Starts a document.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn new(out: &'w mut dyn Write) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(Self { out, any: false })
    }

    /// Writes a member and its value, indented.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn member(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.name(name)?;
        let mut inside = PrettyFormatter::new();
        // Makes the formatter indent the value as part of an object.
        inside.begin_object(&mut io::sink())?;
        value.serialize(&mut Serializer::with_formatter(&mut *self.out, inside))?;
        Ok(())
    }

    /// Starts a member that is a list.
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

/// Appends an object to a buffer, on one line.
pub struct JsonItem<'o> {
    out: &'o mut Vec<u8>,
    any: bool,
}

impl<'o> JsonItem<'o> {
    /// Starts an object.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, any: false }
    }

    /// Starts a member; append its JSON to the returned buffer.
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
