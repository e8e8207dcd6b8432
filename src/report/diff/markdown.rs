//! The report of `diff` as Markdown, for a pull-request comment or a step summary.
//!
//! Names are untrusted text: they cannot mention users, become links, break a table or be read as HTML. The report
//! keeps to a size limit. Every section keeps its heading and its count, what is left out is counted, and the riskiest
//! changes are the last to be left out.

use std::io::{self, Write};

use super::{Detail, MAX_ROLE_NAMES, Report, agreement, is_of_person, short};
use crate::model::{Change, Comparison, Risk, Side, Topic, UnusedLine, Zone};
use crate::report::markdown::{UNCUT, code, escape, longest_backticks};

/// Entries under one heading that are not folded.
const OPEN_ROWS: usize = 20;
/// Entries that every section gets before any section gets more.
const FIRST_ROWS: usize = 5;
/// Bytes reserved for the line that says how many changes were left out.
const RESERVE: usize = 128;
/// Bytes reserved for the line that says how many warnings of one kind were left out.
pub(super) const WARNINGS_RESERVE: usize = 100;
/// Longest description of a change, in bytes; names of roles beyond that are counted.
const WHAT_BYTES: usize = 400;
/// Longest cells of a brief row, in bytes: a name or an id, and the description.
const BRIEF_NAME_BYTES: usize = 100;
const BRIEF_WHAT_BYTES: usize = 120;
/// Longest name of an organization or a file at the top of the report, in bytes.
pub(super) const HEAD_NAME_BYTES: usize = 200;
/// Fraction of the size limit that such a name may take, so that all headings fit into the smallest limit.
pub(super) const HEAD_NAME_PART: usize = 20;

