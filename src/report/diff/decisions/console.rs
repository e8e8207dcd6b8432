//! What became of decisions, as text for a terminal. Those that are done are only counted, unless ids are shown too.

use std::io::{self, Write};

use super::{decided, heading, headline, holding, name, verdict, with_status};
use crate::model::{DecisionReview, DecisionStatus, JudgedDecision};
use crate::report::diff::console::{write_sides, write_warnings};
use crate::report::diff::{Detail, name_and_email};
use crate::report::{Page, printable, style, wrap};

pub(super) fn write(
    review: &DecisionReview,
    detail: Detail,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let style = style::wanted(style::HEADING, page.styled);
    let width = page.terminal_width();
    let headline = wrap(&headline(review), width, 2);
    writeln!(out, "{style}{headline}{style:#}")?;
    writeln!(out, "{}\n", wrap(&verdict(review), width, 2))?;
    write_sides(out, [&review.old, &review.new], detail, width)?;
    write_warnings(out, review.warnings.iter(), page)?;
    for status in DecisionStatus::ALL {
        let decisions = with_status(review, status);
        if decisions.is_empty() {
            continue;
        }
        let heading = format!("{} ({})", heading(status), decisions.len());
        if status == DecisionStatus::Done && !detail.ids {
            writeln!(out, "\n{style}{heading}{style:#}: listed with --ids")?;
            continue;
        }
        writeln!(out, "\n{style}{heading}{style:#}")?;
        for judged in decisions {
            write_decision(out, judged, detail, page)?;
        }
    }
    Ok(())
}

fn write_decision(
    out: &mut dyn Write,
    judged: &JudgedDecision,
    detail: Detail,
    page: Page,
) -> io::Result<()> {
    let row = &judged.row;
    let email = Some(row.email.as_str()).filter(|email| !email.is_empty());
    let mut line = name_and_email(name(judged), email);
    let holding = holding(judged);
    if !holding.is_empty() {
        line.push_str(&format!(", {holding}"));
    }
    line.push_str(&format!(": {}", judged.found));
    let decided = decided(judged);
    if !decided.is_empty() {
        line.push_str(&format!(" ({decided})"));
    }
    let style = match judged.status {
        DecisionStatus::NotDone | DecisionStatus::NotJudged => style::WARNING,
        DecisionStatus::ChangedOtherwise | DecisionStatus::Unknown => style::CHANGED,
        DecisionStatus::Done => style::ADDED,
    };
    let style = style::wanted(style, page.styled);
    let decision = row.decision.as_str();
    let line = format!("  {decision} {}", printable(&line));
    let line = wrap(&line, page.terminal_width(), 6);
    let rest = &line["  ".len() + decision.len()..];
    writeln!(out, "  {style}{decision}{style:#}{rest}")?;
    if detail.ids {
        writeln!(out, "      {}", printable(&row.id))?;
    }
    Ok(())
}
