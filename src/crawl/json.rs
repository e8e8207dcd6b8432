//! Parses JSON while it arrives. A list of roles may be one response of a gigabyte: its objects and lists are walked here,
//! and each value that is needed as a whole is passed on as bytes in memory, which serde_json parses several times as fast
//! as a reader and can borrow text from.

use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memchr2;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Bytes to read at a time, and the initial size of the buffer: small enough that the allocator needs no new pages.
const CHUNK: usize = 64 << 10;
/// The longest text that is accepted, in bytes, even in fields that are not used. Real ones have a few dozen.
const MAX_TEXT: usize = 64 << 10;
/// The largest value that is kept in memory as a whole, in bytes. A member or a role membership has about a thousand.
const MAX_VALUE: usize = 1 << 20;
/// The deepest nesting that is accepted, as in serde_json.
const MAX_DEPTH: usize = 128;
/// How many characters of a field's path or of a row's id a message shows.
const MAX_SHOWN: usize = 80;

/// The byte order mark, which some servers send before JSON. It is ignored.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Limits on the data that a server may send. Each is far beyond what PostHog sends, and none is a number of rows: a
/// server that ignores `limit` can still be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Size of one response after decompression, in bytes. A million memberships take about 1.1 GB.
    pub response: u64,
    /// Memory for the rows of all responses that are being read, in bytes.
    pub rows_in_memory: u64,
    /// Average size of the values kept during a crawl, in bytes per row. A member has about 500, a membership about a
    /// thousand.
    pub row_average: u64,
    /// Bytes of values that are exempt from the average.
    pub allowance: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            response: 4 << 30,
            rows_in_memory: 128 << 20,
            row_average: 4 << 10,
            allowance: 16 << 20,
        }
    }
}

/// How much of the limits the responses of one crawl have used so far; shared by all workers.
#[derive(Debug, Default)]
pub(super) struct Budget {
    limits: Limits,
    rows: AtomicU64,
    /// Bytes of values passed on.
    held: AtomicU64,
    /// Memory of rows in responses that are being read.
    in_memory: AtomicU64,
}

/// Why a value could not be read.
#[derive(Debug)]
pub(super) enum JsonError {
    Io(io::Error),
    /// The input ended within a value.
    Truncated,
    /// Not JSON.
    Syntax(String),
    /// JSON of another shape than expected.
    Shape(BadValue),
    /// More data than the limits allow.
    OverLimit(BadValue),
}

/// What is wrong with a value, and where that value is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct BadValue {
    problem: String,
    /// The path to the value, such as `user.uuid`; empty for the whole text.
    field: String,
    /// The id of its row, if it is known.
    row: Option<String>,
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.field, &self.row) {
            ("", None) => {}
            ("", Some(row)) => write!(f, "row `{row}`: ")?,
            (field, None) => write!(f, "field `{field}`: ")?,
            (field, Some(row)) => write!(f, "field `{field}` of row `{row}`: ")?,
        }
        f.write_str(&self.problem)
    }
}

/// Marks the message of a [`de::Error`] about an exceeded limit, since serde_json keeps nothing but text.
const OVER_LIMIT: &str = "over the limit: ";

/// Returns the error of a deserializer about an exceeded limit.
pub(super) fn over_limit<E: de::Error>(problem: impl fmt::Display) -> E {
    E::custom(format_args!("{OVER_LIMIT}{problem}"))
}

impl JsonError {
    /// Returns the error about a missing field.
    pub(super) fn missing(name: &str) -> Self {
        Self::shape(format!("missing field `{name}`"))
    }

    pub(super) fn shape(problem: String) -> Self {
        Self::Shape(BadValue {
            problem,
            ..BadValue::default()
        })
    }

    pub(super) fn over_limit(problem: String) -> Self {
        Self::OverLimit(BadValue {
            problem,
            ..BadValue::default()
        })
    }

