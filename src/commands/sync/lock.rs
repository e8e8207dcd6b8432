//! Allows one run at a time per target, with a kernel lock on a file next to the target: the lock ends with the process,
//! however that ends.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::target::Template;
use crate::files::{Pending, open_unlinked};
use crate::model::Timestamp;

/// How long to wait before trying a held lock again.
const POLL: Duration = Duration::from_millis(200);

/// A held lock. Dropping it removes the lock and its file.
#[derive(Debug)]
pub(in crate::commands) struct Lock {
    path: PathBuf,
    /// Holds the lock while it is open.
    file: File,
    /// Removes the file if a signal ends the process.
    pending: Pending,
}

/// Another run holds the lock.
#[derive(Debug, thiserror::Error)]
#[error("the lock `{}` is held by {}", .path.display(), .holder.escape_debug())]
pub(crate) struct Locked {
    path: PathBuf,
    /// What the other run wrote about itself, else "another run".
    holder: String,
}

impl Locked {
    pub(in crate::commands) fn hint(&self) -> &'static str {
        if self.path.file_name() == Some(OsStr::new(PRUNING)) {
            "wait for the run that removes old snapshots from that folder, or end it"
        } else {
            "wait for that run with --wait SECONDS, or end it"
        }
    }
}

/// The lock file of the run that removes old snapshots from a folder.
const PRUNING: &str = ".posthog-c1z-prune.lock";

/// Returns the lock file that each run takes while it decides which snapshots to remove from `dir`, and removes them.
pub(in crate::commands) fn path_of_pruning(dir: &Path) -> PathBuf {
    dir.join(PRUNING)
}

/// A sync that is in progress.
pub(in crate::commands) struct RunInProgress {
    template: Template,
    /// What it wrote about itself, else "another run".
    pub(in crate::commands) holder: String,
}

impl RunInProgress {
    /// Whether it may read or write this file, which is of `organization`.
    pub(in crate::commands) fn concerns(&self, path: &Path, organization: &str) -> bool {
        let name = path.file_name().and_then(OsStr::to_str);
        name.is_some_and(|name| self.template.fits(name, organization))
    }
}

/// Returns the syncs that hold a lock in `dir`.
///
/// # Errors
/// When the folder cannot be read.
pub(in crate::commands) fn runs_in_progress(dir: &Path) -> io::Result<Vec<RunInProgress>> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let template = name
            .to_str()
            .filter(|name| *name != PRUNING)
            .and_then(|name| name.strip_prefix('.')?.strip_suffix(".lock"))
            .and_then(|name| Template::parse(&dir.join(name)).ok());
        if let Some(template) = template
            && let Some(holder) = holder_at(&entry.path())
        {
            runs.push(RunInProgress { template, holder });
        }
    }
    Ok(runs)
}

/// Returns who holds the lock file at `path`, if it is held. One that cannot be examined counts as held.
fn holder_at(path: &Path) -> Option<String> {
    let unknown = || "another run".to_owned();
    let file = match open_unlinked(path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(_) => return Some(unknown()),
    };
    match file.try_lock_shared() {
        // Left by a run that was killed. Closing the file ends this lock.
        Ok(()) => None,
        Err(_) => {
            let holder = content(&file).unwrap_or_default();
            Some(if holder.is_empty() { unknown() } else { holder })
        }
    }
}

/// Why a lock was not taken.
enum NotTaken {
    Held(Locked),
    /// Its last holder has removed the file in the meantime, so a lock on it would have no effect.
    Removed,
    Io(io::Error),
}

