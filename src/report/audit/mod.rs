//! The report of `audit`, for people (console, Markdown, CSV) and for programs (JSON, NDJSON).

mod console;
mod json;
mod markdown;
mod spreadsheet;

use std::io::{self, Write};

use super::Page;
use crate::model::{
    AcceptanceProblem, Audit, FailOn, Finding, JudgedRule, RuleCode, Severity, Subject,
    SubjectKind, UnmatchedAcceptance,
};

/// The formats of an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFormat {
    /// Text for a terminal.
    Console,
    /// One JSON document.
    Json,
    /// One JSON object per finding.
    Ndjson,
    /// A comment for a pull request, or a step summary.
    Markdown {
        /// Size limit, in bytes.
        max_bytes: usize,
    },
    /// One row per finding.
    Csv,
}

/// Writes an audit.
///
/// # Errors
/// When the output cannot be written.
pub fn write(
    audit: &Audit,
    format: AuditFormat,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        AuditFormat::Console => console::write(audit, page, out),
        AuditFormat::Json => json::write_document(audit, out),
        AuditFormat::Ndjson => json::write_findings(audit, out),
        AuditFormat::Markdown { max_bytes } => markdown::write(audit, max_bytes, out),
        AuditFormat::Csv => spreadsheet::write(audit, page, out),
    }
}

/// Summarizes the findings in one line: "2 high, 9 medium and 6 low findings, 1 accepted".
pub fn headline(audit: &Audit) -> String {
    let counts: Vec<(usize, Severity)> = Severity::ALL
        .into_iter()
        .map(|severity| (audit.count(severity), severity))
        .filter(|(n, _)| *n > 0)
        .collect();
    let all: usize = counts.iter().map(|(n, _)| n).sum();
    let parts: Vec<String> = counts
        .iter()
        .map(|(n, severity)| format!("{n} {severity}"))
        .collect();
    let mut line = match parts.as_slice() {
        [] => "no findings".to_owned(),
        [only] => format!("{only} {}", findings(all)),
        [first @ .., last] => format!("{} and {last} {}", first.join(", "), findings(all)),
    };
    match audit.accepted() {
        0 => {}
        n if all == 0 => line.push_str(&format!(" except {n} accepted")),
        n => line.push_str(&format!(", {n} accepted")),
    }
    line
}

fn findings(n: usize) -> &'static str {
    if n == 1 { "finding" } else { "findings" }
}

/// Explains the exit code in one line; `None` if no finding can fail.
fn verdict(audit: &Audit) -> Option<String> {
    if audit.fail_on.is_empty() {
        return None;
    }
    let named: Vec<_> = audit.fail_on.iter().map(|fail_on| name(*fail_on)).collect();
    let option = format!("`--fail-on {}`", named.join(","));
    let unjudged: Vec<&str> = audit
        .not_judged
        .iter()
        .filter(|rule| audit.fail_on.contains(&FailOn::Code(rule.code)))
        .map(|rule| rule.code.as_str())
        .collect();
    let failing = audit.failing().count();
    Some(match (unjudged.as_slice(), failing) {
        ([], 0) => format!("Passed: no finding is covered by {option}."),
        ([], n) => format!("Failed by {option}: {n} {}.", findings(n)),
        // A gate that was asked for must not pass unseen.
        (codes, n) => {
            let codes = codes.join(", ");
            let also = match n {
                0 => String::new(),
                n => format!("; failed: {n} {}", findings(n)),
            };
            format!("Not passed: {option} names what could not be judged ({codes}){also}.")
        }
    })
}

/// A condition as it is typed.
fn name(fail_on: FailOn) -> String {
    match fail_on {
        FailOn::Severity(severity) => severity.to_string(),
        FailOn::New(severity) => format!("new-{severity}"),
        FailOn::Code(code) => code.to_string(),
    }
}

/// What to say once where findings depend on what PostHog knows of second factors.
pub(super) fn note_on_2fa(audit: &Audit) -> Option<&'static str> {
    let depends = |finding: &Finding| {
        matches!(
            finding.code,
            RuleCode::AdminWithout2fa | RuleCode::MemberWithout2fa
        )
    };
    (audit.is_of_posthog && audit.findings.iter().any(depends)).then_some(
        "2FA here is PostHog's own: it does not show a second factor that an identity provider asks for",
    )
}

/// A subject in a sentence: name and e-mail address.
fn who(subject: &Subject) -> String {
    match (&subject.name, &subject.email, subject.kind) {
        (Some(name), Some(email), _) if name != email => format!("{name} <{email}>"),
        (_, Some(email), _) => email.to_string(),
        (Some(name), None, _) => name.to_string(),
        (None, None, SubjectKind::Snapshot) => "this snapshot".to_owned(),
        (None, None, SubjectKind::Organization) => "the organization".to_owned(),
        (None, None, _) => subject.id.to_string(),
    }
}

/// The name of a subject beside its e-mail address; empty if it has only that.
pub(super) fn subject_name(subject: &Subject) -> &str {
    match (&subject.name, subject.kind) {
        (Some(name), _) => name,
        (None, SubjectKind::Snapshot) => "this snapshot",
        (None, SubjectKind::Organization) => "the organization",
        (None, _) if subject.email.is_some() => "",
        (None, _) => &subject.id,
    }
}

/// The message of a finding, with the acceptance that has expired.
pub(super) fn what(finding: &Finding) -> String {
    match &finding.expired {
        None => finding.message.clone(),
        Some(expired) => format!(
            "{} (accepted until {}: {})",
            finding.message,
            expired.until.as_deref().unwrap_or_default(),
            expired.reason
        ),
    }
}

/// The reason and the last day of an accepted finding.
pub(super) fn agreement(finding: &Finding) -> String {
    match &finding.accepted {
        None => String::new(),
        Some(accepted) => match &accepted.until {
            Some(until) => format!("{}, until {until}", accepted.reason),
            None => accepted.reason.clone(),
        },
    }
}

/// For whom or what the fact of a rule is not known.
pub(super) fn not_known(rule: &JudgedRule) -> String {
    let (one, many) = match rule.code {
        RuleCode::SsoNotEnforced => ("domain", "domains"),
        RuleCode::PendingPrivilegedInvitation | RuleCode::StaleInvitation => {
            ("invitation", "invitations")
        }
        _ => ("person", "people"),
    };
    match rule.unknown {
        1 => format!("not known for 1 {one}"),
        n => format!("not known for {n} {many}"),
    }
}

/// Why an acceptance accepts nothing.
pub(super) fn why_unmatched(unmatched: &UnmatchedAcceptance) -> String {
    match unmatched.problem {
        AcceptanceProblem::Expired => {
            let until = unmatched.acceptance.until.as_deref();
            format!("expired after {}", until.unwrap_or_default())
        }
        AcceptanceProblem::Unmatched => "there is no such finding".to_owned(),
        AcceptanceProblem::NotJudged => "the rule could not be judged".to_owned(),
        AcceptanceProblem::Off => "the rule is off".to_owned(),
    }
}
