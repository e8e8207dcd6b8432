//! The key, which is shown nowhere: not in part, not in another spelling, not where it was typed by mistake.

use std::fmt;
use std::ops::Range;

/// A personal API key, and where it was found. Shown as stars everywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    key: String,
    source: String,
}

/// A text that cannot be a personal API key. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// None was given.
    #[error("no API key given")]
    Missing,
    /// Nothing but space.
    #[error("the key is empty")]
    Empty,
    /// A project's key (`phc_`), which can only send events.
    #[error("this is a project's key (`phc_…`), which cannot read an organization")]
    ProjectKey,
    /// Quotes around it.
    #[error("the key has quotes around it")]
    Quoted,
    /// `NAME=` before it, as in a file of environment variables.
    #[error("the key has a name and `=` before it")]
    Assignment,
    /// `Bearer` before it, as in a header.
    #[error("the key has `Bearer` before it")]
    Header,
    /// Characters that no key has.
    #[error("the key holds characters that no key has, such as a space or a line break")]
    Characters,
}

impl ApiKey {
    /// Takes a key, without the white space around it. `source` says where it was found, such as "the file `key`".
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn parse(text: &str, source: &str) -> Result<Self, KeyError> {
        // Some editors put a byte order mark before a text.
        let key = text.trim_start_matches('\u{feff}').trim();
        if key.is_empty() {
            return Err(KeyError::Empty);
        }
        let name = key.split_once('=').map(|(name, _)| name.trim_end());
        let name = name.map(|name| name.strip_prefix("export ").unwrap_or(name));
        if name.is_some_and(is_variable) {
            return Err(KeyError::Assignment);
        }
        if key.starts_with(is_quote) || key.ends_with(is_quote) {
            return Err(KeyError::Quoted);
        }
        let first_word = key.split([' ', ':']).next().unwrap_or_default();
        if key.len() > first_word.len()
            && ["bearer", "authorization"].contains(&&*first_word.to_ascii_lowercase())
        {
            return Err(KeyError::Header);
        }
        if key.starts_with("phc_") {
            return Err(KeyError::ProjectKey);
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::Characters);
        }
        Ok(Self {
            key: key.to_owned(),
            source: source.to_owned(),
        })
    }

    /// Where it was found.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The value of the header that carries it.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }

    /// Text from elsewhere with every trace of the key replaced by stars: any run of its characters that is long enough to
    /// be of use, in whatever case, and percent-encoded or not.
    pub(super) fn scrub(&self, text: &str) -> String {
        let key = self.key.to_ascii_lowercase();
        let key = key.as_bytes();
        let shortest = SHORTEST_TRACE.min(key.len());
        let spelled = spelled(text);
        let mut scrubbed = String::with_capacity(text.len());
        let mut at = 0;
        while let Some((byte, range)) = spelled.get(at) {
            let rest = &spelled[at..];
            let runs = (0..key.len()).filter(|start| key[*start] == *byte);
            let run = runs
                .map(|start| common_length(&key[start..], rest))
                .max()
                .unwrap_or(0);
            if run >= shortest {
                scrubbed.push_str(MASK);
                at += run;
            } else {
                scrubbed.push_str(&text[range.clone()]);
                at += 1;
            }
        }
        scrubbed
    }
}

/// Characters of a key that are worth hiding.
const SHORTEST_TRACE: usize = 8;
/// What is shown in their place.
const MASK: &str = "***";

/// The characters of a text, each in lower case with its percent-encoding undone, and their positions. What is not ASCII
/// matches no character of a key.
fn spelled(text: &str) -> Vec<(u8, Range<usize>)> {
    let mut spelled = Vec::with_capacity(text.len());
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let code = text.get(start + 1..start + 3).filter(|_| c == '%');
        let byte = code
            .filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        let (byte, length) = match byte {
            Some(byte) => (byte, 3),
            None => (
                u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(0),
                c.len_utf8(),
            ),
        };
        let end = start + length;
        while chars.next_if(|(at, _)| *at < end).is_some() {}
        spelled.push((byte.to_ascii_lowercase(), start..end));
    }
    spelled
}

fn common_length(key: &[u8], text: &[(u8, Range<usize>)]) -> usize {
    let pairs = key.iter().zip(text);
    pairs.take_while(|(key, (byte, _))| *key == byte).count()
}

