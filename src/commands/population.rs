//! The people and roles of a sync run, and who holds what, as `audit` and `report` look at them. Grants are only looked at,
//! so what is kept does not grow with their number, except for the people whose grants are asked for.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::catalog::Catalog;
use super::organization::why_absent;
use crate::audit::{Facts, PersonFacts, RoleFacts};
use crate::model::{
    Evidence, Grant, Person, RecordedTime, Resource, ResourceId, SyncRun, SyncType,
};
use crate::snapshot::{Filter, Snapshot};

/// People and roles, in the order of the file.
pub(super) struct Resources<P> {
    /// The ids of people.
    pub ids: Vec<ResourceId>,
    /// The facts about the same people.
    pub facts: Vec<PersonFacts>,
    /// What else is wanted of the same people.
    pub rows: Vec<P>,
    /// Roles.
    pub roles: Vec<Resource>,
}

/// Who holds what.
#[derive(Default)]
pub(super) struct Held {
    /// Everything that is held, with the number of grants on it, in the order of the file.
    pub resources: Vec<(ResourceId, u64)>,
    /// What the people hold whose grants were asked for, as indexes into [`Self::resources`], by their numbers.
    pub by_person: HashMap<usize, Vec<u32>>,
}

/// The facts of a sync run, and when it was captured.
pub(super) struct Gathered {
    pub facts: Facts,
    pub captured_at: RecordedTime,
}

/// Reads the facts of a sync run.
pub(super) fn gather(snapshot: &Snapshot, run: &SyncRun) -> Result<Gathered> {
    let evidence = snapshot.evidence(&run.id)?;
    let role_types = Catalog::new(snapshot, run)?.role_types();
    let mut resources = read_resources(snapshot, run, &role_types, |_, _| ())?;
    let held = match why_roles_unknown(evidence.as_ref(), run) {
        None if !role_types.is_empty() => {
            let wanted = unlisted(&resources).collect();
            Some(read_held(snapshot, run, &wanted)?)
        }
        _ => None,
    };
    assemble(snapshot, run, &mut resources, &role_types, held.as_ref())
}

/// Why roles and who holds them are not known; `None` if they are.
pub(super) fn why_roles_unknown(evidence: Option<&Evidence>, run: &SyncRun) -> Option<String> {
    if evidence.is_some_and(Evidence::lacks_roles) {
        Some("roles were not read (--without-roles)".to_owned())
    } else if run.sync_type == SyncType::ResourcesOnly {
        Some("the sync run has no grants".to_owned())
    } else {
        None
    }
}

/// The people who are not in the member list, with their numbers.
pub(super) fn unlisted<P>(
    resources: &Resources<P>,
) -> impl Iterator<Item = (ResourceId, usize)> + '_ {
    let people = resources.ids.iter().zip(&resources.facts).enumerate();
    let unlisted = people.filter(|(_, (_, facts))| !facts.is_listed);
    unlisted.map(|(at, (id, _))| (id.clone(), at))
}

