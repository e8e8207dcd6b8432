//! Files that must not outlive the process: they are registered while they exist, and a signal or a panic removes them.
//!
//! Most temporary files have no name, and a lock ends with its process. What has to be registered are files that have not
//! been renamed to their target yet, and the files of locks.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static REGISTERED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file that is registered until this is dropped.
#[derive(Debug)]
pub struct Pending(PathBuf);

impl Pending {
    /// Calls `create` to create the file at `path` or take it over, and registers the file if that succeeds. [`remove_all`]
    /// waits until both are done, so that the file never exists without being registered.
    ///
    /// # Errors
    /// The error of `create`.
    pub fn register<T, E>(
        path: &Path,
        create: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, Self), E> {
        let mut registered = registered();
        let created = create()?;
        registered.push(path.to_owned());
        Ok((created, Self(path.to_owned())))
    }

    /// Calls `release` to move or remove the file. [`remove_all`] runs before or after it, never at the same time.
    ///
    /// # Errors
    /// The error of `release`; the file is then still registered.
    pub fn release<T, E>(&self, release: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let _registered = registered();
        release()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut registered = registered();
        if let Some(at) = registered.iter().position(|path| *path == self.0) {
            registered.swap_remove(at);
        }
    }
}

/// Removes all registered files and locks the registry forever: the process must end now.
pub fn remove_all() {
    let registered = registered();
    for path in registered.iter() {
        // It may be gone already, and a failure can no longer be reported.
        let _ = std::fs::remove_file(path);
    }
    // From here on, threads that would create or rename a file wait until the process ends.
    std::mem::forget(registered);
}

fn registered() -> MutexGuard<'static, Vec<PathBuf>> {
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
}