/// How PostHog's keys begin: personal ones, those of projects, and those that it gives to programs.
const PREFIXES: [&str; 5] = ["phx_", "phc_", "phs_", "pha_", "phr_"];

/// Where the next thing is in a text that looks like a key of PostHog's.
fn find_key(text: &str) -> Option<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let starts = PREFIXES
        .iter()
        .flat_map(|prefix| lower.match_indices(prefix));
    let keys = starts.filter_map(|(start, prefix)| {
        let rest = &text[start + prefix.len()..];
        let length = rest
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            .count();
        (length >= SHORTEST_TRACE).then(|| start..start + prefix.len() + length)
    });
    keys.min_by_key(|range| range.start)
}

/// Whether a text holds what looks like a key of PostHog's.
pub fn holds_key(text: &str) -> bool {
    find_key(text).is_some()
}

/// A text with all that looks like a key of PostHog's, or like the user name and password of an address, replaced by
/// stars: for what a person may have typed in the wrong place.
pub fn mask_secrets(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(key) = find_key(rest) {
        masked.push_str(&rest[..key.start]);
        masked.push_str(MASK);
        rest = &rest[key.end..];
    }
    masked.push_str(rest);
    mask_user_info(&masked)
}

fn mask_user_info(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + "://".len());
        let end = after.find(['/', '`', '\'', '"']).unwrap_or(after.len());
        masked.push_str(before);
        match after[..end].rfind('@') {
            Some(at) => {
                masked.push_str(MASK);
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    masked.push_str(rest);
    masked
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '\u{2018}'..='\u{201f}')
}

/// Whether text could be the name of an environment variable.
fn is_variable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_never_shown() {
        let key = ApiKey::parse(" phx_secret\n", "a test").unwrap();
        assert_eq!(format!("{key:?}"), "***");
        assert_eq!(ApiKey::parse("phc_project", ""), Err(KeyError::ProjectKey));
        assert_eq!(ApiKey::parse("  ", ""), Err(KeyError::Empty));
        assert_eq!(ApiKey::parse("phx_a b", ""), Err(KeyError::Characters));
    }

    #[test]
    fn every_trace_of_the_key_is_scrubbed() {
        let key = ApiKey::parse("phx_AbCdEfGhIjKlMnOp", "a test").unwrap();
        for (text, scrubbed) in [
            ("no phx_AbCdEfGhIjKlMnOp here", "no *** here"),
            ("PHX_ABCDEFGHIJKLMNOP", "***"),
            ("phx%5FAbCd%45fGhIjKlMnOp", "***"),
            ("%70%68%78%5f%41%62%43%64%45%66%47%68", "***"),
            ("begins phx_AbCd…", "begins ***…"),
            ("in the middle: dEfGhIjK.", "in the middle: ***."),
            ("ends IJKLMNOP", "ends ***"),
            ("phx_AbCdphx_AbCd", "******"),
            ("é phx_AbCd é", "é *** é"),
            // Too short to be of use.
            ("phx_AbC EfGhIjK", "phx_AbC EfGhIjK"),
            ("100% %zz %é %", "100% %zz %é %"),
            ("", ""),
        ] {
            assert_eq!(key.scrub(text), scrubbed);
        }
        let short = ApiKey::parse("abc", "a test").unwrap();
        assert_eq!(short.scrub("xabcx ab"), "x***x ab");
    }

    #[test]
    fn what_looks_like_a_key_or_a_password_is_masked() {
        for (text, masked) in [
            ("`phx_0123456789`: not found", "`***`: not found"),
            (
                "https://PHX_0123456789.example.com/a",
                "https://***.example.com/a",
            ),
            ("phx_01234567 and pha_01234567", "*** and ***"),
            ("https://me:secret@host/a@b", "https://***@host/a@b"),
            (
                "`http://a:b@c` and `socks5://d:e@f@g`",
                "`http://***@c` and `socks5://***@g`",
            ),
            ("https://host/a@b", "https://host/a@b"),
            ("phx_short, php_0123456789", "phx_short, php_0123456789"),
        ] {
            assert_eq!(mask_secrets(text), masked);
        }
    }
}
