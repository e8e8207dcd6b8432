//! Exports CSV tables for people: users, roles and grants, each with all known columns.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Write;

use anyhow::Result;

use super::{Export, Source};
use crate::commands::catalog::Catalog;
use crate::commands::missing::Missing;
use crate::commands::numbers::Numbers;
use crate::model::{AccountType, Grant, Person, Resource, ResourceId, Text, keys, status_word};
use crate::report::moment;
use crate::report::sheet::{Formulas, Sheet};
use crate::snapshot::GrantColumns;

const USER_COLUMNS: [&str; 17] = [
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

const ROLE_COLUMNS: [&str; 6] = [
    "Role",
    "Members",
    "Default",
    "Created (UTC)",
    "Created by",
    "Role ID",
];

const GRANT_COLUMNS: [&str; 15] = [
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

const SOURCE_COLUMNS: [&str; 3] = ["Organization", "Captured", "Content digest"];

/// What every row of a table says about the snapshot, if that is asked for: nothing, or a cell for each of
/// [`SOURCE_COLUMNS`].
struct SourceCells(Vec<String>);

impl SourceCells {
    fn of(export: &Export<'_>, source: Source) -> Result<Self> {
        if source == Source::Omitted {
            return Ok(Self(Vec::new()));
        }
        let evidence = export.snapshot.evidence(&export.run.id)?;
        let zone = export.run.zone(evidence.as_ref());
        let organization = evidence.and_then(|evidence| evidence.organization.name);
        let digest = export.snapshot.content_digest(&export.run.id)?;
        Ok(Self(vec![
            organization.unwrap_or_default(),
            export.run.captured_at(zone).to_string(),
            digest.to_string(),
        ]))
    }

    /// The heads of a table.
    fn heads<'h>(&self, own: &[&'h str]) -> Vec<&'h str> {
        let source = SOURCE_COLUMNS.iter().take(self.0.len());
        own.iter().chain(source).copied().collect()
    }

    /// A row of a table.
    fn row<'c>(&'c self, own: impl IntoIterator<Item = &'c str>) -> impl Iterator<Item = &'c str> {
        own.into_iter().chain(self.0.iter().map(String::as_str))
    }
}

impl Export<'_> {
    pub(super) fn users(
        &self,
        formulas: Formulas,
        source: Source,
        out: &mut dyn Write,
    ) -> Result<()> {
        let source = SourceCells::of(self, source)?;
        let held = self.roles_held()?;
        let mut sheet = Sheet::new(out, formulas, &source.heads(&USER_COLUMNS))?;
        self.for_each::<Resource>(|row| {
            let resource = self.snapshot.decode(&row)?;
            let Some(person) = Person::of(&resource) else {
                return Ok(());
            };
            let account_type = resource.user.as_ref().map(|user| user.account_type);
            let cells = [
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
                match account_type {
                    Some(AccountType::Human) => "human",
                    Some(AccountType::Service) => "service",
                    Some(AccountType::System) => "system",
                    _ => "",
                },
                person.given_name(),
                person.family_name(),
                person.job().unwrap_or_default(),
                yes_no(resource.profile.flag(keys::EMAIL_VERIFIED)),
                &resource.id.resource,
                held.get(&resource.id).map_or("", String::as_str),
            ];
            Ok(sheet.push(source.row(cells))?)
        })?;
        Ok(sheet.finish()?)
    }

    /// The names of the roles that each person holds, by name.
    fn roles_held(&self) -> Result<HashMap<ResourceId, String>> {
        let mut catalog = Catalog::new(self.snapshot, self.run)?;
        let mut held = HashMap::<ResourceId, BTreeSet<Text>>::new();
        self.for_each::<Grant>(|row| {
            let GrantColumns {
                resource,
                principal,
                ..
            } = row.columns;
            if catalog.is_role(resource.resource_type.as_str()) {
                let name = catalog.resource_name(&resource)?;
                held.entry(principal).or_default().insert(name);
            }
            Ok(())
        })?;
        let joined = held.into_iter().map(|(person, roles)| {
            let names: Vec<_> = roles.iter().map(|name| &**name).collect();
            (person, names.join("; "))
        });
        Ok(joined.collect())
    }

    pub(super) fn roles(
        &self,
        formulas: Formulas,
        source: Source,
        out: &mut dyn Write,
    ) -> Result<()> {
        let source = SourceCells::of(self, source)?;
        let catalog = Catalog::new(self.snapshot, self.run)?;
        // A person may have several entitlements on one role, so members are counted as sets.
        let mut numbers = Numbers::default();
        let mut members = HashMap::<String, HashSet<u32>>::new();
        self.for_each::<Grant>(|row| {
            let GrantColumns {
                resource,
                principal,
                ..
            } = &row.columns;
            if catalog.is_user(principal.resource_type.as_str()) {
                let members = members.entry(resource.to_string()).or_default();
                members.insert(numbers.of(principal));
            }
            Ok(())
        })?;
        let mut sheet = Sheet::new(out, formulas, &source.heads(&ROLE_COLUMNS))?;
        self.for_each::<Resource>(|row| {
            let resource = self.snapshot.decode(&row)?;
            if !catalog.is_role(resource.id.resource_type.as_str()) {
                return Ok(());
            }
            let profile = &resource.profile;
            let created_by = profile
                .text(keys::CREATED_BY_EMAIL)
                .or(profile.text(keys::CREATED_BY));
            let cells = [
                &*resource.display_name,
                &members.get(&*row.id).map_or(0, HashSet::len).to_string(),
                yes_no(profile.flag(keys::IS_DEFAULT)),
                &moment(resource.created_at),
                created_by.unwrap_or_default(),
                &resource.id.resource,
            ];
            Ok(sheet.push(source.row(cells))?)
        })?;
        Ok(sheet.finish()?)
    }

    pub(super) fn grants(
        &self,
        formulas: Formulas,
        source: Source,
        out: &mut dyn Write,
    ) -> Result<()> {
        let source = SourceCells::of(self, source)?;
        let mut sheet = Sheet::new(out, formulas, &source.heads(&GRANT_COLUMNS))?;
        let mut catalog = Catalog::new(self.snapshot, self.run)?;
        self.for_each::<Grant>(|row| {
            let grant = self.snapshot.decode(&row)?;
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
            let cells = [
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
            ];
            Ok(sheet.push(source.row(cells))?)
        })?;
        Ok(sheet.finish()?)
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
