//! The options of `history`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::audit::{RosterOptions, parse_time};
use super::global::{GlobalOptions, OutputFormat};
use super::values::{flag, parse_age};
use crate::commands::{HistoryArgs, Question, Unreadable, Unrecorded};
use crate::model::Timestamp;
use crate::report::history::{Detail, HistoryFormat};

#[derive(Args)]
pub(super) struct HistoryOptions {
    /// Snapshots, folders of them, and patterns in quotes
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Show one person over time: an id, a name or an e-mail address, also a former one
    #[arg(long, value_name = "PERSON")]
    person: Option<String>,
    /// Show who gained and lost one role: an id or a name, also a former one
    #[arg(long, value_name = "ROLE", conflicts_with = "person")]
    role: Option<String>,
    /// Show who had what at this time, such as 2026-06-30 (the end of that day in UTC); with --person or --role, that one alone
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<Timestamp>,
    /// Show when the people who left lost access, by a roster as CSV
    #[arg(
        long,
        value_name = "FILE",
        group = RosterOptions::FILE,
        conflicts_with_all = ["person", "role", "as_of"]
    )]
    left: Option<PathBuf>,
    /// Exit 1 unless every leaver lost access within this time, such as 24h
    #[arg(long, value_name = "LENGTH", requires = "left", value_parser = parse_age)]
    within: Option<Duration>,
    #[command(flatten)]
    columns: RosterOptions,
    /// Show unchanged snapshots too
    #[arg(long, conflicts_with_all = ["person", "role", "as_of", "left"])]
    all: bool,
    /// Show the newest snapshot first
    #[arg(long, conflicts_with_all = ["person", "role", "as_of", "left"])]
    reverse: bool,
    /// Do not fail if files cannot be read; they are named
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(Unreadable::Fail, Unreadable::Skip)
    )]
    skip_unreadable: Unreadable,
    /// Count files that do not record their organization as files of the same one
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = flag(Unrecorded::Unknown, Unrecorded::Same)
    )]
    force: Unrecorded,
}

impl HistoryOptions {
    /// Resolves what is asked of which files.
    pub(super) fn into_args(self, global: &GlobalOptions) -> HistoryArgs {
        let question = match (self.as_of, self.left) {
            (Some(at), _) => Question::AsOf {
                at: at.end_of_second(),
                person: self.person,
                role: self.role,
            },
            (None, Some(roster)) => Question::Left {
                roster,
                columns: self.columns.into_columns(),
                within: self.within,
            },
            (None, None) => match (self.person, self.role) {
                (Some(person), _) => Question::Person(person),
                (None, Some(role)) => Question::Role(role),
                (None, None) => Question::Log,
            },
        };
        let format = match global.output_format {
            OutputFormat::Json => HistoryFormat::Json,
            OutputFormat::Ndjson => HistoryFormat::Ndjson,
            OutputFormat::Csv => HistoryFormat::Csv,
            OutputFormat::Console | OutputFormat::Markdown => HistoryFormat::Console,
        };
        HistoryArgs {
            paths: self.paths,
            question,
            unreadable: self.skip_unreadable,
            unrecorded: self.force,
            format: (!global.quiet).then_some(format),
            detail: Detail {
                every_run: self.all,
                newest_first: self.reverse,
            },
            options: global.read_options(),
        }
    }
}
