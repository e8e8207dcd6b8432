//! The report of `diff` as text for a terminal: a one-line summary, then the changes, the most important ones first.

use std::io::{self, Write};

use super::{Detail, Report, agreement, who};
use crate::model::{Action, Change, Side, Topic};
use crate::report::{Page, printable, style};

pub(super) fn write(
    report: &Report<'_>,
    detail: Detail,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let comparison = report.comparison;
    let heading_style = style::wanted(style::HEADING, page.styled);
    let headline = report.headline();
    writeln!(out, "{heading_style}{headline}{heading_style:#}")?;
    if let Some(verdict) = report.verdict() {
        writeln!(out, "{verdict}")?;
    }
    if comparison.is_empty() && comparison.all_warnings().next().is_none() {
        return Ok(());
    }
    writeln!(out)?;
    if !comparison.is_empty() {
        let one_file = comparison.old.file == comparison.new.file;
        write_side(out, "old", &comparison.old, detail.ids || one_file)?;
        write_side(out, "new", &comparison.new, detail.ids || one_file)?;
    }
    for warning in comparison.all_warnings() {
        let style = style::wanted(style::WARNING, page.styled);
        writeln!(out, "{style}warning:{style:#} {}", printable(&warning))?;
    }
    if detail.counts_only {
        return write_counts(report, out);
    }
    let mut last_heading = "";
    for change in &report.entries {
        let heading = report.heading(change.topic);
        if heading != last_heading {
            writeln!(out, "\n{heading_style}{heading}{heading_style:#}")?;
            last_heading = heading;
        }
        write_change(out, report, change, detail, page.styled)?;
    }
    if !comparison.accepted.is_empty() {
        writeln!(out, "\n{heading_style}Accepted{heading_style:#}")?;
        for accepted in &comparison.accepted {
            let agreed = printable(&agreement(accepted, comparison.knows_members)).into_owned();
            let change = &accepted.change;
            let line = format!("{}: {}", who(&change.subject), report.what(change));
            writeln!(out, "  {} {}{agreed}", sign(change), printable(&line))?;
        }
    }
    Ok(())
}

/// Counts the changes of each kind; a change may have several kinds.
fn write_counts(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let counts = report.counts();
    if !counts.is_empty() {
        writeln!(out)?;
    }
    for (kind, n) in counts {
        writeln!(out, "{n:>7}  {kind}")?;
    }
    Ok(())
}

fn write_side(out: &mut dyn Write, label: &str, side: &Side, with_sync: bool) -> io::Result<()> {
    let organization = side
        .organization
        .as_deref()
        .unwrap_or("organization unknown");
    let captured_at = side.captured_at;
    let file = printable(&side.file);
    let organization = printable(organization);
    writeln!(out, "{label}  {file}: {organization}, {captured_at}")?;
    if with_sync {
        writeln!(out, "     sync run {}", printable(&side.sync_id))?;
    }
    writeln!(out, "     {}", side.content_digest)
}

fn write_change(
    out: &mut dyn Write,
    report: &Report<'_>,
    change: &Change,
    detail: Detail,
    styled: bool,
) -> io::Result<()> {
    let style = match (change.topic, change.action) {
        (Topic::SeatRaised | Topic::TwoFactorDisabled, _) => style::WARNING,
        (_, Action::Added) => style::ADDED,
        (_, Action::Removed) => style::REMOVED,
        (_, Action::Changed) => style::CHANGED,
    };
    let style = style::wanted(style, styled);
    let text = report.what(change);
    let subject = printable(&who(&change.subject)).into_owned();
    writeln!(
        out,
        "  {style}{}{style:#} {subject}: {}",
        sign(change),
        printable(&text)
    )?;
    if detail.ids {
        writeln!(out, "      {}", printable(&change.id))?;
    }
    Ok(())
}

fn sign(change: &Change) -> &'static str {
    match (change.topic, change.action) {
        (Topic::SeatRaised, _) => "↑",
        (Topic::TwoFactorDisabled, _) => "!",
        (Topic::SeatLowered, _) => "↓",
        (Topic::MemberAdded, _) | (_, Action::Added) => "+",
        (Topic::MemberRemoved, _) | (_, Action::Removed) => "−",
        (_, Action::Changed) => "~",
    }
}
