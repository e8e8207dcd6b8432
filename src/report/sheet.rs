//! CSV, for C1's file import and for spreadsheets. RFC 4180: commas, quotes doubled, lines that end in CR LF.
//!
//! A cell for a spreadsheet does nothing but show its text, whichever separator the spreadsheet was told to expect. A
//! name with another separator, such as `a;=cmd|…`, would begin a cell there, quoted or not: quotes count only where a
//! cell begins.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::QuoteStyle;

use super::printable;

/// What happens to a cell that a spreadsheet would run as a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formulas {
    /// It stays as it is: for programs.
    Keep,
    /// An apostrophe before it makes it text, and characters that hide or reverse text become visible: for people.
    Disarm,
}

/// The first bytes of a file in UTF-8, by which spreadsheets know it.
pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A CSV file, or a part of one, that is being written.
pub struct Sheet<'w> {
    writer: csv::Writer<&'w mut dyn Write>,
    formulas: Formulas,
}

impl<'w> Sheet<'w> {
    /// A sheet with these column heads.
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

    /// A sheet whose heads, and perhaps some rows, are written already.
    pub fn continued(out: &'w mut dyn Write, formulas: Formulas) -> Self {
        let quotes = match formulas {
            Formulas::Keep => QuoteStyle::Necessary,
            // A cell with a semicolon needs quotes too, and csv knows one separator only.
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

    /// Writes what is left.
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

/// Some cells of a row as the file has them, for many rows that share them.
#[derive(Clone, Debug)]
pub struct Cells(Box<[u8]>);

impl Cells {
    /// These cells. A single one must not be empty: alone in a row it would be quoted.
    ///
    /// # Errors
    /// Those of csv, which has none for cells in memory.
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

    /// Length in bytes, as written.
    pub fn bytes(&self) -> usize {
        self.0.len()
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

/// The cell as a spreadsheet may have it. Harmful characters are visible, so there are no line ends, tabs or marks that
/// reverse a name, and an apostrophe precedes whatever would be a formula if a cell began there.
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
        // A space separates cells too if the spreadsheet was told so. A dash or plus between two spaces would then be
        // alone in its cell, where it does nothing.
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

/// Whether some spreadsheet takes a cell that begins with `c` for a formula; forms of other widths count too.
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
