//! The command line: clap types and help texts, turned once into a [`Command`].

use std::ffi::OsString;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::builder::NonEmptyStringValueParser;
use clap::error::{ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{
    ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};

use crate::commands::{
    AccessArgs, CheckArgs, Command, Comparability, CrawlSettings, DEFAULT_FILE, DiffArgs,
    DiffInputs, DiffOutput, ExportArgs, ExportForm, ExportTable, FileOutput, GuardSettings, Input,
    ListArgs, Listing, Output, Pruning, Rejected, Replace, Source, StatsArgs, StatsScope, SyncArgs,
    Template, TemplateError, VerifyArgs,
};
use crate::crawl::posthog::{Incomplete, Memberships};
use crate::crawl::{
    AddressError, ApiKey, BaseUrl, HttpSettings, KeyError, PaceSettings, PlainHttp, holds_key,
    mask_secrets,
};
use crate::demo::Week;
use crate::diff::{FieldFilter, is_noise};
use crate::model::{ChangeKind, parse_duration};
use crate::report::diff::{Detail, DiffFormat};
use crate::report::sheet::Formulas;
use crate::report::{Format, printable};
use crate::snapshot::{Filter, Limits, ReadOptions};

/// How the program was called: what to do, and how to speak of it.
pub struct Invocation {
    /// What to do, or why that cannot be told.
    pub command: Result<Command>,
    /// How to speak of it.
    pub speech: Speech,
}

/// What is printed instead of doing anything: help, the version, or what is wrong with the command line.
#[derive(Debug)]
pub struct Message {
    /// Whether the command line is wrong.
    pub is_error: bool,
    text: clap::builder::StyledStr,
}

impl Message {
    /// Takes the message from clap. It quotes arguments, which may hold anything: each is kept on one line, and what looks
    /// like a key or a password is masked.
    fn of(mut error: clap::Error) -> Self {
        let one = |text: &str| printable(text).into_owned();
        let quoted: Vec<_> = error
            .context()
            .filter_map(|(kind, value)| match value {
                ContextValue::String(text) => Some((kind, ContextValue::String(one(text)))),
                ContextValue::Strings(texts) => {
                    let texts = texts.iter().map(|text| one(text)).collect();
                    Some((kind, ContextValue::Strings(texts)))
                }
                _ => None,
            })
            .collect();
        for (kind, value) in quoted {
            error.insert(kind, value);
        }
        let mut text = error.render();
        let plain = text.to_string();
        let masked = mask_secrets(&plain);
        if masked != plain {
            text = masked.into();
        }
        Self {
            is_error: error.use_stderr(),
            text,
        }
    }

    /// The text, ending with a line end.
    pub fn text(&self, styled: bool) -> String {
        match styled {
            true => self.text.ansi().to_string(),
            false => self.text.to_string(),
        }
    }
}

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

#[derive(Args)]
struct InputOptions {
    /// The snapshot [default: what -f names]
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
    /// The sync run to look at [default: the newest finished full one, else the newest finished one]
    #[arg(long, value_name = "ID")]
    sync_id: Option<String>,
}

#[derive(Args)]
struct StatsOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Print the whole evidence as JSON, and nothing else
    #[arg(long)]
    evidence: bool,
    /// Exit 1 if the newest finished sync run is older, such as 26h or 2d
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    max_age: Option<Duration>,
}

#[derive(Args)]
struct ListOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Of this resource type only; for entitlements and grants, of the resource they are on; for principals, of themselves
    /// or of what they hold something on
    #[arg(short = 't', long, value_name = "TYPE", value_parser = NonEmptyStringValueParser::new())]
    resource_type: Option<String>,
    /// Of this resource only, by its id or <type>:<id>; for entitlements and grants, the one they are on; for principals,
    /// themselves or the one they hold something on
    #[arg(short = 'r', long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    resource: Option<String>,
    /// Of this entitlement only; not for resource types and resources
    #[arg(short = 'e', long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    entitlement: Option<String>,
}

