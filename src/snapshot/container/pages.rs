//! The pages of the SQLite database in a c1z. The database is untrusted, so it is read here and never opened with
//! SQLite, which would parse and run its schema.
//!
//! The source of all facts is SQLite's description of its file format.

use std::fmt::Display;
use std::io;

use super::spool::Spool;

/// Length of the database header, which precedes the header of the first page.
pub(super) const DATABASE_HEADER: usize = 100;
/// The start of the database header.
pub(super) const MAGIC: [u8; 16] = *b"SQLite format 3\0";
/// Bytes read from the file at a time while pages are read in order.
const READ_AHEAD: usize = 64 << 10;

/// Why pages cannot be read.
#[derive(Debug)]
pub(in crate::snapshot) enum Fault {
    /// The temporary file cannot be read, which is not the snapshot's fault.
    Io(io::Error),
    /// The database is damaged.
    Damage(String),
}

impl Fault {
    /// Damage to one page.
    pub(crate) fn page(number: u32, problem: impl Display) -> Self {
        Self::Damage(format!("page {number} {problem}"))
    }
}

/// A database, page by page.
pub(in crate::snapshot) struct Pages {
    spool: Spool,
    /// Pages that were left out.
    left_out: PageSet,
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

impl Pages {
    /// Reads the database header. `length` is the length of the database in bytes.
    ///
    /// # Errors
    /// When this is not a SQLite database, or not one that can be read.
    pub(crate) fn open(unpacked: UnpackedPages, length: u64) -> Result<Self, Fault> {
        let UnpackedPages { spool, left_out } = unpacked;
        let damage = |problem: &str| Fault::Damage(problem.to_owned());
        let mut header = [0; DATABASE_HEADER];
        let header: [u8; DATABASE_HEADER] = if length < DATABASE_HEADER as u64 {
            return Err(damage("it is not a SQLite database"));
        } else {
            spool
                .read_at(0, &mut header)
                .map_err(Fault::Io)?
                .try_into()
                .map_err(|_| damage("it is not a SQLite database"))?
        };
        if header[..16] != MAGIC {
            return Err(damage("it is not a SQLite database"));
        }
        let size = page_size(&header).unwrap_or_default();
        let usable = size.saturating_sub(usize::from(header[20]));
        if usable < 480 {
            return Err(damage("its page size is not one that SQLite uses"));
        }
        // Schema format 0 means that the database has no schema.
        let schema_format = be_u32(&header, 44)?;
        let is_known = header[18] <= 2 && header[19] <= 2 && schema_format <= 4;
        if !is_known || header[21..24] != [64, 32, 32] {
            return Err(damage("it uses an unknown version of SQLite's file format"));
        }
        // Text encoding 0 means that the database has no schema.
        if be_u32(&header, 56)? > 1 {
            return Err(damage("its text is not UTF-8"));
        }
        let present = length / size as u64;
        // The page count in the header is valid only if it was written by the version of SQLite that last changed the
        // file.
        let counted = u64::from(be_u32(&header, 28)?);
        let count = if counted > 0 && header[24..28] == header[92..96] {
            counted
        } else {
            present
        };
        if count > present {
            return Err(Fault::Damage(format!(
                "it has only {present} of the {count} pages that its header declares"
            )));
        }
        Ok(Self {
            spool,
            left_out,
            size,
            usable,
            count: u32::try_from(count)
                .map_err(|_| damage("it has more pages than SQLite allows"))?,
            first_free: be_u32(&header, 32)?,
            has_pointer_maps: be_u32(&header, 52)? != 0,
        })
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

/// The bytes of an unpacked database, and the pages that were left out.
pub(in crate::snapshot) struct UnpackedPages {
    pub spool: Spool,
    pub left_out: PageSet,
}

/// The page size in the database header, in bytes; `None` if it is not one that SQLite uses.
pub(super) fn page_size(header: &[u8]) -> Option<usize> {
    let size = match *header.get(16..18)? {
        // 65,536 does not fit into two bytes.
        [0, 1] => 1 << 16,
        [high, low] => usize::from(u16::from_be_bytes([high, low])),
        _ => return None,
    };
    (size >= 512 && size.is_power_of_two()).then_some(size)
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
    buffer: Vec<u8>,
    /// The pages in the buffer: the first, and how many.
    first: u32,
    held: u32,
}

impl<'p> PageReader<'p> {
    pub(super) fn new(pages: &'p Pages) -> Self {
        Self {
            pages,
            buffer: Vec::new(),
            first: 0,
            held: 0,
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
        if pages.left_out.contains(number) {
            return Err(Fault::page(
                number,
                "belongs to an index and to something else",
            ));
        }
        let size = pages.size;
        if let Spool::Memory(bytes) = &pages.spool {
            let start = (number as usize - 1) * size;
            return Ok(&bytes[start..start + pages.usable]);
        }
        if number < self.first || number - self.first >= self.held {
            // Read ahead while pages are read in order.
            let wanted = if number == self.first + self.held {
                (READ_AHEAD / size).clamp(1, (pages.count - number + 1) as usize)
            } else {
                1
            };
            self.buffer.resize(wanted * size, 0);
            self.held = 0;
            let start = u64::from(number - 1) * size as u64;
            pages
                .spool
                .read_at(start, &mut self.buffer)
                .map_err(Fault::Io)?;
            (self.first, self.held) = (number, wanted as u32);
        }
        let start = (number - self.first) as usize * size;
        Ok(&self.buffer[start..start + pages.usable])
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

pub(super) fn be_u16(bytes: &[u8], at: usize) -> Result<u16, Fault> {
    array(bytes, at).map(u16::from_be_bytes)
}

pub(super) fn be_u32(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    array(bytes, at).map(u32::from_be_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Fault> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or_else(|| Fault::Damage("a value extends past the end of its page".to_owned()))
}

/// Reads a varint as SQLite writes it (big-endian, seven bits per byte, all eight of the ninth). Returns it and its
/// end.
#[inline]
pub(super) fn varint(bytes: &[u8], at: usize) -> Result<(u64, usize), Fault> {
    if let Some(byte @ ..0x80) = bytes.get(at) {
        return Ok((u64::from(*byte), at + 1));
    }
    let mut value = 0;
    for (index, byte) in bytes.iter().skip(at).take(9).enumerate() {
        if index == 8 {
            return Ok((value << 8 | u64::from(*byte), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if *byte < 0x80 {
            return Ok((value, at + index + 1));
        }
    }
    Err(Fault::Damage(
        "a number extends past the end of its page".to_owned(),
    ))
}
