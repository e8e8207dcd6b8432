//! Temporary files. Their names have this program's form, and they are locked while their run lives, so that a later run can
//! recognize the files of a killed one and remove only those.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use tempfile::{NamedTempFile, TempPath};

use super::{Pending, open_unlinked};

/// Prefix, suffix, and number of random characters in the name of a temporary file.
const PREFIX: &str = ".posthog-c1z-";
const SUFFIX: &str = ".tmp";
const RANDOM: usize = 12;

/// A file that only this user can read. It is removed when this is dropped, and on signals. Its name is short, even if the
/// name of the file that it will replace is long.
#[derive(Debug)]
pub struct Temporary(NamedTempFile<Registered>);

#[derive(Debug)]
struct Registered {
    /// Holds the lock that keeps later runs from removing the file.
    file: File,
    pending: Pending,
}

impl Temporary {
    /// Creates an empty file in `dir`, after removing the files that killed runs of this user left there.
    ///
    /// # Errors
    /// When `dir` does not exist or files cannot be created in it.
    pub fn create_in(dir: &Path) -> io::Result<Self> {
        sweep(dir);
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX).rand_bytes(RANDOM);
        let created = builder.make_in(dir, |path| {
            let (file, pending) = Pending::register(path, || create(path))?;
            Ok(Registered { file, pending })
        })?;
        Ok(Self(created))
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the open file.
    pub fn file(&mut self) -> &mut File {
        &mut self.0.as_file_mut().file
    }

    /// Removes its name. The content exists as long as the file is open.
    pub fn into_unnamed(self) -> File {
        let (registered, name): (Registered, TempPath) = self.0.into_parts();
        drop(name);
        registered.file
    }

    /// Renames it to `target`, which is replaced. The user knows that file as `name`.
    ///
    /// # Errors
    /// When the file system refuses; the file is then removed.
    pub(super) fn persist(self, target: &Path, name: &Path) -> io::Result<()> {
        let (registered, temporary) = self.0.into_parts();
        registered.pending.replace(name, || {
            temporary.persist(target).map_err(|failed| failed.error)
        })
    }
}

/// Creates a file and locks it, so that no other run takes it for a leftover.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let file = options.open(path)?;
    // Another run may have opened it before it was locked, and removes it now: another name is tried.
    let is_swept = match file.try_lock() {
        Ok(()) => file.metadata()?.nlink() == 0,
        Err(TryLockError::WouldBlock) => true,
        // On a file system without locks, other runs cannot lock it either, and do not remove it.
        Err(TryLockError::Error(_)) => false,
    };
    if is_swept {
        Err(io::ErrorKind::AlreadyExists.into())
    } else {
        Ok(file)
    }
}

/// Removes the files that killed runs of this user left in `dir`. The next run tries again what cannot be removed.
fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if is_marked(&entry.file_name()) {
            let _ = remove_leftover(&entry.path());
        }
    }
}

/// Whether a file name has the form that [`Temporary::create_in`] uses.
fn is_marked(name: &OsStr) -> bool {
    let random = name
        .to_str()
        .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
    random.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// Removes a temporary file if it is a regular file, belongs to this user, and no run holds its lock.
fn remove_leftover(path: &Path) -> io::Result<()> {
    // Only for reading, so that not even the times of another user's file change.
    let file = open_unlinked(path, OpenOptions::new().read(true))?;
    let opened = file.metadata()?;
    let is_own = opened.is_file() && opened.uid() == rustix::process::geteuid().as_raw();
    if !is_own || file.try_lock().is_err() {
        return Ok(());
    }
    let named = fs::symlink_metadata(path)?;
    if (named.dev(), named.ino()) == (opened.dev(), opened.ino()) {
        fs::remove_file(path)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_own_form_are_recognized() {
        for (name, expected) in [
            (".posthog-c1z-AbC123xyz789.tmp", true),
            (".posthog-c1z-AbC123xyz78.tmp", false),
            (".posthog-c1z-AbC123xyz7890.tmp", false),
            (".posthog-c1z-AbC123xyz-89.tmp", false),
            (".posthog-c1z-AbC123xyz789.tmp2", false),
            ("posthog-c1z-AbC123xyz789.tmp", false),
            (".sync.c1z.AbC123xyz789.tmp", false),
        ] {
            assert_eq!(is_marked(OsStr::new(name)), expected, "{name}");
        }
    }
}
