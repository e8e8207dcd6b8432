//! The b-trees of a SQLite database: every table and every index is one. A walk visits each page at most once and
//! checks everything it relies on, so it ends on any input and takes time in proportion to the size of the database.

use std::collections::VecDeque;

use super::fault::Fault;
use super::numbers::{be_u16, be_u32, varint};
use super::pages::{PageReader, PageSet, Pages, PayloadKind};
use super::record;

/// Kinds of pages, by the first byte of their header.
const INTERIOR_INDEX: u8 = 2;
const INTERIOR_TABLE: u8 = 5;
const LEAF_INDEX: u8 = 10;
const LEAF_TABLE: u8 = 13;

/// Deepest tree that is read. A deeper one would have more pages than SQLite allows.
const MAX_DEPTH: usize = 32;

/// Whether a page with this first byte can only belong to an index. An overflow page starts with the number of another
/// page, whose first byte is smaller in databases of up to [`MAX_DISTINCT_MIB`], or with zeros.
pub(super) fn is_of_index(first: u8) -> bool {
    matches!(first, INTERIOR_INDEX | LEAF_INDEX)
}

/// Size in MiB up to which the first byte of a page number is at most 1, even with the smallest pages (512 bytes).
pub(super) const MAX_DISTINCT_MIB: u64 = 16 << 10;

/// The header of a b-tree page, and the position of its cells.
#[derive(Clone, Copy)]
struct Header {
    kind: u8,
    cells: usize,
    /// Start of the array of cell pointers.
    pointers: usize,
}

impl Header {
    fn of(number: u32, page: &[u8]) -> Result<Self, Fault> {
        let start = Pages::tree_header(number);
        let kind = page[start];
        let pointers = match kind {
            INTERIOR_INDEX | INTERIOR_TABLE => start + 12,
            LEAF_INDEX | LEAF_TABLE => start + 8,
            _ => {
                return Err(Fault::page(
                    number,
                    "is neither a table page nor an index page",
                ));
            }
        };
        let cells = usize::from(be_u16(page, start + 3)?);
        if pointers + 2 * cells <= page.len() {
            Ok(Self {
                kind,
                cells,
                pointers,
            })
        } else {
            Err(Fault::page(number, "claims more rows than it can hold"))
        }
    }

    fn is_interior(self) -> bool {
        matches!(self.kind, INTERIOR_INDEX | INTERIOR_TABLE)
    }

    /// The start of a cell on its page.
    fn cell(self, page: &[u8], at: usize) -> Result<usize, Fault> {
        be_u16(page, self.pointers + 2 * at).map(usize::from)
    }

    /// The child page to the right of all cells.
    fn last_child(self, number: u32, page: &[u8]) -> Result<u32, Fault> {
        be_u32(page, Pages::tree_header(number) + 8)
    }
}

/// One row of a table, as stored on its page.
pub(in crate::snapshot) struct Cell<'p> {
    pub rowid: i64,
    /// Length of the whole payload in bytes.
    pub length: u64,
    /// The part of the payload that is on this page.
    pub local: &'p [u8],
    /// The first overflow page; 0 if there is none.
    pub overflow: u32,
    /// Size of the cell on its page, in bytes.
    size: usize,
}

impl Cell<'_> {
    /// The number of values in the row of a table whose first column is the row id; `None` if it is not one of these.
    pub(crate) fn columns(&self) -> Option<usize> {
        record::columns_after_rowid(self.local)
    }
}

/// A leaf page of a table, which holds rows.
pub(in crate::snapshot) struct Leaf<'p> {
    pages: &'p Pages,
    number: u32,
    page: &'p [u8],
    header: Header,
}

impl<'p> Leaf<'p> {
    /// Reads a page as a leaf.
    ///
    /// # Errors
    /// When it is not one.
    pub(crate) fn of(pages: &'p Pages, number: u32, page: &'p [u8]) -> Result<Self, Fault> {
        let header = Header::of(number, page)?;
        match header.kind {
            LEAF_TABLE => Ok(Self {
                pages,
                number,
                page,
                header,
            }),
            _ => Err(Fault::page(number, "is not a table page")),
        }
    }

