//! Prose at the width of a terminal, broken between words.

use textwrap::{Options, WordSeparator, WordSplitter};

use super::printable;

/// Narrower than this, a terminal breaks the lines itself.
const MIN_WIDTH: usize = 20;

/// Breaks a line between words so that it fits into `width` terminal columns; further lines are indented. A word that is
/// too long, such as a path, stays whole. Without a width, the line stays as it is.
pub fn wrap(line: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width.filter(|width| *width >= MIN_WIDTH) else {
        return line.to_owned();
    };
    let indent = " ".repeat(indent);
    let options = Options::new(width)
        .subsequent_indent(&indent)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(line, options)
}

/// The width of the labels in [`labeled`].
const LABEL_WIDTH: usize = 14;

/// A value after its label, on lines that fit into `width`. A single word, such as a digest, stays beside its label.
pub fn labeled(label: &str, value: &str, width: Option<usize>) -> String {
    let line = format!("{label:LABEL_WIDTH$}{}", printable(value));
    wrap(&line, width.filter(|_| value.contains(' ')), LABEL_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_long_words_stay_whole() {
        let path = "/a/path/that/is/longer/than/the/line";
        let line = format!("error: reading `{path}` failed, 由紀 said");
        assert_eq!(
            wrap(&line, Some(24), 7),
            format!("error: reading\n       `{path}`\n       failed, 由紀 said")
        );
        assert_eq!(wrap(&line, None, 7), line);
        assert_eq!(wrap(&line, Some(3), 7), line);
        assert_eq!(wrap("short", Some(24), 7), "short");
        assert_eq!(
            wrap("  + Ada: is now a member of Engineering", Some(24), 6),
            "  + Ada: is now a member\n      of Engineering"
        );
    }
}
