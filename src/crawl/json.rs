//! JSON taken apart while it comes in. A list of roles is one answer of a gigabyte: its objects and lists are walked
//! here, and each value that is wanted whole is handed out as bytes in memory, where it parses several times as fast as
//! from a reader and may lend its texts.

use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memchr2;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Bytes asked for at a time, and the buffer to begin with: small enough to be had without asking the system for pages.
const CHUNK: usize = 64 << 10;
/// Longest text that is accepted, in bytes, whether its field is used or not. Real ones have a few dozen.
const MAX_TEXT: usize = 64 << 10;
/// Largest value that is handed out whole, in bytes. A member or a role membership has about a thousand.
const MAX_VALUE: usize = 1 << 20;
/// Deepest nesting that is walked over; serde_json stops there too.
const MAX_DEPTH: usize = 128;
/// Characters of a field's path or of a row's id that a message shows.
const MAX_SHOWN: usize = 80;

/// The byte order mark, which some servers put before JSON in UTF-8. It means nothing there.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";

/// Bounds on what a server may make us hold. Each is far beyond what PostHog sends, and none is a number of rows: a
/// server that ignores `limit` is still read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes that one answer may have, once decompressed. A million memberships have about 1.1 GB.
    pub answer: u64,
    /// Memory that the rows of all answers being read may take together until they are handed over, in bytes.
    pub rows_in_memory: u64,
    /// Bytes that the values held in a crawl may have on average, for each row so far. A member has about 500, a
    /// membership about a thousand.
    pub row_average: u64,
    /// Bytes of values held that the average is not applied to.
    pub allowance: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: 4 << 30,
            rows_in_memory: 128 << 20,
            row_average: 4 << 10,
            allowance: 16 << 20,
        }
    }
}

/// What the answers of one crawl have made us hold so far; shared by all that are read at a time.
#[derive(Debug, Default)]
pub(super) struct Load {
    limits: Limits,
    rows: AtomicU64,
    /// Bytes of values handed out.
    held: AtomicU64,
    /// Memory of rows in answers that are being read.
    in_memory: AtomicU64,
}

/// What came instead of the wanted value.
#[derive(Debug)]
pub(super) enum JsonError {
    /// The input failed.
    Io(io::Error),
    /// The input ended within a value.
    Cut,
    /// Not JSON.
    Syntax(String),
    /// JSON, but not what was wanted.
    Shape(Misfit),
    /// More than is accepted.
    Excess(Misfit),
}

/// What is wrong with a value, and where that value is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Misfit {
    /// What is wrong.
    problem: String,
    /// The path to the value, such as `user.uuid`; empty for the whole.
    field: String,
    /// The id of its row, if it was read.
    row: Option<String>,
}

impl fmt::Display for Misfit {
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

/// How the message of a [`de::Error`] begins that is about more than is accepted: serde_json keeps nothing but text.
const EXCESS: &str = "more than is accepted: ";

/// The error of a deserializer that found more than is accepted.
pub(super) fn excess<E: de::Error>(problem: impl fmt::Display) -> E {
    E::custom(format_args!("{EXCESS}{problem}"))
}

impl JsonError {
    /// JSON, but an object without the member `name`.
    pub(super) fn missing(name: &str) -> Self {
        Self::shape(format!("missing field `{name}`"))
    }

    /// JSON, but not what was wanted.
    pub(super) fn shape(problem: String) -> Self {
        Self::Shape(Misfit {
            problem,
            ..Misfit::default()
        })
    }

    /// More than is accepted.
    pub(super) fn excess(problem: String) -> Self {
        Self::Excess(Misfit {
            problem,
            ..Misfit::default()
        })
    }

    /// The same, with the path to the value beginning at `parent`.
    fn within(self, parent: &str) -> Self {
        let mut parent = shortened(parent);
        self.located(|misfit| {
            if !misfit.field.is_empty() {
                parent.push('.');
            }
            misfit.field.insert_str(0, &parent);
        })
    }

    /// The same, with the path beginning below `parent`, where everybody knows that it is.
    pub(super) fn below(self, parent: &str) -> Self {
        self.located(|misfit| {
            if let Some(rest) = misfit.field.strip_prefix(parent) {
                misfit.field = rest.trim_start_matches('.').to_owned();
            }
        })
    }

