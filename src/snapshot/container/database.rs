//! The schema of the database in a c1z, and the rows of its tables.

use super::btree::{Leaf, Walker};
use super::declaration::{self, IndexDeclaration, TableDeclaration, Unusual};
use super::fault::Fault;
use super::pages::{PageReader, Pages};
use super::record::{Layout, Value};

/// Longest schema row that is read, in bytes. The longest that the SDK writes is a thousandth of it.
const MAX_SCHEMA_ROW: u64 = 1 << 20;

/// One row of the schema.
pub(in crate::snapshot) struct SchemaObject<'a> {
    /// `table`, `index`, `view` or `trigger`; anything else was not written by SQLite.
    pub kind: &'a str,
    pub name: &'a str,
    /// The table it belongs to.
    pub table: &'a str,
    /// The first page of its tree; 0 if it has none.
    pub root: u32,
    /// Its `CREATE` statement; absent for indexes that SQLite creates for itself.
    pub sql: Option<&'a str>,
}

impl SchemaObject<'_> {
    /// Parses the declaration of a table.
    ///
    /// # Errors
    /// When it is not a plain table, or its schema row contradicts the statement.
    pub(crate) fn table(&self) -> Result<TableDeclaration, Unusual> {
        let sql = match (self.kind, self.sql) {
            ("table", Some(sql)) if self.root > 0 => sql,
            _ => return Err(Unusual::NotPlain),
        };
        let declared = declaration::table(sql)?;
        let is_its = declared.name.eq_ignore_ascii_case(self.name)
            && self.table.eq_ignore_ascii_case(self.name);
        is_its.then_some(declared).ok_or(Unusual::Unreadable)
    }

    /// Parses the declaration of an index.
    ///
    /// # Errors
    /// When it is not an index on the values of columns, or its schema row contradicts the statement.
    pub(crate) fn index(&self) -> Result<IndexDeclaration, Unusual> {
        let declared = declaration::index(self.sql.ok_or(Unusual::Unreadable)?)?;
        let is_its = declared.name.eq_ignore_ascii_case(self.name)
            && declared.table.eq_ignore_ascii_case(self.table);
        is_its.then_some(declared).ok_or(Unusual::Unreadable)
    }
}

/// Calls `visit` with every row of the schema.
///
/// # Errors
/// When the schema is damaged, or the first error of `visit`.
pub(in crate::snapshot) fn read_schema(
    pages: &Pages,
    walker: &mut Walker<'_>,
    visit: &mut dyn FnMut(&SchemaObject<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let damage = || Fault::Damage("its schema table is malformed".to_owned());
    let mut rows = RowReader::new(pages, MAX_SCHEMA_ROW);
    walker.table(1, &mut |_, leaf| {
        for at in 0..leaf.rows() {
            let row = rows.row_on(leaf, at)?.ok_or_else(damage)?;
            let text = |at: usize| match row.value(at) {
                Some(Value::Text(text)) => std::str::from_utf8(text).map_err(|_| damage()),
                _ => Err(damage()),
            };
            let root = match row.value(3) {
                Some(Value::Integer(root)) => u32::try_from(root).map_err(|_| damage())?,
                Some(Value::Null) => 0,
                _ => return Err(damage()),
            };
            let sql = match row.value(4) {
                Some(Value::Null) => None,
                _ => Some(text(4)?),
            };
            visit(&SchemaObject {
                kind: text(0)?,
                name: text(1)?,
                table: text(2)?,
                root,
                sql,
            })?;
        }
        Ok(())
    })
}

/// Reads rows through its own buffers; every thread has one.
pub(in crate::snapshot) struct RowReader<'p> {
    pages: &'p Pages,
    page_reader: PageReader<'p>,
    cells: CellReader<'p>,
}

/// Reads the rows of a page.
struct CellReader<'p> {
    overflow_reader: PageReader<'p>,
    /// The last payload that took more than one page.
    payload: Vec<u8>,
    layout: Layout,
    longest: u64,
}

impl<'p> RowReader<'p> {
    /// Creates a reader that skips rows of more than `longest` bytes.
    pub(crate) fn new(pages: &'p Pages, longest: u64) -> Self {
        Self {
            pages,
            page_reader: PageReader::new(pages),
            cells: CellReader {
                overflow_reader: PageReader::new(pages),
                payload: Vec::new(),
                layout: Layout::default(),
                longest,
            },
        }
    }

    /// Reads the row in a cell of a leaf page; `None` if it is too long.
    ///
    /// # Errors
    /// When the page does not have the row, or it is damaged.
    pub(crate) fn row(&mut self, page: u32, cell: usize) -> Result<Option<StoredRow<'_>>, Fault> {
        let Self {
            pages,
            page_reader,
            cells,
        } = self;
        let bytes = page_reader.page(page)?;
        cells.row(&Leaf::of(pages, page, bytes)?, cell)
    }

    /// Reads a row of a leaf page that the caller holds; `None` if it is too long.
    ///
    /// # Errors
    /// When the page does not have the row, or it is damaged.
    pub(crate) fn row_on<'r>(
        &'r mut self,
        leaf: &Leaf<'r>,
        cell: usize,
    ) -> Result<Option<StoredRow<'r>>, Fault> {
        self.cells.row(leaf, cell)
    }

    /// Number of rows on a leaf page.
    ///
    /// # Errors
    /// When it is not one.
    pub(crate) fn rows_on(&mut self, page: u32) -> Result<usize, Fault> {
        let bytes = self.page_reader.page(page)?;
        Ok(Leaf::of(self.pages, page, bytes)?.rows())
    }
}

impl CellReader<'_> {
    fn row<'r>(&'r mut self, leaf: &Leaf<'r>, cell: usize) -> Result<Option<StoredRow<'r>>, Fault> {
        let cell = leaf.cell(cell)?;
        if cell.length > self.longest {
            return Ok(None);
        }
        let payload = match cell.overflow {
            0 => cell.local,
            first => {
                self.payload.clear();
                self.payload.extend_from_slice(cell.local);
                let missing = cell.length as usize - cell.local.len();
                self.overflow_reader
                    .read_overflow(first, missing, &mut self.payload)?;
                &self.payload
            }
        };
        self.layout.read(payload).map_err(|_| {
            let problem = "holds a row whose values do not match its header";
            Fault::page(leaf.number(), problem)
        })?;
        Ok(Some(StoredRow {
            payload,
            layout: &self.layout,
            rowid: cell.rowid,
        }))
    }
}

/// The values of one row, borrowed until the next one is read.
#[derive(Clone, Copy)]
pub(in crate::snapshot) struct StoredRow<'r> {
    payload: &'r [u8],
    layout: &'r Layout,
    pub rowid: i64,
}

impl<'r> StoredRow<'r> {
    /// The value of the column at this index; `None` if the row was written before the column was added.
    pub(crate) fn value(&self, at: usize) -> Option<Value<'r>> {
        self.layout.value(self.payload, at)
    }

    /// Size of the row in bytes.
    pub(crate) fn len(&self) -> usize {
        self.payload.len()
    }
}
