//! A JSON object with one list, `{"grants":[…]}`, written item by item: what the `baton` CLI prints for `-o json`.

use std::io::{self, Write};

/// A list that is being written, one item a line.
pub struct JsonList<'w> {
    out: &'w mut dyn Write,
    any: bool,
}

/// What stands between two items.
const SEPARATOR: &[u8] = b",\n";

impl<'w> JsonList<'w> {
    /// Begins the object with its one member.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn new(out: &'w mut dyn Write, name: &str) -> io::Result<Self> {
        write!(out, "{{\"{name}\":[")?;
        Ok(Self { out, any: false })
    }

    /// Adds items, as [`JsonItem`] makes them one behind the other.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn push(&mut self, items: &[u8]) -> io::Result<()> {
        match items.strip_prefix(SEPARATOR) {
            Some(items) if !self.any => {
                self.any = true;
                self.out.write_all(b"\n")?;
                self.out.write_all(items)
            }
            _ => self.out.write_all(items),
        }
    }

    /// Ends list and object.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(self) -> io::Result<()> {
        self.out
            .write_all(if self.any { b"\n]}\n" } else { b"]}\n" })
    }
}

/// One item of a list, behind what separates it from the one before.
pub struct JsonItem<'o> {
    out: &'o mut Vec<u8>,
    any: bool,
}

impl<'o> JsonItem<'o> {
    /// Begins an item behind those that are in `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.extend_from_slice(SEPARATOR);
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

    /// Ends the item.
    pub fn finish(self) {
        self.out.push(b'}');
    }
}
