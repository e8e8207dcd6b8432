//! CSV tables for people: users, roles and grants, each with all known columns. `export csv --table` and the lists with
//! `-o csv` share them, so that both have the same columns and cells.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;

use anyhow::Result;

use super::catalog::Catalog;
use super::missing::Missing;
use super::numbers::Numbers;
use crate::model::{
    Grant, Person, Resource, ResourceId, SyncRun, Text, account_type_word, keys, status_word,
};
use crate::report::moment;
use crate::snapshot::{Filter, GrantColumns, Readable, Row, Snapshot};

/// A table for people, made of the rows of one kind.
pub(super) trait CsvTable {
    /// The kind of its rows.
    type Kind: Readable;
    /// The column names.
    const COLUMNS: &'static [&'static str];

    /// Whether a row of the kind belongs to the table.
    fn has(&self, decoded: &Self::Kind) -> bool;

    /// Passes the cells of a row to `take`, under [`Self::COLUMNS`].
    fn cells(
        &mut self,
        row: &Row<'_, Self::Kind>,
        decoded: &Self::Kind,
        take: &mut dyn FnMut(&[&str]) -> io::Result<()>,
    ) -> Result<()>;
}

/// One row per user.
pub(super) struct Users {
    /// The names of the roles that each person holds, by name.
    held: HashMap<ResourceId, String>,
}

impl Users {
    pub(super) fn new(snapshot: &Snapshot, run: &SyncRun) -> Result<Self> {
        let mut catalog = Catalog::new(snapshot, run)?;
        let mut held = HashMap::<ResourceId, BTreeSet<Text>>::new();
        let mut rows = snapshot.rows::<Grant>(&run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            let GrantColumns {
                resource,
                principal,
                ..
            } = row.columns;
            if catalog.is_role(resource.resource_type.as_str()) {
                let name = catalog.resource_name(&resource)?;
                held.entry(principal).or_default().insert(name);
            }
        }
        let joined = held.into_iter().map(|(person, roles)| {
            let names: Vec<_> = roles.iter().map(|name| &**name).collect();
            (person, names.join("; "))
        });
        Ok(Self {
            held: joined.collect(),
        })
    }
}

impl CsvTable for Users {
    type Kind = Resource;
    const COLUMNS: &'static [&'static str] = &[
        "Name",
        "E-mail",
        "Seat",
        "Seat level",
        "Second factor",
        "Linked login",
        "Last login (UTC)",
        "Joined (UTC)",
        "Listed as member",
        "Status",
        "Account type",
        "First name",
        "Last name",
        "Job",
        "E-mail verified",
        "User ID",
        "Roles",
    ];

    fn has(&self, resource: &Resource) -> bool {
        resource.user.is_some()
    }

    fn cells(
        &mut self,
        _: &Row<'_, Resource>,
        resource: &Resource,
        take: &mut dyn FnMut(&[&str]) -> io::Result<()>,
    ) -> Result<()> {
        let person = Person { resource };
        Ok(take(&[
            person.name(),
            person.email().unwrap_or_default(),
            &person.seat_word().unwrap_or_default(),
            &person
                .seat()
                .map(|seat| seat.level().to_string())
                .unwrap_or_default(),
            yes_no(person.mfa_enabled()),
            yes_no(person.sso_enabled()),
            &moment(person.last_login()),
            &moment(person.joined_at()),
            yes_no(Some(person.is_listed())),
            status_word(resource.status),
            account_type_word(resource),
            person.given_name(),
            person.family_name(),
            person.job().unwrap_or_default(),
            yes_no(resource.profile.flag(keys::EMAIL_VERIFIED)),
            &resource.id.resource,
            self.held.get(&resource.id).map_or("", String::as_str),
        ])?)
    }
}

/// One row per role.
pub(super) struct Roles<'s> {
    catalog: Catalog<'s>,
    /// The people who hold something on each resource, as numbers: a person may have several entitlements on one role.
    members: HashMap<String, HashSet<u32>>,
}

