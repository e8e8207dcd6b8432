//! A comparison for a pull-request comment or a step summary. Names are strangers' text: nobody is pinged, no table
//! breaks, nothing is taken for HTML. What does not fit the size is counted, never dropped without a word.

use std::io::{self, Write};

use super::{Detail, entries, heading, headline, luggage, what};
use crate::model::{Change, Comparison, Side, Topic};
use crate::report::printable;

/// Entries under one heading that stand open; more are folded away.
const OPEN_ROWS: usize = 20;
/// Bytes kept free for the end of the text.
const RESERVE: usize = 256;

pub(super) fn write(
    comparison: &Comparison,
    detail: Detail,
    max_bytes: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut text = head(comparison);
    if !comparison.is_empty() && !detail.counts_only {
        let mut left_out = 0;
        for section in sections(comparison, detail) {
            left_out += section.push(&mut text, max_bytes.saturating_sub(RESERVE));
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
    }
    out.write_all(text.as_bytes())
}

fn head(comparison: &Comparison) -> String {
    let name = comparison
        .new
        .organization
        .as_deref()
        .or(comparison.old.organization.as_deref());
    let mut text = match name {
        Some(name) => format!("## Access changes: {}\n\n", escape(name)),
        None => "## Access changes\n\n".to_owned(),
    };
    text.push_str(&format!("**{}**\n", headline(comparison)));
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
        text.push_str(&format!(
            "| {label} | {} | {captured_at} | `{digest}…` |\n",
            code(file)
        ));
    }
    for warning in &comparison.warnings {
        text.push_str(&format!("\n> **Warning:** {}\n", escape(warning)));
    }
    text
}

/// A heading with its table.
struct Section {
    title: String,
    head: String,
    rows: Vec<String>,
    folded: bool,
}

fn sections(comparison: &Comparison, detail: Detail) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let told = entries(comparison);
    for group in told.chunk_by(|a, b| heading(a.topic) == heading(b.topic)) {
        let title = heading(group[0].topic);
        let rows = group
            .iter()
            .map(|change| row(comparison, change, detail))
            .collect();
        sections.push(section(
            title,
            rows,
            detail,
            group[0].topic >= Topic::OtherAdded,
        ));
    }
    if !comparison.accepted.is_empty() {
        let rows = comparison
            .accepted
            .iter()
            .map(|change| row(comparison, change, detail))
            .collect();
        sections.push(section("Accepted", rows, detail, true));
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

fn row(comparison: &Comparison, change: &Change, detail: Detail) -> String {
    let text = match change.topic {
        Topic::MemberAdded | Topic::MemberRemoved => {
            format!("{}{}", what(change), luggage(comparison, change))
        }
        _ => what(change),
    };
    let email = change
        .subject
        .email
        .as_deref()
        .map(code)
        .unwrap_or_default();
    let mut row = format!(
        "| {} | {email} | {} |",
        escape(&change.subject.name),
        escape(&text)
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

/// Text that Markdown shows as it is, on one line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let text = printable(text);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // A zero-width space behind it: no name follows, so nobody is pinged.
            '@' => escaped.push_str("@&#8203;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // A bare address would become a link.
            ':' if chars.peek() == Some(&'/') => escaped.push_str("&#58;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Text as code: kept to the letter, and nobody is pinged. Within a table a bar must be escaped even there.
fn code(text: &str) -> String {
    let shown = printable(text).replace('|', "\\|");
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
        let escaped = escape("a|b @team `x` <img> [l](http://e)\nnext");
        assert_eq!(
            escaped,
            "a\\|b @&#8203;team \\`x\\` &lt;img&gt; \\[l\\](http&#58;//e)\\\\nnext"
        );
    }

    #[test]
    fn code_holds_any_text() {
        assert_eq!(code("a@b"), "`a@b`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`a|"), "`` `a\\| ``");
    }
}
