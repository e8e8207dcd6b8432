//! Untrusted text in Markdown: names cannot mention users, become links, break a table or be read as HTML, neither in
//! Markdown itself nor in what GitHub and GitLab add to it. And sections of a report that keep it to a size limit.

use super::printable;

/// No limit on the length of a text.
pub(super) const UNCUT: usize = usize::MAX;

/// Escapes text so that Markdown shows it literally, on one line, cut to `max_bytes`.
pub(super) fn escape(text: &str, max_bytes: usize) -> String {
    const CUT: &str = "…";
    let text = printable(text);
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut hex_digits = 0;
    let mut uncut = 0;
    for (at, c) in text.char_indices() {
        let (before, rest) = (&text[..at], &text[at + c.len_utf8()..]);
        hex_digits = if c.is_ascii_hexdigit() {
            hex_digits + 1
        } else {
            0
        };
        if hex_digits > MAX_HEX_DIGITS {
            escaped.push_str(BREAK);
            hex_digits = 1;
        }
        push_escaped(before, c, rest, &mut escaped);
        if escaped.len() > max_bytes {
            escaped.truncate(uncut);
            escaped.push_str(CUT);
            break;
        }
        if escaped.len() + CUT.len() <= max_bytes {
            uncut = escaped.len();
        }
    }
    escaped
}

/// A zero-width space. GitHub and GitLab look for mentions and references after they have rendered the Markdown, when
/// backslashes and entities are gone. This character remains and splits a would-be reference.
const BREAK: &str = "&#8203;";
/// Longest run of hexadecimal digits that cannot be a commit id.
const MAX_HEX_DIGITS: usize = 6;

/// Appends a character of a text, escaped so that Markdown, GitHub and GitLab show it literally.
fn push_escaped(before: &str, c: char, rest: &str, escaped: &mut String) {
    let next = rest.chars().next();
    let is_digit_next = next.is_some_and(|c| c.is_ascii_digit());
    let is_text_next = next.is_some_and(|c| !c.is_whitespace());
    // The escaped form, and whether it would start a reference together with what follows.
    let (shown, is_reference) = match c {
        // A user, team or contact; an issue.
        '@' | '#' => (None, true),
        // An epic; a merge request.
        '&' => (Some("&amp;"), is_digit_next),
        '!' => (None, is_digit_next),
        // A milestone; a label. Both may have names.
        '%' => (None, is_text_next),
        '~' => (Some("\\~"), is_text_next),
        // An iteration.
        '*' => (Some("\\*"), starts_with_ignoring_case(rest, "iteration:")),
        // `[work_item:1]`, `[vulnerability:1]` and similar, a footnote, a wiki page, an insertion or deletion.
        '[' => (Some("\\["), is_text_next),
        '{' => (None, matches!(next, Some('+' | '-'))),
        // `GH-1`, or a key such as `ABC-1` of a tracker that the repository names.
        '-' => (None, is_digit_next && ends_with_tracker_key(before)),
        // `:emoji:`, or a URL, which GitLab looks for after rendering.
        ':' if rest.starts_with('/') => (Some("&#58;"), true),
        ':' => (None, starts_with_emoji_name(rest)),
        // A project, `group/project>`.
        '>' => {
            let word = before.rsplit(char::is_whitespace).next();
            if word.is_some_and(|word| word.contains('/')) {
                escaped.push_str(BREAK);
            }
            (Some("&gt;"), false)
        }
        '<' => (Some("&lt;"), false),
        // `\|` would be ambiguous after a backslash.
        '|' => (Some("&#124;"), false),
        // A snippet, or the start of a formula; neither inside an element of its own.
        '$' => (Some("<span>&#36;</span>"), false),
        // A bare URL would become a link.
        '.' if ends_with_ignoring_case(before, "www") => (Some("&#46;"), false),
        '\\' => (Some("\\\\"), false),
        '`' => (Some("\\`"), false),
        '_' => (Some("\\_"), false),
        ']' => (Some("\\]"), false),
        _ => (None, false),
    };
    match shown {
        Some(shown) => escaped.push_str(shown),
        None => escaped.push(c),
    }
    if is_reference {
        escaped.push_str(BREAK);
    }
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len())
        .is_some_and(|text| text.eq_ignore_ascii_case(start))
}

fn ends_with_ignoring_case(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|text| text.eq_ignore_ascii_case(end))
}

