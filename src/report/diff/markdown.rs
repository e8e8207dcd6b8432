//! A comparison for a pull-request comment or a step summary. Names are strangers' text: nobody is mentioned, nothing
//! becomes a link, no table breaks, nothing is taken for HTML. What does not fit the size is counted, never dropped
//! without a word.

use std::io::{self, Write};

use super::{Detail, Story, agreement, short};
use crate::model::{Change, Side, Topic};
use crate::report::printable;

/// Entries under one heading that stand open; more are folded away.
const OPEN_ROWS: usize = 20;
/// Bytes kept free for what says how much was left out.
const RESERVE: usize = 256;
/// For text that is short enough as it is.
const UNCUT: usize = usize::MAX;
/// Longest name of an organization and of a file in the head, in bytes, so that the head fits the smallest size.
const HEAD_NAME_BYTES: usize = 200;

pub(super) fn write(
    story: &Story<'_>,
    detail: Detail,
    max_bytes: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let room = max_bytes.saturating_sub(RESERVE);
    let mut text = head(story);
    push_warnings(story, &mut text, room);
    let sections = match detail.counts_only {
        true => counts(story).into_iter().collect(),
        false => sections(story, detail),
    };
    let mut left_out = 0;
    for section in sections {
        left_out += section.push(&mut text, room);
    }
    if left_out > 0 {
        let more = if left_out == 1 {
            "1 more change"
        } else {
            &format!("{left_out} more changes")
        };
        text.push_str(&format!(
            "\n… and {more}, left out to fit {max_bytes} bytes.\n"
        ));
    }
    out.write_all(text.as_bytes())
}

fn head(story: &Story<'_>) -> String {
    let comparison = story.comparison;
    let name = comparison
        .new
        .organization
        .as_deref()
        .or(comparison.old.organization.as_deref());
    let mut text = match name {
        Some(name) => format!("## Access changes: {}\n\n", escape(name, HEAD_NAME_BYTES)),
        None => "## Access changes\n\n".to_owned(),
    };
    text.push_str(&format!("**{}**\n", story.headline()));
    text.push_str("\n| | Snapshot | Captured (UTC) | Content digest |\n|---|---|---|---|\n");
    for (label, side) in [("old", &comparison.old), ("new", &comparison.new)] {
        let Side {
            file,
            captured_at,
            content_digest,
            ..
        } = side;
        let captured_at = captured_at
            .get(..19)
            .unwrap_or(captured_at)
            .replace('T', " ");
        let digest = content_digest.get(..19).unwrap_or(content_digest);
        let file = match file.len() > HEAD_NAME_BYTES {
            true => escape(file, HEAD_NAME_BYTES),
            false => code(file),
        };
        text.push_str(&format!(
            "| {label} | {file} | {captured_at} | `{digest}…` |\n"
        ));
    }
    text
}

/// The warnings that fit, and how many do not.
fn push_warnings(story: &Story<'_>, text: &mut String, room: usize) {
    let warnings = &story.comparison.warnings;
    for (at, warning) in warnings.iter().enumerate() {
        let line = format!("\n> **Warning:** {}\n", escape(&short(warning), UNCUT));
        if text.len() + line.len() > room {
            text.push_str(&format!(
                "\n> **Warning:** {} more, left out to fit.\n",
                warnings.len() - at
            ));
            return;
        }
        text.push_str(&line);
    }
}

/// How many changes there are of each kind; one change may be of several.
fn counts(story: &Story<'_>) -> Option<Section> {
    let rows: Vec<_> = story
        .counts()
        .iter()
        .map(|(kind, n)| format!("| {kind} | {n} |\n"))
        .collect();
    (!rows.is_empty()).then(|| Section {
        title: "Changes by kind".to_owned(),
        head: "| Kind | Changes |\n|---|---:|\n".to_owned(),
        rows,
        folded: false,
    })
}

/// A heading with its table.
struct Section {
    title: String,
    head: String,
    rows: Vec<String>,
    folded: bool,
}

fn sections(story: &Story<'_>, detail: Detail) -> Vec<Section> {
    let rows = |changes: &[&Change]| -> Vec<String> {
        changes
            .iter()
            .map(|change| row(story, change, "", detail))
            .collect()
    };
    let groups = story
        .entries
        .chunk_by(|a, b| story.heading(a.topic) == story.heading(b.topic));
    let mut sections: Vec<Section> = groups
        .map(|group| {
            let topic = group[0].topic;
            let minor = topic >= Topic::OtherAdded;
            section(story.heading(topic), rows(group), detail, minor)
        })
        .collect();
    let accepted = &story.comparison.accepted;
    if !accepted.is_empty() {
        let rows = accepted
            .iter()
            .map(|accepted| row(story, &accepted.change, &agreement(accepted), detail));
        sections.push(section("Accepted", rows.collect(), detail, true));
    }
    sections
}

