//! The command line: clap types and help texts, turned once into a [`Command`].
//!
//! | file | for |
//! |---|---|
//! | `global.rs` | the options of every command |
//! | `sync.rs` | the options of `sync` and `check` |
//! | `key.rs` | where the API key is taken from |
//! | `read.rs` | the options of the commands that read one snapshot |
//! | `diff.rs` | the options of `diff` |
//! | `conflicts.rs` | what clap cannot say about options together |
//! | `values.rs` | parsers that several of these use |
//! | `message.rs` | help, the version and errors of usage |

#![allow(
    rustdoc::invalid_html_tags,
    reason = "doc comments of options are their help texts, with names in angle brackets"
)]

mod conflicts;
mod diff;
mod global;
mod key;
mod message;
mod read;
mod sync;
mod values;

use std::ffi::OsString;

use anyhow::Result;
use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use diff::DiffOptions;
use global::{GlobalOptions, with_formats_where_they_are};
use read::{AccessOptions, ExportSub, ListOptions, StatsOptions, VerifyOptions};
use sync::SyncOptions;

use crate::commands::{Command, Listing};

pub use global::{ColorChoice, LogFormat, LogLevel, Speech};
pub use message::Message;

/// How the program was called: what to do, and how to speak of it.
pub struct Invocation {
    /// What to do, or why that cannot be told.
    pub command: Result<Command>,
    /// How to speak of it.
    pub speech: Speech,
}

/// Crawls a PostHog organization (members, roles, who holds which role) into a .c1z snapshot for ConductorOne
///
/// Without a command it does `sync`.
#[derive(Parser)]
#[command(name = "posthog-c1z", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(flatten)]
    sync: SyncOptions,
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Subcommand)]
enum Sub {
    /// Crawl one organization and write one snapshot
    Sync(Box<SyncOptions>),
    /// Say before the night comes whether `sync` with the same options would work
    Check(Box<SyncOptions>),
    /// Sync runs, counts, content digest, and what the crawl could prove
    Stats(StatsOptions),
    /// List resource types
    ResourceTypes(ListOptions),
    /// List resources: users and roles
    Resources(ListOptions),
    /// List entitlements: what can be held
    Entitlements(ListOptions),
    /// List grants: who holds what
    Grants(ListOptions),
    /// List those who hold something
    Principals(ListOptions),
    /// All that one person has
    Access(AccessOptions),
    /// Read everything and tell every defect; exits 1 with findings, 15 with a file that cannot be read
    Verify(VerifyOptions),
    /// What changed between two snapshots; exits 0 without differences, 1 with them, 2 or more in trouble
    Diff(Box<DiffOptions>),
    /// The snapshot as CSV or JSON
    #[command(subcommand)]
    Export(ExportSub),
    /// Completions for a shell, for you to put where it looks for them
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// The manual page, in roff
    Man,
}

/// Takes the command line and the environment.
///
/// # Errors
/// What clap says to wrong usage, `--help` and `--version`.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Message> {
    invocation(args).map_err(Message::of)
}

fn invocation(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let matches = prepared(definition()).try_get_matches_from(args)?;
    let Cli {
        global,
        sync,
        command,
    } = Cli::from_arg_matches(&matches)?;
    conflicts::check(&matches)
        .map_err(|misuse| Cli::command().error(misuse.kind, misuse.message))?;
    let command = command.unwrap_or_else(|| Sub::Sync(Box::new(sync)));
    Ok(Invocation {
        speech: global.speech(),
        command: resolve(command, &global),
    })
}

/// Settles everything that a command needs to know.
fn resolve(sub: Sub, global: &GlobalOptions) -> Result<Command> {
    let list = |listing, options: ListOptions| options.into_args(listing, global);
    Ok(match sub {
        Sub::Sync(options) => Command::Sync(Box::new(options.into_args(global)?)),
        Sub::Check(options) => Command::Check(Box::new(options.into_check_args(global)?)),
        Sub::Stats(options) => Command::Stats(options.into_args(global)?),
        Sub::ResourceTypes(options) => Command::List(list(Listing::ResourceTypes, options)?),
        Sub::Resources(options) => Command::List(list(Listing::Resources, options)?),
        Sub::Entitlements(options) => Command::List(list(Listing::Entitlements, options)?),
        Sub::Grants(options) => Command::List(list(Listing::Grants, options)?),
        Sub::Principals(options) => Command::List(list(Listing::Principals, options)?),
        Sub::Access(options) => Command::Access(options.into_args(global)?),
        Sub::Verify(options) => Command::Verify(options.into_args(global)?),
        Sub::Diff(options) => Command::Diff(Box::new(options.into_args(global))),
        Sub::Export(options) => Command::Export(options.into_args(global)),
        Sub::Completions { shell } => Command::Show(completions(shell)),
        Sub::Man => Command::Show(manual()),
    })
}

/// The command line as help, completions and the manual page show it.
fn definition() -> clap::Command {
    with_formats_where_they_are(Cli::command())
}

fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition(), "posthog-c1z", &mut script);
    script
}

/// The manual page of the program, then those of its commands, as one document.
fn manual() -> Vec<u8> {
    fn render(command: &clap::Command, out: &mut Vec<u8>) {
        clap_mangen::Man::new(command.clone())
            .render(out)
            .expect("a Vec takes all bytes");
        for sub in command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help")
        {
            render(sub, out);
        }
    }
    let mut command = definition();
    command.build();
    let mut page = Vec::new();
    render(&command, &mut page);
    page
}

/// The same command, deaf to variables that are set to nothing, since CI systems set many so, and with help that does not
/// show what a variable holds: that may be a password in an address.
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
