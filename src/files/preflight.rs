//! Whether a file will be replaceable once it is finished: each step that writing takes is tried in advance.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::replace::{Place, SETTING_MODE, create_beside, place, set_mode};
use super::{Error, Temporary, folder};

/// The bit of a folder in which only the owner of a file may replace it.
const STICKY: u32 = 0o1000;

/// Tries each step that [`replace`](super::replace()) takes, and leaves `target` as it is.
///
/// # Errors
/// That of the step which would fail. A `target` that is not a regular file fails too: a snapshot is read again before it
/// is replaced.
pub fn check_replaceable(target: &Path, mode: u32) -> Result<(), Error> {
    let target = match place(target)? {
        Place::File(target) => target,
        Place::Stream(target) => {
            let problem = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
            return Err(Error::of("replacing", &target)(problem));
        }
    };
    let dir = folder(&target);
    let mut temporary = create_beside(&target)?;
    set_mode(temporary.file(), mode).map_err(Error::of(SETTING_MODE, dir))?;
    let failed = Error::of("replacing", &target);
    let own = temporary.file().metadata().map_err(&failed)?.uid();
    let found = match fs::symlink_metadata(&target) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if is_mount_point(&target, dir) {
        let problem = "it is a mount point, which cannot be renamed over";
        return Err(failed(io::Error::new(io::ErrorKind::ResourceBusy, problem)));
    }
    let around = fs::metadata(dir).map_err(&failed)?;
    if around.mode() & STICKY != 0 && ![0, found.uid(), around.uid()].contains(&own) {
        let problem = "it belongs to another user, and its folder lets only owners replace files";
        return Err(failed(io::Error::new(
            io::ErrorKind::PermissionDenied,
            problem,
        )));
    }
    Ok(())
}

/// What [`check_folder`] does.
pub const TRYING: &str = "creating a temporary file in";

/// Tries whether `dir` takes temporary files.
///
/// # Errors
/// When it does not.
pub fn check_folder(dir: &Path) -> Result<(), Error> {
    Temporary::create_in(dir)
        .map(drop)
        .map_err(Error::of(TRYING, dir))
}

/// Whether a file is mounted on its own, as containers mount single files.
#[cfg(target_os = "linux")]
fn is_mount_point(file: &Path, dir: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let mount = |path, flags| {
        let found = statx(CWD, path, flags, StatxFlags::MNT_ID).ok()?;
        let is_known = found.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        is_known.then_some(found.stx_mnt_id)
    };
    // A kernel before 5.8 does not know; the rename will say it.
    match (
        mount(file, AtFlags::SYMLINK_NOFOLLOW),
        mount(dir, AtFlags::empty()),
    ) {
        (Some(of_file), Some(of_dir)) => of_file != of_dir,
        _ => false,
    }
}

/// Elsewhere than on Linux, files are not mounted.
#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &Path, _: &Path) -> bool {
    false
}
