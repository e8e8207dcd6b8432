//! What the program does, one file per command. Anyhow is at home here and in `main.rs`; below are typed errors.

mod failure;
mod sync;

use std::io::Write;

use anyhow::Result;

use crate::model::{SyncId, Timestamp};
use crate::progress::Reporter;

pub use failure::{ExitCode, Failure, is_closed_pipe};
pub use sync::{Output, Source, SyncArgs};

/// What was asked for, with every setting resolved.
pub enum Command {
    /// Crawl, and write a snapshot.
    Sync(SyncArgs),
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Done,
}

impl Outcome {
    /// The exit code that says so.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::Done,
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
}

/// Does what was asked.
///
/// # Errors
/// See [`Failure::of`] for what each means to the caller.
pub fn run(command: &Command, world: &mut World<'_>) -> Result<Outcome> {
    match command {
        Command::Sync(args) => sync::run(args, world),
    }
}