#[derive(Args)]
struct AccessOptions {
    /// An e-mail, a uuid, or user:<uuid>
    person: String,
    #[command(flatten)]
    input: InputOptions,
}

#[derive(Args)]
struct VerifyOptions {
    /// The snapshots [default: what -f names]
    #[arg(value_name = "FILE")]
    inputs: Vec<PathBuf>,
}

#[derive(Args)]
struct DiffOptions {
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
    #[arg(long)]
    force: bool,
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
    match is_noise(field) {
        true => Ok(field.to_owned()),
        false => Err("only last_login and updated_at are left out as noise".to_owned()),
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

#[derive(Subcommand)]
enum ExportSub {
    /// The twelve columns of ConductorOne's file import, or with --table one for people
    Csv {
        #[command(flatten)]
        export: ExportOptions,
        /// A table for people, with all that is known
        #[arg(long, value_enum, value_name = "TABLE")]
        table: Option<TableName>,
        /// Make cells harmless that a spreadsheet would run as a formula [default with --table]
        #[arg(long, conflicts_with = "raw")]
        safe: bool,
        /// Leave every cell as it is [default without --table]
        #[arg(long)]
        raw: bool,
    },
    /// The whole snapshot as one JSON document
    Json {
        #[command(flatten)]
        export: ExportOptions,
    },
    /// One JSON object a line: the sync run, then every row
    Ndjson {
        #[command(flatten)]
        export: ExportOptions,
    },
}

#[derive(Args)]
struct ExportOptions {
    #[command(flatten)]
    input: InputOptions,
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Permissions of that file, in octal
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = parse_mode)]
    mode: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum TableName {
    /// Who there is, with seat, second factor, last login
    Users,
    /// Which roles there are
    Roles,
    /// Who holds what, since when
    Grants,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum OutputFormat {
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
struct GlobalOptions {
    /// The snapshot; for `sync`, `-` is standard output, and readers take no `-` [default: sync.c1z, with --demo
    /// demo.c1z]
    #[arg(short, long, global = true, env = "BATON_FILE", value_name = "FILE")]
    file: Option<PathBuf>,
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
    output_format: OutputFormat,
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
    temp_dir: Option<PathBuf>,
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
    fn read_options(&self) -> ReadOptions {
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

    /// The file to read: the argument, else what `-f` names.
    fn path(&self, argument: Option<PathBuf>) -> PathBuf {
        argument
            .or_else(|| self.file.clone())
            .unwrap_or_else(|| DEFAULT_FILE.into())
    }

    fn input(&self, options: InputOptions) -> Input {
        Input {
            path: self.path(options.input),
            sync_id: options.sync_id,
            options: self.read_options(),
        }
    }
}

#[derive(Args)]
struct SyncOptions {
    /// The organization: https://<host>/api/organizations/<id> [also POSTHOG_HOST]
    #[arg(long, env = "BATON_BASE_URL", value_name = "URL")]
    base_url: Option<String>,
    /// The organization's id, where --base-url names the host alone [also POSTHOG_ORGANIZATION_ID]
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// The personal API key; visible to other users of this machine, so rather use BATON_API_TOKEN or a file
    #[arg(long, value_name = "KEY", hide_env_values = true)]
    api_token: Option<String>,
    /// A file that holds the key; `-` is standard input
    #[arg(long, env = "BATON_API_TOKEN_FILE", value_name = "PATH")]
    api_token_file: Option<PathBuf>,
    /// Send the key unencrypted where the address begins with http://
    #[arg(long)]
    allow_http: bool,
    /// Seconds that one request may take, with its whole answer
    #[arg(
        long,
        env = "BATON_HTTP_TIMEOUT_SECONDS",
        value_name = "SECONDS",
        default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    http_timeout_seconds: u64,
    /// A file of PEM certificates to trust instead of the system's [also SSL_CERT_FILE, for the system's]
    #[arg(long, value_name = "FILE")]
    ca_cert: Option<PathBuf>,
    /// How often a request is sent again that may succeed then
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(..=100))]
    retries: u32,
    // The wait before the first retry, in milliseconds: for tests.
    #[arg(
        long,
        hide = true,
        env = "POSTHOG_C1Z_RETRY_DELAY_MS",
        default_value_t = 500
    )]
    retry_delay_ms: u64,
    /// Requests that may go out in any minute; PostHog allows 480 to a key
    #[arg(long, value_name = "N", default_value_t = 450, value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_minute: u32,
    /// Requests that may go out in any hour; PostHog allows 4,800 to a key
    #[arg(long, value_name = "N", default_value_t = 4_500, value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_hour: u32,
    /// How long the whole run may take, such as 2h [default: without end]
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    max_duration: Option<Duration>,
    /// How many roles are read at a time
    #[arg(
        long,
        env = "BATON_WORKERS",
        value_name = "N",
        default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=64)
    )]
    workers: u32,
    /// Where role memberships are read from
    #[arg(long, value_name = "FROM", value_enum, default_value_t)]
    memberships: MembershipsFrom,
    /// Take the people alone: for servers that have no roles
    #[arg(long, conflicts_with = "memberships")]
    without_roles: bool,
    /// Keep what cannot be proved to be whole as NAME.incomplete.c1z beside the snapshot (the run still exits 9)
    #[arg(long)]
    accept_incomplete: bool,
    /// How many percent of users, roles or grants may be gone since the snapshot before
    #[arg(long, value_name = "PERCENT", default_value_t = 30, value_parser = clap::value_parser!(u8).range(..=100))]
    max_shrink: u8,
    /// Keep a snapshot that was refused as NAME.rejected.c1z beside the old one
    #[arg(long)]
    keep_rejected: bool,
    /// Replace a file that is no readable snapshot of the same organization
    #[arg(long)]
    force: bool,
    /// Keep a copy of the newest snapshot under this name
    #[arg(long, value_name = "PATH")]
    latest: Option<PathBuf>,
    /// Keep so many snapshots that a name with {date} or {time} made, and remove older ones
    #[arg(long, value_name = "N")]
    keep_last: Option<NonZeroUsize>,
    /// Crawl nothing; show what a run with --keep-last would write and remove
    #[arg(long, requires = "keep_last")]
    dry_run: bool,
    /// Seconds to wait for another run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// Permissions of the snapshot, in octal
    #[arg(long, value_name = "MODE", default_value = "0600", value_parser = parse_mode)]
    mode: u32,
    /// Crawl the sample organization that this program carries in itself, or the same a week later
    #[arg(
        long,
        value_name = "WEEK",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "first",
        conflicts_with_all = ["organization", "api_token"]
    )]
    demo: Option<DemoWeek>,
    // What the official connector takes to run as a service. Set in the environment, these are ignored.
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    client_id: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    client_secret: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    host_id: Option<String>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum MembershipsFrom {
    /// Each role's own list, held against what the list of roles carries
    #[default]
    Endpoint,
    /// The list of roles alone: far fewer requests, for organizations with many roles
    Embedded,
}

