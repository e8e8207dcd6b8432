//! A snapshot out: as C1's file import, as tables for people, as one JSON document, as JSON lines. All in the order of
//! the ids, so the same snapshot always gives the same bytes.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::catalog::{Cache, Catalog};
use super::input::{Input, lacks_roles};
use super::stats::SyncRunDocument;
use super::{Outcome, World};
use crate::files;
use crate::model::{
    AccountType, Entitlement, EntitlementId, Evidence, Grant, Person, Resource, ResourceId,
    ResourceType, Status, SyncRun, Value, on_off, status_word,
};
use crate::report::sheet::{BYTE_ORDER_MARK, Cells, Formulas, Sheet};
use crate::report::{Medium, Outlet, moment};
use crate::snapshot::{Batch, Filter, GrantColumns, Readable, Row, Snapshot};

/// What to export, and where to.
#[derive(Clone, Debug)]
pub struct ExportArgs {
    /// The snapshot.
    pub input: Input,
    /// In which form.
    pub form: ExportForm,
    /// Where to; standard output if no file is named.
    pub out: Option<PathBuf>,
    /// Permission bits of that file.
    pub mode: u32,
}

/// The forms a snapshot is exported in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportForm {
    /// The twelve columns of C1's file import.
    Csv(Formulas),
    /// One table with all that is known, for people.
    Table(ExportTable, Formulas),
    /// The whole snapshot as one document.
    Json,
    /// One object a line.
    Ndjson,
}

impl ExportForm {
    /// What it is read as. CSV in a file or a pipe keeps every text as it is, but for what [`Formulas::Disarm`] changes.
    pub(super) fn medium(self, is_terminal: bool) -> Medium {
        match self {
            Self::Csv(_) | Self::Table(..) if is_terminal => Medium::Csv,
            Self::Csv(_) | Self::Table(..) => Medium::Raw,
            Self::Json | Self::Ndjson => Medium::Json,
        }
    }

    /// Whether a spreadsheet will open it. Without a byte order mark, a common one misreads UTF-8.
    fn wants_byte_order_mark(self, is_terminal: bool) -> bool {
        match self {
            Self::Csv(formulas) | Self::Table(_, formulas) => {
                formulas == Formulas::Disarm && !is_terminal
            }
            Self::Json | Self::Ndjson => false,
        }
    }
}

/// A table for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportTable {
    /// Who there is.
    Users,
    /// Which roles there are.
    Roles,
    /// Who holds what.
    Grants,
}

pub(super) fn run(args: &ExportArgs, world: &mut World<'_>) -> Result<Outcome> {
    let (snapshot, run) = args.input.open_sync()?;
    lacks_roles(&args.input, &snapshot, &run, world.reporter)?;
    let export = Export {
        snapshot: &snapshot,
        run: &run,
    };
    match &args.out {
        None => export.write(args.form, world.page.is_terminal, world.out)?,
        Some(path) => {
            ensure!(
                !files::is_same_file(path, &args.input.path),
                "`{}` is the snapshot itself; export to another file",
                path.display()
            );
            files::replace(path, args.mode, |file| {
                let is_terminal = file.is_terminal();
                let out = BufWriter::with_capacity(1 << 20, file);
                let mut out = Outlet::new(out, args.form.medium(is_terminal));
                export
                    .write(args.form, is_terminal, &mut out)
                    .and_then(|()| Ok(out.flush()?))
                    // What is wrong with the snapshot names the snapshot.
                    .map_err(|error| match error.is::<io::Error>() {
                        true => error.context(format!("writing `{}`", path.display())),
                        false => error,
                    })
            })?;
        }
    }
    Ok(Outcome::Done)
}

struct Export<'s> {
    snapshot: &'s Snapshot,
    run: &'s SyncRun,
}

