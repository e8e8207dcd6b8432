//! What each run shows of some people or of one role, in the order of the captures.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::survey::FoundRun;
use crate::commands::catalog::Catalog;
use crate::commands::parallel;
use crate::history::{GrantSeen, PersonSeen, Reach};
use crate::model::{Grant, Person, Resource, ResourceId, Timestamp, keys};
use crate::snapshot::Filter;

/// Runs read at once before any of them is looked at, for each thread.
const RUNS_AHEAD: usize = 4;

/// What to look for.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// These people, and the roles that they hold.
    People(&'a HashSet<ResourceId>),
    /// Who holds this role.
    Role(&'a ResourceId),
}

/// What one run shows.
pub(super) struct Shown {
    pub(super) at: Timestamp,
    pub(super) reach: Reach,
    /// The people that it has.
    pub(super) people: HashMap<ResourceId, PersonSeen>,
    /// The roles of each of the people; with a role, its holders under the id of the role.
    pub(super) grants: HashMap<ResourceId, Vec<GrantSeen>>,
}

impl Shown {
    /// The roles that a person holds, or the holders of a role.
    pub(super) fn grants_of(&self, id: &ResourceId) -> &[GrantSeen] {
        self.grants.get(id).map_or(&[], Vec::as_slice)
    }
}

/// Calls `take` with what each run shows, in the order of `runs`.
///
/// # Errors
/// When a file cannot be read any more.
pub(super) fn for_each_run(
    runs: &[FoundRun],
    subject: Subject<'_>,
    mut take: impl FnMut(Shown),
) -> Result<()> {
    for some in runs.chunks(RUNS_AHEAD * parallel::threads()) {
        for shown in parallel::map(some, |run| read(run, subject)) {
            take(shown?);
        }
    }
    Ok(())
}

fn read(found: &FoundRun, subject: Subject<'_>) -> Result<Shown> {
    let snapshot = found.input.open()?;
    let sync = &found.run.id;
    let mut shown = Shown {
        at: found.captured_at.as_utc,
        reach: found.reach,
        people: HashMap::new(),
        grants: HashMap::new(),
    };
    if let Subject::People(ids) = subject {
        let mut rows = snapshot.rows::<Resource>(sync, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            if !ids.contains(&row.columns.id) {
                continue;
            }
            let resource = snapshot.decode(&row)?;
            if let Some(person) = Person::of(&resource) {
                shown.people.insert(resource.id.clone(), seen(&person));
            }
        }
    }
    let role_types = Catalog::new(&snapshot, &found.run)?.role_types();
    let filter = match subject {
        Subject::People(ids) => Filter {
            // Of several people, each grant is looked up.
            principal: ids.iter().next().filter(|_| ids.len() == 1).cloned(),
            ..Filter::default()
        },
        Subject::Role(id) => Filter {
            resource: Some(id.to_string()),
            ..Filter::default()
        },
    };
    let mut rows = snapshot.rows::<Grant>(sync, &filter)?;
    while let Some(row) = rows.next_row()? {
        let (principal, role) = (&row.columns.principal, &row.columns.resource);
        let (of, id) = match subject {
            Subject::People(ids) if ids.contains(principal) => (principal.clone(), role.clone()),
            Subject::People(_) => continue,
            Subject::Role(subject) if role == subject => (role.clone(), principal.clone()),
            Subject::Role(_) => continue,
        };
        if !role_types.contains(role.resource_type.as_str()) {
            continue;
        }
        let grant = snapshot.decode(&row)?;
        shown.grants.entry(of).or_default().push(GrantSeen {
            id,
            membership_id: grant.membership_id.map(|id| id.to_string()),
            joined_at: grant.joined_at,
        });
    }
    Ok(shown)
}

fn seen(person: &Person<'_>) -> PersonSeen {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    PersonSeen {
        is_listed: person.is_listed(),
        membership_id: person
            .resource
            .profile
            .text(keys::MEMBERSHIP_ID)
            .and_then(text),
        joined_at: person.joined_at(),
        seat: person.seat_word().map(|word| word.into_owned()),
        two_factor: person.mfa_enabled(),
        email: person.email().and_then(text),
        name: text(person.name()),
    }
}