#[derive(Clone, Copy, ValueEnum)]
enum DemoWeek {
    /// As it is
    First,
    /// A week on
    Later,
}

fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text.trim_start_matches("0o"), 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("expected permissions in octal, such as 0600".to_owned()),
    }
}

/// The id of the option that chooses a form of the answer.
const OUTPUT_FORMAT: &str = "output_format";

/// Commands whose answer has one form.
const OF_ONE_FORM: [&str; 4] = ["sync", "export", "completions", "man"];

/// Takes the command line and the environment.
///
/// # Errors
/// What clap says to wrong usage, `--help` and `--version`.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Message> {
    invocation(args).map_err(Message::of)
}

fn invocation(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let matches =
        prepared(with_formats_where_they_are(Cli::command())).try_get_matches_from(args)?;
    let cli = Cli::from_arg_matches(&matches)?;
    refuse_misplaced_key(&matches)?;
    refuse_service_mode(&matches)?;
    refuse_address_of_demo(&matches)?;
    if let Some((name, _)) = matches.subcommand() {
        refuse_sync_options_before(name, &matches)?;
    }
    refuse_unused_format(&matches)?;
    refuse_options_of_files(&matches)?;
    let Cli {
        global,
        sync,
        command,
    } = cli;
    let level = match (global.log_level, global.verbose) {
        (_, 2..) => Some(LogLevel::Debug),
        (Some(level), verbose) => Some(if verbose > 0 {
            level.max(LogLevel::Info)
        } else {
            level
        }),
        (None, 1) => Some(LogLevel::Info),
        (None, _) => None,
    };
    let speech = Speech {
        level,
        format: global.log_format,
        color: global.color,
    };
    let command = resolve(
        command.unwrap_or_else(|| Sub::Sync(Box::new(sync))),
        &global,
    );
    Ok(Invocation { command, speech })
}

