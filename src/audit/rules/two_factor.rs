//! People without a second factor, and whether the organization asks for one.

use super::{Case, Found, Outcome, about_person, facts, others, privileged, seat_of};
use crate::audit::facts::PersonFacts;
use crate::model::Fact;

pub(super) fn admin(case: &Case<'_>) -> Outcome {
    without(privileged(case))
}

pub(super) fn member(case: &Case<'_>) -> Outcome {
    without(others(case))
}

/// The people whose second factor is known to be off.
fn without<'a>(people: impl Iterator<Item = &'a PersonFacts>) -> Outcome {
    let mut outcome = Outcome::default();
    for person in people {
        match person.two_factor {
            Some(true) => {}
            Some(false) => outcome.found.push(found(person)),
            None => outcome.unknown += 1,
        }
    }
    outcome
}

fn found(person: &PersonFacts) -> Found {
    let facts = facts([
        ("two_factor", Some(Fact::Flag(false))),
        ("linked_login", person.linked_login.map(Fact::Flag)),
    ]);
    about_person(person, format!("{} without 2FA", seat_of(person)), facts)
}

pub(super) fn not_enforced(case: &Case<'_>) -> Outcome {
    let settings = case.document().and_then(|found| found.settings.as_ref());
    let enforced = settings.and_then(|settings| settings.enforce_2fa).flatten();
    if enforced == Some(true) {
        return Outcome::default();
    }
    let message = match enforced {
        None => "2FA is not enforced (the setting was never set)",
        Some(_) => "2FA is not enforced",
    };
    let facts = facts([("enforce_2fa", Some(enforced.map_or(Fact::Null, Fact::Flag)))]);
    Outcome {
        found: vec![case.organization(message, facts)],
        unknown: 0,
    }
}
