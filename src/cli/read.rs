//! The options of the commands that read one snapshot: `stats`, the lists, `access`, `verify` and `export`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::global::GlobalOptions;
use super::values::{flag, parse_age, parse_mode};
use crate::commands::{
    AccessArgs, ExportArgs, ExportForm, ExportTable, Input, ListArgs, Listing, StatsArgs,
    StatsScope, VerifyArgs,
};
use crate::report::sheet::Formulas;
use crate::snapshot::Filter;

#[derive(Args)]
struct InputOptions {
    /// The snapshot [default: what -f names]
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
    /// The sync run to look at [default: the newest finished full one, else the newest finished one]
    #[arg(long, value_name = "ID")]
    sync_id: Option<String>,
}

#[derive(Args)]
pub(super) struct StatsOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Print the whole evidence as JSON, and nothing else
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(StatsScope::Overview, StatsScope::Evidence)
    )]
    evidence: StatsScope,
    /// Exit 1 if the newest finished sync run is older, such as 26h, 1.5d or 1w
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    max_age: Option<Duration>,
}

#[derive(Args)]
pub(super) struct ListOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Of this resource type only; for entitlements and grants, of the resource they are on; for principals, of themselves
    /// or of what they hold something on
    #[arg(short = 't', long, value_name = "TYPE", value_parser = NonEmptyStringValueParser::new())]
    resource_type: Option<String>,
    /// Of this resource only, by its id or <type>:<id>; for entitlements and grants, the one they are on; for principals,
    /// themselves or the one they hold something on
    #[arg(short = 'r', long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    resource: Option<String>,
    /// Of this entitlement only; not for resource types and resources
    #[arg(short = 'e', long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    entitlement: Option<String>,
}

#[derive(Args)]
pub(super) struct AccessOptions {
    /// An e-mail, a uuid, or user:<uuid>
    person: String,
    #[command(flatten)]
    input: InputOptions,
}

#[derive(Args)]
pub(super) struct VerifyOptions {
    /// The snapshots [default: what -f names]
    #[arg(value_name = "FILE")]
    inputs: Vec<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum ExportSub {
    /// The twelve columns of ConductorOne's file import, or with --table one for people
    Csv {
        #[command(flatten)]
        export: ExportOptions,
        /// A table for people, with all that is known
        #[arg(long, value_enum, value_name = "TABLE")]
        table: Option<TableName>,
        /// Make cells harmless that a spreadsheet would run as a formula [default with --table]
        #[arg(long, conflicts_with = "raw")]
        safe: bool,
        /// Leave every cell as it is [default without --table]
        #[arg(long)]
        raw: bool,
    },
    /// The whole snapshot as one JSON document
    Json {
        #[command(flatten)]
        export: ExportOptions,
    },
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
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Permissions of that file, in octal
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = parse_mode)]
    mode: u32,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum TableName {
    /// Who there is, with seat, second factor, last login
    Users,
    /// Which roles there are
    Roles,
    /// Who holds what, since when
    Grants,
}

impl InputOptions {
    fn into_input(self, global: &GlobalOptions) -> Input {
        Input {
            path: global.path(self.input),
            sync_id: self.sync_id,
            options: global.read_options(),
        }
    }
}

impl StatsOptions {
    /// Settles what to show of which snapshot.
    pub(super) fn into_args(self, global: &GlobalOptions) -> Result<StatsArgs> {
        Ok(StatsArgs {
            format: global.format()?,
            input: self.input.into_input(global),
            scope: self.evidence,
            max_age: self.max_age,
        })
    }
}

impl ListOptions {
    /// Settles which rows of `listing` to show.
    pub(super) fn into_args(self, listing: Listing, global: &GlobalOptions) -> Result<ListArgs> {
        Ok(ListArgs {
            listing,
            format: global.format()?,
            input: self.input.into_input(global),
            filter: Filter {
                resource_type: self.resource_type,
                resource: self.resource,
                entitlement: self.entitlement,
                principal: None,
            },
        })
    }
}

impl AccessOptions {
    /// Settles whose access to show.
    pub(super) fn into_args(self, global: &GlobalOptions) -> Result<AccessArgs> {
        Ok(AccessArgs {
            person: self.person,
            format: global.format()?,
            input: self.input.into_input(global),
        })
    }
}

impl VerifyOptions {
    /// Settles which snapshots to verify.
    pub(super) fn into_args(mut self, global: &GlobalOptions) -> Result<VerifyArgs> {
        if self.inputs.is_empty() {
            self.inputs.push(global.path(None));
        }
        Ok(VerifyArgs {
            paths: self.inputs,
            options: global.read_options(),
            format: global.format()?,
        })
    }
}

impl ExportSub {
    /// Settles what to export, in which form, and where to.
    pub(super) fn into_args(self, global: &GlobalOptions) -> ExportArgs {
        let formulas = |is_safe| {
            if is_safe {
                Formulas::Disarm
            } else {
                Formulas::Keep
            }
        };
        let (ExportOptions { input, out, mode }, form) = match self {
            Self::Json { export } => (export, ExportForm::Json),
            Self::Ndjson { export } => (export, ExportForm::Ndjson),
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
                ..
            } => (export, ExportForm::Table(table.into(), formulas(!raw))),
        };
        ExportArgs {
            input: input.into_input(global),
            form,
            out,
            mode,
        }
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
