//! The sync runs of a snapshot, and the one to show.

use super::columns::{Places, columns_at};
use super::open::Snapshot;
use super::runs::{read, shown};
use super::stored::SYNC_RUNS;
use crate::model::{SyncId, SyncRun, SyncType};
use crate::snapshot::error::Error;

impl Snapshot {
    /// All sync runs, in the order in which they started.
    ///
    /// # Errors
    /// When the table is missing, or contains an invalid time.
    pub fn sync_runs(&self) -> Result<Vec<SyncRun>, Error> {
        read(&self.pages, self.table(SYNC_RUNS)?, &self.path)
    }

    /// The finished full sync runs, in the order in which they ended.
    ///
    /// # Errors
    /// As [`Self::sync_runs`].
    pub fn finished_full_runs(&self) -> Result<Vec<SyncRun>, Error> {
        let mut runs = self.sync_runs()?;
        runs.retain(|run| run.ended_at.is_some() && run.sync_type == SyncType::Full);
        runs.sort_by(|a, b| (a.ended_at, &a.id).cmp(&(b.ended_at, &b.id)));
        Ok(runs)
    }

    /// The sync run to show: the finished one with this id, if given; else the newest finished full one, else the
    /// newest finished one of any type.
    ///
    /// # Errors
    /// When there is none.
    pub fn sync_run(&self, id: Option<&str>) -> Result<SyncRun, Error> {
        shown(self.sync_runs()?, id, &self.path)
    }

    /// The text of a sync run's `stats` column, which the SDK's readers trust; `None` if the column or its value is
    /// absent.
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
        let row = columns_at(&self.path, position, table, &places, &mut reader)?;
        Ok(row.optional_text(1)?.map(ToOwned::to_owned))
    }
}
