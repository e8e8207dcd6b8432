//! The command line: clap types and help texts, resolved in one step into a [`Command`].
//!
//! | file | holds |
//! |---|---|
//! | `global.rs` | the options of every command |
//! | `sync.rs` | the options of `sync` and `check` |
//! | `key.rs` | where the API key is taken from |
//! | `read.rs` | the options of the commands that read one snapshot |
//! | `diff.rs` | the options of `diff` |
//! | `audit.rs` | the options of `audit` |
//! | `export.rs` | the options of `export` |
//! | `history.rs` | the options of `history` |
//! | `report.rs` | the options of `report` |
//! | `retention.rs` | the rules of retention of `sync` and `prune` |
//! | `prune.rs` | the options of `prune` |
//! | `heading.rs` | the headings of help |
//! | `help.rs` | output formats and examples |
//! | `conflicts.rs` | combinations of options that clap cannot refuse |
//! | `next.rs` | the command line to run after a check |
//! | `values.rs` | parsers that several of these use |
//! | `message.rs` | help, the version and usage errors as they are printed |
//! | `manual.rs` | the manual page |

#![allow(
    rustdoc::invalid_html_tags,
    reason = "doc comments of options are their help texts, with names in angle brackets"
)]

mod audit;
mod conflicts;
mod diff;
mod export;
mod global;
mod heading;
mod help;
mod history;
mod key;
mod manual;
mod message;
mod next;
mod prune;
mod read;
mod report;
mod retention;
mod sync;
mod values;

use std::ffi::OsString;

use anyhow::Result;
use clap::builder::Resettable;
use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use audit::AuditOptions;
use diff::DiffOptions;
use export::ExportSub;
use global::GlobalOptions;
use history::HistoryOptions;
use prune::PruneOptions;
use read::{
    AccessOptions, ListOptions, OrganizationOptions, RoleOptions, StatsOptions, UserOptions,
    VerifyOptions,
};
use report::ReportOptions;
use sync::SyncOptions;

use crate::commands::{Command, Listing, MetricsFile};

pub use global::{ColorChoice, LogFormat, LogLevel, Speech};
pub use message::Message;

/// A parsed command line.
pub struct Invocation {
    /// The command, or why its settings cannot be resolved.
    pub command: Result<Command>,
    /// Where the result of a sync is recorded, even if its other settings cannot be resolved.
    pub metrics: Option<MetricsFile>,
    /// How much goes to standard error, and in which form.
    pub speech: Speech,
}

/// Crawl a PostHog organization into a .c1z snapshot for ConductorOne; read, verify, export and compare snapshots
#[derive(Parser)]
#[command(
    name = "posthog-c1z",
    version,
    max_term_width = 100,
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Cli {
    #[command(flatten)]
    sync: SyncOptions,
    #[command(flatten)]
    global: GlobalOptions,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = heading::GLOBAL)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Subcommand)]
enum Sub {
    /// Crawl an organization and write a snapshot (the default command)
    Sync(Box<SyncOptions>),
    /// Check in advance whether a sync with the same options would work
    Check(Box<SyncOptions>),
    /// Show sync runs, counts and the content digest of a snapshot
    Stats(StatsOptions),
    /// List users with seat, 2FA, last login and number of roles
    Users(UserOptions),
    /// List roles
    Roles(RoleOptions),
    /// List grants: who holds what
    Grants(ListOptions),
    /// Show everything that one person has
    Access(AccessOptions),
    /// Show what surrounds the roles: settings, domains, invitations
    Organization(OrganizationOptions),
    /// List resources of every type
    Resources(ListOptions),
    /// List resource types
    ResourceTypes(ListOptions),
    /// List entitlements: what can be granted
    Entitlements(ListOptions),
    /// List everyone who holds something
    Principals(ListOptions),
    /// Read whole snapshots and report every defect
    Verify(VerifyOptions),
    /// Compare two snapshots
    Diff(Box<DiffOptions>),
    /// Judge a snapshot by rules: who is privileged, dormant, without 2FA, or should not be there
    Audit(Box<AuditOptions>),
    /// Write an access review to read, sign and file: one HTML page, or a workbook
    Report(Box<ReportOptions>),
    /// Follow an organization over many snapshots: what changed when, who had what on a date
    History(Box<HistoryOptions>),
    /// Remove old snapshots from a folder, by rules such as one for each day and month
    Prune(PruneOptions),
    /// Export a snapshot as CSV, JSON, a SQLite database or a workbook
    #[command(subcommand)]
    Export(ExportSub),
    /// Print completions for a shell
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page in roff
    Man,
}

