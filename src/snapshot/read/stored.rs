//! A table in the file, and where the rows of each sync run are in it.

use std::collections::HashMap;
use std::path::Path;

use super::order::{Entry, Position, Positions, Sorter};
use crate::snapshot::container::declaration::{Column, TableDeclaration};
use crate::snapshot::container::{Fault, Leaf, Pages, RowReader, StoredRow, Value};
use crate::snapshot::error::{Damage, shortened};
use crate::snapshot::limits::{
    MAX_ASSET, MAX_ROW, MAX_SHORT_TEXT, MAX_SYNC_RUNS, MAX_TEXT, MAX_TYPE_BYTES,
};

/// The table of sync runs.
pub(super) const SYNC_RUNS: &str = "v1_sync_runs";

/// The problem of a row that is too long to read.
pub(super) const TOO_LONG: &str = "it is longer than a row of a c1z may be";

/// Size limits of a chunk of rows, which is what one thread reads at a time.
const CHUNK_BYTES: u64 = 256 << 10;
const CHUNK_ROWS: u32 = 512;

/// A table in the file.
pub(in crate::snapshot) struct StoredTable {
    pub name: &'static str,
    /// In the order in which rows store their values.
    pub columns: Vec<Column>,
    /// Constraints of the table as a whole.
    pub constraints: Vec<String>,
    pub root: u32,
    /// Pages of rows, in the order of the row ids.
    leaves: Vec<u32>,
    /// By number of the sync run.
    runs: Vec<RunRows>,
    /// Whether the rows are stored in the order of their ids, one sync run after another.
    is_in_order: bool,
    /// The sorted positions, if they are not.
    sorted: Option<Positions>,
    /// Number of rows that belong to no sync run.
    pub orphans: u64,
    /// Why its rows cannot be relied on, such as a row that is too long to read.
    pub(super) fault: Option<Damage>,
}

/// The rows of one sync run in one table.
#[derive(Default)]
struct RunRows {
    rows: u64,
    bytes: u64,
    chunks: Vec<Chunk>,
}

/// Consecutive rows in the order of their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct Chunk {
    start: Start,
    rows: u32,
}

impl Chunk {
    /// A chunk of one row.
    pub(super) fn at(start: Start) -> Self {
        Self { start, rows: 1 }
    }

    /// Adds the next row.
    pub(super) fn grow(&mut self) {
        self.rows += 1;
    }

    pub(super) fn rows(&self) -> u32 {
        self.rows
    }
}

/// The position of the first row of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Start {
    /// A leaf page and a cell on it.
    Leaf { leaf: u32, cell: u16 },
    /// An index into the sorted positions.
    Sorted(u64),
}

impl RunRows {
    /// Counts a row that starts at `start`.
    fn add(&mut self, start: Start, bytes: u64, open_bytes: &mut u64) {
        self.rows += 1;
        self.bytes += bytes;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.rows < CHUNK_ROWS && *open_bytes < CHUNK_BYTES => {
                chunk.grow();
                *open_bytes += bytes;
            }
            _ => {
                self.chunks.push(Chunk::at(start));
                *open_bytes = bytes;
            }
        }
    }
}

impl StoredTable {
    /// A table whose rows are still to be found.
    pub(super) fn new(name: &'static str, declared: TableDeclaration, root: u32) -> Self {
        Self {
            name,
            columns: declared.columns,
            constraints: declared.constraints,
            root,
            leaves: Vec::new(),
            runs: Vec::new(),
            is_in_order: true,
            sorted: None,
            orphans: 0,
            fault: None,
        }
    }

    /// Whether `declared` has the columns of this table in the same order. Then takes its declarations.
    pub(super) fn is_declared_as(&mut self, declared: TableDeclaration) -> bool {
        let names =
            |columns: &[Column]| columns.iter().map(|of| of.name.clone()).collect::<Vec<_>>();
        let is_same = names(&self.columns) == names(&declared.columns);
        (self.columns, self.constraints) = (declared.columns, declared.constraints);
        is_same
    }

