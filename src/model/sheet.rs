//! A table that a person saved from a spreadsheet, or that another program exported: CSV in UTF-8 with a comma, semicolon
//! or tab between fields, whose first row has the heads of the columns.

use super::{BadPlace, folded};

/// Reads a table row by row.
pub struct SheetReader<'b> {
    bytes: &'b [u8],
    reader: csv::Reader<&'b [u8]>,
    record: csv::ByteRecord,
    /// In the form of [`head`].
    heads: Vec<String>,
    /// Where the row begins, and the line that this is in.
    at: usize,
    line: u64,
}

impl<'b> SheetReader<'b> {
    /// Starts reading a table, with its heads.
    ///
    /// # Errors
    /// When the file is empty, UTF-16 or not CSV.
    pub fn new(bytes: &'b [u8]) -> Result<Self, BadPlace> {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            let problem = "the file is UTF-16; save it as CSV in UTF-8";
            return Err(BadPlace::new(1, 1, problem));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut sheet = Self {
            bytes,
            reader: csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(separator(bytes))
                .from_reader(bytes),
            record: csv::ByteRecord::new(),
            heads: Vec::new(),
            at: 0,
            line: 1,
        };
        let Some(heads) = sheet.next_row()? else {
            return Err(BadPlace::new(1, 1, "the file is empty"));
        };
        let fields = heads.record.iter();
        let heads = fields.map(|field| head(&String::from_utf8_lossy(field)));
        sheet.heads = heads.collect();
        Ok(sheet)
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.heads.len()
    }

    /// Finds the columns that have one of these heads. Case does not matter, and a space, `_` and `-` are alike.
    pub fn columns_named(&self, wanted: &[&str]) -> Vec<usize> {
        let wanted: Vec<String> = wanted.iter().map(|wanted| head(wanted)).collect();
        let is_wanted = |at: &usize| wanted.contains(&self.heads[*at]);
        (0..self.heads.len()).filter(is_wanted).collect()
    }

    /// Reads the next row; blank lines are skipped.
    ///
    /// # Errors
    /// When the table is not CSV, or ends within quotation marks.
    pub fn next_row(&mut self) -> Result<Option<SheetRow<'_>>, BadPlace> {
        // A quotation mark that is never closed swallows the rest of the file.
        let spans_lines = self.record.iter().any(|field| field.contains(&b'\n'));
        let bad_csv = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            BadPlace::new(line, 1, "it is not CSV")
        };
        if !self
            .reader
            .read_byte_record(&mut self.record)
            .map_err(bad_csv)?
        {
            let quotes = self.bytes.iter().filter(|byte| **byte == b'"').count();
            if spans_lines && quotes % 2 == 1 {
                let problem = "a quotation mark is not closed";
                return Err(BadPlace::new(self.line, 1, problem));
            }
            return Ok(None);
        }
        self.move_to_record();
        Ok(Some(SheetRow {
            record: &self.record,
            line: self.line,
        }))
    }

    /// Moves to the beginning of the record. The position that csv gives is before the blank lines that it skips.
    fn move_to_record(&mut self) {
        let at = self.record.position().map_or(0, csv::Position::byte);
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let at = at.clamp(self.at, self.bytes.len());
        let blank = self.bytes[at..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let at = at + blank.count();
        let passed = &self.bytes[self.at..at];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = at;
    }
}

/// One row of a table.
pub struct SheetRow<'r> {
    record: &'r csv::ByteRecord,
    line: u64,
}

impl<'r> SheetRow<'r> {
    /// Returns the text of a field without the space around it; empty if the row or the table does not have the field.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self, column: Option<usize>) -> Result<&'r str, BadPlace> {
        let field = column.and_then(|at| self.record.get(at));
        match std::str::from_utf8(field.unwrap_or_default()) {
            Ok(text) => Ok(text.trim()),
            Err(_) => Err(self.bad(column.unwrap_or_default(), "the text is not UTF-8")),
        }
    }

    /// Whether no field has a text.
    pub fn is_blank(&self) -> bool {
        self.record
            .iter()
            .all(|field| field.trim_ascii().is_empty())
    }

    /// Returns the line that it begins in, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Says what is wrong with a field.
    pub fn bad(&self, column: usize, problem: impl Into<String>) -> BadPlace {
        BadPlace::new(self.line, column as u64 + 1, problem)
    }
}

/// A head in the form in which heads are compared.
fn head(text: &str) -> String {
    let folded = folded(text);
    let words = folded.split(|c: char| c.is_whitespace() || matches!(c, '_' | '-'));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The separator: whichever of the three is most frequent in the first line, outside quotes.
fn separator(bytes: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut is_quoted = false;
    for byte in bytes {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => break,
            _ if is_quoted => {}
            _ => {
                for (separator, count) in &mut counts {
                    *count += usize::from(separator == byte);
                }
            }
        }
    }
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    most.map_or(b',', |(separator, _)| separator)
}
