//! Reads the rows of a database while it is being unpacked: its leaf pages in the order of the file, before it is known which
//! trees they form. The pages above them come too late, and the schema may come last.
//!
//! This assumes a file as this program writes it: each leaf page is taken as one of the table with as many columns, and its
//! rows as the next ones of that table. [`Survey`](super::survey::Survey) confirms that afterwards, and walks over the trees of
//! any other file.

use super::stored::{FoundRow, RowFinder, SYNC_RUNS, StoredTable, SyncIds};
use super::summary::{NoSummary, Summarizer, Summary};
use crate::model::RowKind;
use crate::snapshot::container::declaration::{Column, TableDeclaration};
use crate::snapshot::container::{Access, Fault, Leaf, Pages, TakenLeaf, Walker};
use crate::snapshot::table::schema;

/// What was read of a database.
pub(super) struct Scanned<'p> {
    /// Has marked the pages that were read.
    pub walker: Walker<'p>,
    /// The tables with leaf pages that were read, and these pages.
    pub tables: Vec<(StoredTable, Vec<TakenLeaf>)>,
    pub sync_ids: SyncIds,
    pub summary: Option<Summary>,
}

/// Reads all pages of a database that is being unpacked.
///
/// # Errors
/// When the file is not stored in the usual order, or is damaged.
pub(super) fn scan<'p>(
    pages: &'p Pages,
    access: Access,
    summarizer: Option<Summarizer<'_>>,
) -> Result<Scanned<'p>, Fault> {
    if !pages.is_growing() {
        return Err(unexpected());
    }
    let tables = RowKind::ALL.map(|kind| Kind::new(kind.table(), pages));
    let mut scan = Scan {
        pages,
        access,
        walker: Walker::new(pages),
        kinds: tables,
        sync_runs: None,
        sync_ids: SyncIds::default(),
        summarizer: summarizer.filter(|summarizer| summarizer.is_worthwhile(pages)),
    };
    scan.read()?;
    let Scan {
        walker,
        kinds,
        sync_runs,
        sync_ids,
        summarizer,
        ..
    } = scan;
    let kinds = kinds.into_iter().map(|kind| (kind.table, kind.leaves));
    Ok(Scanned {
        walker,
        tables: kinds
            .filter(|(_, leaves)| !leaves.is_empty())
            .chain(sync_runs)
            .collect(),
        sync_ids,
        summary: summarizer.and_then(|summarizer| summarizer.finish().ok()),
    })
}

/// The fault of a file that is not stored in the usual order. It is never shown.
fn unexpected() -> Fault {
    Fault::Damage("it is not stored in the usual order".to_owned())
}

struct Scan<'a, 'p> {
    pages: &'p Pages,
    access: Access,
    walker: Walker<'p>,
    /// One for each [`RowKind`], at its place.
    kinds: [Kind<'p>; 4],
    sync_runs: Option<(StoredTable, Vec<TakenLeaf>)>,
    sync_ids: SyncIds,
    /// As long as a summary is possible.
    summarizer: Option<Summarizer<'a>>,
}

/// The table of one kind of rows.
struct Kind<'p> {
    table: StoredTable,
    rows: RowFinder<'p>,
    leaves: Vec<TakenLeaf>,
    /// The first leaf page, until there is another one of this kind or a later one: a table of one page is stored before the
    /// tables of many, whatever its kind.
    first: Option<u32>,
}

impl<'p> Kind<'p> {
    fn new(name: &'static str, pages: &'p Pages) -> Self {
        let table = assumed(name);
        Self {
            rows: RowFinder::new(&table, pages),
            table,
            leaves: Vec::new(),
            first: None,
        }
    }
}

/// A table as this program declares it.
fn assumed(name: &'static str) -> StoredTable {
    let known = schema::table(name).map_or(&[][..], |table| table.columns);
    let columns = known.iter().map(|column| Column {
        name: column.name.to_owned(),
        declaration: column.declaration.to_owned(),
    });
    let declared = TableDeclaration {
        name: name.to_owned(),
        columns: columns.collect(),
        constraints: Vec::new(),
    };
    StoredTable::new(name, declared, 0)
}

