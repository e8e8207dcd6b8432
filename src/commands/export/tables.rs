//! Exports CSV tables for people, if wanted with the snapshot that each row is from.

use std::io::Write;

use anyhow::Result;

use super::{Export, ExportTable, Source};
use crate::commands::csv_tables::{CsvTable, Grants, Roles, Users};
use crate::report::sheet::{Formulas, Sheet};

const SOURCE_COLUMNS: [&str; 3] = ["Organization", "Captured", "Content digest"];

/// What every row of a table says about the snapshot, if that is asked for: nothing, or a cell for each of
/// [`SOURCE_COLUMNS`].
struct SourceCells(Vec<String>);

impl SourceCells {
    fn of(export: &Export<'_>, source: Source) -> Result<Self> {
        if source == Source::Omitted {
            return Ok(Self(Vec::new()));
        }
        let evidence = export.snapshot.evidence(&export.run.id)?;
        let zone = export.run.zone(evidence.as_ref());
        let organization = evidence.and_then(|evidence| evidence.organization.name);
        let digest = export.snapshot.content_digest(&export.run.id)?;
        Ok(Self(vec![
            organization.unwrap_or_default(),
            export.run.captured_at(zone).to_string(),
            digest.to_string(),
        ]))
    }

    /// The heads of a table.
    fn heads<'h>(&self, own: &[&'h str]) -> Vec<&'h str> {
        let source = SOURCE_COLUMNS.iter().take(self.0.len());
        own.iter().chain(source).copied().collect()
    }

    /// A row of a table.
    fn row<'c>(&'c self, own: &'c [&'c str]) -> impl Iterator<Item = &'c str> {
        own.iter().copied().chain(self.0.iter().map(String::as_str))
    }
}

impl Export<'_> {
    pub(super) fn table(
        &self,
        table: ExportTable,
        formulas: Formulas,
        source: Source,
        out: &mut dyn Write,
    ) -> Result<()> {
        let source = SourceCells::of(self, source)?;
        let (snapshot, run) = (self.snapshot, self.run);
        match table {
            ExportTable::Users => self.rows_of(Users::new(snapshot, run)?, formulas, &source, out),
            ExportTable::Roles => self.rows_of(Roles::new(snapshot, run)?, formulas, &source, out),
            ExportTable::Grants => {
                self.rows_of(Grants::new(snapshot, run)?, formulas, &source, out)
            }
        }
    }

    fn rows_of<T: CsvTable>(
        &self,
        mut table: T,
        formulas: Formulas,
        source: &SourceCells,
        out: &mut dyn Write,
    ) -> Result<()> {
        let mut sheet = Sheet::new(out, formulas, &source.heads(T::COLUMNS))?;
        self.for_each::<T::Kind>(|row| {
            let decoded = self.snapshot.decode(&row)?;
            if !table.has(&decoded) {
                return Ok(());
            }
            table.cells(&row, &decoded, &mut |cells| sheet.push(source.row(cells)))
        })?;
        Ok(sheet.finish()?)
    }
}
