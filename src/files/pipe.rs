//! Checks whether the output written to standard output reached a reader.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl};

/// How long to wait for a reader to empty a pipe before assuming that it is only slow.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait between two checks.
const LOOK: Duration = Duration::from_millis(2);

/// Fails if nothing written to `stream` can arrive, or if the reader of a pipe ended before it had read everything. A pipe
/// buffers data, so that successful writes alone do not prove it.
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

/// Whether a stream is the null device that Rust's runtime opens in place of a descriptor that was closed when the program
/// started. It is open for reading too, while a shell's `> /dev/null` is only open for writing.
fn is_replacement(stream: &File, device: u64) -> io::Result<bool> {
    let null = std::fs::metadata("/dev/null").map_or(0, |null| null.rdev());
    Ok(device != 0 && device == null && fcntl_getfl(stream)?.contains(OFlags::RDWR))
}
