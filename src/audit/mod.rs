//! The audit: judges the facts of one snapshot by rules. Pure: it reads no files and knows no clock, so the same facts, rules
//! and moment always give the same findings.
//!
//! | file | contains |
//! |---|---|
//! | `facts.rs` | what the rules look at |
//! | `rules/` | the rules: one table, and one file for each topic |
//! | `settings.rs` | thresholds, severities and acceptances, from the rules file |
//! | `roster.rs` | who should be there, from an HR system |
//! | `accept.rs` | which findings are accepted, and which acceptances accept nothing |

mod accept;
mod facts;
mod roster;
mod rules;
mod settings;

use std::collections::HashSet;

pub use accept::accept;
pub use facts::{Facts, PersonFacts, RoleFacts};
pub use roster::{DateForm, Roster, RosterColumns};
pub use rules::dormant_members;
pub use settings::{Acceptable, Settings, default_rules};

use crate::model::{Finding, JudgedRule, NotJudged, RuleCode, SubjectKind, Timestamp};
use rules::{Case, RULES};

/// What the rules say about one snapshot.
pub struct Judgement {
    /// The rules that were judged, in the order of [`RuleCode::ALL`].
    pub rules: Vec<JudgedRule>,
    /// Their findings, by severity (highest first), rule and id.
    pub findings: Vec<Finding>,
    /// The rules that could not be judged, in the same order.
    pub not_judged: Vec<NotJudged>,
}

/// Judges a snapshot as of `judged_at`. Rules that are off appear nowhere.
pub fn judge(
    facts: &Facts,
    settings: &Settings,
    roster: Option<&Roster>,
    judged_at: Timestamp,
) -> Judgement {
    let case = Case {
        facts,
        settings,
        roster,
        judged_at,
    };
    let mut judgement = Judgement {
        rules: Vec::new(),
        findings: Vec::new(),
        not_judged: Vec::new(),
    };
    for rule in &RULES {
        let Some(severity) = settings.severity(rule.code) else {
            continue;
        };
        let code = rule.code;
        if let Some(reason) = rule.needs.iter().find_map(|need| need.missing(&case)) {
            judgement.not_judged.push(NotJudged { code, reason });
            continue;
        }
        let outcome = (rule.judge)(&case);
        judgement.rules.push(JudgedRule {
            code,
            severity,
            findings: outcome.found.len(),
            unknown: outcome.unknown,
            remedy: rule.remedy,
        });
        let findings = outcome.found.into_iter().map(|found| Finding {
            code,
            severity,
            subject: found.subject,
            message: found.message,
            facts: found.facts,
            accepted: None,
            expired: None,
            is_new: None,
        });
        // Exactly: there can be more findings than people.
        judgement.findings.reserve_exact(findings.len());
        judgement.findings.extend(findings);
    }
    sort(&mut judgement.findings);
    judgement
}

/// Marks the findings that an older snapshot did not have, and puts them first. Where the older one could not be judged, all
/// are new.
pub fn compare(findings: &mut [Finding], older: &Judgement) {
    let known: HashSet<(RuleCode, &str)> = older
        .findings
        .iter()
        .map(|finding| (finding.code, finding.subject.id.as_str()))
        .collect();
    for finding in &mut *findings {
        let is_known = match finding.subject.kind {
            // Every snapshot has an id of its own, so what is known is the same statement about the older one.
            SubjectKind::Snapshot => older
                .findings
                .iter()
                .any(|known| known.code == finding.code && known.facts == finding.facts),
            _ => known.contains(&(finding.code, finding.subject.id.as_str())),
        };
        finding.is_new = Some(!is_known);
    }
    sort(findings);
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.is_new == Some(false), 3 - finding.severity as u8);
        let code = |finding: &Finding| finding.code.as_str();
        (key(a), code(a), &a.subject.id).cmp(&(key(b), code(b), &b.subject.id))
    });
}