/// Parses the command line and the environment.
///
/// # Errors
/// Clap's message for wrong usage, `--help` and `--version`.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Message> {
    invocation(args).map_err(Message::of)
}

fn invocation(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let matches = prepared(definition())
        .try_get_matches_from(args)
        .map_err(conflicts::explain_file)?;
    let Cli {
        sync,
        global,
        command,
        version: _,
    } = Cli::from_arg_matches(&matches)?;
    conflicts::check(&matches)
        .map_err(|misuse| Cli::command().error(misuse.kind, misuse.message))?;
    let command = command.unwrap_or_else(|| Sub::Sync(Box::new(sync)));
    let metrics = match &command {
        Sub::Sync(options) => options.metrics(),
        _ => None,
    };
    Ok(Invocation {
        metrics,
        speech: global.speech(),
        command: resolve(command, &global, &matches),
    })
}

/// Resolves every setting of a command.
fn resolve(sub: Sub, global: &GlobalOptions, matches: &ArgMatches) -> Result<Command> {
    let list = |listing, options: ListOptions| options.into_args(listing, global);
    Ok(match sub {
        Sub::Sync(options) => Command::Sync(Box::new(options.into_args(global)?)),
        Sub::Check(options) => {
            let given = matches.subcommand_matches("check").unwrap_or(matches);
            let next = next::sync_command(Cli::command().get_arguments(), given);
            Command::Check(Box::new(options.into_check_args(global, next)?))
        }
        Sub::Stats(options) => Command::Stats(options.into_args(global)?),
        Sub::ResourceTypes(options) => Command::List(list(Listing::ResourceTypes, options)?),
        Sub::Users(options) => Command::List(options.into_args(global)?),
        Sub::Roles(options) => Command::List(options.into_args(global)?),
        Sub::Resources(options) => Command::List(list(Listing::Resources, options)?),
        Sub::Entitlements(options) => Command::List(list(Listing::Entitlements, options)?),
        Sub::Grants(options) => Command::List(list(Listing::Grants, options)?),
        Sub::Principals(options) => Command::List(list(Listing::Principals, options)?),
        Sub::Access(options) => Command::Access(options.into_args(global)?),
        Sub::Organization(options) => Command::Organization(options.into_args(global)?),
        Sub::Verify(options) => Command::Verify(options.into_args(global)?),
        Sub::Diff(options) => Command::Diff(Box::new(options.into_args(global)?)),
        Sub::Audit(options) => options.into_command(global)?,
        Sub::Report(options) => Command::Report(Box::new(options.into_args(global))),
        Sub::History(options) => Command::History(Box::new(options.into_args(global))),
        Sub::Prune(options) => Command::Prune(options.into_args(global)?),
        Sub::Export(options) => options.into_command(global)?,
        Sub::Completions { shell } => Command::Show(completions(shell)),
        Sub::Man => Command::Show(manual::page(definition())),
    })
}

/// The command line as help, completions and the manual page show it.
fn definition() -> clap::Command {
    help::complete(Cli::command())
}

fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition(), help::PROGRAM, &mut script);
    script
}

/// The same command without the variables that are set to nothing, as CI systems do, and with help that does not show the
/// value of a variable: that may be a password in an address.
fn prepared(command: clap::Command) -> clap::Command {
    let is_blank = |arg: &clap::Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.to_string_lossy().trim().is_empty())
    };
    command
        .mut_args(|arg| {
            let arg = arg.hide_env_values(true);
            if is_blank(&arg) {
                arg.env(Resettable::Reset)
            } else {
                arg
            }
        })
        .mut_subcommands(prepared)
}