/// Whether the text ends with the key of an issue tracker, which precedes the number of an issue.
fn ends_with_tracker_key(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let key = &text[text.trim_end_matches(is_part).len()..];
    let is_capital = |c: char| !c.is_ascii_lowercase();
    key.eq_ignore_ascii_case("gh")
        || key.starts_with(|c: char| c.is_ascii_uppercase()) && key.chars().all(is_capital)
}

/// Whether the text starts with an emoji name and a colon.
fn starts_with_emoji_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-');
    let after = text.trim_start_matches(is_part);
    after.len() < text.len() && after.starts_with(':')
}

/// Text as inline code: shown literally, without links.
pub(super) fn code(text: &str) -> String {
    let shown = printable(text);
    if shown.contains('|') {
        // Renderers disagree on how to escape a bar within backticks in a table, above all after a backslash.
        return format!("<code>{}</code>", escape(text, UNCUT));
    }
    let fence = "`".repeat(longest_backticks(&shown) + 1);
    if shown.starts_with('`') || shown.ends_with('`') {
        format!("{fence} {shown} {fence}")
    } else {
        format!("{fence}{shown}{fence}")
    }
}

/// The length of the longest run of backticks.
pub(super) fn longest_backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Bytes reserved for the line that says how much was left out.
const RESERVE: usize = 128;

/// A heading with a table or a list, which may be folded.
pub(super) struct Section {
    pub(super) title: String,
    /// The head of the table; empty for a list.
    pub(super) head: &'static str,
    pub(super) rows: Vec<String>,
    pub(super) is_folded: bool,
    /// Whether rows that are left out are counted.
    pub(super) is_counted: bool,
}

/// Returns how many bytes are left for rows once every section has its heading.
pub(super) fn room_for_rows(sections: &[Section], max_bytes: usize, text: &str) -> usize {
    let frames: usize = sections.iter().map(|section| section.frame().len()).sum();
    max_bytes.saturating_sub(text.len() + frames + RESERVE)
}

/// Appends the sections as far as the text stays within `max_bytes`. Every section keeps its heading. Rows of later sections
/// are left out first, and what is left out is counted.
pub(super) fn push_sections(sections: &[Section], max_bytes: usize, text: &mut String) {
    let mut room = room_for_rows(sections, max_bytes, text);
    let mut left_out = 0;
    for section in sections {
        // Nothing may be shown in place of a row that was left out.
        let rows = section.rows.iter();
        let fitting = rows.take_while(|row| {
            let fits = left_out == 0 && row.len() <= room;
            if fits {
                room -= row.len();
            }
            fits
        });
        let shown: Vec<&String> = fitting.collect();
        if section.is_counted {
            left_out += section.rows.len() - shown.len();
        } else if shown.is_empty() {
            continue;
        }
        section.push(&shown, text);
    }
    if left_out > 0 {
        text.push_str(&format!(
            "\n… and {left_out} more, left out to fit {max_bytes} bytes.\n"
        ));
    }
}

impl Section {
    /// Everything but the rows.
    fn frame(&self) -> String {
        let mut text = String::new();
        self.push(&[], &mut text);
        text
    }

