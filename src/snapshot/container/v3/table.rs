//! One table: sorted rows in blocks, an index of these blocks, and deletions of whole ranges of keys. A cursor walks over
//! the rows; it holds one block at a time.

use std::cell::Cell;
use std::ops::Range;

use super::bytes::{Bytes, masked_crc};
use super::columns::{
    BITS, Layout, NUMBERS, Numbers, SORTED_TEXTS, SortedTexts, TEXTS, Texts, malformed,
};
use super::fault::{Fault, shown};
use crate::snapshot::container::spool::Spool;
use crate::snapshot::error::V3Part;
use crate::snapshot::limits::{MAX_V3_BLOCK, MAX_V3_KEY, MAX_V3_OPEN};

/// The footer of a table, at its end.
const FOOTER: usize = 61;
const FOOTER_MAGIC: &[u8] = b"\xf0\x9f\xaa\xb3\xf0\x9f\xaa\xb3";
const TABLE_FORMAT: u32 = 7;
const CRC32C: u8 = 1;
/// Compression and checksum after each block.
const TRAILER: u64 = 5;

/// What a table may contain, by the bits of its footer.
const RANGE_DELETIONS: u32 = 1 << 4;
const TWO_LEVEL_INDEX: u32 = 1 << 5;
const ROWS: u32 = 1 << 7;
const UNKNOWN: [(u32, &str); 5] = [
    (1 << 0, "value blocks"),
    (1 << 1, "range keys"),
    (1 << 2, "range keys"),
    (1 << 3, "range keys"),
    (1 << 6, "values in blob files"),
];

/// How keys are divided between columns.
const KEY_SCHEMA: &[u8] = b"DefaultKeySchema(leveldb.BytewiseComparator,16)";

/// Kinds of rows.
const DELETED: [u8; 3] = [0, 7, 23];
const SET: [u8; 2] = [1, 18];
const RANGE_DELETED: u8 = 15;

/// Limits on the work and the memory of reading all tables.
pub(super) struct Budget {
    /// Bytes that may still be decoded.
    work: Cell<u64>,
    /// Bytes of blocks, keys and deletions in memory.
    open: Cell<u64>,
}

impl Budget {
    pub(super) fn new(work: u64) -> Self {
        Self {
            work: Cell::new(work),
            open: Cell::new(0),
        }
    }

    fn spend(&self, bytes: usize) -> Result<(), Fault> {
        let left = self.work.get().checked_sub(bytes as u64);
        let left = left.ok_or_else(|| Fault::limit("its tables decode to more than is plausible"));
        self.work.set(left?);
        Ok(())
    }

    /// Replaces `old` bytes in memory by `new`.
    pub(super) fn exchange(&self, old: usize, new: usize) -> Result<(), Fault> {
        let open = (self.open.get() + new as u64).saturating_sub(old as u64);
        self.open.set(open);
        if open > MAX_V3_OPEN {
            return Err(Fault::limit("too much of its tables is needed at once"));
        }
        Ok(())
    }
}

/// The place of a block in its table.
#[derive(Clone, Copy)]
struct Handle {
    offset: u64,
    length: u64,
}

impl Handle {
    fn read(rest: &mut Bytes<'_>) -> Option<Self> {
        Some(Self {
            offset: rest.varint()?,
            length: rest.varint()?,
        })
    }

    fn end(self) -> Option<u64> {
        self.offset.checked_add(self.length)?.checked_add(TRAILER)
    }
}

/// A deletion of all older rows from `start` up to `end`, which is not included.
pub(super) struct Span {
    pub(super) start: Vec<u8>,
    pub(super) end: Vec<u8>,
    pub(super) sequence: u64,
}

impl Span {
    /// Its size in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.start.len() + self.end.len()
    }
}

/// The checked footer of a table.
#[derive(Clone)]
pub(super) struct Table<'s> {
    spool: &'s Spool,
    budget: &'s Budget,
    /// Where it is in the spool, without its footer.
    place: Range<u64>,
    index: Handle,
    has_two_levels: bool,
    range_deletions: Option<Handle>,
}