fn resolve(sub: Sub, global: &GlobalOptions) -> Result<Command> {
    let format = match (global.output_format, &sub) {
        (OutputFormat::Console, _) => Format::Console,
        (OutputFormat::Json, _) => Format::Json,
        // They do not ask for it.
        (_, Sub::Diff(_) | Sub::Sync(_) | Sub::Export(_) | Sub::Completions { .. } | Sub::Man) => {
            Format::Json
        }
        (OutputFormat::Ndjson | OutputFormat::Markdown, _) => {
            bail!("only `diff` has that output format")
        }
    };
    let list = |listing, options: ListOptions| {
        let ListOptions {
            input,
            resource_type,
            resource,
            entitlement,
        } = options;
        let filter = Filter {
            resource_type,
            resource,
            entitlement,
            principal: None,
        };
        Command::List(ListArgs {
            listing,
            input: global.input(input),
            filter,
            format,
        })
    };
    Ok(match sub {
        Sub::Sync(options) => Command::Sync(Box::new(sync_args(*options, global)?)),
        Sub::Check(options) => Command::Check(Box::new(CheckArgs {
            key_file: match key_source(&options) {
                Some(KeySource::File(path)) if options.demo.is_none() => Some(path),
                _ => None,
            },
            sync: sync_args(*options, global)?,
            ignored: ignored_settings(),
            format,
        })),
        Sub::Stats(options) => Command::Stats(StatsArgs {
            input: global.input(options.input),
            format,
            scope: if options.evidence {
                StatsScope::Evidence
            } else {
                StatsScope::Overview
            },
            max_age: options.max_age,
        }),
        Sub::ResourceTypes(options) => list(Listing::ResourceTypes, options),
        Sub::Resources(options) => list(Listing::Resources, options),
        Sub::Entitlements(options) => list(Listing::Entitlements, options),
        Sub::Grants(options) => list(Listing::Grants, options),
        Sub::Principals(options) => list(Listing::Principals, options),
        Sub::Access(AccessOptions { person, input }) => Command::Access(AccessArgs {
            person,
            input: global.input(input),
            format,
        }),
        Sub::Verify(VerifyOptions { mut inputs }) => {
            if inputs.is_empty() {
                inputs.push(global.path(None));
            }
            Command::Verify(VerifyArgs {
                paths: inputs,
                options: global.read_options(),
                format,
            })
        }
        Sub::Diff(options) => Command::Diff(Box::new(diff_args(*options, global))),
        Sub::Export(sub) => {
            let (export, form) = export_form(sub);
            let ExportOptions { input, out, mode } = export;
            Command::Export(ExportArgs {
                input: global.input(input),
                form,
                out,
                mode,
            })
        }
        Sub::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(
                shell,
                &mut with_formats_where_they_are(Cli::command()),
                "posthog-c1z",
                &mut text,
            );
            Command::Show(text)
        }
        Sub::Man => Command::Show(manual()),
    })
}

