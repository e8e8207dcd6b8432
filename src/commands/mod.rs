//! The commands of the program, one file or folder each. Only this layer and `main.rs` use anyhow; layers below have
//! typed errors.

mod access;
mod answer;
mod archived;
mod audit;
mod cache;
mod catalog;
mod check;
mod csv_tables;
mod diff;
mod export;
mod failure;
mod folder;
mod given;
mod history;
mod input;
mod list;
mod missing;
mod numbers;
mod organization;
mod parallel;
mod population;
mod principals;
mod product;
mod prune;
mod report;
mod search;
mod short_ids;
mod stats;
mod sync;
mod verify;

use std::io::{self, Write};

use anyhow::Result;

use answer::{Answer, Stdout, is_closed_pipe};

use crate::model::{SyncId, Timestamp};
use crate::progress::Reporter;
use crate::report::audit::AuditFormat;
use crate::report::diff::DiffFormat;
use crate::report::{Format, Medium, Outlet, Page};

pub use access::AccessArgs;
pub use answer::NotArrived;
pub use audit::{AuditArgs, AuditOutput, Basis};
pub use check::CheckArgs;
pub use diff::{Comparability, DiffArgs, DiffInputs, DiffOutput};
pub use export::{ExportArgs, ExportForm, ExportTable, Source as TableSource};
pub use failure::{ExitCode, Failure};
pub use history::{HistoryArgs, Question, Unreadable, Unrecorded};
pub use input::Input;
pub use list::{Condition, ListArgs, ListFormat, Listing, SeatName};
pub use organization::OrganizationArgs;
pub use product::Product;
pub use prune::PruneArgs;
pub use report::{ReportArgs, ReportForm};
pub use stats::{StatsArgs, StatsScope};
pub use sync::{
    Checksum, CrawlSettings, FileOutput, GuardSettings, MetricsFile, NothingSet, Output, Pruning,
    Rejected, Replace, Source, SyncArgs, Template, TemplateError,
};
pub use verify::VerifyArgs;

/// The default path of a snapshot.
pub const DEFAULT_FILE: &str = "sync.c1z";

/// A command with all its settings resolved.
pub enum Command {
    /// Crawls an organization and writes a snapshot.
    Sync(Box<SyncArgs>),
    /// Checks in advance whether a sync would work.
    Check(Box<CheckArgs>),
    /// Summarizes a file.
    Stats(StatsArgs),
    /// Lists rows of one kind.
    List(ListArgs),
    /// Shows everything one person has.
    Access(AccessArgs),
    /// Shows what surrounds the roles.
    Organization(OrganizationArgs),
    /// Reports the defects of files.
    Verify(VerifyArgs),
    /// Compares two snapshots.
    Diff(Box<DiffArgs>),
    /// Judges a snapshot by rules.
    Audit(Box<AuditArgs>),
    /// Writes a snapshot as a document for people.
    Report(Box<ReportArgs>),
    /// Follows an organization over many snapshots.
    History(Box<HistoryArgs>),
    /// Removes old snapshots from a folder.
    Prune(PruneArgs),
    /// Exports a snapshot to another format.
    Export(ExportArgs),
    /// Prints a text that is generated from the command line's definition: shell completions, the man page.
    Show(Vec<u8>),
}

impl Command {
    /// The medium of its output on standard output.
    fn medium(&self, page: Page) -> Medium {
        let of_format = |format| match format {
            Format::Console => Medium::Text {
                styled: page.styled,
            },
            Format::Json => Medium::Json,
        };
        match self {
            Self::Sync(args) => match args.output {
                Output::Stdout => Medium::Raw,
                Output::File(_) => of_format(Format::Console),
            },
            Self::Check(args) => of_format(args.format),
            Self::Stats(args) => match args.scope {
                StatsScope::Overview => of_format(args.format),
                StatsScope::Evidence => Medium::Json,
            },
            Self::List(args) => args.format.medium(page),
            Self::Access(args) => of_format(args.format),
            Self::Organization(args) => of_format(args.format),
            Self::Verify(args) => of_format(args.format),
            Self::Diff(args) => match args.output {
                DiffOutput::Report(DiffFormat::Json | DiffFormat::Ndjson, _) => Medium::Json,
                DiffOutput::Report(DiffFormat::Console, _) => of_format(Format::Console),
                DiffOutput::Report(DiffFormat::Markdown { .. }, _)
                | DiffOutput::AcceptLines
                | DiffOutput::Nothing => Medium::Text { styled: false },
            },
            Self::Audit(args) => match args.output {
                AuditOutput::Report(AuditFormat::Json | AuditFormat::Ndjson) => Medium::Json,
                AuditOutput::Report(AuditFormat::Console) => of_format(Format::Console),
                AuditOutput::Report(AuditFormat::Csv) if page.is_terminal => Medium::Csv,
                AuditOutput::Report(AuditFormat::Csv) => Medium::Raw,
                AuditOutput::Report(AuditFormat::Markdown { .. })
                | AuditOutput::AcceptEntries
                | AuditOutput::Nothing => Medium::Text { styled: false },
            },
            Self::Report(_) => of_format(Format::Console),
            Self::History(args) => match args.format {
                Some(format) => format.medium(page),
                None => of_format(Format::Console),
            },
            Self::Prune(args) => of_format(args.format),
            Self::Export(args) => args.form.medium(page.is_terminal),
            Self::Show(_) => Medium::Raw,
        }
    }
}