    /// The number of the page.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Checks that the rows are in order and do not overlap.
    fn check(&self) -> Result<CheckedLeaf, Fault> {
        let mut checked = CheckedLeaf {
            rowids: None,
            chains: Vec::new(),
        };
        let mut size = 0;
        for at in 0..self.rows() {
            let cell = self.cell(at)?;
            size += cell.size;
            checked.rowids = match checked.rowids {
                None => Some((cell.rowid, cell.rowid)),
                Some((first, last)) if last < cell.rowid => Some((first, cell.rowid)),
                Some(_) => return Err(Fault::page(self.number, "holds rows out of order")),
            };
            if cell.overflow != 0 {
                let split = self.pages.split(cell.length, PayloadKind::Table);
                checked.chains.push(Chain {
                    first: cell.overflow,
                    pages: split.overflow_pages,
                });
            }
        }
        // Cells that share bytes could hold more than the page.
        if size > self.page.len() {
            return Err(Fault::page(self.number, "holds rows that overlap"));
        }
        Ok(checked)
    }

    /// Number of rows on the page.
    pub(crate) fn rows(&self) -> usize {
        self.header.cells
    }

    /// The row at this index on the page.
    ///
    /// # Errors
    /// When its cell extends past the end of the page.
    pub(crate) fn cell(&self, at: usize) -> Result<Cell<'p>, Fault> {
        let beyond = |_| Fault::page(self.number, "holds a row that extends past its end");
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

/// What a check of a leaf page found.
struct CheckedLeaf {
    /// The first row id and the last.
    rowids: Option<(i64, i64)>,
    /// The overflow pages of its rows.
    chains: Vec<Chain>,
}

/// A chain of overflow pages.
struct Chain {
    first: u32,
    pages: u64,
}

/// A leaf page whose rows were read before its tree was known.
pub(in crate::snapshot) struct TakenLeaf {
    pub number: u32,
    /// The first row id and the last.
    rowids: Option<(i64, i64)>,
}

/// A payload as stored in a cell.
struct Payload<'p> {
    local: &'p [u8],
    overflow: u32,
    overflow_pages: u64,
    /// End of the cell on the page.
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
        .ok_or_else(|| Fault::Damage("a payload extends past the end of its page".to_owned()))?;
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

/// Receives the payload of an index entry; `None` if it was too long to read.
type VisitEntry<'v> = dyn FnMut(Option<&[u8]>) -> Result<(), Fault> + 'v;

/// Walks trees and marks every page it visits; visiting a page twice is damage.
pub(in crate::snapshot) struct Walker<'p> {
    pages: &'p Pages,
    reader: PageReader<'p>,
    /// A second buffer for overflow pages, so that they do not displace the page that refers to them.
    overflow_reader: PageReader<'p>,
    seen: PageSet,
    /// The page that [`next_page`](Self::next_page) returned last, and those after it.
    last_page: u32,
    upcoming: VecDeque<u32>,
    /// Problems with the free space of pages, if it is checked.
    space_problems: Option<Vec<String>>,
}

impl<'p> Walker<'p> {
    pub(crate) fn new(pages: &'p Pages) -> Self {
        Self {
            pages,
            reader: PageReader::new(pages),
            overflow_reader: PageReader::new(pages),
            seen: PageSet::default(),
            last_page: 0,
            upcoming: VecDeque::new(),
            space_problems: None,
        }
    }

    /// Also checks the free space of pages. Readers ignore it, but programs that append to the file rely on it.
    pub(crate) fn with_space(pages: &'p Pages) -> Self {
        Self {
            space_problems: Some(Vec::new()),
            ..Self::new(pages)
        }
    }

    /// Takes the problems found with the free space of pages, up to a hundred.
    pub(crate) fn take_space_problems(&mut self) -> Vec<String> {
        self.space_problems.replace(Vec::new()).unwrap_or_default()
    }

    /// Whether the walk has visited a page.
    pub(crate) fn has_seen(&self, number: u32) -> bool {
        self.seen.contains(number)
    }