impl<'s> Table<'s> {
    /// Reads the footer of the table at `place`, and what it needs to know about the table.
    pub(super) fn open(
        spool: &'s Spool,
        budget: &'s Budget,
        place: Range<u64>,
    ) -> Result<Self, Fault> {
        let damage = |problem: &str| Fault::damage(V3Part::Table, problem);
        let start = place.end.checked_sub(FOOTER as u64);
        let start = start.filter(|start| *start >= place.start);
        let start = start.ok_or_else(|| damage("a table is shorter than its footer"))?;
        let mut footer = [0; FOOTER];
        let footer = spool.read_at(start, &mut footer).map_err(Fault::Io)?;
        let (version, magic) = footer[FOOTER - 12..].split_at(4);
        if magic != FOOTER_MAGIC {
            return Err(damage("a table has no valid footer"));
        }
        let version = version.try_into().map_or(0, u32::from_le_bytes);
        if version != TABLE_FORMAT {
            return Err(Fault::version("table format", version, TABLE_FORMAT));
        }
        let (content, rest) = footer.split_at(FOOTER - 16);
        let (crc, rest) = rest.split_at(4);
        if masked_crc(&[content, rest]).to_le_bytes() != crc {
            let problem = "the checksum of a table's footer does not match";
            return Err(Fault::damage(V3Part::Checksum, problem));
        }
        if content[0] != CRC32C {
            return Err(Fault::version("checksums of kind", content[0], CRC32C));
        }
        let (handles, features) = content[1..].split_at(FOOTER - 21);
        let features = features.try_into().map_or(0, u32::from_le_bytes);
        for (bit, name) in UNKNOWN {
            if features & bit != 0 {
                return Err(Fault::Unknown(name.to_owned()));
            }
        }
        if features & !(RANGE_DELETIONS | TWO_LEVEL_INDEX | ROWS) != 0 {
            return Err(Fault::Unknown(format!("table features {features:#x}")));
        }
        let mut handles = Bytes(handles);
        let (meta, index) = Handle::read(&mut handles)
            .zip(Handle::read(&mut handles))
            .ok_or_else(|| damage("the footer of a table is malformed"))?;
        let mut table = Self {
            spool,
            budget,
            place: place.start..start,
            index,
            has_two_levels: features & TWO_LEVEL_INDEX != 0,
            range_deletions: None,
        };
        table.read_meta(meta)?;
        if table.range_deletions.is_some() != (features & RANGE_DELETIONS != 0) {
            return Err(damage("the footer of a table contradicts its content"));
        }
        Ok(table)
    }

    /// Reads the list of special blocks, and the properties.
    fn read_meta(&mut self, handle: Handle) -> Result<(), Fault> {
        let mut block = Vec::new();
        self.read_block(handle, &mut block)?;
        let mut properties = None;
        let mut unknown = None;
        for_each_pair(&block, |name, value| {
            let handle = || Handle::read(&mut Bytes(value)).ok_or_else(malformed);
            match name {
                b"rocksdb.properties" => properties = Some(handle()?),
                b"rocksdb.range_del2" => self.range_deletions = Some(handle()?),
                _ => unknown = Some(shown(name)),
            }
            Ok(())
        })?;
        if let Some(name) = unknown {
            return Err(Fault::Unknown(format!("blocks {name}")));
        }
        let properties =
            properties.ok_or_else(|| Fault::damage(V3Part::Table, "a table has no properties"))?;
        self.read_block(properties, &mut block)?;
        let mut has_schema = false;
        for_each_pair(&block, |name, value| {
            if name == b"pebble.colblk.schema" {
                has_schema = value == KEY_SCHEMA;
            }
            Ok(())
        })?;
        if has_schema {
            Ok(())
        } else {
            Err(Fault::Unknown("keys in other columns".to_owned()))
        }
    }

