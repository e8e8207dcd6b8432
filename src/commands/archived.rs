//! A snapshot of an archive that a rule of retention may remove. A file name proves nothing, so each file is opened, and
//! what is in doubt about it keeps it.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::files;
use crate::model::{OrganizationEvidence, RetentionRule, SyncId, SyncType, Timestamp};
use crate::snapshot::{Error, ReadOptions, Snapshot};

/// A finished snapshot that this program took.
pub(super) struct Archived {
    pub(super) path: PathBuf,
    pub(super) organization: OrganizationEvidence,
    /// The newest finished full sync run.
    pub(super) sync_id: SyncId,
    /// When that sync run ended, in UTC.
    pub(super) captured_at: Timestamp,
    /// Identifies the file that was opened.
    found: Metadata,
}

/// Why a file is neither counted nor removed, as a sentence without a full stop.
pub(super) type Left = String;

impl Archived {
    /// Opens the file at `path`, without following a link.
    ///
    /// # Errors
    /// When the machine fails to read it.
    pub(super) fn open(
        path: &Path,
        now: Timestamp,
        options: &ReadOptions,
    ) -> Result<Result<Self, Left>> {
        let found = match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => found,
            Ok(found) if found.is_symlink() => return Ok(Err("it is a symbolic link".to_owned())),
            Ok(_) => return Ok(Err("it is not a regular file".to_owned())),
            Err(error) => return Ok(Err(format!("it cannot be read: {error}"))),
        };
        match Self::read(path, found, now, options) {
            Ok(result) => Ok(result),
            Err(error) => Ok(Err(why_unreadable(path, error)?)),
        }
    }

    fn read(
        path: &Path,
        found: Metadata,
        now: Timestamp,
        options: &ReadOptions,
    ) -> Result<Result<Self, Left>, Error> {
        let snapshot = Snapshot::open(path, options)?;
        let runs = snapshot.sync_runs()?;
        let newest = runs
            .iter()
            .filter(|run| run.sync_type == SyncType::Full)
            .filter_map(|run| Some((run.ended_at?, &run.id)))
            .max();
        let Some((captured_at, sync_id)) = newest else {
            return Ok(Err("it has no finished full sync run".to_owned()));
        };
        // The file is removed as a whole, so each of its sync runs has to be one that may be removed.
        let mut organization: Option<OrganizationEvidence> = None;
        for run in &runs {
            let Some(evidence) = snapshot.evidence(&run.id)? else {
                let problem = match run.ended_at {
                    Some(_) => "another program wrote it",
                    None => "it has an unfinished sync run",
                };
                return Ok(Err(problem.to_owned()));
            };
            if !evidence.is_own() {
                return Ok(Err("another program wrote it".to_owned()));
            }
            match &organization {
                Some(other) if other.id != evidence.organization.id => {
                    return Ok(Err("it has several organizations".to_owned()));
                }
                // The name that it had last.
                _ if organization.is_none() || run.id == *sync_id => {
                    organization = Some(evidence.organization);
                }
                _ => {}
            }
        }
        let Some(organization) = organization else {
            return Ok(Err("it has no finished full sync run".to_owned()));
        };
        if captured_at.is_future(now) {
            let at = captured_at.to_seconds();
            return Ok(Err(format!("it is dated in the future: {at} UTC")));
        }
        Ok(Ok(Self {
            path: path.to_owned(),
            organization,
            sync_id: sync_id.clone(),
            captured_at,
            found,
        }))
    }

    /// Returns the snapshot and, if there is one, its checksum file.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let checksum = files::checksum_path(&self.path);
        let is_there = fs::symlink_metadata(&checksum).is_ok_and(|found| found.is_file());
        let checksum = is_there.then_some(checksum);
        std::iter::once(self.path.clone()).chain(checksum).collect()
    }

    /// Removes the file with its checksum file, unless it is no longer the file that was opened. Returns whether it did.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove(&self) -> Result<bool> {
        let removing = || format!("removing the old snapshot `{}`", self.path.display());
        match fs::symlink_metadata(&self.path) {
            Ok(now) if is_same(&now, &self.found) => {
                let mut files = self.files().into_iter();
                files.try_for_each(|path| fs::remove_file(path).with_context(removing))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether `found` is the file that was opened, under any name.
    pub(super) fn is(&self, found: &Metadata) -> bool {
        (found.dev(), found.ino()) == (self.found.dev(), self.found.ino())
    }
}

/// Lists rules in words.
pub(super) fn in_words(rules: &[RetentionRule]) -> String {
    let names: Vec<_> = rules.iter().map(|rule| rule.name()).collect();
    names.join(", ")
}

/// Returns why the file at `path` cannot be read, as a sentence without a full stop.
///
/// # Errors
/// When the fault is the machine's and not the file's.
pub(super) fn why_unreadable(path: &Path, error: Error) -> Result<String> {
    match error {
        Error::Io {
            path: at, source, ..
        } if at == path && is_about_file(&source) => Ok(format!("it cannot be read: {source}")),
        error if error.is_of_machine() => Err(error.into()),
        error => Ok(error.sentence()),
    }
}

/// Whether an error is about one file and not about the machine: it may not be read, or is gone.
fn is_about_file(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::PermissionDenied | Kind::NotFound)
}

/// Whether a name still has the same file with the same content. The number of a removed file may be given to a new one.
fn is_same(now: &Metadata, then: &Metadata) -> bool {
    let identity = |of: &Metadata| {
        let changed = (of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec());
        (of.dev(), of.ino(), of.len(), changed)
    };
    identity(now) == identity(then)
}
