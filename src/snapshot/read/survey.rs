//! One pass over every table when a snapshot is opened. It finds the tables, checks their pages, and records the
//! positions of the rows of each sync run, in the order of their ids.
//!
//! Only the tables of a c1z are read. Indexes and other schema objects are ignored here; `verify` reports them.

use std::collections::HashMap;
use std::path::Path;

use super::order::{Entry, Position, Positions, Sorter};
use crate::snapshot::container::declaration::{Column, TableDeclaration, Unusual};
use crate::snapshot::container::{Fault, Pages, RowReader, StoredRow, Value, Walker, read_schema};
use crate::snapshot::error::{Damage, shortened};
use crate::snapshot::limits::{
    MAX_ASSET, MAX_ROW, MAX_SHORT_TEXT, MAX_SYNC_RUNS, MAX_TEXT, MAX_TYPE_BYTES,
};
use crate::snapshot::table::schema;

/// The table of sync runs.
pub(super) const SYNC_RUNS: &str = "v1_sync_runs";

/// The problem of a row that is too long to read.
pub(super) const TOO_LONG: &str = "it is longer than a row of a c1z may be";

/// Size limits of a chunk of rows, which is what one thread reads at a time.
const CHUNK_BYTES: u64 = 256 << 10;
const CHUNK_ROWS: u32 = 512;

/// The tables of a c1z that a database contains.
pub(in crate::snapshot) struct Survey {
    tables: Vec<StoredTable>,
    /// Tables of a c1z that are not plain tables in this file.
    unusual: Vec<(&'static str, Unusual)>,
    /// The numbers of the sync runs by id, in the order of their table.
    runs: HashMap<String, u32>,
    /// The positions of the rows of the sync runs, by number.
    run_positions: Vec<Position>,
}

/// A table of a c1z in the schema of a file.
struct Found {
    name: &'static str,
    root: u32,
    declared: Result<TableDeclaration, Unusual>,
}

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
    /// The sorted positions, if the rows are not stored in the order of their ids.
    sorted: Option<Positions>,
    /// Number of rows that belong to no sync run.
    pub orphans: u64,
    /// Why its rows cannot be relied on, such as a row that is too long to read.
    fault: Option<Damage>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
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
                chunk.rows += 1;
                *open_bytes += bytes;
            }
            _ => {
                self.chunks.push(Chunk { start, rows: 1 });
                *open_bytes = bytes;
            }
        }
    }
}

impl Survey {
    /// Surveys a database. Temporary files go to `dir`.
    ///
    /// # Errors
    /// When pages of the schema or of one of the tables are damaged.
    pub(crate) fn of(pages: &Pages, dir: &Path) -> Result<Self, Fault> {
        let mut walker = Walker::new(pages);
        let mut found: Vec<Found> = Vec::new();
        read_schema(pages, &mut walker, &mut |object| {
            let Some(known) = schema::table(object.name) else {
                return Ok(());
            };
            if found.iter().any(|other| other.name == known.name) {
                let problem = format!("its schema names `{}` twice", known.name);
                return Err(Fault::Damage(problem));
            }
            found.push(Found {
                name: known.name,
                root: object.root,
                declared: object.table(),
            });
            Ok(())
        })?;
        let mut survey = Self {
            tables: Vec::new(),
            unusual: Vec::new(),
            runs: HashMap::new(),
            run_positions: Vec::new(),
        };
        // Sync runs come first, since rows refer to them.
        found.sort_by_key(|found| found.name != SYNC_RUNS);
        for Found {
            name,
            root,
            declared,
        } in found
        {
            match declared {
                Ok(declared) => {
                    let mut table = StoredTable {
                        name,
                        columns: declared.columns,
                        constraints: declared.constraints,
                        root,
                        leaves: Vec::new(),
                        runs: Vec::new(),
                        sorted: None,
                        orphans: 0,
                        fault: None,
                    };
                    if name == SYNC_RUNS {
                        (survey.runs, survey.run_positions) =
                            table.read_sync_ids(pages, &mut walker)?;
                    } else {
                        table.find_rows(pages, &mut walker, &survey.runs, dir)?;
                    }
                    survey.tables.push(table);
                }
                Err(unusual) => survey.unusual.push((name, unusual)),
            }
        }
        Ok(survey)
    }

    /// A table; `None` if the file does not have it.
    ///
    /// # Errors
    /// When it is not a plain table, or its rows cannot be relied on.
    pub(crate) fn table(&self, name: &str) -> Result<Option<&StoredTable>, Damage> {
        if let Some((name, unusual)) = self.unusual.iter().find(|(own, _)| *own == name) {
            return Err(Damage::Schema(match unusual {
                Unusual::Unreadable => {
                    format!("the declaration of table `{name}` cannot be parsed")
                }
                Unusual::NotPlain => format!("it has no plain table `{name}`"),
                Unusual::Computes => format!("table `{name}` has a computed column"),
            }));
        }
        match self.tables.iter().find(|table| table.name == name) {
            Some(StoredTable {
                fault: Some(damage),
                ..
            }) => Err(damage.clone()),
            table => Ok(table),
        }
    }