    /// Appends the deletions of ranges to `spans`.
    pub(super) fn read_spans(
        &self,
        sequence: Option<u64>,
        spans: &mut Vec<Span>,
    ) -> Result<(), Fault> {
        let Some(handle) = self.range_deletions else {
            return Ok(());
        };
        let mut block = Vec::new();
        self.read_block(handle, &mut block)?;
        let block = block.as_slice();
        let bounds = Bytes(block).u32().ok_or_else(malformed)? as usize;
        let types = [TEXTS, NUMBERS, NUMBERS, TEXTS, TEXTS];
        let layout = Layout::read(block, 4, &types)?;
        let keys = layout.texts_of(block, 0, bounds)?;
        let firsts = layout.numbers_of(block, 1, bounds)?;
        let trailers = layout.numbers(block, 2)?;
        for bound in 1..bounds {
            let (start, end) = (keys.get(block, bound - 1)?, keys.get(block, bound)?);
            if start >= end {
                return Err(out_of_order());
            }
            self.budget.spend(start.len() + end.len())?;
            let (first, last) = (firsts.get(block, bound - 1)?, firsts.get(block, bound)?);
            if last < first || last > layout.rows as u64 {
                return Err(malformed());
            }
            let mut before = u64::MAX;
            for row in first..last {
                let trailer = trailers.get(block, row as usize)?;
                if trailer >= before {
                    return Err(out_of_order());
                }
                before = trailer;
                if trailer as u8 != RANGE_DELETED {
                    return Err(Fault::Unknown(format!("spans of kind {}", trailer as u8)));
                }
                let span = Span {
                    start: start.to_vec(),
                    end: end.to_vec(),
                    sequence: sequence.unwrap_or(trailer >> 8),
                };
                self.budget.spend(span.bytes())?;
                self.budget.exchange(0, span.bytes())?;
                spans.push(span);
            }
        }
        Ok(())
    }

    /// Decodes a block into `block`.
    fn read_block(&self, handle: Handle, block: &mut Vec<u8>) -> Result<(), Fault> {
        let damage = |problem: &str| Fault::damage(V3Part::Table, problem);
        let end = handle
            .end()
            .and_then(|end| self.place.start.checked_add(end));
        let is_inside = end.is_some_and(|end| end <= self.place.end);
        if !is_inside {
            return Err(damage("a block extends past the end of its table"));
        }
        if handle.length > MAX_V3_BLOCK as u64 {
            return Err(Fault::limit("a block exceeds the limits"));
        }
        self.budget.spend(handle.length as usize)?;
        let mut stored = vec![0; (handle.length + TRAILER) as usize];
        let start = self.place.start + handle.offset;
        let stored = self.spool.read_at(start, &mut stored).map_err(Fault::Io)?;
        let (content, crc) = stored.split_at(stored.len() - 4);
        if masked_crc(&[content]).to_le_bytes() != crc {
            let problem = "the checksum of a block does not match";
            return Err(Fault::damage(V3Part::Checksum, problem));
        }
        let Some((compression, content)) = content.split_last() else {
            return Err(malformed());
        };
        block.clear();
        match compression {
            0 => block.extend_from_slice(content),
            1 => {
                let length = snap::raw::decompress_len(content).map_err(|_| malformed())?;
                if length > MAX_V3_BLOCK {
                    return Err(Fault::limit("a block exceeds the limits"));
                }
                self.budget.spend(length)?;
                block.resize(length, 0);
                let decoded = snap::raw::Decoder::new().decompress(content, block);
                if decoded != Ok(length) {
                    return Err(damage("a block is not Snappy data"));
                }
            }
            _ => return Err(Fault::version("compression", compression, "0 and 1")),
        }
        Ok(())
    }
}

/// Calls `visit` with the pairs of a block of properties.
fn for_each_pair(
    block: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let layout = Layout::read(block, 0, &[TEXTS, TEXTS])?;
    let (names, values) = (layout.texts(block, 0)?, layout.texts(block, 1)?);
    let mut before: Option<&[u8]> = None;
    for row in 0..layout.rows {
        let name = names.get(block, row)?;
        if before.is_some_and(|before| before >= name) {
            return Err(out_of_order());
        }
        before = Some(name);
        visit(name, values.get(block, row)?)?;
    }
    Ok(())
}

pub(super) fn out_of_order() -> Fault {
    Fault::damage(V3Part::KeyOrder, "keys in a table are out of order")
}

