//! A JSON object with one list, `{"grants":[…]}`, written item by item: what the `baton` CLI prints for `-o json`.

use std::io::{self, Write};

/// A list that is being written, one item a line.
pub struct JsonList<'w> {
    out: &'w mut dyn Write,
    any: bool,
}

impl<'w> JsonList<'w> {
    /// Begins the object with its one member.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn new(out: &'w mut dyn Write, name: &str) -> io::Result<Self> {
        write!(out, "{{\"{name}\":[")?;
        Ok(Self { out, any: false })
    }

    /// Adds an item, given as its members' names and their JSON.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn push(&mut self, members: &[(&str, &[u8])]) -> io::Result<()> {
        self.out.write_all(if self.any { b",\n" } else { b"\n" })?;
        self.any = true;
        for (at, (name, json)) in members.iter().enumerate() {
            self.out.write_all(if at == 0 { b"{" } else { b"," })?;
            write!(self.out, "\"{name}\":")?;
            self.out.write_all(json)?;
        }
        self.out.write_all(b"}")
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
