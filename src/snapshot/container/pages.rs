//! The pages of the SQLite database in a c1z. The database is untrusted, so it is read here and never opened with
//! SQLite, which would parse and run its schema.
//!
//! The source of all facts is SQLite's description of its file format.

use std::sync::Arc;

use super::fault::Fault;
use super::header::{DATABASE_HEADER, declared_count, not_a_database, sizes};
use super::numbers::be_u32;
use super::spool::Spool;
use super::store::{Found, Growing, Kept, is_large};

/// Bytes read from the file at a time while pages are read in order.
const READ_AHEAD: usize = 64 << 10;

/// A database, page by page.
pub(in crate::snapshot) struct Pages {
    source: Source,
    /// Size of a page in bytes: a power of two from 512 to 65,536.
    size: usize,
    /// Usable bytes of a page: its size without the reserved bytes at its end.
    pub usable: usize,
    /// Number of pages; the first is 1.
    pub count: u32,
    /// First page of the list of free pages; 0 if there is none.
    pub first_free: u32,
    /// Whether the database has pointer-map pages, as with auto-vacuum.
    has_pointer_maps: bool,
}

/// Where pages come from.
enum Source {
    /// More may arrive.
    Growing(Arc<Growing>),
    Kept(Kept),
}

impl Pages {
    /// Reads the header of a database that is being unpacked.
    ///
    /// # Errors
    /// When this is not a SQLite database, or not one that can be read. The number of pages is not checked:
    /// see [`check_length`](Self::check_length).
    pub(super) fn growing(growing: Arc<Growing>) -> Result<Self, Fault> {
        let header = growing.header().ok_or_else(not_a_database)?;
        let (size, usable) = sizes(&header)?;
        let count = match declared_count(&header)? {
            Some(count) => count.into(),
            None => growing.length() / size as u64,
        };
        Self::of(Source::Growing(growing), &header, size, usable, count)
    }

    /// Reads the header of a whole database of `length` bytes.
    ///
    /// # Errors
    /// When this is not a SQLite database, or not one that can be read.
    pub(crate) fn whole(spool: Spool, length: u64) -> Result<Self, Fault> {
        let mut header = [0; DATABASE_HEADER];
        if length < DATABASE_HEADER as u64 {
            return Err(not_a_database());
        }
        let header: [u8; DATABASE_HEADER] = spool
            .read_at(0, &mut header)
            .map_err(Fault::Io)?
            .try_into()
            .map_err(|_| not_a_database())?;
        let (size, usable) = sizes(&header)?;
        let kept = Kept::whole(spool, size);
        let count = length / size as u64;
        Self::of(Source::Kept(kept), &header, size, usable, count)
    }

    fn of(
        source: Source,
        header: &[u8; DATABASE_HEADER],
        size: usize,
        usable: usize,
        count: u64,
    ) -> Result<Self, Fault> {
        Ok(Self {
            source,
            size,
            usable,
            count: u32::try_from(count)
                .map_err(|_| Fault::Damage("it has more pages than SQLite allows".to_owned()))?,
            first_free: be_u32(header, 32)?,
            has_pointer_maps: be_u32(header, 52)? != 0,
        })
    }

    /// Checks that a database of `length` bytes has all pages.
    ///
    /// # Errors
    /// When it has fewer.
    pub(super) fn check_length(&self, length: u64) -> Result<(), Fault> {
        let (count, present) = (u64::from(self.count), length / self.size as u64);
        if count > present {
            Err(Fault::Damage(format!(
                "it has only {present} of the {count} pages that its header declares"
            )))
        } else {
            Ok(())
        }
    }

    /// Takes note that all pages have arrived.
    pub(super) fn settle(&mut self) {
        if let Source::Growing(growing) = &mut self.source
            && let Some(growing) = Arc::get_mut(growing)
        {
            self.source = Source::Kept(growing.take_kept());
        }
    }

    /// Whether more pages may arrive.
    pub(crate) fn is_growing(&self) -> bool {
        matches!(self.source, Source::Growing(_))
    }

