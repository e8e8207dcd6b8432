//! The sync runs of a snapshot, and the one to show.

use super::columns::{Places, RowColumns};
use super::open::Snapshot;
use super::survey::SYNC_RUNS;
use crate::model::{SyncId, SyncRun, SyncType};
use crate::snapshot::container::Value;
use crate::snapshot::error::Error;

impl Snapshot {
    /// All sync runs, in the order in which they started.
    ///
    /// # Errors
    /// When the table is missing, or contains an invalid time.
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
                // The defaults of the columns, which were added later than the table.
                sync_type: SyncType::from_text(row.optional_short_text(3)?.unwrap_or("full")),
                started_at: row.time(1)?,
                ended_at,
                states_offset: row.states_offset(1) && (ended_at.is_none() || row.states_offset(2)),
                parent_id: row.optional_short_text(4)?.unwrap_or_default().to_owned(),
            });
            Ok(())
        })?;
        runs.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        Ok(runs)
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

    /// The sync run to show: the finished one with this id, if given; else the newest finished full one, else the
    /// newest finished one of any type.
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
        let row = self.columns_at(position, table, &places, &mut reader)?;
        Ok(row.optional_text(1)?.map(ToOwned::to_owned))
    }
}
