//! Bytes that are written once, in order, and then read at any place: in memory while they are few, otherwise in a
//! temporary file without a name, so nothing stays behind however the process ends.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::{SpooledData, SpooledTempFile};

/// Bytes that are still being written.
pub(in crate::snapshot) struct SpoolWriter {
    file: SpooledTempFile,
    /// Bytes written and skipped.
    length: u64,
}

impl SpoolWriter {
    /// Starts empty. What exceeds `in_memory` bytes goes to a file in `dir`.
    pub(crate) fn new(in_memory: usize, dir: &Path) -> Self {
        Self {
            file: tempfile::spooled_tempfile_in(in_memory, dir),
            length: 0,
        }
    }

    /// Leaves out `bytes` bytes, which will read as zeros. In a file they take no space.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn skip(&mut self, bytes: usize) -> io::Result<()> {
        self.length += bytes as u64;
        self.file.seek(SeekFrom::Start(self.length))?;
        Ok(())
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(mut self) -> io::Result<Spool> {
        // What was skipped last counts too.
        self.file.set_len(self.length)?;
        Ok(match self.file.into_inner() {
            SpooledData::InMemory(bytes) => Spool::Memory(bytes.into_inner()),
            SpooledData::OnDisk(file) => Spool::File(file),
        })
    }
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
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
