//! An open snapshot: any v1 or v3 file, whichever connector wrote it.
//!
//! The file is not trusted. It is unpacked within limits, its pages are surveyed once, and rows are read from them;
//! nothing in it is run. Unknown columns and fields are ignored; what an older writer did not write is absent.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::stored::{Chunk, StoredTable};
use super::summary::{Summarizer, Summary, Totals, Wanted};
use super::survey::Survey;
use super::v3;
use crate::model::{EntitlementId, ResourceId, RowKind, SyncId};
use crate::snapshot::container::{self, Access, Fault, Keep, Opened, Pages, Unpacked};
use crate::snapshot::error::{Damage, Error};
use crate::snapshot::limits::Limits;

/// Options for reading: limits, and the folder for the decoded database unless it is small.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Limits on decoding.
    pub limits: Limits,
    /// The folder for the decoded database; the system's folder for temporary files if `None`.
    pub temp_dir: Option<PathBuf>,
}

/// The resource that each entitlement of a sync run is on, by the entitlement's id.
pub(super) type EntitlementResources = HashMap<EntitlementId, ResourceId>;

/// The format of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A SQLite database in zstd frames.
    V1,
    /// The files of a Pebble database.
    V3,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V3 => "v3",
        })
    }
}

/// An open snapshot file. It is never written to. Any number of threads can read it at the same time.
pub struct Snapshot {
    pub(in crate::snapshot) pages: Pages,
    pub(in crate::snapshot) survey: Survey,
    /// Cached for the sync runs that were used last; read when a grant needs them.
    pub(super) entitlement_resources: Mutex<Vec<(SyncId, Result<EntitlementResources, Damage>)>>,
    pub(super) path: PathBuf,
    /// The format of the file.
    pub format: Format,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Size of the database inside, or of its files, in bytes.
    pub decoded_bytes: u64,
}

impl Snapshot {
    /// Unpacks and opens the c1z at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is not a c1z that this program knows, exceeds the limits, or is damaged.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, Error> {
        Self::open_with(path, options, Keep::Tables)
    }

    /// Opens a snapshot with or without index pages, which only `verify` needs.
    pub(in crate::snapshot) fn open_with(
        path: &Path,
        options: &ReadOptions,
        keep: Keep,
    ) -> Result<Self, Error> {
        Self::read_repeatedly(path, options, keep, None)
    }

    /// Opens a snapshot, and checks the rows of a sync run in the same pass: the one that [`sync_run`](Self::sync_run) returns for
    /// `sync_id`. Meant for callers that read all rows. If checking now is not faster, each row is checked when it is read. If
    /// the digest is needed too, use [`open_summarized`](Self::open_summarized): checked rows take longer to digest.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_checked(
        path: &Path,
        options: &ReadOptions,
        sync_id: Option<&str>,
    ) -> Result<Self, Error> {
        Self::open_with_summary(path, options, sync_id, Wanted::Nothing)
    }

    /// Opens a snapshot, and counts, checks and digests the rows of a sync run in the same pass: the one that
    /// [`sync_run`](Self::sync_run) returns for `sync_id`. Costs less than reading them once more.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_summarized(
        path: &Path,
        options: &ReadOptions,
        sync_id: Option<&str>,
    ) -> Result<Self, Error> {
        Self::open_with_summary(path, options, sync_id, Wanted::Totals)
    }

    /// Opens a snapshot as [`open_summarized`](Self::open_summarized) does, such that the sync run can be compared with one of
    /// another snapshot without reading what they have in common.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_for_comparison(
        path: &Path,
        options: &ReadOptions,
        sync_id: Option<&str>,
    ) -> Result<Self, Error> {
        Self::open_with_summary(path, options, sync_id, Wanted::TotalsAndBlocks)
    }

    fn open_with_summary(
        path: &Path,
        options: &ReadOptions,
        sync_id: Option<&str>,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        let summarizer = Summarizer::new(path, sync_id, wanted);
        Self::read_repeatedly(path, options, Keep::Tables, Some(summarizer))
    }

    /// Opens a snapshot whose rows are summarized and dropped; `None` if that is not possible.
    pub(super) fn read_once(
        path: &Path,
        options: &ReadOptions,
        sync_id: Option<&str>,
    ) -> Result<Option<Self>, Error> {
        let summarizer = Some(Summarizer::new(path, sync_id, Wanted::Totals));
        Self::read(path, options, Keep::Tables, Access::Once, summarizer)
    }

    fn read_repeatedly(
        path: &Path,
        options: &ReadOptions,
        keep: Keep,
        summarizer: Option<Summarizer<'_>>,
    ) -> Result<Self, Error> {
        let opened = Self::read(path, options, keep, Access::Repeated, summarizer)?;
        // Only pages that are read once are ever abandoned.
        opened.ok_or_else(|| Error::io("reading", path)(io::ErrorKind::Other.into()))
    }

    /// Unpacks and surveys a snapshot; `None` if it cannot be read only once.
    fn read(
        path: &Path,
        options: &ReadOptions,
        keep: Keep,
        access: Access,
        summarizer: Option<Summarizer<'_>>,
    ) -> Result<Option<Self>, Error> {
        let system = std::env::temp_dir();
        let dir = options.temp_dir.as_deref().unwrap_or(&system);
        let limits = &options.limits;
        let (format, pages, survey, bytes, decoded_bytes) =
            match container::open(path, dir, limits)? {
                Opened::V1(packed) => {
                    let bytes = packed.bytes;
                    let survey = |pages: &Pages| Survey::of(pages, dir, access, summarizer);
                    let Some(unpacked) = packed.unpack(keep, access, survey)? else {
                        return Ok(None);
                    };
                    let Unpacked {
                        pages,
                        result,
                        decoded_bytes,
                    } = unpacked;
                    (Format::V1, pages, result, bytes, decoded_bytes)
                }
                Opened::V3(files) => {
                    let pages = v3::convert(&files, dir, limits, keep)?;
                    let survey = Survey::of(&pages, dir, Access::Repeated, summarizer)
                        .map_err(|fault| container::of_fault(path, fault))?;
                    (
                        Format::V3,
                        pages,
                        survey,
                        files.bytes,
                        files.decoded_bytes(),
                    )
                }
            };
        Ok(Some(Self {
            pages,
            survey,
            entitlement_resources: Mutex::default(),
            path: path.to_owned(),
            format,
            bytes,
            decoded_bytes,
        }))
    }

    /// The summary of a sync run, if it was made when the snapshot was opened.
    pub(super) fn summary(&self, sync: &SyncId) -> Option<&Summary> {
        let run = self.survey.run(sync.as_str())?;
        let summary = self.survey.summary.as_ref()?;
        (summary.run == run).then_some(summary)
    }

    /// The totals of a sync run, if they were computed when the snapshot was opened.
    pub(super) fn totals(&self, sync: &SyncId) -> Option<&Totals> {
        self.summary(sync)?.totals.as_ref()
    }

    /// A table of the c1z; `None` if the file does not have it.
    ///
    /// # Errors
    /// When it is not a plain table, or its rows cannot be relied on.
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

    pub(in crate::snapshot) fn damaged(&self, damage: Damage) -> Error {
        Error::damaged(&self.path, damage)
    }

    pub(in crate::snapshot) fn fault(&self, fault: Fault) -> Error {
        container::of_fault(&self.path, fault)
    }
}
