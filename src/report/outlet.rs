//! The last step of all output. Everything that a command writes to standard output or to an exported file goes through
//! an [`Outlet`], which escapes harmful characters, so a text that was not escaped earlier does no harm.
//!
//! An outlet sees a stream of bytes, so it must let line ends pass, and colours if they are enabled. Text that must
//! stay on one line is escaped with [`printable`](super::printable()) where the line is built.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::model::is_harmful;

/// How the reader interprets the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Lines for people: harmful characters are escaped visibly, such as `\u{202e}`.
    Text {
        /// Whether the program's own colours pass.
        styled: bool,
    },
    /// One or more JSON documents: harmful characters become `\u…` escapes, which leaves the values the same.
    Json,
    /// CSV on a terminal: harmful characters are escaped visibly.
    Csv,
    /// Bytes for programs, or the program's own text: written unchanged.
    Raw,
}

/// A writer that escapes harmful characters for its medium.
pub struct Outlet<W: Write> {
    out: W,
    medium: Medium,
    /// The start of a character, colour or line end that the next write completes.
    held: Vec<u8>,
}

/// Bytes checked at a time. A plain block is written unchanged.
const BLOCK: usize = 16 << 10;
/// Bytes of JSON checked at a time: few enough that most chunks are plain ASCII even if some names are not.
const JSON_CHUNK: usize = 64;
/// Longest character in UTF-8, in bytes.
const MAX_CHAR: usize = 4;
/// Longest colour sequence, in bytes: `ESC [ 38;2;255;255;255 m` with some reserve.
const MAX_COLOUR: usize = 24;

impl<W: Write> Outlet<W> {
    /// Creates an outlet for `medium` that writes to `out`.
    pub fn new(out: W, medium: Medium) -> Self {
        Self {
            out,
            medium,
            held: Vec::new(),
        }
    }

    fn escape(&mut self, bytes: &[u8], is_last: bool) -> io::Result<()> {
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
        // The plain blocks that are not written yet. Consecutive ones are written in one call.
        let mut plain = 0..0;
        for block in bytes.chunks(BLOCK) {
            let end = plain.end + block.len();
            if self.held.is_empty() && self.medium.is_plain(block) {
                plain.end = end;
                continue;
            }
            self.out.write_all(&bytes[plain])?;
            plain = end..end;
            self.escape(block, false)?;
        }
        self.out.write_all(&bytes[plain])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.held.is_empty() {
            self.escape(&[], true)?;
        }
        self.out.flush()
    }
}

/// Whether JSON is UTF-8 and contains nothing harmful. Its writer has escaped control characters in strings.
fn is_plain_json(json: &[u8]) -> bool {
    let mut rest = json;
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(rest.len().min(JSON_CHUNK));
        // No early exit, so that the compiler vectorizes the loop.
        if chunk.iter().fold(0, |highest, byte| highest.max(*byte)) < 0x7f {
            rest = later;
            continue;
        }
        // Includes the rest of a character that starts in the chunk.
        let piece = &rest[..rest.len().min(JSON_CHUNK + MAX_CHAR)];
        let text = piece.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let mut length = 0;
        for (at, c) in text.char_indices().take_while(|(at, _)| *at < JSON_CHUNK) {
            if c >= '\u{7f}' && is_harmful(c) {
                return false;
            }
            length = at + c.len_utf8();
        }
        if length < chunk.len() {
            return false;
        }
        rest = &rest[length..];
    }
    true
}

impl Medium {
    /// Whether all bytes can be written unchanged.
    fn is_plain(self, bytes: &[u8]) -> bool {
        match self {
            // A faster form of the check per character.
            Self::Json => is_plain_json(bytes),
            _ => bytes.iter().all(|byte| self.is_plain_byte(*byte)),
        }
    }

    /// Whether a byte can be written unchanged whatever surrounds it. All such bytes are ASCII.
    fn is_plain_byte(self, byte: u8) -> bool {
        match self {
            Self::Raw => byte.is_ascii(),
            // The writer of the JSON has escaped control characters in strings; others are the line ends between
            // values.
            Self::Json => byte < 0x7f,
            Self::Text { .. } | Self::Csv => matches!(byte, b' '..=b'~' | b'\n'),
        }
    }

    /// Appends `text` in its escaped form. Returns the number of bytes consumed: fewer than all if more may follow (not
    /// `is_whole`) and the end could be the start of something harmless.
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

/// Whether the start of a text is written unchanged.
enum Passes {
    /// This many bytes pass.
    Bytes(usize),
    /// Depends on what follows.
    Perhaps,
    /// The first character must be escaped.
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

/// Matches a colour at the start of the text: `ESC [`, numbers and semicolons, `m`.
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

/// Returns JSON with harmful characters as `\u…` escapes and no other change.
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
        // Characters across the ends of chunks, each cut at every place.
        let across: Vec<_> = ["é", "王", "\u{202e}", "🦔", "\u{e0041}"]
            .into_iter()
            .flat_map(|c| (1..=c.len()).map(move |cut| (c, cut)))
            .map(|(c, cut)| format!("{:x<width$}", "", width = JSON_CHUNK - cut) + c)
            .map(|text| format!("{text}{}", "y".repeat(2 * JSON_CHUNK - text.len())))
            .collect();
        let across = across.concat();
        let escaped = |text: &str| {
            let text = text.replace('\u{202e}', "\\u202e");
            text.replace('\u{e0041}', "\\udb40\\udc41")
        };
        let across_shown = escaped(&across);
        let beyond = format!("{}🦔\u{202e}", "x".repeat(BLOCK - 2));
        let beyond_shown = escaped(&beyond);
        // Blocks that are written as they are, before and after one that is not.
        let blocks = "x".repeat(2 * BLOCK);
        let between = format!("{blocks}\u{202e}{blocks}");
        let between_shown = escaped(&between);
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
            (Medium::Json, &across, &across_shown),
            (Medium::Json, &beyond, &beyond_shown),
            (Medium::Json, &between, &between_shown),
        ] {
            for size in [1, 2, 3, 7, usize::MAX] {
                assert_eq!(arrived(medium, text, size), shown, "{medium:?} by {size}");
            }
        }
    }

    /// Counts the writes of more than nothing.
    #[derive(Default)]
    struct Counting(usize);

    impl Write for Counting {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += usize::from(!bytes.is_empty());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn plain_blocks_are_written_together() {
        for (text, writes) in [
            ("x".repeat(4 * BLOCK), 1),
            (format!("{0}\u{202e}{0}", "x".repeat(4 * BLOCK)), 3),
        ] {
            let mut out = Counting::default();
            let mut outlet = Outlet::new(&mut out, Medium::Json);
            outlet.write_all(text.as_bytes()).unwrap();
            assert_eq!(out.0, writes);
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_not_pass_as_controls() {
        for medium in [Medium::Text { styled: false }, Medium::Json, Medium::Csv] {
            let mut out = Vec::new();
            let mut outlet = Outlet::new(&mut out, medium);
            outlet.write_all(b"a\x9b31m\xe7").unwrap();
            outlet.flush().unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), "a\u{fffd}31m\u{fffd}");
        }
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
