//! The b-trees of a SQLite database: every table and every index is one. A walk follows each page at most once and checks
//! what it relies on, so it ends on any bytes and takes time in proportion to the database.

use super::pages::{Fault, PageReader, PageSet, Pages, PayloadKind, be_u16, be_u32, varint};

/// Kinds of pages, by the first byte of their header.
const INTERIOR_INDEX: u8 = 2;
const INTERIOR_TABLE: u8 = 5;
const LEAF_INDEX: u8 = 10;
const LEAF_TABLE: u8 = 13;

/// Deepest tree that is followed. A tree of more levels would have more pages than SQLite allows.
const MAX_DEPTH: usize = 32;

/// Whether a page with this first byte is part of an index. Overflow pages begin with the number of another page, whose
/// first byte is smaller in databases of up to [`MAX_DISTINCT_MIB`].
pub(super) fn is_of_index(first: u8) -> bool {
    matches!(first, INTERIOR_INDEX | LEAF_INDEX)
}

/// Size up to which a database of the smallest pages, 512 bytes, has no page of a number with a first byte over 1.
pub(super) const MAX_DISTINCT_MIB: u64 = 16 << 10;

/// The header of a b-tree page and where its cells are.
#[derive(Clone, Copy)]
struct Header {
    kind: u8,
    cells: usize,
    /// Where the array of pointers to cells starts.
    pointers: usize,
}

impl Header {
    fn of(number: u32, page: &[u8]) -> Result<Self, Fault> {
        let start = Pages::tree_header(number);
        let kind = page[start];
        let pointers = match kind {
            INTERIOR_INDEX | INTERIOR_TABLE => start + 12,
            LEAF_INDEX | LEAF_TABLE => start + 8,
            _ => return Err(Fault::page(number, "is not part of a table or an index")),
        };
        let cells = usize::from(be_u16(page, start + 3)?);
        match pointers + 2 * cells <= page.len() {
            true => Ok(Self {
                kind,
                cells,
                pointers,
            }),
            false => Err(Fault::page(number, "claims more rows than it can hold")),
        }
    }

    fn is_interior(self) -> bool {
        matches!(self.kind, INTERIOR_INDEX | INTERIOR_TABLE)
    }

    /// Where a cell starts on its page.
    fn cell(self, page: &[u8], at: usize) -> Result<usize, Fault> {
        be_u16(page, self.pointers + 2 * at).map(usize::from)
    }

    /// The child page to the right of all cells.
    fn last_child(self, number: u32, page: &[u8]) -> Result<u32, Fault> {
        be_u32(page, Pages::tree_header(number) + 8)
    }
}

/// One row of a table, as its page holds it.
pub(in crate::snapshot) struct Cell<'p> {
    pub rowid: i64,
    /// Length of the whole payload in bytes.
    pub length: u64,
    /// The part of the payload that is on this page.
    pub local: &'p [u8],
    /// The first page with the rest of the payload; 0 if there is no rest.
    pub overflow: u32,
    /// Bytes that the cell takes on its page.
    size: usize,
}

/// A page with rows of a table.
pub(in crate::snapshot) struct Leaf<'p> {
    pages: &'p Pages,
    number: u32,
    page: &'p [u8],
    header: Header,
}

impl<'p> Leaf<'p> {
    /// Takes a page that a walk has found to be a leaf.
    ///
    /// # Errors
    /// When it is not one.
    pub fn of(pages: &'p Pages, number: u32, page: &'p [u8]) -> Result<Self, Fault> {
        let header = Header::of(number, page)?;
        match header.kind {
            LEAF_TABLE => Ok(Self {
                pages,
                number,
                page,
                header,
            }),
            _ => Err(Fault::page(number, "is not part of a table")),
        }
    }

    /// Number of rows on the page.
    pub fn rows(&self) -> usize {
        self.header.cells
    }

    /// The row at this place among those of the page.
    ///
    /// # Errors
    /// When its cell does not fit on the page.
    pub fn cell(&self, at: usize) -> Result<Cell<'p>, Fault> {
        let beyond = |_| Fault::page(self.number, "holds a row that ends beyond it");
        let start = self.header.cell(self.page, at)?;
        let (length, next) = varint(self.page, start).map_err(beyond)?;
        let (rowid, content) = varint(self.page, next).map_err(beyond)?;
        let payload =
            payload(self.pages, self.page, content, length, PayloadKind::Table).map_err(beyond)?;
        Ok(Cell {
            rowid: rowid as i64,
            length,
            local: payload.local,
            overflow: payload.overflow,
            size: payload.end - start,
        })
    }
}

/// A payload as a cell holds it.
struct Payload<'p> {
    local: &'p [u8],
    overflow: u32,
    overflow_pages: u64,
    /// Where the cell ends.
    end: usize,
}

