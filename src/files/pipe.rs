//! Whether what was written to standard output reached a reader.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl};

/// How long a reader may take to empty a pipe before it counts as slow and not as gone.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait before looking again.
const LOOK: Duration = Duration::from_millis(2);

/// Fails if nothing that is written to `stream` can arrive, or a pipe lost its reader before that had read everything. A
/// pipe holds some of what was written, so that writing alone does not prove it.
///
/// # Errors
/// A broken pipe.
pub fn arrived(stream: impl AsFd) -> io::Result<()> {
    let gone = || Err(io::ErrorKind::BrokenPipe.into());
    let stream = File::from(stream.as_fd().try_clone_to_owned()?);
    let found = stream.metadata()?;
    if is_replacement(&stream, found.rdev())? {
        return gone();
    }
    if !found.file_type().is_fifo() {
        return Ok(());
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let mut polled = [PollFd::new(&stream, PollFlags::empty())];
        poll(&mut polled, Some(&Timespec::default()))?;
        if polled[0].revents().contains(PollFlags::ERR) {
            return gone();
        }
        if rustix::io::ioctl_fionread(&stream)? == 0 || Instant::now() >= until {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
}

/// Whether a stream is what Rust's runtime opens in the place of a descriptor that was closed when the program began: the
/// null device, for reading too. A shell's `> /dev/null` is for writing alone.
fn is_replacement(stream: &File, device: u64) -> io::Result<bool> {
    let null = std::fs::metadata("/dev/null").map_or(0, |null| null.rdev());
    Ok(device != 0 && device == null && fcntl_getfl(stream)?.contains(OFlags::RDWR))
}
