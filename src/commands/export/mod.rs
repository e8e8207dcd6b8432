//! `export`: writes a snapshot as the CSV of C1's file import (`import.rs`), as CSV tables for people (`tables.rs`), as
//! JSON or as NDJSON (`json.rs`), or as a flat SQLite database (`sqlite.rs`). Rows are in the order of their ids, so the same snapshot always gives the same bytes.

mod import;
mod json;
mod sqlite;
mod tables;

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::input::{Input, lacks_roles};
use super::{Outcome, Product, World};
use crate::files;
use crate::model::SyncRun;
use crate::progress::Reporter;
use crate::report::Medium;
use crate::report::sheet::{BYTE_ORDER_MARK, Formulas};
use crate::snapshot::{Batch, Filter, Readable, Row, Snapshot};

/// Arguments of `export`.
#[derive(Clone, Debug)]
pub struct ExportArgs {
    /// The snapshot.
    pub input: Input,
    /// The format.
    pub form: ExportForm,
    /// The output file; standard output if `None`.
    pub out: Option<Product>,
}

/// The formats of `export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportForm {
    /// The CSV of C1's file import, with twelve columns.
    Csv(Formulas),
    /// One CSV table with all known columns, for people.
    Table(ExportTable, Formulas, Source),
    /// The whole snapshot as one JSON document.
    Json,
    /// One JSON object per line.
    Ndjson,
    /// A flat SQLite database; only to a file.
    Sqlite,
}

impl ExportForm {
    /// The medium of the output. CSV in a file or a pipe keeps every text, except for the changes of
    /// [`Formulas::Disarm`].
    pub(super) fn medium(self, is_terminal: bool) -> Medium {
        match self {
            Self::Csv(_) | Self::Table(..) if is_terminal => Medium::Csv,
            Self::Csv(_) | Self::Table(..) | Self::Sqlite => Medium::Raw,
            Self::Json | Self::Ndjson => Medium::Json,
        }
    }

    /// Whether the output states the content digest.
    fn shows_digest(self) -> bool {
        match self {
            Self::Csv(_) => false,
            Self::Table(.., source) => source == Source::Named,
            Self::Json | Self::Ndjson | Self::Sqlite => true,
        }
    }

    /// Whether every grant is read.
    fn reads_all_grants(self) -> bool {
        match self {
            Self::Table(ExportTable::Users | ExportTable::Roles, ..) => false,
            Self::Csv(_)
            | Self::Table(ExportTable::Grants, ..)
            | Self::Json
            | Self::Ndjson
            | Self::Sqlite => true,
        }
    }

    /// Whether a spreadsheet will open it. Without a byte order mark, Excel misreads UTF-8.
    fn wants_byte_order_mark(self, is_terminal: bool) -> bool {
        match self {
            Self::Csv(formulas) | Self::Table(_, formulas, _) => {
                formulas == Formulas::Disarm && !is_terminal
            }
            Self::Json | Self::Ndjson | Self::Sqlite => false,
        }
    }
}

/// Whether each row of a table names the snapshot that it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It does not.
    Omitted,
    /// By organization, capture time and content digest.
    Named,
}

/// A table for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportTable {
    /// One row per user.
    Users,
    /// One row per role.
    Roles,
    /// One row per grant.
    Grants,
}

pub(super) fn run(args: &ExportArgs, world: &mut World<'_>) -> Result<Outcome> {
    let (snapshot, run) = if args.form.shows_digest() {
        args.input.open_summarized()?
    } else if args.form.reads_all_grants() {
        args.input.open_checked()?
    } else {
        args.input.open_sync()?
    };
    lacks_roles(&args.input, &snapshot, &run, world.reporter)?;
    let export = Export {
        snapshot: &snapshot,
        run: &run,
        temp_dir: match &args.out {
            Some(product) => files::folder(&product.path),
            None => Path::new("."),
        },
        reporter: world.reporter,
    };
    match &args.out {
        None => export.write(args.form, world.page.is_terminal, world.out)?,
        Some(product) => product.write(
            &args.input.path,
            |is_terminal| args.form.medium(is_terminal),
            |is_terminal, out| export.write(args.form, is_terminal, out),
        )?,
    }
    Ok(Outcome::Done)
}

struct Export<'s> {
    snapshot: &'s Snapshot,
    run: &'s SyncRun,
    /// The folder in which a database is built: that of the output file.
    temp_dir: &'s Path,
    reporter: &'s dyn Reporter,
}

impl Export<'_> {
    fn write(&self, form: ExportForm, is_terminal: bool, out: &mut dyn Write) -> Result<()> {
        if form.wants_byte_order_mark(is_terminal) {
            out.write_all(BYTE_ORDER_MARK)?;
        }
        match form {
            ExportForm::Csv(formulas) => self.import_csv(formulas, out),
            ExportForm::Table(table, formulas, source) => self.table(table, formulas, source, out),
            ExportForm::Json => self.json(out),
            ExportForm::Ndjson => self.ndjson(out),
            ExportForm::Sqlite => self.sqlite(out),
        }
    }

    fn for_each<K: Readable>(&self, mut each: impl FnMut(Row<'_, K>) -> Result<()>) -> Result<()> {
        let mut rows = self.snapshot.rows(&self.run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            each(row)?;
        }
        Ok(())
    }

    /// Encodes all rows of a kind on several threads and passes the bytes to `take`, in order. `new_encoder` is called
    /// once on every thread.
    fn encode_rows<K: Readable>(
        &self,
        new_encoder: impl for<'m> Fn(&'m Snapshot) -> Result<RowEncoder<'m, K>> + Sync,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        self.snapshot.batches(
            &self.run.id,
            Filter::EVERYTHING,
            |snapshot| {
                let mut encode = new_encoder(snapshot)?;
                Ok(Box::new(move |rows| {
                    let mut out = Vec::new();
                    encode(rows, &mut out)?;
                    Ok(out)
                }))
            },
            |bytes: Vec<u8>| take(&bytes),
        )
    }
}

/// Encodes a batch of rows.
type RowEncoder<'m, K> = Box<dyn FnMut(&mut Batch<'_, '_, K>, &mut Vec<u8>) -> Result<()> + 'm>;