fn diff_args(options: DiffOptions, global: &GlobalOptions) -> DiffArgs {
    let input = |path, sync_id| Input {
        path,
        sync_id,
        options: global.read_options(),
    };
    let inputs = match options.new {
        Some(new) => DiffInputs::Files {
            old: input(options.old, options.old_sync),
            new: input(new, options.new_sync),
        },
        None => DiffInputs::SyncRuns {
            file: input(options.old, None),
            old: options.old_sync,
            new: options.new_sync,
        },
    };
    let kinds = options.fail_on.iter().flat_map(|kind| match kind {
        KindName::Any => ChangeKind::ALL,
        KindName::One(kind) => std::slice::from_ref(kind),
    });
    let format = match global.output_format {
        OutputFormat::Console => DiffFormat::Console,
        OutputFormat::Json => DiffFormat::Json,
        OutputFormat::Ndjson => DiffFormat::Ndjson,
        OutputFormat::Markdown => DiffFormat::Markdown {
            max_bytes: options.max_bytes,
        },
    };
    let detail = Detail {
        ids: options.ids,
        counts_only: options.stat,
    };
    DiffArgs {
        inputs,
        fields: FieldFilter {
            include: options.include,
            ignore: options.ignore,
        },
        fail_on: (!options.fail_on.is_empty()).then(|| kinds.copied().collect()),
        accept: options.accept,
        comparability: if options.force {
            Comparability::Forced
        } else {
            Comparability::Required
        },
        output: match () {
            () if options.quiet => DiffOutput::Nothing,
            () if options.print_accept => DiffOutput::AcceptLines,
            () => DiffOutput::Report(format, detail),
        },
    }
}

fn export_form(sub: ExportSub) -> (ExportOptions, ExportForm) {
    match sub {
        ExportSub::Json { export } => (export, ExportForm::Json),
        ExportSub::Ndjson { export } => (export, ExportForm::Ndjson),
        ExportSub::Csv {
            export,
            table: None,
            safe,
            ..
        } => {
            let formulas = if safe {
                Formulas::Disarm
            } else {
                Formulas::Keep
            };
            (export, ExportForm::Csv(formulas))
        }
        ExportSub::Csv {
            export,
            table: Some(table),
            raw,
            ..
        } => {
            let formulas = if raw {
                Formulas::Keep
            } else {
                Formulas::Disarm
            };
            let table = match table {
                TableName::Users => ExportTable::Users,
                TableName::Roles => ExportTable::Roles,
                TableName::Grants => ExportTable::Grants,
            };
            (export, ExportForm::Table(table, formulas))
        }
    }
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
    let mut command = with_formats_where_they_are(Cli::command());
    command.build();
    let mut page = Vec::new();
    render(&command, &mut page);
    page
}

/// A length of time.
fn parse_age(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .ok_or_else(|| "expected a length of time, such as 26h, 90m or 2d".to_owned())
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
                arg.env(clap::builder::Resettable::Reset)
            } else {
                arg
            }
        })
        .mut_subcommands(prepared)
}

/// The same command, whose help offers a format only where the answer has several. The option is still understood
/// elsewhere, so that what is said to it can be to the point.
fn with_formats_where_they_are(mut command: clap::Command) -> clap::Command {
    let Some(format) = command
        .get_arguments()
        .find(|arg| arg.get_id() == OUTPUT_FORMAT)
        .cloned()
    else {
        return command;
    };
    let hidden = format
        .hide(true)
        .env(clap::builder::Resettable::Reset)
        .default_value(clap::builder::Resettable::Reset);
    for name in OF_ONE_FORM {
        command = command.mut_subcommand(name, |command| command.arg(hidden.clone()));
    }
    command
}