    /// Marks a page.
    ///
    /// # Errors
    /// When it does not exist, or has been marked before.
    pub(crate) fn mark(&mut self, number: u32) -> Result<(), Fault> {
        if number == 0 || number > self.pages.count {
            let count = self.pages.count;
            let problem = format!("it refers to page {number}, but has only {count} pages");
            return Err(Fault::Damage(problem));
        }
        if self.seen.insert(number) {
            Ok(())
        } else {
            Err(Fault::page(number, "is used more than once"))
        }
    }

    /// Calls `visit` with every leaf page of the table whose tree starts at `root`, in the order of the row ids.
    ///
    /// # Errors
    /// The first damage, or the first error of `visit`.
    pub(crate) fn table(
        &mut self,
        root: u32,
        visit: &mut dyn FnMut(u32, &Leaf<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.mark(root)?;
        let mut next = vec![Subtree::whole(root)];
        let mut last_rowid = None;
        while let Some(subtree) = next.pop() {
            let number = subtree.page;
            let page = self.reader.page(number)?;
            let header = Header::of(number, page)?;
            if let Some(problems) = &mut self.space_problems {
                check_space(self.pages, number, page, header, problems)?;
            }
            if header.is_interior() {
                let children = subtree.children(page, header)?;
                for child in children.into_iter().rev() {
                    self.mark(child.page)?;
                    next.push(child);
                }
                continue;
            }
            let leaf = Leaf::of(self.pages, number, page)?;
            let checked = leaf.check()?;
            if !subtree.take(checked.rowids, &mut last_rowid) {
                return Err(Fault::page(number, "holds rows out of order"));
            }
            visit(number, &leaf)?;
            for chain in checked.chains {
                self.mark_chain(chain)?;
            }
        }
        Ok(())
    }

    /// The next page that was kept, from the first one on; `None` at the end of the database. Waits for it.
    pub(crate) fn next_page(&mut self) -> Option<u32> {
        if let Some(number) = self.upcoming.pop_front() {
            self.last_page = number;
            return Some(number);
        }
        self.upcoming = self.pages.next_kept(self.last_page + 1).into();
        self.last_page = self.upcoming.pop_front()?;
        Some(self.last_page)
    }

    /// Calls `look` with a page that may be a leaf page of a table; `None` if it is not one.
    ///
    /// # Errors
    /// When the page is missing, or the first error of `look`.
    pub(crate) fn look<T>(
        &mut self,
        number: u32,
        look: impl FnOnce(&Leaf<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let page = self.reader.page(number)?;
        if page[Pages::tree_header(number)] != LEAF_TABLE {
            return Ok(None);
        }
        look(&Leaf::of(self.pages, number, page)?).map(Some)
    }

    /// Calls `visit` with a leaf page of a table before it is known which tree it is in; see [`confirm`](Self::confirm).
    ///
    /// # Errors
    /// When it is damaged, or the first error of `visit`.
    pub(crate) fn take_leaf(
        &mut self,
        number: u32,
        visit: &mut dyn FnMut(&Leaf<'_>) -> Result<(), Fault>,
    ) -> Result<TakenLeaf, Fault> {
        self.mark(number)?;
        let page = self.reader.page(number)?;
        let leaf = Leaf::of(self.pages, number, page)?;
        let checked = leaf.check()?;
        visit(&leaf)?;
        for chain in checked.chains {
            self.mark_chain(chain)?;
        }
        Ok(TakenLeaf {
            number,
            rowids: checked.rowids,
        })
    }

    /// Whether the table whose tree starts at `root` consists of these leaf pages, in their order. Reads only the pages above
    /// them.
    ///
    /// # Errors
    /// When one of these is damaged.
    pub(crate) fn confirm(&mut self, root: u32, leaves: &[TakenLeaf]) -> Result<bool, Fault> {
        let mut expected = leaves.iter().peekable();
        let mut next = vec![Subtree::whole(root)];
        let mut last_rowid = None;
        while let Some(subtree) = next.pop() {
            let number = subtree.page;
            if let Some(leaf) = expected.next_if(|leaf| leaf.number == number) {
                if !subtree.take(leaf.rowids, &mut last_rowid) {
                    return Ok(false);
                }
                continue;
            }
            self.mark(number)?;
            let page = self.reader.page(number)?;
            let header = Header::of(number, page)?;
            if !header.is_interior() {
                return Ok(false);
            }
            next.extend(subtree.children(page, header)?.into_iter().rev());
        }
        Ok(expected.peek().is_none())
    }

    /// Marks the overflow pages of a payload. The last one must not refer to another.
    fn mark_chain(&mut self, chain: Chain) -> Result<(), Fault> {
        let mut number = chain.first;
        for _ in 0..chain.pages {
            self.mark(number)?;
            number = be_u32(self.overflow_reader.page(number)?, 0)?;
        }
        match number {
            0 => Ok(()),
            next => Err(Fault::Damage(format!(
                "a long value continues past its end, on page {next}"
            ))),
        }
    }

    /// Calls `visit` with the payload of every entry of the index whose tree starts at `root`, in the order of the
    /// index. A payload over `longest` bytes is not read: `visit` gets `None`.
    ///
    /// # Errors
    /// The first damage, or the first error of `visit`.
    pub(crate) fn index(
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
                    return Err(Fault::page(number, "is not an index page"));
                }
                if levels.len() == MAX_DEPTH {
                    return Err(Fault::page(number, "is too deep in its tree"));
                }
                let page = page.to_vec();
                check_index_page(self.pages, number, &page, header)?;
                if let Some(problems) = &mut self.space_problems {
                    check_space(self.pages, number, &page, header, problems)?;
                }
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
                .map_err(|_| Fault::page(number, "holds an entry that extends past its end"))?;
            match usize::try_from(length) {
                Ok(length) if length <= longest && cell.overflow_pages > 0 => {
                    payload.clear();
                    payload.extend_from_slice(cell.local);
                    self.mark_chain(Chain {
                        first: cell.overflow,
                        pages: cell.overflow_pages,
                    })?;
                    let missing = length - cell.local.len();
                    self.overflow_reader
                        .read_overflow(cell.overflow, missing, &mut payload)?;
                    visit(Some(&payload))?;
                }
                Ok(length) if length <= longest => visit(Some(cell.local))?,
                _ => {
                    self.mark_chain(Chain {
                        first: cell.overflow,
                        pages: cell.overflow_pages,
                    })?;
                    visit(None)?;
                }
            }
            if header.is_interior() {
                let next = level.next;
                child = Some(child_at(&level.page, header, number, next)?);
            }
        }
    }

    /// Marks the pages in the list of free pages.
    ///
    /// # Errors
    /// When the list refers to a page that does not exist or is in use.
    pub(crate) fn free_pages(&mut self) -> Result<(), Fault> {
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

    /// The kind of the tree at `root`.
    ///
    /// # Errors
    /// When there is no tree.
    pub(crate) fn kind_of(&mut self, root: u32) -> Result<PayloadKind, Fault> {
        let page = self.reader.page(root)?;
        Ok(match Header::of(root, page)?.kind {
            INTERIOR_TABLE | LEAF_TABLE => PayloadKind::Table,
            _ => PayloadKind::Index,
        })
    }
}

/// The end of the cell at `start`.
fn cell_end(pages: &Pages, page: &[u8], header: Header, start: usize) -> Result<usize, Fault> {
    let kind = match header.kind {
        INTERIOR_TABLE => return varint(page, start + 4).map(|(_, end)| end),
        LEAF_TABLE => PayloadKind::Table,
        _ => PayloadKind::Index,
    };
    let content = start + if header.is_interior() { 4 } else { 0 };
    let (length, mut content) = varint(page, content)?;
    if kind == PayloadKind::Table {
        content = varint(page, content)?.1;
    }
    payload(pages, page, content, length, kind).map(|payload| payload.end)
}

/// Checks that the entries of an index page fit on it without overlapping.
fn check_index_page(pages: &Pages, number: u32, page: &[u8], header: Header) -> Result<(), Fault> {
    let mut size = 0;
    for at in 0..header.cells {
        let start = header.cell(page, at)?;
        let end = cell_end(pages, page, header, start)
            .map_err(|_| Fault::page(number, "holds an entry that extends past its end"))?;
        size += end - start;
    }
    if size > page.len() {
        Err(Fault::page(number, "holds entries that overlap"))
    } else {
        Ok(())
    }
}

/// Reports a problem if the cells and free blocks of a page do not fill it as its header says.
fn check_space(
    pages: &Pages,
    number: u32,
    page: &[u8],
    header: Header,
    problems: &mut Vec<String>,
) -> Result<(), Fault> {
    const MAX_PROBLEMS: usize = 100;
    /// Least bytes that SQLite gives a cell.
    const MIN_CELL: usize = 4;
    if problems.len() == MAX_PROBLEMS {
        return Ok(());
    }
    let start = Pages::tree_header(number);
    let content = match be_u16(page, start + 5)? {
        0 => 1 << 16,
        content => usize::from(content),
    };
    let mut used = Vec::with_capacity(header.cells);
    for at in 0..header.cells {
        let cell = header.cell(page, at)?;
        let end = cell_end(pages, page, header, cell)?;
        used.push((cell, end.max(cell + MIN_CELL)));
    }
    let mut is_sound = true;
    let mut block = usize::from(be_u16(page, start + 1)?);
    while block != 0 {
        let (Ok(next), Ok(size)) = (be_u16(page, block), be_u16(page, block + 2)) else {
            is_sound = false;
            break;
        };
        let next = usize::from(next);
        used.push((block, block + usize::from(size)));
        // Blocks are in ascending order, so this ends.
        is_sound &= next == 0 || next > block;
        block = if is_sound { next } else { 0 };
    }
    used.sort_unstable();
    let mut end = content;
    let mut fragments = 0;
    for (from, to) in used {
        is_sound &= from >= end;
        fragments += from.saturating_sub(end);
        end = end.max(to);
    }
    is_sound &= end <= page.len();
    fragments += page.len().saturating_sub(end);
    if !is_sound || fragments != usize::from(page[start + 7]) {
        problems.push(format!(
            "page {number} has free space that its header does not account for"
        ));
    }
    Ok(())
}

fn child_at(page: &[u8], header: Header, number: u32, at: usize) -> Result<u32, Fault> {
    if at < header.cells {
        be_u32(page, header.cell(page, at)?)
    } else {
        header.last_child(number, page)
    }
}

/// A part of a table's tree, and the range of row ids allowed in it.
#[derive(Clone, Copy)]
struct Subtree {
    page: u32,
    depth: usize,
    over: Option<i64>,
    up_to: Option<i64>,
}

impl Subtree {
    /// The whole tree of a table.
    fn whole(root: u32) -> Self {
        Self {
            page: root,
            depth: 1,
            over: None,
            up_to: None,
        }
    }

    /// Takes the first and last row id of a leaf page. Returns whether they are in the right place, after `last`.
    fn take(&self, rowids: Option<(i64, i64)>, last: &mut Option<i64>) -> bool {
        let Some((first, new_last)) = rowids else {
            return true;
        };
        let follows = last.is_none_or(|last| last < first);
        *last = Some(new_last);
        follows && self.holds(first) && self.holds(new_last)
    }

    fn holds(&self, rowid: i64) -> bool {
        self.over.is_none_or(|over| over < rowid) && self.up_to.is_none_or(|up_to| rowid <= up_to)
    }

    /// The subtrees of an interior page, from left to right.
    fn children(&self, page: &[u8], header: Header) -> Result<Vec<Self>, Fault> {
        let number = self.page;
        if header.kind != INTERIOR_TABLE {
            return Err(Fault::page(number, "is not a table page"));
        }
        if self.depth == MAX_DEPTH {
            return Err(Fault::page(number, "is too deep in its tree"));
        }
        let mut children = Vec::with_capacity(header.cells + 1);
        let mut over = self.over;
        for at in 0..header.cells {
            let start = header.cell(page, at)?;
            let (key, _) = varint(page, start + 4)?;
            let key = key as i64;
            if !self.holds(key) || over.is_some_and(|over| over >= key) {
                return Err(Fault::page(number, "is out of order"));
            }
            children.push(Self {
                page: be_u32(page, start)?,
                depth: self.depth + 1,
                over,
                up_to: Some(key),
            });
            over = Some(key);
        }
        children.push(Self {
            page: header.last_child(number, page)?,
            depth: self.depth + 1,
            over,
            up_to: self.up_to,
        });
        Ok(children)
    }
}
