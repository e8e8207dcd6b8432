//! Who is in the member list.

use super::{Case, Outcome, about_person, count, facts};
use crate::model::Fact;

pub(super) fn holder_not_listed(case: &Case<'_>) -> Outcome {
    let holders = case.facts.people.iter();
    let holders = holders.filter(|person| !person.is_listed && person.roles > 0);
    let found = holders.map(|person| {
        let roles = count(person.roles as usize, "role");
        let facts = facts([("roles", Some(Fact::count(person.roles.into())))]);
        about_person(
            person,
            format!("holds {roles}, not in the member list"),
            facts,
        )
    });
    Outcome {
        found: found.collect(),
        unknown: 0,
    }
}
