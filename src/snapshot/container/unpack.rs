//! Divides the decoded bytes of a database into its pages, and keeps all of them or leaves out those of indexes. These are about
//! half of a c1z, and only `verify` reads them.

use std::io;
use std::sync::Arc;

use super::btree;
use super::header::{DATABASE_HEADER, page_size};
use super::store::{Growing, LEFT_OUT, SEGMENT};

/// Which pages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Keep {
    Everything,
    /// All but index pages. A reference to one from anywhere else is damage.
    Tables,
}

/// Takes a database in pieces of any length, which are decoded straight into the segments of the store.
pub(super) struct Unpacker {
    to: Arc<Growing>,
    keep: Keep,
    /// The size of a page; `None` if the header does not state one, which `Pages` reports.
    page_size: Option<usize>,
    is_header_known: bool,
    /// Bytes taken so far.
    position: u64,
    /// Pages that are kept, and the start of the current one.
    segment: Vec<u8>,
    /// The bytes of `segment` that are filled.
    filled: usize,
    /// The places of the pages that are not in the store yet.
    places: Vec<u32>,
    /// The number of pages kept so far.
    kept: u32,
}

impl Unpacker {
    pub(super) fn new(to: Arc<Growing>, keep: Keep) -> Self {
        Self {
            to,
            keep,
            page_size: None,
            is_header_known: false,
            position: 0,
            segment: vec![0; SEGMENT],
            filled: 0,
            places: Vec::new(),
            kept: 0,
        }
    }

    /// Room for the next piece; never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.segment[self.filled..]
    }

    /// Takes the piece in the first `length` bytes of [`room`](Self::room). Returns whether more is wanted.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub(super) fn take(&mut self, length: usize) -> io::Result<bool> {
        self.position += length as u64;
        let end = self.filled + length;
        if !self.is_header_known {
            self.filled = end;
            if end < DATABASE_HEADER {
                return Ok(true);
            }
            self.read_header();
            self.filled = 0;
        }
        match self.page_size {
            Some(size) => self.pages(size, end)?,
            None => self.filled = 0,
        }
        Ok(!self.to.is_abandoned())
    }

    fn read_header(&mut self) {
        self.is_header_known = true;
        if let Some(header) = self.segment.first_chunk::<DATABASE_HEADER>() {
            self.page_size = page_size(header);
            self.to.add_header(*header, self.page_size);
        }
    }

    /// Moves the pages that are kept together, up to `end`, and adds the segment to the store if it is full.
    fn pages(&mut self, size: usize, end: usize) -> io::Result<()> {
        // All of these start at a multiple of the size. The one in which the piece starts has not been looked at.
        let mut from = self.filled / size * size;
        let mut to = from;
        while from + size <= end {
            let is_first = self.kept == 0 && self.places.is_empty();
            let is_kept = is_first
                || self.keep == Keep::Everything
                || !btree::is_of_index(self.segment[from]);
            if is_kept {
                self.places.push(self.kept);
                self.kept += 1;
                if from > to {
                    self.segment.copy_within(from..from + size, to);
                }
                to += size;
            } else {
                self.places.push(LEFT_OUT);
            }
            from += size;
        }
        if from > to {
            self.segment.copy_within(from..end, to);
        }
        self.filled = to + (end - from);
        if self.filled == SEGMENT {
            let segment = std::mem::take(&mut self.segment);
            self.segment = self.to.add(segment, &mut self.places)?;
            self.filled = 0;
        }
        Ok(())
    }

    /// Ends the database. Bytes that are not a whole page are dropped.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.filled > 0 {
            let mut segment = std::mem::take(&mut self.segment);
            segment.truncate(self.filled);
            self.to.add(segment, &mut self.places)?;
            self.filled = 0;
        }
        Ok(())
    }
}

/// However it ends, the reader must not wait for more.
impl Drop for Unpacker {
    fn drop(&mut self) {
        if self.filled > 0 {
            // After an error, pages were not added.
            self.places.clear();
        }
        self.to.end(self.position, &mut self.places);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::container::pages::{PageReader, Pages};
    use crate::snapshot::container::store::Access;

    #[test]
    fn only_index_pages_are_left_out_however_the_database_is_cut_into_pieces() {
        let file = std::fs::read("testdata/snapshots/two-syncs.c1z").unwrap();
        let database = zstd::decode_all(&file[5..]).unwrap();
        let pages: Vec<_> = database.chunks(4096).collect();
        let is_index = |page: &[u8]| page[0] == 2 || page[0] == 10;
        assert!(pages.iter().filter(|page| is_index(page)).count() > 10);
        for length in [7, 4096, 5000, 1 << 20] {
            for keep in [Keep::Tables, Keep::Everything] {
                let growing = Growing::new(Access::Repeated, std::env::temp_dir(), 0);
                let growing = Arc::new(growing);
                let mut unpacker = Unpacker::new(growing.clone(), keep);
                let mut rest = database.as_slice();
                while !rest.is_empty() {
                    let room = unpacker.room();
                    let (piece, later) = rest.split_at(length.min(rest.len()).min(room.len()));
                    room[..piece.len()].copy_from_slice(piece);
                    rest = later;
                    assert!(unpacker.take(piece.len()).unwrap());
                }
                unpacker.finish().unwrap();
                let read = Pages::growing(growing).unwrap();
                assert_eq!(read.count as usize, pages.len());
                let mut reader = PageReader::new(&read);
                for (at, page) in pages.iter().enumerate() {
                    let found = reader.page(at as u32 + 1);
                    if keep == Keep::Tables && at > 0 && is_index(page) {
                        assert!(found.is_err(), "{at}");
                    } else {
                        assert_eq!(found.unwrap(), *page, "{at}");
                    }
                }
            }
        }
    }
}
