//! What a snapshot says as a whole, for readers that do not need its rows. If a v1 snapshot stores its rows in the usual order,
//! each page is dropped after use, so it takes neither memory nor disk.

use std::path::Path;

use super::counts::Counts;
use super::open::{Format, ReadOptions, Snapshot};
use crate::model::{Evidence, FoundDocument, SyncId, SyncRun};
use crate::snapshot::error::Error;
use crate::snapshot::table::ContentDigest;

/// A snapshot without its rows, and what is in one of its sync runs.
pub struct Overview {
    /// Its rows must not be read: they may be gone.
    snapshot: Snapshot,
    /// The sync run that was counted.
    pub run: SyncRun,
    /// Its rows by type.
    pub counts: Counts,
    /// The digest of all its rows.
    pub digest: ContentDigest,
}

impl Overview {
    /// Reads the snapshot at `path`, and counts, checks and digests the rows of the sync run that
    /// [`Snapshot::sync_run`] returns for `sync_id`.
    ///
    /// # Errors
    /// When it cannot be read, is not a c1z that this program knows, exceeds the limits, is damaged, or does not have that sync
    /// run.
    pub fn read(path: &Path, options: &ReadOptions, sync_id: Option<&str>) -> Result<Self, Error> {
        // From a pipe, a second attempt would read nothing.
        let read_once = if path.is_file() {
            Snapshot::read_once(path, options, sync_id)?
        } else {
            None
        };
        let snapshot = match read_once {
            Some(snapshot) => snapshot,
            None => Snapshot::open_summarized(path, options, sync_id)?,
        };
        let run = snapshot.sync_run(sync_id)?;
        let (counts, digest) = snapshot.counts_and_digest(&run.id)?;
        Ok(Self {
            snapshot,
            run,
            counts,
            digest,
        })
    }

    /// The format of the file.
    pub fn format(&self) -> Format {
        self.snapshot.format
    }

    /// Size of the file, in bytes.
    pub fn bytes(&self) -> u64 {
        self.snapshot.bytes
    }

    /// Size of the database inside, or of its files, in bytes.
    pub fn decoded_bytes(&self) -> u64 {
        self.snapshot.decoded_bytes
    }

    /// As [`Snapshot::sync_runs`].
    ///
    /// # Errors
    /// As there.
    pub fn sync_runs(&self) -> Result<Vec<SyncRun>, Error> {
        self.snapshot.sync_runs()
    }

    /// As [`Snapshot::stats_column`].
    ///
    /// # Errors
    /// As there.
    pub fn stats_column(&self) -> Result<Option<String>, Error> {
        self.snapshot.stats_column(&self.run.id)
    }

    /// As [`Snapshot::evidence`].
    ///
    /// # Errors
    /// As there.
    pub fn evidence(&self, sync: &SyncId) -> Result<Option<Evidence>, Error> {
        self.snapshot.evidence(sync)
    }

    /// As [`Snapshot::organization`].
    ///
    /// # Errors
    /// As there.
    pub fn organization(&self) -> Result<FoundDocument, Error> {
        self.snapshot.organization(&self.run.id)
    }
}