    /// The same, in the row with this id, unless it is in a row within that one.
    pub(super) fn in_row(self, id: Option<&str>) -> Self {
        self.located(|misfit| {
            if misfit.row.is_none() {
                misfit.row = id.map(shortened);
            }
        })
    }

    fn located(mut self, locate: impl FnOnce(&mut Misfit)) -> Self {
        if let Self::Shape(misfit) | Self::Excess(misfit) = &mut self {
            locate(misfit);
        }
        self
    }
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // Where in the value it is; the value is somewhere in an answer of a gigabyte.
        let problem = text
            .rsplit_once(" at line ")
            .map_or(&*text, |(what, _)| what);
        match (error.classify(), problem.strip_prefix(EXCESS)) {
            (serde_json::error::Category::Data, Some(problem)) => Self::excess(problem.to_owned()),
            (serde_json::error::Category::Data, None) => Self::shape(problem.to_owned()),
            // What is parsed is whole, so an end within it is no cut.
            _ => Self::Syntax(problem.to_owned()),
        }
    }
}

/// Parses a whole value. An error says which field it is about; finding that out costs nothing until there is one.
///
/// # Errors
/// When it is not JSON, or of another shape.
pub(super) fn from_slice<'v, T: Deserialize<'v>>(value: &'v [u8]) -> Result<T, JsonError> {
    serde_json::from_slice(value).map_err(|error| located::<T>(value, error))
}

/// The error that parsing `value` gave, with the field it is about.
fn located<'v, T: Deserialize<'v>>(value: &'v [u8], error: serde_json::Error) -> JsonError {
    let mut json = serde_json::Deserializer::from_slice(value);
    let path = serde_path_to_error::deserialize::<_, T>(&mut json)
        .err()
        .map(|error| error.path().to_string());
    let error = JsonError::from(error).in_row(Survey::of(value).id.as_deref());
    match path {
        Some(path) if path != "." => error.within(&path),
        _ => error,
    }
}

/// The beginning of a path or an id, for a message.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// One JSON text, from its beginning to its end.
pub(super) struct JsonStream<'r> {
    input: &'r mut dyn Read,
    load: &'r Load,
    buffer: Vec<u8>,
    /// What is read and not taken yet stands in `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Objects and lists that are being walked over.
    open: usize,
    /// Whether what may come before the text was looked for.
    is_begun: bool,
    /// Bytes read so far.
    length: u64,
    /// This answer's share of the load's memory.
    in_memory: u64,
    /// Rows of the outermost list that was read to its end.
    rows: Option<u64>,
}

impl Drop for JsonStream<'_> {
    fn drop(&mut self) {
        self.load
            .in_memory
            .fetch_sub(self.in_memory, Ordering::Relaxed);
    }
}

impl<'r> JsonStream<'r> {
    /// The text that `input` gives, as part of a crawl's load.
    pub(super) fn new(input: &'r mut dyn Read, load: &'r Load) -> Self {
        Self {
            input,
            load,
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

    /// Parses the next value, which is held whole; it may borrow from here.
    ///
    /// # Errors
    /// When it is not JSON, of another shape, or too large.
    pub(super) fn parse<'s, T: Deserialize<'s>>(&'s mut self) -> Result<T, JsonError> {
        self.parse_for(Use::Kept)
    }

    fn parse_for<'s, T: Deserialize<'s>>(&'s mut self, purpose: Use) -> Result<T, JsonError> {
        let is_inner = self.open > 0;
        let (value, end) = self.next(purpose)?;
        let is_number = matches!(value.first(), Some(b'-' | b'0'..=b'9'));
        match (serde_json::from_slice(value), end) {
            // More digits may have been to come, and a bare word ends with whatever follows it.
            (Ok(_), End::OfInput) if is_inner => Err(JsonError::Cut),
            (Err(_), End::OfInput) if is_inner && is_number => Err(JsonError::Cut),
            (Err(error), End::OfInput) if error.is_eof() => Err(JsonError::Cut),
            (Err(error), _) => Err(located::<T>(value, error)),
            (Ok(parsed), _) => Ok(parsed),
        }
    }

    /// Passes over the next value, however large it is, unless a text or a number in it is beyond all reason.
    ///
    /// # Errors
    /// When it is not JSON, or nested beyond all reason.
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
            _ => self.parse_for::<IgnoredAny>(Use::None).map(drop),
        }
    }

