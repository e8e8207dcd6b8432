//! The step in which a finished file takes the place of an older one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::leftover::Leftover;
use crate::snapshot::Error;

/// Lets `write` fill a new file beside `target`, and puts it in the place of `target` once it is on the disk. A
/// symbolic link is followed. Until the last step, and on any error, what was at `target` stands untouched.
pub(in crate::snapshot) fn replace<T>(
    target: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> Result<T, Error>,
) -> Result<T, Error> {
    let target = follow(target)?;
    let dir = parent(&target);
    let name = target
        .file_name()
        .ok_or_else(|| Error::io("writing", &target)(io::ErrorKind::IsADirectory.into()))?;
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut temporary = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(UNFINISHED)
        .tempfile_in(dir)
        .map_err(Error::io("creating a file in", dir))?;
    let _leftover = Leftover::note(temporary.path());
    let result = write(temporary.as_file_mut())?;
    let io_error = Error::io("writing", &target);
    temporary
        .as_file()
        .set_permissions(fs::Permissions::from_mode(mode))
        .and_then(|()| temporary.as_file().sync_all())
        .map_err(&io_error)?;
    temporary
        .persist(&target)
        .map_err(|failed| io_error(failed.error))?;
    // The rename itself must survive a power cut. Some filesystems cannot sync a folder; the file is whole anyway.
    if let Ok(dir) = File::open(dir) {
        let _ = dir.sync_all();
    }
    Ok(result)
}

/// What the name of a file ends with that is on its way to its target.
const UNFINISHED: &str = ".tmp";

/// The name of the target that a file of this name was on its way to, if it is one of ours.
pub(in crate::snapshot) fn target_of_unfinished(name: &str) -> Option<&str> {
    let (target, random) = name
        .strip_prefix('.')?
        .strip_suffix(UNFINISHED)?
        .rsplit_once('.')?;
    (!random.is_empty() && random.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(target)
}

fn follow(target: &Path) -> Result<PathBuf, Error> {
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_symlink() => match fs::canonicalize(target) {
            Ok(path) => Ok(path),
            // A link to what does not exist yet: the file is made where it points.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let link = fs::read_link(target).map_err(Error::io("reading the link", target))?;
                Ok(parent(target).join(link))
            }
            Err(error) => Err(Error::io("following the link", target)(error)),
        },
        _ => Ok(target.to_owned()),
    }
}

/// The folder a file is in; `.` for a bare name.
pub(in crate::snapshot) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
