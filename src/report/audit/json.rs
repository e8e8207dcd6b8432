//! The report of `audit` as JSON. `docs/audit.md` describes the document. Its version is raised when a field is removed or
//! changes its meaning, not when one is added.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::model::{Acceptance, Audit, Finding, FindingFacts, Severity, Subject, Zone};

const SCHEMA: &str = "posthog-c1z.audit";
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    schema_version: u32,
    file: &'a str,
    sync_id: &'a str,
    organization: Option<&'a str>,
    organization_id: Option<&'a str>,
    captured_at: String,
    time_zone_known: bool,
    judged_at: String,
    /// The older snapshot; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<SinceDocument<'a>>,
    rules: Vec<RuleDocument>,
    #[serde(serialize_with = "findings")]
    findings: &'a [Finding],
    not_judged: Vec<NotJudgedDocument<'a>>,
    unmatched_acceptances: Vec<UnmatchedDocument<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct SinceDocument<'a> {
    file: &'a str,
    captured_at: String,
}

#[derive(Serialize)]
struct RuleDocument {
    code: &'static str,
    severity: &'static str,
    findings: usize,
    /// For how many people, domains or invitations its fact is not known.
    unknown: usize,
}

#[derive(Serialize)]
struct FindingDocument<'a> {
    code: &'static str,
    severity: &'static str,
    subject: SubjectDocument<'a>,
    message: &'a str,
    facts: &'a FindingFacts,
    accepted: Option<AcceptanceDocument<'a>>,
    /// An acceptance that fitted until it expired; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_acceptance: Option<AcceptanceDocument<'a>>,
    /// Whether the older snapshot did not have it; absent without an older one.
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<bool>,
    /// In NDJSON, where a finding is alone on its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    captured_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
}

#[derive(Serialize)]
struct SubjectDocument<'a> {
    kind: &'static str,
    id: &'a str,
    name: Option<&'a str>,
    email: Option<&'a str>,
}

#[derive(Serialize)]
struct AcceptanceDocument<'a> {
    reason: &'a str,
    until: Option<&'a str>,
}

#[derive(Serialize)]
struct NotJudgedDocument<'a> {
    code: &'static str,
    reason: &'a str,
}

#[derive(Serialize)]
struct UnmatchedDocument<'a> {
    code: &'static str,
    subject: Option<&'a str>,
    #[serde(flatten)]
    acceptance: AcceptanceDocument<'a>,
    problem: &'static str,
}

#[derive(Serialize)]
struct Summary {
    high: usize,
    medium: usize,
    low: usize,
    accepted: usize,
}

pub(super) fn write_document(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        file: &audit.file,
        sync_id: &audit.sync_id,
        organization: audit.organization.as_deref(),
        organization_id: audit.organization_id.as_deref(),
        captured_at: audit.captured_at.as_utc.to_string(),
        time_zone_known: audit.captured_at.zone == Zone::Known,
        judged_at: audit.judged_at.to_string(),
        since: audit.since.as_ref().map(|older| SinceDocument {
            file: &older.file,
            captured_at: older.captured_at.as_utc.to_string(),
        }),
        rules: audit
            .rules
            .iter()
            .map(|rule| RuleDocument {
                code: rule.code.as_str(),
                severity: rule.severity.as_str(),
                findings: rule.findings,
                unknown: rule.unknown,
            })
            .collect(),
        findings: &audit.findings,
        not_judged: audit
            .not_judged
            .iter()
            .map(|rule| NotJudgedDocument {
                code: rule.code.as_str(),
                reason: &rule.reason,
            })
            .collect(),
        unmatched_acceptances: audit
            .unmatched_acceptances
            .iter()
            .map(|unmatched| UnmatchedDocument {
                code: unmatched.code.as_str(),
                subject: unmatched.subject.as_deref(),
                acceptance: acceptance(&unmatched.acceptance),
                problem: unmatched.problem.as_str(),
            })
            .collect(),
        summary: Summary {
            high: audit.count(Severity::High),
            medium: audit.count(Severity::Medium),
            low: audit.count(Severity::Low),
            accepted: audit.accepted(),
        },
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

/// Writes one finding per line, each with its organization and time.
pub(super) fn write_findings(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let captured_at = audit.captured_at.as_utc.to_string();
    for found in &audit.findings {
        let line = FindingDocument {
            captured_at: Some(&captured_at),
            organization: audit.organization.as_deref(),
            ..finding(found)
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes one after the other; a list of them would be as large as the audit.
fn findings<S: Serializer>(all: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(finding))
}

fn finding(finding: &Finding) -> FindingDocument<'_> {
    let Subject {
        kind,
        id,
        name,
        email,
    } = &finding.subject;
    FindingDocument {
        code: finding.code.as_str(),
        severity: finding.severity.as_str(),
        subject: SubjectDocument {
            kind: kind.as_str(),
            id,
            name: name.as_deref(),
            email: email.as_deref(),
        },
        message: &finding.message,
        facts: &finding.facts,
        accepted: finding.accepted.as_deref().map(acceptance),
        expired_acceptance: finding.expired.as_deref().map(acceptance),
        new: finding.is_new,
        captured_at: None,
        organization: None,
    }
}

fn acceptance(acceptance: &Acceptance) -> AcceptanceDocument<'_> {
    AcceptanceDocument {
        reason: &acceptance.reason,
        until: acceptance.until.as_deref(),
    }
}