    /// Prepends `parent` to the path of the value.
    fn within(self, parent: &str) -> Self {
        let mut parent = shortened(parent);
        self.located(|bad_value| {
            if !bad_value.field.is_empty() {
                parent.push('.');
            }
            bad_value.field.insert_str(0, &parent);
        })
    }

    /// Removes `parent` from the beginning of the path, where it says nothing new.
    pub(super) fn below(self, parent: &str) -> Self {
        self.located(|bad_value| {
            if let Some(rest) = bad_value.field.strip_prefix(parent) {
                bad_value.field = rest.trim_start_matches('.').to_owned();
            }
        })
    }

    /// Sets the id of the row, unless an inner row is set already.
    pub(super) fn in_row(self, id: Option<&str>) -> Self {
        self.located(|bad_value| {
            if bad_value.row.is_none() {
                bad_value.row = id.map(shortened);
            }
        })
    }

    fn located(mut self, locate: impl FnOnce(&mut BadValue)) -> Self {
        if let Self::Shape(bad_value) | Self::OverLimit(bad_value) = &mut self {
            locate(bad_value);
        }
        self
    }
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // Drops the position, which is relative to a value somewhere in a large response.
        let problem = text
            .rsplit_once(" at line ")
            .map_or(&*text, |(what, _)| what);
        match (error.classify(), problem.strip_prefix(OVER_LIMIT)) {
            (serde_json::error::Category::Data, Some(problem)) => {
                Self::over_limit(problem.to_owned())
            }
            (serde_json::error::Category::Data, None) => Self::shape(problem.to_owned()),
            // The value is complete, so an unexpected end is a syntax error.
            _ => Self::Syntax(problem.to_owned()),
        }
    }
}

/// Parses a value. An error names the field, which is only searched for when there is an error.
///
/// # Errors
/// When the value is not JSON, or has another shape.
pub(super) fn from_slice<'v, T: Deserialize<'v>>(value: &'v [u8]) -> Result<T, JsonError> {
    serde_json::from_slice(value).map_err(|error| located::<T>(value, error))
}

/// Adds the field to an error of parsing `value`.
fn located<'v, T: Deserialize<'v>>(value: &'v [u8], error: serde_json::Error) -> JsonError {
    let mut json = serde_json::Deserializer::from_slice(value);
    let path = serde_path_to_error::deserialize::<_, T>(&mut json)
        .err()
        .map(|error| error.path().to_string());
    let error = JsonError::from(error).in_row(Inspection::of(value).id.as_deref());
    match path {
        Some(path) if path != "." => error.within(&path),
        _ => error,
    }
}

/// Shortens a path or an id for a message.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// One JSON text that is read from beginning to end.
pub(super) struct JsonStream<'r> {
    input: &'r mut dyn Read,
    budget: &'r Budget,
    buffer: Vec<u8>,
    /// `buffer[start..end]` was read and not consumed yet.
    start: usize,
    end: usize,
    /// How many objects and lists are being walked.
    open: usize,
    /// Whether the byte order mark was checked for.
    is_begun: bool,
    /// Bytes read so far.
    length: u64,
    /// This response's share of `budget.in_memory`.
    in_memory: u64,
    /// Rows of the outermost list that was read to its end.
    rows: Option<u64>,
}

impl Drop for JsonStream<'_> {
    fn drop(&mut self) {
        self.budget
            .in_memory
            .fetch_sub(self.in_memory, Ordering::Relaxed);
    }
}

impl<'r> JsonStream<'r> {
    /// Creates a stream over `input` that counts toward the crawl's `budget`.
    pub(super) fn new(input: &'r mut dyn Read, budget: &'r Budget) -> Self {
        Self {
            input,
            budget,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            open: 0,
            is_begun: false,
            length: 0,
            in_memory: 0,
            rows: None,
        }
    }

