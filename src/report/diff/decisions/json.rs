//! What became of decisions, as JSON. `docs/json.md` describes the document. Its version is raised when a field is removed
//! or changes its meaning, not when one is added.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::headline;
use crate::model::{DecisionReview, DecisionStatus, JudgedDecision, ReviewedKind};
use crate::report::diff::json::{SideDocument, side, write_line};

const SCHEMA: &str = "posthog-c1z.decisions";
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    schema_version: u32,
    headline: String,
    old: SideDocument<'a>,
    new: SideDocument<'a>,
    warnings: &'a [String],
    /// The number of decisions with each status, and of rows without a decision.
    summary: BTreeMap<&'static str, usize>,
    decisions: Vec<DecisionDocument<'a>>,
}

#[derive(Serialize)]
struct DecisionDocument<'a> {
    /// The line of the file.
    line: u64,
    /// `null` if neither the sheet nor a snapshot says.
    kind: Option<&'static str>,
    id: &'a str,
    name: Option<&'a str>,
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entitlement: Option<&'a str>,
    decision: &'static str,
    reviewer: Option<&'a str>,
    date: Option<&'a str>,
    comment: Option<&'a str>,
    status: &'static str,
    found: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    captured_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
}

pub(super) fn write_document(review: &DecisionReview, out: &mut dyn Write) -> io::Result<()> {
    let counts = DecisionStatus::ALL.map(|status| (status.as_str(), review.count(status)));
    let document = Document {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        headline: headline(review),
        old: side(&review.old),
        new: side(&review.new),
        warnings: &review.warnings,
        summary: counts
            .into_iter()
            .chain([("undecided", review.undecided)])
            .collect(),
        decisions: review.decisions.iter().map(decision).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

/// Writes one decision per line, each with the new snapshot's time and organization.
pub(super) fn write_decisions(review: &DecisionReview, out: &mut dyn Write) -> io::Result<()> {
    let captured_at = review.new.captured_at.as_utc.to_string();
    for judged in &review.decisions {
        let line = DecisionDocument {
            captured_at: Some(&captured_at),
            organization: review.new.organization.as_deref(),
            ..decision(judged)
        };
        write_line(out, &line)?;
    }
    Ok(())
}

fn decision(judged: &JudgedDecision) -> DecisionDocument<'_> {
    let row = &judged.row;
    DecisionDocument {
        line: row.line,
        kind: row.kind.map(ReviewedKind::as_str),
        id: &row.id,
        name: known(&row.name),
        email: known(&row.email),
        role: known(&row.role),
        entitlement: known(&row.entitlement),
        decision: row.decision.as_str(),
        reviewer: known(&row.reviewer),
        date: known(&row.date),
        comment: known(&row.comment),
        status: judged.status.as_str(),
        found: &judged.found,
        captured_at: None,
        organization: None,
    }
}

/// A text, unless it is empty, which means that it is not known.
fn known(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
