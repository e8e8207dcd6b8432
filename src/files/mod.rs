//! Files that the program makes, replaces and removes. Every file that takes the place of an older one goes through
//! [`replace()`]; every file that exists for a while is a [`Temporary`] or is registered as [`Pending`], so that
//! signals remove it.
//!
//! ```text
//! replace.rs    a whole file or the older one      temporary.rs   names, locks, and what killed runs left
//! pending.rs    what a signal removes and leaves   preflight.rs   whether a replacement will work
//! pipe.rs       whether standard output arrived
//! ```

mod pending;
mod pipe;
mod preflight;
mod replace;
mod temporary;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

pub use pending::{LeftBehind, Pending, remove_all, set_targets};
pub use pipe::arrived;
pub use preflight::{TRYING, check_folder, check_replaceable};
pub use replace::{replace, resolve};
pub use temporary::Temporary;

/// What the file system refused.
#[derive(Debug, thiserror::Error)]
#[error("{action} `{}`", path.display())]
pub struct Error {
    /// What was being done, such as "writing".
    pub action: &'static str,
    /// To which file or folder.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

impl Error {
    fn of(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self {
            action,
            path: path.clone(),
            source: bare(source),
        }
    }
}

/// The operating system's own error, without the random name of a temporary file that the tempfile crate adds.
pub fn bare(error: io::Error) -> io::Error {
    let inner = error
        .get_ref()
        .and_then(|wrapped| wrapped.source()?.downcast_ref::<io::Error>());
    match inner.and_then(io::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error,
    }
}

/// The folder a file is in; `.` for a bare name.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Whether both names lead to one file, by whatever links.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// Opens a file at a name that others can predict: a link there is not followed, and a pipe does not make it wait.
///
/// # Errors
/// What the file system refuses; for a link, the error of too many links.
pub fn open_unlinked(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(flags.bits().cast_signed()).open(path)
}
