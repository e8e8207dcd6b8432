//! What the program does, one file per command. Anyhow is at home here and in `main.rs`; below are typed errors.

mod access;
mod answer;
mod catalog;
mod check;
mod diff;
mod export;
mod failure;
mod input;
mod list;
mod missing;
mod principals;
mod stats;
mod sync;
mod verify;

use std::io::{self, Write};

use anyhow::Result;

use answer::{Answer, Stdout, is_closed_pipe};

use crate::model::{SyncId, Timestamp};
use crate::progress::Reporter;
use crate::report::diff::DiffFormat;
use crate::report::{Format, Medium, Outlet, Page};

pub use access::AccessArgs;
pub use answer::NotArrived;
pub use check::CheckArgs;
pub use diff::{Comparability, DiffArgs, DiffInputs, DiffOutput};
pub use export::{ExportArgs, ExportForm, ExportTable};
pub use failure::{ExitCode, Failure};
pub use input::Input;
pub use list::{ListArgs, Listing};
pub use stats::{StatsArgs, StatsScope};
pub use sync::{
    CrawlSettings, FileOutput, GuardSettings, Output, Pruning, Rejected, Replace, Source, SyncArgs,
    Template, TemplateError,
};
pub use verify::VerifyArgs;

/// Where a snapshot is if nothing else is said.
pub const DEFAULT_FILE: &str = "sync.c1z";

/// What was asked for, with every setting resolved.
pub enum Command {
    /// Crawl, and write a snapshot.
    Sync(Box<SyncArgs>),
    /// Whether that would work.
    Check(Box<CheckArgs>),
    /// What is in a file.
    Stats(StatsArgs),
    /// Rows of one kind.
    List(ListArgs),
    /// All that one person has.
    Access(AccessArgs),
    /// Every defect of files.
    Verify(VerifyArgs),
    /// What changed.
    Diff(Box<DiffArgs>),
    /// A snapshot in another form.
    Export(ExportArgs),
    /// A text that the command line makes of its own definition: shell completions, the manual page.
    Show(Vec<u8>),
}

impl Command {
    /// What its answer on standard output is read as.
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
            Self::List(args) => of_format(args.format),
            Self::Access(args) => of_format(args.format),
            Self::Verify(args) => of_format(args.format),
            Self::Diff(args) => match args.output {
                DiffOutput::Report(DiffFormat::Json | DiffFormat::Ndjson, _) => Medium::Json,
                DiffOutput::Report(DiffFormat::Console, _) => of_format(Format::Console),
                DiffOutput::Report(DiffFormat::Markdown { .. }, _)
                | DiffOutput::AcceptLines
                | DiffOutput::Nothing => Medium::Text { styled: false },
            },
            Self::Export(args) => args.form.medium(page.is_terminal),
            Self::Show(_) => Medium::Raw,
        }
    }
}

impl Command {
    /// Whether its exit code alone can be the answer.
    fn is_judged(&self) -> bool {
        matches!(
            self,
            Self::Check(_) | Self::Stats(_) | Self::Verify(_) | Self::Diff(_)
        )
    }

    /// What its answer on standard output is.
    fn answer(&self) -> Answer {
        match self {
            Self::Sync(args) => match args.output {
                Output::Stdout => Answer::Product,
                Output::File(_) => Answer::List,
            },
            Self::Export(args) if args.out.is_none() => Answer::Product,
            Self::Stats(args) if args.max_age.is_some() => Answer::Verdict,
            Self::Check(_) | Self::Verify(_) | Self::Diff(_) => Answer::Verdict,
            Self::Stats(_) | Self::List(_) | Self::Access(_) | Self::Export(_) | Self::Show(_) => {
                Answer::List
            }
        }
    }
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Done,
    /// Done, and there is something to look at: findings, a snapshot that is too old.
    Found,
    /// Of the files to verify, one could not be read.
    Unreadable,
    /// Of the files to verify, the machine did not let one be read.
    Unknown,
}

impl Outcome {
    /// The exit code that says so.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::Done,
            Self::Found => ExitCode::Found,
            Self::Unreadable => ExitCode::BadSnapshot,
            Self::Unknown => ExitCode::Usage,
        }
    }
}

/// What a command borrows from outside. Tests lend another.
pub struct World<'a> {
    /// The clock.
    pub now: &'a dyn Fn() -> Timestamp,
    /// Makes the id of a sync run that begins at the given time.
    pub new_sync_id: &'a dyn Fn(Timestamp) -> SyncId,
    /// Hears what happens.
    pub reporter: &'a dyn Reporter,
    /// Takes the answer: standard output.
    pub out: &'a mut dyn Write,
    /// What it is.
    pub page: Page,
    /// Whether to leave out an answer that only explains the exit code.
    pub quiet: bool,
    /// Fails if standard output has lost its reader, or had none to begin with.
    pub arrived: &'a dyn Fn() -> io::Result<()>,
}

/// Does what was asked.
///
/// # Errors
/// See [`Failure::of`] for what each means to the caller.
pub fn run(command: &Command, world: &mut World<'_>) -> Result<Outcome> {
    let answer = command.answer();
    if answer == Answer::Product {
        // Before hours of work that nobody would get.
        (world.arrived)().map_err(|_| NotArrived)?;
    }
    let mut nowhere = io::sink();
    let out: &mut dyn Write = if world.quiet && command.is_judged() {
        &mut nowhere
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
    // Also when it failed: what was found before that is worth showing.
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
        Command::Verify(args) => verify::run(args, world),
        Command::Diff(args) => diff::run(args, world),
        Command::Export(args) => export::run(args, world),
        Command::Show(text) => {
            world.out.write_all(text)?;
            Ok(Outcome::Done)
        }
    }
}
