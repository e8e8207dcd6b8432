//! A comparison for a pull-request comment or a step summary. Names are strangers' text: nobody is pinged, no table
//! breaks, nothing is taken for HTML. What does not fit the size is counted, never dropped without a word.

use std::io::{self, Write};

use super::{Detail, Story, short};
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
            .map(|change| row(story, change, detail))
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
    let accepted: Vec<&Change> = story.comparison.accepted.iter().collect();
    if !accepted.is_empty() {
        sections.push(section("Accepted", rows(&accepted), detail, true));
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

fn row(story: &Story<'_>, change: &Change, detail: Detail) -> String {
    let email = change
        .subject
        .email
        .as_deref()
        .map(|email| code(&short(email)))
        .unwrap_or_default();
    let mut row = format!(
        "| {} | {email} | {} |",
        escape(&short(&change.subject.name), UNCUT),
        escape(&story.what(change), UNCUT)
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
///
/// GitHub and GitLab look for mentions and references after Markdown is done, so a backslash does not stop them; a
/// zero-width space does, for no name or number follows then.
fn escape(text: &str, max_bytes: usize) -> String {
    const CUT: &str = "…";
    let text = printable(text);
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut before = "";
    let mut uncut = 0;
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        match c {
            '@' => escaped.push_str("@&#8203;"),
            '#' => escaped.push_str("#&#8203;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // A backslash before it might be taken for its escape.
            '|' => escaped.push_str("&#124;"),
            // Between two of them stands a formula.
            '$' => escaped.push_str("&#36;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // A bare address would become a link.
            ':' if rest.starts_with('/') => escaped.push_str("&#58;"),
            '.' if before.ends_with("www") || before.ends_with("WWW") => {
                escaped.push_str("&#46;");
            }
            _ => escaped.push(c),
        }
        before = &text[..at + c.len_utf8()];
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

/// Text as code: kept to the letter, and nobody is pinged.
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
    fn names_cannot_break_a_table_ping_anybody_or_become_html() {
        let escaped = escape("a|b @team #7 `x` <img> [l](http://e) www.e $x$\nnext", 999);
        assert_eq!(
            escaped,
            "a&#124;b @&#8203;team #&#8203;7 \\`x\\` &lt;img&gt; \\[l\\](http&#58;//e) www&#46;e &#36;x&#36;\\\\nnext"
        );
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
