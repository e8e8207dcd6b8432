//! E-mail addresses and the organization's domains.

use std::sync::Arc;

use super::{Case, Found, Outcome, about_person, facts};
use crate::model::{
    Domain, Fact, OrganizationPart, Subject, SubjectKind, Text, ascii_domain, domain_of,
};

pub(super) fn unverified(case: &Case<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    for person in case.facts.listed() {
        match person.email_verified {
            Some(true) => {}
            Some(false) => {
                let facts = facts([("email_verified", Some(Fact::Flag(false)))]);
                let message = "e-mail address is not verified";
                outcome.found.push(about_person(person, message, facts));
            }
            None => outcome.unknown += 1,
        }
    }
    outcome
}

/// The organization's domains, in ASCII form: those of the rules, or else the verified ones.
fn own_domains(case: &Case<'_>) -> Vec<String> {
    if !case.settings.domains.is_empty() {
        return case.settings.domains.clone();
    }
    let verified = verified_domains(case);
    let names = verified.filter_map(|domain| domain.name().and_then(ascii_domain));
    names.collect()
}

/// Returns why no domain is known; `None` if one is.
pub(super) fn why_no_domains(case: &Case<'_>) -> Option<String> {
    if !own_domains(case).is_empty() {
        return None;
    }
    let why = case.facts.missing_part(OrganizationPart::Domains);
    let why = why.unwrap_or_else(|| "the organization has no verified domain".to_owned());
    Some(format!("the rules name no `domains`, and {why}"))
}

pub(super) fn outside_domain(case: &Case<'_>) -> Outcome {
    let domains: Arc<[String]> = own_domains(case).into();
    let mut outcome = Outcome::default();
    for person in case.facts.listed() {
        let Some(email) = &person.email else {
            outcome.unknown += 1;
            continue;
        };
        // What is not an address is in no domain.
        let domain = domain_of(email);
        if !domain
            .as_ref()
            .is_some_and(|domain| domains.contains(domain))
        {
            let message = format!("address is outside {}", domains.join(", "));
            let facts = facts([
                ("domain", domain.map(|domain| Fact::Text(domain.into()))),
                ("domains", Some(Fact::Texts(domains.clone()))),
            ]);
            outcome.found.push(about_person(person, message, facts));
        }
    }
    outcome
}

fn verified_domains<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Domain> {
    let domains = case.document().and_then(|found| found.domains.as_ref());
    let domains = domains.into_iter().flatten();
    domains.filter(|domain| domain.is_verified.flatten() == Some(true))
}

pub(super) fn sso_not_enforced(case: &Case<'_>) -> Outcome {
    let domains = case.document().and_then(|found| found.domains.as_ref());
    let domains = domains.into_iter().flatten();
    let mut outcome = Outcome {
        found: Vec::new(),
        unknown: domains
            .filter(|domain| domain.is_verified.flatten().is_none())
            .count(),
    };
    for domain in verified_domains(case) {
        match domain.enforces_sso() {
            Some(true) => {}
            Some(false) => outcome.found.push(Found {
                subject: Subject {
                    kind: SubjectKind::Domain,
                    id: domain.id.as_str().into(),
                    name: domain.name().map(Text::from),
                    email: None,
                },
                message: "SSO is not enforced for this verified domain".to_owned(),
                facts: facts([
                    (
                        "sso_enforcement",
                        Some(match &domain.sso_enforcement {
                            Some(Some(sent)) => Fact::Text(sent.as_str().into()),
                            _ => Fact::Null,
                        }),
                    ),
                    ("has_saml", domain.has_saml.flatten().map(Fact::Flag)),
                ]),
            }),
            None => outcome.unknown += 1,
        }
    }
    outcome
}
