//! Files that must not stay behind when the process is told to end in the middle of its work.
//!
//! Most temporary files here have no name, and a lock goes with its process. What is left is a file on its way to its
//! place, and the name of a lock: they are noted here while they exist.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static NOTED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file that is noted, until this is dropped.
pub struct Leftover(PathBuf);

impl Leftover {
    /// Notes a file.
    pub fn note(path: &Path) -> Self {
        noted().push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        let mut noted = noted();
        if let Some(at) = noted.iter().position(|path| *path == self.0) {
            noted.swap_remove(at);
        }
    }
}

/// Removes every file that is noted, and keeps further ones from being noted: the process must end now.
pub fn remove_all() {
    let noted = noted();
    for path in noted.iter() {
        // It may be gone already, and nobody is left to tell otherwise.
        let _ = std::fs::remove_file(path);
    }
    // Whoever would note or unnote a file waits from here on, so no file takes its place any more.
    std::mem::forget(noted);
}

fn noted() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    NOTED.lock().unwrap_or_else(PoisonError::into_inner)
}
