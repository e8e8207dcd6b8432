//! What the program does, one file per command. Anyhow is at home here and in `main.rs`; below are typed errors.

mod access;
mod check;
mod diff;
mod expected;
mod export;
mod failure;
mod guard;
mod input;
mod list;
mod lock;
mod stats;
mod sync;
mod target;
mod verify;

use std::io::Write;

use anyhow::Result;

use crate::model::{SyncId, Timestamp};
use crate::progress::Reporter;
use crate::report::Page;

pub use access::AccessArgs;
pub use check::CheckArgs;
pub use diff::{Comparability, DiffArgs, DiffInputs, DiffOutput};
pub use export::{ExportArgs, ExportForm, ExportTable};
pub use failure::{ExitCode, Failure, is_closed_pipe};
pub use guard::{GuardSettings, Replace};
pub use input::Input;
pub use list::{ListArgs, Listing};
pub use stats::{StatsArgs, StatsScope};
pub use sync::{CrawlSettings, FileOutput, Output, Pruning, Rejected, Source, SyncArgs};
pub use target::{Template, TemplateError};
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

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Done,
    /// Done, and there is something to look at: findings, a snapshot that is too old.
    Found,
    /// Of the files to verify, one could not be read.
    Unreadable,
}

impl Outcome {
    /// The exit code that says so.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::Done,
            Self::Found => ExitCode::Found,
            Self::Unreadable => ExitCode::BadSnapshot,
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
}

/// Does what was asked.
///
/// # Errors
/// See [`Failure::of`] for what each means to the caller.
pub fn run(command: &Command, world: &mut World<'_>) -> Result<Outcome> {
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