/// A block of the index, whose entries are visited once, in order.
#[derive(Default)]
struct Index {
    block: Vec<u8>,
    last_keys: Texts,
    offsets: Numbers,
    lengths: Numbers,
    rows: usize,
    next: usize,
}

impl Index {
    fn read(&mut self, table: &Table<'_>, handle: Handle) -> Result<(), Fault> {
        let old = self.block.len();
        table.read_block(handle, &mut self.block)?;
        table.budget.exchange(old, self.block.len())?;
        let block = &self.block;
        let layout = Layout::read(block, 0, &[TEXTS, NUMBERS, NUMBERS, TEXTS])?;
        self.last_keys = layout.texts(block, 0)?;
        self.offsets = layout.numbers(block, 1)?;
        self.lengths = layout.numbers(block, 2)?;
        (self.rows, self.next) = (layout.rows, 0);
        Ok(())
    }

    /// The next block that can hold keys from `from` on. Blocks follow each other in their table, so `after` is the end
    /// of the one before.
    fn next(&mut self, from: &[u8], after: &mut u64) -> Result<Option<Handle>, Fault> {
        while self.next < self.rows {
            let row = self.next;
            self.next += 1;
            let handle = Handle {
                offset: self.offsets.get(&self.block, row)?,
                length: self.lengths.get(&self.block, row)?,
            };
            if handle.offset < *after {
                let problem = "blocks of a table overlap";
                return Err(Fault::damage(V3Part::Table, problem));
            }
            *after = handle.end().ok_or_else(malformed)?;
            let last_key = self.last_keys.get(&self.block, row)?;
            if row > 0 && self.last_keys.get(&self.block, row - 1)? > last_key {
                return Err(out_of_order());
            }
            if last_key >= from {
                return Ok(Some(handle));
            }
        }
        Ok(None)
    }

    /// The key that no key of the last block exceeds.
    fn last_key(&self) -> Result<&[u8], Fault> {
        let row = self.next.checked_sub(1).ok_or_else(malformed)?;
        self.last_keys.get(&self.block, row)
    }
}

/// A block of rows.
#[derive(Default)]
struct Rows {
    block: Vec<u8>,
    keys: SortedTexts,
    suffixes: Texts,
    trailers: Numbers,
    values: Texts,
    rows: usize,
    next: usize,
    /// The length of the prefix of the current bundle of keys.
    prefix: usize,
    /// The current key without its suffix.
    key: Vec<u8>,
}

impl Rows {
    fn read(&mut self, table: &Table<'_>, handle: Handle) -> Result<(), Fault> {
        let old = self.block.len();
        table.read_block(handle, &mut self.block)?;
        table.budget.exchange(old, self.block.len())?;
        let block = &self.block;
        // Key, suffix, trailer, whether the key differs, value, whether it is elsewhere, whether it is obsolete.
        let types = [SORTED_TEXTS, TEXTS, NUMBERS, BITS, TEXTS, BITS, BITS];
        let layout = Layout::read(block, 4, &types)?;
        self.keys = layout.sorted_texts(block, 0)?;
        self.suffixes = layout.texts(block, 1)?;
        self.trailers = layout.numbers(block, 2)?;
        self.values = layout.texts(block, 4)?;
        if !layout.is_clear(block, 5)? {
            return Err(Fault::Unknown("values in other blocks".to_owned()));
        }
        (self.rows, self.next) = (layout.rows, 0);
        Ok(())
    }
}

/// The position of a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) key: Vec<u8>,
    pub(super) sequence: u64,
    pub(super) is_deleted: bool,
}

/// A walk over rows of a table.
pub(super) struct Cursor<'s> {
    table: Table<'s>,
    /// The sequence number of all rows, if they do not state their own.
    sequence: Option<u64>,
    from: Vec<u8>,
    top: Index,
    lower: Index,
    rows: Rows,
    /// Where the last blocks of rows and of the index ended.
    rows_end: u64,
    index_end: u64,
    /// The last row.
    before: Option<(Vec<u8>, u64)>,
    /// Bytes of keys in memory.
    key_bytes: usize,
}

