//! Questions to a snapshot: rows of one kind in the order of their ids, rows by id, and counts.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use super::container::RowReader;
use super::digest::RowKind;
use super::limits::MAX_TYPES;
use super::order::Position;
use super::reader::Snapshot;
use super::rows::{Columns, Places, Row, RowColumns, TextCache, row_damage};
use super::survey::{Chunk, ChunkPositions, StoredTable};
use super::{Damage, Error};
use crate::model::{ResourceId, SyncId};

impl Snapshot {
    /// The rows of one kind that fit `filter`, ordered by the bytes of their ids.
    ///
    /// # Errors
    /// When the table is missing, is not a plain table, or cannot be relied on.
    pub fn rows<'s>(
        &'s self,
        kind: RowKind,
        sync: &SyncId,
        filter: &'s Filter,
    ) -> Result<Rows<'s>, Error> {
        let mut rows = Rows::of_chunks(self, kind, sync, filter)?;
        rows.chunks = self.chunks(kind, sync)?.iter();
        Ok(rows)
    }

    /// A way to find rows of one kind by their id.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn lookup(&self, kind: RowKind, sync: &SyncId) -> Result<Lookup<'_>, Error> {
        Lookup::new(self, kind, sync)
    }
}

/// Which rows are wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this resource type; for entitlements and grants it is the type of the entitlement's resource.
    pub resource_type: Option<String>,
    /// Of this resource, `<type>:<id>` or the bare id; for grants the entitlement's resource.
    pub resource: Option<String>,
    /// Of this entitlement.
    pub entitlement: Option<String>,
    /// Held by this principal.
    pub principal: Option<ResourceId>,
}

impl Filter {
    /// All rows.
    pub const EVERYTHING: &'static Self = &Self {
        resource_type: None,
        resource: None,
        entitlement: None,
        principal: None,
    };

    /// Whether a row fits, by its columns.
    ///
    /// # Errors
    /// When a column that decides it is not text.
    fn fits(&self, kind: RowKind, row: &RowColumns<'_>) -> Result<bool, Error> {
        let Self {
            resource_type,
            resource,
            entitlement,
            principal,
        } = self;
        let is = |at: usize, wanted: &Option<String>| match wanted {
            Some(wanted) => row.text(at).map(|text| text == wanted),
            None => Ok(true),
        };
        let is_id = |wanted: &str, resource_type: &str, id: &str| {
            wanted == id
                || wanted
                    .strip_prefix(resource_type)
                    .and_then(|rest| rest.strip_prefix(':'))
                    == Some(id)
        };
        Ok(match kind {
            RowKind::ResourceType => is(0, resource_type)?,
            RowKind::Resource => {
                is(2, resource_type)?
                    && match resource {
                        // The column holds `<type>:<id>`, and in some files the bare id.
                        Some(wanted) => {
                            let (resource_type, id) = (row.text(2)?, row.text(0)?);
                            wanted == id || is_id(id, resource_type, wanted)
                        }
                        None => true,
                    }
            }
            RowKind::Entitlement | RowKind::Grant => {
                let of_entitlement = if kind == RowKind::Grant { 4 } else { 0 };
                is(2, resource_type)?
                    && match resource {
                        Some(wanted) => is_id(wanted, row.text(2)?, row.text(3)?),
                        None => true,
                    }
                    && is(of_entitlement, entitlement)?
                    && match principal {
                        Some(wanted) if kind == RowKind::Grant => {
                            row.text(5)? == wanted.resource_type.as_str()
                                && row.text(6)? == &*wanted.resource
                        }
                        _ => true,
                    }
            }
        })
    }
}

/// Rows of a sync run, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Resource types.
    pub resource_types: u64,
    /// Resources, by type.
    pub resources: BTreeMap<String, u64>,
    /// Entitlements, by the type of their resource.
    pub entitlements: BTreeMap<String, u64>,
    /// Grants, by the type of their entitlement's resource.
    pub grants: BTreeMap<String, u64>,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.resource_types += more.resource_types;
        for (counts, more) in [
            (&mut self.resources, more.resources),
            (&mut self.entitlements, more.entitlements),
            (&mut self.grants, more.grants),
        ] {
            for (resource_type, count) in more {
                *counts.entry(resource_type).or_default() += count;
            }
        }
    }
}

