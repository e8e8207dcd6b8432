//! Bytes that are written once, in order, and then read at any place: in memory while they are few, otherwise in a
//! temporary file without a name, so nothing stays behind however the process ends.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::{SpooledData, SpooledTempFile};

/// Bytes that are still being written.
pub(in crate::snapshot) struct SpoolWriter(SpooledTempFile);

impl SpoolWriter {
    /// Starts empty. What exceeds `in_memory` bytes goes to a file in `dir`.
    pub fn new(in_memory: usize, dir: &Path) -> Self {
        Self(tempfile::spooled_tempfile_in(in_memory, dir))
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> io::Result<Spool> {
        self.0.flush()?;
        Ok(match self.0.into_inner() {
            SpooledData::InMemory(bytes) => Spool::Memory(bytes.into_inner()),
            SpooledData::OnDisk(file) => Spool::File(file),
        })
    }
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Bytes to read, by any number of threads at once.
pub(in crate::snapshot) enum Spool {
    Memory(Vec<u8>),
    File(File),
}

impl Spool {
    /// The bytes from `start` on, as many as `buffer` is long; the slice is either of the spool itself or of `buffer`.
    ///
    /// # Errors
    /// When the file cannot be read, or ends before.
    pub fn read_at<'b>(&'b self, start: u64, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        match self {
            Self::Memory(bytes) => usize::try_from(start)
                .ok()
                .and_then(|start| bytes.get(start..start.checked_add(buffer.len())?))
                .ok_or_else(|| io::ErrorKind::UnexpectedEof.into()),
            Self::File(file) => {
                file.read_exact_at(buffer, start)?;
                Ok(buffer)
            }
        }
    }
}