    /// Whether its rows are usable as they are stored.
    pub(super) fn is_usable(&self) -> bool {
        self.is_in_order && self.fault.is_none()
    }

    /// Whether no row of it belongs to a sync run.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.iter().all(|run| run.rows == 0)
    }

    /// The index of a column in the rows.
    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|own| own.name == column)
    }

    /// The longest row that is read, in bytes.
    fn longest(&self) -> u64 {
        match self.name {
            "v1_assets" | "v1_connector_sessions" => MAX_ASSET,
            _ => MAX_ROW,
        }
    }

    /// Reads rows of this table.
    pub(crate) fn reader<'p>(&self, pages: &'p Pages) -> RowReader<'p> {
        RowReader::new(pages, self.longest())
    }

    /// Its leaf pages, in the order of the row ids.
    #[cfg(test)]
    pub(crate) fn leaves(&self) -> &[u32] {
        &self.leaves
    }

    /// The rows of a sync run, in the order of their ids.
    pub(crate) fn chunks(&self, run: Option<u32>) -> &[Chunk] {
        run.and_then(|run| self.runs.get(run as usize))
            .map_or(&[], |rows| &rows.chunks)
    }

    /// A walk over the rows of a chunk.
    pub(crate) fn positions(&self, chunk: Chunk) -> ChunkPositions {
        ChunkPositions {
            at: chunk.start,
            left: chunk.rows,
            rows_on_leaf: 0,
        }
    }

    /// Every position, in the order of the row ids.
    pub(crate) fn all_positions<'p>(
        &'p self,
        pages: &'p Pages,
    ) -> impl Iterator<Item = Result<Position, Fault>> + 'p {
        let mut reader = self.reader(pages);
        self.leaves.iter().flat_map(move |page| {
            let rows = reader.rows_on(*page);
            let (rows, fault) = match rows {
                Ok(rows) => (rows, None),
                Err(fault) => (0, Some(Err(fault))),
            };
            let positions = (0..rows).map(|cell| {
                Ok(Position {
                    page: *page,
                    cell: cell as u16,
                })
            });
            positions.chain(fault)
        })
    }

    /// Sorts the rows unless they are stored in the order of their ids.
    pub(super) fn sort_if_needed(
        &mut self,
        pages: &Pages,
        runs: &HashMap<String, u32>,
        dir: &Path,
    ) -> Result<(), Fault> {
        if self.name == "v1_resource_types"
            && self.runs.iter().any(|run| run.bytes > MAX_TYPE_BYTES)
        {
            self.fault = Some(Damage::Limit(format!(
                "it has more than {MAX_TYPE_BYTES} bytes of resource types"
            )));
        }
        if self.is_in_order || self.fault.is_some() {
            return Ok(());
        }
        self.sort(pages, runs, dir)
    }

    /// Sorts the rows by sync run and id.
    fn sort(
        &mut self,
        pages: &Pages,
        runs: &HashMap<String, u32>,
        dir: &Path,
    ) -> Result<(), Fault> {
        let sync_place = self.place("sync_id");
        let id_place = self.place("external_id");
        let mut sorter = Sorter::new(dir);
        let mut reader = self.reader(pages);
        for position in self.all_positions(pages) {
            let position = position?;
            let Some(row) = reader.row(position.page, position.cell.into())? else {
                continue;
            };
            let sync = text(&row, sync_place).and_then(|id| std::str::from_utf8(id).ok());
            let Some(run) = sync.and_then(|id| runs.get(id)) else {
                continue;
            };
            sorter
                .push(Entry {
                    run: *run,
                    id: text(&row, id_place).unwrap_or_default().to_vec(),
                    position,
                    bytes: row.len() as u32,
                })
                .map_err(Fault::Io)?;
        }
        self.runs.clear();
        self.runs.resize_with(runs.len(), RunRows::default);
        let mut at = 0;
        let mut open_bytes = 0;
        let mut last: Option<(u32, Vec<u8>)> = None;
        let has_id = id_place.is_some();
        let (all, fault) = (&mut self.runs, &mut self.fault);
        let positions = sorter
            .finish(&mut |entry| {
                match &mut last {
                    Some((run, id)) if *run == entry.run => {
                        if has_id && *id == entry.id {
                            fault.get_or_insert(Damage::Row {
                                table: self.name,
                                id: shortened(id),
                                problem: "it occurs twice".to_owned(),
                            });
                        }
                        id.clone_from(&entry.id);
                    }
                    _ => last = Some((entry.run, entry.id.clone())),
                }
                let rows = &mut all[entry.run as usize];
                rows.add(Start::Sorted(at), u64::from(entry.bytes), &mut open_bytes);
                at += 1;
            })
            .map_err(Fault::Io)?;
        self.sorted = Some(positions);
        Ok(())
    }
}

