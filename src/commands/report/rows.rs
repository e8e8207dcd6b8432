//! The rows of a report about people and roles, and who holds what. Grants are looked at one at a time: what is kept of them
//! is what the report shows.

use std::collections::HashMap;

use anyhow::Result;

use super::ReportForm;
use crate::audit::PersonFacts;
use crate::commands::catalog::Catalog;
use crate::commands::population::{Gathered, Held, assemble, read_held, read_resources, unlisted};
use crate::model::{
    Grant, Person, Resource, ResourceId, SyncRun, Text, account_type_word, keys, status_word,
};
use crate::report::access::{Holder, MAX_HOLDERS, MAX_ROWS, PersonRow, RoleRow, Who};
use crate::snapshot::{Filter, Snapshot};

/// Where people and roles are in a report, by id.
#[derive(Default)]
pub(super) struct Places {
    people: HashMap<ResourceId, u32>,
    roles: HashMap<ResourceId, u32>,
}

/// The rows of a report about people and roles, and the facts that they were read with.
pub(super) struct Rows {
    pub people: Vec<PersonRow>,
    pub roles: Vec<RoleRow>,
    pub places: Places,
    pub gathered: Gathered,
}

/// Reads people and roles, each sorted by name, with who holds what as far as the form of the report shows it.
pub(super) fn read(
    snapshot: &Snapshot,
    run: &SyncRun,
    form: ReportForm,
    has_grants: bool,
) -> Result<Rows> {
    let mut catalog = Catalog::new(snapshot, run)?;
    let role_types = catalog.role_types();
    let mut resources = read_resources(snapshot, run, &role_types, person_row)?;
    let mut order: Vec<usize> = (0..resources.rows.len()).collect();
    order.sort_by_cached_key(|at| by_name(&resources.rows[*at].name, &resources.rows[*at].id));
    let held = if has_grants {
        let shown = match form {
            ReportForm::Page => MAX_ROWS.min(order.len()),
            ReportForm::Workbook => order.len(),
        };
        let shown = order[..shown].iter();
        let shown = shown.map(|at| (resources.ids[*at].clone(), *at));
        let wanted = shown.chain(unlisted(&resources)).collect();
        Some(read_held(snapshot, run, &wanted)?)
    } else {
        None
    };
    let gathered = assemble(snapshot, run, &mut resources, &role_types, held.as_ref())?;
    let Held {
        resources: held,
        by_person,
    } = held.unwrap_or_default();
    let mut roles = if has_grants {
        role_rows(&resources.roles, &held, &mut catalog)?
    } else {
        Vec::new()
    };
    roles.sort_by_cached_key(|role| by_name(&role.name, &role.id));
    let mut places = Places {
        people: HashMap::new(),
        roles: places(roles.iter().map(|role| &role.id)),
    };
    let of_held: Vec<u32> = held.iter().map(|(id, _)| places.roles[id]).collect();
    for (at, mut holdings) in by_person {
        // In place: there are as many holdings as grants.
        for place in &mut holdings {
            *place = of_held[*place as usize];
        }
        holdings.sort_unstable();
        // A person may have several entitlements on one resource.
        holdings.dedup();
        resources.rows[at].roles = holdings.into();
    }
    let mut rows: Vec<_> = resources.rows.into_iter().map(Some).collect();
    let mut people = Vec::with_capacity(rows.len());
    people.extend(order.iter().filter_map(|at| rows[*at].take()));
    places.people = self::places(people.iter().map(|person| &person.id));
    if form == ReportForm::Page && has_grants {
        places.add_holders(snapshot, run, &mut catalog, &mut roles)?;
    }
    Ok(Rows {
        people,
        roles,
        places,
        gathered,
    })
}

/// What rows are sorted by.
fn by_name(name: &str, id: &ResourceId) -> (String, String) {
    (name.to_lowercase(), id.to_string())
}