    /// Parses the next value, which may borrow from the buffer.
    ///
    /// # Errors
    /// When it is not JSON, has another shape, or is too large.
    pub(super) fn parse<'s, T: Deserialize<'s>>(&'s mut self) -> Result<T, JsonError> {
        self.parse_for(Retention::Kept)
    }

    fn parse_for<'s, T: Deserialize<'s>>(
        &'s mut self,
        retention: Retention,
    ) -> Result<T, JsonError> {
        let is_inner = self.open > 0;
        let (value, end) = self.next(retention)?;
        let is_number = matches!(value.first(), Some(b'-' | b'0'..=b'9'));
        match (serde_json::from_slice(value), end) {
            // Without a following byte, a number or word may be incomplete.
            (Ok(_), End::OfInput) if is_inner => Err(JsonError::Truncated),
            (Err(_), End::OfInput) if is_inner && is_number => Err(JsonError::Truncated),
            (Err(error), End::OfInput) if error.is_eof() => Err(JsonError::Truncated),
            (Err(error), _) => Err(located::<T>(value, error)),
            (Ok(parsed), _) => Ok(parsed),
        }
    }

    /// Skips the next value of any size, unless a text or a number in it exceeds the limits.
    ///
    /// # Errors
    /// When it is not JSON, or nested too deeply.
    pub(super) fn skip(&mut self) -> Result<(), JsonError> {
        self.skip_nested(MAX_DEPTH)
    }

    fn skip_nested(&mut self, depth: usize) -> Result<(), JsonError> {
        match (self.peek()?, depth) {
            (b'{' | b'[', 0) => {
                let problem = format!("nested more than {MAX_DEPTH} levels deep");
                Err(JsonError::Syntax(problem))
            }
            (b'{', _) => self.object("an object", |this, _| this.skip_nested(depth - 1)),
            (b'[', _) => self.list("a list", |this| this.skip_nested(depth - 1)),
            _ => self.parse_for::<IgnoredAny>(Retention::Dropped).map(drop),
        }
    }

    /// Returns the bytes of the next value. Only its end was searched for: the caller must check that it is valid JSON.
    ///
    /// # Errors
    /// When the input ends before the value does, or the value is too large.
    pub(super) fn value(&mut self) -> Result<&[u8], JsonError> {
        match self.next(Retention::Kept)? {
            (value, End::OfValue) => Ok(value),
            (_, End::OfInput) => Err(JsonError::Truncated),
        }
    }

    /// Counts a row that is kept until the whole response was read, and the memory it takes.
    ///
    /// # Errors
    /// When the rows of all responses that are being read take too much memory.
    pub(super) fn keep_row(&mut self, memory: usize) -> Result<(), JsonError> {
        let memory = memory as u64;
        self.in_memory += memory;
        self.budget.rows.fetch_add(1, Ordering::Relaxed);
        let all = self.budget.in_memory.fetch_add(memory, Ordering::Relaxed) + memory;
        let limit = self.budget.limits.rows_in_memory;
        if all > limit {
            let problem = format!("its rows take more than {} MiB of memory", limit >> 20);
            return Err(JsonError::over_limit(problem));
        }
        Ok(())
    }

    /// Records the length of a list that was read to its end. Inner lists end first.
    pub(super) fn note_rows(&mut self, rows: u64) {
        self.rows = Some(rows);
    }

    /// Returns the length of the outermost list that was read to its end.
    pub(super) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// Counts a value that is kept in memory.
    fn hold(&self, length: usize) -> Result<(), JsonError> {
        let Budget {
            limits, rows, held, ..
        } = self.budget;
        let length = length as u64;
        let held = held.fetch_add(length, Ordering::Relaxed) + length;
        let rows = rows.load(Ordering::Relaxed);
        if held > limits.allowance + rows * limits.row_average {
            let problem = format!(
                "rows of more than {} KiB on average",
                limits.row_average >> 10
            );
            return Err(JsonError::over_limit(problem));
        }
        Ok(())
    }

