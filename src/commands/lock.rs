//! One run at a time per target. The lock is the kernel's, on a file beside the target: it goes with the process,
//! however that ends.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::leftover::Leftover;

/// How often a lock that somebody holds is tried again.
const POLL: Duration = Duration::from_millis(200);

/// A lock that is held; it and its file go when this is dropped.
pub(super) struct Lock {
    path: PathBuf,
    /// Holds the lock as long as it is open.
    file: File,
    /// Removes its name if the process is told to end.
    _leftover: Leftover,
}

/// Somebody else holds the lock.
#[derive(Debug)]
pub struct Locked {
    path: PathBuf,
    /// What the holder wrote about itself.
    holder: String,
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holder = if self.holder.is_empty() {
            "another run"
        } else {
            &self.holder
        };
        write!(
            f,
            "{} holds `{}`",
            holder.escape_debug(),
            self.path.display()
        )
    }
}

impl std::error::Error for Locked {}

impl Lock {
    /// Takes the lock at `path`, waiting for so long if somebody holds it.
    ///
    /// # Errors
    /// [`Locked`] if it stays held; what the file system refuses.
    pub fn take(path: &Path, wait: Duration, holder: &str) -> Result<Self> {
        // `None` is beyond what the clock can say: for ever.
        let until = Instant::now().checked_add(wait);
        loop {
            match Self::try_take(path, holder)
                .with_context(|| format!("taking the lock `{}`", path.display()))?
            {
                Ok(lock) => return Ok(lock),
                Err(locked) => {
                    let left = until.map_or(POLL, |until| {
                        until.saturating_duration_since(Instant::now())
                    });
                    if left.is_zero() {
                        return Err(locked.into());
                    }
                    std::thread::sleep(POLL.min(left));
                }
            }
        }
    }

    fn try_take(path: &Path, holder: &str) -> io::Result<Result<Self, Locked>> {
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    // Who it is helps, but is not needed.
                    let _ = file.take(256).read_to_string(&mut holder);
                    return Ok(Err(Locked {
                        path: path.to_owned(),
                        holder: holder.trim().to_owned(),
                    }));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // The file may have gone between opening and locking, with its last holder; then this lock is on nothing.
            let same = fs::metadata(path).is_ok_and(|now| {
                file.metadata()
                    .is_ok_and(|opened| (now.dev(), now.ino()) == (opened.dev(), opened.ino()))
            });
            if !same {
                continue;
            }
            // Who holds it helps others, but is not needed: on a full disk the run shall fail where it matters.
            let _ = file
                .set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(holder.as_bytes()));
            let _leftover = Leftover::note(path);
            return Ok(Ok(Self {
                path: path.to_owned(),
                file,
                _leftover,
            }));
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held: nobody else can have taken it in between.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}