/// Roles, and what else is held, which may be missing in the snapshot.
fn role_rows(
    roles: &[Resource],
    held: &[(ResourceId, u64)],
    catalog: &mut Catalog<'_>,
) -> Result<Vec<RoleRow>> {
    let mut rows: Vec<_> = roles.iter().map(|role| role_row(role, catalog)).collect();
    let known = places(rows.iter().map(|role| &role.id));
    for (id, grants) in held {
        match known.get(id) {
            Some(at) => rows[*at as usize].grants = *grants,
            None => {
                let mut row = other_role(id, catalog)?;
                row.grants = *grants;
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

impl Places {
    /// Adds the holders of roles, in the order of the roles, as far as a page has room for them.
    fn add_holders(
        &self,
        snapshot: &Snapshot,
        run: &SyncRun,
        catalog: &mut Catalog<'_>,
        roles: &mut [RoleRow],
    ) -> Result<()> {
        let mut room = MAX_HOLDERS;
        let allowances: Vec<usize> = roles
            .iter()
            .map(|role| {
                let wanted = usize::try_from(role.grants).unwrap_or(usize::MAX);
                let allowance = wanted.min(MAX_ROWS).min(room);
                room -= allowance;
                allowance
            })
            .collect();
        let is_shown = |role: &ResourceId| {
            let at = self.roles.get(role)?;
            (allowances[*at as usize] > 0).then_some(*at as usize)
        };
        snapshot.batches::<Grant, _, anyhow::Error>(
            &run.id,
            Filter::EVERYTHING,
            |snapshot| {
                Ok(Box::new(move |rows| {
                    let mut some = Vec::new();
                    let mut bytes = 0;
                    while let Some(row) = rows.next_row(bytes) {
                        if let Some(at) = is_shown(&row.columns.resource) {
                            bytes += row.data.len();
                            some.push((at, snapshot.decode(&row)?));
                        }
                    }
                    Ok(some)
                }))
            },
            |some| {
                for (at, grant) in some {
                    let holders = &mut roles[at].holders;
                    holders.push(self.holder(&grant, catalog)?);
                    // Only the first ones by name are kept.
                    if holders.len() >= 2 * allowances[at].max(MAX_ROWS) {
                        sort(holders);
                        holders.truncate(allowances[at]);
                    }
                }
                Ok(())
            },
        )?;
        for (role, allowance) in roles.iter_mut().zip(&allowances) {
            sort(&mut role.holders);
            role.holders.truncate(*allowance);
        }
        Ok(())
    }

    /// Passes every grant to `take` with its role's place in the report: by the id of the role, then by the name of the
    /// holder. Memory grows with the holders of one role.
    pub(super) fn for_each_grant(
        &self,
        snapshot: &Snapshot,
        run: &SyncRun,
        mut take: impl FnMut(usize, Holder) -> Result<()>,
    ) -> Result<()> {
        let mut catalog = Catalog::new(snapshot, run)?;
        let mut current: (Option<u32>, Vec<Holder>) = (None, Vec::new());
        let mut pass_on = |role: Option<u32>, holders: &mut Vec<Holder>| -> Result<()> {
            sort(holders);
            for holder in holders.drain(..) {
                if let Some(role) = role {
                    take(role as usize, holder)?;
                }
            }
            Ok(())
        };
        let mut rows = snapshot.rows::<Grant>(&run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            let role = self.roles.get(&row.columns.resource).copied();
            let grant = snapshot.decode(&row)?;
            if role != current.0 {
                pass_on(current.0, &mut current.1)?;
                current.0 = role;
            }
            current.1.push(self.holder(&grant, &mut catalog)?);
        }
        pass_on(current.0, &mut current.1)
    }

    fn holder(&self, grant: &Grant, catalog: &mut Catalog<'_>) -> Result<Holder> {
        let who = match self.people.get(&grant.principal) {
            Some(at) => Who::Person(*at),
            None => Who::Other {
                id: grant.principal.clone(),
                name: catalog.resource_name(&grant.principal)?,
            },
        };
        Ok(Holder {
            who,
            entitlement: catalog.entitlement_slug(&grant.entitlement)?,
            since: grant.joined_at,
            grant_id: grant.id().into_owned(),
        })
    }
}

/// Sorts holders: people by name, then others by name.
fn sort(holders: &mut [Holder]) {
    holders.sort_by(|a, b| {
        let order = match (&a.who, &b.who) {
            (Who::Person(a), Who::Person(b)) => a.cmp(b),
            (Who::Person(_), Who::Other { .. }) => std::cmp::Ordering::Less,
            (Who::Other { .. }, Who::Person(_)) => std::cmp::Ordering::Greater,
            (Who::Other { name: a, .. }, Who::Other { name: b, .. }) => a.cmp(b),
        };
        order.then_with(|| a.grant_id.cmp(&b.grant_id))
    });
}

/// The place of each id in a list.
fn places<'a>(ids: impl Iterator<Item = &'a ResourceId>) -> HashMap<ResourceId, u32> {
    let numbered = (0..).zip(ids);
    numbered.map(|(at, id)| (id.clone(), at)).collect()
}

fn person_row(person: Person<'_>, facts: &PersonFacts) -> PersonRow {
    let resource = person.resource;
    PersonRow {
        id: resource.id.clone(),
        name: match (&*resource.display_name, &facts.email) {
            ("", Some(email)) => email.clone(),
            _ => named(&resource.display_name, &resource.id),
        },
        email: facts.email.clone().unwrap_or_default(),
        given_name: person.given_name().into(),
        family_name: person.family_name().into(),
        job: person.job().unwrap_or_default().into(),
        seat: facts.seat,
        seat_word: person.seat_word().unwrap_or_default().into(),
        two_factor: facts.two_factor,
        linked_login: facts.linked_login,
        email_verified: facts.email_verified,
        last_login: facts.last_login,
        joined_at: facts.joined_at,
        is_listed: facts.is_listed,
        status: status_word(resource.status),
        account_type: account_type_word(resource),
        roles: Box::default(),
    }
}

fn role_row(resource: &Resource, catalog: &Catalog<'_>) -> RoleRow {
    let profile = &resource.profile;
    let created_by = profile
        .text(keys::CREATED_BY_EMAIL)
        .or(profile.text(keys::CREATED_BY));
    RoleRow {
        name: named(&resource.display_name, &resource.id),
        type_name: catalog.type_name(resource.id.resource_type.as_str()).into(),
        grants: 0,
        is_default: profile.flag(keys::IS_DEFAULT),
        created_at: resource.created_at,
        created_by: created_by.unwrap_or_default().into(),
        holders: Vec::new(),
        id: resource.id.clone(),
    }
}

/// Something that is held and is not of a type that is a role; it may be missing.
fn other_role(id: &ResourceId, catalog: &mut Catalog<'_>) -> Result<RoleRow> {
    let found = catalog.resource(id)?.map(|row| row.decode());
    if let Some(Ok(resource)) = found {
        return Ok(role_row(&resource, catalog));
    }
    Ok(RoleRow {
        name: catalog.resource_name(id)?,
        type_name: catalog.type_name(id.resource_type.as_str()).into(),
        grants: 0,
        is_default: None,
        created_at: None,
        created_by: "".into(),
        holders: Vec::new(),
        id: id.clone(),
    })
}

/// A name, or the id if there is none.
fn named(name: &Text, id: &ResourceId) -> Text {
    if name.is_empty() {
        id.resource.clone()
    } else {
        name.clone()
    }
}