    /// Whether the pages take so much space that the unpacking thread writes them to a file.
    pub(crate) fn need_a_file(&self) -> bool {
        is_large(u64::from(self.count) * self.size as u64)
    }

    /// Some of the next pages that were kept, from `number` on, in order; none at the end of the database. Waits for one.
    pub(super) fn next_kept(&self, number: u32) -> Vec<u32> {
        let mut next = match &self.source {
            Source::Growing(growing) => growing.next_kept(number),
            Source::Kept(_) => vec![number],
        };
        next.retain(|number| *number <= self.count);
        next
    }

    /// Takes note that a page will not be read again, if pages are read only once.
    pub(crate) fn release(&self, number: u32) {
        if let Source::Growing(growing) = &self.source {
            growing.release(number);
        }
    }

    /// Takes note that a page will only be read again later, if pages are read only once. Returns whether there is room for it.
    pub(crate) fn set_aside(&self, number: u32) -> bool {
        match &self.source {
            Source::Growing(growing) => growing.set_aside(number),
            Source::Kept(_) => true,
        }
    }

    /// Stops the unpacking, since the pages are not wanted in this form. The fault that it returns ends the reading.
    pub(crate) fn abandon(&self) -> Fault {
        if let Source::Growing(growing) = &self.source {
            growing.abandon();
        }
        Fault::Damage("its pages were abandoned".to_owned())
    }

    /// The page with the byte that SQLite locks, which is never used. It exists in databases over 1 GiB.
    pub(crate) fn lock_page(&self) -> u32 {
        lock_page(self.size)
    }

    /// Whether a page is a pointer-map page, as in a database with auto-vacuum.
    pub(crate) fn is_pointer_map(&self, number: u32) -> bool {
        let mapped = self.usable as u32 / 5;
        let own = 2 + number.saturating_sub(2) / (mapped + 1) * (mapped + 1);
        let own = own + u32::from(own == self.lock_page());
        self.has_pointer_maps && number == own
    }

    /// The start of the b-tree header on a page.
    pub(crate) fn tree_header(number: u32) -> usize {
        match number {
            1 => DATABASE_HEADER,
            _ => 0,
        }
    }

    /// Splits a payload of `length` bytes between its cell and overflow pages.
    pub(crate) fn split(&self, length: u64, kind: PayloadKind) -> Split {
        split(self.usable, length, kind)
    }
}

/// The page with the byte that SQLite locks, among pages of `size` bytes.
pub(super) fn lock_page(size: usize) -> u32 {
    u32::try_from((1 << 30) / size + 1).unwrap_or(u32::MAX)
}

/// Splits a payload of `length` bytes between its cell and overflow pages, which have `usable` bytes.
pub(super) fn split(usable: usize, length: u64, kind: PayloadKind) -> Split {
    let usable = usable as u64;
    let most = match kind {
        PayloadKind::Table => usable - 35,
        PayloadKind::Index => (usable - 12) * 64 / 255 - 23,
    };
    if length <= most {
        return Split {
            local: length as usize,
            overflow_pages: 0,
        };
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let local = match least + (length - least) % (usable - 4) {
        local if local <= most => local,
        _ => least,
    };
    Split {
        local: local as usize,
        overflow_pages: (length - local).div_ceil(usable - 4),
    }
}

/// The kind of b-tree that a payload is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum PayloadKind {
    Table,
    Index,
}

/// The bytes of a payload on its own page, and the number of overflow pages for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct Split {
    pub local: usize,
    pub overflow_pages: u64,
}

/// Reads pages through its own buffer; every thread has one.
pub(in crate::snapshot) struct PageReader<'p> {
    pages: &'p Pages,
    /// Pages from the file.
    buffer: Vec<u8>,
    /// The places in the file of the pages in the buffer: the first, and how many.
    first: u32,
    held: u32,
    /// The page that was read last and its segment, if more pages are arriving: its number, and its start in the segment.
    last: (u32, usize),
    segment: Arc<Vec<u8>>,
}

