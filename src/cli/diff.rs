//! The options of `diff`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args};

use super::global::{GlobalOptions, OutputFormat};
use super::values::{DEFAULT_MARKDOWN_BYTES, flag, parse_max_bytes};
use crate::commands::{Comparability, DiffArgs, DiffInputs, DiffOutput, Input};
use crate::diff::{FieldFilter, is_noise};
use crate::model::ChangeKind;
use crate::report::Format;
use crate::report::diff::{Detail, DiffFormat};

#[derive(Args)]
pub(super) struct DiffOptions {
    /// Old snapshot; without NEW, a file whose two newest finished full sync runs are compared
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// New snapshot
    #[arg(value_name = "NEW")]
    new: Option<PathBuf>,
    /// Sync run of OLD [default: the newest finished full one; in a single file, the one before --new-sync]
    #[arg(long, value_name = "ID")]
    old_sync: Option<String>,
    /// Sync run of NEW [default: the newest finished full one]
    #[arg(long, value_name = "ID")]
    new_sync: Option<String>,
    /// Compare a field that is ignored as noise: last_login or updated_at
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = parse_noise)]
    include: Vec<String>,
    /// Ignore a field, such as email or profile.distinct_id
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Exit 1 only for these kinds of changes; `none` for no change
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind_parser())]
    fail_on: Vec<KindName>,
    /// File of accepted changes, one a line, as --print-accept writes them; they are listed apart and do not fail
    #[arg(long, value_name = "FILE")]
    accept: Option<PathBuf>,
    /// Print the lines that accept every change
    #[arg(long, conflicts_with_all = ["stat", "quiet"])]
    print_accept: bool,
    /// Report whether the decisions of an access review were carried out: its Review sheet, saved as CSV
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["fail_on", "accept", "print_accept", "stat", "include", "ignore"]
    )]
    decisions: Option<PathBuf>,
    /// Compare even different organizations, and sync runs that are not full
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(Comparability::Required, Comparability::Forced)
    )]
    force: Comparability,
    /// Show ids after names; with --decisions, also what is done
    #[arg(long)]
    ids: bool,
    /// Show only the first line, the inputs and the number of changes of each kind
    #[arg(long)]
    stat: bool,
    /// Longest Markdown text; changes that do not fit are counted
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MARKDOWN_BYTES, value_parser = parse_max_bytes)]
    max_bytes: usize,
}

fn parse_noise(field: &str) -> Result<String, String> {
    if is_noise(field) {
        Ok(field.to_owned())
    } else {
        Err("only last_login and updated_at are left out as noise".to_owned())
    }
}

/// A kind of change, all of them, or none.
#[derive(Clone, Copy)]
enum KindName {
    Any,
    None,
    One(ChangeKind),
}

/// Takes the names of all kinds, which help and completions list.
fn kind_parser() -> impl TypedValueParser<Value = KindName> {
    let names = ChangeKind::ALL.iter().map(|kind| kind.as_str());
    PossibleValuesParser::new(["any", "none"].into_iter().chain(names)).map(|name| match &*name {
        "none" => KindName::None,
        name => name.parse().map_or(KindName::Any, KindName::One),
    })
}

impl DiffOptions {
    /// Resolves what to compare, and how.
    pub(super) fn into_args(self, global: &GlobalOptions) -> Result<DiffArgs> {
        Ok(DiffArgs {
            fail_on: self.failing_kinds()?,
            output: self.output(global)?,
            inputs: inputs(self.old, self.new, self.old_sync, self.new_sync, global),
            fields: FieldFilter {
                include: self.include,
                ignore: self.ignore,
            },
            accept: self.accept,
            decisions: self.decisions,
            comparability: self.force,
        })
    }

    /// Returns the kinds of changes that fail; `None` without `--fail-on`, which means all of them.
    fn failing_kinds(&self) -> Result<Option<BTreeSet<ChangeKind>>> {
        let is_none = |name: &KindName| matches!(name, KindName::None);
        if self.fail_on.len() > 1 && self.fail_on.iter().any(is_none) {
            bail!("--fail-on: `none` means that no change fails, so nothing can be beside it");
        }
        let kinds = self.fail_on.iter().flat_map(|name| match name {
            KindName::Any => ChangeKind::ALL,
            KindName::None => &[],
            KindName::One(kind) => std::slice::from_ref(kind),
        });
        Ok((!self.fail_on.is_empty()).then(|| kinds.copied().collect()))
    }

    /// Returns what to print.
    fn output(&self, global: &GlobalOptions) -> Result<DiffOutput> {
        if global.quiet {
            return Ok(DiffOutput::Nothing);
        }
        if self.print_accept {
            return Ok(DiffOutput::AcceptLines);
        }
        let format = match global.output_format {
            OutputFormat::Ndjson => DiffFormat::Ndjson,
            OutputFormat::Markdown => DiffFormat::Markdown {
                max_bytes: self.max_bytes,
            },
            OutputFormat::Console | OutputFormat::Json | OutputFormat::Csv => {
                match global.format()? {
                    Format::Console => DiffFormat::Console,
                    Format::Json => DiffFormat::Json,
                }
            }
        };
        let detail = Detail {
            ids: self.ids,
            counts_only: self.stat,
        };
        Ok(DiffOutput::Report(format, detail))
    }
}

/// Returns the two sync runs to compare.
fn inputs(
    old: PathBuf,
    new: Option<PathBuf>,
    old_sync: Option<String>,
    new_sync: Option<String>,
    global: &GlobalOptions,
) -> DiffInputs {
    let input = |path, sync_id| Input {
        path,
        sync_id,
        options: global.read_options(),
    };
    match new {
        Some(new) => DiffInputs::Files {
            old: input(old, old_sync),
            new: input(new, new_sync),
        },
        None => DiffInputs::SyncRuns {
            file: input(old, None),
            old: old_sync,
            new: new_sync,
        },
    }
}
