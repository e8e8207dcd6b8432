//! Gathers the facts of a snapshot: its people and roles, and which of them hold or are held. Grants are only looked at, so
//! memory does not grow with their number.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use crate::audit::{Facts, PersonFacts, RoleFacts};
use crate::commands::catalog::Catalog;
use crate::commands::organization::why_absent;
use crate::model::{Evidence, Grant, RecordedTime, Resource, ResourceId, SyncRun, SyncType};
use crate::snapshot::{Filter, Snapshot};

/// The facts of a snapshot, and when it was captured.
pub(super) struct Gathered {
    pub facts: Facts,
    pub captured_at: RecordedTime,
}

/// Reads the facts of a sync run.
pub(super) fn gather(snapshot: &Snapshot, run: &SyncRun) -> Result<Gathered> {
    let evidence = snapshot.evidence(&run.id)?;
    let role_types = Catalog::new(snapshot, run)?.role_types();
    let (mut people, mut roles) = resources(snapshot, run, &role_types)?;
    let unknown = why_roles_unknown(evidence.as_ref(), run).or_else(|| {
        let why = "the snapshot has no type of resource that is a role";
        role_types.is_empty().then(|| why.to_owned())
    });
    if unknown.is_none() {
        let unlisted = people.iter().enumerate();
        let unlisted = unlisted.filter(|(_, (_, person))| !person.is_listed);
        let unlisted: HashMap<ResourceId, usize> =
            unlisted.map(|(at, (id, _))| (id.clone(), at)).collect();
        let held = held(snapshot, run, &role_types, &unlisted)?;
        for (id, count) in held.by_person {
            if let Some(at) = unlisted.get(&id) {
                people[*at].1.roles = count;
            }
        }
        for (id, role) in &mut roles {
            role.is_held = held.roles.contains(id);
        }
    }
    let captured_at = run.captured_at(run.zone(evidence.as_ref()));
    let facts = Facts {
        sync_id: run.id.to_string(),
        partial: (run.sync_type != SyncType::Full).then(|| run.sync_type.to_string()),
        people: people.into_iter().map(|(_, person)| person).collect(),
        roles: match unknown {
            Some(why) => Err(why),
            None => Ok(roles.into_iter().map(|(_, role)| role).collect()),
        },
        document: snapshot.organization(&run.id)?,
        why_no_document: why_absent(evidence.as_ref()),
        evidence,
    };
    Ok(Gathered { facts, captured_at })
}

/// Why roles and who holds them are not known; `None` if they are.
pub(in crate::commands) fn why_roles_unknown(
    evidence: Option<&Evidence>,
    run: &SyncRun,
) -> Option<String> {
    if evidence.is_some_and(Evidence::lacks_roles) {
        Some("roles were not read (--without-roles)".to_owned())
    } else if run.sync_type == SyncType::ResourcesOnly {
        Some("the sync run has no grants".to_owned())
    } else {
        None
    }
}

/// Rows with their ids.
type ById<T> = Vec<(ResourceId, T)>;

/// People and roles, in the order of the file.
fn resources(
    snapshot: &Snapshot,
    run: &SyncRun,
    role_types: &HashSet<String>,
) -> Result<(ById<PersonFacts>, ById<RoleFacts>)> {
    let (mut people, mut roles) = (Vec::new(), Vec::new());
    snapshot.batches::<Resource, _, anyhow::Error>(
        &run.id,
        Filter::EVERYTHING,
        |snapshot| {
            Ok(Box::new(move |rows| {
                let (mut people, mut roles) = (Vec::new(), Vec::new());
                let mut bytes = 0;
                while let Some(row) = rows.next_row(bytes) {
                    bytes += row.data.len();
                    let resource = snapshot.decode(&row)?;
                    if let Some(person) = PersonFacts::of(&resource) {
                        people.push((resource.id.clone(), person));
                    }
                    if role_types.contains(resource.id.resource_type.as_str()) {
                        let role = RoleFacts {
                            id: resource.id.resource.to_string(),
                            name: resource.display_name.to_string(),
                            is_held: false,
                        };
                        roles.push((resource.id, role));
                    }
                }
                Ok((people, roles))
            }))
        },
        |(some_people, some_roles)| {
            people.extend(some_people);
            roles.extend(some_roles);
            Ok(())
        },
    )?;
    Ok((people, roles))
}

/// What grants say.
#[derive(Default)]
struct Held {
    /// Roles that somebody holds.
    roles: HashSet<ResourceId>,
    /// How many grants of roles people have who are not in the member list.
    by_person: HashMap<ResourceId, u32>,
}

fn held(
    snapshot: &Snapshot,
    run: &SyncRun,
    role_types: &HashSet<String>,
    unlisted: &HashMap<ResourceId, usize>,
) -> Result<Held> {
    let mut all = Held::default();
    snapshot.batches::<Grant, _, anyhow::Error>(
        &run.id,
        Filter::EVERYTHING,
        |_| {
            Ok(Box::new(move |rows| {
                let mut some = Held::default();
                // Grants come in runs of one role.
                let mut last: Option<(ResourceId, bool)> = None;
                while let Some(row) = rows.next_row(0) {
                    let resource = &row.columns.resource;
                    let is_role = match &last {
                        Some((known, is_role)) if known == resource => *is_role,
                        _ => {
                            let is_role = role_types.contains(resource.resource_type.as_str());
                            if is_role {
                                some.roles.insert(resource.clone());
                            }
                            last = Some((resource.clone(), is_role));
                            is_role
                        }
                    };
                    let principal = &row.columns.principal;
                    if is_role && unlisted.contains_key(principal) {
                        *some.by_person.entry(principal.clone()).or_default() += 1;
                    }
                }
                Ok(some)
            }))
        },
        |some| {
            all.roles.extend(some.roles);
            for (id, count) in some.by_person {
                *all.by_person.entry(id).or_default() += count;
            }
            Ok(())
        },
    )?;
    Ok(all)
}
