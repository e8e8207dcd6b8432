//! Which findings are accepted, and which acceptances accept nothing.

use std::collections::{HashMap, HashSet};

use super::Judgement;
use super::settings::{Acceptable, Settings};
use crate::model::{
    AcceptanceProblem, RuleCode, Subject, Timestamp, UnmatchedAcceptance, folded_address,
};

/// Accepts findings: the first acceptance that fits and has not expired wins. Returns the acceptances that accept nothing, in
/// the order of the rules file.
pub fn accept(
    judgement: &mut Judgement,
    settings: &Settings,
    judged_at: Timestamp,
) -> Vec<UnmatchedAcceptance> {
    let mut by_code: HashMap<RuleCode, Vec<(usize, Entry<'_>)>> = HashMap::new();
    for (at, acceptable) in settings.accept.iter().enumerate() {
        let entry = Entry::of(acceptable, judged_at);
        by_code
            .entry(acceptable.code)
            .or_default()
            .push((at, entry));
    }
    let mut used = HashSet::new();
    for finding in &mut judgement.findings {
        let Some(entries) = by_code.get(&finding.code) else {
            continue;
        };
        let email = finding.subject.email.as_deref().map(folded_address);
        for (at, entry) in entries {
            if !entry.fits(&finding.subject, email.as_deref()) {
                continue;
            }
            let acceptance = &entry.acceptable.acceptance;
            if entry.is_expired {
                finding.expired.get_or_insert_with(|| acceptance.clone());
                continue;
            }
            used.insert(*at);
            finding.accepted.get_or_insert_with(|| acceptance.clone());
        }
        if finding.accepted.is_some() {
            finding.expired = None;
        }
    }
    let unused = settings.accept.iter().enumerate();
    let unused = unused.filter(|(at, _)| !used.contains(at));
    let problem = |acceptable: &Acceptable| {
        let code = acceptable.code;
        if acceptable.is_expired(judged_at) {
            AcceptanceProblem::Expired
        } else if settings.severity(code).is_none() {
            AcceptanceProblem::Off
        } else if judgement.not_judged.iter().any(|rule| rule.code == code) {
            AcceptanceProblem::NotJudged
        } else {
            AcceptanceProblem::Unmatched
        }
    };
    unused
        .map(|(_, acceptable)| UnmatchedAcceptance {
            code: acceptable.code,
            subject: acceptable.subject.clone(),
            acceptance: acceptable.acceptance.as_ref().clone(),
            problem: problem(acceptable),
        })
        .collect()
}

/// An acceptance, prepared for comparisons.
struct Entry<'a> {
    acceptable: &'a Acceptable,
    /// The subject as an address.
    address: Option<String>,
    is_expired: bool,
}

impl<'a> Entry<'a> {
    fn of(acceptable: &'a Acceptable, judged_at: Timestamp) -> Self {
        Self {
            acceptable,
            address: acceptable.subject.as_deref().map(folded_address),
            is_expired: acceptable.is_expired(judged_at),
        }
    }

    fn fits(&self, subject: &Subject, email: Option<&str>) -> bool {
        let Some(wanted) = &self.acceptable.subject else {
            return true;
        };
        let with_kind = wanted
            .strip_prefix(subject.kind.as_str())
            .and_then(|rest| rest.strip_prefix(':'));
        *wanted == subject.id
            || with_kind == Some(&*subject.id)
            || email.is_some() && self.address.as_deref() == email
    }
}