/// Numbers the sync runs in the order of their table.
#[derive(Default)]
pub(super) struct SyncIds {
    pub numbers: HashMap<String, u32>,
    pub positions: Vec<Position>,
    count: usize,
}

impl SyncIds {
    /// Reads the rows of a leaf page of `table`.
    ///
    /// # Errors
    /// When one of them is damaged.
    pub(super) fn read(
        &mut self,
        table: &mut StoredTable,
        reader: &mut RowReader<'_>,
        number: u32,
        leaf: &Leaf<'_>,
    ) -> Result<(), Fault> {
        table.leaves.push(number);
        self.count += leaf.rows();
        if self.count > MAX_SYNC_RUNS {
            table.fault = Some(Damage::Limit(format!(
                "it holds more than {MAX_SYNC_RUNS} sync runs"
            )));
            return Ok(());
        }
        let place = table.place("sync_id");
        for cell in 0..leaf.rows() {
            let row = reader.row_on(leaf, cell)?;
            if let (Some(row), Some(place)) = (row, place)
                && let Some(Value::Text(id)) = row.value(place)
                && id.len() <= MAX_SHORT_TEXT
                && let Ok(id) = std::str::from_utf8(id)
            {
                if self.numbers.contains_key(id) {
                    table.fault.get_or_insert(Damage::Row {
                        table: SYNC_RUNS,
                        id: id.to_owned(),
                        problem: "it occurs twice".to_owned(),
                    });
                    continue;
                }
                self.numbers
                    .insert(id.to_owned(), self.positions.len() as u32);
                self.positions.push(Position {
                    page: number,
                    cell: cell as u16,
                });
            }
        }
        Ok(())
    }
}

/// A row that belongs to a sync run.
pub(super) struct FoundRow<'r> {
    /// The number of the sync run.
    pub run: u32,
    pub row: StoredRow<'r>,
    /// Its position.
    pub start: Start,
    /// Whether the rows of its table so far are usable as they are stored.
    pub is_usable: bool,
}

/// Finds the rows of each sync run on the leaf pages of one table.
pub(super) struct RowFinder<'p> {
    reader: RowReader<'p>,
    sync_place: Option<usize>,
    id_place: Option<usize>,
    /// Size of the rows in the last chunk.
    open_bytes: u64,
    /// The previous row, if it belongs to a sync run.
    last: Option<(u32, Vec<u8>)>,
    /// The sync id of the previous row, and its number.
    last_sync: (Vec<u8>, Option<u32>),
}

impl<'p> RowFinder<'p> {
    pub(super) fn new(table: &StoredTable, pages: &'p Pages) -> Self {
        Self {
            reader: table.reader(pages),
            sync_place: table.place("sync_id"),
            id_place: table.place("external_id"),
            open_bytes: 0,
            last: None,
            last_sync: (Vec::new(), None),
        }
    }

