//! All that one person has.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::Serialize;

use super::catalog::Catalog;
use super::input::{Input, lacks_roles};
use super::{Outcome, World};
use crate::model::{
    Grant, NOT_READ_ROLES, Person, Resource, ResourceId, Seat, SyncRun, on_off, status_word,
};
use crate::report::{Column, Format, Table, moment, printable};
use crate::snapshot::{Filter, Snapshot};

/// Whose access, in which snapshot.
#[derive(Clone, Debug)]
pub struct AccessArgs {
    /// An e-mail, an id, or `<type>:<id>`.
    pub person: String,
    /// The snapshot.
    pub input: Input,
    /// In which form.
    pub format: Format,
}

/// Nobody of that description.
#[derive(Debug, thiserror::Error)]
#[error("nobody matches `{}`", person.escape_debug())]
pub(super) struct NobodyFound {
    person: String,
    file: PathBuf,
}

impl NobodyFound {
    /// The snapshot that was searched.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

/// More than one person of that description.
#[derive(Debug, thiserror::Error)]
#[error("{} people match `{}`", candidates.len(), person.escape_debug())]
pub(super) struct SeveralFound {
    person: String,
    /// `<type>:<id>`, name and e-mail of each.
    candidates: Vec<String>,
}

impl SeveralFound {
    /// `<type>:<id>`, name and e-mail of each, one a line.
    pub(super) fn candidates(&self) -> String {
        self.candidates.join("\n      ")
    }
}

const COLUMNS: &[Column] = &[
    Column::new("Holds"),
    Column::new("On"),
    Column::whole("Since (UTC)"),
];

pub(super) fn run(args: &AccessArgs, world: &mut World<'_>) -> Result<Outcome> {
    let (snapshot, run) = args.input.open_sync()?;
    let lacks_roles = lacks_roles(&args.input, &snapshot, &run, world.reporter)?;
    let found = find(&args.person, &snapshot, &run)?;
    let resource = match found.as_slice() {
        [one] => one,
        [] => bail!(NobodyFound {
            person: args.person.clone(),
            file: args.input.path.clone(),
        }),
        several => {
            let line = |resource: &Resource| {
                let email = Person { resource }.email().unwrap_or("no e-mail");
                format!(
                    "{} ({}, {})",
                    printable(&resource.id.to_string()),
                    printable(&resource.display_name),
                    printable(email)
                )
            };
            bail!(SeveralFound {
                person: args.person.clone(),
                candidates: several.iter().map(line).collect()
            })
        }
    };
    let held = if lacks_roles {
        None
    } else {
        Some(holdings(&resource.id, &snapshot, &run)?)
    };
    match args.format {
        Format::Json => {
            let document = AccessDocument::of(resource, held.as_deref());
            writeln!(world.out, "{}", serde_json::to_string_pretty(&document)?)?;
        }
        Format::Console => write(resource, held.as_deref(), world)?,
    }
    Ok(Outcome::Done)
}

/// Everybody that `person` may mean: by id first, else by e-mail as it is written, else by e-mail in any case.
fn find(person: &str, snapshot: &Snapshot, run: &SyncRun) -> Result<Vec<Resource>> {
    let person = person.trim();
    let folded = person.to_lowercase();
    let mut by_id = Vec::new();
    let mut by_email = Vec::new();
    let mut by_folded_email = Vec::new();
    for row in snapshot.rows::<Resource>(&run.id, Filter::EVERYTHING)? {
        let row = row?;
        let resource = snapshot.decode(&row)?;
        let Some(candidate) = Person::of(&resource) else {
            continue;
        };
        if row.id == person || *resource.id.resource == *person {
            by_id.push(resource);
        } else if candidate.has_email(|address| address == person) {
            by_email.push(resource);
        } else if candidate.has_email(|address| address.to_lowercase() == folded) {
            by_folded_email.push(resource);
        }
    }
    let found = [by_id, by_email, by_folded_email];
    Ok(found
        .into_iter()
        .find(|found| !found.is_empty())
        .unwrap_or_default())
}

/// A grant, with the names a person knows it by.
struct Holding {
    grant: Grant,
    resource: ResourceId,
    resource_name: String,
    entitlement_name: String,
    slug: String,
}

fn holdings(principal: &ResourceId, snapshot: &Snapshot, run: &SyncRun) -> Result<Vec<Holding>> {
    let mut catalog = Catalog::new(snapshot, run)?;
    let filter = Filter {
        principal: Some(principal.clone()),
        ..Filter::default()
    };
    let mut held = Vec::new();
    for row in snapshot.rows::<Grant>(&run.id, &filter)? {
        let row = row?;
        let grant = snapshot.decode(&row)?;
        let resource = row.columns.resource;
        let entitlement = catalog.entitlement_model(grant.entitlement.as_str())?;
        held.push(Holding {
            resource_name: catalog.resource_name(&resource)?.to_string(),
            slug: catalog.entitlement_slug(&grant.entitlement)?.to_string(),
            entitlement_name: entitlement
                .map_or_else(String::new, |found| found.display_name.to_string()),
            resource,
            grant,
        });
    }
    Ok(held)
}

/// `held` is `None` where it was not read.
fn write(resource: &Resource, held: Option<&[Holding]>, world: &mut World<'_>) -> Result<()> {
    let Some(person) = Person::of(resource) else {
        return Ok(());
    };
    let out = &mut *world.out;
    let unknown = |text: &str| {
        if text.is_empty() {
            "unknown".to_owned()
        } else {
            text.to_owned()
        }
    };
    let mut line = |label: &str, text: &str| writeln!(out, "{label:15}{}", printable(text));
    line("name", person.name())?;
    line("e-mail", person.email().unwrap_or("unknown"))?;
    line("id", &resource.id.to_string())?;
    if !person.is_listed() {
        line("note", "not in the member list")?;
    }
    match (person.seat(), person.seat_word()) {
        (Some(seat), _) => line("seat", &format!("{seat} (level {})", seat.level()))?,
        (None, Some(word)) => line("seat", &word)?,
        (None, None) => line("seat", "unknown")?,
    }
    line("status", &unknown(status_word(resource.status)))?;
    line("second factor", &unknown(on_off(person.mfa_enabled())))?;
    line("linked login", &unknown(on_off(person.sso_enabled())))?;
    line("joined", &unknown(&moment(person.joined_at())))?;
    let last_login = moment(person.last_login());
    line(
        "last login",
        if last_login.is_empty() {
            "never, or unknown"
        } else {
            &last_login
        },
    )?;
    writeln!(out)?;
    let Some(held) = held else {
        return Ok(writeln!(out, "roles were not read")?);
    };
    if held.is_empty() {
        return Ok(writeln!(out, "holds nothing")?);
    }
    let mut table = Table::new(out, world.page, COLUMNS);
    for holding in held {
        table.push(vec![
            holding.slug.clone(),
            holding.resource_name.clone(),
            moment(holding.grant.joined_at),
        ])?;
    }
    Ok(table.finish()?)
}

#[derive(Serialize)]
struct AccessDocument<'a> {
    schema: &'static str,
    schema_version: u32,
    id: String,
    display_name: &'a str,
    email: Option<&'a str>,
    status: Option<&'static str>,
    listed_as_member: bool,
    organization_level: Option<i64>,
    organization_role: Option<Cow<'a, str>>,
    is_2fa_enabled: Option<bool>,
    has_social_auth: Option<bool>,
    joined_at: Option<String>,
    last_login: Option<String>,
    /// `null` where they were not read.
    grants: Option<Vec<GrantDocument<'a>>>,
    not_read: &'static [&'static str],
}

