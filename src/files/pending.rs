//! Files that must not outlive the process: they are registered while they exist, and a signal or a panic removes them.
//!
//! Most temporary files have no name, and a lock goes with its process. What remains is a file on its way to its place,
//! and the name of a lock.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static REGISTERED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file that is registered until this is dropped.
#[derive(Debug)]
pub struct Pending(PathBuf);

impl Pending {
    /// Lets `make` create the file at `path` or take it over, and registers it if that succeeds. [`remove_all`] waits
    /// until both are done, so there is no moment at which the file exists and is not registered.
    ///
    /// # Errors
    /// That of `make`.
    pub fn register<T, E>(
        path: &Path,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, Self), E> {
        let mut registered = registered();
        let made = make()?;
        registered.push(path.to_owned());
        Ok((made, Self(path.to_owned())))
    }

    /// Lets `release` take the file away from its path. [`remove_all`] comes before or after, never in the middle.
    ///
    /// # Errors
    /// That of `release`; the file is then still registered.
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

/// Removes every registered file and blocks the registry for good: the process must end now.
pub fn remove_all() {
    let registered = registered();
    for path in registered.iter() {
        // It may be gone already, and there is nobody left to report a failure to.
        let _ = std::fs::remove_file(path);
    }
    // A thread that would create or rename a file waits from here on, so none appears before the process ends.
    std::mem::forget(registered);
}

fn registered() -> MutexGuard<'static, Vec<PathBuf>> {
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
}
