//! Checks whether a file can be replaced later, by trying each step of that in advance.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::replace::{Place, SETTING_MODE, create_beside, place, set_mode};
use super::{Error, Temporary, folder};

/// The sticky bit: only its owner may replace a file in such a folder.
const STICKY: u32 = 0o1000;

/// Tries each step of [`replace`](super::replace()) without changing `target`.
///
/// # Errors
/// The error of the step that would fail. A `target` that is not a regular file fails too, since a snapshot is read before
/// it is replaced.
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
        let problem = "it is a mount point, which cannot be replaced";
        return Err(failed(io::Error::new(io::ErrorKind::ResourceBusy, problem)));
    }
    let around = fs::metadata(dir).map_err(&failed)?;
    if around.mode() & STICKY != 0 && ![0, found.uid(), around.uid()].contains(&own) {
        let problem = "it belongs to another user, and the folder's sticky bit only lets owners replace files";
        return Err(failed(io::Error::new(
            io::ErrorKind::PermissionDenied,
            problem,
        )));
    }
    Ok(())
}

/// The action of [`check_folder`]'s errors.
pub const TRYING: &str = "creating a temporary file in";

/// Checks that a temporary file can be created in `dir`.
///
/// # Errors
/// When it cannot.
pub fn check_folder(dir: &Path) -> Result<(), Error> {
    Temporary::create_in(dir)
        .map(drop)
        .map_err(Error::of(TRYING, dir))
}

/// Whether a file is a mount point, as when a container mounts a single file.
#[cfg(target_os = "linux")]
fn is_mount_point(file: &Path, dir: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let mount = |path, flags| {
        let found = statx(CWD, path, flags, StatxFlags::MNT_ID).ok()?;
        let is_known = found.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        is_known.then_some(found.stx_mnt_id)
    };
    // Kernels before 5.8 do not report this; then the rename will fail.
    match (
        mount(file, AtFlags::SYMLINK_NOFOLLOW),
        mount(dir, AtFlags::empty()),
    ) {
        (Some(of_file), Some(of_dir)) => of_file != of_dir,
        _ => false,
    }
}

/// On other systems than Linux, files are not mount points.
#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &Path, _: &Path) -> bool {
    false
}
