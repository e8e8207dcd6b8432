//! A comparison on a terminal: one line first, then the most important changes first, names before ids.

use std::io::{self, Write};

use super::{Detail, entries, heading, headline, in_words, luggage, what, who};
use crate::model::{Action, Change, Comparison, Side, Topic};
use crate::report::{Page, printable};

pub(super) fn write(
    comparison: &Comparison,
    detail: Detail,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let style = |code: &'static str| if page.styled { code } else { "" };
    let (bold, reset) = (style("\x1b[1m"), style("\x1b[0m"));
    writeln!(out, "{bold}{}{reset}", headline(comparison))?;
    if comparison.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    write_side(out, "old", &comparison.old)?;
    write_side(out, "new", &comparison.new)?;
    for warning in &comparison.warnings {
        writeln!(
            out,
            "{}warning:{reset} {}",
            style("\x1b[1;33m"),
            printable(warning)
        )?;
    }
    if detail.counts_only {
        return Ok(());
    }
    let mut last_heading = "";
    for change in entries(comparison) {
        let heading = heading(change.topic);
        if heading != last_heading {
            writeln!(out, "\n{bold}{heading}{reset}")?;
            last_heading = heading;
        }
        write_change(out, comparison, change, detail, &style)?;
    }
    if !comparison.accepted.is_empty() {
        writeln!(out, "\n{bold}Accepted{reset}")?;
        for change in &comparison.accepted {
            writeln!(out, "  {} {}", sign(change), in_words(change))?;
        }
    }
    Ok(())
}

fn write_side(out: &mut dyn Write, label: &str, side: &Side) -> io::Result<()> {
    let organization = side
        .organization
        .as_deref()
        .unwrap_or("organization not told");
    let captured_at = side
        .captured_at
        .get(..19)
        .unwrap_or(&side.captured_at)
        .replace('T', " ");
    writeln!(
        out,
        "{label}  {}: {}, {captured_at} UTC\n     {}",
        printable(&side.file),
        printable(organization),
        side.content_digest
    )
}

fn write_change(
    out: &mut dyn Write,
    comparison: &Comparison,
    change: &Change,
    detail: Detail,
    style: &dyn Fn(&'static str) -> &'static str,
) -> io::Result<()> {
    let color = style(match (change.topic, change.action) {
        (Topic::SeatRaised | Topic::TwoFactorDisabled, _) => "\x1b[1;33m",
        (_, Action::Added) => "\x1b[32m",
        (_, Action::Removed) => "\x1b[31m",
        (_, Action::Changed) => "\x1b[36m",
    });
    let text = match change.topic {
        Topic::MemberAdded | Topic::MemberRemoved => {
            format!("{}{}", what(change), luggage(comparison, change))
        }
        _ => what(change),
    };
    let subject = printable(&who(&change.subject)).into_owned();
    writeln!(
        out,
        "  {color}{}{} {subject}: {}",
        sign(change),
        style("\x1b[0m"),
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
        (Topic::MemberAdded, _) | (_, Action::Added) => "+",
        (Topic::MemberRemoved, _) | (_, Action::Removed) => "−",
        (_, Action::Changed) => "~",
    }
}