#[derive(Serialize)]
struct GrantDocument<'a> {
    id: String,
    entitlement_id: &'a str,
    entitlement: &'a str,
    slug: &'a str,
    resource_id: String,
    resource: &'a str,
    joined_at: Option<String>,
}

impl<'a> AccessDocument<'a> {
    fn of(resource: &'a Resource, held: Option<&'a [Holding]>) -> Self {
        let person = Person { resource };
        Self {
            schema: "posthog-c1z.access",
            schema_version: 1,
            id: resource.id.to_string(),
            display_name: person.name(),
            email: person.email(),
            status: Some(status_word(resource.status)).filter(|word| !word.is_empty()),
            listed_as_member: person.is_listed(),
            organization_level: person.seat().map(Seat::level),
            organization_role: person.seat_word(),
            is_2fa_enabled: person.mfa_enabled(),
            has_social_auth: person.sso_enabled(),
            joined_at: person.joined_at().map(|at| at.to_string()),
            last_login: person.last_login().map(|at| at.to_string()),
            grants: held.map(|held| held.iter().map(GrantDocument::of).collect()),
            not_read: match held {
                Some(_) => &[],
                None => &[NOT_READ_ROLES],
            },
        }
    }
}

impl<'a> GrantDocument<'a> {
    fn of(holding: &'a Holding) -> Self {
        Self {
            id: holding.grant.id().into_owned(),
            entitlement_id: holding.grant.entitlement.as_str(),
            entitlement: &holding.entitlement_name,
            slug: &holding.slug,
            resource_id: holding.resource.to_string(),
            resource: &holding.resource_name,
            joined_at: holding.grant.joined_at.map(|at| at.to_string()),
        }
    }
}
