//! Reads the table of sync runs, and selects the one to show.

use std::path::Path;

use super::columns::{Places, columns_at};
use super::stored::StoredTable;
use crate::model::{SyncId, SyncRun, SyncType};
use crate::snapshot::container::{Pages, Value, of_fault};
use crate::snapshot::error::Error;

/// Reads the sync runs in their table, in the order in which they started.
///
/// # Errors
/// When the table contains an invalid time.
pub(super) fn read(pages: &Pages, table: &StoredTable, path: &Path) -> Result<Vec<SyncRun>, Error> {
    let columns = [
        "sync_id",
        "started_at",
        "ended_at",
        "sync_type",
        "parent_sync_id",
    ];
    let places = Places::named(table, &columns, &["sync_type", "parent_sync_id"])
        .map_err(|damage| Error::damaged(path, damage))?;
    let mut reader = table.reader(pages);
    let mut runs = Vec::new();
    for position in table.all_positions(pages) {
        let position = position.map_err(|fault| of_fault(path, fault))?;
        let row = columns_at(path, position, table, &places, &mut reader)?;
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
    }
    runs.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
    Ok(runs)
}

/// The sync run to show among those of the snapshot at `path`: see `Snapshot::sync_run`.
///
/// # Errors
/// When there is none.
pub(super) fn shown(runs: Vec<SyncRun>, id: Option<&str>, path: &Path) -> Result<SyncRun, Error> {
    let unfinished = runs.iter().filter(|run| run.ended_at.is_none()).count();
    let finished = runs.into_iter().filter(|run| run.ended_at.is_some());
    match id {
        Some(id) => finished
            .into_iter()
            .find(|run| run.id.as_str() == id)
            .ok_or_else(|| Error::NoSuchSync {
                path: path.to_owned(),
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
                path: path.to_owned(),
                unfinished,
            }),
    }
}
