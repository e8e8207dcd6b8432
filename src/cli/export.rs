//! The options of `export`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::global::GlobalOptions;
use super::read::InputOptions;
use super::report::XlsxOptions;
use super::values::{flag, parse_mode};
use crate::commands::{
    Checksum, Command, ExportArgs, ExportForm, ExportTable, Product, TableSource,
};
use crate::report::sheet::Formulas;

#[derive(Subcommand)]
pub(super) enum ExportSub {
    /// The twelve columns of ConductorOne's file import, or with --table a table for people
    Csv {
        #[command(flatten)]
        export: ExportOptions,
        /// Table for people, with everything that is known: users, roles or grants
        #[arg(long, value_enum, value_name = "TABLE", hide_possible_values = true)]
        table: Option<TableName>,
        /// Defuse cells that a spreadsheet would run as a formula [default with --table]
        #[arg(long, conflicts_with = "raw")]
        safe: bool,
        /// Write every cell as it is [default without --table]
        #[arg(long)]
        raw: bool,
        /// With --table, add columns for organization, capture time and content digest
        #[arg(
            long,
            requires = "table",
            action = ArgAction::SetTrue,
            value_parser = flag(TableSource::Omitted, TableSource::Named)
        )]
        with_source: TableSource,
    },
    /// The whole snapshot as one JSON document
    Json {
        #[command(flatten)]
        export: ExportOptions,
    },
    /// A flat SQLite database with tables and views, for people who ask in SQL
    Sqlite {
        #[command(flatten)]
        export: ExportOptions,
    },
    /// The workbook of `report`: an access review for a spreadsheet
    Xlsx(Box<XlsxOptions>),
    /// One JSON object a line: the sync run, then every row
    Ndjson {
        #[command(flatten)]
        export: ExportOptions,
    },
}

#[derive(Args)]
pub(super) struct ExportOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Output file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Permissions of the output file, in octal
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = parse_mode)]
    mode: u32,
    /// Write the SHA-256 beside the output file, as NAME.sha256
    #[arg(
        long,
        requires = "out",
        action = ArgAction::SetTrue,
        value_parser = flag(Checksum::Omitted, Checksum::Written)
    )]
    checksum: Checksum,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum TableName {
    Users,
    Roles,
    Grants,
}

impl ExportSub {
    /// Resolves what to export, in which format, and where to.
    ///
    /// # Errors
    /// When a database is to go anywhere but to a file.
    pub(super) fn into_command(self, global: &GlobalOptions) -> Result<Command> {
        let formulas = |is_safe| {
            if is_safe {
                Formulas::Disarm
            } else {
                Formulas::Keep
            }
        };
        let (export, form) = match self {
            Self::Json { export } => (export, ExportForm::Json),
            Self::Ndjson { export } => (export, ExportForm::Ndjson),
            Self::Sqlite { export } => (export, ExportForm::Sqlite),
            Self::Xlsx(options) => {
                return Ok(Command::Report(Box::new(options.into_args(global))));
            }
            Self::Csv {
                export,
                table: None,
                safe,
                ..
            } => (export, ExportForm::Csv(formulas(safe))),
            Self::Csv {
                export,
                table: Some(table),
                raw,
                with_source,
                ..
            } => (
                export,
                ExportForm::Table(table.into(), formulas(!raw), with_source),
            ),
        };
        if form == ExportForm::Sqlite && export.out.is_none() {
            bail!("`export sqlite` writes a file: name it with --out");
        }
        Ok(Command::Export(ExportArgs {
            input: export.input.into_input(global),
            form,
            out: export.out.map(|path| Product {
                path,
                mode: export.mode,
                checksum: export.checksum,
            }),
        }))
    }
}

impl From<TableName> for ExportTable {
    fn from(name: TableName) -> Self {
        match name {
            TableName::Users => Self::Users,
            TableName::Roles => Self::Roles,
            TableName::Grants => Self::Grants,
        }
    }
}
