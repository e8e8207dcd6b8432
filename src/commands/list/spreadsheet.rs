//! Rows as CSV for spreadsheets: users, roles and grants with all known columns, as `export csv --table` has them, and
//! everything else with the columns of a wide table.

use anyhow::Result;

use super::List;
use super::table::{InTable, RowsOf};
use crate::commands::World;
use crate::commands::catalog::Catalog;
use crate::commands::csv_tables::{CsvTable, Grants, Roles, Users};
use crate::model::{Entitlement, Grant, Resource, ResourceType};
use crate::report::sheet::{BYTE_ORDER_MARK, Formulas, Sheet};
use crate::snapshot::Readable;

/// A kind of rows that is listed as CSV.
pub(super) trait InCsv: Readable {
    /// Writes the rows of a list.
    fn csv(list: &List<'_>, world: &mut World<'_>) -> Result<()>;
}

impl InCsv for ResourceType {
    fn csv(list: &List<'_>, world: &mut World<'_>) -> Result<()> {
        list.csv_of_cells::<Self>(world)
    }
}

impl InCsv for Resource {
    fn csv(list: &List<'_>, world: &mut World<'_>) -> Result<()> {
        let (snapshot, run) = (list.snapshot, list.run);
        match list.rows_of(&Catalog::new(snapshot, run)?) {
            RowsOf::Users => list.csv_of(Users::new(snapshot, run)?, world),
            RowsOf::Roles => list.csv_of(Roles::new(snapshot, run)?, world),
            RowsOf::Any => list.csv_of_cells::<Self>(world),
        }
    }
}

impl InCsv for Entitlement {
    fn csv(list: &List<'_>, world: &mut World<'_>) -> Result<()> {
        list.csv_of_cells::<Self>(world)
    }
}

impl InCsv for Grant {
    fn csv(list: &List<'_>, world: &mut World<'_>) -> Result<()> {
        list.csv_of(Grants::new(list.snapshot, list.run)?, world)
    }
}

impl List<'_> {
    /// Writes rows with the columns of `table`.
    fn csv_of<T: CsvTable>(&self, mut table: T, world: &mut World<'_>) -> Result<()> {
        let mut sheet = new_sheet(T::COLUMNS, world)?;
        let is_empty = self.each_shown::<T::Kind>(|row, decoded| {
            table.cells(row, &decoded, &mut |cells| {
                sheet.push(cells.iter().copied())
            })
        })?;
        sheet.finish()?;
        self.warn_if_empty(is_empty, world)
    }

    /// Writes rows with the columns of a wide table.
    fn csv_of_cells<K: InTable>(&self, world: &mut World<'_>) -> Result<()> {
        let mut names = self.whole_names()?;
        let mut sheet = new_sheet(&self.heads(), world)?;
        let is_empty = self.each_shown::<K>(|row, decoded| {
            let cells = K::cells(row, decoded, &mut names)?;
            Ok(sheet.push(cells.iter().map(String::as_str))?)
        })?;
        sheet.finish()?;
        self.warn_if_empty(is_empty, world)
    }

    pub(super) fn csv_of_principals(&self, world: &mut World<'_>) -> Result<()> {
        let mut names = self.whole_names()?;
        let mut sheet = new_sheet(&self.heads(), world)?;
        let mut is_empty = true;
        for principal in self.principals()? {
            is_empty = false;
            let cells = self.cells_of_principal(&principal, &mut names)?;
            sheet.push(cells.iter().map(String::as_str))?;
        }
        sheet.finish()?;
        self.warn_if_empty(is_empty, world)
    }
}

/// Starts a sheet on standard output. A spreadsheet may open it unless it goes to a terminal; without a byte order mark,
/// Excel misreads UTF-8.
fn new_sheet<'w>(heads: &[&str], world: &'w mut World<'_>) -> Result<Sheet<'w>> {
    if !world.page.is_terminal {
        world.out.write_all(BYTE_ORDER_MARK)?;
    }
    Ok(Sheet::new(world.out, Formulas::Disarm, heads)?)
}
