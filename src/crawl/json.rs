//! JSON taken apart while it comes in. A list of roles is one answer of a gigabyte: its objects and lists are walked
//! here, and each value that is wanted whole is handed out as bytes in memory, where it parses several times as fast as
//! from a reader and may lend its texts.

use std::io::{self, Read};

use memchr::memchr2;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Bytes asked for at a time, and the buffer to begin with: small enough to be had without asking the system for pages.
const CHUNK: usize = 64 << 10;
/// Largest value that is handed out whole, in bytes. A member or a role membership has about a thousand.
const MAX_VALUE: usize = 16 << 20;
/// Deepest nesting that is walked over; serde_json stops there too.
const MAX_DEPTH: usize = 128;

/// What came instead of the wanted value.
#[derive(Debug)]
pub enum JsonError {
    /// The input failed.
    Io(io::Error),
    /// The input ended within a value.
    Cut,
    /// No JSON.
    Syntax(String),
    /// JSON, but not what was wanted.
    Shape(String),
}

impl JsonError {
    /// JSON, but an object without the member `name`.
    pub fn missing(name: &str) -> Self {
        Self::Shape(format!("missing field `{name}`"))
    }
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // Where in the value it is; the value is somewhere in an answer of a gigabyte.
        let problem = text
            .rsplit_once(" at line ")
            .map_or(&*text, |(what, _)| what);
        match error.classify() {
            serde_json::error::Category::Data => Self::Shape(problem.to_owned()),
            // What is parsed is whole, so an end within it is no cut.
            _ => Self::Syntax(problem.to_owned()),
        }
    }
}

/// One JSON text, from its beginning to its end.
pub struct JsonStream<'r> {
    input: &'r mut dyn Read,
    buffer: Vec<u8>,
    /// What is read and not taken yet stands in `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Objects and lists that are being walked over.
    open: usize,
}

impl<'r> JsonStream<'r> {
    /// The text that `input` gives.
    pub fn new(input: &'r mut dyn Read) -> Self {
        Self {
            input,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            open: 0,
        }
    }

    /// Parses the next value, which is held whole; it may borrow from here.
    ///
    /// # Errors
    /// When it is no JSON, of another shape, or too large.
    pub fn parse<'s, T: Deserialize<'s>>(&'s mut self) -> Result<T, JsonError> {
        let is_inner = self.open > 0;
        let (value, end) = self.next()?;
        let is_number = matches!(value.first(), Some(b'-' | b'0'..=b'9'));
        match (serde_json::from_slice(value), end) {
            // More digits may have been to come, and a bare word ends with whatever follows it.
            (Ok(_), End::OfInput) if is_inner => Err(JsonError::Cut),
            (Err(_), End::OfInput) if is_inner && is_number => Err(JsonError::Cut),
            (Err(error), End::OfInput) if error.is_eof() => Err(JsonError::Cut),
            (parsed, _) => Ok(parsed?),
        }
    }

    /// Passes over the next value, however large it is.
    ///
    /// # Errors
    /// When it is no JSON, or nested beyond all reason.
    pub fn skip(&mut self) -> Result<(), JsonError> {
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
            _ => self.parse::<IgnoredAny>().map(drop),
        }
    }

    /// The bytes of the next value. Where they end is all that is known of them: whoever parses them finds out whether
    /// they are JSON.
    ///
    /// # Errors
    /// When the input ends before the value does, or when it is too large.
    pub fn value(&mut self) -> Result<&[u8], JsonError> {
        match self.next()? {
            (value, End::OfValue) => Ok(value),
            (_, End::OfInput) => Err(JsonError::Cut),
        }
    }

    /// The bytes of the next value, and what ended them.
    fn next(&mut self) -> Result<(&[u8], End), JsonError> {
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
                let problem = format!("a value of more than {} MiB", MAX_VALUE >> 20);
                return Err(JsonError::Shape(problem));
            }
            if !self.fill()? {
                break (seen, End::OfInput);
            }
        };
        let value = self.start..self.start + length;
        self.start = value.end;
        Ok((&self.buffer[value], end))
    }

    /// Walks over an object. `member` is called with each name, and takes the value. `expecting` says what the object
    /// should be, for messages.
    ///
    /// # Errors
    /// When the next value is no object, and whatever `member` finds.
    pub fn object(
        &mut self,
        expecting: &str,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.walk(b'{', b'}', expecting, |this| {
            if this.peek()? != b'"' {
                return Err(JsonError::Syntax("expected a name".to_owned()));
            }
            let name: String = this.parse()?;
            match this.take()? {
                b':' => member(this, &name),
                _ => Err(JsonError::Syntax(format!("expected `:` behind `{name}`"))),
            }
        })
    }

    /// Walks over a list. `element` is called before each of its values, and takes it.
    ///
    /// # Errors
    /// When the next value is no list, and whatever `element` finds.
    pub fn list(
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
    pub fn is_list(&mut self) -> Result<bool, JsonError> {
        Ok(self.peek()? == b'[')
    }

    /// What stands behind the text must be nothing.
    ///
    /// # Errors
    /// When there is something.
    pub fn end(mut self) -> Result<(), JsonError> {
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
            return Err(JsonError::Shape(problem));
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
}

impl Extent {
    /// How much of `piece` belongs to the value, if it ends in there.
    fn end(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            if self.is_escaped {
                self.is_escaped = false;
                at += 1;
            } else if self.in_text {
                at += memchr2(b'"', b'\\', &piece[at..])? + 1;
                self.is_escaped = piece[at - 1] == b'\\';
                self.in_text = self.is_escaped;
                if !self.in_text && self.depth == 0 {
                    return Some(at);
                }
            } else {
                match byte {
                    b'"' => self.in_text = true,
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
#[allow(clippy::unwrap_used)]
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
        let mut json = JsonStream::new(&mut input);
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
        let mut json = JsonStream::new(&mut input);
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
            let text = match pretty {
                true => serde_json::to_vec_pretty(&value).unwrap(),
                false => serde_json::to_vec(&value).unwrap(),
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
    fn value_that_is_passed_over_may_be_larger_than_one_that_is_held() {
        let element = format!("\"{}\"", "x".repeat(1 << 20));
        let list = format!("[{}]", vec![element; 17].join(","));
        assert!(skipped(list.as_bytes(), CHUNK).is_ok());
        assert!(matches!(
            read(list.as_bytes(), CHUNK, 0),
            Err(JsonError::Shape(_))
        ));
        let deep = "[".repeat(200_000);
        assert!(matches!(
            skipped(deep.as_bytes(), CHUNK),
            Err(JsonError::Syntax(_))
        ));
    }

    #[test]
    fn value_without_end_is_refused_before_it_fills_the_memory() {
        let mut input = io::repeat(b'[');
        let mut json = JsonStream::new(&mut input);
        assert!(matches!(json.value(), Err(JsonError::Shape(_))));
        assert!(json.buffer.len() <= 4 * MAX_VALUE);
    }
}
