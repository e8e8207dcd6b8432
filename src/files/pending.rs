//! Files that must not outlive the process: they are registered while they exist, and a signal or a panic removes them.
//! Also the files that the run replaces, so that an interrupted run can report which of them it has replaced.
//!
//! Most temporary files have no name, and a lock ends with its process. What has to be registered are files that have not
//! been renamed to their target yet, and the files of locks.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::is_same_file;

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    pending: Vec::new(),
    targets: Vec::new(),
    replaced: Vec::new(),
});

struct Registry {
    pending: Vec<PathBuf>,
    /// The files that the run replaces, under the names that the user knows.
    targets: Vec<PathBuf>,
    /// Those of them that are replaced already.
    replaced: Vec<PathBuf>,
}

/// What an interrupted run leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// Files that were written completely.
    pub replaced: Vec<PathBuf>,
    /// Existing files that were not replaced.
    pub untouched: Vec<PathBuf>,
    /// New files that were not written.
    pub missing: Vec<PathBuf>,
}

/// Sets the files that the run replaces.
pub fn set_targets(targets: Vec<PathBuf>) {
    registry().targets = targets;
}

/// Adds a file that the run replaces.
pub(super) fn add_target(target: &Path) {
    let mut registry = registry();
    if !registry.targets.iter().any(|known| known == target) {
        registry.targets.push(target.to_owned());
    }
}

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
        let mut registry = registry();
        let created = create()?;
        registry.pending.push(path.to_owned());
        Ok((created, Self(path.to_owned())))
    }

    /// Calls `release` to move or remove the file. [`remove_all`] runs before or after it, never at the same time.
    ///
    /// # Errors
    /// The error of `release`; the file is then still registered.
    pub fn release<T, E>(&self, release: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let _registry = registry();
        release()
    }

    /// Calls `rename` to move the file to `target`, like [`Self::release`].
    ///
    /// # Errors
    /// The error of `rename`; the file is then still registered.
    pub(super) fn replace<E>(
        &self,
        target: &Path,
        rename: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let mut registry = registry();
        rename()?;
        registry.replaced.push(target.to_owned());
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let pending = &mut registry().pending;
        if let Some(at) = pending.iter().position(|path| *path == self.0) {
            pending.swap_remove(at);
        }
    }
}

/// Removes all registered files and locks the registry forever: the process must end now. Returns what is left behind.
pub fn remove_all() -> LeftBehind {
    let mut registry = registry();
    for path in &registry.pending {
        // It may be gone already, and a failure can no longer be reported.
        let _ = std::fs::remove_file(path);
    }
    let replaced = std::mem::take(&mut registry.replaced);
    let mut others = std::mem::take(&mut registry.targets);
    let is_replaced = |target: &Path| {
        replaced
            .iter()
            .any(|path| path == target || is_same_file(path, target))
    };
    others.retain(|target| !is_replaced(target));
    let (untouched, missing) = others.into_iter().partition(|target| target.exists());
    // From here on, threads that would create or rename a file wait until the process ends.
    std::mem::forget(registry);
    LeftBehind {
        replaced,
        untouched,
        missing,
    }
}

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}
