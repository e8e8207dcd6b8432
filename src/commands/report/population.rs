//! Gathers the people and roles of a snapshot, and who holds what. Grants are looked at one at a time: what is kept of them
//! is what a report shows.

use std::collections::HashMap;

use anyhow::Result;

use super::ReportForm;
use crate::commands::catalog::Catalog;
use crate::model::{
    AccountType, Grant, Person, Resource, ResourceId, SyncRun, Text, keys, status_word,
};
use crate::report::access::{Holder, MAX_HOLDERS, MAX_ROWS, PersonRow, RoleRow, Who};
use crate::snapshot::{Filter, Snapshot};

/// Where people and roles are in a report, by id.
#[derive(Default)]
pub(super) struct Population {
    people: HashMap<ResourceId, u32>,
    roles: HashMap<ResourceId, u32>,
}

impl Population {
    /// People and roles, each by name, with who holds what as far as the form of the report shows it.
    pub(super) fn gather(
        &mut self,
        snapshot: &Snapshot,
        run: &SyncRun,
        form: ReportForm,
        has_grants: bool,
    ) -> Result<(Vec<PersonRow>, Vec<RoleRow>)> {
        let mut catalog = Catalog::new(snapshot, run)?;
        let (mut people, mut roles) = resources(snapshot, run, &catalog)?;
        people.sort_by_cached_key(|person| (person.name.to_lowercase(), person.id.to_string()));
        self.people = places(people.iter().map(|person| &person.id));
        if has_grants {
            let shown = match form {
                ReportForm::Page => MAX_ROWS.min(people.len()),
                ReportForm::Workbook => people.len(),
            };
            self.add_held(
                snapshot,
                run,
                &mut catalog,
                (&mut people[..shown], &mut roles),
            )?;
            if form == ReportForm::Page {
                self.add_holders(snapshot, run, &mut catalog, &mut roles)?;
            }
        } else {
            roles.clear();
        }
        Ok((people, roles))
    }

    /// Adds what is held but is not a role, counts the grants on everything, and adds to people what they hold. Sorts the
    /// roles.
    fn add_held(
        &mut self,
        snapshot: &Snapshot,
        run: &SyncRun,
        catalog: &mut Catalog<'_>,
        (people, roles): (&mut [PersonRow], &mut Vec<RoleRow>),
    ) -> Result<()> {
        let mut known = places(roles.iter().map(|role| &role.id));
        let numbers = &self.people;
        let shown = people.len();
        snapshot.batches::<Grant, _, anyhow::Error>(
            &run.id,
            Filter::EVERYTHING,
            |_| {
                Ok(Box::new(move |rows| {
                    // Grants come in runs of one resource.
                    let mut runs: Vec<(ResourceId, u64)> = Vec::new();
                    let mut held = Vec::new();
                    while let Some(row) = rows.next_row(0) {
                        let resource = &row.columns.resource;
                        match runs.last_mut() {
                            Some((last, n)) if last == resource => *n += 1,
                            _ => runs.push((resource.clone(), 1)),
                        }
                        if let Some(person) = numbers.get(&row.columns.principal)
                            && (*person as usize) < shown
                        {
                            held.push((*person, runs.len() - 1));
                        }
                    }
                    Ok((runs, held))
                }))
            },
            |(runs, held)| {
                let mut at = Vec::with_capacity(runs.len());
                for (resource, n) in runs {
                    let place = match known.get(&resource) {
                        Some(place) => *place,
                        None => {
                            let place = roles.len() as u32;
                            roles.push(other_role(&resource, catalog)?);
                            known.insert(resource, place);
                            place
                        }
                    };
                    roles[place as usize].grants += n;
                    at.push(place);
                }
                for (person, run) in held {
                    people[person as usize].roles.push(at[run]);
                }
                Ok(())
            },
        )?;
        let unsorted: Vec<ResourceId> = roles.iter().map(|role| role.id.clone()).collect();
        roles.sort_by_cached_key(|role| (role.name.to_lowercase(), role.id.to_string()));
        self.roles = places(roles.iter().map(|role| &role.id));
        let sorted: Vec<u32> = unsorted.iter().map(|id| self.roles[id]).collect();
        for person in people {
            for role in &mut person.roles {
                *role = sorted[*role as usize];
            }
            person.roles.sort_unstable();
            // A person may have several entitlements on one resource.
            person.roles.dedup();
            person.roles.shrink_to_fit();
        }
        Ok(())
    }

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

/// People and roles, in the order of the file.
fn resources(
    snapshot: &Snapshot,
    run: &SyncRun,
    catalog: &Catalog<'_>,
) -> Result<(Vec<PersonRow>, Vec<RoleRow>)> {
    let role_types = catalog.role_types();
    let (mut people, mut roles) = (Vec::new(), Vec::new());
    snapshot.batches::<Resource, _, anyhow::Error>(
        &run.id,
        Filter::EVERYTHING,
        |snapshot| {
            let role_types = &role_types;
            Ok(Box::new(move |rows| {
                let (mut people, mut roles) = (Vec::new(), Vec::new());
                let mut bytes = 0;
                while let Some(row) = rows.next_row(bytes) {
                    bytes += row.data.len();
                    let resource = snapshot.decode(&row)?;
                    people.extend(Person::of(&resource).map(person_row));
                    if role_types.contains(resource.id.resource_type.as_str()) {
                        roles.push(resource);
                    }
                }
                Ok((people, roles))
            }))
        },
        |(some_people, some_roles)| {
            people.extend(some_people);
            roles.extend(some_roles.iter().map(|role| role_row(role, catalog)));
            Ok(())
        },
    )?;
    Ok((people, roles))
}

fn person_row(person: Person<'_>) -> PersonRow {
    let resource = person.resource;
    let account_type = resource.user.as_ref().map(|user| user.account_type);
    PersonRow {
        id: resource.id.clone(),
        name: resource.display_name.clone(),
        email: person.email().unwrap_or_default().into(),
        given_name: person.given_name().into(),
        family_name: person.family_name().into(),
        job: person.job().unwrap_or_default().into(),
        seat: person.seat(),
        seat_word: person.seat_word().unwrap_or_default().into(),
        two_factor: person.mfa_enabled(),
        linked_login: person.sso_enabled(),
        email_verified: resource.profile.flag(keys::EMAIL_VERIFIED),
        last_login: person.last_login(),
        joined_at: person.joined_at(),
        is_listed: person.is_listed(),
        status: status_word(resource.status),
        account_type: match account_type {
            Some(AccountType::Human) => "human",
            Some(AccountType::Service) => "service",
            Some(AccountType::System) => "system",
            _ => "",
        },
        roles: Vec::new(),
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