    /// Every plain table, including those whose rows cannot be relied on.
    pub(crate) fn tables(&self) -> &[StoredTable] {
        &self.tables
    }

    /// The number of a sync run.
    pub(crate) fn run(&self, id: &str) -> Option<u32> {
        self.runs.get(id).copied()
    }

    /// The position of the row of a sync run.
    pub(crate) fn run_position(&self, id: &str) -> Option<Position> {
        let number = self.run(id)?;
        self.run_positions.get(number as usize).copied()
    }
}

impl StoredTable {
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

    /// Finds the pages of this table, and numbers its sync ids.
    fn read_sync_ids(
        &mut self,
        pages: &Pages,
        walker: &mut Walker<'_>,
    ) -> Result<(HashMap<String, u32>, Vec<Position>), Fault> {
        let mut reader = self.reader(pages);
        let place = self.place("sync_id");
        let mut ids = HashMap::new();
        let mut positions = Vec::new();
        let mut count = 0_usize;
        let (leaves, fault) = (&mut self.leaves, &mut self.fault);
        walker.table(self.root, &mut |number, leaf| {
            leaves.push(number);
            count += leaf.rows();
            if count > MAX_SYNC_RUNS {
                *fault = Some(Damage::Limit(format!(
                    "it holds more than {MAX_SYNC_RUNS} sync runs"
                )));
                return Ok(());
            }
            for cell in 0..leaf.rows() {
                let row = reader.row(number, cell)?;
                if let (Some(row), Some(place)) = (row, place)
                    && let Some(Value::Text(id)) = row.value(place)
                    && id.len() <= MAX_SHORT_TEXT
                    && let Ok(id) = std::str::from_utf8(id)
                {
                    if ids.contains_key(id) {
                        fault.get_or_insert(Damage::Row {
                            table: SYNC_RUNS,
                            id: id.to_owned(),
                            problem: "it occurs twice".to_owned(),
                        });
                        continue;
                    }
                    ids.insert(id.to_owned(), positions.len() as u32);
                    positions.push(Position {
                        page: number,
                        cell: cell as u16,
                    });
                }
            }
            Ok(())
        })?;
        Ok((ids, positions))
    }

    /// Finds the pages of this table and the rows of each sync run.
    fn find_rows(
        &mut self,
        pages: &Pages,
        walker: &mut Walker<'_>,
        runs: &HashMap<String, u32>,
        dir: &Path,
    ) -> Result<(), Fault> {
        let sync_place = self.place("sync_id");
        let id_place = self.place("external_id");
        self.runs.resize_with(runs.len(), RunRows::default);
        let mut reader = self.reader(pages);
        let mut in_order = true;
        let mut open_bytes = 0;
        // The previous row, if it belongs to a sync run.
        let mut last: Option<(u32, Vec<u8>)> = None;
        let mut last_sync: (Vec<u8>, Option<u32>) = (Vec::new(), None);
        walker.table(self.root, &mut |number, leaf| {
            let leaf_at = self.leaves.len() as u32;
            self.leaves.push(number);
            for cell in 0..leaf.rows() {
                let Some(row) = reader.row(number, cell)? else {
                    let rowid = leaf.cell(cell)?.rowid;
                    self.fault.get_or_insert(Damage::Row {
                        table: self.name,
                        id: format!("rowid {rowid}"),
                        problem: TOO_LONG.to_owned(),
                    });
                    continue;
                };
                let sync = text(&row, sync_place).unwrap_or_default();
                if last_sync.0 != sync {
                    let known = std::str::from_utf8(sync).ok().and_then(|id| runs.get(id));
                    last_sync = (sync.to_vec(), known.copied());
                }
                let Some(run) = last_sync.1 else {
                    self.orphans += 1;
                    last = None;
                    continue;
                };
                let id = text(&row, id_place).unwrap_or_default();
                if id.len() > MAX_TEXT {
                    self.fault.get_or_insert(Damage::Row {
                        table: self.name,
                        id: shortened(id),
                        problem: format!("its id is longer than {MAX_TEXT} bytes"),
                    });
                    continue;
                }
                let rows = &mut self.runs[run as usize];
                let has_id = id_place.is_some();
                match &mut last {
                    Some((last_run, last_id)) if *last_run == run => {
                        in_order &= !has_id || last_id.as_slice() < id;
                        last_id.clear();
                        last_id.extend_from_slice(id);
                    }
                    _ => {
                        in_order &= rows.rows == 0;
                        last = Some((run, id.to_vec()));
                    }
                }
                let start = Start::Leaf {
                    leaf: leaf_at,
                    cell: cell as u16,
                };
                rows.add(start, row.len() as u64, &mut open_bytes);
            }
            Ok(())
        })?;
        if self.name == "v1_resource_types"
            && self.runs.iter().any(|run| run.bytes > MAX_TYPE_BYTES)
        {
            self.fault = Some(Damage::Limit(format!(
                "it has more than {MAX_TYPE_BYTES} bytes of resource types"
            )));
        }
        if !in_order && self.fault.is_none() {
            self.sort(pages, runs, dir)?;
        }
        Ok(())
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
