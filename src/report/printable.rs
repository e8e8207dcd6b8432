//! Escapes untrusted text for one line of a terminal or a log: nothing in it can move the cursor, end the line or reverse
//! its direction.

use std::borrow::Cow;

use crate::model::is_harmful;

/// Returns the text with every [harmful](is_harmful) character escaped visibly, such as `\n` or `\u{202e}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_harmful(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_line_ends_and_direction_marks_become_visible() {
        assert_eq!(
            printable("a\x1b[31mb\u{202e}c\n"),
            "a\\u{1b}[31mb\\u{202e}c\\n"
        );
        assert_eq!(printable("Zoë 王 שלום"), "Zoë 王 שלום");
    }
}