/// A key where a name, a file or anything else was wanted: it would be shown, or become the name of a file. The address
/// looks after itself.
fn refuse_misplaced_key(matches: &ArgMatches) -> Result<(), clap::Error> {
    for id in matches.ids().map(clap::Id::as_str) {
        if ["api_token", "base_url", "organization"].contains(&id) {
            continue;
        }
        let values = matches.try_get_raw(id).ok().flatten();
        if values.is_some_and(|mut values| values.any(|value| holds_key(&value.to_string_lossy())))
        {
            let message = format!(
                "`{id}` is an API key, which belongs into BATON_API_TOKEN or a file that --api-token-file names"
            );
            return Err(Cli::command().error(ErrorKind::ValueValidation, message));
        }
    }
    match matches.subcommand() {
        Some((_, matches)) => refuse_misplaced_key(matches),
        None => Ok(()),
    }
}

/// Where the options of `sync` may stand: before any command, and behind the two that have them.
fn of_sync(matches: &ArgMatches) -> impl Iterator<Item = &ArgMatches> {
    let behind = matches
        .subcommand()
        .filter(|(name, _)| ["sync", "check"].contains(name));
    std::iter::once(matches).chain(behind.map(|(_, matches)| matches))
}

/// Whether an option stands on the command line; what the environment says is meant for other runs too.
fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// The option's name as it is typed.
fn flag(id: &str) -> String {
    format!("--{}", id.replace('_', "-"))
}

fn conflict(message: String) -> clap::Error {
    Cli::command().error(ErrorKind::ArgumentConflict, message)
}

/// The official connector's options for running as a service. Their values are secrets and not repeated.
fn refuse_service_mode(matches: &ArgMatches) -> Result<(), clap::Error> {
    for matches in of_sync(matches) {
        let typed = ["client_id", "client_secret", "host_id"]
            .into_iter()
            .find(|id| is_typed(matches, id));
        if let Some(typed) = typed {
            let message = format!(
                "{} is not supported: this tool is offline and read-only",
                flag(typed)
            );
            return Err(Cli::command().error(ErrorKind::UnknownArgument, message));
        }
    }
    Ok(())
}

/// The sample organization has an address and a key of its own. Those in the environment are for other runs.
fn refuse_address_of_demo(matches: &ArgMatches) -> Result<(), clap::Error> {
    for matches in of_sync(matches) {
        let typed = ["base_url", "api_token_file"]
            .into_iter()
            .find(|id| is_typed(matches, id));
        if let (true, Some(typed)) = (matches.contains_id("demo"), typed) {
            let message = format!("`{}` cannot be used with `--demo`", flag(typed));
            return Err(conflict(message));
        }
    }
    Ok(())
}

/// A form of the answer, asked of a command whose answer has but one. In the environment it is meant for the others.
fn refuse_unused_format(matches: &ArgMatches) -> Result<(), clap::Error> {
    let command = matches.subcommand_name().unwrap_or("sync");
    if !OF_ONE_FORM.contains(&command) {
        return Ok(());
    }
    let own = matches.subcommand().map(|(_, matches)| matches);
    let is_refused = [Some(matches), own].into_iter().flatten().any(|matches| {
        let format = matches.get_one(OUTPUT_FORMAT);
        is_typed(matches, OUTPUT_FORMAT) && !matches!(format, None | Some(OutputFormat::Console))
    });
    if !is_refused {
        return Ok(());
    }
    let instead = match command {
        "sync" => "it writes a snapshot, of which `export json` makes JSON",
        "export" => "its form follows it: `export json`, `export ndjson` or `export csv`",
        _ => "its answer has one form",
    };
    Err(conflict(format!(
        "`{command}` takes no --output-format: {instead}"
    )))
}

