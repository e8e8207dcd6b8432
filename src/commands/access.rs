//! All that one person has.

use std::borrow::Cow;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Serialize;

use super::catalog::Catalog;
use super::input::{Input, lacks_roles};
use super::search::{self, Found, did_you_mean};
use super::{Outcome, World};
use crate::model::{
    Grant, NOT_READ_ROLES, Person, Resource, ResourceId, Seat, SyncRun, on_off, status_word,
};
use crate::report::{Column, Format, Page, Table, labeled, moment, printable};
use crate::snapshot::{Filter, Snapshot};

/// Whose access, in which snapshot.
#[derive(Clone, Debug)]
pub struct AccessArgs {
    /// An id, a name, an e-mail address, or the beginning of one.
    pub person: String,
    /// The snapshot.
    pub input: Input,
    /// In which form.
    pub format: Format,
    /// Whether tables leave every cell whole.
    pub wide: bool,
}

/// Nobody of that description.
#[derive(Debug, thiserror::Error)]
#[error("nobody matches `{}`", person.escape_debug())]
pub(super) struct NobodyFound {
    person: String,
    file: PathBuf,
    nearest: Vec<String>,
}

impl NobodyFound {
    /// How to find the person.
    pub(super) fn hint(&self) -> String {
        let file = self.file.display().to_string();
        let list = format!("`posthog-c1z users {}` lists everyone", printable(&file));
        match did_you_mean(&self.nearest) {
            Some(suggestion) => format!("{suggestion} {list}"),
            None => list,
        }
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
    let resource = match search::person(&args.person, &snapshot, &run)? {
        Found::One(hit) => hit.reported(world.reporter),
        Found::Nothing(nearest) => bail!(NobodyFound {
            person: args.person.clone(),
            file: args.input.path.clone(),
            nearest,
        }),
    };
    let resource = &resource;
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
        Format::Console => {
            let page = Page {
                wide: args.wide,
                ..world.page
            };
            write(resource, held.as_deref(), page, world)?;
        }
    }
    Ok(Outcome::Done)
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
fn write(
    resource: &Resource,
    held: Option<&[Holding]>,
    page: Page,
    world: &mut World<'_>,
) -> Result<()> {
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
    let width = page.terminal_width();
    let mut line = |label: &str, text: &str| writeln!(out, "{}", labeled(label, text, width));
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
    line("2FA", &unknown(on_off(person.mfa_enabled())))?;
    line("SSO/social", &unknown(on_off(person.sso_enabled())))?;
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
    let mut table = Table::new(out, page, COLUMNS);
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