    /// The bytes of the next value. Where they end is all that is known of them: whoever parses them finds out whether
    /// they are JSON.
    ///
    /// # Errors
    /// When the input ends before the value does, or when it is too large.
    pub(super) fn value(&mut self) -> Result<&[u8], JsonError> {
        match self.next(Use::Kept)? {
            (value, End::OfValue) => Ok(value),
            (_, End::OfInput) => Err(JsonError::Cut),
        }
    }

    /// Counts a row that is kept until the whole answer was read, and the memory it takes.
    ///
    /// # Errors
    /// When all rows of the answers that are being read take too much together.
    pub(super) fn keep_row(&mut self, memory: usize) -> Result<(), JsonError> {
        let memory = memory as u64;
        self.in_memory += memory;
        self.load.rows.fetch_add(1, Ordering::Relaxed);
        let all = self.load.in_memory.fetch_add(memory, Ordering::Relaxed) + memory;
        let limit = self.load.limits.rows_in_memory;
        if all > limit {
            let problem = format!("its rows take more than {} MiB of memory", limit >> 20);
            return Err(JsonError::excess(problem));
        }
        Ok(())
    }

    /// Notes how many rows a list has that was read to its end: one inside another ends first.
    pub(super) fn note_rows(&mut self, rows: u64) {
        self.rows = Some(rows);
    }

    /// Rows of the outermost list that was read to its end.
    pub(super) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// Counts a value that is held for the use of it.
    fn hold(&self, length: usize) -> Result<(), JsonError> {
        let Load {
            limits, rows, held, ..
        } = self.load;
        let length = length as u64;
        let held = held.fetch_add(length, Ordering::Relaxed) + length;
        let rows = rows.load(Ordering::Relaxed);
        if held > limits.allowance + rows * limits.row_average {
            let problem = format!(
                "rows of more than {} KiB on average",
                limits.row_average >> 10
            );
            return Err(JsonError::excess(problem));
        }
        Ok(())
    }

    /// The bytes of the next value, and what ended them.
    fn next(&mut self, purpose: Use) -> Result<(&[u8], End), JsonError> {
        self.peek()?;
        let mut extent = Extent::default();
        let mut seen = 0;
        let (length, end) = loop {
            let unseen = &self.buffer[self.start + seen..self.end];
            if let Some(length) = extent.end(unseen) {
                break (seen + length, End::OfValue);
            }
            seen += unseen.len();
            if seen > MAX_VALUE {
                return Err(too_large(&self.buffer[self.start..self.end], &extent));
            }
            if !self.fill()? {
                break (seen, End::OfInput);
            }
        };
        if purpose == Use::Kept {
            self.hold(length)?;
        }
        let value = self.start..self.start + length;
        self.start = value.end;
        let value = &self.buffer[value];
        // A shorter value has no longer text.
        if length > MAX_TEXT {
            Survey::of(value).check_texts()?;
        }
        Ok((value, end))
    }

    /// Walks over an object. `member` is called with each name, and takes the value. `expecting` says what the object
    /// should be, for messages.
    ///
    /// # Errors
    /// When the next value is no object, and whatever `member` finds.
    pub(super) fn object(
        &mut self,
        expecting: &str,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.walk(b'{', b'}', expecting, |this| {
            if this.peek()? != b'"' {
                return Err(JsonError::Syntax("expected a name".to_owned()));
            }
            let name: String = this.parse_for(Use::None)?;
            match this.take()? {
                b':' => member(this, &name).map_err(|error| error.within(&name)),
                _ => Err(JsonError::Syntax(format!("expected `:` behind `{name}`"))),
            }
        })
    }

    /// Walks over a list. `element` is called before each of its values, and takes it.
    ///
    /// # Errors
    /// When the next value is no list, and whatever `element` finds.
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