    /// Returns the bytes of the next value, and what ended them.
    fn next(&mut self, retention: Retention) -> Result<(&[u8], End), JsonError> {
        self.peek()?;
        let mut finder = EndFinder::default();
        let mut seen = 0;
        let (length, end) = loop {
            let unseen = &self.buffer[self.start + seen..self.end];
            if let Some(length) = finder.find(unseen) {
                break (seen + length, End::OfValue);
            }
            seen += unseen.len();
            if seen > MAX_VALUE {
                return Err(too_large(&self.buffer[self.start..self.end], &finder));
            }
            if !self.fill()? {
                break (seen, End::OfInput);
            }
        };
        if retention == Retention::Kept {
            self.hold(length)?;
        }
        let value = self.start..self.start + length;
        self.start = value.end;
        let value = &self.buffer[value];
        // A shorter value cannot contain a text that is too long.
        if length > MAX_TEXT {
            Inspection::of(value).check_texts()?;
        }
        Ok((value, end))
    }

    /// Walks an object. `member` is called with each name and consumes the value. `expecting` describes the object in
    /// messages.
    ///
    /// # Errors
    /// When the next value is not an object, and the errors of `member`.
    pub(super) fn object(
        &mut self,
        expecting: &str,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.walk(b'{', b'}', expecting, |this| {
            if this.peek()? != b'"' {
                return Err(JsonError::Syntax("expected a name".to_owned()));
            }
            let name: String = this.parse_for(Retention::Dropped)?;
            match this.take()? {
                b':' => member(this, &name).map_err(|error| error.within(&name)),
                _ => Err(JsonError::Syntax(format!("expected `:` after `{name}`"))),
            }
        })
    }

    /// Walks a list. `element` is called once for each value and consumes it.
    ///
    /// # Errors
    /// When the next value is not a list, and the errors of `element`.
    pub(super) fn list(
        &mut self,
        expecting: &str,
        element: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.walk(b'[', b']', expecting, element)
    }

    /// Whether the next value is a list.
    ///
    /// # Errors
    /// When the input ends before it.
    pub(super) fn is_list(&mut self) -> Result<bool, JsonError> {
        Ok(self.peek()? == b'[')
    }

    /// Parses a text, a number, `true`, `false` or null; skips an object or a list, and returns `None` for it.
    ///
    /// # Errors
    /// When it is not JSON, or exceeds the limits.
    pub(super) fn scalar(&mut self) -> Result<Option<serde_json::Value>, JsonError> {
        match self.peek()? {
            b'{' | b'[' => self.skip().map(|()| None),
            _ => self.parse().map(Some),
        }
    }

    /// Whether the next value is an object.
    ///
    /// # Errors
    /// When the input ends before it.
    pub(super) fn is_object(&mut self) -> Result<bool, JsonError> {
        Ok(self.peek()? == b'{')
    }

    /// Checks that nothing follows the text.
    ///
    /// # Errors
    /// When something does.
    pub(super) fn end(mut self) -> Result<(), JsonError> {
        match self.peek() {
            Err(JsonError::Truncated) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(JsonError::Syntax("trailing characters".to_owned())),
        }
    }

    fn walk(
        &mut self,
        open: u8,
        close: u8,
        expecting: &str,
        mut part: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if self.peek()? != open {
            let found = kind(self.peek()?)?;
            let problem = format!("expected {expecting}, found {found}");
            return Err(JsonError::shape(problem));
        }
        self.take()?;
        self.open += 1;
        if self.peek()? == close {
            self.take()?;
        } else {
            loop {
                part(self)?;
                match self.take()? {
                    b',' => {}
                    last if last == close => break,
                    _ => {
                        let problem = format!("expected `,` or `{}`", char::from(close));
                        return Err(JsonError::Syntax(problem));
                    }
                }
            }
        }
        self.open -= 1;
        Ok(())
    }

