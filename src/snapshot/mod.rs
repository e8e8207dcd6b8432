#![doc = include_str!("FORMAT.md")]

mod canonical;
mod container;
mod decode;
mod digest;
mod encode;
mod error;
mod json;
mod limits;
mod messages;
mod order;
mod parallel;
mod proto;
mod query;
mod reader;
mod references;
mod rows;
mod schema;
mod survey;
mod validate;
mod verify;
mod wire;
mod writer;

use std::io::Write;
use std::path::{Path, PathBuf};

use svix_ksuid::Ksuid;

use crate::files::{self, Temporary};
use crate::model::{Evidence, Inventory, SyncId, SyncRun, Timestamp};
use crate::progress::Reporter;

pub use digest::{ContentDigest, Digester, RowKind};
pub use error::{Damage, Error};
pub use limits::Limits;
pub use parallel::{BackgroundRows, Batch, Maker};
pub use query::{Counts, Filter, Lookup, Rows};
pub use reader::Snapshot;
pub use rows::{BadBlob, Columns, Decoded, Row};
pub use verify::{Finding, verify};

/// Under which id our evidence stands among the assets.
const EVIDENCE_ASSET: &str = "posthog-c1z:evidence";
const EVIDENCE_CONTENT_TYPE: &str = "application/json";

/// Seconds from 1970 to the KSUID epoch.
const KSUID_EPOCH: i64 = 1_400_000_000;

/// A new id for a sync run that starts at `at`: a KSUID, so its first characters sort by time.
pub fn new_sync_id(at: Timestamp) -> SyncId {
    let seconds = (at.unix_seconds() - KSUID_EPOCH).clamp(0, i64::from(u32::MAX));
    SyncId::new(Ksuid::new_raw(u32::try_from(seconds).unwrap_or(u32::MAX), None).to_string())
}

/// What goes into one snapshot.
#[derive(Clone, Copy)]
pub struct Contents<'a> {
    /// The one sync run of the file.
    pub sync_run: &'a SyncRun,
    /// Its rows.
    pub inventory: &'a Inventory,
    /// What the crawl can prove; the writer adds the content digest.
    pub evidence: Option<&'a Evidence>,
}

/// Where a snapshot goes.
pub enum Target<'a> {
    /// A file, replaced in one step, with this Unix mode.
    File {
        /// Where.
        path: &'a Path,
        /// Permission bits, such as `0o600`.
        mode: u32,
    },
    /// A stream.
    Stream(&'a mut dyn Write),
}

/// A compressed file, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file, in hexadecimal.
    pub sha256: String,
    /// The size of the database inside, in bytes.
    pub decoded_bytes: u64,
}

/// Writes one finished snapshot, or leaves everything as it was. The database is built in `temp_dir` (else beside the
/// target, else in the system's folder) in a file that has no name, so nothing stays behind however the run ends.
///
/// # Errors
/// What the disk or SQLite refuses.
pub fn write(
    target: Target<'_>,
    contents: &Contents<'_>,
    temp_dir: Option<&Path>,
    reporter: &dyn Reporter,
) -> Result<(Written, ContentDigest), Error> {
    let system = std::env::temp_dir();
    let dir = match (&target, temp_dir) {
        (_, Some(dir)) => dir,
        (Target::File { path, .. }, None) => files::folder(path),
        (Target::Stream(_), None) => &system,
    };
    let database = Temporary::create_in(dir).map_err(Error::io(error::BUILDING, dir))?;
    let building = Error::building(dir);
    let connection = writer::open(database.path(), dir).map_err(&building)?;
    let mut database = database.into_unnamed();
    let digest = writer::write(connection, contents, reporter).map_err(&building)?;
    let written = match target {
        Target::File { path, mode } => files::replace(path, mode, |file| {
            container::compress(&mut database, file, reporter).map_err(Error::io("writing", path))
        }),
        Target::Stream(out) => container::compress(&mut database, out, reporter)
            .map_err(Error::io("writing", Path::new("standard output"))),
    }?;
    Ok((written, digest))
}

/// Copies a finished snapshot to `to`, replacing what is there in one step.
///
/// # Errors
/// What the disk refuses.
pub fn copy(from: &Path, to: &Path, mode: u32) -> Result<(), Error> {
    let mut source = std::fs::File::open(from).map_err(Error::io("reading", from))?;
    files::replace(to, mode, |file| {
        std::io::copy(&mut source, file).map_err(Error::io("writing", to))?;
        Ok(())
    })
}

/// Where a decoded database goes while it is read, unless it is small, and how large it may be.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Bounds on what is decoded.
    pub limits: Limits,
    /// The folder for the decoded database; the system's if none is named.
    pub temp_dir: Option<PathBuf>,
}
