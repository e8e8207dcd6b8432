//! C1's file import: twelve columns, in which entitlements, grants and people are rows of one file.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;

use anyhow::Result;

use super::Export;
use crate::commands::catalog::{Cache, Catalog};
use crate::model::{Entitlement, EntitlementId, Grant, Person, Resource, Status};
use crate::report::sheet::{Cells, Formulas, Sheet};
use crate::snapshot::{Filter, GrantColumns, Row, Snapshot};

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

impl Export<'_> {
    pub(super) fn import_csv(&self, formulas: Formulas, out: &mut dyn Write) -> Result<()> {
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
}

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