/// C1's file import: names, spelling and order are its own.
const IMPORT_COLUMNS: [&str; 12] = [
    "Type",
    "Last Name",
    "First Name",
    "User ID",
    "User Status",
    "Email Address",
    "Entitlement Display Name",
    "Entitlement",
    "Resource Type",
    "Resource Name",
    "Entitlement Description",
    "Entitlement Slug",
];

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
    fn write(&self, form: ExportForm, is_terminal: bool, out: &mut dyn Write) -> Result<()> {
        if form.wants_byte_order_mark(is_terminal) {
            out.write_all(BYTE_ORDER_MARK)?;
        }
        match form {
            ExportForm::Csv(formulas) => self.import_csv(formulas, out),
            ExportForm::Table(ExportTable::Users, formulas) => self.users(formulas, out),
            ExportForm::Table(ExportTable::Roles, formulas) => self.roles(formulas, out),
            ExportForm::Table(ExportTable::Grants, formulas) => self.grants(formulas, out),
            ExportForm::Json => self.json(out),
            ExportForm::Ndjson => self.ndjson(out),
        }
    }

    fn for_each<K: Readable>(&self, mut each: impl FnMut(Row<'_, K>) -> Result<()>) -> Result<()> {
        let mut rows = self.snapshot.rows(&self.run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            each(row)?;
        }
        Ok(())
    }

    /// Hands over what the writers that `maker` makes, one for each thread, write of all rows of a kind.
    fn make_rows<K: Readable>(
        &self,
        maker: impl for<'m> Fn(&'m Snapshot) -> Result<RowsWriter<'m, K>> + Sync,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        self.snapshot.batches(
            &self.run.id,
            Filter::EVERYTHING,
            |snapshot| {
                let mut write = maker(snapshot)?;
                Ok(Box::new(move |rows| {
                    let mut out = Vec::new();
                    write(rows, &mut out)?;
                    Ok(out)
                }))
            },
            |some: Vec<u8>| take(&some),
        )
    }

    fn import_csv(&self, formulas: Formulas, out: &mut dyn Write) -> Result<()> {
        let run = self.run;
        let mut sheet = Sheet::new(out, formulas, &IMPORT_COLUMNS)?;
        let mut catalog = Catalog::new(self.snapshot, run)?;
        self.for_each::<Entitlement>(|row| {
            let cells = entitlement_cells(&row, self.snapshot, &mut catalog)?;
            let head = ["Entitlement", "", "", "", "", ""];
            Ok(sheet.push(head.into_iter().chain(cells.iter().map(String::as_str)))?)
        })?;
        sheet.finish()?;
        // It holds an id for every resource; each thread makes one of its own.
        drop(catalog);
        let mut people = People {
            cells: Cache::default(),
            rows: Some(Vec::new()),
        };
        self.people(formulas, |cells, lines| {
            for (id, cells) in cells {
                let bytes = id.len() + cells.bytes();
                people.cells.keep(id, cells, bytes);
            }
            people.rows = people.rows.take().and_then(|mut rows| {
                rows.extend(lines);
                (rows.len() <= HELD_ROWS).then_some(rows)
            });
            Ok(())
        })?;
        let people = Arc::new(people);
        self.make_rows::<Grant>(
            |snapshot| {
                let mut grants = ImportedGrants {
                    snapshot,
                    catalog: Catalog::new(snapshot, run)?,
                    formulas,
                    head: Cells::new(formulas, ["Grant"])?,
                    entitlement: None,
                    people: people.clone(),
                    others: Cache::default(),
                    id: String::new(),
                };
                Ok(Box::new(move |rows, out| {
                    while let Some(row) = rows.next_row(out.len()) {
                        grants.push(&row, out)?;
                    }
                    Ok(())
                }))
            },
            |some| Ok(out.write_all(some)?),
        )?;
        match &people.rows {
            Some(rows) => Ok(out.write_all(rows)?),
            None => self.people(formulas, |_, lines| Ok(out.write_all(&lines)?)),
        }
    }

    /// Hands over all people as C1's file import has them: what a grant says of each, by id of the row, and their own rows.
    fn people(
        &self,
        formulas: Formulas,
        mut take: impl FnMut(Vec<(String, Cells)>, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.snapshot.batches::<Resource, _, _>(
            &self.run.id,
            Filter::EVERYTHING,
            |snapshot| {
                Ok(Box::new(move |rows| {
                    let mut cells = Vec::new();
                    let mut lines = Vec::new();
                    let mut sheet = Sheet::continued(&mut lines, formulas);
                    let mut bytes = 0;
                    while let Some(row) = rows.next_row(bytes) {
                        bytes += row.data.len();
                        let resource = snapshot.decode(&row)?;
                        if Person::of(&resource).is_none() {
                            continue;
                        }
                        let own = identity_cells(&resource, import_status(resource.status));
                        sheet.push(["Identity"].into_iter().chain(own).chain([""; 6]))?;
                        let of_grant = Cells::new(formulas, identity_cells(&resource, ""))?;
                        cells.push((row.id.into_owned(), of_grant));
                    }
                    sheet.finish()?;
                    Ok((cells, lines))
                }))
            },
            |(cells, lines)| take(cells, lines),
        )
    }

    fn users(&self, formulas: Formulas, out: &mut dyn Write) -> Result<()> {
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
                yes_no(resource.profile.get("email_verified")),
                &resource.id.resource,
            ];
            Ok(sheet.push(cells)?)
        })?;
        Ok(sheet.finish()?)
    }

    fn roles(&self, formulas: Formulas, out: &mut dyn Write) -> Result<()> {
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
                .text("created_by_email")
                .or(profile.text("created_by"));
            let cells = [
                &*resource.display_name,
                &members.get(&*row.id).map_or(0, HashSet::len).to_string(),
                yes_no(profile.get("is_default")),
                &moment(resource.created_at),
                created_by.unwrap_or_default(),
                &resource.id.resource,
            ];
            Ok(sheet.push(cells)?)
        })?;
        Ok(sheet.finish()?)
    }

    fn grants(&self, formulas: Formulas, out: &mut dyn Write) -> Result<()> {
        let mut sheet = Sheet::new(out, formulas, &GRANT_COLUMNS)?;
        let mut catalog = Catalog::new(self.snapshot, self.run)?;
        self.for_each::<Grant>(|row| {
            let grant = self.snapshot.decode(&row)?;
            let resource = &row.columns.resource;
            let principal = catalog.resource(&grant.principal)?;
            let principal = principal.and_then(|row| row.decode().ok());
            let person = principal.as_ref().and_then(Person::of);
            let cells = [
                principal
                    .as_ref()
                    .map(|resource| &*resource.display_name)
                    .unwrap_or_default(),
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

    /// One document; each object stands on a line of its own, so that two of them compare line by line.
    fn json(&self, out: &mut dyn Write) -> Result<()> {
        let head = SnapshotHead {
            schema: "posthog-c1z.snapshot",
            schema_version: 1,
            sync_run: SyncRunDocument::of(self.run),
            content_digest: self.snapshot.content_digest(&self.run.id)?.to_string(),
            evidence: self.snapshot.evidence(&self.run.id)?,
        };
        let head = serde_json::to_string_pretty(&head)?;
        let head = head.strip_suffix("\n}").unwrap_or(&head);
        out.write_all(head.as_bytes())?;
        self.json_rows::<ResourceType>(out)?;
        self.json_rows::<Resource>(out)?;
        self.json_rows::<Entitlement>(out)?;
        self.json_rows::<Grant>(out)?;
        Ok(out.write_all(b"\n}\n")?)
    }

    fn json_rows<K: Readable>(&self, out: &mut dyn Write) -> Result<()> {
        write!(out, ",\n  \"{}\": [", K::KIND.many())?;
        let mut is_first = true;
        self.make_rows::<K>(
            |_| {
                Ok(Box::new(|rows, json| {
                    while let Some(row) = rows.next_row(json.len()) {
                        json.extend_from_slice(b",\n    ");
                        row.push_json(json);
                    }
                    Ok(())
                }))
            },
            |json| {
                // No comma before the first.
                let json = &json[usize::from(is_first)..];
                is_first = false;
                Ok(out.write_all(json)?)
            },
        )?;
        Ok(out.write_all(b"\n  ]")?)
    }

    /// One object a line: the sync run, then every row.
    fn ndjson(&self, out: &mut dyn Write) -> Result<()> {
        let run = serde_json::to_string(&SyncRunDocument::of(self.run))?;
        writeln!(out, "{{\"kind\":\"sync_run\",\"data\":{run}}}")?;
        self.ndjson_rows::<ResourceType>(out)?;
        self.ndjson_rows::<Resource>(out)?;
        self.ndjson_rows::<Entitlement>(out)?;
        self.ndjson_rows::<Grant>(out)
    }

    fn ndjson_rows<K: Readable>(&self, out: &mut dyn Write) -> Result<()> {
        self.make_rows::<K>(
            |_| {
                Ok(Box::new(move |rows, out| {
                    while let Some(row) = rows.next_row(out.len()) {
                        write!(out, "{{\"kind\":\"{}\",\"id\":", K::KIND.one())?;
                        serde_json::to_writer(&mut *out, &row.id)?;
                        out.extend_from_slice(b",\"data\":");
                        row.push_json(out);
                        out.extend_from_slice(b"}\n");
                    }
                    Ok(())
                }))
            },
            |some| Ok(out.write_all(some)?),
        )
    }
}

/// Writes what is to be said of some rows.
type RowsWriter<'m, K> = Box<dyn FnMut(&mut Batch<'_, '_, K>, &mut Vec<u8>) -> Result<()> + 'm>;

/// People in C1's file import.
struct People {
    /// By id of the row: last name, first name, user id and e-mail of whom a grant names. It does not tell a status.
    cells: Cache<String, Cells>,
    /// Their own rows, as the file has them; `None` if they are too many to be held.
    rows: Option<Vec<u8>>,
}

/// Bytes of people's rows that are held until the grants are written. More are made once more then.
const HELD_ROWS: usize = 96 << 20;

/// The grants of C1's file import.
struct ImportedGrants<'s> {
    snapshot: &'s Snapshot,
    catalog: Catalog<'s>,
    formulas: Formulas,
    head: Cells,
    /// Grants come in runs of one entitlement, whose cells are made once a run.
    entitlement: Option<(EntitlementId, Cells)>,
    people: Arc<People>,
    /// Principals that are not among them: not people, not there, or too many.
    others: Cache<String, Cells>,
    /// Of the principal at hand.
    id: String,
}

impl ImportedGrants<'_> {
    fn push(&mut self, row: &Row<'_, Grant>, out: &mut Vec<u8>) -> Result<()> {
        let GrantColumns {
            entitlement: id,
            principal,
            resource,
            ..
        } = &row.columns;
        let (_, entitlement) = match &mut self.entitlement {
            Some(known) if known.0 == *id => known,
            known => {
                let cells = match self.catalog.entitlement(id.as_str())? {
                    Some(row) => entitlement_cells(&row, self.snapshot, &mut self.catalog)?,
                    None => {
                        let mut cells: [String; 6] = Default::default();
                        cells[1] = id.to_string();
                        cells[2] = resource.resource_type.to_string();
                        cells
                    }
                };
                let cells = Cells::new(self.formulas, cells.iter().map(String::as_str))?;
                known.insert((id.clone(), cells))
            }
        };
        self.id.clear();
        write!(self.id, "{principal}")?;
        let known = self.people.cells.get(&self.id);
        if let Some(identity) = known.or_else(|| self.others.get(&self.id)) {
            Cells::push_row([&self.head, identity, entitlement], out);
            return Ok(());
        }
        let found = self.catalog.resource(principal)?;
        let found = found.and_then(|row| row.decode().ok());
        let cells = match &found {
            Some(resource) => identity_cells(resource, ""),
            None => ["", "", &principal.resource, "", ""],
        };
        let identity = Cells::new(self.formulas, cells)?;
        Cells::push_row([&self.head, &identity, entitlement], out);
        let bytes = self.id.len() + identity.bytes();
        self.others.keep(self.id.clone(), identity, bytes);
        Ok(())
    }
}

#[derive(Serialize)]
struct SnapshotHead<'a> {
    schema: &'static str,
    schema_version: u32,
    sync_run: SyncRunDocument<'a>,
    content_digest: String,
    evidence: Option<Evidence>,
}

/// The last six columns of C1's file import.
fn entitlement_cells(
    row: &Row<'_, Entitlement>,
    snapshot: &Snapshot,
    catalog: &mut Catalog<'_>,
) -> Result<[String; 6]> {
    let entitlement = snapshot.decode(row)?;
    Ok([
        entitlement.display_name.to_string(),
        row.id.to_string(),
        entitlement.resource.resource_type.to_string(),
        catalog.resource_name(&entitlement.resource)?.to_string(),
        entitlement.description.to_string(),
        entitlement.slug.to_string(),
    ])
}

/// Last name, first name, user id, status and e-mail of C1's file import.
fn identity_cells<'r>(resource: &'r Resource, status: &'r str) -> [&'r str; 5] {
    let person = Person { resource };
    [
        person.family_name(),
        person.given_name(),
        person.user_id(),
        status,
        person.email().unwrap_or_default(),
    ]
}

fn import_status(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Enabled) => "Enabled",
        Some(Status::Disabled) => "Disabled",
        Some(Status::Deleted) => "Deleted",
        Some(Status::Unspecified) | None => "",
    }
}

fn yes_no(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::Bool(true)) => "yes",
        Some(Value::Bool(false)) => "no",
        _ => "",
    }
}
