//! Who had what at one moment: what the last run at or before it shows.

use std::collections::HashMap;

use anyhow::{Result, bail};

use super::survey::FoundRun;
use crate::commands::catalog::Catalog;
use crate::commands::population::{read_held, read_resources};
use crate::model::{AsOf, PersonAsOf, RecordedTime, ResourceId, Timestamp};

/// A moment before the first run.
#[derive(Debug, thiserror::Error)]
#[error("no snapshot was captured at or before {} UTC", .asked.to_seconds())]
pub(in crate::commands) struct BeforeFirst {
    asked: Timestamp,
    first: RecordedTime,
}

impl BeforeFirst {
    pub(in crate::commands) fn hint(&self) -> String {
        format!("the first capture was at {}", self.first)
    }
}

/// A run that cannot say who held a role.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{file}`, captured {captured_at}, did not read roles, so who held the role then is not known"
)]
pub(in crate::commands) struct RolesNotRead {
    file: String,
    captured_at: RecordedTime,
}

/// Whom and what to show.
#[derive(Clone, Copy)]
pub(super) enum Only<'a> {
    Everyone,
    Person(&'a ResourceId),
    /// Those who held this role, and no other role.
    Role(&'a ResourceId),
}

/// Who had what at `asked`. There must be runs, in the order of their captures.
///
/// # Errors
/// [`BeforeFirst`], [`RolesNotRead`], or when the file cannot be read any more.
pub(super) fn as_of(asked: Timestamp, only: Only<'_>, runs: &[FoundRun]) -> Result<AsOf> {
    let until = runs.partition_point(|run| run.captured_at.as_utc <= asked);
    let Some(found) = runs[..until].last() else {
        let first = runs[0].captured_at;
        bail!(BeforeFirst { asked, first });
    };
    if matches!(only, Only::Role(_)) && !found.reach.knows_roles {
        bail!(RolesNotRead {
            file: found.file(),
            captured_at: found.captured_at,
        });
    }
    let snapshot = found.input.open()?;
    let run = &found.run;
    let role_types = Catalog::new(&snapshot, run)?.role_types();
    let resources = read_resources(&snapshot, run, &role_types, |person, _| {
        person.seat_word().map(|word| word.into_owned())
    })?;
    let wanted: HashMap<ResourceId, usize> = resources
        .ids
        .iter()
        .enumerate()
        .filter(|(_, id)| match only {
            Only::Person(wanted) => *id == wanted,
            Only::Everyone | Only::Role(_) => true,
        })
        .map(|(at, id)| (id.clone(), at))
        .collect();
    let held = if found.reach.knows_roles {
        Some(read_held(&snapshot, run, &wanted)?)
    } else {
        None
    };
    let names: HashMap<&ResourceId, &str> = resources
        .roles
        .iter()
        .map(|role| (&role.id, &*role.display_name))
        .collect();
    let mut people = Vec::new();
    for at in wanted.into_values() {
        let facts = &resources.facts[at];
        let roles = held.as_ref().map(|held| {
            let places = held.by_person.get(&at).into_iter().flatten();
            let ids = places.map(|place| &held.resources[*place as usize].0);
            let mut roles: Vec<(String, String)> = ids
                .filter(|id| match only {
                    Only::Role(wanted) => *id == wanted,
                    _ => role_types.contains(id.resource_type.as_str()),
                })
                .map(|id| {
                    let name = names.get(id).filter(|name| !name.is_empty());
                    let name = name.map_or(&*id.resource, |name| name);
                    (id.resource.to_string(), name.to_owned())
                })
                .collect();
            roles.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
            roles.dedup();
            roles
        });
        let holds_nothing = roles.as_ref().is_none_or(Vec::is_empty);
        if matches!(only, Only::Role(_)) && holds_nothing {
            continue;
        }
        people.push(PersonAsOf {
            id: facts.id.clone(),
            name: facts.name.clone(),
            email: facts.email.clone(),
            is_listed: facts.is_listed,
            seat: resources.rows[at].clone(),
            two_factor: facts.two_factor,
            roles,
        });
    }
    people.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(AsOf {
        asked,
        captured_at: found.captured_at,
        file: found.file(),
        sync_id: run.id.to_string(),
        knows_roles: found.reach.knows_roles,
        people,
    })
}
