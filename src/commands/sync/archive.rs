//! The snapshots that a template made: which of them are ours, how old they are, and which of them are to go. A name
//! proves nothing; each file is opened.

use std::fs::{self, Metadata};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::before::Before;
use super::target::Template;
use crate::model::Timestamp;
use crate::snapshot::{Error, ReadOptions};

/// A file that was shown to be a finished snapshot that this program took of the organization in question.
pub(super) struct Own {
    pub(super) path: PathBuf,
    pub(super) before: Before,
    /// What was at the path when it was opened.
    found: Metadata,
}

impl Own {
    /// Opens `path`. `None` if it is anything else.
    ///
    /// # Errors
    /// When the machine does not let it be read.
    fn open(path: &Path, organization: &str, options: &ReadOptions) -> Result<Option<Self>> {
        let found = match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => found,
            _ => return Ok(None),
        };
        let before = match Before::read(path, options) {
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

    /// Removes the file, unless another has taken its name since it was opened.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove(&self) -> Result<()> {
        let removing = || format!("removing the old snapshot `{}`", self.path.display());
        match fs::symlink_metadata(&self.path) {
            Ok(now) if (now.dev(), now.ino()) == (self.found.dev(), self.found.ino()) => {
                fs::remove_file(&self.path).with_context(removing)
            }
            _ => Ok(()),
        }
    }
}

/// The newest snapshots that a template made, by what the files say.
pub(super) struct Newest {
    /// The newest of those that the clock has reached.
    pub(super) reached: Option<Own>,
    /// The newest of those that it has not reached yet.
    pub(super) ahead: Option<Own>,
}

/// Finds the newest snapshots of `organization` that `template` made and that are wanted.
pub(super) fn newest(
    template: &Template,
    organization: &str,
    now: Timestamp,
    options: &ReadOptions,
    is_wanted: impl Fn(&Before) -> bool,
) -> Result<Newest> {
    let (mut reached, mut ahead): (Option<Own>, Option<Own>) = (None, None);
    for (name, path) in template.candidates(organization)? {
        // No later name claims to be newer than what was found, so there is no need to open more.
        let found = reached
            .as_ref()
            .map(|own| own.before.captured_at.to_seconds());
        if found.is_some_and(|found| found >= name) {
            break;
        }
        let own = Own::open(&path, organization, options)?;
        let Some(own) = own.filter(|own| is_wanted(&own.before)) else {
            continue;
        };
        let place = if own.before.captured_at.is_future(now) {
            &mut ahead
        } else {
            &mut reached
        };
        if place
            .as_ref()
            .is_none_or(|other| other.before.captured_at < own.before.captured_at)
        {
            *place = Some(own);
        }
    }
    Ok(Newest { reached, ahead })
}

/// The snapshots of `organization` that `template` made and that are to go once there is one at `new`, so that `keep`
/// remain. The one at `new` is one of those, whatever is there now. Snapshots that the clock has not reached yet are
/// neither counted nor removed: how old they are is not known.
pub(super) fn superfluous(
    template: &Template,
    organization: &str,
    keep: NonZeroUsize,
    new: &Path,
    now: Timestamp,
    options: &ReadOptions,
) -> Result<Vec<Own>> {
    let others = keep.get() - 1;
    let mut candidates = template.candidates(organization)?;
    candidates.retain(|(_, path)| path.file_name() != new.file_name());
    // Nothing is to go, so nothing need be opened.
    if candidates.len() <= others {
        return Ok(Vec::new());
    }
    let mut own = Vec::new();
    for (_, path) in candidates {
        own.extend(Own::open(&path, organization, options)?);
    }
    own.retain(|own| !own.before.captured_at.is_future(now));
    own.sort_by(|a, b| (b.before.captured_at, &b.path).cmp(&(a.before.captured_at, &a.path)));
    Ok(own.split_off(others.min(own.len())))
}