/// Options about the file of a snapshot, where there is none: it goes to standard output.
fn refuse_options_of_files(matches: &ArgMatches) -> Result<(), clap::Error> {
    let file: Option<&PathBuf> = matches.get_one("file");
    if file.is_none_or(|file| file.as_os_str() != "-") {
        return Ok(());
    }
    const ABOUT_FILES: [&str; 9] = [
        "latest",
        "keep_last",
        "dry_run",
        "keep_rejected",
        "accept_incomplete",
        "max_shrink",
        "force",
        "mode",
        "wait",
    ];
    for matches in of_sync(matches) {
        let typed = ABOUT_FILES.into_iter().find(|id| is_typed(matches, id));
        if let Some(typed) = typed {
            let message = format!(
                "`{}` needs a file, and `-f -` is standard output",
                flag(typed)
            );
            return Err(conflict(message));
        }
    }
    Ok(())
}

/// Options of `sync` stand behind it, or without any command; before another command they would be lost.
fn refuse_sync_options_before(command: &str, matches: &ArgMatches) -> Result<(), clap::Error> {
    let options = SyncOptions::augment_args(clap::Command::new(""));
    let given = options
        .get_arguments()
        .find(|option| is_typed(matches, option.get_id().as_str()));
    let Some(option) = given.and_then(clap::Arg::get_long) else {
        return Ok(());
    };
    Err(conflict(format!(
        "`--{option}` belongs behind the command: posthog-c1z {command} --{option} …"
    )))
}

fn sync_args(options: SyncOptions, global: &GlobalOptions) -> Result<SyncArgs> {
    let (source, default_file) = match options.demo {
        Some(DemoWeek::First) => (Source::Demo(Week::First), "demo.c1z"),
        Some(DemoWeek::Later) => (Source::Demo(Week::Later), "demo.c1z"),
        None => (organization(&options)?, DEFAULT_FILE),
    };
    let path = global.file.clone().unwrap_or_else(|| default_file.into());
    let output = match path.as_os_str() == "-" {
        true => Output::Stdout,
        false => Output::File(file_output(&options, global, &path)?),
    };
    let crawl = crawl_settings(&options);
    Ok(SyncArgs {
        source,
        crawl,
        output,
        temp_dir: global.temp_dir.clone(),
    })
}

/// What the official connector is told in service mode, and means nothing here.
fn ignored_settings() -> Vec<String> {
    let names = ["BATON_CLIENT_ID", "BATON_CLIENT_SECRET", "BATON_HOST_ID"];
    names
        .into_iter()
        .filter(|name| environment(name).is_some())
        .map(ToOwned::to_owned)
        .collect()
}

fn file_output(options: &SyncOptions, global: &GlobalOptions, path: &Path) -> Result<FileOutput> {
    let template = Template::parse(path)?;
    if options.keep_last.is_some() && !template.varies() {
        return Err(TemplateError::NothingToPrune.into());
    }
    Ok(FileOutput {
        mode: options.mode,
        latest: options.latest.clone(),
        keep_last: options.keep_last,
        pruning: if options.dry_run {
            Pruning::Told
        } else {
            Pruning::Done
        },
        guard: GuardSettings {
            max_shrink: options.max_shrink,
            replace: if options.force {
                Replace::Anything
            } else {
                Replace::SameOrganization
            },
        },
        rejected: if options.keep_rejected {
            Rejected::Kept
        } else {
            Rejected::Dropped
        },
        // Where the new one is built: the system's folder may be missing or small, and matters to readers alone.
        read: ReadOptions {
            temp_dir: Some(
                global
                    .temp_dir
                    .clone()
                    .unwrap_or_else(|| template.dir().to_owned()),
            ),
            ..global.read_options()
        },
        wait: Duration::from_secs(options.wait),
        template,
    })
}

