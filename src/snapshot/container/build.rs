//! Builds a SQLite database that `pages.rs` and `btree.rs` can read, from rows in the order in which they come. Pages are
//! written once, one after another, so memory does not grow with the rows. There are no indexes.

use std::io::{self, Write};
use std::path::Path;

use super::header::{DATABASE_HEADER, MAGIC};
use super::pages::{PayloadKind, lock_page, split};
use super::record::Value;
use super::spool::{Spool, SpoolWriter};

const PAGE: usize = 4096;
/// Bytes gathered before they are written.
const BUFFER: usize = 64 * PAGE;
const LEAF: u8 = 13;
const INTERIOR: u8 = 5;
/// Headers of leaf and interior pages.
const LEAF_HEADER: usize = 8;
const INTERIOR_HEADER: usize = 12;

/// A page that is being filled: its cells from the end, and the positions of their starts.
struct Page {
    starts: Vec<u16>,
    /// The cells, in the order in which they were added.
    cells: Vec<u8>,
}

impl Page {
    fn new() -> Self {
        Self {
            starts: Vec::new(),
            cells: Vec::with_capacity(PAGE),
        }
    }

    /// Adds a cell, if it fits into a page whose header takes `header` bytes.
    fn add(&mut self, cell: &[u8], header: usize) -> bool {
        let used = header + 2 * (self.starts.len() + 1) + self.cells.len() + cell.len();
        if used > PAGE {
            return false;
        }
        self.cells.extend_from_slice(cell);
        self.starts.push((PAGE - self.cells.len()) as u16);
        true
    }

    /// Writes the page into `page`, whose first `before` bytes are taken, and empties it.
    fn take(&mut self, kind: u8, before: usize, last_child: Option<u32>, page: &mut [u8; PAGE]) {
        let content = PAGE - self.cells.len();
        let header = &mut page[before..];
        header[0] = kind;
        header[3..5].copy_from_slice(&(self.starts.len() as u16).to_be_bytes());
        header[5..7].copy_from_slice(&(content as u16).to_be_bytes());
        let mut at = before + LEAF_HEADER;
        if let Some(child) = last_child {
            page[at..at + 4].copy_from_slice(&child.to_be_bytes());
            at = before + INTERIOR_HEADER;
        }
        // Cells are stored from the end of the page towards its start.
        let mut end = PAGE;
        for start in self.starts.drain(..) {
            page[at..at + 2].copy_from_slice(&start.to_be_bytes());
            at += 2;
            let from = PAGE - end;
            let length = end - usize::from(start);
            page[usize::from(start)..end].copy_from_slice(&self.cells[from..from + length]);
            end = usize::from(start);
        }
        self.cells.clear();
    }
}

/// A database that is being built, one table after another.
pub(in crate::snapshot) struct Builder {
    out: SpoolWriter,
    buffer: Vec<u8>,
    /// Pages so far, including those in the buffer.
    pages: u32,
    /// The rows of the schema.
    schema: Page,
    /// Of the current table: its last page, its full pages with the last row id of each, and its rows.
    leaf: Page,
    children: Vec<(u32, u64)>,
    rows: u64,
    /// Scratch space.
    payload: Vec<u8>,
    cell: Vec<u8>,
}

impl Builder {
    /// Starts a database that moves to a file in `dir` once it exceeds `in_memory` bytes.
    pub(crate) fn new(in_memory: usize, dir: &Path) -> Self {
        Self {
            out: SpoolWriter::new(in_memory, dir),
            // The first page is written last.
            buffer: vec![0; PAGE],
            pages: 1,
            schema: Page::new(),
            leaf: Page::new(),
            children: Vec::new(),
            rows: 0,
            payload: Vec::new(),
            cell: Vec::new(),
        }
    }

