//! The report of `diff` as text for a terminal: a one-line summary, then the changes, the most important ones first.

use std::io::{self, Write};

use super::{Detail, Report, agreement, ends_enforcement, sign, who};
use crate::model::{Action, Change, Side, Topic};
use crate::report::{Page, printable, style, wrap};

pub(super) fn write(
    report: &Report<'_>,
    detail: Detail,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let comparison = report.comparison;
    let heading_style = style::wanted(style::HEADING, page.styled);
    let width = page.terminal_width();
    let headline = wrap(&report.headline(), width, 2);
    writeln!(out, "{heading_style}{headline}{heading_style:#}")?;
    if let Some(verdict) = report.verdict() {
        writeln!(out, "{}", wrap(&verdict, width, 2))?;
    }
    if comparison.is_empty() && comparison.all_warnings().next().is_none() {
        return Ok(());
    }
    writeln!(out)?;
    if !comparison.is_empty() {
        write_sides(out, [&comparison.old, &comparison.new], detail, width)?;
    }
    write_warnings(out, comparison.all_warnings(), page)?;
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
        write_change(out, report, change, detail, page)?;
    }
    if !comparison.accepted.is_empty() {
        writeln!(out, "\n{heading_style}Accepted{heading_style:#}")?;
        for accepted in &comparison.accepted {
            let agreed = printable(&agreement(accepted, comparison.knows_members)).into_owned();
            let change = &accepted.change;
            let line = format!("{}: {}", who(&change.subject), report.what(change));
            let line = format!("  {} {}{agreed}", sign(change), printable(&line));
            writeln!(out, "{}", wrap(&line, width, 6))?;
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

/// The two snapshots.
pub(super) fn write_sides(
    out: &mut dyn Write,
    [old, new]: [&Side; 2],
    detail: Detail,
    width: Option<usize>,
) -> io::Result<()> {
    let with_sync = detail.ids || old.file == new.file;
    write_side(out, "old", old, with_sync, width)?;
    write_side(out, "new", new, with_sync, width)
}

pub(super) fn write_warnings(
    out: &mut dyn Write,
    warnings: impl Iterator<Item = impl AsRef<str>>,
    page: Page,
) -> io::Result<()> {
    for warning in warnings {
        let style = style::wanted(style::WARNING, page.styled);
        let line = format!("warning: {}", printable(warning.as_ref()));
        let line = wrap(&line, page.terminal_width(), 9);
        let rest = line.strip_prefix("warning:").unwrap_or(&line);
        writeln!(out, "{style}warning:{style:#}{rest}")?;
    }
    Ok(())
}

fn write_side(
    out: &mut dyn Write,
    label: &str,
    side: &Side,
    with_sync: bool,
    width: Option<usize>,
) -> io::Result<()> {
    let organization = side
        .organization
        .as_deref()
        .unwrap_or("organization unknown");
    let captured_at = side.captured_at;
    let file = printable(&side.file);
    let organization = printable(organization);
    let line = format!("{label}  {file}: {organization}, {captured_at}");
    writeln!(out, "{}", wrap(&line, width, 5))?;
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
    page: Page,
) -> io::Result<()> {
    let style = match (change.topic, change.action) {
        _ if ends_enforcement(change) => style::WARNING,
        (Topic::SeatRaised | Topic::TwoFactorDisabled, _) => style::WARNING,
        (_, Action::Added) => style::ADDED,
        (_, Action::Removed) => style::REMOVED,
        (_, Action::Changed) => style::CHANGED,
    };
    let style = style::wanted(style, page.styled);
    let text = report.what(change);
    let subject = printable(&who(&change.subject)).into_owned();
    let sign = sign(change);
    let line = format!("  {sign} {subject}: {}", printable(&text));
    let line = wrap(&line, page.terminal_width(), 6);
    let rest = &line["  ".len() + sign.len()..];
    writeln!(out, "  {style}{sign}{style:#}{rest}")?;
    if detail.ids {
        writeln!(out, "      {}", printable(&change.id))?;
    }
    Ok(())
}