impl<'p> PageReader<'p> {
    pub(super) fn new(pages: &'p Pages) -> Self {
        Self {
            pages,
            buffer: Vec::new(),
            first: 0,
            held: 0,
            last: (0, 0),
            segment: Arc::default(),
        }
    }

    /// The usable bytes of a page.
    ///
    /// # Errors
    /// When there is no such page, or the file cannot be read.
    pub(super) fn page(&mut self, number: u32) -> Result<&[u8], Fault> {
        let pages = self.pages;
        if number == 0 || number > pages.count {
            return Err(Fault::Damage(format!(
                "it refers to page {number}, but has only {} pages",
                pages.count
            )));
        }
        match &pages.source {
            Source::Kept(kept) => match kept.find(number) {
                Found::Memory(bytes, start) => Ok(&bytes[start..start + pages.usable]),
                found => {
                    let start = self.read_file(number, kept, &found)?;
                    Ok(&self.buffer[start..start + pages.usable])
                }
            },
            Source::Growing(_) if number == self.last.0 => {
                let start = self.last.1;
                Ok(&self.segment[start..start + pages.usable])
            }
            Source::Growing(growing) => {
                let mut segment = None;
                let found = growing.read(number, |kept, found| match found {
                    Found::Memory(bytes, start) => {
                        segment = Some(bytes.clone());
                        Ok(start)
                    }
                    found => self.read_file(number, kept, &found),
                });
                // `check_length` reports a page that never arrives.
                let start = found.unwrap_or_else(|| Err(Fault::page(number, "is missing")))?;
                let bytes = match segment {
                    Some(segment) => {
                        self.last = (number, start);
                        self.segment = segment;
                        &self.segment
                    }
                    None => &self.buffer,
                };
                Ok(&bytes[start..start + pages.usable])
            }
        }
    }

    /// Reads a page that is not in memory into the buffer. Returns its start there.
    fn read_file(&mut self, number: u32, kept: &Kept, found: &Found<'_>) -> Result<usize, Fault> {
        let size = self.pages.size;
        let place = match found {
            Found::File(place) => *place,
            Found::LeftOut => {
                return Err(Fault::page(
                    number,
                    "belongs to an index and to something else",
                ));
            }
            Found::Memory(..) | Found::Released => {
                return Err(Fault::page(number, "was read before and is gone"));
            }
        };
        if place < self.first || place - self.first >= self.held {
            // Read ahead while pages are read in order.
            let wanted = if place == self.first + self.held {
                (READ_AHEAD / size).max(1)
            } else {
                1
            };
            self.buffer.resize(wanted * size, 0);
            self.held = 0;
            self.held = kept.read_file(place, &mut self.buffer).map_err(Fault::Io)?;
            self.first = place;
        }
        Ok((place - self.first) as usize * size)
    }

    /// Appends the rest of a payload: `missing` bytes on the overflow pages from `first` on.
    ///
    /// # Errors
    /// When the chain ends early, or the file cannot be read.
    pub(super) fn read_overflow(
        &mut self,
        first: u32,
        mut missing: usize,
        payload: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let mut number = first;
        while missing > 0 {
            let page = self.page(number)?;
            let next = be_u32(page, 0)?;
            let content = &page[4..];
            let taken = content.len().min(missing);
            payload.extend_from_slice(&content[..taken]);
            missing -= taken;
            number = next;
        }
        Ok(())
    }
}

/// A set of pages, one bit for each.
#[derive(Default)]
pub(in crate::snapshot) struct PageSet(Vec<u64>);

impl PageSet {
    /// Adds a page. Returns whether it is new.
    pub(crate) fn insert(&mut self, number: u32) -> bool {
        let (at, bit) = (number as usize / 64, 1 << (number % 64));
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        let is_new = self.0[at] & bit == 0;
        self.0[at] |= bit;
        is_new
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        let word = self
            .0
            .get(number as usize / 64)
            .copied()
            .unwrap_or_default();
        word & 1 << (number % 64) != 0
    }
}
