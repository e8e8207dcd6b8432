//! An open snapshot: any v1 file, whichever connector wrote it.
//!
//! The file is not trusted. It is unpacked within limits, its pages are surveyed once, and rows are read from them;
//! nothing in it is run. Columns and fields that are not known are passed over; what an older writer left out is taken as
//! absent.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::container::{self, Fault, Keep, Pages, RowReader, Unpacked, Value};
use super::digest::{ContentDigest, Digester, RowKind};
use super::error::READING_UNPACKED;
use super::limits::{MAX_EVIDENCE_SENTENCES, MAX_EVIDENCE_VALUES};
use super::order::Position;
use super::parallel::Batch;
use super::query::{Counts, Filter};
use super::rows::{Columns, Decoded, Places, Row, RowColumns, row_damage};
use super::survey::{Chunk, SYNC_RUNS, StoredTable, Survey, TOO_LONG};
use super::{Damage, EVIDENCE_ASSET, Error, ReadOptions};
use crate::model::{
    Defect, EntitlementId, Evidence, Inventory, InventoryBuilder, ResourceId, SyncId, SyncRun,
    SyncType,
};

/// The resource that each entitlement of a sync run is on, by the entitlement's id.
type EntitlementResources = HashMap<EntitlementId, ResourceId>;

/// An open snapshot file. Nothing is ever written to it. Any number of threads can read it at once.
pub struct Snapshot {
    pub(super) pages: Pages,
    pub(super) survey: Survey,
    /// Of the sync runs that were asked about last; read when a grant needs them.
    entitlement_resources: Mutex<Vec<(SyncId, Result<EntitlementResources, Damage>)>>,
    pub(super) path: PathBuf,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Size of the database inside, in bytes.
    pub decoded_bytes: u64,
}

