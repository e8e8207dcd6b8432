//! The CSV of C1's file import: twelve columns, with entitlements, grants and people as rows of one file. Rows and
//! cells are those of `baton export csv`.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;

use anyhow::Result;

use super::Export;
use crate::commands::cache::Cache;
use crate::commands::catalog::Catalog;
use crate::model::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, Status, Text, UserTrait, keys,
};
use crate::report::sheet::{Cells, Formulas, Sheet};
use crate::snapshot::{Filter, GrantColumns, Row, Snapshot};

/// The columns of C1's file import, with C1's spelling and order.
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
            let cells = cells_of_row(&row, self.snapshot, &mut catalog)?;
            let head = ["Entitlement", "", "", "", "", ""];
            Ok(sheet.push(head.into_iter().chain(cells.iter().map(String::as_str)))?)
        })?;
        sheet.finish()?;
        // It holds an id for every resource, and each thread creates its own.
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
        self.encode_rows::<Grant>(
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
            |bytes| Ok(out.write_all(bytes)?),
        )?;
        match &people.rows {
            Some(rows) => Ok(out.write_all(rows)?),
            None => self.people(formulas, |_, lines| Ok(out.write_all(&lines)?)),
        }
    }

    /// Encodes all people and passes them to `take`: the cells that their grants repeat, by `<type>:<id>`, and the rows
    /// of those whose type is a user type.
    fn people(
        &self,
        formulas: Formulas,
        mut take: impl FnMut(Vec<(String, Cells)>, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.snapshot.batches::<Resource, _, _>(
            &self.run.id,
            Filter::EVERYTHING,
            |snapshot| {
                let catalog = Catalog::new(snapshot, self.run)?;
                Ok(Box::new(move |rows| {
                    let mut cells = Vec::new();
                    let mut lines = Vec::new();
                    let mut sheet = Sheet::continued(&mut lines, formulas);
                    let mut bytes = 0;
                    while let Some(row) = rows.next_row(bytes) {
                        bytes += row.data.len();
                        let resource = snapshot.decode(&row)?;
                        let Some(user) = &resource.user else {
                            continue;
                        };
                        if catalog.is_user(resource.id.resource_type.as_str()) {
                            let status = import_status(resource.status);
                            let own = identity_cells(&resource, user, status);
                            sheet.push(["Identity"].into_iter().chain(own).chain([""; 6]))?;
                        }
                        let of_grant = Cells::new(formulas, identity_cells(&resource, user, ""))?;
                        cells.push((resource.id.to_string(), of_grant));
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
    /// The cells of a principal in a grant's row, by `<type>:<id>`: last name, first name, user id and e-mail. The
    /// status is empty there.
    cells: Cache<String, Cells>,
    /// Their own rows, encoded; `None` if they are too large to keep.
    rows: Option<Vec<u8>>,
}

/// Bytes of people's rows that are kept until the grants are written. Beyond that, they are encoded again.
const HELD_ROWS: usize = 96 << 20;

/// Encodes the grants of C1's file import.
struct ImportedGrants<'s> {
    snapshot: &'s Snapshot,
    catalog: Catalog<'s>,
    formulas: Formulas,
    head: Cells,
    /// The current entitlement and its cells, since consecutive grants often share it; `None` if it is missing.
    entitlement: Option<(EntitlementId, Option<Cells>)>,
    people: Arc<People>,
    /// Principals that are not in `people` because its cache is full; `None` if they are missing or not people.
    others: Cache<String, Option<Cells>>,
    /// The id of the current principal.
    id: String,
}

impl ImportedGrants<'_> {
    /// Appends a grant's row, if its principal is a person.
    fn push(&mut self, row: &Row<'_, Grant>, out: &mut Vec<u8>) -> Result<()> {
        let GrantColumns {
            entitlement: id,
            principal,
            ..
        } = &row.columns;
        self.id.clear();
        write!(self.id, "{principal}")?;
        let looked_up;
        let identity = match self.people.cells.get(&self.id) {
            Some(cells) => cells,
            None => match self.others.get(&self.id) {
                Some(Some(cells)) => cells,
                Some(None) => return Ok(()),
                None => {
                    looked_up = self.look_up(principal)?;
                    match &looked_up {
                        Some(cells) => cells,
                        None => return Ok(()),
                    }
                }
            },
        };
        let (_, own) = match &mut self.entitlement {
            Some(known) if known.0 == *id => known,
            known => {
                let own = match self.catalog.entitlement(id.as_str())? {
                    Some(row) => {
                        let cells = cells_of_row(&row, self.snapshot, &mut self.catalog)?;
                        Some(Cells::new(self.formulas, cells.iter().map(String::as_str))?)
                    }
                    None => None,
                };
                known.insert((id.clone(), own))
            }
        };
        match own {
            Some(own) => Cells::push_row([&self.head, identity, own], out),
            None => {
                let (repeated, resource_name) = row.repeated_entitlement()?;
                let cells = entitlement_cells(&repeated, &resource_name);
                let cells = Cells::new(self.formulas, cells.iter().map(String::as_str))?;
                Cells::push_row([&self.head, identity, &cells], out);
            }
        }
        Ok(())
    }

    /// The cells of a principal that is not cached; `None` if it is missing or not a person.
    fn look_up(&mut self, principal: &ResourceId) -> Result<Option<Cells>> {
        let found = match self.catalog.resource(principal)? {
            Some(row) => Some(self.snapshot.decode(&row)?),
            None => None,
        };
        let cells = match &found {
            Some(
                resource @ Resource {
                    user: Some(user), ..
                },
            ) => Some(Cells::new(
                self.formulas,
                identity_cells(resource, user, ""),
            )?),
            _ => None,
        };
        let bytes = self.id.len() + cells.as_ref().map_or(0, Cells::bytes);
        self.others.keep(self.id.clone(), cells.clone(), bytes);
        Ok(cells)
    }
}

/// The last six columns of an entitlement's own row.
fn cells_of_row(
    row: &Row<'_, Entitlement>,
    snapshot: &Snapshot,
    catalog: &mut Catalog<'_>,
) -> Result<[String; 6]> {
    let entitlement = snapshot.decode(row)?;
    // Our own snapshots of version 0.1 have no copy of the resource's name.
    let resource = catalog.resource(&entitlement.resource)?;
    let own_name = match resource {
        Some(row) => snapshot.decode(&row)?.display_name,
        None => Text::default(),
    };
    let name = if own_name.is_empty() {
        row.repeated_resource_name()?
    } else {
        own_name
    };
    Ok(entitlement_cells(&entitlement, &name))
}

fn entitlement_cells(entitlement: &Entitlement, resource_name: &str) -> [String; 6] {
    [
        entitlement.display_name.to_string(),
        entitlement.id.to_string(),
        entitlement.resource.resource_type.to_string(),
        resource_name.to_owned(),
        entitlement.description.to_string(),
        entitlement.slug.to_string(),
    ]
}

/// Last name, first name, user id, status and e-mail. Names and id are the profile keys of that name, the e-mail is the
/// primary address; there are no fallbacks.
fn identity_cells<'r>(
    resource: &'r Resource,
    user: &'r UserTrait,
    status: &'r str,
) -> [&'r str; 5] {
    let text = |key| resource.profile.text(key).unwrap_or_default();
    let email = user.emails.iter().find(|email| email.is_primary);
    [
        text(keys::LAST_NAME),
        text(keys::FIRST_NAME),
        text(keys::USER_ID),
        status,
        email.map_or("", |email| &email.address),
    ]
}

/// A user without a status is enabled; the status of one with an unspecified status is unknown.
fn import_status(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Enabled) | None => "Enabled",
        Some(Status::Disabled) => "Disabled",
        Some(Status::Deleted) => "Deleted",
        Some(Status::Unspecified) => "Unknown",
    }
}
