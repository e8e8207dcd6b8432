//! The options of every command: the snapshot, the output format, and what goes to standard error.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{ArgAction, Args, ValueEnum};

use super::heading;
use crate::commands::DEFAULT_FILE;
use crate::report::Format;
use crate::snapshot::{Limits, ReadOptions};

/// How much goes to standard error, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speech {
    /// The least important messages to show; `None` chooses by where standard error goes.
    pub level: Option<LogLevel>,
    /// Text or JSON lines.
    pub format: LogFormat,
    /// When to use colour.
    pub color: ColorChoice,
    /// Whether to leave out progress, summary and warnings.
    pub quiet: bool,
}

/// How important a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Why the run failed.
    Error,
    /// What needs attention.
    Warn,
    /// The result of the run.
    Info,
    /// Every request.
    Debug,
}

/// The form of messages on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Console,
    /// One JSON object a line.
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Every output format that a command has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    #[default]
    Console,
    Json,
    Ndjson,
    Markdown,
    Csv,
}

/// Options of every command.
#[derive(Args)]
#[command(next_help_heading = heading::GLOBAL)]
pub(super) struct GlobalOptions {
    /// Snapshot to read or write [default: sync.c1z]
    #[arg(short, long, global = true, env = "BATON_FILE", value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Output format; the formats depend on the command
    #[arg(
        short,
        long,
        alias = "output",
        global = true,
        env = "BATON_OUTPUT_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(super) output_format: OutputFormat,
    /// Print no progress, summary or warnings about a crawl; audit, check, diff, history, prune, stats and verify print no report
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Log the result of the run to standard error; -vv logs every request
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    #[arg(
        long,
        global = true,
        env = "BATON_LOG_LEVEL",
        value_name = "LEVEL",
        value_enum,
        ignore_case = true,
        hide_possible_values = true,
        help = "Log level: error, warn, info or debug"
    )]
    log_level: Option<LogLevel>,
    #[arg(
        long,
        global = true,
        env = "BATON_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        ignore_case = true,
        hide_possible_values = true,
        help = "Log format: console or json"
    )]
    log_format: LogFormat,
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help = "Use colour: auto, always or never"
    )]
    color: ColorChoice,
    /// Folder for temporary files [default: next to the snapshot when writing, the system's when reading]
    #[arg(long, global = true, env = "BATON_TMPDIR", value_name = "DIR")]
    pub(super) temp_dir: Option<PathBuf>,
    /// Print help
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
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
    /// Returns how much goes to standard error, and in which form.
    pub(super) fn speech(&self) -> Speech {
        let level = match (self.log_level, self.verbose) {
            _ if self.quiet => Some(LogLevel::Error),
            (_, 2..) => Some(LogLevel::Debug),
            (Some(level), 1) => Some(level.max(LogLevel::Info)),
            (None, 1) => Some(LogLevel::Info),
            (level, 0) => level,
        };
        Speech {
            level,
            format: self.log_format,
            color: self.color,
            quiet: self.quiet,
        }
    }

    /// Returns the output format of a command that has no others than these two.
    pub(super) fn format(&self) -> Result<Format> {
        match self.output_format {
            OutputFormat::Console => Ok(Format::Console),
            OutputFormat::Json => Ok(Format::Json),
            OutputFormat::Ndjson | OutputFormat::Markdown | OutputFormat::Csv => {
                bail!(
                    "this command does not have this output format; its --help lists those it has"
                )
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
