//! Replaces a file atomically with a finished one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Error, Temporary, folder, pending};

/// How many links are followed from one path, as in Linux.
const MAX_LINKS: usize = 40;

/// What a path refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A regular file, or an unused name: replaced atomically.
    File(PathBuf),
    /// Anything else, such as a device or a pipe: written to directly.
    Stream(PathBuf),
}

/// Calls `write` with a new file next to the one at `name`, and renames it to that once it is on disk, with the permissions
/// `mode`. Links are followed. Until that last step, and on any error, the file at `name` is unchanged.
///
/// What is not a regular file is written to directly.
///
/// # Errors
/// When the file system refuses, and the errors of `write`.
pub fn replace<T, E: From<Error>>(
    name: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    let target = match place(name)? {
        Place::File(target) => target,
        Place::Stream(target) => {
            let mut stream = open_stream(&target).map_err(Error::of("writing", &target))?;
            return write(&mut stream);
        }
    };
    pending::add_target(name);
    let dir = folder(&target);
    let mut temporary = create_beside(&target)?;
    let result = write(temporary.file())?;
    set_mode(temporary.file(), mode).map_err(Error::of(SETTING_MODE, dir))?;
    let failed = Error::of("writing", &target);
    temporary.file().sync_all().map_err(&failed)?;
    temporary.persist(&target, name).map_err(&failed)?;
    // So that the rename survives a power failure. Some file systems cannot sync a folder; the file is complete anyway.
    if let Ok(dir) = File::open(dir) {
        let _ = dir.sync_all();
    }
    Ok(result)
}

pub(super) const SETTING_MODE: &str = "setting permissions in";

/// Creates the temporary file that will replace `target`.
pub(super) fn create_beside(target: &Path) -> Result<Temporary, Error> {
    let dir = folder(target);
    Temporary::create_in(dir).map_err(Error::of("creating a file in", dir))
}

/// Sets permissions, unless they are right already: not every file system supports changing them.
pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o777 == mode {
        Ok(())
    } else {
        file.set_permissions(Permissions::from_mode(mode))
    }
}

/// Follows links from `path` to the file that would be written, even if it does not exist.
///
/// # Errors
/// When a link cannot be read, or there are too many of them.
pub fn resolve(path: &Path) -> Result<PathBuf, Error> {
    match place(path)? {
        Place::File(path) | Place::Stream(path) => Ok(path),
    }
}

pub(super) fn place(target: &Path) -> Result<Place, Error> {
    let mut path = target.to_owned();
    for _ in 0..=MAX_LINKS {
        let failed = Error::of("writing", &path);
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match path.file_name() {
                    Some(_) => Ok(Place::File(path)),
                    None => Err(failed(error)),
                };
            }
            Err(error) => return Err(failed(error)),
        };
        if found.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        if found.is_file() {
            return Ok(Place::File(path));
        }
        if !found.is_symlink() || is_descriptor(&path) {
            return Ok(Place::Stream(path));
        }
        let link = fs::read_link(&path).map_err(Error::of("reading the link", &path))?;
        path = path.parent().unwrap_or(Path::new("")).join(link);
    }
    let problem = io::Error::other("too many levels of symbolic links");
    Err(Error::of("writing", target)(problem))
}

/// Whether a path is one of the kernel's links to an open file, such as the `/proc/self/fd/1` that `/dev/stdout` leads to.
/// The file is written to through it, since it may have been moved or may have no name.
fn is_descriptor(path: &Path) -> bool {
    fs::canonicalize(folder(path)).is_ok_and(|dir| dir.starts_with("/proc") && dir.ends_with("fd"))
}

/// Opens what is written to directly, without creating or truncating it.
fn open_stream(path: &Path) -> io::Result<File> {
    let own = format!("/proc/{}/fd", std::process::id());
    let is_own = is_descriptor(path) && fs::canonicalize(folder(path))? == Path::new(&own);
    match path.file_name().and_then(|name| name.to_str()) {
        // The descriptors themselves, since a regular file would otherwise be written from its beginning.
        Some("1") if is_own => io::stdout().as_fd().try_clone_to_owned().map(File::from),
        Some("2") if is_own => io::stderr().as_fd().try_clone_to_owned().map(File::from),
        _ => OpenOptions::new().append(true).open(path),
    }
}