fn crawl_settings(options: &SyncOptions) -> CrawlSettings {
    CrawlSettings {
        http: HttpSettings {
            timeout: Duration::from_secs(options.http_timeout_seconds),
            retries: options.retries,
            retry_delay: Duration::from_millis(options.retry_delay_ms),
            pace: PaceSettings {
                per_minute: options.requests_per_minute,
                per_hour: options.requests_per_hour,
                max_duration: options.max_duration,
            },
            ca_cert: options.ca_cert.clone(),
        },
        memberships: match (options.without_roles, options.memberships) {
            (true, _) => Memberships::WithoutRoles,
            (false, MembershipsFrom::Endpoint) => Memberships::Endpoint,
            (false, MembershipsFrom::Embedded) => Memberships::Embedded,
        },
        workers: options.workers as usize,
        incomplete: if options.accept_incomplete {
            Incomplete::Accept
        } else {
            Incomplete::Refuse
        },
    }
}

fn organization(options: &SyncOptions) -> Result<Source> {
    let plain_http = if options.allow_http {
        PlainHttp::Allow
    } else {
        PlainHttp::Refuse
    };
    let address = options
        .base_url
        .clone()
        .or_else(|| environment("POSTHOG_HOST"));
    let organization = options
        .organization
        .clone()
        .or_else(|| environment("POSTHOG_ORGANIZATION_ID"));
    let base_url = BaseUrl::parse(
        &address.ok_or(AddressError::Missing)?,
        organization.as_deref(),
        plain_http,
    )?;
    // The variable is for addresses that leave the organization open; an option that loses would be a surprise.
    if let Some(other) = &options.organization
        && !other.trim().eq_ignore_ascii_case(base_url.organization())
    {
        bail!(
            "the address names the organization `{}` and --organization names `{}`: leave one of them out",
            base_url.organization(),
            other.trim()
        );
    }
    Ok(Source::Organization {
        base_url,
        key: api_key(options)?,
    })
}

/// Where a key is.
enum KeySource {
    /// In a text, which came from the option or the variable of this name.
    Text(String, &'static str),
    File(PathBuf),
    StandardInput,
}

/// The first place that has a key.
fn key_source(options: &SyncOptions) -> Option<KeySource> {
    let variable = |name| Some(KeySource::Text(environment(name)?, name));
    if let Some(key) = &options.api_token {
        return Some(KeySource::Text(key.clone(), "--api-token"));
    }
    if let Some(path) = &options.api_token_file {
        return Some(match path.as_os_str() == "-" {
            true => KeySource::StandardInput,
            false => KeySource::File(path.clone()),
        });
    }
    let credential = || {
        let path = Path::new(&environment("CREDENTIALS_DIRECTORY")?).join("api-token");
        path.exists().then_some(KeySource::File(path))
    };
    variable("BATON_API_TOKEN")
        .or_else(credential)
        .or_else(|| variable("POSTHOG_API_KEY"))
}

/// Longest key file that is read, in bytes; a key is far shorter.
const MAX_KEY_FILE: u64 = 4096;

fn api_key(options: &SyncOptions) -> Result<ApiKey> {
    let mut text = String::new();
    match key_source(options).ok_or(KeyError::Missing)? {
        KeySource::Text(key, name) => parse_key(&key, &format!("`{name}`")),
        KeySource::StandardInput => {
            io::stdin()
                .take(MAX_KEY_FILE)
                .read_to_string(&mut text)
                .context("reading the key from standard input")?;
            parse_key(&text, "standard input")
        }
        KeySource::File(path) => {
            let place = || format!("reading the key from `{}`", path.display());
            let file = std::fs::File::open(&path).with_context(place)?;
            file.take(MAX_KEY_FILE)
                .read_to_string(&mut text)
                .with_context(place)?;
            parse_key(&text, &format!("the file `{}`", path.display()))
        }
    }
}

/// A key, or an error that says where it was found.
fn parse_key(text: &str, source: &str) -> Result<ApiKey> {
    ApiKey::parse(text, source).with_context(|| source.to_owned())
}

/// A variable that is set to something.
fn environment(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}
