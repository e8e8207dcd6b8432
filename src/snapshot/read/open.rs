//! An open snapshot: any v1 or v3 file, whichever connector wrote it.
//!
//! The file is not trusted. It is unpacked within limits, its pages are surveyed once, and rows are read from them;
//! nothing in it is run. Unknown columns and fields are ignored; what an older writer did not write is absent.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::columns::{Places, RowColumns, row_damage};
use super::order::Position;
use super::survey::{Chunk, StoredTable, Survey, TOO_LONG};
use super::v3;
use crate::model::{EntitlementId, ResourceId, RowKind, SyncId};
use crate::snapshot::container::{self, Fault, Keep, Opened, Pages, RowReader, Unpacked};
use crate::snapshot::error::{Damage, Error, READING_UNPACKED};
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
        let system = std::env::temp_dir();
        let dir = options.temp_dir.as_deref().unwrap_or(&system);
        let limits = &options.limits;
        let (format, database, length, bytes, decoded_bytes) =
            match container::open(path, dir, limits, keep)? {
                Opened::V1(Unpacked {
                    database,
                    bytes,
                    decoded_bytes,
                }) => (Format::V1, database, decoded_bytes, bytes, decoded_bytes),
                Opened::V3(files) => {
                    let (database, length) = v3::convert(&files, dir, limits, keep)?;
                    let sizes = (files.bytes, files.decoded_bytes());
                    (Format::V3, database, length, sizes.0, sizes.1)
                }
            };
        let fault = |fault| of_fault(path, fault);
        let pages = Pages::open(database, length).map_err(fault)?;
        let survey = Survey::of(&pages, dir).map_err(fault)?;
        Ok(Self {
            pages,
            survey,
            entitlement_resources: Mutex::default(),
            path: path.to_owned(),
            format,
            bytes,
            decoded_bytes,
        })
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
        of_fault(&self.path, fault)
    }
}

fn of_fault(path: &Path, fault: Fault) -> Error {
    match fault {
        Fault::Io(source) => Error::io(READING_UNPACKED, path)(source),
        Fault::Damage(problem) => Error::damaged(path, Damage::Database(problem)),
    }
}
