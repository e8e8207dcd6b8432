//! Where text leaves the program. Whatever a command writes to standard output or to an exported file goes through an
//! [`Outlet`], which stops everything harmful, so a message that was not escaped where it was made does no harm.
//!
//! An outlet sees a stream and not its parts, so it lets line ends pass, and colours where they are wanted. Text that
//! must stay on its line is made [`printable`](super::printable()) where the line is put together.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::model::is_harmful;

/// What the text that is written is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Lines for people: harmful characters become visible, as in `\u{202e}`.
    Text {
        /// Whether the program's own colours pass.
        styled: bool,
    },
    /// JSON documents, one or many: harmful characters become `\u…` escapes. It is the same JSON.
    Json,
    /// CSV on a terminal: harmful characters become visible.
    Csv,
    /// Bytes for programs, or the program's own text. They pass as they are.
    Raw,
}

/// Makes what is written to it harmless in its medium, and passes it on.
pub struct Outlet<W: Write> {
    out: W,
    medium: Medium,
    /// The beginning of something that the next write completes: of a character, a colour or a line end.
    held: Vec<u8>,
}

/// Bytes that are checked together. A block without anything but plain ASCII passes as it is.
const BLOCK: usize = 16 << 10;
/// Bytes of JSON that are looked at together: few enough that most are ASCII where some names are not.
const STRETCH: usize = 64;
/// Longest colour, in bytes: `ESC [ 38;2;255;255;255 m` and some more.
const MAX_COLOUR: usize = 24;

impl<W: Write> Outlet<W> {
    /// An outlet of `medium` to `out`.
    pub fn new(out: W, medium: Medium) -> Self {
        Self {
            out,
            medium,
            held: Vec::new(),
        }
    }

    fn pass(&mut self, bytes: &[u8], is_last: bool) -> io::Result<()> {
        if self.held.is_empty() && self.medium.is_plain(bytes) {
            return self.out.write_all(bytes);
        }
        self.held.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.held);
        let mut shown = String::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        for chunk in bytes.utf8_chunks() {
            let text = chunk.valid();
            rest = &rest[text.len() + chunk.invalid().len()..];
            let is_end = rest.is_empty() && chunk.invalid().is_empty();
            let taken = self.medium.push(text, is_last || !is_end, &mut shown);
            self.held.extend_from_slice(&text.as_bytes()[taken..]);
            // A character may continue in the next write; bytes that are not UTF-8 cannot be judged.
            if rest.is_empty() && !is_last {
                self.held.extend_from_slice(chunk.invalid());
            } else if !chunk.invalid().is_empty() {
                shown.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.out.write_all(shown.as_bytes())
    }
}

impl<W: Write> Write for Outlet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.medium == Medium::Raw {
            return self.out.write(bytes);
        }
        for block in bytes.chunks(BLOCK) {
            self.pass(block, false)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.held.is_empty() {
            self.pass(&[], true)?;
        }
        self.out.flush()
    }
}

/// Whether JSON holds nothing harmful. Controls in a string are escaped by whatever wrote it.
fn is_plain_json(json: &str) -> bool {
    let mut rest = json;
    while !rest.is_empty() {
        let stretch = &rest.as_bytes()[..rest.len().min(STRETCH)];
        let length = if stretch.is_ascii() && !stretch.contains(&0x7f) {
            stretch.len()
        } else {
            let mut chars = rest.chars();
            while rest.len() - chars.as_str().len() < STRETCH
                && let Some(c) = chars.next()
            {
                if c >= '\u{7f}' && is_harmful(c) {
                    return false;
                }
            }
            rest.len() - chars.as_str().len()
        };
        rest = &rest[length..];
    }
    true
}

impl Medium {
    /// Whether all of it passes at first sight.
    fn is_plain(self, bytes: &[u8]) -> bool {
        match self {
            // The same as character by character, only faster.
            Self::Json => std::str::from_utf8(bytes).is_ok_and(is_plain_json),
            _ => bytes.iter().all(|byte| self.is_plain_byte(*byte)),
        }
    }

    /// Whether a byte passes whatever is beside it. All of these are ASCII.
    fn is_plain_byte(self, byte: u8) -> bool {
        match self {
            Self::Raw => byte.is_ascii(),
            // Controls in a string are escaped by whatever wrote the JSON; others are the line ends between values.
            Self::Json => byte < 0x7f,
            Self::Text { .. } | Self::Csv => matches!(byte, b' '..=b'~' | b'\n'),
        }
    }

    /// Appends `text` in its harmless form. Returns how many bytes were taken: fewer than all if more may follow
    /// (not `is_whole`) and the end could be the beginning of something harmless.
    fn push(self, text: &str, is_whole: bool, shown: &mut String) -> usize {
        let mut at = 0;
        loop {
            let plain = text[at..]
                .bytes()
                .take_while(|byte| self.is_plain_byte(*byte));
            let start = at + plain.count();
            shown.push_str(&text[at..start]);
            at = start;
            let rest = &text[at..];
            let Some(c) = rest.chars().next() else {
                return at;
            };
            let passes = match self {
                Self::Csv if c == '\r' => start_of(rest, "\r\n"),
                Self::Text { styled: true } if c == '\x1b' => colour(rest),
                Self::Text { .. } | Self::Csv | Self::Json if is_harmful(c) => Passes::Never,
                _ => Passes::Bytes(c.len_utf8()),
            };
            let length = match passes {
                Passes::Bytes(length) => {
                    shown.push_str(&rest[..length]);
                    length
                }
                Passes::Perhaps if !is_whole => return at,
                Passes::Perhaps | Passes::Never => {
                    match self {
                        Self::Json => push_json_escape(c, shown),
                        _ => shown.extend(c.escape_default()),
                    }
                    c.len_utf8()
                }
            };
            at += length;
        }
    }
}