impl From<io::Error> for NotTaken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Lock {
    /// Takes the lock at `path`, waiting up to `wait` while another run holds it.
    ///
    /// # Errors
    /// [`Locked`] when the other run keeps it; when the file system fails, or `path` is not a lock file of this program.
    pub(in crate::commands) fn take(path: &Path, wait: Duration, now: Timestamp) -> Result<Self> {
        let holder = holder(now);
        // Beyond the clock's range means waiting forever.
        let until = Instant::now().checked_add(wait);
        let is_over = || until.is_some_and(|until| Instant::now() >= until);
        loop {
            match Pending::register(path, || lock(path, &holder)) {
                Ok((file, pending)) => {
                    return Ok(Self {
                        path: path.to_owned(),
                        file,
                        pending,
                    });
                }
                Err(NotTaken::Held(locked)) if is_over() => return Err(locked.into()),
                Err(NotTaken::Held(_)) => {
                    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                    std::thread::sleep(left.map_or(POLL, |left| left.min(POLL)));
                }
                Err(NotTaken::Removed) => {}
                Err(NotTaken::Io(error)) => {
                    return Err(error)
                        .with_context(|| format!("taking the lock `{}`", path.display()));
                }
            }
        }
    }
}

/// Opens or creates the file at `path`, locks it, and writes `holder` into it.
fn lock(path: &Path, holder: &str) -> Result<File, NotTaken> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let (mut file, is_new) = match open_unlinked(path, options.clone().create_new(true)) {
        Ok(file) => (file, true),
        Err(_) if path.is_symlink() => return Err(not_a_lock("it is a symbolic link")),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            match open_unlinked(path, &mut options) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(NotTaken::Removed);
                }
                opened => (opened?, false),
            }
        }
        Err(error) => return Err(error.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(not_a_lock("it is not a regular file"));
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(NotTaken::Held(Locked {
                path: path.to_owned(),
                // Optional: it only makes the message more helpful.
                holder: content(&file)
                    .ok()
                    .filter(|holder| !holder.is_empty())
                    .unwrap_or_else(|| "another run".to_owned()),
            }));
        }
        Err(TryLockError::Error(error)) => {
            // Without locks in the file system, no other run can hold it either.
            if is_new {
                let _ = fs::remove_file(path);
            }
            return Err(error.into());
        }
    }
    if !is_at(&file, path) {
        return Err(NotTaken::Removed);
    }
    if !is_ours(&content(&file)?) {
        return Err(not_a_lock("it is not a lock file of this program"));
    }
    // On a full disk, the run should fail later with a better message.
    let _ = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(holder.as_bytes()));
    Ok(file)
}

fn not_a_lock(problem: &str) -> NotTaken {
    NotTaken::Io(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

/// Returns what this run writes into its lock file.
fn holder(since: Timestamp) -> String {
    format!(
        "process {}, since {} UTC",
        std::process::id(),
        since.to_seconds()
    )
}

/// Whether a file is a lock file of this program, which contains a holder, or nothing if a run was killed before it wrote
/// that. Any other file belongs to the user.
fn is_ours(content: &str) -> bool {
    let is_holder = || {
        let (process, since) = content.strip_prefix("process ")?.split_once(", since ")?;
        let is_number = !process.is_empty() && process.bytes().all(|b| b.is_ascii_digit());
        Some(is_number && since.ends_with(" UTC"))
    };
    content.is_empty() || is_holder().unwrap_or(false)
}

/// Reads the beginning of a file. A holder's text is short.
fn content(file: &File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(256).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Whether the path still refers to the open file.
fn is_at(file: &File, path: &Path) -> bool {
    match (fs::symlink_metadata(path), file.metadata()) {
        (Ok(named), Ok(opened)) => (named.dev(), named.ino()) == (opened.dev(), opened.ino()),
        _ => false,
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While the lock is still held, so that no other run can take it in between.
        let _ = self.pending.release(|| {
            if is_at(&self.file, &self.path) {
                fs::remove_file(&self.path)
            } else {
                Ok(())
            }
        });
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_a_run_wrote_are_lock_files() {
        assert!(is_ours(&holder(Timestamp::now())));
        for (content, expected) in [
            ("", true),
            ("process 1, since 2026-11-23 04:05:06 UTC", true),
            ("process x, since 2026-11-23 04:05:06 UTC", false),
            ("process 1", false),
            ("my notes", false),
        ] {
            assert_eq!(is_ours(content), expected, "{content}");
        }
    }
}
