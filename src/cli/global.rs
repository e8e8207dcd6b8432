//! The options of every command: which snapshot, the form of the answer, and what goes to standard error.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::builder::Resettable;
use clap::{ArgAction, Args, ValueEnum};

use crate::commands::DEFAULT_FILE;
use crate::report::Format;
use crate::snapshot::{Limits, ReadOptions};

/// How much is said on standard error, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speech {
    /// The least important thing that is said; `None` is the default of the place.
    pub level: Option<LogLevel>,
    /// Text or JSON lines.
    pub format: LogFormat,
    /// When to use colour.
    pub color: ColorChoice,
}

/// How important a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Why the run failed
    Error,
    /// And what a person should look at
    Warn,
    /// And what came of the run
    Info,
    /// And every page that was read
    Debug,
}

/// The form of what is said on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people
    #[default]
    Console,
    /// One JSON object a line
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people
    #[default]
    Console,
    /// For programs
    Json,
    /// For log collectors: one event a line; of `diff` only
    Ndjson,
    /// For pull requests; of `diff` only
    Markdown,
}

#[derive(Args)]
pub(super) struct GlobalOptions {
    /// The snapshot; for `sync`, `-` is standard output, and readers take no `-` [default: sync.c1z, with --demo
    /// demo.c1z]
    #[arg(short, long, global = true, env = "BATON_FILE", value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The form of the answer, of commands that have several
    #[arg(
        short,
        long,
        alias = "output",
        global = true,
        env = "BATON_OUTPUT_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    pub(super) output_format: OutputFormat,
    /// Say on standard error what came of the run; twice: every page
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// What to say on standard error
    #[arg(
        long,
        global = true,
        env = "BATON_LOG_LEVEL",
        value_name = "LEVEL",
        value_enum,
        ignore_case = true
    )]
    log_level: Option<LogLevel>,
    /// How to say it
    #[arg(
        long,
        global = true,
        env = "BATON_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        ignore_case = true
    )]
    log_format: LogFormat,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    color: ColorChoice,
    /// The folder for the decoded database [default: beside the snapshot on writing, the system's on reading]
    #[arg(long, global = true, env = "BATON_TMPDIR", value_name = "DIR")]
    pub(super) temp_dir: Option<PathBuf>,
    // The limits of the official readers, under their names.
    #[arg(
        long,
        global = true,
        hide = true,
        env = "BATON_DECODER_MAX_DECODED_SIZE_MB"
    )]
    decoder_max_decoded_size_mb: Option<u64>,
    #[arg(long, global = true, hide = true, env = "BATON_DECODER_MAX_MEMORY_MB")]
    decoder_max_memory_mb: Option<u64>,
}

impl GlobalOptions {
    /// Returns how loud to be on standard error, and in which form.
    pub(super) fn speech(&self) -> Speech {
        let level = match (self.log_level, self.verbose) {
            (_, 2..) => Some(LogLevel::Debug),
            (Some(level), 1) => Some(level.max(LogLevel::Info)),
            (None, 1) => Some(LogLevel::Info),
            (level, 0) => level,
        };
        Speech {
            level,
            format: self.log_format,
            color: self.color,
        }
    }

    /// Returns the form of the answer of a command other than `diff`.
    pub(super) fn format(&self) -> Result<Format> {
        match self.output_format {
            OutputFormat::Console => Ok(Format::Console),
            OutputFormat::Json => Ok(Format::Json),
            OutputFormat::Ndjson | OutputFormat::Markdown => {
                bail!("only `diff` has that output format")
            }
        }
    }

    /// Returns how files are read.
    pub(super) fn read_options(&self) -> ReadOptions {
        let default = Limits::default();
        let limits = Limits {
            max_decoded_mib: self
                .decoder_max_decoded_size_mb
                .unwrap_or(default.max_decoded_mib),
            max_window_mib: self.decoder_max_memory_mb.unwrap_or(default.max_window_mib),
        };
        ReadOptions {
            limits,
            temp_dir: self.temp_dir.clone(),
        }
    }

    /// Returns the file to read: the argument, else what `-f` names.
    pub(super) fn path(&self, argument: Option<PathBuf>) -> PathBuf {
        argument
            .or_else(|| self.file.clone())
            .unwrap_or_else(|| DEFAULT_FILE.into())
    }
}

/// The id of the option that chooses a form of the answer.
pub(super) const OUTPUT_FORMAT: &str = "output_format";

/// Commands whose answer has one form.
pub(super) const OF_ONE_FORM: [&str; 4] = ["sync", "export", "completions", "man"];

/// The same command, whose help offers a format only where the answer has several. The option is still understood
/// elsewhere, so that what is said to it can be to the point.
pub(super) fn with_formats_where_they_are(mut command: clap::Command) -> clap::Command {
    let Some(format) = command
        .get_arguments()
        .find(|arg| arg.get_id() == OUTPUT_FORMAT)
        .cloned()
    else {
        return command;
    };
    let hidden = format
        .hide(true)
        .env(Resettable::Reset)
        .default_value(Resettable::Reset);
    for name in OF_ONE_FORM {
        command = command.mut_subcommand(name, |command| command.arg(hidden.clone()));
    }
    command
}