pub(super) fn write(
    report: &Report<'_>,
    detail: Detail,
    max_bytes: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut sections = if detail.counts_only {
        counts(report).into_iter().collect()
    } else {
        sections(report, detail)
    };
    let mut text = head(report, HEAD_NAME_BYTES.min(max_bytes / HEAD_NAME_PART));
    let headings: usize = sections.iter().map(|section| section.heading().len()).sum();
    let comparison = report.comparison;
    let has_some = [
        !comparison.warnings.is_empty(),
        !comparison.unused_lines.is_empty(),
    ];
    let reserve = RESERVE + has_some.iter().filter(|has| **has).count() * WARNINGS_RESERVE;
    let mut room = max_bytes.saturating_sub(reserve + text.len() + headings);
    // The riskiest changes come before all warnings. Warnings get at most half of the remaining room, so that other
    // changes still fit.
    let fits_all_risks = fill_risky(&mut sections, &mut room);
    text.push_str(&quoted_warnings(&comparison.warnings, &mut room));
    text.push_str(&unused_lines(comparison, &mut room));
    if fits_all_risks {
        fill_rest(&mut sections, &mut room);
    }
    let left_out = left_out(&sections);
    for section in &sections {
        section.push(&mut text);
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

/// The top of the report: title, summary and the two snapshots. Names take at most `name_bytes`.
fn head(report: &Report<'_>, name_bytes: usize) -> String {
    let comparison = report.comparison;
    let sides = [&comparison.old, &comparison.new];
    let mut text = String::new();
    push_title("Access changes", sides, name_bytes, &mut text);
    text.push_str(&format!("**{}**\n", report.headline()));
    if let Some(verdict) = report.verdict() {
        text.push_str(&format!("\n{verdict}\n"));
    }
    push_sides(sides, name_bytes, &mut text);
    text
}

/// Appends a title with the organization's name.
pub(super) fn push_title(
    title: &str,
    [old, new]: [&Side; 2],
    name_bytes: usize,
    text: &mut String,
) {
    let name = new.organization.as_deref().or(old.organization.as_deref());
    match name {
        Some(name) => text.push_str(&format!("## {title}: {}\n\n", escape(name, name_bytes))),
        None => text.push_str(&format!("## {title}\n\n")),
    }
}

/// Appends a table of the two snapshots.
pub(super) fn push_sides([old, new]: [&Side; 2], name_bytes: usize, text: &mut String) {
    let sides = [("old", old), ("new", new)];
    let are_zones_known = sides
        .iter()
        .all(|(_, side)| side.captured_at.zone == Zone::Known);
    let captured = if are_zones_known {
        "Captured (UTC)"
    } else {
        "Captured"
    };
    text.push_str(&format!(
        "\n| | Snapshot | {captured} | Content digest |\n|---|---|---|---|\n"
    ));
    for (label, side) in sides {
        let Side {
            file,
            captured_at,
            content_digest,
            ..
        } = side;
        let captured_at = if are_zones_known {
            captured_at.as_utc.to_seconds()
        } else {
            captured_at.to_string()
        };
        let digest = content_digest.get(..19).unwrap_or(content_digest);
        let file = if file.len() > name_bytes {
            escape(file, name_bytes)
        } else {
            code(file)
        };
        text.push_str(&format!(
            "| {label} | {file} | {captured_at} | `{digest}…` |\n"
        ));
    }
}

/// The warnings about the inputs that fit into half of `room`, and the number of those that do not.
pub(super) fn quoted_warnings(warnings: &[String], room: &mut usize) -> String {
    let blocks = warnings
        .iter()
        .map(|warning| format!("{}\n", escape(&short(warning), UNCUT)));
    let more = |n| format!("{n} more, left out to fit.\n");
    quoted(blocks.collect(), more, room)
}

/// The warnings about lines of the `--accept` file that fit into half of `room`, and the number of those that do not.
/// Suggested replacement lines are in code blocks, ready to be copied.
fn unused_lines(comparison: &Comparison, room: &mut usize) -> String {
    let block = |unused: &UnusedLine| {
        let problem = escape(&short(&unused.problem), UNCUT);
        match &unused.instead {
            None => format!("{problem}\n"),
            Some(line) => {
                let fence = "`".repeat((longest_backticks(line) + 1).max(3));
                format!("{problem}\n>\n> {fence}text\n> {line}\n> {fence}\n")
            }
        }
    };
    let more =
        |n| format!("{n} more about lines of accepted changes, left out; see `--print-accept`.\n");
    quoted(
        comparison.unused_lines.iter().map(block).collect(),
        more,
        room,
    )
}

/// The blocks that fit into half of `room`, then the number of those that do not. Takes what they need from `room`.
fn quoted(blocks: Vec<String>, more: impl Fn(usize) -> String, room: &mut usize) -> String {
    let mut text = String::new();
    let all = blocks.len();
    let max = *room / 2;
    for (at, block) in blocks.into_iter().enumerate() {
        let block = format!("\n> **Warning:** {block}");
        if text.len() + block.len() > max {
            *room -= text.len();
            return format!("{text}\n> **Warning:** {}", more(all - at));
        }
        text.push_str(&block);
    }
    *room -= text.len();
    text
}

/// Counts the changes of each kind; a change may have several kinds.
fn counts(report: &Report<'_>) -> Option<Section> {
    let rows: Vec<_> = report
        .counts()
        .iter()
        .map(|(kind, n)| format!("| {kind} | {n} |\n"))
        .collect();
    (!rows.is_empty()).then(|| Section {
        title: "Changes by kind".to_owned(),
        head: "| Kind | Changes |\n|---|---:|\n",
        open: rows.into_iter().map(Entry::new).collect(),
        folded: Vec::new(),
    })
}

/// A heading with two tables, the second one folded.
struct Section {
    title: String,
    head: &'static str,
    open: Vec<Entry>,
    folded: Vec<Entry>,
}

/// A row of a table.
struct Entry {
    row: String,
    /// A shorter form for a risky change: only the person and their seat.
    brief: Option<String>,
    risk: Risk,
    /// Whether it fits into the size limit.
    is_shown: bool,
}

impl Entry {
    fn new(row: String) -> Self {
        Self {
            row,
            brief: None,
            risk: Risk::Other,
            is_shown: false,
        }
    }

    /// A row for a change; `agreed` is appended to the description.
    fn of(report: &Report<'_>, change: &Change, agreed: &str, detail: Detail) -> Self {
        let entry = Self {
            risk: change.risk(),
            ..Self::new(row(report, change, agreed, detail))
        };
        let brief = match entry.risk {
            Risk::Other => None,
            _ => Some(brief_row(report, change, detail)),
        };
        Self {
            brief: brief.filter(|brief| brief.len() < entry.row.len()),
            ..entry
        }
    }

    /// The row to write: the brief form if there is one.
    fn text(&self) -> &str {
        self.brief.as_ref().unwrap_or(&self.row)
    }
}

fn sections(report: &Report<'_>, detail: Detail) -> Vec<Section> {
    let groups = report
        .entries
        .chunk_by(|a, b| report.heading(a.topic) == report.heading(b.topic));
    let mut sections: Vec<Section> = groups
        .map(|group| {
            let entries = group
                .iter()
                .map(|change| Entry::of(report, change, "", detail));
            let topic = group[0].topic;
            let is_minor = (Topic::OtherAdded..=Topic::OtherChanged).contains(&topic);
            section(report.heading(topic), entries.collect(), detail, is_minor)
        })
        .collect();
    let accepted = &report.comparison.accepted;
    if !accepted.is_empty() {
        let knows_members = report.knows_members();
        let entries = accepted.iter().map(|accepted| {
            let agreed = agreement(accepted, knows_members);
            Entry::of(report, &accepted.change, &agreed, detail)
        });
        sections.push(section("Accepted", entries.collect(), detail, true));
    }
    sections
}

/// Builds a section. All of a minor section is folded, and so are the entries without risk of a long one.
fn section(title: &str, entries: Vec<Entry>, detail: Detail, is_minor: bool) -> Section {
    let title = format!("{title} ({})", entries.len());
    let is_long = entries.len() > OPEN_ROWS;
    let is_open = |entry: &Entry| !is_minor && (!is_long || entry.risk < Risk::Other);
    let (open, folded) = entries.into_iter().partition(is_open);
    Section {
        title,
        head: if detail.ids {
            "| Who or what | E-mail | What | ID |\n|---|---|---|---|\n"
        } else {
            "| Who or what | E-mail | What |\n|---|---|---|\n"
        },
        open,
        folded,
    }
}

/// Marks the risky entries that fit into `room`, the highest risk first, across all sections, and takes what they need
/// from it. Returns whether all of them fit: if not, no entry of lower risk may be shown in place of one that was left
/// out.
fn fill_risky(sections: &mut [Section], room: &mut usize) -> bool {
    const RISKS: [Risk; 4] = [
        Risk::Owner,
        Risk::Administrator,
        Risk::HigherSeat,
        Risk::NoSecondFactor,
    ];
    for risk in RISKS {
        for section in &mut *sections {
            section.fill(room, |_, entry| entry.risk == risk);
        }
        let mut entries = sections.iter().flat_map(Section::entries);
        if entries.any(|entry| entry.risk == risk && !entry.is_shown) {
            return false;
        }
    }
    // All of them fit, so use the remaining room for their full rows.
    for risk in RISKS {
        for section in &mut *sections {
            section.expand(room, risk);
        }
    }
    true
}

/// Marks the first few entries of each section that fit into `room`, then the others.
fn fill_rest(sections: &mut [Section], room: &mut usize) {
    for section in &mut *sections {
        section.fill(room, |at, _| at < FIRST_ROWS);
    }
    for section in &mut *sections {
        section.fill(room, |_, _| true);
    }
}

/// Counts the entries that do not fit.
fn left_out(sections: &[Section]) -> usize {
    let entries = sections.iter().flat_map(Section::entries);
    entries.filter(|entry| !entry.is_shown).count()
}

impl Section {
    fn heading(&self) -> String {
        format!("\n### {}\n", self.title)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.open.iter().chain(&self.folded)
    }

    /// Switches entries of this risk to their full rows while there is room, and takes it.
    fn expand(&mut self, room: &mut usize, risk: Risk) {
        let entries = self.open.iter_mut().chain(&mut self.folded);
        for entry in entries.filter(|entry| entry.risk == risk) {
            let more = entry.row.len() - entry.text().len();
            if more <= *room {
                entry.brief = None;
                *room -= more;
            }
        }
    }

    /// The lines before and after the folded entries. If nothing else is shown, the summary is the section's heading.
    fn fold(&self) -> (String, &'static str) {
        let summary = if has_shown(&self.open) {
            format!("{} more", self.folded.len())
        } else {
            self.title.clone()
        };
        (
            format!("\n<details><summary>{summary}</summary>\n\n"),
            "\n</details>\n",
        )
    }

    /// Marks the wanted entries that fit, and takes what they need from `room`. The heading is already accounted for.
    fn fill(&mut self, room: &mut usize, is_wanted: impl Fn(usize, &Entry) -> bool) {
        for is_folded in [false, true] {
            // Counted in full even if a fold replaces the heading.
            let frame = if is_folded {
                let (open, close) = self.fold();
                self.head.len() + open.len() + close.len()
            } else {
                1 + self.head.len()
            };
            let entries = if is_folded {
                &mut self.folded
            } else {
                &mut self.open
            };
            let mut frame = if has_shown(entries) { 0 } else { frame };
            for (at, entry) in entries.iter_mut().enumerate() {
                let needed = frame + entry.text().len();
                if !entry.is_shown && is_wanted(at, entry) && needed <= *room {
                    entry.is_shown = true;
                    *room -= needed;
                    frame = 0;
                }
            }
        }
    }

    /// Appends the heading and the marked entries.
    fn push(&self, text: &mut String) {
        let has_open = has_shown(&self.open);
        if has_open || !has_shown(&self.folded) {
            text.push_str(&self.heading());
        }
        if has_open {
            text.push('\n');
            self.push_table(&self.open, text);
        }
        if has_shown(&self.folded) {
            let (open, close) = self.fold();
            text.push_str(&open);
            self.push_table(&self.folded, text);
            text.push_str(close);
        }
    }

    fn push_table(&self, entries: &[Entry], text: &mut String) {
        text.push_str(self.head);
        let shown = entries.iter().filter(|entry| entry.is_shown);
        shown.for_each(|entry| text.push_str(entry.text()));
    }
}

fn has_shown(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| entry.is_shown)
}

/// A full row; `agreed` is appended to the description.
fn row(report: &Report<'_>, change: &Change, agreed: &str, detail: Detail) -> String {
    let name = escape(&short(&change.subject.name), UNCUT);
    let email = change.subject.email.as_deref();
    let email = email.map(|email| code(&short(email)));
    let what = what(report, change) + &escape(agreed, WHAT_BYTES);
    let id = detail.ids.then(|| code(&change.id));
    cells(&name, &email.unwrap_or_default(), &what, id)
}

/// A row of limited length: only the person and their seat.
fn brief_row(report: &Report<'_>, change: &Change, detail: Detail) -> String {
    let is_brief = |text: &String| text.len() <= BRIEF_NAME_BYTES;
    let name = escape(&change.subject.name, BRIEF_NAME_BYTES);
    let email = change.subject.email.as_deref().map(code).filter(is_brief);
    let what = super::what(change, report.knows_members());
    let what = escape(&what, BRIEF_WHAT_BYTES);
    let id = detail.ids.then(|| {
        let id = Some(code(&change.id)).filter(is_brief);
        id.unwrap_or_else(|| escape(&change.id, BRIEF_NAME_BYTES))
    });
    cells(&name, &email.unwrap_or_default(), &what, id)
}

fn cells(name: &str, email: &str, what: &str, id: Option<String>) -> String {
    let id = id.map_or_else(String::new, |id| format!(" {id} |"));
    format!("| {name} | {email} | {what} |{id}\n")
}

/// The description as a cell, with as many names of roles as fit.
fn what(report: &Report<'_>, change: &Change) -> String {
    let mut names = MAX_ROLE_NAMES;
    loop {
        let text = report.what_with(change, names);
        let cell = escape(&text, UNCUT);
        if cell.len() <= WHAT_BYTES {
            return cell;
        }
        if names == 0 || !is_of_person(change.topic) {
            return escape(&text, WHAT_BYTES);
        }
        names /= 2;
    }
}