    /// Reads the rows of a leaf page of `table`. Calls `visit` with those that belong to a sync run.
    ///
    /// # Errors
    /// When one of them is damaged, or the first error of `visit`.
    pub(super) fn read(
        &mut self,
        table: &mut StoredTable,
        number: u32,
        leaf: &Leaf<'_>,
        runs: &HashMap<String, u32>,
        visit: &mut impl FnMut(FoundRow<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let leaf_at = table.leaves.len() as u32;
        table.leaves.push(number);
        if table.runs.len() < runs.len() {
            table.runs.resize_with(runs.len(), RunRows::default);
        }
        for cell in 0..leaf.rows() {
            let Some(row) = self.reader.row_on(leaf, cell)? else {
                let rowid = leaf.cell(cell)?.rowid;
                table.fault.get_or_insert(Damage::Row {
                    table: table.name,
                    id: format!("rowid {rowid}"),
                    problem: TOO_LONG.to_owned(),
                });
                continue;
            };
            let sync = text(&row, self.sync_place).unwrap_or_default();
            if self.last_sync.0 != sync {
                let known = std::str::from_utf8(sync).ok().and_then(|id| runs.get(id));
                self.last_sync = (sync.to_vec(), known.copied());
            }
            let Some(run) = self.last_sync.1 else {
                table.orphans += 1;
                self.last = None;
                continue;
            };
            let id = text(&row, self.id_place).unwrap_or_default();
            if id.len() > MAX_TEXT {
                table.fault.get_or_insert(Damage::Row {
                    table: table.name,
                    id: shortened(id),
                    problem: format!("its id is longer than {MAX_TEXT} bytes"),
                });
                continue;
            }
            let rows = &mut table.runs[run as usize];
            match &mut self.last {
                Some((last_run, last_id)) if *last_run == run => {
                    table.is_in_order &= self.id_place.is_none() || last_id.as_slice() < id;
                    last_id.clear();
                    last_id.extend_from_slice(id);
                }
                _ => {
                    table.is_in_order &= rows.rows == 0;
                    self.last = Some((run, id.to_vec()));
                }
            }
            let start = Start::Leaf {
                leaf: leaf_at,
                cell: cell as u16,
            };
            rows.add(start, row.len() as u64, &mut self.open_bytes);
            visit(FoundRow {
                run,
                row,
                start,
                is_usable: table.is_usable(),
            })?;
        }
        Ok(())
    }
}

/// The text in a column of a row.
fn text<'r>(row: &StoredRow<'r>, place: Option<usize>) -> Option<&'r [u8]> {
    match row.value(place?)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Walks over the rows of a chunk.
pub(in crate::snapshot) struct ChunkPositions {
    at: Start,
    left: u32,
    /// Number of rows on the page of `at`; 0 until known.
    rows_on_leaf: usize,
}

impl ChunkPositions {
    /// The position of the next row; `None` at the end of the chunk.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(
        &mut self,
        table: &StoredTable,
        reader: &mut RowReader<'_>,
    ) -> Result<Option<Position>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        match &mut self.at {
            Start::Sorted(at) => {
                let positions = table.sorted.as_ref();
                let position = positions
                    .map(|positions| positions.get(*at))
                    .transpose()
                    .map_err(Fault::Io)?;
                *at += 1;
                Ok(position)
            }
            Start::Leaf { leaf, cell } => loop {
                let Some(page) = table.leaves.get(*leaf as usize).copied() else {
                    return Ok(None);
                };
                if self.rows_on_leaf == 0 {
                    self.rows_on_leaf = reader.rows_on(page)?;
                }
                if usize::from(*cell) < self.rows_on_leaf {
                    let position = Position { page, cell: *cell };
                    *cell += 1;
                    return Ok(Some(position));
                }
                (*leaf, *cell) = (*leaf + 1, 0);
                self.rows_on_leaf = 0;
            },
        }
    }
}
