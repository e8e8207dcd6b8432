//! One pass over every table when a snapshot is opened. It finds the tables, checks their pages, and records the
//! positions of the rows of each sync run, in the order of their ids.
//!
//! Only the tables of a c1z are read. Indexes and other schema objects are ignored here; `verify` reports them.

use std::collections::HashMap;
use std::path::Path;

use super::order::Position;
use super::scan::{Scanned, scan};
use super::stored::{RowFinder, SYNC_RUNS, StoredTable, SyncIds};
use super::summary::{Summarizer, Summary};
use crate::model::RowKind;
use crate::snapshot::container::declaration::{TableDeclaration, Unusual};
use crate::snapshot::container::{Access, Fault, Pages, Walker, read_schema};
use crate::snapshot::error::Damage;
use crate::snapshot::table::schema;

/// The tables of a c1z that a database contains.
pub(in crate::snapshot) struct Survey {
    tables: Vec<StoredTable>,
    /// Tables of a c1z that are not plain tables in this file.
    unusual: Vec<(&'static str, Unusual)>,
    /// The numbers of the sync runs by id, in the order of their table.
    runs: HashMap<String, u32>,
    /// The positions of the rows of the sync runs, by number.
    run_positions: Vec<Position>,
    /// The summary of one of the sync runs, if one was made.
    pub(super) summary: Option<Summary>,
    /// Whether it was made by a scan.
    #[cfg(test)]
    pub is_scanned: bool,
}

/// A table of a c1z in the schema of a file.
struct Found {
    name: &'static str,
    root: u32,
    declared: Result<TableDeclaration, Unusual>,
}

/// Finds the tables of a c1z in the schema. Sync runs come first, since rows refer to them.
fn find_tables(pages: &Pages, walker: &mut Walker<'_>) -> Result<Vec<Found>, Fault> {
    let mut found: Vec<Found> = Vec::new();
    read_schema(pages, walker, &mut |object| {
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
    found.sort_by_key(|found| found.name != SYNC_RUNS);
    Ok(found)
}

impl Survey {
    /// Surveys a database, and makes a summary if that is possible. Temporary files go to `dir`. With [`Access::Once`],
    /// unpacking stops if no summary can be made.
    ///
    /// # Errors
    /// When pages of the schema or of one of the tables are damaged.
    pub(super) fn of(
        pages: &Pages,
        dir: &Path,
        access: Access,
        summarizer: Option<Summarizer<'_>>,
    ) -> Result<Self, Fault> {
        // Whatever is wrong with the file is found again by the walk.
        let scanned = scan(pages, access, summarizer)
            .ok()
            .and_then(|scanned| Self::of_scan(pages, dir, scanned).ok().flatten());
        match (scanned, access) {
            (Some(survey), Access::Repeated) => Ok(survey),
            (Some(survey), Access::Once) if survey.summary.is_some() => Ok(survey),
            (_, Access::Once) => Err(pages.abandon()),
            (None, Access::Repeated) => Self::of_walk(pages, dir),
        }
    }

    fn empty() -> Self {
        Self {
            tables: Vec::new(),
            unusual: Vec::new(),
            runs: HashMap::new(),
            run_positions: Vec::new(),
            summary: None,
            #[cfg(test)]
            is_scanned: false,
        }
    }

    /// Walks over the tree of every table.
    pub(in crate::snapshot) fn of_walk(pages: &Pages, dir: &Path) -> Result<Self, Fault> {
        let mut walker = Walker::new(pages);
        let mut survey = Self::empty();
        for found in find_tables(pages, &mut walker)? {
            survey.walk(pages, dir, &mut walker, found)?;
        }
        Ok(survey)
    }

    fn walk(
        &mut self,
        pages: &Pages,
        dir: &Path,
        walker: &mut Walker<'_>,
        found: Found,
    ) -> Result<(), Fault> {
        let declared = match found.declared {
            Ok(declared) => declared,
            Err(unusual) => {
                self.unusual.push((found.name, unusual));
                return Ok(());
            }
        };
        let mut table = StoredTable::new(found.name, declared, found.root);
        if table.name == SYNC_RUNS {
            let mut ids = SyncIds::default();
            let mut reader = table.reader(pages);
            walker.table(table.root, &mut |number, leaf| {
                ids.read(&mut table, &mut reader, number, leaf)
            })?;
            (self.runs, self.run_positions) = (ids.numbers, ids.positions);
        } else {
            let mut rows = RowFinder::new(&table, pages);
            walker.table(table.root, &mut |number, leaf| {
                rows.read(&mut table, number, leaf, &self.runs, &mut |_| Ok(()))
            })?;
            table.sort_if_needed(pages, &self.runs, dir)?;
        }
        self.tables.push(table);
        Ok(())
    }

    /// Confirms what a scan of the leaf pages has found; `None` if the trees do not consist of these pages.
    fn of_scan(pages: &Pages, dir: &Path, scanned: Scanned<'_>) -> Result<Option<Self>, Fault> {
        let Scanned {
            mut walker,
            mut tables,
            sync_ids,
            summary,
        } = scanned;
        let scanned_names: Vec<_> = tables.iter().map(|(table, _)| table.name).collect();
        let mut survey = Self {
            runs: sync_ids.numbers,
            run_positions: sync_ids.positions,
            #[cfg(test)]
            is_scanned: true,
            ..Self::empty()
        };
        for found in find_tables(pages, &mut walker)? {
            let at = tables
                .iter()
                .position(|(table, _)| table.name == found.name);
            let Some(at) = at else {
                survey.walk(pages, dir, &mut walker, found)?;
                continue;
            };
            let (mut table, leaves) = tables.swap_remove(at);
            let is_as_assumed = found
                .declared
                .is_ok_and(|declared| table.is_declared_as(declared));
            if !is_as_assumed || !walker.confirm(found.root, &leaves)? {
                return Ok(None);
            }
            table.root = found.root;
            if table.name != SYNC_RUNS {
                table.sort_if_needed(pages, &survey.runs, dir)?;
            }
            survey.tables.push(table);
        }
        // Rows that were only found by a walk are not in the summary.
        let is_summed = |kind: RowKind| {
            let mut tables = survey.tables.iter();
            tables.any(|table| {
                let is_complete = scanned_names.contains(&table.name) || table.is_empty();
                table.name == kind.table() && table.is_usable() && is_complete
            })
        };
        if RowKind::ALL.into_iter().all(is_summed) {
            survey.summary = summary;
        }
        Ok(tables.is_empty().then_some(survey))
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

    /// Whether the rows of a sync run were checked meanwhile.
    #[cfg(test)]
    pub(crate) fn is_checked(&self) -> bool {
        self.summary.is_some()
    }

    /// How many sync runs there are.
    #[cfg(test)]
    pub(crate) fn run_count(&self) -> u32 {
        self.runs.len() as u32
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
