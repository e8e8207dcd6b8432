//! Writes the decoded database to a spool, with or without the pages of indexes. These are about half of a c1z, and
//! only `verify` reads them.

use std::io::{self, Write};
use std::path::Path;

use super::btree;
use super::pages::{self, DATABASE_HEADER, PageSet, UnpackedPages};
use super::spool::SpoolWriter;

/// Which pages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Keep {
    Everything,
    /// All but index pages. A reference to one from anywhere else is damage.
    Tables,
}

/// Takes a database in pieces of any length.
pub(super) struct Unpacker {
    out: SpoolWriter,
    keep: Keep,
    /// The first bytes, until the database header is complete.
    head: Vec<u8>,
    page_size: Option<u64>,
    left_out: PageSet,
    /// Bytes taken after `head`.
    position: u64,
    /// Whether the current page is kept.
    is_kept: bool,
}

impl Unpacker {
    /// Moves to a file in `dir` once it holds more than `in_memory` bytes.
    pub(super) fn new(in_memory: usize, dir: &Path, keep: Keep) -> Self {
        Self {
            out: SpoolWriter::new(in_memory, dir),
            keep,
            head: Vec::new(),
            page_size: None,
            left_out: PageSet::default(),
            position: 0,
            is_kept: true,
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.keep == Keep::Everything {
            return self.out.write_all(piece);
        }
        if self.page_size.is_some() {
            return self.pages(piece);
        }
        self.head.extend_from_slice(piece);
        if self.head.len() < DATABASE_HEADER {
            return Ok(());
        }
        let head = std::mem::take(&mut self.head);
        match pages::page_size(&head) {
            Some(size) => {
                self.page_size = Some(size as u64);
                self.pages(&head)
            }
            // Not a database, which `Pages::open` reports.
            None => {
                self.keep = Keep::Everything;
                self.out.write_all(&head)
            }
        }
    }

    fn pages(&mut self, piece: &[u8]) -> io::Result<()> {
        let Some(size) = self.page_size else {
            return Ok(());
        };
        // Adjacent pages that are kept are written together.
        let (mut from, mut at) = (0, 0);
        while at < piece.len() {
            let within = self.position % size;
            if within == 0 {
                let is_kept = self.position == 0 || !btree::is_of_index(piece[at]);
                if !is_kept && let Ok(number) = u32::try_from(self.position / size + 1) {
                    self.left_out.insert(number);
                }
                if is_kept != self.is_kept {
                    self.pass(&piece[from..at])?;
                    (from, self.is_kept) = (at, is_kept);
                }
            }
            let length = (piece.len() - at).min((size - within) as usize);
            at += length;
            self.position += length as u64;
        }
        self.pass(&piece[from..])
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_kept {
            self.out.write_all(bytes)
        } else {
            self.out.skip(bytes.len())
        }
    }

    /// Ends the database.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn finish(mut self) -> io::Result<UnpackedPages> {
        self.out.write_all(&self.head)?;
        Ok(UnpackedPages {
            spool: self.out.finish()?,
            left_out: self.left_out,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_index_pages_are_left_out_however_the_database_is_cut_into_pieces() {
        let file = std::fs::read("testdata/snapshots/two-syncs.c1z").unwrap();
        let database = zstd::decode_all(&file[5..]).unwrap();
        let mut expected = database.clone();
        let mut left_out = 0;
        for page in expected.chunks_mut(4096).skip(1) {
            if page[0] == 2 || page[0] == 10 {
                page.fill(0);
                left_out += 1;
            }
        }
        assert!(left_out > 10, "{left_out}");
        for (in_memory, length) in [(0, 7), (0, 4096), (1 << 20, 5000), (1 << 20, 1 << 20)] {
            for (keep, expected) in [(Keep::Tables, &expected), (Keep::Everything, &database)] {
                let mut unpacker = Unpacker::new(in_memory, &std::env::temp_dir(), keep);
                for piece in database.chunks(length) {
                    unpacker.take(piece).unwrap();
                }
                let spool = unpacker.finish().unwrap().spool;
                let mut buffer = vec![0; database.len()];
                assert_eq!(spool.read_at(0, &mut buffer).unwrap(), expected);
            }
        }
    }
}
