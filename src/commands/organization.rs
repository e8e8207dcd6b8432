//! `organization`: what surrounds the roles: settings, domains, invitations and external references.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::catalog::Catalog;
use super::input::Input;
use super::{Outcome, World};
use crate::model::{
    Domain, Evidence, FoundDocument, Invitation, NotRead, OrganizationDocument, ResourceId,
    ResourceTypeId, RoleReference, Sent, SyncRun, Timestamp,
};
use crate::report::surroundings::{
    external_group, invitation_state, sent_text, settings_in_words, sso_in_words,
};
use crate::report::{Column, Format, Page, Table, labeled, printable, style, wrap};

/// Arguments of `organization`.
#[derive(Clone, Debug)]
pub struct OrganizationArgs {
    /// The snapshot.
    pub input: Input,
    /// The format.
    pub format: Format,
}

/// A snapshot without an organization document.
#[derive(Debug, thiserror::Error)]
#[error("`{}` has no organization document: {why}", file.display())]
pub(super) struct NoDocument {
    file: PathBuf,
    why: &'static str,
}

/// An organization document that this program does not understand.
#[derive(Debug, thiserror::Error)]
#[error("the organization document of `{}` cannot be read: {why}", file.display())]
pub(super) struct UnreadableDocument {
    file: PathBuf,
    why: String,
}

pub(super) fn run(args: &OrganizationArgs, world: &mut World<'_>) -> Result<Outcome> {
    let (snapshot, run) = args.input.open_sync()?;
    let evidence = snapshot.evidence(&run.id)?;
    let file = args.input.path.clone();
    let document = match snapshot.organization(&run.id)? {
        FoundDocument::Found(document) => document,
        FoundDocument::NotUnderstood(why) => bail!(UnreadableDocument { file, why }),
        FoundDocument::Absent => bail!(NoDocument {
            file,
            why: why_absent(evidence.as_ref())
        }),
    };
    match args.format {
        Format::Json => writeln!(world.out, "{}", serde_json::to_string_pretty(&document)?)?,
        Format::Console => {
            let mut catalog = Catalog::new(&snapshot, &run)?;
            write(
                args,
                &document,
                evidence.as_ref(),
                &run,
                &mut catalog,
                world,
            )?;
        }
    }
    Ok(Outcome::Done)
}

/// Why a snapshot has no organization document.
pub(super) fn why_absent(evidence: Option<&Evidence>) -> &'static str {
    match evidence {
        None => "it was written by another program",
        Some(evidence) if evidence.lacks_organization() => {
            "it was made with --without-organization"
        }
        Some(_) => "it was made by a version of this program that did not read one",
    }
}

const DOMAIN_COLUMNS: &[Column] = &[
    Column::new("Domain"),
    Column::whole("Verified"),
    Column::new("SSO"),
    Column::whole("Auto-join"),
    Column::whole("SAML"),
    Column::whole("SCIM"),
];

const INVITATION_COLUMNS: &[Column] = &[
    Column::new("Invited"),
    Column::new("First name"),
    Column::new("Seat"),
    Column::whole("State"),
    Column::whole("Sent"),
    Column::new("By"),
];

const REFERENCE_COLUMNS: &[Column] = &[
    Column::new("Role"),
    Column::new("Provider"),
    Column::new("External group"),
    Column::new("External organization"),
    Column::whole("Since"),
];

fn write(
    args: &OrganizationArgs,
    document: &OrganizationDocument,
    evidence: Option<&Evidence>,
    run: &SyncRun,
    catalog: &mut Catalog<'_>,
    world: &mut World<'_>,
) -> Result<()> {
    let page = world.page;
    let width = page.terminal_width();
    let out = &mut *world.out;
    let mut line = |label: &str, value: &str| writeln!(out, "{}", labeled(label, value, width));
    if let Some(evidence) = evidence {
        line("organization", evidence.organization.shown_name())?;
    }
    line("file", &args.input.path.display().to_string())?;
    let captured_at = run.captured_at(run.zone(evidence));
    line("captured", &captured_at.to_string())?;
    if let Some(settings) = &document.settings {
        heading(out, page, "Settings")?;
        for (what, value) in settings_in_words(settings) {
            writeln!(out, "{}", wrap(&format!("  {what}: {value}"), width, 4))?;
        }
        if let Some(role) = settings.default_role_id.as_ref() {
            let name = match role {
                Some(id) => role_name(id, catalog)?,
                None => "none".to_owned(),
            };
            let line = format!("  role that new members get: {name}");
            writeln!(out, "{}", wrap(&printable_line(&line), width, 4))?;
        }
        let features = settings.available_product_features.as_ref();
        if let Some(features) = features {
            let names = match features {
                Some(names) if !names.is_empty() => names.join(", "),
                _ => "none".to_owned(),
            };
            let line = format!("  features of the plan: {names}");
            writeln!(out, "{}", wrap(&printable_line(&line), width, 4))?;
        }
    }
    if let Some(domains) = &document.domains {
        list(out, page, "Domains", DOMAIN_COLUMNS, domains, |row| {
            Ok(domain_cells(row))
        })?;
    }
    if let Some(invitations) = &document.invitations {
        let columns = INVITATION_COLUMNS;
        list(out, page, "Invitations", columns, invitations, |row| {
            Ok(invitation_cells(row))
        })?;
    }
    if let Some(references) = &document.role_external_references {
        let title = "External references of roles";
        list(out, page, title, REFERENCE_COLUMNS, references, |row| {
            reference_cells(row, catalog)
        })?;
    }
    if !document.not_read.is_empty() {
        heading(out, page, "Not read")?;
    }
    for not_read in &document.not_read {
        let line = format!("  {}: {}", not_read.words(), not_read.reason);
        writeln!(out, "{}", wrap(&printable_line(&line), width, 4))?;
    }
    Ok(())
}