/// What becomes of the beginning of a text.
enum Passes {
    /// This many bytes pass.
    Bytes(usize),
    /// It depends on what follows.
    Perhaps,
    /// The first character does not pass.
    Never,
}

fn start_of(text: &str, wanted: &str) -> Passes {
    if text.starts_with(wanted) {
        Passes::Bytes(wanted.len())
    } else if wanted.starts_with(text) {
        Passes::Perhaps
    } else {
        Passes::Never
    }
}

/// A colour at the beginning of the text: `ESC [`, numbers and semicolons, `m`.
fn colour(text: &str) -> Passes {
    let parameters = match start_of(text, "\x1b[") {
        Passes::Bytes(length) => &text[length..],
        other => return other,
    };
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';');
    let length = text.len() - parameters.len() + end.map_or(parameters.len(), |end| end + 1);
    match end {
        _ if length > MAX_COLOUR => Passes::Never,
        None => Passes::Perhaps,
        Some(end) if parameters[end..].starts_with('m') => Passes::Bytes(length),
        Some(_) => Passes::Never,
    }
}

/// A JSON text with harmful characters as `\u…` escapes; nothing else changes.
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(|c| c >= '\u{7f}' && is_harmful(c)) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 8);
    Medium::Json.push(json, true, &mut shown);
    Cow::Owned(shown)
}

fn push_json_escape(c: char, shown: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        write!(shown, "\\u{unit:04x}").expect("a String takes all text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What arrives, the text being written in parts of `size` bytes.
    fn arrived(medium: Medium, text: &str, size: usize) -> String {
        let mut out = Vec::new();
        let mut outlet = Outlet::new(&mut out, medium);
        for part in text.as_bytes().chunks(size) {
            outlet.write_all(part).unwrap();
        }
        outlet.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_medium_lets_through_what_is_harmless_in_it_however_it_is_cut_into_writes() {
        const STYLED: Medium = Medium::Text { styled: true };
        const PLAIN: Medium = Medium::Text { styled: false };
        let long = format!("{}é\u{9b}", "x".repeat(BLOCK - 1));
        let long_shown = format!("{}é\\u{{9b}}", "x".repeat(BLOCK - 1));
        for (medium, text, shown) in [
            (PLAIN, "Zoë 王\nnext\n", "Zoë 王\nnext\n"),
            (PLAIN, "a\x1b[1mb\r\n\tc", "a\\u{1b}[1mb\\r\n\\tc"),
            (PLAIN, "\u{9b}31m\u{202e}", "\\u{9b}31m\\u{202e}"),
            (STYLED, "\x1b[1;31merror\x1b[0m", "\x1b[1;31merror\x1b[0m"),
            (
                STYLED,
                "\x1b[2J\x1b]0;x\x07\x1b",
                "\\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{1b}",
            ),
            (
                STYLED,
                "\x1b[11111111111111111111111111111111m",
                "\\u{1b}[11111111111111111111111111111111m",
            ),
            (Medium::Json, "{\n\"é\": \"a\"}\n", "{\n\"é\": \"a\"}\n"),
            (
                Medium::Json,
                "\"\u{7f}\u{9b}\u{202e}\u{e0041}\"",
                "\"\\u007f\\u009b\\u202e\\udb40\\udc41\"",
            ),
            (Medium::Csv, "a,\"b\nc\"\r\n", "a,\"b\nc\"\r\n"),
            (
                Medium::Csv,
                "a\x07,\u{feff}\r,b\r",
                "a\\u{7},\\u{feff}\\r,b\\r",
            ),
            (Medium::Raw, "\x1b[2J\u{202e}", "\x1b[2J\u{202e}"),
            (PLAIN, &long, &long_shown),
        ] {
            for size in [1, 2, 3, 7, usize::MAX] {
                assert_eq!(arrived(medium, text, size), shown, "{medium:?} by {size}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_not_pass_as_controls() {
        let mut out = Vec::new();
        let mut outlet = Outlet::new(&mut out, Medium::Text { styled: false });
        outlet.write_all(b"a\x9b31m\xe7").unwrap();
        outlet.flush().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a\u{fffd}31m\u{fffd}");
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let text = "a\u{7f}b\u{85}\u{202e}\u{e0041}é\"\\\n";
        let json = serde_json::to_string(text).unwrap();
        let escaped = escaped_json(&json);
        assert!(!escaped.chars().any(is_harmful), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        assert!(matches!(escaped_json("\"é\""), Cow::Borrowed(_)));
    }
}
