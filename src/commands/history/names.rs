//! What people, roles and everything else were called in all runs.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;

use crate::commands::catalog::Catalog;
use crate::model::{Named, Person, Resource, ResourceId, SyncRun, Timestamp};
use crate::snapshot::{Filter, Snapshot};

/// The names that a person or role ever had.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) names: BTreeSet<String>,
    pub(super) addresses: BTreeSet<String>,
    /// The last of them.
    last: Option<Sighting>,
}

/// What something was called in one run; the latest one is the greatest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sighting {
    at: Timestamp,
    name: String,
    email: Option<String>,
    is_listed: Option<bool>,
}

impl Known {
    fn add(&mut self, other: Self) {
        self.names.extend(other.names);
        self.addresses.extend(other.addresses);
        self.last = self.last.take().max(other.last);
    }

    /// The last known name, and else the id.
    pub(super) fn name(&self, id: &ResourceId) -> String {
        let last = self.last.as_ref().map(|last| last.name.as_str());
        let name = last.filter(|name| !name.is_empty());
        name.unwrap_or(&id.resource).to_owned()
    }

    /// The last known e-mail address.
    pub(super) fn email(&self) -> Option<String> {
        self.last.as_ref().and_then(|last| last.email.clone())
    }

    /// What it is called, last known.
    pub(super) fn named(&self, id: &ResourceId) -> Named {
        Named {
            name: Some(self.name(id)),
            email: self.email(),
            is_listed: self.last.as_ref().and_then(|last| last.is_listed),
        }
    }
}

/// Names by id.
pub(super) type Names = HashMap<ResourceId, Known>;

/// The names of everyone and everything.
#[derive(Clone, Debug, Default)]
pub(super) struct AllNames {
    pub(super) people: Names,
    pub(super) roles: Names,
    /// Everything else that may hold a role, such as groups.
    pub(super) others: Names,
}

impl AllNames {
    /// What something is called, last known.
    pub(super) fn named(&self, id: &ResourceId) -> Named {
        let maps = [&self.people, &self.roles, &self.others];
        let known = maps.iter().find_map(|names| names.get(id));
        known.map_or_else(Named::default, |known| known.named(id))
    }

    /// Adds the names in a run.
    pub(super) fn read(
        &mut self,
        snapshot: &Snapshot,
        run: &SyncRun,
        at: Timestamp,
        catalog: &Catalog<'_>,
    ) -> Result<()> {
        let mut rows = snapshot.rows::<Resource>(&run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            let resource = snapshot.decode(&row)?;
            let person = Person::of(&resource);
            let names = match &person {
                Some(_) => &mut self.people,
                None if catalog.is_role(resource.id.resource_type.as_str()) => &mut self.roles,
                None => &mut self.others,
            };
            let email = person.as_ref().and_then(Person::email);
            let addresses = person.iter().flat_map(Person::addresses);
            let known = Known {
                names: BTreeSet::from([resource.display_name.to_string()]),
                addresses: addresses.map(ToOwned::to_owned).collect(),
                last: Some(Sighting {
                    at,
                    name: resource.display_name.to_string(),
                    email: email.map(ToOwned::to_owned),
                    is_listed: person.as_ref().map(Person::is_listed),
                }),
            };
            names.entry(resource.id.clone()).or_default().add(known);
        }
        Ok(())
    }

    /// Adds the names in other runs.
    pub(super) fn add(&mut self, other: Self) {
        for (names, others) in [
            (&mut self.people, other.people),
            (&mut self.roles, other.roles),
            (&mut self.others, other.others),
        ] {
            for (id, known) in others {
                names.entry(id).or_default().add(known);
            }
        }
    }
}
