//! Files that the program creates, replaces and removes. Every file that replaces an older one goes through [`replace()`];
//! every temporary file is a [`Temporary`] or is registered as [`Pending`], so that signals remove it.
//!
//! ```text
//! replace.rs    replaces a file completely or not at all   temporary.rs   temporary files, and leftovers of killed runs
//! pending.rs    what a signal removes and leaves           preflight.rs   checks whether a replacement will work
//! pipe.rs       checks whether standard output arrived      checksum.rs    the SHA-256 beside a file
//! ```

mod checksum;
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

pub use checksum::{checksum_path, is_stream, sha256, write_checksum};
pub use pending::{LeftBehind, Pending, remove_all, set_targets};
pub use pipe::arrived;
pub use preflight::{TRYING, check_folder, check_replaceable};
pub use replace::{replace, resolve};
pub use temporary::Temporary;

/// An operation that the file system refused.
#[derive(Debug, thiserror::Error)]
#[error("{action} `{}`", path.display())]
pub struct Error {
    /// What was being done, such as "writing".
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The cause.
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

/// Returns the operating system's error, without the random name of a temporary file that the tempfile crate adds.
pub fn bare(error: io::Error) -> io::Error {
    let inner = error
        .get_ref()
        .and_then(|wrapped| wrapped.source()?.downcast_ref::<io::Error>());
    match inner.and_then(io::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error,
    }
}

/// Returns the folder of a file; `.` for a bare name.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Whether both names refer to the same file, directly or through links.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// Opens a file whose name others can predict: does not follow a link, and does not wait for a pipe.
///
/// # Errors
/// When the file system refuses; for a link, the error "too many levels of symbolic links".
pub fn open_unlinked(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(flags.bits().cast_signed()).open(path)
}
