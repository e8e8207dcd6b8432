//! Bytes that are written once, in order, and then read at any position. They are kept in memory up to a limit, then in
//! an unnamed temporary file, which is gone however the process ends.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::{SpooledData, SpooledTempFile};

/// Writes the bytes of a [`Spool`].
pub(in crate::snapshot) struct SpoolWriter {
    file: SpooledTempFile,
}

impl SpoolWriter {
    /// Creates an empty spool that moves to a file in `dir` once it exceeds `in_memory` bytes.
    pub(crate) fn new(in_memory: usize, dir: &Path) -> Self {
        Self {
            file: tempfile::spooled_tempfile_in(in_memory, dir),
        }
    }

    /// Replaces the first bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn rewrite_start(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(bytes)
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(self) -> io::Result<Spool> {
        Ok(match self.file.into_inner() {
            SpooledData::InMemory(bytes) => Spool::Memory(bytes.into_inner()),
            SpooledData::OnDisk(file) => Spool::File(file),
        })
    }
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Bytes that any number of threads can read at the same time.
pub(in crate::snapshot) enum Spool {
    Memory(Vec<u8>),
    File(File),
}

impl Spool {
    /// Reads `buffer.len()` bytes from `start` on. Returns a slice of the spool itself or of `buffer`.
    ///
    /// # Errors
    /// When the file cannot be read, or ends too early.
    pub(crate) fn read_at<'b>(&'b self, start: u64, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
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