    /// Size of the database so far, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.pages) * PAGE as u64
    }

    /// Appends a row to the current table.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn insert(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.rows += 1;
        self.make_cell(values, self.rows)?;
        if !self.leaf.add(&self.cell, LEAF_HEADER) {
            self.write_leaf(self.rows - 1)?;
            // A cell is much smaller than a page.
            self.leaf.add(&self.cell, LEAF_HEADER);
        }
        Ok(())
    }

    /// Ends the current table, which `sql` declares.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish_table(&mut self, name: &str, sql: &str) -> io::Result<()> {
        self.write_leaf(self.rows)?;
        self.rows = 0;
        let mut children = std::mem::take(&mut self.children);
        while children.len() > 1 {
            children = self.write_interior(&children)?;
        }
        let root = children.first().map_or(0, |(page, _)| *page);
        let row = [
            Value::Text(b"table"),
            Value::Text(name.as_bytes()),
            Value::Text(name.as_bytes()),
            Value::Integer(root.into()),
            Value::Text(sql.as_bytes()),
        ];
        self.make_cell(&row, self.schema.starts.len() as u64 + 1)?;
        let is_added = self.schema.add(&self.cell, DATABASE_HEADER + LEAF_HEADER);
        assert!(is_added, "the declarations of all tables fit on one page");
        Ok(())
    }

    /// Writes the first page, and ends the database.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(mut self) -> io::Result<Spool> {
        self.out.write_all(&self.buffer)?;
        let mut page = [0; PAGE];
        self.schema.take(LEAF, DATABASE_HEADER, None, &mut page);
        let header = &mut page[..DATABASE_HEADER];
        header[..16].copy_from_slice(&MAGIC);
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(16, &(PAGE as u16).to_be_bytes());
        // Versions of the file format, and fixed fractions.
        put(18, &[1, 1, 0, 64, 32, 32]);
        put(28, &self.pages.to_be_bytes());
        // The change counter, the schema's version and format, UTF-8, and the counter that the page count is of.
        for (at, number) in [(24, 1), (40, 1), (44, 4), (56, 1), (92, 1_u32)] {
            put(at, &number.to_be_bytes());
        }
        self.out.rewrite_start(&page)?;
        self.out.finish()
    }

    /// Encodes a row as a cell of a leaf page. What does not fit is written to other pages.
    fn make_cell(&mut self, values: &[Value<'_>], rowid: u64) -> io::Result<()> {
        encode(values, &mut self.payload);
        let payload = std::mem::take(&mut self.payload);
        let local = split(PAGE, payload.len() as u64, PayloadKind::Table).local;
        self.cell.clear();
        push_varint(payload.len() as u64, &mut self.cell);
        push_varint(rowid, &mut self.cell);
        self.cell.extend_from_slice(&payload[..local]);
        let mut rest = payload[local..].chunks(PAGE - 4).peekable();
        if rest.peek().is_some() {
            let first = self.next_page()?;
            self.cell.extend_from_slice(&first.to_be_bytes());
        }
        while let Some(content) = rest.next() {
            let mut page = [0; PAGE];
            page[4..4 + content.len()].copy_from_slice(content);
            if rest.peek().is_some() {
                let next = self.page_after(self.next_page()?)?;
                page[..4].copy_from_slice(&next.to_be_bytes());
            }
            self.write_page(&page)?;
        }
        self.payload = payload;
        Ok(())
    }

    /// Writes the last leaf page of the current table.
    fn write_leaf(&mut self, last_row: u64) -> io::Result<()> {
        let mut page = [0; PAGE];
        self.leaf.take(LEAF, 0, None, &mut page);
        let number = self.write_page(&page)?;
        self.children.push((number, last_row));
        Ok(())
    }

    /// Writes the pages that refer to `children`. Returns them, with the last row id of each.
    fn write_interior(&mut self, children: &[(u32, u64)]) -> io::Result<Vec<(u32, u64)>> {
        let mut level = Vec::new();
        let mut interior = Page::new();
        for (at, (child, last_row)) in children.iter().enumerate() {
            let mut cell = child.to_be_bytes().to_vec();
            push_varint(*last_row, &mut cell);
            let is_last = at + 1 == children.len();
            // The last child of a page has no cell.
            if is_last || !interior.add(&cell, INTERIOR_HEADER) {
                let mut page = [0; PAGE];
                interior.take(INTERIOR, 0, Some(*child), &mut page);
                level.push((self.write_page(&page)?, *last_row));
            }
        }
        Ok(level)
    }

    /// The number of the page that is written next.
    fn next_page(&self) -> io::Result<u32> {
        self.page_after(self.pages)
    }

    fn page_after(&self, page: u32) -> io::Result<u32> {
        let next = |page: u32| page.checked_add(1).ok_or(io::ErrorKind::StorageFull);
        match next(page)? {
            locked if locked == lock_page(PAGE) => Ok(next(locked)?),
            page => Ok(page),
        }
    }

    fn write_page(&mut self, page: &[u8; PAGE]) -> io::Result<u32> {
        let number = self.next_page()?;
        // The page that SQLite locks stays empty.
        let skipped = (number - self.pages - 1) as usize;
        self.buffer.resize(self.buffer.len() + skipped * PAGE, 0);
        self.buffer.extend_from_slice(page);
        self.pages = number;
        if self.buffer.len() >= BUFFER {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(number)
    }
}

/// Replaces `payload` by the record of `values`: a header of types, then the values.
fn encode(values: &[Value<'_>], payload: &mut Vec<u8>) {
    let mut types = Vec::with_capacity(2 * values.len());
    for value in values {
        let serial_type = match value {
            Value::Null => 0,
            Value::Integer(0) => 8,
            Value::Integer(1) => 9,
            Value::Integer(_) => 6,
            Value::Real(_) => 7,
            Value::Text(text) => 13 + 2 * text.len() as u64,
            Value::Blob(blob) => 12 + 2 * blob.len() as u64,
        };
        push_varint(serial_type, &mut types);
    }
    payload.clear();
    // The header includes its own length, which takes one byte up to 127.
    let own = if types.len() < 127 { 1 } else { 2 };
    push_varint((types.len() + own) as u64, payload);
    payload.extend_from_slice(&types);
    for value in values {
        match value {
            Value::Null | Value::Integer(0 | 1) => {}
            Value::Integer(number) => payload.extend_from_slice(&number.to_be_bytes()),
            Value::Real(number) => payload.extend_from_slice(&number.to_be_bytes()),
            Value::Text(bytes) | Value::Blob(bytes) => payload.extend_from_slice(bytes),
        }
    }
}

/// Appends a varint of SQLite: big-endian, seven bits per byte. No number here needs the ninth byte.
fn push_varint(value: u64, out: &mut Vec<u8>) {
    let mut shift = 7 * (value.max(1).ilog2() / 7);
    while shift > 0 {
        out.push((value >> shift) as u8 | 0x80);
        shift -= 7;
    }
    out.push(value as u8 & 0x7f);
}