    fn push(&self, rows: &[&String], text: &mut String) {
        let Self { title, head, .. } = self;
        if self.is_folded {
            text.push_str(&format!("\n<details><summary>{title}</summary>\n\n{head}"));
        } else {
            text.push_str(&format!("\n### {title}\n\n{head}"));
        }
        rows.iter().for_each(|row| text.push_str(row));
        if self.is_folded {
            text.push_str("\n</details>\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_a_table_or_become_html_or_markdown() {
        let escaped = escape(
            "a|b `x` <img> [l](http://e) www.e $x$ *b* _i_ ~~s~~\nnext",
            999,
        );
        assert_eq!(
            escaped,
            "a&#124;b \\`x\\` &lt;img&gt; \\[&#8203;l\\](http&#58;&#8203;//e) www&#46;e \
             <span>&#36;</span>x<span>&#36;</span> \\*b\\* \\_i\\_ \\~&#8203;\\~&#8203;s\\~&#8203;\\~&#8203;\\\\nnext"
        );
    }

    /// Returns the visible text of a cell, split into the parts in which GitHub and GitLab look for references.
    fn parts(escaped: &str) -> Vec<String> {
        let text = escaped
            .replace("<span>&#36;</span>", "\0$\0")
            .replace(BREAK, "\0");
        let parts = text.split('\0').map(|part| {
            let mut shown = String::new();
            let mut chars = part.chars();
            while let Some(c) = chars.next() {
                // A backslash escapes punctuation.
                shown.push(if c == '\\' {
                    chars.next().unwrap_or(c)
                } else {
                    c
                });
            }
            shown
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&#124;", "|")
                .replace("&#58;", ":")
                .replace("&#46;", ".")
                .replace("&amp;", "&")
        });
        parts.collect()
    }

    #[test]
    fn no_reference_of_github_or_gitlab_stays_whole() {
        for (what, reference, alive) in [
            ("user or team", "@octo-team/core", "@o"),
            ("issue", "#26", "#2"),
            ("issue of another repository", "octo/site#26", "#2"),
            ("issue by GH", "GH-26", "-2"),
            ("issue by GH in lower case", "gh-26", "-2"),
            ("issue of a tracker", "OPS_2-26", "-2"),
            (
                "commit",
                "a5c3785ed8d6a35868bc169f07e40e889087fd2e",
                "a5c3785",
            ),
            ("short commit", "9ba1224", "9ba1224"),
            ("range of commits", "9ba12248...b19a04f5", "9ba1224"),
            ("commit of a user", "jlord@a5c3785", "@a"),
            ("merge request", "group/project!123", "!1"),
            ("snippet", "$123", "$1"),
            ("epic", "group&123", "&1"),
            ("iteration", "*iteration:\"a b\"", "*i"),
            ("label by number", "~123", "~1"),
            ("label by name", "~bug", "~b"),
            ("label of several words", "~\"feature request\"", "~\""),
            ("milestone by number", "%123", "%1"),
            ("milestone by name", "%v1.2", "%v"),
            (
                "milestone of several words",
                "%\"release candidate\"",
                "%\"",
            ),
            ("alert", "^alert#123", "#1"),
            ("vulnerability", "[vulnerability:123]", "[v"),
            ("work item", "[work_item:group/project/123]", "[w"),
            ("feature flag", "[feature_flag:123]", "[f"),
            ("contact", "[contact:ann@example.com]", "[c"),
            ("page of the wiki", "[[Home]]", "[["),
            ("footnote", "[^1]", "[^"),
            ("project", "group/project>", "t>"),
            ("emoji", ":tada:", ":t"),
            ("emoji of signs", ":+1:", ":+"),
            ("insertion", "{+ more +}", "{+"),
            ("deletion", "[- less -]", "[-"),
            ("address", "https://e.example", "://"),
            ("address by mail", "ann@example.com", "@e"),
            ("formula", "$x$", "$x"),
        ] {
            let escaped = escape(reference, UNCUT);
            let parts = parts(&escaped);
            assert_eq!(parts.concat(), reference, "{what}: {escaped}");
            let found = parts.iter().find(|part| part.contains(alive));
            assert_eq!(found, None, "{what}: {escaped}");
        }
    }

    #[test]
    fn ordinary_names_are_written_as_they_are() {
        for name in [
            "Anna-Maria O'Neil, Jr.",
            "Tier-1 Support (EU)",
            "24/7 on call: Europe!",
            "Growth + 20%",
            "v1.2 - 2026-11-27, 10:30",
            "王小明 & שלום",
            "faced cafe",
        ] {
            let escaped = escape(name, UNCUT).replace("&amp;", "&");
            assert_eq!(escaped, name);
        }
    }

    #[test]
    fn what_is_cut_is_never_longer_than_asked_and_no_escape_is_cut() {
        let name = "@|".repeat(40);
        for max_bytes in 3..100 {
            let escaped = escape(&name, max_bytes);
            assert!(escaped.len() <= max_bytes, "{max_bytes}: {escaped}");
            let shown = escaped.replace("@&#8203;", "").replace("&#124;", "");
            assert_eq!(shown, "…", "{max_bytes}: {escaped}");
        }
        assert_eq!(escape("abc", 3), "abc");
        assert_eq!(escape("abcd", 3), "…");
    }

    #[test]
    fn code_holds_any_text() {
        assert_eq!(code("a@b"), "`a@b`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(code("`a\\|"), "<code>\\`a\\\\&#124;</code>");
    }
}