fn section(title: &str, rows: Vec<String>, detail: Detail, minor: bool) -> Section {
    let head = match detail.ids {
        true => "| Who or what | E-mail | What | ID |\n|---|---|---|---|\n",
        false => "| Who or what | E-mail | What |\n|---|---|---|\n",
    };
    Section {
        title: format!("{title} ({})", rows.len()),
        head: head.to_owned(),
        folded: minor || rows.len() > OPEN_ROWS,
        rows,
    }
}

/// `agreed` follows what happened.
fn row(story: &Story<'_>, change: &Change, agreed: &str, detail: Detail) -> String {
    let email = change
        .subject
        .email
        .as_deref()
        .map(|email| code(&short(email)))
        .unwrap_or_default();
    let mut row = format!(
        "| {} | {email} | {} |",
        escape(&short(&change.subject.name), UNCUT),
        escape(&(story.what(change) + agreed), UNCUT)
    );
    if detail.ids {
        row.push_str(&format!(" {} |", code(&change.id)));
    }
    row.push('\n');
    row
}

impl Section {
    /// Appends what fits into `max_bytes`; how many rows did not.
    fn push(&self, text: &mut String, max_bytes: usize) -> usize {
        let (open, close) = match self.folded {
            true => (
                format!("\n<details><summary>{}</summary>\n\n", self.title),
                "\n</details>\n",
            ),
            false => (format!("\n### {}\n\n", self.title), ""),
        };
        let frame = open.len() + self.head.len() + close.len();
        let first = self.rows.first().map_or(0, String::len);
        if text.len() + frame + first > max_bytes {
            return self.rows.len();
        }
        text.push_str(&open);
        text.push_str(&self.head);
        let mut written = 0;
        for row in &self.rows {
            if text.len() + row.len() + close.len() > max_bytes {
                break;
            }
            text.push_str(row);
            written += 1;
        }
        text.push_str(close);
        self.rows.len() - written
    }
}

/// Text that Markdown shows as it is, on one line; cut where it would be longer than `max_bytes`.
fn escape(text: &str, max_bytes: usize) -> String {
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

/// A zero-width space. GitHub and GitLab look for mentions and references after Markdown is done, when backslashes and
/// entities are gone; this stays, and splits what would be a reference.
const BREAK: &str = "&#8203;";
/// A longer run could be the id of a commit.
const MAX_HEX_DIGITS: usize = 6;

/// Appends a character of a text so that neither Markdown nor GitHub nor GitLab makes anything of it.
fn push_escaped(before: &str, c: char, rest: &str, escaped: &mut String) {
    let next = rest.chars().next();
    let is_digit_next = next.is_some_and(|c| c.is_ascii_digit());
    let is_text_next = next.is_some_and(|c| !c.is_whitespace());
    // What it is in Markdown, and whether what follows would make a reference of it.
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
        // `[work_item:1]`, `[vulnerability:1]` and their like, a footnote, a page of the wiki, an insertion or deletion.
        '[' => (Some("\\["), is_text_next),
        '{' => (None, matches!(next, Some('+' | '-'))),
        // `GH-1`, or a key such as `ABC-1` of a tracker that the repository names.
        '-' => (None, is_digit_next && ends_with_tracker_key(before)),
        // `:emoji:`, or an address, which GitLab looks for after Markdown.
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
        // A backslash before it might be taken for its escape.
        '|' => (Some("&#124;"), false),
        // A snippet; between two of them, a formula. In an element of its own it is neither.
        '$' => (Some("<span>&#36;</span>"), false),
        // A bare address would become a link.
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

/// Whether the text ends with what issue trackers put before the number of an issue.
fn ends_with_tracker_key(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let key = &text[text.trim_end_matches(is_part).len()..];
    let is_capital = |c: char| !c.is_ascii_lowercase();
    key.eq_ignore_ascii_case("gh")
        || key.starts_with(|c: char| c.is_ascii_uppercase()) && key.chars().all(is_capital)
}

/// Whether the text begins with a name and a colon.
fn starts_with_emoji_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-');
    let after = text.trim_start_matches(is_part);
    after.len() < text.len() && after.starts_with(':')
}

/// Text as code: kept to the letter, and nothing in it becomes a link.
fn code(text: &str) -> String {
    let shown = printable(text);
    if shown.contains('|') {
        // Readers disagree on how a bar within backticks is escaped in a table, above all behind a backslash.
        return format!("<code>{}</code>", escape(text, UNCUT));
    }
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    match shown.starts_with('`') || shown.ends_with('`') {
        true => format!("{fence} {shown} {fence}"),
        false => format!("{fence}{shown}{fence}"),
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

    /// What readers see of a text cell, in the parts that forges look for references in.
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
