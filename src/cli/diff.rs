//! The options of `diff`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::global::{GlobalOptions, OutputFormat};
use super::values::flag;
use crate::commands::{Comparability, DiffArgs, DiffInputs, DiffOutput, Input};
use crate::diff::{FieldFilter, is_noise};
use crate::model::ChangeKind;
use crate::report::diff::{Detail, DiffFormat};

#[derive(Args)]
pub(super) struct DiffOptions {
    /// What was; alone, a file whose two newest finished full sync runs are compared
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// What is
    #[arg(value_name = "NEW")]
    new: Option<PathBuf>,
    /// The sync run to compare from [default: the newest finished full one; of one file, the one before --new-sync]
    #[arg(long, value_name = "ID")]
    old_sync: Option<String>,
    /// The sync run to compare with [default: the newest finished full one]
    #[arg(long, value_name = "ID")]
    new_sync: Option<String>,
    /// Count fields that are left out as noise: last_login, updated_at
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = parse_noise)]
    include: Vec<String>,
    /// Leave out a field, such as email or profile.distinct_id
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Exit 1 only for these kinds of changes, such as seat-raised,owner-added,grant-added; `any` for all
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = parse_kind)]
    fail_on: Vec<KindName>,
    /// A file of changes that were agreed on, one a line, as --print-accept writes them: they are set apart and do not
    /// fail
    #[arg(long, value_name = "FILE")]
    accept: Option<PathBuf>,
    /// Print the lines that would accept every change
    #[arg(long, conflicts_with_all = ["stat", "quiet"])]
    print_accept: bool,
    /// Compare two organizations, or sync runs that are not full, all the same
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(Comparability::Required, Comparability::Forced)
    )]
    force: Comparability,
    /// Show ids after the names
    #[arg(long)]
    ids: bool,
    /// Show the first line, the inputs and how many changes there are of each kind, and no changes
    #[arg(long)]
    stat: bool,
    /// Print nothing; the exit code says it
    #[arg(short, long)]
    quiet: bool,
    /// Longest Markdown text; what does not fit is counted
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = parse_max_bytes)]
    max_bytes: usize,
}

fn parse_noise(field: &str) -> Result<String, String> {
    if is_noise(field) {
        Ok(field.to_owned())
    } else {
        Err("only last_login and updated_at are left out as noise".to_owned())
    }
}

/// A kind of change, or all of them.
#[derive(Clone, Copy)]
enum KindName {
    Any,
    One(ChangeKind),
}

fn parse_kind(text: &str) -> Result<KindName, String> {
    if text == "any" {
        return Ok(KindName::Any);
    }
    text.parse().map(KindName::One).map_err(|problem: String| {
        let all: Vec<_> = ChangeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("{problem}; there are any, {}", all.join(", "))
    })
}

/// The heading, the first line and the two inputs always fit into this.
const MIN_MARKDOWN_BYTES: usize = 2_048;

fn parse_max_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if bytes >= MIN_MARKDOWN_BYTES => Ok(bytes),
        _ => Err(format!(
            "expected a number of bytes, at least {MIN_MARKDOWN_BYTES}"
        )),
    }
}

impl DiffOptions {
    /// Settles what to compare, and how.
    pub(super) fn into_args(self, global: &GlobalOptions) -> DiffArgs {
        DiffArgs {
            fail_on: self.failing_kinds(),
            output: self.output(global.output_format),
            inputs: inputs(self.old, self.new, self.old_sync, self.new_sync, global),
            fields: FieldFilter {
                include: self.include,
                ignore: self.ignore,
            },
            accept: self.accept,
            comparability: self.force,
        }
    }

    /// Returns the kinds of changes that fail; `None` if none was named, which means all of them.
    fn failing_kinds(&self) -> Option<BTreeSet<ChangeKind>> {
        let kinds = self.fail_on.iter().flat_map(|name| match name {
            KindName::Any => ChangeKind::ALL,
            KindName::One(kind) => std::slice::from_ref(kind),
        });
        (!self.fail_on.is_empty()).then(|| kinds.copied().collect())
    }

    /// Returns what to print.
    fn output(&self, format: OutputFormat) -> DiffOutput {
        if self.quiet {
            return DiffOutput::Nothing;
        }
        if self.print_accept {
            return DiffOutput::AcceptLines;
        }
        let format = match format {
            OutputFormat::Console => DiffFormat::Console,
            OutputFormat::Json => DiffFormat::Json,
            OutputFormat::Ndjson => DiffFormat::Ndjson,
            OutputFormat::Markdown => DiffFormat::Markdown {
                max_bytes: self.max_bytes,
            },
        };
        let detail = Detail {
            ids: self.ids,
            counts_only: self.stat,
        };
        DiffOutput::Report(format, detail)
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