impl Command {
    /// Whether its exit code alone can be the result.
    fn is_judged(&self) -> bool {
        matches!(
            self,
            Self::Check(_)
                | Self::Stats(_)
                | Self::Verify(_)
                | Self::Diff(_)
                | Self::Audit(_)
                | Self::History(_)
                | Self::Prune(_)
        )
    }

    /// What it writes to standard output.
    fn answer(&self) -> Answer {
        match self {
            Self::Sync(args) => match args.output {
                Output::Stdout => Answer::Product,
                Output::File(_) => Answer::List,
            },
            Self::Export(args) if args.out.is_none() => Answer::Product,
            Self::Stats(args) if args.max_age.is_some() => Answer::Verdict,
            Self::Check(_)
            | Self::Verify(_)
            | Self::Diff(_)
            | Self::Audit(_)
            | Self::History(_)
            | Self::Prune(_) => Answer::Verdict,
            Self::Stats(_)
            | Self::List(_)
            | Self::Access(_)
            | Self::Organization(_)
            | Self::Report(_)
            | Self::Export(_)
            | Self::Show(_) => Answer::List,
        }
    }
}

/// The result of a command that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, with nothing to report.
    Done,
    /// Done, and there is something to look at: differences, findings, a snapshot that is too old.
    Found,
    /// `verify` found a file that is not a readable snapshot.
    Unreadable,
    /// `verify` could not read a file because of the machine, so nothing is known about it.
    Unknown,
}

impl Outcome {
    /// Its exit code.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::Done,
            Self::Found => ExitCode::Found,
            Self::Unreadable => ExitCode::BadSnapshot,
            Self::Unknown => ExitCode::Usage,
        }
    }
}

/// What a command uses from its environment. Tests substitute their own.
pub struct World<'a> {
    /// The clock.
    pub now: &'a dyn Fn() -> Timestamp,
    /// Creates the id of a sync run that starts at the given time.
    pub new_sync_id: &'a dyn Fn(Timestamp) -> SyncId,
    /// Receives progress, warnings and other events.
    pub reporter: &'a dyn Reporter,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// The terminal, file or pipe behind standard output.
    pub page: Page,
    /// Whether to omit output that only explains the exit code.
    pub quiet: bool,
    /// Fails if standard output has no reader, or never had one.
    pub arrived: &'a dyn Fn() -> io::Result<()>,
}

/// Runs a command, or fails with the reason why its settings cannot be resolved. If there is a metrics file, the result is
/// written there in either case.
///
/// # Errors
/// [`Failure::of`] maps them to messages and exit codes.
pub fn run_recorded(
    command: Result<Command>,
    metrics: Option<&MetricsFile>,
    world: &mut World<'_>,
) -> Result<Outcome> {
    let run = |world: &mut World<'_>| run(&command?, world);
    match metrics {
        Some(metrics) => metrics.record(world, run),
        None => run(world),
    }
}

/// Runs a command.
///
/// # Errors
/// [`Failure::of`] maps them to messages and exit codes.
pub fn run(command: &Command, world: &mut World<'_>) -> Result<Outcome> {
    let answer = command.answer();
    if answer == Answer::Product {
        // Fail now instead of after hours of work.
        (world.arrived)().map_err(|_| NotArrived)?;
    }
    let mut sink = io::sink();
    let out: &mut dyn Write = if world.quiet && command.is_judged() {
        &mut sink
    } else {
        &mut *world.out
    };
    let mut stdout = Stdout::new(out, answer);
    let mut out = Outlet::new(&mut stdout, command.medium(world.page));
    let mut inner = World {
        now: world.now,
        new_sync_id: world.new_sync_id,
        reporter: world.reporter,
        out: &mut out,
        page: world.page,
        quiet: world.quiet,
        arrived: world.arrived,
    };
    let result = dispatch(command, &mut inner);
    // Also after a failure: print what was found before it.
    let flushed = out.flush();
    drop(out);
    let result = result.and_then(|outcome| {
        flushed?;
        if answer == Answer::Product {
            (world.arrived)()?;
        }
        Ok(outcome)
    });
    match (result, answer) {
        (Err(error), Answer::List) if stdout.is_closed && is_closed_pipe(&error) => {
            Ok(Outcome::Done)
        }
        (Err(error), Answer::Product) if is_closed_pipe(&error) => Err(NotArrived.into()),
        (result, _) => result,
    }
}

fn dispatch(command: &Command, world: &mut World<'_>) -> Result<Outcome> {
    match command {
        Command::Sync(args) => sync::run(args, world),
        Command::Check(args) => check::run(args, world),
        Command::Stats(args) => stats::run(args, world),
        Command::List(args) => list::run(args, world),
        Command::Access(args) => access::run(args, world),
        Command::Organization(args) => organization::run(args, world),
        Command::Verify(args) => verify::run(args, world),
        Command::Diff(args) => diff::run(args, world),
        Command::Audit(args) => audit::run(args, world),
        Command::Report(args) => report::run(args, world),
        Command::History(args) => history::run(args, world),
        Command::Prune(args) => prune::run(args, world),
        Command::Export(args) => export::run(args, world),
        Command::Show(text) => {
            world.out.write_all(text)?;
            Ok(Outcome::Done)
        }
    }
}