impl<'s> Cursor<'s> {
    /// Starts before the first row whose key is at least `from`.
    pub(super) fn new(table: Table<'s>, sequence: Option<u64>, from: &[u8]) -> Result<Self, Fault> {
        let mut top = Index::default();
        top.read(&table, table.index)?;
        Ok(Self {
            table,
            sequence,
            from: from.to_vec(),
            top,
            lower: Index::default(),
            rows: Rows::default(),
            rows_end: 0,
            index_end: 0,
            before: None,
            key_bytes: 0,
        })
    }

    /// Loads the next block of rows. Returns whether there is one.
    fn next_block(&mut self) -> Result<bool, Fault> {
        let handle = if self.table.has_two_levels {
            loop {
                if let Some(handle) = self.lower.next(&self.from, &mut self.rows_end)? {
                    break Some(handle);
                }
                let Some(part) = self.top.next(&self.from, &mut self.index_end)? else {
                    break None;
                };
                self.lower.read(&self.table, part)?;
            }
        } else {
            self.top.next(&self.from, &mut self.rows_end)?
        };
        match handle {
            Some(handle) => self.rows.read(&self.table, handle).map(|()| true),
            None => Ok(false),
        }
    }

    /// Moves to the next row. Returns whether there is one.
    pub(super) fn advance(&mut self, head: &mut Head) -> Result<bool, Fault> {
        loop {
            while self.rows.next == self.rows.rows {
                self.check_last_key()?;
                if !self.next_block()? {
                    return Ok(false);
                }
            }
            self.read_row(head)?;
            if head.key >= self.from {
                return Ok(true);
            }
        }
    }

    /// Checks that the index does not hide rows: it states a key that none of the block exceeds.
    fn check_last_key(&self) -> Result<(), Fault> {
        let index = if self.table.has_two_levels {
            &self.lower
        } else {
            &self.top
        };
        match &self.before {
            Some((key, _)) if self.rows.rows > 0 && index.last_key()? < key.as_slice() => {
                Err(out_of_order())
            }
            _ => Ok(()),
        }
    }

    fn read_row(&mut self, head: &mut Head) -> Result<(), Fault> {
        let rows = &mut self.rows;
        let (block, row) = (&rows.block, rows.next);
        rows.keys
            .step(block, row, &mut rows.key, &mut rows.prefix)?;
        let suffix = rows.suffixes.get(block, row)?;
        let trailer = rows.trailers.get(block, row)?;
        rows.next += 1;
        if rows.key.len() + suffix.len() > MAX_V3_KEY {
            return Err(Fault::limit("a key exceeds the limits"));
        }
        head.key.clear();
        head.key.extend_from_slice(&rows.key);
        head.key.extend_from_slice(suffix);
        self.table.budget.spend(head.key.len())?;
        // Here, in the rows, and in what the caller holds.
        let key_bytes = 3 * head.key.len();
        self.table.budget.exchange(self.key_bytes, key_bytes)?;
        self.key_bytes = key_bytes;
        let (kind, stated) = (trailer as u8, trailer >> 8);
        let is_in_order = match &self.before {
            None => true,
            Some((key, sequence)) => match key.as_slice().cmp(&head.key) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Equal => stated < *sequence,
                std::cmp::Ordering::Greater => false,
            },
        };
        if !is_in_order {
            return Err(out_of_order());
        }
        let (key, sequence) = self.before.get_or_insert_default();
        key.clone_from(&head.key);
        *sequence = stated;
        head.sequence = self.sequence.unwrap_or(stated);
        head.is_deleted = if DELETED.contains(&kind) {
            true
        } else if SET.contains(&kind) {
            false
        } else {
            return Err(Fault::Unknown(format!("rows of kind {kind}")));
        };
        Ok(())
    }

    /// The value of the current row.
    pub(super) fn value(&self) -> Result<&[u8], Fault> {
        let row = self.rows.next.checked_sub(1).ok_or_else(malformed)?;
        self.rows.values.get(&self.rows.block, row)
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        let blocks = self.top.block.len() + self.lower.block.len() + self.rows.block.len();
        let held = blocks + self.key_bytes;
        // Less memory never exceeds the budget.
        let _ = self.table.budget.exchange(held, 0);
    }
}