impl Snapshot {
    /// Unpacks and opens the c1z at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is not a c1z of format v1, exceeds the limits, or is damaged.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, Error> {
        Self::open_with(path, options, Keep::Tables)
    }

    /// The same, with or without the pages that only `verify` looks at.
    pub(super) fn open_with(path: &Path, options: &ReadOptions, keep: Keep) -> Result<Self, Error> {
        let system = std::env::temp_dir();
        let dir = options.temp_dir.as_deref().unwrap_or(&system);
        let Unpacked {
            database,
            bytes,
            decoded_bytes,
        } = container::decompress(path, dir, &options.limits, keep)?;
        let fault = |fault| of_fault(path, fault);
        let pages = Pages::open(database, decoded_bytes).map_err(fault)?;
        let survey = Survey::of(&pages, dir).map_err(fault)?;
        Ok(Self {
            pages,
            survey,
            entitlement_resources: Mutex::default(),
            path: path.to_owned(),
            bytes,
            decoded_bytes,
        })
    }

    /// All sync runs, in the order they began.
    ///
    /// # Errors
    /// When the table is missing, or a time in it is not one.
    pub fn sync_runs(&self) -> Result<Vec<SyncRun>, Error> {
        let mut runs = Vec::new();
        let columns = [
            "sync_id",
            "started_at",
            "ended_at",
            "sync_type",
            "parent_sync_id",
        ];
        self.for_each_sync_run(&columns, &["sync_type", "parent_sync_id"], |row| {
            let ended_at = match row.value(2) {
                Value::Null => None,
                _ => Some(row.time(2)?),
            };
            runs.push(SyncRun {
                id: SyncId::new(row.short_text(0)?),
                // The defaults are those of the columns, which came later than the table.
                sync_type: SyncType::from_text(row.optional_short_text(3)?.unwrap_or("full")),
                started_at: row.time(1)?,
                ended_at,
                parent_id: row.optional_short_text(4)?.unwrap_or_default().to_owned(),
            });
            Ok(())
        })?;
        runs.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        Ok(runs)
    }

    fn for_each_sync_run(
        &self,
        columns: &[&'static str],
        optional: &[&str],
        mut visit: impl FnMut(&RowColumns<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let table = self.table(SYNC_RUNS)?;
        let places = Places::named(table, columns, optional).map_err(|d| self.damaged(d))?;
        let mut reader = table.reader(&self.pages);
        for position in table.all_positions(&self.pages) {
            let position = position.map_err(|fault| self.fault(fault))?;
            visit(&self.columns_at(position, table, &places, &mut reader)?)?;
        }
        Ok(())
    }

    /// The columns of the row at `position`.
    pub(super) fn columns_at<'r>(
        &'r self,
        position: Position,
        table: &StoredTable,
        places: &'r Places,
        reader: &'r mut RowReader<'_>,
    ) -> Result<RowColumns<'r>, Error> {
        let row = reader
            .row(position.page, position.cell.into())
            .map_err(|fault| self.fault(fault))?
            .ok_or_else(|| row_damage(&self.path, table.name, "", TOO_LONG.to_owned()))?;
        Ok(RowColumns {
            path: &self.path,
            table: table.name,
            places,
            row,
        })
    }

    /// The sync run to show: the one of this id, else the latest finished full one, else the latest finished one of
    /// any type. An unfinished one is never shown.
    ///
    /// # Errors
    /// When there is none.
    pub fn sync_run(&self, id: Option<&str>) -> Result<SyncRun, Error> {
        let runs = self.sync_runs()?;
        let unfinished = runs.iter().filter(|run| run.ended_at.is_none()).count();
        let finished = runs.into_iter().filter(|run| run.ended_at.is_some());
        match id {
            Some(id) => finished
                .into_iter()
                .find(|run| run.id.as_str() == id)
                .ok_or_else(|| Error::NoSuchSync {
                    path: self.path.clone(),
                    id: id.to_owned(),
                }),
            None => finished
                .max_by_key(|run| {
                    (
                        run.sync_type == SyncType::Full,
                        run.ended_at,
                        run.id.clone(),
                    )
                })
                .ok_or_else(|| Error::NoFinishedSync {
                    path: self.path.clone(),
                    unfinished,
                }),
        }
    }

    /// The text of a sync run's `stats` column, which readers of the SDK believe; `None` if the column or its value
    /// is absent.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn stats_column(&self, sync: &SyncId) -> Result<Option<String>, Error> {
        let table = self.table(SYNC_RUNS)?;
        let places = Places::named(table, &["sync_id", "stats"], &["stats"])
            .map_err(|damage| self.damaged(damage))?;
        let Some(position) = self.survey.run_position(sync.as_str()) else {
            return Ok(None);
        };
        let mut reader = table.reader(&self.pages);
        let row = self.columns_at(position, table, &places, &mut reader)?;
        Ok(row.optional_text(1)?.map(ToOwned::to_owned))
    }

    /// All rows of a sync run.
    ///
    /// # Errors
    /// When a row is damaged or a reference dangles.
    pub fn inventory(&self, sync: &SyncId) -> Result<Inventory, Error> {
        let mut found = InventoryBuilder::default();
        for kind in RowKind::ALL {
            let mut rows = self.rows(kind, sync, Filter::EVERYTHING)?;
            while let Some(row) = rows.next_row()? {
                self.add(&row, &mut found)?;
            }
        }
        found.finish().map_err(|defects| {
            let first = defects.first().map(Defect::to_string).unwrap_or_default();
            Error::damaged(&self.path, Damage::Schema(first))
        })
    }

    /// A row of this file in the words of the model.
    ///
    /// # Errors
    /// When its blob is not a valid message.
    pub fn decode(&self, row: &Row<'_>) -> Result<Decoded, Error> {
        row.decode()
            .map_err(|problem| row_damage(&self.path, row.table, &row.id, problem.to_string()))
    }

    fn add(&self, row: &Row<'_>, found: &mut InventoryBuilder) -> Result<(), Error> {
        match self.decode(row)? {
            Decoded::ResourceType(decoded) => found.add_resource_type(decoded),
            Decoded::Resource(decoded) => {
                found.add_resource(*decoded);
            }
            Decoded::Entitlement(decoded) => found.add_entitlement(decoded),
            Decoded::Grant(decoded) => found.add_grant(decoded),
        }
        Ok(())
    }

    /// The content digest of a sync run, from its rows.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn content_digest(&self, sync: &SyncId) -> Result<ContentDigest, Error> {
        Ok(self.counts_and_digest(sync)?.1)
    }

    /// How many rows of which type a sync run has, in one pass over all of them.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn counts(&self, sync: &SyncId) -> Result<Counts, Error> {
        self.count_rows(
            sync,
            |rows, counts| {
                while let Some(row) = rows.next_row(0) {
                    counts.add(&row);
                }
            },
            |()| {},
        )
    }

    /// How many rows of which type a sync run has, and their content digest, in one pass over all of them.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn counts_and_digest(&self, sync: &SyncId) -> Result<(Counts, ContentDigest), Error> {
        let mut digester = Digester::new();
        let counts = self.count_rows(
            sync,
            |rows, counts| {
                let mut records = Vec::new();
                while let Some(row) = rows.next_row(records.len()) {
                    counts.add(&row);
                    row.record(&mut records);
                }
                records
            },
            |records| digester.record(&records),
        )?;
        Ok((counts, digester.finish()))
    }

    /// Counts all rows of a sync run. `make` counts a batch and may make something of it, which `take` gets in the order of
    /// kinds and ids.
    fn count_rows<T: Send>(
        &self,
        sync: &SyncId,
        make: impl Fn(&mut Batch<'_, '_>, &mut Counts) -> T + Sync,
        mut take: impl FnMut(T),
    ) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        let make = &make;
        for kind in RowKind::ALL {
            self.batches(
                kind,
                sync,
                Filter::EVERYTHING,
                |_| {
                    Ok(Box::new(|rows| {
                        let mut counts = Counts::default();
                        let made = make(rows, &mut counts);
                        Ok((counts, made))
                    }))
                },
                |(some, made)| {
                    counts += some;
                    take(made);
                    counts.check().map_err(|damage| self.damaged(damage))
                },
            )?;
        }
        Ok(counts)
    }

    /// What the crawl wrote about itself, in files of our own.
    ///
    /// # Errors
    /// When the row cannot be read, or holds more than is read. A document that we cannot understand is `None`.
    pub fn evidence(&self, sync: &SyncId) -> Result<Option<Evidence>, Error> {
        let Some(table) = self.find_table("v1_assets")? else {
            return Ok(None);
        };
        let places =
            Places::named(table, &["external_id", "data"], &[]).map_err(|d| self.damaged(d))?;
        let mut reader = table.reader(&self.pages);
        for chunk in table.chunks(self.survey.run(sync.as_str())) {
            let mut positions = table.positions(*chunk);
            while let Some(position) = positions
                .next(table, &mut reader)
                .map_err(|fault| self.fault(fault))?
            {
                let columns = self.columns_at(position, table, &places, &mut reader)?;
                if columns.value(0) == Value::Text(EVIDENCE_ASSET.as_bytes()) {
                    let Value::Blob(data) = columns.value(1) else {
                        return Err(columns.wrong(1, "does not hold a blob"));
                    };
                    return self.parse_evidence(data);
                }
            }
        }
        Ok(None)
    }

    fn parse_evidence(&self, data: &[u8]) -> Result<Option<Evidence>, Error> {
        let too_large = || {
            let problem = "its evidence holds more than that of any crawl".to_owned();
            self.damaged(Damage::Limit(problem))
        };
        // Each comma may stand for a value of its own, which takes many times its text.
        if data.iter().filter(|byte| **byte == b',').count() > MAX_EVIDENCE_VALUES {
            return Err(too_large());
        }
        let evidence = serde_json::from_slice(data)
            .ok()
            .filter(Evidence::is_understood);
        match &evidence {
            Some(Evidence {
                unproved, warnings, ..
            }) if unproved.len().max(warnings.len()) > MAX_EVIDENCE_SENTENCES => Err(too_large()),
            _ => Ok(evidence),
        }
    }

    /// A table of the c1z; `None` if the file does not have it.
    ///
    /// # Errors
    /// When it is not a plain table, or none of its rows can be relied on.
    pub(super) fn find_table(&self, name: &'static str) -> Result<Option<&StoredTable>, Error> {
        self.survey
            .table(name)
            .map_err(|damage| self.damaged(damage))
    }

    /// A table of the c1z that readers need.
    pub(super) fn table(&self, name: &'static str) -> Result<&StoredTable, Error> {
        self.find_table(name)?
            .ok_or_else(|| self.damaged(Damage::Schema(format!("it has no plain table `{name}`"))))
    }

    /// Where the rows of one kind are.
    pub(super) fn chunks(&self, kind: RowKind, sync: &SyncId) -> Result<&[Chunk], Error> {
        let table = self.table(kind.table())?;
        Ok(table.chunks(self.survey.run(sync.as_str())))
    }

    /// The resource that an entitlement is on, by its own row; `None` if it has none.
    ///
    /// # Errors
    /// When a row of the entitlements is damaged.
    pub(super) fn resource_of(
        &self,
        entitlement: &EntitlementId,
        sync: &SyncId,
    ) -> Result<Option<ResourceId>, Error> {
        let mut known = self
            .entitlement_resources
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|(run, _)| run == sync) {
            // Two runs of one file may be compared.
            known.truncate(1);
            known.insert(0, (sync.clone(), self.read_entitlement_resources(sync)?));
        }
        let resources = known.iter().find(|(run, _)| run == sync);
        match resources {
            Some((_, Ok(resources))) => Ok(resources.get(entitlement).cloned()),
            Some((_, Err(damage))) => Err(self.damaged(damage.clone())),
            None => Ok(None),
        }
    }

    /// The resource of every entitlement of a sync run, or how one of them is damaged.
    fn read_entitlement_resources(
        &self,
        sync: &SyncId,
    ) -> Result<Result<EntitlementResources, Damage>, Error> {
        let mut resources = EntitlementResources::new();
        let mut rows = self.rows(RowKind::Entitlement, sync, Filter::EVERYTHING)?;
        loop {
            match rows.next_row() {
                Ok(None) => return Ok(Ok(resources)),
                Ok(Some(row)) => {
                    if let Columns::Entitlement { resource } = &row.columns {
                        resources.insert(EntitlementId::new(&*row.id), resource.clone());
                    }
                }
                Err(Error::Damaged { damage, .. }) => return Ok(Err(damage)),
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn damaged(&self, damage: Damage) -> Error {
        Error::damaged(&self.path, damage)
    }

    pub(super) fn fault(&self, fault: Fault) -> Error {
        of_fault(&self.path, fault)
    }
}

fn of_fault(path: &Path, fault: Fault) -> Error {
    match fault {
        Fault::Io(source) => Error::io(READING_UNPACKED, path)(source),
        Fault::Damage(problem) => Error::damaged(path, Damage::Database(problem)),
    }
}
