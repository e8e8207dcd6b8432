//! Files that must not outlive the process: they are registered while they exist, and a signal or a panic removes them.
//! And files that the run is to replace, so that it can say which of them it has replaced when it is interrupted.
//!
//! Most temporary files have no name, and a lock goes with its process. What remains is a file on its way to its place,
//! and the name of a lock.

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
    /// The files that the run is to replace, under the names that the user knows.
    targets: Vec<PathBuf>,
    /// Those of them that it has replaced.
    replaced: Vec<PathBuf>,
}

/// What an interrupted run leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// Files that it has written, to their ends.
    pub replaced: Vec<PathBuf>,
    /// Files that it was to replace and has not touched.
    pub untouched: Vec<PathBuf>,
    /// Files that it was to write and has not, where none was before.
    pub missing: Vec<PathBuf>,
}

/// Says which files the run is to replace, in the place of what was said before.
pub fn set_targets(targets: Vec<PathBuf>) {
    registry().targets = targets;
}

/// Says that the run is to replace one more file.
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
    /// Lets `make` create the file at `path` or take it over, and registers it if that succeeds. [`remove_all`] waits
    /// until both are done, so there is no moment at which the file exists and is not registered.
    ///
    /// # Errors
    /// That of `make`.
    pub fn register<T, E>(
        path: &Path,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, Self), E> {
        let mut registry = registry();
        let made = make()?;
        registry.pending.push(path.to_owned());
        Ok((made, Self(path.to_owned())))
    }

    /// Lets `release` take the file away from its path. [`remove_all`] comes before or after, never in the middle.
    ///
    /// # Errors
    /// That of `release`; the file is then still registered.
    pub fn release<T, E>(&self, release: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let _registry = registry();
        release()
    }

    /// Lets `rename` move the file to `target`, as [`Self::release`] does.
    ///
    /// # Errors
    /// That of `rename`; the file is then still registered.
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

/// Removes every registered file and blocks the registry for good: the process must end now. Says what it leaves.
pub fn remove_all() -> LeftBehind {
    let mut registry = registry();
    for path in &registry.pending {
        // It may be gone already, and there is nobody left to report a failure to.
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
    // A thread that would create or rename a file waits from here on, so none appears before the process ends.
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
