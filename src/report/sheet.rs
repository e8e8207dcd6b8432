//! CSV, for C1's file import and for spreadsheets. RFC 4180: commas, quotes doubled, lines that end in CR LF.

use std::borrow::Cow;
use std::io::{self, Write};

/// What happens to a cell that a spreadsheet would run as a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formulas {
    /// It stays as it is: for programs.
    Keep,
    /// An apostrophe before it makes it text: for people.
    Disarm,
}

/// A CSV file, or a part of one, that is being written.
pub struct Sheet<'w> {
    writer: csv::Writer<&'w mut dyn Write>,
    formulas: Formulas,
}

impl<'w> Sheet<'w> {
    /// A sheet with these column heads. Before [`Formulas::Disarm`]ed ones stands a byte order mark: without it a
    /// common spreadsheet takes UTF-8 for something else.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn new(out: &'w mut dyn Write, formulas: Formulas, heads: &[&str]) -> io::Result<Self> {
        if formulas == Formulas::Disarm {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let mut sheet = Self::continued(out, formulas);
        sheet.writer.write_record(heads).map_err(io_error)?;
        Ok(sheet)
    }

    /// A sheet whose heads, and perhaps some rows, are written already.
    pub fn continued(out: &'w mut dyn Write, formulas: Formulas) -> Self {
        let writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        Self { writer, formulas }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn push<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
        for cell in cells {
            let cell = match self.formulas {
                Formulas::Keep => Cow::Borrowed(cell),
                Formulas::Disarm => disarmed(cell),
            };
            self.writer.write_field(cell.as_bytes()).map_err(io_error)?;
        }
        self.writer.write_record(None::<&[u8]>).map_err(io_error)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Some cells of a row as the file has them, for many rows that share them.
#[derive(Clone, Debug)]
pub struct Cells(Box<[u8]>);

impl Cells {
    /// These cells. A single one must not be empty: alone in a row it would be quoted.
    ///
    /// # Errors
    /// None that a caller could cause; csv may refuse.
    pub fn new<'c>(
        formulas: Formulas,
        cells: impl IntoIterator<Item = &'c str>,
    ) -> io::Result<Self> {
        let mut row = Vec::new();
        let mut sheet = Sheet::continued(&mut row, formulas);
        sheet.push(cells)?;
        sheet.finish()?;
        row.truncate(row.len() - LINE_END.len());
        debug_assert_ne!(row, b"\"\"", "a single cell that is empty");
        Ok(Self(row.into()))
    }

    /// Appends a row of all these cells.
    pub fn push_row<const N: usize>(parts: [&Self; N], out: &mut Vec<u8>) {
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&part.0);
        }
        out.extend_from_slice(LINE_END);
    }
}

const LINE_END: &[u8] = b"\r\n";

/// The error of the output itself, by which a closed pipe is told; csv keeps it to itself.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// The cell, with an apostrophe before it if a spreadsheet would take it for a formula.
fn disarmed(cell: &str) -> Cow<'_, str> {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sheet(formulas: Formulas, row: [&str; 2]) -> String {
        let mut out = Vec::new();
        let mut sheet = Sheet::new(&mut out, formulas, &["A", "B"]).unwrap();
        sheet.push(row).unwrap();
        sheet.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn quotes_commas_and_line_breaks_are_quoted() {
        assert_eq!(
            sheet(Formulas::Keep, ["a \"b\", c", "d\ne"]),
            "A,B\r\n\"a \"\"b\"\", c\",\"d\ne\"\r\n"
        );
    }

    #[test]
    fn what_a_spreadsheet_would_run_becomes_text_only_when_disarmed() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"] {
            assert!(
                sheet(Formulas::Disarm, [cell, ""]).contains(&format!("'{cell}")),
                "{cell}"
            );
            assert!(!sheet(Formulas::Keep, [cell, ""]).contains('\''), "{cell}");
        }
    }
}