    /// What stands behind the text must be nothing.
    ///
    /// # Errors
    /// When there is something.
    pub(super) fn end(mut self) -> Result<(), JsonError> {
        match self.peek() {
            Err(JsonError::Cut) => Ok(()),
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

    /// The next byte that is no white space, which is taken.
    fn take(&mut self) -> Result<u8, JsonError> {
        let next = self.peek()?;
        self.start += 1;
        Ok(next)
    }

    /// The next byte that is no white space, which stays.
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
                        return Err(JsonError::Cut);
                    }
                }
            }
        }
    }

    /// Passes over the byte order mark, if there is one.
    fn begin(&mut self) -> Result<(), JsonError> {
        self.is_begun = true;
        while MARK.starts_with(&self.buffer[..self.end.min(MARK.len())]) {
            if self.end >= MARK.len() {
                self.start = MARK.len();
                break;
            }
            if !self.fill()? {
                break;
            }
        }
        Ok(())
    }

    /// Reads on; false at the end of the input.
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
                    let limit = self.load.limits.answer;
                    if self.length > limit {
                        let problem = format!("it has more than {} MiB", limit >> 20);
                        return Err(JsonError::excess(problem));
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

/// What a value is, by its first byte.
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

/// What becomes of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is handed out, and all or part of it may be kept.
    Kept,
    /// It is looked at and forgotten.
    None,
}

/// Why the beginning of a value is more than is accepted.
fn too_large(beginning: &[u8], extent: &Extent) -> JsonError {
    let survey = Survey::of(beginning);
    if let Err(error) = survey.check_texts() {
        return error;
    }
    // As it is written, escapes included: what it would be is not worth finding out.
    if extent.in_text && extent.text_length > MAX_TEXT {
        return survey.long_text();
    }
    JsonError::excess(format!("a value of more than {} MiB", MAX_VALUE >> 20))
        .in_row(survey.id.as_deref())
}

/// What a value is found to hold that may be too large to be parsed: the first text in it that is too long, or the field
/// in which it breaks off.
#[derive(Default)]
struct Survey {
    path: Vec<String>,
    has_long_text: bool,
    /// The row's own id.
    id: Option<String>,
}

impl Survey {
    fn of(value: &[u8]) -> Self {
        let mut survey = Self::default();
        let mut json = serde_json::Deserializer::from_slice(value);
        // Where it stopped is in `path`, and why in `has_long_text`; anything else is found when it is parsed.
        let _ = (&mut survey).deserialize(&mut json);
        survey
    }

    fn check_texts(&self) -> Result<(), JsonError> {
        if self.has_long_text {
            Err(self.long_text())
        } else {
            Ok(())
        }
    }