impl<'s> Roles<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, run: &SyncRun) -> Result<Self> {
        let catalog = Catalog::new(snapshot, run)?;
        let mut numbers = Numbers::default();
        let mut members = HashMap::<String, HashSet<u32>>::new();
        let mut rows = snapshot.rows::<Grant>(&run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            let GrantColumns {
                resource,
                principal,
                ..
            } = &row.columns;
            if catalog.is_user(principal.resource_type.as_str()) {
                let members = members.entry(resource.to_string()).or_default();
                members.insert(numbers.of(principal));
            }
        }
        Ok(Self { catalog, members })
    }
}

impl CsvTable for Roles<'_> {
    type Kind = Resource;
    const COLUMNS: &'static [&'static str] = &[
        "Role",
        "Members",
        "Default",
        "Created (UTC)",
        "Created by",
        "Role ID",
    ];

    fn has(&self, resource: &Resource) -> bool {
        self.catalog.is_role(resource.id.resource_type.as_str())
    }

    fn cells(
        &mut self,
        row: &Row<'_, Resource>,
        resource: &Resource,
        take: &mut dyn FnMut(&[&str]) -> io::Result<()>,
    ) -> Result<()> {
        let profile = &resource.profile;
        let created_by = profile
            .text(keys::CREATED_BY_EMAIL)
            .or(profile.text(keys::CREATED_BY));
        Ok(take(&[
            &resource.display_name,
            &self
                .members
                .get(&*row.id)
                .map_or(0, HashSet::len)
                .to_string(),
            yes_no(profile.flag(keys::IS_DEFAULT)),
            &moment(resource.created_at),
            created_by.unwrap_or_default(),
            &resource.id.resource,
        ])?)
    }
}

/// One row per grant.
pub(super) struct Grants<'s> {
    catalog: Catalog<'s>,
}

impl<'s> Grants<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, run: &SyncRun) -> Result<Self> {
        Ok(Self {
            catalog: Catalog::new(snapshot, run)?,
        })
    }
}

impl CsvTable for Grants<'_> {
    type Kind = Grant;
    const COLUMNS: &'static [&'static str] = &[
        "Name",
        "E-mail",
        "Seat",
        "Resource",
        "Resource type",
        "Entitlement",
        "Since (UTC)",
        "Principal ID",
        "Entitlement ID",
        "Grant ID",
        "Listed as member",
        "Second factor",
        "Last login (UTC)",
        "Role ID",
        "User ID",
    ];

    fn has(&self, _: &Grant) -> bool {
        true
    }

    fn cells(
        &mut self,
        row: &Row<'_, Grant>,
        grant: &Grant,
        take: &mut dyn FnMut(&[&str]) -> io::Result<()>,
    ) -> Result<()> {
        let catalog = &mut self.catalog;
        let resource = &row.columns.resource;
        let principal = catalog.resource(&grant.principal)?;
        let principal = principal.and_then(|row| row.decode().ok());
        let person = principal.as_ref().and_then(Person::of);
        let missing;
        let name = match &principal {
            Some(resource) => &*resource.display_name,
            None => {
                missing = Missing::Resource(&grant.principal).to_string();
                &missing
            }
        };
        Ok(take(&[
            name,
            person.as_ref().and_then(Person::email).unwrap_or_default(),
            &person
                .as_ref()
                .and_then(Person::seat_word)
                .unwrap_or_default(),
            &catalog.resource_name(resource)?,
            resource.resource_type.as_str(),
            &catalog.entitlement_slug(&grant.entitlement)?,
            &moment(grant.joined_at),
            &grant.principal.to_string(),
            grant.entitlement.as_str(),
            &row.id,
            yes_no(person.as_ref().map(Person::is_listed)),
            yes_no(person.as_ref().and_then(Person::mfa_enabled)),
            &moment(person.as_ref().and_then(Person::last_login)),
            &resource.resource,
            &grant.principal.resource,
        ])?)
    }
}

/// What is known; empty if nothing is.
fn yes_no(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    }
}
