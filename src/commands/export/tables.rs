//! Tables for people: users, roles, grants, each with all that is known.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use anyhow::Result;

use super::Export;
use crate::commands::catalog::Catalog;
use crate::commands::missing::Missing;
use crate::model::{
    AccountType, Grant, Person, Resource, ResourceId, Value, keys, on_off, status_word,
};
use crate::report::moment;
use crate::report::sheet::{Formulas, Sheet};
use crate::snapshot::GrantColumns;

const USER_COLUMNS: [&str; 16] = [
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
];

const ROLE_COLUMNS: [&str; 6] = [
    "Role",
    "Members",
    "Default",
    "Created (UTC)",
    "Created by",
    "Role ID",
];

const GRANT_COLUMNS: [&str; 10] = [
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
];

impl Export<'_> {
    pub(super) fn users(&self, formulas: Formulas, out: &mut dyn Write) -> Result<()> {
        let mut sheet = Sheet::new(out, formulas, &USER_COLUMNS)?;
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
                on_off(person.mfa_enabled()),
                on_off(person.sso_enabled()),
                &moment(person.last_login()),
                &moment(person.joined_at()),
                if person.is_listed() { "yes" } else { "no" },
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
                yes_no(resource.profile.get(keys::EMAIL_VERIFIED)),
                &resource.id.resource,
            ];
            Ok(sheet.push(cells)?)
        })?;
        Ok(sheet.finish()?)
    }

    pub(super) fn roles(&self, formulas: Formulas, out: &mut dyn Write) -> Result<()> {
        let catalog = Catalog::new(self.snapshot, self.run)?;
        // A person may hold several entitlements of one role. People are held by number: there are as many pairs as grants.
        let mut numbers = HashMap::<ResourceId, u32>::new();
        let mut members = HashMap::<String, HashSet<u32>>::new();
        self.for_each::<Grant>(|row| {
            let GrantColumns {
                resource,
                principal,
                ..
            } = &row.columns;
            if catalog.is_user(principal.resource_type.as_str()) {
                let next = numbers.len() as u32;
                let number = match numbers.get(principal) {
                    Some(number) => *number,
                    None => *numbers.entry(principal.clone()).or_insert(next),
                };
                members
                    .entry(resource.to_string())
                    .or_default()
                    .insert(number);
            }
            Ok(())
        })?;
        let mut sheet = Sheet::new(out, formulas, &ROLE_COLUMNS)?;
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
                yes_no(profile.get(keys::IS_DEFAULT)),
                &moment(resource.created_at),
                created_by.unwrap_or_default(),
                &resource.id.resource,
            ];
            Ok(sheet.push(cells)?)
        })?;
        Ok(sheet.finish()?)
    }

    pub(super) fn grants(&self, formulas: Formulas, out: &mut dyn Write) -> Result<()> {
        let mut sheet = Sheet::new(out, formulas, &GRANT_COLUMNS)?;
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
            ];
            Ok(sheet.push(cells)?)
        })?;
        Ok(sheet.finish()?)
    }
}

fn yes_no(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::Bool(true)) => "yes",
        Some(Value::Bool(false)) => "no",
        _ => "",
    }
}
