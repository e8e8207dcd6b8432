//! The snapshots written under one template: which of them are our own, how old they are, and which of them to remove. A
//! file name proves nothing, so each file is opened.

use std::fs::{self, Metadata};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::previous::Previous;
use super::target::Template;
use crate::files;
use crate::model::Timestamp;
use crate::snapshot::{Error, ReadOptions};

/// A finished snapshot of the organization, written by this program.
pub(super) struct OwnSnapshot {
    pub(super) path: PathBuf,
    pub(super) before: Previous,
    /// Identifies the file that was opened.
    found: Metadata,
}

impl OwnSnapshot {
    /// Opens `path`. `None` if it is not such a snapshot.
    ///
    /// # Errors
    /// When the machine fails to read it.
    fn open(path: &Path, organization: &str, options: &ReadOptions) -> Result<Option<Self>> {
        let found = match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => found,
            _ => return Ok(None),
        };
        let before = match Previous::read(path, options) {
            Ok(Some(before)) => before,
            Ok(None) => return Ok(None),
            Err(Error::Io {
                path: at, source, ..
            }) if at == path && source.kind() == io::ErrorKind::PermissionDenied => {
                return Ok(None);
            }
            Err(error) if error.is_of_machine() => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        Ok(before.is_own(organization).then(|| Self {
            path: path.to_owned(),
            before,
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

    /// Removes the file with its checksum file, unless another one has its name by now.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove(&self) -> Result<()> {
        let removing = || format!("removing the old snapshot `{}`", self.path.display());
        let files = self.files();
        match fs::symlink_metadata(&self.path) {
            Ok(now) if (now.dev(), now.ino()) == (self.found.dev(), self.found.ino()) => {
                let mut files = files.iter();
                files.try_for_each(|path| fs::remove_file(path).with_context(removing))
            }
            _ => Ok(()),
        }
    }
}

/// The newest snapshots of a template, by the times inside the files.
pub(super) struct Newest {
    /// The newest one that is not dated in the future.
    pub(super) past: Option<OwnSnapshot>,
    /// The newest one that is dated in the future.
    pub(super) future: Option<OwnSnapshot>,
}

/// Finds the newest snapshots of `organization` that were written under `template` and that `is_wanted` accepts.
pub(super) fn newest(
    template: &Template,
    organization: &str,
    now: Timestamp,
    options: &ReadOptions,
    is_wanted: impl Fn(&Previous) -> bool,
) -> Result<Newest> {
    let (mut past, mut future): (Option<OwnSnapshot>, Option<OwnSnapshot>) = (None, None);
    for (name, path) in template.candidates(organization)? {
        // Names are sorted newest first, so none of the others can be newer.
        let found = past.as_ref().map(|own| own.before.captured_at.to_seconds());
        if found.is_some_and(|found| found >= name) {
            break;
        }
        let own = OwnSnapshot::open(&path, organization, options)?;
        let Some(own) = own.filter(|own| is_wanted(&own.before)) else {
            continue;
        };
        let place = if own.before.captured_at.is_future(now) {
            &mut future
        } else {
            &mut past
        };
        if place
            .as_ref()
            .is_none_or(|other| other.before.captured_at < own.before.captured_at)
        {
            *place = Some(own);
        }
    }
    Ok(Newest { past, future })
}

/// Returns the snapshots of `organization` under `template` to remove once there is one at `new`, so that `keep` remain,
/// including the one at `new`. Snapshots that are dated in the future are neither counted nor removed, since their age is
/// not known.
pub(super) fn surplus(
    template: &Template,
    organization: &str,
    keep: NonZeroUsize,
    new: &Path,
    now: Timestamp,
    options: &ReadOptions,
) -> Result<Vec<OwnSnapshot>> {
    let others = keep.get() - 1;
    let mut candidates = template.candidates(organization)?;
    candidates.retain(|(_, path)| path.file_name() != new.file_name());
    // Nothing to remove, so no file has to be opened.
    if candidates.len() <= others {
        return Ok(Vec::new());
    }
    let mut own = Vec::new();
    for (_, path) in candidates {
        own.extend(OwnSnapshot::open(&path, organization, options)?);
    }
    own.retain(|own| !own.before.captured_at.is_future(now));
    own.sort_by(|a, b| (b.before.captured_at, &b.path).cmp(&(a.before.captured_at, &a.path)));
    Ok(own.split_off(others.min(own.len())))
}
