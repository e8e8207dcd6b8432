//! The report of `audit` as Markdown, for a pull-request comment or a step summary.
//!
//! Names are untrusted text, escaped as in the report of `diff`. The report keeps to a size limit: every section keeps its
//! heading and its count, findings of lower severity are left out first, and what is left out is counted.

use std::io::{self, Write};

use super::{
    agreement, headline, not_known, note_on_2fa, subject_name, verdict, what, why_unmatched,
};
use crate::model::{Audit, Finding, Severity};
use crate::report::markdown::{Section, code, escape, push_sections};

/// Longest cells, in bytes.
const NAME_BYTES: usize = 400;
const WHAT_BYTES: usize = 600;
/// Fraction of the size limit that a name at the top may take.
const HEAD_NAME_PART: usize = 20;

pub(super) fn write(audit: &Audit, max_bytes: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut text = head(audit, max_bytes / HEAD_NAME_PART);
    let sections = sections(audit);
    push_sections(&sections, max_bytes, &mut text);
    out.write_all(text.as_bytes())
}

fn head(audit: &Audit, name_bytes: usize) -> String {
    let mut text = match &audit.organization {
        Some(name) => format!("## Access audit: {}\n\n", escape(name, name_bytes)),
        None => "## Access audit\n\n".to_owned(),
    };
    text.push_str(&format!("**{}**\n", headline(audit)));
    if let Some(verdict) = verdict(audit) {
        text.push_str(&format!("\n{verdict}\n"));
    }
    let judged_at = audit.judged_at.to_seconds();
    text.push_str("\n| Snapshot | Captured | Judged as of (UTC) |\n|---|---|---|\n");
    text.push_str(&format!(
        "| {} | {} | {judged_at} |\n",
        escape(&audit.file, name_bytes),
        audit.captured_at
    ));
    if let Some(note) = note_on_2fa(audit) {
        text.push_str(&format!("\n{note}.\n"));
    }
    text
}

fn sections(audit: &Audit) -> Vec<Section> {
    let mut sections = Vec::new();
    let open = |finding: &&Finding| finding.accepted.is_none();
    let (new, known): (Vec<&Finding>, Vec<_>) = audit
        .findings
        .iter()
        .filter(open)
        .partition(|finding| finding.is_new != Some(false));
    for severity in Severity::ALL {
        let name = match severity {
            Severity::High => "High",
            Severity::Medium => "Medium",
            Severity::Low => "Low",
        };
        let of_severity = |findings: &[&Finding]| -> Vec<String> {
            let findings = findings.iter().filter(|f| f.severity == severity);
            findings.map(|finding| row(finding)).collect()
        };
        let suffix = if audit.since.is_some() { ", new" } else { "" };
        add(
            &mut sections,
            &format!("{name}{suffix}"),
            HEAD,
            of_severity(&new),
            false,
        );
    }
    let before: Vec<String> = known.iter().map(|finding| row(finding)).collect();
    add(
        &mut sections,
        "Found in the older snapshot too",
        HEAD,
        before,
        true,
    );
    let remedies = remedies(audit);
    if !remedies.is_empty() {
        sections.push(Section {
            title: "What to do".to_owned(),
            head: "",
            rows: remedies,
            is_folded: false,
            is_counted: false,
        });
    }
    let accepted = audit.findings.iter().filter(|f| f.accepted.is_some());
    let accepted = accepted.map(|finding| {
        let (who, email) = cells(finding);
        let what = format!("{} ({})", finding.message, agreement(finding));
        let what = escape(&what, WHAT_BYTES);
        format!("| {} | {who} | {email} | {what} |\n", finding.code)
    });
    let head = "| Rule | Who or what | E-mail | Finding and reason |\n|---|---|---|---|\n";
    add(&mut sections, "Accepted", head, accepted.collect(), true);
    let unmatched = audit.unmatched_acceptances.iter().map(|unmatched| {
        let subject = unmatched.subject.as_deref();
        let subject = subject.map_or(String::new(), |subject| code(&short(subject)));
        let reason = escape(&unmatched.acceptance.reason, WHAT_BYTES);
        let why = why_unmatched(unmatched);
        format!("| {} | {subject} | {why} | {reason} |\n", unmatched.code)
    });
    let head = "| Rule | Subject | Why | Reason |\n|---|---|---|---|\n";
    add(
        &mut sections,
        "Acceptances that accept nothing",
        head,
        unmatched.collect(),
        true,
    );
    let partly = audit.rules.iter().filter(|rule| rule.unknown > 0);
    let partly = partly.map(|rule| format!("| {} | {} |\n", rule.code, not_known(rule)));
    let not_judged = audit.not_judged.iter();
    let not_judged = not_judged.map(|rule| {
        let reason = escape(&rule.reason, WHAT_BYTES);
        format!("| {} | not judged: {reason} |\n", rule.code)
    });
    let head = "| Rule | |\n|---|---|\n";
    let rows = not_judged.chain(partly).collect();
    add(
        &mut sections,
        "Not judged, or only in part",
        head,
        rows,
        true,
    );
    sections
}

const HEAD: &str = "| Rule | Who or what | E-mail | Finding |\n|---|---|---|---|\n";

fn add(
    sections: &mut Vec<Section>,
    title: &str,
    head: &'static str,
    rows: Vec<String>,
    is_folded: bool,
) {
    if !rows.is_empty() {
        sections.push(Section {
            title: format!("{title} ({})", rows.len()),
            head,
            rows,
            is_folded,
            is_counted: true,
        });
    }
}

fn row(finding: &Finding) -> String {
    let (who, email) = cells(finding);
    let what = escape(&what(finding), WHAT_BYTES);
    format!("| {} | {who} | {email} | {what} |\n", finding.code)
}

/// What to do about the findings that are not accepted, once for each rule.
fn remedies(audit: &Audit) -> Vec<String> {
    let is_open = |code| {
        let mut open = audit.findings.iter().filter(|f| f.accepted.is_none());
        open.any(|finding| finding.code == code)
    };
    let rules = audit.rules.iter().filter(|rule| is_open(rule.code));
    rules
        .map(|rule| format!("- {}: {}\n", rule.code, escape(rule.remedy, WHAT_BYTES)))
        .collect()
}

/// The name and the e-mail address of a subject.
fn cells(finding: &Finding) -> (String, String) {
    let subject = &finding.subject;
    let email = subject.email.as_deref().map(|email| code(&short(email)));
    (
        escape(subject_name(subject), NAME_BYTES),
        email.unwrap_or_default(),
    )
}

/// Cuts an address that is too long to read.
fn short(text: &str) -> String {
    match text.char_indices().nth(NAME_BYTES / 4) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
