//! Seats: how many owners there are, and levels without a name.

use super::{Case, Outcome, about_person, count, facts};
use crate::model::{Fact, Seat};

/// The number of owners in the member list.
fn owners(case: &Case<'_>) -> usize {
    case.facts
        .listed()
        .filter(|person| person.seat == Some(Seat::Owner))
        .count()
}

/// The number of people in the member list whose seat is not known: any of them may be an owner.
fn without_seat(case: &Case<'_>) -> usize {
    case.facts
        .listed()
        .filter(|person| person.seat.is_none())
        .count()
}

pub(super) fn too_many_owners(case: &Case<'_>) -> Outcome {
    let (owners, most) = (owners(case), case.settings.max_owners);
    let mut outcome = Outcome {
        unknown: without_seat(case),
        ..Outcome::default()
    };
    if owners > most as usize {
        let facts = facts([
            ("owners", Some(Fact::count(owners as u64))),
            ("max_owners", Some(Fact::count(most.into()))),
        ]);
        let message = format!("{}; at most {most} expected", count(owners, "owner"));
        outcome.found.push(case.organization(message, facts));
    }
    outcome
}

pub(super) fn single_owner(case: &Case<'_>) -> Outcome {
    let mut outcome = Outcome {
        unknown: without_seat(case),
        ..Outcome::default()
    };
    if owners(case) == 1 {
        let facts = facts([("owners", Some(Fact::Number(1)))]);
        let message = match outcome.unknown {
            0 => "there is a single owner",
            _ => "a single owner is known",
        };
        outcome.found.push(case.organization(message, facts));
    }
    outcome
}

pub(super) fn unknown_seat(case: &Case<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    for person in &case.facts.people {
        match person.seat {
            Some(Seat::Unknown(level)) => {
                let message = format!("level {level} has no name");
                outcome.found.push(about_person(person, message, facts([])));
            }
            Some(_) => {}
            None => outcome.unknown += usize::from(person.is_listed),
        }
    }
    outcome
}
