//! The API key. It is never shown: not in part, not in another encoding, not where it was typed by mistake.

use std::fmt;
use std::ops::Range;

/// A personal API key and where it was found. `Debug` prints stars.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    key: String,
    source: String,
}

/// Why a text cannot be a personal API key. Never contains the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No key was given.
    #[error("no API key given")]
    Missing,
    /// Only white space.
    #[error("the key is empty")]
    Empty,
    /// A project API key (`phc_`), which can only send events.
    #[error("this is a project API key (`phc_…`), which cannot read an organization")]
    ProjectKey,
    /// The key is in quotes.
    #[error("the key is in quotes")]
    Quoted,
    /// The key follows `NAME=`, as in a file of environment variables.
    #[error("the key starts with a variable name and `=`")]
    Assignment,
    /// The key follows `Bearer`, as in a header.
    #[error("the key starts with `Bearer`")]
    Header,
    /// The key contains characters that are not allowed in a key.
    #[error(
        "the key contains a character that cannot be part of a key, such as a space or a line break"
    )]
    Characters,
}

impl ApiKey {
    /// Parses a key, ignoring white space around it. `source` says where it was found, such as "the file `key`".
    ///
    /// # Errors
    /// When the text cannot be a key.
    pub fn parse(text: &str, source: &str) -> Result<Self, KeyError> {
        // Some editors start a file with a byte order mark.
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

    /// Returns where the key was found.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Returns the value of the `Authorization` header.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }

    /// Replaces every trace of the key in a text with stars: any part of the key that is long enough to be useful, in
    /// upper or lower case, percent-encoded or not.
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

/// The shortest part of a key that is worth hiding, in characters.
const SHORTEST_TRACE: usize = 8;
/// What is shown instead.
const MASK: &str = "***";

/// Decodes a text for the search: each character in lower case and without percent-encoding, with its position. A character
/// outside ASCII becomes 0, which is not part of any key.
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

/// The prefixes of PostHog's keys: personal, project, project secret, and the access and refresh tokens of OAuth.
const PREFIXES: [&str; 5] = ["phx_", "phc_", "phs_", "pha_", "phr_"];

/// Finds the first part of a text that looks like a PostHog key.
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

/// Whether a text contains something that looks like a PostHog key.
pub fn holds_key(text: &str) -> bool {
    find_key(text).is_some()
}

/// Replaces everything that looks like a PostHog key, or like the user name and password in a URL, with stars. For text
/// that a person may have typed in the wrong place.
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

/// Whether a text could be the name of an environment variable.
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
            // Too short to be useful.
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