    /// Consumes and returns the next byte that is not white space.
    fn take(&mut self) -> Result<u8, JsonError> {
        let next = self.peek()?;
        self.start += 1;
        Ok(next)
    }

    /// Returns the next byte that is not white space without consuming it.
    fn peek(&mut self) -> Result<u8, JsonError> {
        if !self.is_begun {
            self.begin()?;
        }
        loop {
            let unseen = &self.buffer[self.start..self.end];
            match unseen.iter().position(|byte| !is_space(*byte)) {
                Some(at) => {
                    self.start += at;
                    return Ok(self.buffer[self.start]);
                }
                None => {
                    self.start = self.end;
                    if !self.fill()? {
                        return Err(JsonError::Truncated);
                    }
                }
            }
        }
    }

    /// Skips the byte order mark, if there is one.
    fn begin(&mut self) -> Result<(), JsonError> {
        self.is_begun = true;
        while BYTE_ORDER_MARK.starts_with(&self.buffer[..self.end.min(BYTE_ORDER_MARK.len())]) {
            if self.end >= BYTE_ORDER_MARK.len() {
                self.start = BYTE_ORDER_MARK.len();
                break;
            }
            if !self.fill()? {
                break;
            }
        }
        Ok(())
    }

    /// Reads more input; false at its end.
    fn fill(&mut self) -> Result<bool, JsonError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.buffer.len() - self.end < CHUNK / 2 {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(length) => {
                    self.end += length;
                    self.length += length as u64;
                    let limit = self.budget.limits.response;
                    if self.length > limit {
                        let problem = format!("it has more than {} MiB", limit >> 20);
                        return Err(JsonError::over_limit(problem));
                    }
                    return Ok(length > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(JsonError::Io(error)),
            }
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Returns the type of a value by its first byte.
fn kind(first: u8) -> Result<&'static str, JsonError> {
    Ok(match first {
        b'{' => "an object",
        b'[' => "a list",
        b'"' => "text",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        b'-' | b'0'..=b'9' => "a number",
        _ => return Err(JsonError::Syntax("expected value".to_owned())),
    })
}

/// Whether a value stays in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retention {
    /// It is passed on, and all or part of it may be kept.
    Kept,
    /// It is dropped at once.
    Dropped,
}

/// Returns which limit the beginning of a value exceeds.
fn too_large(beginning: &[u8], finder: &EndFinder) -> JsonError {
    let inspection = Inspection::of(beginning);
    if let Err(error) = inspection.check_texts() {
        return error;
    }
    // Measured with its escapes, which can only make it longer.
    if finder.in_text && finder.text_length > MAX_TEXT {
        return inspection.long_text();
    }
    JsonError::over_limit(format!("a value of more than {} MiB", MAX_VALUE >> 20))
        .in_row(inspection.id.as_deref())
}

/// Looks through a value that may be too large to parse, for the first text that is too long or the field in which the value
/// breaks off.
#[derive(Default)]
struct Inspection {
    path: Vec<String>,
    has_long_text: bool,
    /// The id of the row.
    id: Option<String>,
}

impl Inspection {
    fn of(value: &[u8]) -> Self {
        let mut inspection = Self::default();
        let mut json = serde_json::Deserializer::from_slice(value);
        // `path` has where it stopped, and `has_long_text` why. Other errors are found again when the value is parsed.
        let _ = (&mut inspection).deserialize(&mut json);
        inspection
    }

    fn check_texts(&self) -> Result<(), JsonError> {
        if self.has_long_text {
            Err(self.long_text())
        } else {
            Ok(())
        }
    }

