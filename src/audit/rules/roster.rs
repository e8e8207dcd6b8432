//! Who should be there, according to a roster.

use super::{Case, Outcome, about_person, facts};
use crate::audit::facts::PersonFacts;
use crate::audit::roster::Presence;
use crate::model::Fact;

/// Listed members, and people who hold a role.
fn present<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a PersonFacts> {
    let people = case.facts.people.iter();
    people.filter(|person| person.is_listed || person.roles > 0)
}

pub(super) fn not_in_roster(case: &Case<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let Some(roster) = case.roster else {
        return outcome;
    };
    for person in present(case) {
        if person.addresses().next().is_none() {
            outcome.unknown += 1;
        } else if roster.presence(person.addresses(), case.judged_at) == Presence::Unknown {
            let message = "address is not in the roster";
            outcome.found.push(about_person(person, message, facts([])));
        }
    }
    outcome
}

pub(super) fn left_but_present(case: &Case<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let Some(roster) = case.roster else {
        return outcome;
    };
    for person in present(case) {
        outcome.unknown += usize::from(person.addresses().next().is_none());
        let Presence::Gone { left_at, status } =
            roster.presence(person.addresses(), case.judged_at)
        else {
            continue;
        };
        let message = match (left_at, &status) {
            (Some(at), _) => format!("left on {} according to the roster", at.to_day()),
            (None, Some(status)) => format!("{status} according to the roster"),
            (None, None) => "left according to the roster".to_owned(),
        };
        let facts = facts([
            ("left_at", left_at.map(Fact::Time)),
            (
                "roster_status",
                status.map(|status| Fact::Text(status.into())),
            ),
        ]);
        outcome.found.push(about_person(person, message, facts));
    }
    outcome
}
