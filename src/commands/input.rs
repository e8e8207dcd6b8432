//! The snapshot and the sync run that a command reads.

use std::path::PathBuf;

use anyhow::Result;

use crate::model::SyncRun;
use crate::progress::{Event, Reporter};
use crate::snapshot::{Overview, ReadOptions, Snapshot};

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

    /// Reads what the file says as a whole.
    pub(super) fn overview(&self) -> Result<Overview> {
        Ok(Overview::read(
            &self.path,
            &self.options,
            self.sync_id.as_deref(),
        )?)
    }

    /// Opens the file and selects the sync run, whose content digest is computed on the way.
    pub(super) fn open_summarized(&self) -> Result<(Snapshot, SyncRun)> {
        let sync_id = self.sync_id.as_deref();
        self.with_run(Snapshot::open_summarized(
            &self.path,
            &self.options,
            sync_id,
        )?)
    }

    /// Opens the file and selects the sync run, whose rows are checked on the way: for commands that read all of them.
    pub(super) fn open_checked(&self) -> Result<(Snapshot, SyncRun)> {
        let sync_id = self.sync_id.as_deref();
        self.with_run(Snapshot::open_checked(&self.path, &self.options, sync_id)?)
    }

    /// Opens the file such that the sync run can be compared with one of another file.
    pub(super) fn open_for_comparison(&self) -> Result<Snapshot> {
        let sync_id = self.sync_id.as_deref();
        Ok(Snapshot::open_for_comparison(
            &self.path,
            &self.options,
            sync_id,
        )?)
    }

    /// Opens the file and selects the sync run.
    pub(super) fn open_sync(&self) -> Result<(Snapshot, SyncRun)> {
        self.with_run(self.open()?)
    }

    fn with_run(&self, snapshot: Snapshot) -> Result<(Snapshot, SyncRun)> {
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
