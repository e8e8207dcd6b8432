//! The one place where text becomes part of the page: nothing in it is markup, and what would be invisible or reverse the text
//! around it is shown as an escape.

use std::borrow::Cow;
use std::fmt;

use askama::filters::{Escaper, Html};

use crate::report::printable;

/// Escapes all text of the template.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::report::access) struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: fmt::Write>(&self, dest: W, text: &str) -> fmt::Result {
        Html.write_escaped_str(dest, &printable(text))
    }
}

/// A text as a string of CSS, with quotes. Everything but letters, digits and spaces of ASCII becomes an escape, so that
/// neither the string nor the style element can end in it.
pub(super) fn css_string(text: &str) -> String {
    let mut css = String::from("\"");
    for c in printable(text).chars() {
        if c.is_ascii_alphanumeric() || c == ' ' {
            css.push(c);
        } else {
            // The blank ends the escape, and is not part of the text.
            css.push_str(&format!("\\{:x} ", u32::from(c)));
        }
    }
    css.push('"');
    css
}

/// An id for an anchor: what is not a letter, a digit or one of `-._` becomes its number between two underscores.
pub(super) fn anchor(id: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if id.chars().all(is_plain) {
        return Cow::Borrowed(id);
    }
    let mut anchor = String::with_capacity(id.len() + 8);
    for c in id.chars() {
        if is_plain(c) {
            anchor.push(c);
        } else {
            anchor.push_str(&format!("_{:x}_", u32::from(c)));
        }
    }
    Cow::Owned(anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup_or_hidden() {
        let mut out = String::new();
        let text = "</td><script>alert(\"1\")</script>&amp;'\u{202e}\n\u{0}";
        Visible.write_escaped_str(&mut out, text).unwrap();
        assert!(
            !out.contains(['<', '>', '"', '\'', '\n', '\u{202e}', '\0']),
            "{out}"
        );
        assert!(out.contains("\\u{202e}\\n\\u{0}"), "{out}");
    }

    #[test]
    fn a_string_of_css_ends_where_its_text_does() {
        for (text, css) in [
            ("Larkspur 7", "\"Larkspur 7\""),
            ("a\"}</style>", "\"a\\22 \\7d \\3c \\2f style\\3e \""),
            ("\\é\n", "\"\\5c \\e9 \\5c n\""),
        ] {
            assert_eq!(css_string(text), css);
        }
    }

    #[test]
    fn anchors_of_different_ids_differ() {
        for (id, expected) in [
            ("018e06b6-b674", "018e06b6-b674"),
            ("a b", "a_20_b"),
            ("a_20_b", "a_5f_20_5f_b"),
            ("é\"", "_e9__22_"),
        ] {
            assert_eq!(anchor(id), expected);
        }
    }
}
