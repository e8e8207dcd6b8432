//! People who have not logged in for long. Somebody who never did is dormant once they joined that long ago.

use super::{Case, Outcome, about_person, facts, others, privileged, seat_of};
use crate::audit::Settings;
use crate::audit::facts::{Facts, PersonFacts};
use crate::model::{Fact, Timestamp};

pub(super) fn admin(case: &Case<'_>) -> Outcome {
    dormant(case, privileged(case))
}

pub(super) fn member(case: &Case<'_>) -> Outcome {
    dormant(case, others(case))
}

/// Returns how many listed members are dormant; `None` if no last login is known.
pub fn dormant_members(facts: &Facts, settings: &Settings, judged_at: Timestamp) -> Option<u64> {
    let before = judged_at.days_before(settings.dormant_days);
    let is_known = facts.listed().any(|person| person.last_login.is_some());
    let since = |person: &PersonFacts| person.last_login.or(person.joined_at);
    let dormant = facts.listed().filter_map(since).filter(|at| *at < before);
    is_known.then(|| dormant.count() as u64)
}

fn dormant<'a>(case: &Case<'_>, people: impl Iterator<Item = &'a PersonFacts>) -> Outcome {
    let before = case.judged_at.days_before(case.settings.dormant_days);
    // Other connectors may leave out a login that they do not know, and say when an account was created.
    let never = match case.facts.evidence {
        Some(_) => "never logged in, joined",
        None => "no known login, created",
    };
    let mut outcome = Outcome::default();
    for person in people {
        // Only the member list has last logins, so a missing one means "never" for listed members alone.
        let (since, what) = match (person.last_login, person.joined_at) {
            (Some(at), _) => (at, "last login"),
            (None, Some(at)) if person.is_listed => (at, never),
            _ => {
                outcome.unknown += 1;
                continue;
            }
        };
        if since >= before {
            continue;
        }
        let days = case.judged_at.millis_since(since) / 86_400_000;
        let message = format!(
            "{}, {what} {} ({days} days before)",
            seat_of(person),
            since.to_day()
        );
        let facts = facts([
            (
                "last_login",
                Some(person.last_login.map_or(Fact::Null, Fact::Time)),
            ),
            ("joined_at", person.joined_at.map(Fact::Time)),
            ("days", Some(Fact::count(days))),
        ]);
        outcome.found.push(about_person(person, message, facts));
    }
    outcome
}
