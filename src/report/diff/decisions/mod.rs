//! The report of `diff --decisions`: what became of each decision of an access review.

mod console;
mod json;
mod markdown;

use std::io::{self, Write};

use super::{Detail, DiffFormat, short};
use crate::model::{Decision, DecisionReview, DecisionStatus, JudgedDecision};
use crate::report::Page;

/// Writes what became of decisions.
///
/// # Errors
/// When the output cannot be written.
pub fn write(
    review: &DecisionReview,
    format: DiffFormat,
    detail: Detail,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        DiffFormat::Console => console::write(review, detail, page, out),
        DiffFormat::Json => json::write_document(review, out),
        DiffFormat::Ndjson => json::write_decisions(review, out),
        DiffFormat::Markdown { max_bytes } => markdown::write(review, detail, max_bytes, out),
    }
}

/// Summarizes the decisions in one line: "3 decisions: 1 done, 2 not done; 40 rows undecided".
fn headline(review: &DecisionReview) -> String {
    let decisions = match review.decisions.len() {
        0 => "no decisions".to_owned(),
        1 => "1 decision".to_owned(),
        n => format!("{n} decisions"),
    };
    let in_order = [
        DecisionStatus::Done,
        DecisionStatus::NotDone,
        DecisionStatus::ChangedOtherwise,
        DecisionStatus::NotJudged,
        DecisionStatus::Unknown,
    ];
    let counts: Vec<String> = in_order
        .into_iter()
        .map(|status| (review.count(status), words(status)))
        .filter(|(n, _)| *n > 0)
        .map(|(n, words)| format!("{n} {words}"))
        .collect();
    let mut line = decisions;
    if !counts.is_empty() {
        line.push_str(&format!(": {}", counts.join(", ")));
    }
    match review.undecided {
        0 => {}
        1 => line.push_str("; 1 row undecided"),
        n => line.push_str(&format!("; {n} rows undecided")),
    }
    line
}

/// A status in a sentence.
fn words(status: DecisionStatus) -> &'static str {
    match status {
        DecisionStatus::NotDone => "not done",
        DecisionStatus::NotJudged => "not judged",
        DecisionStatus::ChangedOtherwise => "changed otherwise",
        DecisionStatus::Unknown => "unknown",
        DecisionStatus::Done => "done",
    }
}

/// The heading of the decisions with a status.
fn heading(status: DecisionStatus) -> &'static str {
    match status {
        DecisionStatus::NotDone => "Not done",
        DecisionStatus::NotJudged => "Not judged",
        DecisionStatus::ChangedOtherwise => "Changed otherwise",
        DecisionStatus::Unknown => "Not in the old snapshot",
        DecisionStatus::Done => "Done",
    }
}

/// Explains the exit code in one line.
fn verdict(review: &DecisionReview) -> String {
    let of = |status| review.revocations(status).count();
    let revocations = |n: usize| match n {
        1 => "1 decision to revoke".to_owned(),
        n => format!("{n} decisions to revoke"),
    };
    let held = of(DecisionStatus::NotDone);
    match of(DecisionStatus::NotJudged) {
        0 if held == 0 => {
            let unknown = match of(DecisionStatus::Unknown) {
                0 => String::new(),
                n => format!("; not in the old snapshot: {n}"),
            };
            format!("Passed: nothing that was to be revoked is still held{unknown}.")
        }
        0 if held == 1 => "Failed: 1 decision to revoke is not done.".to_owned(),
        0 => format!("Failed: {} are not done.", revocations(held)),
        n => {
            let also = match held {
                0 => String::new(),
                n => format!("; not done: {n}"),
            };
            format!("Not passed: {} could not be judged{also}.", revocations(n))
        }
    }
}

/// The decisions with a status: those to revoke first, then in the order of the sheet.
fn with_status(review: &DecisionReview, status: DecisionStatus) -> Vec<&JudgedDecision> {
    let decisions = review.decisions.iter();
    let mut decisions: Vec<_> = decisions.filter(|judged| judged.status == status).collect();
    decisions.sort_by_key(|judged| judged.row.decision != Decision::Revoke);
    decisions
}

/// The person that a decision is about, by name; by id where there is no name.
fn name(judged: &JudgedDecision) -> &str {
    match judged.row.name.as_str() {
        "" => &judged.row.id,
        name => name,
    }
}

/// What a person holds, if the decision is about that: "member of Engineering"; else empty.
fn holding(judged: &JudgedDecision) -> String {
    let (role, entitlement) = (short(&judged.row.role), short(&judged.row.entitlement));
    match (entitlement.is_empty(), role.is_empty()) {
        (false, false) => format!("{entitlement} of {role}"),
        (true, false) => role.into_owned(),
        (_, true) => entitlement.into_owned(),
    }
}

/// Who decided, when and why; empty if the sheet does not say.
fn decided(judged: &JudgedDecision) -> String {
    let row = &judged.row;
    let [reviewer, date, comment] =
        [&row.reviewer, &row.date, &row.comment].map(|text| short(text));
    let who = match (reviewer.is_empty(), date.is_empty()) {
        (false, false) => format!("{reviewer}, {date}"),
        _ => format!("{reviewer}{date}"),
    };
    match (who.is_empty(), comment.is_empty()) {
        (false, false) => format!("{who}: {comment}"),
        _ => format!("{who}{comment}"),
    }
}
