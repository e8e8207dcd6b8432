//! The step in which a finished file takes the place of an older one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Error, Temporary, folder, pending};

/// Links that are followed from one path, as many as Linux follows.
const MAX_LINKS: usize = 40;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To a regular file, or to a name that is free: replaced in one step.
    File(PathBuf),
    /// To something else, such as a device or a pipe: written to as it is.
    Stream(PathBuf),
}

/// Lets `write` fill a new file beside that at `name`, and puts it in the place of that once it is on the disk, with the
/// permissions `mode`. Links are followed. Until the last step, and on any error, what was at `name` is untouched.
///
/// What is not a regular file is written to directly.
///
/// # Errors
/// What the file system refuses; what `write` reports.
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
    // The rename itself must survive a power cut. Some file systems cannot sync a folder; the file is whole anyway.
    if let Ok(dir) = File::open(dir) {
        let _ = dir.sync_all();
    }
    Ok(result)
}

pub(super) const SETTING_MODE: &str = "setting permissions in";

/// The temporary file that is to take the place of `target`.
pub(super) fn create_beside(target: &Path) -> Result<Temporary, Error> {
    let dir = folder(target);
    Temporary::create_in(dir).map_err(Error::of("creating a file in", dir))
}

/// Sets permissions, unless they fit already: not every file system takes a change.
pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o777 == mode {
        Ok(())
    } else {
        file.set_permissions(Permissions::from_mode(mode))
    }
}

/// The path that a file written to `path` ends up at: links are followed, to their end also where that does not exist.
///
/// # Errors
/// When a link cannot be read, or links lead round in a circle.
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
    let problem = io::Error::other("its links lead round in a circle, or there are too many");
    Err(Error::of("writing", target)(problem))
}

/// Whether a path is a link of the kernel's to an open file, such as the `/proc/self/fd/1` that `/dev/stdout` leads to.
/// What it leads to is written to through it: the opener may hold it at another place, or under no name at all.
fn is_descriptor(path: &Path) -> bool {
    fs::canonicalize(folder(path)).is_ok_and(|dir| dir.starts_with("/proc") && dir.ends_with("fd"))
}

/// Opens what is not replaced. It is neither created nor emptied.
fn open_stream(path: &Path) -> io::Result<File> {
    let own = format!("/proc/{}/fd", std::process::id());
    let is_own = is_descriptor(path) && fs::canonicalize(folder(path))? == Path::new(&own);
    match path.file_name().and_then(|name| name.to_str()) {
        // The very descriptors, since a regular file would otherwise be written from its beginning.
        Some("1") if is_own => io::stdout().as_fd().try_clone_to_owned().map(File::from),
        Some("2") if is_own => io::stderr().as_fd().try_clone_to_owned().map(File::from),
        _ => OpenOptions::new().append(true).open(path),
    }
}