fn payload<'p>(
    pages: &Pages,
    page: &'p [u8],
    start: usize,
    length: u64,
    kind: PayloadKind,
) -> Result<Payload<'p>, Fault> {
    let split = pages.split(length, kind);
    let end = start.saturating_add(split.local);
    let local = page
        .get(start..end)
        .ok_or_else(|| Fault::Damage("a payload ends beyond its page".to_owned()))?;
    let (overflow, end) = match split.overflow_pages {
        0 => (0, end),
        _ => (be_u32(page, end)?, end + 4),
    };
    Ok(Payload {
        local,
        overflow,
        overflow_pages: split.overflow_pages,
        end,
    })
}

/// Takes the payload of an entry of an index; `None` if it was too long to be read.
type VisitEntry<'v> = dyn FnMut(Option<&[u8]>) -> Result<(), Fault> + 'v;

/// Follows trees and marks every page it comes to; a page that it comes to twice is damage.
pub(in crate::snapshot) struct Walker<'p> {
    pages: &'p Pages,
    reader: PageReader<'p>,
    /// Reads overflow pages, so that those do not displace the page that led to them.
    overflow_reader: PageReader<'p>,
    seen: PageSet,
}

impl<'p> Walker<'p> {
    pub fn new(pages: &'p Pages) -> Self {
        Self {
            pages,
            reader: PageReader::new(pages),
            overflow_reader: PageReader::new(pages),
            seen: PageSet::default(),
        }
    }

    /// Whether the walk has come to a page.
    pub fn has_seen(&self, number: u32) -> bool {
        self.seen.contains(number)
    }

    /// Marks a page.
    ///
    /// # Errors
    /// When it does not exist, or was marked before.
    pub fn mark(&mut self, number: u32) -> Result<(), Fault> {
        if number == 0 || number > self.pages.count {
            let count = self.pages.count;
            let problem = format!("it refers to page {number}, but has only {count}");
            return Err(Fault::Damage(problem));
        }
        match self.seen.insert(number) {
            true => Ok(()),
            false => Err(Fault::page(number, "is referred to more than once")),
        }
    }

