//! Checks the rows of a sync run while their tables are surveyed, and counts and digests them if that is wanted, so that
//! reading them later need not repeat it. This works if the rows are stored in the order of their ids, as this program writes
//! them.

use std::path::Path;

use super::blocks::Blocks;
use super::columns::{Places, Readable, RowColumns, TextCache};
use super::counts::Counts;
use super::judgement::judge;
use super::runs;
use super::stored::{FoundRow, Start, StoredTable};
use crate::model::{Entitlement, Grant, Resource, ResourceType, RowKind};
use crate::snapshot::container::{Pages, StoredRow};
use crate::snapshot::table::{ContentDigest, Digester, Row};

/// Bytes of records that are digested at a time.
const RECORD_BYTES: usize = 64 << 10;

/// What is known about all rows of a sync run, each of which is valid.
pub(super) struct Summary {
    /// The number of the sync run.
    pub run: u32,
    /// `None` if the rows were only checked.
    pub totals: Option<Totals>,
}

/// What a summary holds beyond the fact that all rows are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Nothing,
    Totals,
    TotalsAndBlocks,
}

/// What is computed from all rows of a sync run.
pub(super) struct Totals {
    pub counts: Counts,
    pub digest: ContentDigest,
    /// Its rows in blocks, if that was wanted and there are not too many.
    pub blocks: Option<Blocks>,
}

/// Makes the summary of the sync run that is shown.
pub(super) struct Summarizer<'a> {
    path: &'a Path,
    /// The id of the sync run; as in [`runs::shown`].
    sync_id: Option<&'a str>,
    run: Option<u32>,
    /// The kind of the last row.
    kind: RowKind,
    /// The columns of each kind, in their order.
    places: Vec<Places>,
    recent: TextCache,
    totals: Option<UnfinishedTotals>,
}

struct UnfinishedTotals {
    counts: Counts,
    digester: Digester,
    /// Records that are not digested yet.
    records: Vec<u8>,
    blocks: Option<Blocks>,
}

/// There will be no summary: the rows have to be read one kind after another, where every reader finds the same problem.
#[derive(Debug)]
pub(super) struct NoSummary;

impl<'a> Summarizer<'a> {
    /// Summarizes the sync run that [`runs::shown`] returns for `sync_id`, of the snapshot at `path`.
    pub(super) fn new(path: &'a Path, sync_id: Option<&'a str>, wanted: Wanted) -> Self {
        let totals = || UnfinishedTotals {
            counts: Counts::default(),
            digester: Digester::new(),
            records: Vec::with_capacity(RECORD_BYTES),
            blocks: (wanted == Wanted::TotalsAndBlocks).then(Blocks::default),
        };
        Self {
            path,
            sync_id,
            run: None,
            kind: RowKind::ResourceType,
            places: Vec::new(),
            recent: TextCache::default(),
            totals: (wanted != Wanted::Nothing).then(totals),
        }
    }

    /// Whether this is faster than checking the rows when several threads read them. For a check alone, that is so if the
    /// unpacking also writes a file: otherwise this thread would be the slower of the two.
    pub(super) fn is_worthwhile(&self, pages: &Pages) -> bool {
        self.totals.is_some() || pages.need_a_file()
    }

    /// Selects the sync run, before any row is added. `number` looks up its number, and `table` the table of a kind.
    pub(super) fn select<'t>(
        &mut self,
        pages: &Pages,
        table_of_runs: &StoredTable,
        number: impl FnOnce(&str) -> Option<u32>,
        table: impl Fn(RowKind) -> &'t StoredTable,
    ) -> Result<(), NoSummary> {
        let places = |kind| {
            let table = table(kind);
            let places = match kind {
                RowKind::ResourceType => Places::of::<ResourceType>(table),
                RowKind::Resource => Places::of::<Resource>(table),
                RowKind::Entitlement => Places::of::<Entitlement>(table),
                RowKind::Grant => Places::of::<Grant>(table),
            };
            places.ok()
        };
        let places = RowKind::ALL.into_iter().map(places);
        self.places = places.collect::<Option<_>>().ok_or(NoSummary)?;
        let all = runs::read(pages, table_of_runs, self.path).map_err(|_| NoSummary)?;
        let shown = runs::shown(all, self.sync_id, self.path).map_err(|_| NoSummary)?;
        self.run = number(shown.id.as_str());
        self.run.map(drop).ok_or(NoSummary)
    }

    /// Adds the next row of this kind. Rows of other sync runs are ignored.
    pub(super) fn add(&mut self, kind: RowKind, found: &FoundRow<'_>) -> Result<(), NoSummary> {
        if self.run != Some(found.run) {
            return Ok(());
        }
        if kind < self.kind {
            return Err(NoSummary);
        }
        self.kind = kind;
        let row = found.row;
        match kind {
            RowKind::ResourceType => self.add_of::<ResourceType>(row, found.start),
            RowKind::Resource => self.add_of::<Resource>(row, found.start),
            RowKind::Entitlement => self.add_of::<Entitlement>(row, found.start),
            RowKind::Grant => self.add_of::<Grant>(row, found.start),
        }
    }

    fn add_of<K: Readable>(&mut self, row: StoredRow<'_>, start: Start) -> Result<(), NoSummary> {
        let columns = RowColumns {
            path: self.path,
            table: K::KIND.table(),
            places: &self.places[K::KIND as usize],
            row,
        };
        let mut row = columns.row::<K>(&mut self.recent).map_err(|_| NoSummary)?;
        let mut needs_other_rows = false;
        let judged = judge(&row, |_| {
            needs_other_rows = true;
            Ok(None)
        });
        let judged = judged.map_err(|_| NoSummary)?;
        if needs_other_rows || judged.problem().is_some() {
            return Err(NoSummary);
        }
        row.own_form = judged.own_form;
        match &mut self.totals {
            Some(totals) => totals.add(&row, start),
            None => Ok(()),
        }
    }

    /// The summary of all rows that were added.
    pub(super) fn finish(self) -> Result<Summary, NoSummary> {
        Ok(Summary {
            run: self.run.ok_or(NoSummary)?,
            totals: self.totals.map(UnfinishedTotals::finish).transpose()?,
        })
    }
}

impl UnfinishedTotals {
    fn add<K: Readable>(&mut self, row: &Row<'_, K>, start: Start) -> Result<(), NoSummary> {
        self.counts.add(row);
        let before = self.records.len();
        row.record(&mut self.records);
        if let Some(blocks) = &mut self.blocks {
            blocks.add(K::KIND, &row.id, &self.records[before..], start);
        }
        if self.records.len() < RECORD_BYTES {
            Ok(())
        } else {
            self.flush()
        }
    }

    fn flush(&mut self) -> Result<(), NoSummary> {
        self.digester.record(&self.records);
        self.records.clear();
        self.counts.check().map_err(|_| NoSummary)
    }

    fn finish(mut self) -> Result<Totals, NoSummary> {
        self.flush()?;
        Ok(Totals {
            counts: self.counts,
            digest: self.digester.finish(),
            blocks: self.blocks.and_then(Blocks::finished),
        })
    }
}