    fn long_text(&self) -> JsonError {
        let error = JsonError::over_limit(format!("a text of more than {} KiB", MAX_TEXT >> 10));
        let error = error.in_row(self.id.as_deref());
        match &*self.path {
            [] => error,
            path => error.within(&path.join(".")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Inspection {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Inspection {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            self.path.push(shortened(&name));
            if name.len() > MAX_TEXT {
                self.has_long_text = true;
                return Err(de::Error::custom("too long"));
            }
            map.next_value_seed(&mut *self)?;
            self.path.pop();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        if text.len() > MAX_TEXT {
            self.has_long_text = true;
            return Err(E::custom("too long"));
        }
        if self.path == ["id"] {
            self.id = Some(text.to_owned());
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// What ended a value.
enum End {
    /// Its last byte, or the byte after it.
    OfValue,
    /// The end of the input. A number or word may be complete nevertheless.
    OfInput,
}

/// Searches for the end of one value, piece by piece.
#[derive(Default)]
struct EndFinder {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    /// Bytes of the current text so far, without its quotes.
    text_length: usize,
}

impl EndFinder {
    /// Returns how much of `piece` belongs to the value, if the value ends there.
    fn find(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            if self.is_escaped {
                self.is_escaped = false;
                self.text_length += 1;
                at += 1;
            } else if self.in_text {
                let rest = &piece[at..];
                let Some(length) = memchr2(b'"', b'\\', rest) else {
                    self.text_length += rest.len();
                    return None;
                };
                self.text_length += length + 1;
                at += length + 1;
                self.is_escaped = piece[at - 1] == b'\\';
                self.in_text = self.is_escaped;
                if !self.in_text && self.depth == 0 {
                    return Some(at);
                }
            } else {
                match byte {
                    b'"' => {
                        self.in_text = true;
                        self.text_length = 0;
                    }
                    b'{' | b'[' => self.depth += 1,
                    // Ends a number or word, and belongs to the enclosing object or list.
                    b'}' | b']' | b',' | b':' if self.depth == 0 => return Some(at),
                    _ if self.depth == 0 && is_space(byte) => return Some(at),
                    b'}' | b']' => {
                        self.depth -= 1;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    /// Returns a few bytes at a time, as a network may.
    struct Trickle<'t> {
        rest: &'t [u8],
        step: usize,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let length = self.rest.len().min(self.step).min(out.len());
            let (now, rest) = self.rest.split_at(length);
            out[..length].copy_from_slice(now);
            self.rest = rest;
            Ok(length)
        }
    }

    /// Skips a whole text.
    fn skipped(text: &[u8], step: usize) -> Result<(), JsonError> {
        let mut input = Trickle { rest: text, step };
        let budget = Budget::default();
        let mut json = JsonStream::new(&mut input, &budget);
        json.skip()?;
        json.end()
    }

    /// Reads a value by walking its objects and lists down to the given depth, and parsing what is deeper.
    fn walked(json: &mut JsonStream<'_>, depth: usize) -> Result<Value, JsonError> {
        if depth > 0 && json.is_list()? {
            let mut list = Vec::new();
            json.list("a list", |json| {
                list.push(walked(json, depth - 1)?);
                Ok(())
            })?;
            return Ok(Value::Array(list));
        }
        if depth > 0 && json.peek()? == b'{' {
            let mut object = Map::new();
            json.object("an object", |json, name| {
                object.insert(name.to_owned(), walked(json, depth - 1)?);
                Ok(())
            })?;
            return Ok(Value::Object(object));
        }
        json.parse()
    }

    fn read(text: &[u8], step: usize, depth: usize) -> Result<Value, JsonError> {
        let mut input = Trickle { rest: text, step };
        let budget = Budget::default();
        let mut json = JsonStream::new(&mut input, &budget);
        let value = walked(&mut json, depth)?;
        json.end()?;
        Ok(value)
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            r#"["\\{}\[\],:a-c é]{0,8}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((r#"["\\{}a]{0,3}"#, inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn walked_value_is_the_one_that_was_written(
            value in values(), step in 1_usize..9, depth in 0_usize..5, pretty: bool,
        ) {
            let text = if pretty {
                serde_json::to_vec_pretty(&value).unwrap()
            } else {
                serde_json::to_vec(&value).unwrap()
            };
            prop_assert!(skipped(&text, step).is_ok());
            prop_assert_eq!(read(&text, step, depth).unwrap(), value);
        }

        #[test]
        fn only_text_that_serde_json_accepts_is_accepted(
            text in r#"[\[\]{}",:\\ta1 ]{0,12}"#, step in 1_usize..4, depth in 0_usize..3,
        ) {
            if read(text.as_bytes(), step, depth).is_ok() {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
            }
            prop_assert_eq!(
                skipped(text.as_bytes(), step).is_ok(), serde_json::from_str::<Value>(&text).is_ok(), "{}", text
            );
        }

        #[test]
        fn text_that_ends_early_is_truncated(value in values(), depth in 0_usize..5, at: prop::sample::Index) {
            let text = serde_json::to_vec(&Value::Array(vec![value])).unwrap();
            let short = &text[..at.index(text.len())];
            prop_assert!(matches!(read(short, 3, depth), Err(JsonError::Truncated)));
        }
    }

    #[test]
    fn number_at_the_end_of_the_input_is_truncated_in_a_list_and_complete_alone() {
        for text in ["[-", "[1", "[1.", "[1e"] {
            assert!(matches!(
                read(text.as_bytes(), 3, 1),
                Err(JsonError::Truncated)
            ));
        }
        assert_eq!(read(b"12", 1, 1).unwrap(), Value::from(12));
    }

    #[test]
    fn byte_order_mark_before_the_text_is_ignored() {
        for step in 1..5 {
            let read = |text: &[u8]| read(text, step, 2);
            assert_eq!(read(b"\xef\xbb\xbf[1]").unwrap(), serde_json::json!([1]));
            assert_eq!(read(b"\xef\xbb\xbf 12").unwrap(), Value::from(12));
            for text in [
                &b"\xef\xbb[1]"[..],
                b"\xef\xbb\xbf\xef\xbb\xbf[1]",
                b"[\xef\xbb\xbf1]",
            ] {
                assert!(matches!(read(text), Err(JsonError::Syntax(_))));
            }
            assert!(matches!(read(b"\xef\xbb\xbf"), Err(JsonError::Truncated)));
        }
    }

    #[test]
    fn skipped_value_may_be_larger_than_one_that_is_kept() {
        let element = format!("\"{}\"", "x".repeat(MAX_TEXT));
        let list = format!("[{}]", vec![element; 17].join(","));
        assert!(skipped(list.as_bytes(), CHUNK).is_ok());
        assert!(matches!(
            read(list.as_bytes(), CHUNK, 0),
            Err(JsonError::OverLimit(_))
        ));
        let deep = "[".repeat(200_000);
        assert!(matches!(
            skipped(deep.as_bytes(), CHUNK),
            Err(JsonError::Syntax(_))
        ));
    }

    #[test]
    fn endless_value_is_refused_before_it_fills_the_memory() {
        let budget = Budget::default();
        for beginning in ["[", "1", "\"x", "{\"a\":\"x"] {
            let mut rest = io::repeat(*beginning.as_bytes().last().unwrap());
            let mut input = beginning.as_bytes().chain(&mut rest);
            let mut json = JsonStream::new(&mut input, &budget);
            assert!(matches!(json.value(), Err(JsonError::OverLimit(_))));
            assert!(json.buffer.len() <= 4 * MAX_VALUE);
        }
    }

    #[test]
    fn endless_response_is_refused() {
        let budget = Budget {
            limits: Limits {
                response: 1 << 20,
                ..Limits::default()
            },
            ..Budget::default()
        };
        for beginning in ["", "[", "{\"a\": [\"\""] {
            for rest in [" ", "\n"] {
                let mut input = beginning.as_bytes().chain(io::repeat(rest.as_bytes()[0]));
                let mut json = JsonStream::new(&mut input, &budget);
                let Err(JsonError::OverLimit(bad_value)) = json.skip() else {
                    panic!("{beginning}");
                };
                assert!(bad_value.to_string().ends_with("it has more than 1 MiB"));
            }
        }
    }

    /// Reads a list of rows and keeps each until the whole response was read.
    fn keep_all(text: &str, budget: &Budget) -> Result<(), JsonError> {
        let mut input = text.as_bytes();
        let mut json = JsonStream::new(&mut input, budget);
        json.list("a list", |json| {
            let length = json.value()?.len();
            json.keep_row(length)
        })
    }

    #[test]
    fn rows_are_limited_on_average_and_by_the_memory_of_one_response() {
        let budget = || Budget {
            limits: Limits {
                row_average: 100,
                allowance: 1_000,
                rows_in_memory: 10_000,
                ..Limits::default()
            },
            ..Budget::default()
        };
        let rows = |length: usize, count: usize| {
            let row = format!("\"{}\"", "x".repeat(length - 2));
            format!("[{}]", vec![row; count].join(","))
        };
        let is_over_limit = |result| matches!(result, Err(JsonError::OverLimit(_)));
        assert!(keep_all(&rows(100, 100), &budget()).is_ok());
        assert!(is_over_limit(keep_all(&rows(100, 101), &budget())));
        assert!(is_over_limit(keep_all(&rows(500, 4), &budget())));
        // Finished responses no longer count toward the memory, and their rows lower the average.
        let budget = budget();
        assert!(keep_all(&rows(50, 100), &budget).is_ok());
        assert!(keep_all(&rows(500, 14), &budget).is_ok());
        assert!(is_over_limit(keep_all(&rows(500, 4), &budget)));
    }

    #[test]
    fn error_names_the_field_and_the_row() {
        #[derive(Debug, Deserialize)]
        #[allow(dead_code, reason = "only parsed")]
        struct Row {
            id: String,
            user: User,
        }
        #[derive(Debug, Deserialize)]
        #[allow(dead_code, reason = "only parsed")]
        struct User {
            uuid: String,
            age: u8,
        }
        let message_of = |row: &str| {
            let text = format!("{{\"rows\": [{row}]}}");
            let mut input = text.as_bytes();
            let budget = Budget::default();
            let mut json = JsonStream::new(&mut input, &budget);
            let read = json.object("an object", |json, _| {
                json.list("a list", |json| json.parse::<Row>().map(drop))
            });
            match read.unwrap_err() {
                JsonError::Shape(bad_value) | JsonError::OverLimit(bad_value) => {
                    bad_value.to_string()
                }
                other => panic!("{other:?}"),
            }
        };
        let long = "x".repeat(MAX_TEXT + 1);
        for (row, message) in [
            (
                r#"{"id": "7", "user": {"uuid": "a", "age": 300}}"#,
                "field `rows.user.age` of row `7`: invalid value: integer `300`, expected u8",
            ),
            (
                r#"{"id": "7", "user": {"age": 3}}"#,
                "field `rows.user` of row `7`: missing field `uuid`",
            ),
            (
                r#"{"id": 7}"#,
                "field `rows.id`: invalid type: integer `7`, expected a string",
            ),
            (
                "5",
                "field `rows`: invalid type: integer `5`, expected struct Row",
            ),
            (
                &format!(r#"{{"user": {{"uuid": "{long}"}}, "id": "7"}}"#),
                "field `rows.user.uuid`: a text of more than 64 KiB",
            ),
            (
                &format!(r#"{{"id": "7", "other": [{{"{long}": 1}}]}}"#),
                &format!(
                    "field `rows.other.{}…` of row `7`: a text of more than 64 KiB",
                    "x".repeat(MAX_SHOWN - "other.".len())
                ),
            ),
        ] {
            assert_eq!(message_of(row), message);
        }
    }
}
