//! The snapshot and the sync run that a command reads.

use std::path::PathBuf;

use anyhow::Result;

use crate::model::SyncRun;
use crate::progress::{Event, Reporter};
use crate::snapshot::{ReadOptions, Snapshot};

/// A snapshot and a sync run in it.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// The id of the sync run; the newest finished full one if `None`.
    pub sync_id: Option<String>,
    /// Limits on reading.
    pub options: ReadOptions,
}

impl Input {
    /// Opens the file.
    pub(super) fn open(&self) -> Result<Snapshot> {
        Ok(Snapshot::open(&self.path, &self.options)?)
    }

    /// Opens the file and selects the sync run.
    pub(super) fn open_sync(&self) -> Result<(Snapshot, SyncRun)> {
        let snapshot = self.open()?;
        let run = snapshot.sync_run(self.sync_id.as_deref())?;
        Ok((snapshot, run))
    }
}

/// What is unknown in a snapshot that was made without reading roles.
pub(super) const LACKS_ROLES: &str =
    "roles, role memberships, and people who are not in the member list";

/// Returns whether a sync run was made without reading roles; if so, reports what is unknown.
pub(super) fn lacks_roles(
    input: &Input,
    snapshot: &Snapshot,
    run: &SyncRun,
    reporter: &dyn Reporter,
) -> Result<bool> {
    let lacks = snapshot
        .evidence(&run.id)?
        .is_some_and(|evidence| evidence.lacks_roles());
    if lacks {
        reporter.report(Event::Limited {
            message: format!(
                "`{}` was made without reading roles: {LACKS_ROLES} are unknown",
                input.path.display()
            ),
        });
    }
    Ok(lacks)
}
