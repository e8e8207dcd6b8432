//! The snapshots written under one template: which of them are our own, how old they are, and which of them the rules of
//! retention keep. A file name proves nothing, so each file is opened.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::previous::Previous;
use super::target::{INCOMPLETE, REJECTED, Template};
use crate::commands::archived::Archived;
use crate::model::{Retention, RetentionRule, Timestamp};
use crate::snapshot::{Error, ReadOptions};

/// A finished snapshot of the organization, written by this program.
pub(super) struct OwnSnapshot {
    pub(super) path: PathBuf,
    pub(super) before: Previous,
}

impl OwnSnapshot {
    /// Opens `path`. `None` if it is not such a snapshot.
    ///
    /// # Errors
    /// When the machine fails to read it.
    fn open(path: &Path, organization: &str, options: &ReadOptions) -> Result<Option<Self>> {
        if !fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
            return Ok(None);
        }
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
        }))
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
    for (name, path) in template.candidates(organization, None)? {
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

/// A snapshot that is about to be written.
#[derive(Clone, Copy)]
pub(super) struct New<'a> {
    pub(super) path: &'a Path,
    pub(super) captured_at: Timestamp,
}

/// The snapshots of `organization` under `template`, and the rules that decide which of them stay. Rejected and incomplete
/// snapshots are counted apart, by the same rules.
pub(super) struct Archive<'a> {
    pub(super) template: &'a Template,
    pub(super) organization: &'a str,
    pub(super) retention: Retention,
    pub(super) now: Timestamp,
    pub(super) options: &'a ReadOptions,
}

/// What the rules decide once there is a new snapshot.
pub(super) struct Judged {
    /// The rules that keep the new snapshot.
    pub(super) new: Vec<RetentionRule>,
    /// The other snapshots, newest first, and the rules that keep each; those that none keeps are to be removed.
    pub(super) others: Vec<(Archived, Vec<RetentionRule>)>,
}

impl Archive<'_> {
    /// Judges every snapshot. Those that are dated in the future are neither counted nor removed, since their age is not
    /// known; nor is anything else that is in doubt.
    ///
    /// # Errors
    /// When the folder or a file cannot be read because of the machine.
    pub(super) fn judge(&self, new: New<'_>) -> Result<Judged> {
        let mut judged = self.judge_group(self.candidates(new, None)?, Some(new))?;
        for mark in [REJECTED, INCOMPLETE] {
            let group = self.judge_group(self.candidates(new, Some(mark))?, None)?;
            judged.others.extend(group.others);
        }
        Ok(judged)
    }

    /// Returns the snapshots to remove.
    ///
    /// # Errors
    /// As [`Self::judge`].
    pub(super) fn surplus(&self, new: New<'_>) -> Result<Vec<Archived>> {
        let mut surplus = Vec::new();
        for (mark, new_one) in [
            (None, Some(new)),
            (Some(REJECTED), None),
            (Some(INCOMPLETE), None),
        ] {
            let candidates = self.candidates(new, mark)?;
            let count = candidates.len() + usize::from(new_one.is_some());
            // Nothing to remove, so no file has to be opened.
            if self.retention.last.is_some_and(|last| count <= last.get()) {
                continue;
            }
            let judged = self.judge_group(candidates, new_one)?;
            let removed = judged.others.into_iter().filter(|(_, by)| by.is_empty());
            surplus.extend(removed.map(|(own, _)| own));
        }
        Ok(surplus)
    }

    fn candidates(&self, new: New<'_>, mark: Option<&str>) -> Result<Vec<PathBuf>> {
        let candidates = self.template.candidates(self.organization, mark)?;
        let paths = candidates.into_iter().map(|(_, path)| path);
        Ok(paths
            .filter(|path| path.file_name() != new.path.file_name())
            .collect())
    }

    /// Judges snapshots that are counted together. The new one counts as the newest of them, whatever the others' clocks
    /// were.
    fn judge_group(&self, paths: Vec<PathBuf>, new: Option<New<'_>>) -> Result<Judged> {
        let mut own = Vec::new();
        for path in paths {
            own.extend(Archived::open(&path, self.now, self.options)?);
        }
        own.retain(|own| own.organization.id == self.organization);
        own.sort_by(|a, b| (b.captured_at, &b.path).cmp(&(a.captured_at, &a.path)));
        let new = new.map(|new| new.captured_at);
        let others = own.iter().map(|own| own.captured_at);
        let times: Vec<_> = new.into_iter().chain(others).collect();
        let mut kept = self.retention.kept(&times).into_iter();
        Ok(Judged {
            new: new.and_then(|_| kept.next()).unwrap_or_default(),
            others: own.into_iter().zip(kept).collect(),
        })
    }
}