impl Scan<'_, '_> {
    fn read(&mut self) -> Result<(), Fault> {
        while let Some(number) = self.walker.next_page() {
            if self.walker.has_seen(number) {
                // It continues a row that was read before.
                self.pages.release(number);
                continue;
            }
            let name = self.walker.look(number, |leaf| Ok(table_of(leaf)))?;
            let name = name.flatten();
            let mut kinds = RowKind::ALL.into_iter();
            match kinds.find(|kind| Some(kind.table()) == name) {
                Some(kind) => self.page_of(kind, number)?,
                None if name == Some(SYNC_RUNS) => self.page_of_sync_runs(number)?,
                None => self.set_aside(number)?,
            }
        }
        self.take_first(RowKind::Grant)
    }

    fn set_aside(&self, number: u32) -> Result<(), Fault> {
        if self.pages.set_aside(number) {
            Ok(())
        } else {
            Err(unexpected())
        }
    }

    fn page_of_sync_runs(&mut self, number: u32) -> Result<(), Fault> {
        // With more, rows could come before the sync run that they belong to.
        if self.sync_runs.is_some() {
            return Err(unexpected());
        }
        self.set_aside(number)?;
        let mut table = assumed(SYNC_RUNS);
        let mut reader = table.reader(self.pages);
        let ids = &mut self.sync_ids;
        let taken = self.walker.take_leaf(number, &mut |leaf| {
            ids.read(&mut table, &mut reader, number, leaf)
        })?;
        let number = |id: &str| self.sync_ids.numbers.get(id).copied();
        let table_of = |kind| &self.kinds[kind as usize].table;
        let selected = self
            .summarizer
            .as_mut()
            .map(|summarizer| summarizer.select(self.pages, &table, number, table_of));
        if let Some(Err(NoSummary)) = selected {
            give_up(&mut self.summarizer, self.access)?;
        }
        self.sync_runs = Some((table, vec![taken]));
        Ok(())
    }

    fn page_of(&mut self, kind: RowKind, number: u32) -> Result<(), Fault> {
        let Kind { leaves, first, .. } = &mut self.kinds[kind as usize];
        if leaves.is_empty() && first.is_none() {
            *first = Some(number);
            return self.set_aside(number);
        }
        self.take_first(kind)?;
        self.take(kind, number)
    }

    /// Takes the first pages of all kinds up to this one.
    fn take_first(&mut self, up_to: RowKind) -> Result<(), Fault> {
        for kind in RowKind::ALL.into_iter().filter(|kind| *kind <= up_to) {
            if let Some(number) = self.kinds[kind as usize].first.take() {
                self.take(kind, number)?;
            }
        }
        Ok(())
    }

    /// Reads the rows of a leaf page.
    fn take(&mut self, kind: RowKind, number: u32) -> Result<(), Fault> {
        if self.sync_runs.is_none() {
            return Err(unexpected());
        }
        let Kind {
            table,
            rows,
            leaves,
            ..
        } = &mut self.kinds[kind as usize];
        let (runs, summarizer, access) =
            (&self.sync_ids.numbers, &mut self.summarizer, self.access);
        let mut add = |found: FoundRow<'_>| {
            let added = summarizer.as_mut().map(|summarizer| {
                if found.is_usable {
                    summarizer.add(kind, &found)
                } else {
                    Err(NoSummary)
                }
            });
            match added {
                Some(Err(NoSummary)) => give_up(summarizer, access),
                _ => Ok(()),
            }
        };
        let taken = self.walker.take_leaf(number, &mut |leaf| {
            rows.read(table, number, leaf, runs, &mut add)
        })?;
        self.pages.release(number);
        leaves.push(taken);
        Ok(())
    }
}

/// Goes on without a summary. Pages that are read only once have to be read again then.
fn give_up(summarizer: &mut Option<Summarizer<'_>>, access: Access) -> Result<(), Fault> {
    *summarizer = None;
    match access {
        Access::Once => Err(unexpected()),
        Access::Repeated => Ok(()),
    }
}

/// The table whose rows have as many columns as the first row of a leaf page; `None` if it is not one of a c1z.
fn table_of(leaf: &Leaf<'_>) -> Option<&'static str> {
    if leaf.rows() == 0 {
        return None;
    }
    let columns = leaf.cell(0).ok()?.columns()?;
    let known = schema::TABLES.iter();
    let mut known = known.filter(|table| table.columns.len() == columns);
    known.next().map(|table| table.name)
}