/// Puts together the facts of a sync run. What is held is not known if it is `None`.
pub(super) fn assemble<P>(
    snapshot: &Snapshot,
    run: &SyncRun,
    resources: &mut Resources<P>,
    role_types: &HashSet<String>,
    held: Option<&Held>,
) -> Result<Gathered> {
    let evidence = snapshot.evidence(&run.id)?;
    let is_role = |id: &ResourceId| role_types.contains(id.resource_type.as_str());
    let mut people = std::mem::take(&mut resources.facts);
    let unknown = why_roles_unknown(evidence.as_ref(), run).or_else(|| {
        let why = "the snapshot has no type of resource that is a role";
        role_types.is_empty().then(|| why.to_owned())
    });
    let roles = match unknown {
        Some(why) => Err(why),
        None => {
            let nothing = Held::default();
            let held = held.unwrap_or(&nothing);
            let of_role = |at: &&u32| is_role(&held.resources[**at as usize].0);
            for (at, holdings) in &held.by_person {
                people[*at].roles = holdings.iter().filter(of_role).count() as u32;
            }
            let ids: HashSet<&ResourceId> = held.resources.iter().map(|(id, _)| id).collect();
            let facts = resources.roles.iter().map(|role| RoleFacts {
                id: role.id.resource.clone(),
                name: role.display_name.clone(),
                is_held: ids.contains(&role.id),
            });
            Ok(facts.collect())
        }
    };
    let facts = Facts {
        sync_id: run.id.to_string(),
        partial: (run.sync_type != SyncType::Full).then(|| run.sync_type.to_string()),
        people,
        roles,
        document: snapshot.organization(&run.id)?,
        why_no_document: why_absent(evidence.as_ref()),
        evidence,
    };
    let captured_at = run.captured_at(run.zone(facts.evidence.as_ref()));
    Ok(Gathered { facts, captured_at })
}

/// Reads people, each with what `row` makes of it and its facts, and roles.
pub(super) fn read_resources<P: Send>(
    snapshot: &Snapshot,
    run: &SyncRun,
    role_types: &HashSet<String>,
    row: impl Fn(Person<'_>, &PersonFacts) -> P + Sync,
) -> Result<Resources<P>> {
    let mut all = Resources {
        ids: Vec::new(),
        facts: Vec::new(),
        rows: Vec::new(),
        roles: Vec::new(),
    };
    let make_row = &row;
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
                    if let (Some(facts), Some(person)) =
                        (PersonFacts::of(&resource), Person::of(&resource))
                    {
                        let row = make_row(person, &facts);
                        people.push((resource.id.clone(), facts, row));
                    }
                    if role_types.contains(resource.id.resource_type.as_str()) {
                        roles.push(resource);
                    }
                }
                Ok((people, roles))
            }))
        },
        |(people, roles)| {
            for (id, facts, row) in people {
                all.ids.push(id);
                all.facts.push(facts);
                all.rows.push(row);
            }
            all.roles.extend(roles);
            Ok(())
        },
    )?;
    all.ids.shrink_to_fit();
    all.facts.shrink_to_fit();
    all.rows.shrink_to_fit();
    Ok(all)
}

/// Reads what is held, and what the people hold that are wanted, by their ids.
pub(super) fn read_held(
    snapshot: &Snapshot,
    run: &SyncRun,
    wanted: &HashMap<ResourceId, usize>,
) -> Result<Held> {
    let mut held = Held::default();
    let mut places = HashMap::<ResourceId, u32>::new();
    snapshot.batches::<Grant, _, anyhow::Error>(
        &run.id,
        Filter::EVERYTHING,
        |_| {
            Ok(Box::new(move |rows| {
                // Grants come in runs of one resource.
                let mut runs: Vec<(ResourceId, u64)> = Vec::new();
                let mut holdings = Vec::new();
                while let Some(row) = rows.next_row(0) {
                    let resource = &row.columns.resource;
                    match runs.last_mut() {
                        Some((last, n)) if last == resource => *n += 1,
                        _ => runs.push((resource.clone(), 1)),
                    }
                    if let Some(person) = wanted.get(&row.columns.principal) {
                        holdings.push((*person, runs.len() - 1));
                    }
                }
                Ok((runs, holdings))
            }))
        },
        |(runs, holdings)| {
            let mut at = Vec::with_capacity(runs.len());
            for (resource, n) in runs {
                let place = *places.entry(resource.clone()).or_insert_with(|| {
                    held.resources.push((resource, 0));
                    held.resources.len() as u32 - 1
                });
                held.resources[place as usize].1 += n;
                at.push(place);
            }
            for (person, run) in holdings {
                held.by_person.entry(person).or_default().push(at[run]);
            }
            Ok(())
        },
    )?;
    Ok(held)
}
