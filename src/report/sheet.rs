//! CSV, for C1's file import and for spreadsheets. RFC 4180: commas, doubled quotes, lines that end with CR LF.
//!
//! For a spreadsheet, cells are escaped so that none runs as a formula, whichever separator the spreadsheet is set to.
//! With another separator, a name such as `a;=cmd|…` would start a new cell, quoted or not, since quotes count only at
//! the start of a cell.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::QuoteStyle;

use super::printable;

/// What to do with a cell that a spreadsheet would run as a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formulas {
    /// Keep it unchanged, for programs.
    Keep,
    /// Put an apostrophe before it, which makes it text, and escape characters that hide or reverse text: for people.
    Disarm,
}

/// The first bytes of a file by which spreadsheets recognize UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A writer of a CSV file, or of a part of one.
pub struct Sheet<'w> {
    writer: csv::Writer<&'w mut dyn Write>,
    formulas: Formulas,
}

impl<'w> Sheet<'w> {
    /// Starts a sheet and writes the column names.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn new(out: &'w mut dyn Write, formulas: Formulas, heads: &[&str]) -> io::Result<Self> {
        let mut writer = csv_writer(QuoteStyle::Necessary, &mut *out);
        writer.write_record(heads).map_err(io_error)?;
        writer.flush()?;
        drop(writer);
        Ok(Self::continued(out, formulas))
    }

    /// Continues a sheet whose column names have been written.
    pub fn continued(out: &'w mut dyn Write, formulas: Formulas) -> Self {
        let quotes = match formulas {
            Formulas::Keep => QuoteStyle::Necessary,
            // A cell with a semicolon needs quotes too, but csv handles one separator only.
            Formulas::Disarm => QuoteStyle::Always,
        };
        Self {
            writer: csv_writer(quotes, out),
            formulas,
        }
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

    /// Flushes the output.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn csv_writer(quotes: QuoteStyle, out: &mut dyn Write) -> csv::Writer<&mut dyn Write> {
    csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .quote_style(quotes)
        .from_writer(out)
}

/// Encoded cells, for rows that share them.
#[derive(Clone, Debug)]
pub struct Cells(Box<[u8]>);

impl Cells {
    /// Encodes cells. A single cell must not be empty, since csv quotes one that is alone in its row.
    ///
    /// # Errors
    /// Those of csv; it has none when it writes to memory.
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

    /// Encoded length in bytes.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Appends a row made of these cells.
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

/// Unwraps the I/O error inside csv's own, by which callers recognize a closed pipe.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Escapes a cell for a spreadsheet. Line ends, tabs and marks that reverse text become visible, and an apostrophe
/// precedes everything that would be a formula if a cell started there.
fn disarmed(cell: &str) -> Cow<'_, str> {
    let shown = printable(cell);
    if !shown.contains(is_start_of_formula) {
        return shown;
    }
    let mut disarmed = String::with_capacity(shown.len() + 4);
    let mut begins = true;
    let mut follows_space = false;
    let mut chars = shown.chars().peekable();
    while let Some(c) = chars.next() {
        // A spreadsheet may be set to separate cells by spaces. A dash or plus between two spaces would then be alone
        // in its cell, where it is harmless.
        let is_alone = chars.peek().is_none_or(|next| next.is_whitespace());
        if is_start_of_formula(c) && (begins || follows_space && !is_alone) {
            disarmed.push('\'');
        }
        disarmed.push(c);
        // Spreadsheets skip spaces before a formula, and remove quotes.
        let is_skipped = c.is_whitespace() || matches!(c, '"' | '\'');
        begins = matches!(c, ',' | ';' | '|') || begins && is_skipped;
        follows_space = c.is_whitespace() || follows_space && is_skipped;
    }
    Cow::Owned(disarmed)
}

/// Whether some spreadsheet reads a cell that starts with `c` as a formula. Includes full-width and small forms.
fn is_start_of_formula(c: char) -> bool {
    matches!(
        c,
        '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹦' | '﹢' | '﹣' | '﹫' | '−'
    )
}

#[cfg(test)]
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
    fn what_a_spreadsheet_would_run_or_hide_becomes_text_only_when_disarmed() {
        for (cell, shown) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1", "'＝1"),
            (" \u{3000}=1", " \u{3000}'=1"),
            ("'=1", "''=1"),
            ("a;=1", "a;'=1"),
            ("a; \"-1\"", "a; \"'-1\""),
            ("a,@x|+1", "a,'@x|'+1"),
            ("a =1 -2", "a '=1 '-2"),
            ("a\n=1", "a\\n=1"),
            ("\t=1", "\\t=1"),
            ("\u{202e}lave", "\\u{202e}lave"),
            // Ordinary texts.
            ("Anna-Maria O'Neil", "Anna-Maria O'Neil"),
            ("Sales - EMEA + US", "Sales - EMEA + US"),
            ("ann@example.com", "ann@example.com"),
            ("role:a:member", "role:a:member"),
        ] {
            let row = format!("A,B\r\n\"{}\",\"\"\r\n", shown.replace('"', "\"\""));
            assert_eq!(sheet(Formulas::Disarm, [cell, ""]), row);
            assert!(sheet(Formulas::Keep, [cell, ""]).contains(&cell.replace('"', "\"\"")));
        }
    }
}