impl Counts {
    /// Counts one row.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        let one = |counts: &mut BTreeMap<String, u64>, of: &ResourceId| match counts
            .get_mut(of.resource_type.as_str())
        {
            Some(count) => *count += 1,
            None => {
                counts.insert(of.resource_type.to_string(), 1);
            }
        };
        match &row.columns {
            Columns::ResourceType => self.resource_types += 1,
            Columns::Resource { id, .. } => one(&mut self.resources, id),
            Columns::Entitlement { resource } => one(&mut self.entitlements, resource),
            Columns::Grant { resource, .. } => one(&mut self.grants, resource),
        }
    }

    /// Whether the rows are of a number of types that is read.
    ///
    /// # Errors
    /// When they are of more.
    pub(super) fn check(&self) -> Result<(), Damage> {
        let types = [&self.resources, &self.entitlements, &self.grants];
        match types.iter().any(|counts| counts.len() > MAX_TYPES) {
            true => Err(Damage::Limit(format!(
                "its rows are of more than {MAX_TYPES} resource types"
            ))),
            false => Ok(()),
        }
    }

    /// What a `stats` column says that the rows do not, in words.
    pub fn differs_from(&self, stats: &str) -> Option<String> {
        let Ok(stats) = serde_json::from_str::<serde_json::Value>(stats) else {
            return Some("it is not JSON".to_owned());
        };
        let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
        let compare = |name: &str, stated: &serde_json::Value, counted: u64| {
            let stated = stated.as_u64().unwrap_or_default();
            (stated != counted).then(|| format!("`{name}` is {stated}, but there are {counted}"))
        };
        let mut found = Vec::new();
        for (name, total, by_type) in [
            ("resources", sum(&self.resources), &self.resources),
            ("entitlements", sum(&self.entitlements), &self.entitlements),
            ("grants", sum(&self.grants), &self.grants),
        ] {
            found.extend(compare(name, &stats[name], total));
            let stated = &stats[format!("{name}_by_resource_type")];
            for (resource_type, counted) in by_type {
                let name = format!("{name} of type {resource_type}");
                found.extend(compare(&name, &stated[resource_type], *counted));
            }
        }
        found.extend(compare(
            "resource_types",
            &stats["resource_types"],
            self.resource_types,
        ));
        (!found.is_empty()).then(|| found.join("; "))
    }
}

/// Finds rows by their id. Keeps the ids in memory, with a few bytes for each row.
pub struct Lookup<'s> {
    rows: Rows<'s>,
    found: HashMap<String, Found>,
}

/// A row to look up.
struct Found {
    position: Position,
    /// Whether it was looked up before and is sound.
    is_checked: bool,
}

impl<'s> Lookup<'s> {
    fn new(snapshot: &'s Snapshot, kind: RowKind, sync: &SyncId) -> Result<Self, Error> {
        let mut rows = snapshot.rows(kind, sync, Filter::EVERYTHING)?;
        let mut found = HashMap::new();
        while let Some(position) = rows.next_position()? {
            let id = rows.cursor.columns_at(position)?.text(0)?.to_owned();
            let unchecked = Found {
                position,
                is_checked: false,
            };
            found.insert(id, unchecked);
        }
        Ok(Self { rows, found })
    }

    /// The row under `id`.
    ///
    /// # Errors
    /// When it is there but is damaged.
    pub fn get(&mut self, id: &str) -> Result<Option<Row<'static>>, Error> {
        let Some(found) = self.found.get_mut(id) else {
            return Ok(None);
        };
        let row = match found.is_checked {
            true => self.rows.unchecked_row_at(found.position),
            false => self.rows.row_at(found.position),
        }?;
        found.is_checked = true;
        Ok(Some(row.into_owned()))
    }
}