    /// Calls `visit` with every page of rows of the table whose tree starts at `root`, in the order of the row ids.
    ///
    /// # Errors
    /// The first damage, or the first error of `visit`.
    pub fn table(
        &mut self,
        root: u32,
        visit: &mut dyn FnMut(u32, &Leaf<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.mark(root)?;
        let mut next = vec![(root, 1)];
        let mut last_rowid = None;
        while let Some((number, depth)) = next.pop() {
            let page = self.reader.page(number)?;
            let header = Header::of(number, page)?;
            if header.is_interior() {
                let children = children(number, page, header, INTERIOR_TABLE, depth)?;
                for child in children.iter().rev() {
                    self.mark(*child)?;
                    next.push((*child, depth + 1));
                }
                continue;
            }
            let leaf = Leaf::of(self.pages, number, page)?;
            let mut overflows = Vec::new();
            let mut size = 0;
            for at in 0..leaf.rows() {
                let cell = leaf.cell(at)?;
                size += cell.size;
                if last_rowid.is_some_and(|last| last >= cell.rowid) {
                    return Err(Fault::page(number, "holds rows out of order"));
                }
                last_rowid = Some(cell.rowid);
                if cell.overflow != 0 {
                    let pages = self
                        .pages
                        .split(cell.length, PayloadKind::Table)
                        .overflow_pages;
                    overflows.push((cell.overflow, pages));
                }
            }
            // Cells that share bytes could hold more than the page.
            if size > page.len() {
                return Err(Fault::page(number, "holds rows that overlap"));
            }
            visit(number, &leaf)?;
            for (first, pages) in overflows {
                mark_chain(
                    &mut self.overflow_reader,
                    &mut self.seen,
                    self.pages.count,
                    first,
                    pages,
                )?;
            }
        }
        Ok(())
    }

    /// Calls `visit` with the payload of every entry of the index whose tree starts at `root`, in the order of the index.
    /// A payload over `longest` bytes is not read: `visit` gets `None`.
    ///
    /// # Errors
    /// The first damage, or the first error of `visit`.
    pub fn index(
        &mut self,
        root: u32,
        longest: usize,
        visit: &mut VisitEntry<'_>,
    ) -> Result<(), Fault> {
        /// An interior page on the way to the current one.
        struct Level {
            number: u32,
            page: Vec<u8>,
            header: Header,
            next: usize,
        }
        let mut levels: Vec<Level> = Vec::new();
        let mut payload = Vec::new();
        let mut child = Some(root);
        loop {
            if let Some(number) = child.take() {
                self.mark(number)?;
                let page = self.reader.page(number)?;
                let header = Header::of(number, page)?;
                if !matches!(header.kind, INTERIOR_INDEX | LEAF_INDEX) {
                    return Err(Fault::page(number, "is not part of an index"));
                }
                if levels.len() == MAX_DEPTH {
                    return Err(Fault::page(number, "is too deep in its tree"));
                }
                let page = page.to_vec();
                levels.push(Level {
                    number,
                    page,
                    header,
                    next: 0,
                });
                if header.is_interior() {
                    child = Some(child_at(&levels[levels.len() - 1].page, header, number, 0)?);
                    continue;
                }
            }
            let Some(level) = levels.last_mut() else {
                return Ok(());
            };
            let (header, number) = (level.header, level.number);
            if level.next == header.cells {
                levels.pop();
                continue;
            }
            let start = header.cell(&level.page, level.next)?;
            level.next += 1;
            let start = start + if header.is_interior() { 4 } else { 0 };
            let (length, content) = varint(&level.page, start)?;
            let cell = self::payload(self.pages, &level.page, content, length, PayloadKind::Index)
                .map_err(|_| Fault::page(number, "holds an entry that ends beyond it"))?;
            match usize::try_from(length) {
                Ok(length) if length <= longest && cell.overflow_pages > 0 => {
                    payload.clear();
                    payload.extend_from_slice(cell.local);
                    mark_chain(
                        &mut self.overflow_reader,
                        &mut self.seen,
                        self.pages.count,
                        cell.overflow,
                        cell.overflow_pages,
                    )?;
                    let missing = length - cell.local.len();
                    self.overflow_reader
                        .read_overflow(cell.overflow, missing, &mut payload)?;
                    visit(Some(&payload))?;
                }
                Ok(length) if length <= longest => visit(Some(cell.local))?,
                _ => {
                    mark_chain(
                        &mut self.overflow_reader,
                        &mut self.seen,
                        self.pages.count,
                        cell.overflow,
                        cell.overflow_pages,
                    )?;
                    visit(None)?;
                }
            }
            if header.is_interior() {
                let next = level.next;
                child = Some(child_at(&level.page, header, number, next)?);
            }
        }
    }

    /// Marks the pages of the list of free pages.
    ///
    /// # Errors
    /// When the list refers to a page that does not exist or is used.
    pub fn free_pages(&mut self) -> Result<(), Fault> {
        let mut trunk = self.pages.first_free;
        while trunk != 0 {
            self.mark(trunk)?;
            let page = self.reader.page(trunk)?;
            let (next, leaves) = (be_u32(page, 0)?, be_u32(page, 4)? as usize);
            if leaves > page.len() / 4 {
                return Err(Fault::page(trunk, "lists more free pages than it can hold"));
            }
            let free = (0..leaves).map(|at| be_u32(page, 8 + 4 * at));
            for number in free.collect::<Result<Vec<_>, _>>()? {
                self.mark(number)?;
            }
            trunk = next;
        }
        Ok(())
    }

    /// The kind of tree at `root`.
    ///
    /// # Errors
    /// When there is no tree.
    pub fn kind_of(&mut self, root: u32) -> Result<PayloadKind, Fault> {
        let page = self.reader.page(root)?;
        Ok(match Header::of(root, page)?.kind {
            INTERIOR_TABLE | LEAF_TABLE => PayloadKind::Table,
            _ => PayloadKind::Index,
        })
    }
}

fn child_at(page: &[u8], header: Header, number: u32, at: usize) -> Result<u32, Fault> {
    match at < header.cells {
        true => be_u32(page, header.cell(page, at)?),
        false => header.last_child(number, page),
    }
}

/// The children of an interior page, from left to right.
fn children(
    number: u32,
    page: &[u8],
    header: Header,
    kind: u8,
    depth: usize,
) -> Result<Vec<u32>, Fault> {
    if header.kind != kind {
        return Err(Fault::page(number, "is not part of a table"));
    }
    if depth == MAX_DEPTH {
        return Err(Fault::page(number, "is too deep in its tree"));
    }
    (0..=header.cells)
        .map(|at| child_at(page, header, number, at))
        .collect()
}

/// Marks a chain of overflow pages.
fn mark_chain(
    reader: &mut PageReader<'_>,
    seen: &mut PageSet,
    count: u32,
    first: u32,
    pages: u64,
) -> Result<(), Fault> {
    let mut number = first;
    for _ in 0..pages {
        if number == 0 || number > count {
            let problem = format!("a long value continues on page {number}, which does not exist");
            return Err(Fault::Damage(problem));
        }
        if !seen.insert(number) {
            return Err(Fault::page(number, "is referred to more than once"));
        }
        number = be_u32(reader.page(number)?, 0)?;
    }
    Ok(())
}