    fn long_text(&self) -> JsonError {
        let error = JsonError::excess(format!("a text of more than {} KiB", MAX_TEXT >> 10));
        let error = error.in_row(self.id.as_deref());
        match &*self.path {
            [] => error,
            path => error.within(&path.join(".")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Survey {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Survey {
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
    /// Its last byte, or the one behind it.
    OfValue,
    /// Nothing: the input was at its end. A bare number or word may be whole all the same.
    OfInput,
}

/// Looks for the end of one value, piece by piece.
#[derive(Default)]
struct Extent {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    /// Bytes of the text so far, without its quotes.
    text_length: usize,
}

impl Extent {
    /// How much of `piece` belongs to the value, if it ends in there.
    fn end(&mut self, piece: &[u8]) -> Option<usize> {
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
                    // The end of a bare number or word, and part of what it stands in.
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

    /// Gives a few bytes at a time, as a network may.
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

    /// Passes over all of a text.
    fn skipped(text: &[u8], step: usize) -> Result<(), JsonError> {
        let mut input = Trickle { rest: text, step };
        let load = Load::default();
        let mut json = JsonStream::new(&mut input, &load);
        json.skip()?;
        json.end()
    }

    /// Reads a value by walking over its objects and lists to the given depth, and parsing what lies deeper.
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
        let load = Load::default();
        let mut json = JsonStream::new(&mut input, &load);
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
        fn no_bytes_are_taken_that_serde_json_does_not_take(
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
        fn text_that_ends_early_is_cut(value in values(), depth in 0_usize..5, at: prop::sample::Index) {
            let text = serde_json::to_vec(&Value::Array(vec![value])).unwrap();
            let short = &text[..at.index(text.len())];
            prop_assert!(matches!(read(short, 3, depth), Err(JsonError::Cut)));
        }
    }

    #[test]
    fn number_that_ends_with_the_input_is_cut_inside_a_list_and_whole_outside() {
        for text in ["[-", "[1", "[1.", "[1e"] {
            assert!(matches!(read(text.as_bytes(), 3, 1), Err(JsonError::Cut)));
        }
        assert_eq!(read(b"12", 1, 1).unwrap(), Value::from(12));
    }

    #[test]
    fn byte_order_mark_before_the_text_means_nothing() {
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
            assert!(matches!(read(b"\xef\xbb\xbf"), Err(JsonError::Cut)));
        }
    }

    #[test]
    fn value_that_is_passed_over_may_be_larger_than_one_that_is_held() {
        let element = format!("\"{}\"", "x".repeat(MAX_TEXT));
        let list = format!("[{}]", vec![element; 17].join(","));
        assert!(skipped(list.as_bytes(), CHUNK).is_ok());
        assert!(matches!(
            read(list.as_bytes(), CHUNK, 0),
            Err(JsonError::Excess(_))
        ));
        let deep = "[".repeat(200_000);
        assert!(matches!(
            skipped(deep.as_bytes(), CHUNK),
            Err(JsonError::Syntax(_))
        ));
    }

    #[test]
    fn value_without_end_is_refused_before_it_fills_the_memory() {
        let load = Load::default();
        for beginning in ["[", "1", "\"x", "{\"a\":\"x"] {
            let mut rest = io::repeat(*beginning.as_bytes().last().unwrap());
            let mut input = beginning.as_bytes().chain(&mut rest);
            let mut json = JsonStream::new(&mut input, &load);
            assert!(matches!(json.value(), Err(JsonError::Excess(_))));
            assert!(json.buffer.len() <= 4 * MAX_VALUE);
        }
    }

    #[test]
    fn answer_without_end_is_refused() {
        let load = Load {
            limits: Limits {
                answer: 1 << 20,
                ..Limits::default()
            },
            ..Load::default()
        };
        for beginning in ["", "[", "{\"a\": [\"\""] {
            for rest in [" ", "\n"] {
                let mut input = beginning.as_bytes().chain(io::repeat(rest.as_bytes()[0]));
                let mut json = JsonStream::new(&mut input, &load);
                let Err(JsonError::Excess(misfit)) = json.skip() else {
                    panic!("{beginning}");
                };
                assert!(misfit.to_string().ends_with("it has more than 1 MiB"));
            }
        }
    }

    /// Reads a list of rows, each kept for as long as the answer is read.
    fn keep_all(text: &str, load: &Load) -> Result<(), JsonError> {
        let mut input = text.as_bytes();
        let mut json = JsonStream::new(&mut input, load);
        json.list("a list", |json| {
            let length = json.value()?.len();
            json.keep_row(length)
        })
    }

    #[test]
    fn rows_are_bounded_on_average_and_by_the_memory_of_one_answer() {
        let load = || Load {
            limits: Limits {
                row_average: 100,
                allowance: 1_000,
                rows_in_memory: 10_000,
                ..Limits::default()
            },
            ..Load::default()
        };
        let rows = |length: usize, count: usize| {
            let row = format!("\"{}\"", "x".repeat(length - 2));
            format!("[{}]", vec![row; count].join(","))
        };
        let is_excess = |result| matches!(result, Err(JsonError::Excess(_)));
        assert!(keep_all(&rows(100, 100), &load()).is_ok());
        assert!(is_excess(keep_all(&rows(100, 101), &load())));
        assert!(is_excess(keep_all(&rows(500, 4), &load())));
        // What was handed over does not count any more, and its rows let others be longer.
        let load = load();
        assert!(keep_all(&rows(50, 100), &load).is_ok());
        assert!(keep_all(&rows(500, 14), &load).is_ok());
        assert!(is_excess(keep_all(&rows(500, 4), &load)));
    }

    #[test]
    fn error_says_which_field_of_which_row_it_is_about() {
        #[derive(Debug, Deserialize)]
        #[allow(dead_code, reason = "parsed, and no more")]
        struct Row {
            id: String,
            user: User,
        }
        #[derive(Debug, Deserialize)]
        #[allow(dead_code, reason = "parsed, and no more")]
        struct User {
            uuid: String,
            age: u8,
        }
        let said = |row: &str| {
            let text = format!("{{\"rows\": [{row}]}}");
            let mut input = text.as_bytes();
            let load = Load::default();
            let mut json = JsonStream::new(&mut input, &load);
            let read = json.object("an object", |json, _| {
                json.list("a list", |json| json.parse::<Row>().map(drop))
            });
            match read.unwrap_err() {
                JsonError::Shape(misfit) | JsonError::Excess(misfit) => misfit.to_string(),
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
            assert_eq!(said(row), message);
        }
    }
}