/// Rows, one at a time; memory does not grow with their number. Damage to a row ends them.
pub struct Rows<'s> {
    cursor: Cursor<'s>,
    kind: RowKind,
    sync: SyncId,
    filter: &'s Filter,
    chunks: std::slice::Iter<'s, Chunk>,
    chunk: Option<ChunkPositions>,
    recent: TextCache,
}

/// Reads the rows of one table at any position.
struct Cursor<'s> {
    snapshot: &'s Snapshot,
    table: &'s StoredTable,
    places: Places,
    reader: RowReader<'s>,
}

impl Cursor<'_> {
    fn columns_at(&mut self, position: Position) -> Result<RowColumns<'_>, Error> {
        self.snapshot
            .columns_at(position, self.table, &self.places, &mut self.reader)
    }
}

impl<'s> Rows<'s> {
    /// Rows of chunks that are still to be entered.
    pub(super) fn of_chunks(
        snapshot: &'s Snapshot,
        kind: RowKind,
        sync: &SyncId,
        filter: &'s Filter,
    ) -> Result<Self, Error> {
        let table = snapshot.table(kind.table())?;
        Ok(Self {
            cursor: Cursor {
                snapshot,
                table,
                places: Places::of(table, kind).map_err(|damage| snapshot.damaged(damage))?,
                reader: table.reader(&snapshot.pages),
            },
            kind,
            sync: sync.clone(),
            filter,
            chunks: [].iter(),
            chunk: None,
            recent: TextCache::default(),
        })
    }

    /// Goes on with the rows of a chunk.
    pub(super) fn enter(&mut self, chunk: Chunk) {
        self.chunk = Some(self.cursor.table.positions(chunk));
    }

    /// The next row.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, Error> {
        match self.next_position()? {
            Some(position) => self.row_at(position).map(Some),
            None => Ok(None),
        }
    }

    /// The next row as it is, for `verify`: the inner error is about this row alone, and its blob is not looked at.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn next_unchecked(&mut self) -> Result<Option<Result<Row<'_>, Error>>, Error> {
        match self.next_position()? {
            Some(position) => Ok(Some(self.unchecked_row_at(position))),
            None => Ok(None),
        }
    }

    fn unchecked_row_at(&mut self, position: Position) -> Result<Row<'_>, Error> {
        let columns = self.cursor.columns_at(position)?;
        columns.row(self.kind, &mut self.recent)
    }

    /// Where the next row is that fits.
    fn next_position(&mut self) -> Result<Option<Position>, Error> {
        let Cursor {
            snapshot, table, ..
        } = self.cursor;
        loop {
            let Some(chunk) = &mut self.chunk else {
                match self.chunks.next() {
                    Some(chunk) => self.enter(*chunk),
                    None => return Ok(None),
                }
                continue;
            };
            let next = chunk
                .next(table, &mut self.cursor.reader)
                .map_err(|fault| snapshot.fault(fault))?;
            let Some(position) = next else {
                self.chunk = None;
                continue;
            };
            if self.filter == Filter::EVERYTHING
                || self
                    .filter
                    .fits(self.kind, &self.cursor.columns_at(position)?)?
            {
                return Ok(Some(position));
            }
        }
    }

    fn row_at(&mut self, position: Position) -> Result<Row<'_>, Error> {
        let snapshot = self.cursor.snapshot;
        let columns = self.cursor.columns_at(position)?;
        let row = columns.row(self.kind, &mut self.recent)?;
        let judged = row.judge(|entitlement| snapshot.resource_of(entitlement, &self.sync))?;
        match judged.problem() {
            None => Ok(row),
            Some(problem) => Err(row_damage(&snapshot.path, row.table, &row.id, problem)),
        }
    }
}

/// Rows with data of their own, to be kept.
impl Iterator for Rows<'_> {
    type Item = Result<Row<'static>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_row().transpose()?;
        Some(row.map(Row::into_owned))
    }
}