fn heading(out: &mut dyn Write, page: Page, title: &str) -> Result<()> {
    let style = style::wanted(style::HEADING, page.styled);
    Ok(writeln!(out, "\n{style}{title}{style:#}")?)
}

fn printable_line(line: &str) -> String {
    printable(line).into_owned()
}

/// Writes a list under its title.
fn list<T>(
    out: &mut dyn Write,
    page: Page,
    title: &str,
    columns: &'static [Column],
    rows: &[T],
    mut cells: impl FnMut(&T) -> Result<Vec<String>>,
) -> Result<()> {
    heading(out, page, title)?;
    if rows.is_empty() {
        return Ok(writeln!(out, "  none")?);
    }
    let mut table = Table::new(out, page, columns);
    for row in rows {
        table.push(cells(row)?)?;
    }
    Ok(table.finish()?)
}

fn text(sent: &Sent<String>) -> String {
    sent_text(sent).to_owned()
}

fn yes_no(sent: Sent<bool>) -> String {
    match sent.flatten() {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    }
    .to_owned()
}

/// The day of a time in UTC, or what was sent if it is not a time.
fn time(sent: &Sent<String>) -> String {
    let sent = sent_text(sent);
    Timestamp::parse(sent).map_or_else(|_| sent.to_owned(), Timestamp::to_day)
}

fn domain_cells(row: &Domain) -> Vec<String> {
    vec![
        row.name().unwrap_or(&row.id).to_owned(),
        yes_no(row.is_verified),
        sso_in_words(row).to_owned(),
        yes_no(row.jit_provisioning_enabled),
        yes_no(row.has_saml),
        yes_no(row.has_scim),
    ]
}

fn invitation_cells(row: &Invitation) -> Vec<String> {
    let inviter = row.created_by.as_ref().and_then(Option::as_ref);
    vec![
        row.email().unwrap_or(&row.id).to_owned(),
        text(&row.first_name),
        text(&row.seat),
        invitation_state(row).to_owned(),
        time(&row.created_at),
        inviter.map_or_else(String::new, |user| user.display_name.clone()),
    ]
}

fn reference_cells(row: &RoleReference, catalog: &mut Catalog<'_>) -> Result<Vec<String>> {
    let role = match row.role_id.as_ref().and_then(Option::as_ref) {
        Some(id) => role_name(id, catalog)?,
        None => String::new(),
    };
    Ok(vec![
        role,
        text(&row.provider),
        external_group(row).to_owned(),
        text(&row.provider_organization_id),
        time(&row.created_at),
    ])
}

fn role_name(id: &str, catalog: &mut Catalog<'_>) -> Result<String> {
    let role = ResourceId::new(&ResourceTypeId::new("role"), id);
    Ok(match catalog.resource(&role)? {
        Some(_) => catalog.resource_name(&role)?.to_string(),
        None => id.to_owned(),
    })
}

/// Summarizes the document in one line.
pub(super) fn in_brief(document: &OrganizationDocument) -> String {
    let mut parts = Vec::new();
    if let Some(settings) = &document.settings {
        parts.extend(settings.enforce_2fa.map(|enforced| match enforced {
            Some(true) => "2FA is enforced".to_owned(),
            _ => "2FA is not enforced".to_owned(),
        }));
    }
    let count = |n: usize, one: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    if let Some(domains) = &document.domains {
        parts.push(count(domains.len(), "domain"));
    }
    if let Some(invitations) = &document.invitations {
        let expired = invitations
            .iter()
            .filter(|row| row.is_expired.flatten() == Some(true))
            .count();
        let pending = count(invitations.len() - expired, "pending invitation");
        parts.push(match expired {
            0 => pending,
            n => format!("{pending} and {n} expired"),
        });
    }
    if let Some(references) = &document.role_external_references {
        parts.push(count(references.len(), "external reference"));
    }
    let not_read: Vec<_> = document.not_read.iter().map(NotRead::words).collect();
    if !not_read.is_empty() {
        parts.push(format!("not read: {}", not_read.join(", ")));
    }
    parts.join(", ")
}
