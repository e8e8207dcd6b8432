//! Roles that nobody holds, and roles that are easily mistaken for each other.

use std::collections::BTreeMap;

use super::{Case, Found, Outcome, facts};
use crate::audit::facts::RoleFacts;
use crate::model::{Fact, FindingFacts, Subject, SubjectKind, looks_like};

fn roles<'a>(case: &Case<'a>) -> &'a [RoleFacts] {
    match &case.facts.roles {
        Ok(roles) => roles,
        Err(_) => &[],
    }
}

fn found(role: &RoleFacts, message: String, facts: FindingFacts) -> Found {
    Found {
        subject: Subject {
            kind: SubjectKind::Role,
            id: role.id.clone(),
            name: Some(role.name.clone()).filter(|name| !name.is_empty()),
            email: None,
        },
        message,
        facts,
    }
}

pub(super) fn without_holders(case: &Case<'_>) -> Outcome {
    let empty = roles(case).iter().filter(|role| !role.is_held);
    let found = empty.map(|role| {
        let facts = facts([("holders", Some(Fact::Number(0)))]);
        found(role, "nobody holds this role".to_owned(), facts)
    });
    Outcome {
        found: found.collect(),
        unknown: 0,
    }
}

pub(super) fn names_alike(case: &Case<'_>) -> Outcome {
    /// How many other roles are named.
    const NAMED: usize = 5;
    let mut alike: BTreeMap<String, Vec<&RoleFacts>> = BTreeMap::new();
    for role in roles(case) {
        alike.entry(looks_like(&role.name)).or_default().push(role);
    }
    let mut outcome = Outcome::default();
    for group in alike.values().filter(|group| group.len() > 1) {
        for role in group {
            let others = group.iter().filter(|other| other.id != role.id);
            let mut names: Vec<_> = others
                .clone()
                .map(|other| format!("`{}`", other.name))
                .collect();
            let more = names.len().saturating_sub(NAMED);
            names.truncate(NAMED);
            if more > 0 {
                names.push(format!("{more} more"));
            }
            let ids = others.take(NAMED).map(|other| other.id.to_string());
            let message = format!("name looks like {}", names.join(", "));
            let facts = facts([("like", Some(Fact::Texts(ids.collect())))]);
            outcome.found.push(found(role, message, facts));
        }
    }
    outcome
}
