//! What clap cannot say: options in the wrong place, or beside others they do not go with.
//!
//! It depends on whether an option was typed, or came from the environment, which is meant for other runs too.

use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::global::OutputFormat;
use super::help::{OUTPUT_FORMAT, formats};
use super::sync::SyncOptions;
use crate::crawl::holds_key;
use crate::files::is_same_file;
use crate::report::shell_word;

/// Why a command line that clap takes is refused.
pub(super) struct Misuse {
    /// The kind of error that clap would call it.
    pub(super) kind: ErrorKind,
    /// What is wrong.
    pub(super) message: String,
}

impl Misuse {
    fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message }
    }
}

/// Checks the options of a whole command line.
///
/// # Errors
/// The first misuse.
pub(super) fn check(matches: &ArgMatches) -> Result<(), Misuse> {
    refuse_misplaced_key(matches)?;
    refuse_service_mode(matches)?;
    refuse_address_of_demo(matches)?;
    if let Some((name, _)) = matches.subcommand() {
        refuse_sync_options_before(name, matches)?;
    }
    refuse_unused_format(matches)?;
    refuse_options_of_files(matches)?;
    refuse_metrics_over_snapshot(matches)?;
    refuse_criteria_without_audit(matches)
}

/// Says what to do with a file that was given where a command was expected.
pub(super) fn explain_file(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    if name.ends_with(".c1z") || Path::new(name).is_file() {
        let tip = format!(
            "`{name}` is a file; to see what is in it, run `posthog-c1z stats {}`",
            shell_word(name)
        );
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
    error
}

/// A key where a name, a file or anything else was wanted: it would be shown, or become the name of a file. The address
/// looks after itself.
fn refuse_misplaced_key(matches: &ArgMatches) -> Result<(), Misuse> {
    for id in matches.ids().map(clap::Id::as_str) {
        if ["api_token", "base_url", "organization"].contains(&id) {
            continue;
        }
        let values = matches.try_get_raw(id).ok().flatten();
        if values.is_some_and(|mut values| values.any(|value| holds_key(&value.to_string_lossy())))
        {
            let message = format!(
                "the value of `{id}` is an API key; put it in BATON_API_TOKEN or in a file that --api-token-file names"
            );
            return Err(Misuse::new(ErrorKind::ValueValidation, message));
        }
    }
    match matches.subcommand() {
        Some((_, matches)) => refuse_misplaced_key(matches),
        None => Ok(()),
    }
}

/// Where the options of `sync` may be given: before any command, and after the two that have them.
fn of_sync(matches: &ArgMatches) -> impl Iterator<Item = &ArgMatches> {
    let own = matches
        .subcommand()
        .filter(|(name, _)| ["sync", "check"].contains(name));
    std::iter::once(matches).chain(own.map(|(_, matches)| matches))
}

/// Whether an option is given on the command line; what the environment says is meant for other runs too.
fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// The option's name as it is typed.
fn flag(id: &str) -> String {
    format!("--{}", id.replace('_', "-"))
}

fn conflict(message: String) -> Misuse {
    Misuse::new(ErrorKind::ArgumentConflict, message)
}

/// The official connector's options for running as a service. Their values are secrets and not repeated.
fn refuse_service_mode(matches: &ArgMatches) -> Result<(), Misuse> {
    for matches in of_sync(matches) {
        let typed = ["client_id", "client_secret", "host_id"]
            .into_iter()
            .find(|id| is_typed(matches, id));
        if let Some(typed) = typed {
            let message = format!(
                "{} is not supported: this tool is offline and read-only",
                flag(typed)
            );
            return Err(Misuse::new(ErrorKind::UnknownArgument, message));
        }
    }
    Ok(())
}

/// The sample organization has an address and a key of its own. Those in the environment are for other runs.
fn refuse_address_of_demo(matches: &ArgMatches) -> Result<(), Misuse> {
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
fn refuse_unused_format(matches: &ArgMatches) -> Result<(), Misuse> {
    let command = matches.subcommand_name().unwrap_or("sync");
    if !formats(command).is_empty() {
        return Ok(());
    }
    let own = matches.subcommand().map(|(_, matches)| matches);
    let is_refused = [Some(matches), own].into_iter().flatten().any(|matches| {
        let format: Option<&OutputFormat> = matches.get_one(OUTPUT_FORMAT);
        is_typed(matches, OUTPUT_FORMAT) && !matches!(format, None | Some(OutputFormat::Console))
    });
    if !is_refused {
        return Ok(());
    }
    let instead = match command {
        "sync" => "it writes a snapshot, of which `export json` makes JSON",
        "export" => {
            "its form follows it: `export csv`, `export json`, `export ndjson` or `export sqlite`"
        }
        _ => "its answer has one form",
    };
    Err(conflict(format!(
        "`{command}` takes no --output-format: {instead}"
    )))
}

/// Options about the file of a snapshot, where there is none: it goes to standard output.
fn refuse_options_of_files(matches: &ArgMatches) -> Result<(), Misuse> {
    let file: Option<&PathBuf> = matches.get_one("file");
    if file.is_none_or(|file| file.as_os_str() != "-") {
        return Ok(());
    }
    const ABOUT_FILES: [&str; 15] = [
        "checksum",
        "latest",
        "keep_last",
        "keep_daily",
        "keep_weekly",
        "keep_monthly",
        "keep_yearly",
        "dry_run",
        "keep_rejected",
        "accept_incomplete",
        "max_shrink",
        "force",
        "mode",
        "wait",
        "audit",
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

/// The metrics file of a failed run would take the place of the old snapshot.
fn refuse_metrics_over_snapshot(matches: &ArgMatches) -> Result<(), Misuse> {
    for matches in of_sync(matches) {
        let Some(metrics) = matches.get_one::<PathBuf>("metrics_file") else {
            continue;
        };
        if metrics.extension().is_some_and(|ending| ending == "c1z") {
            let message = "`--metrics-file` has the name of a snapshot; node_exporter reads files that end in `.prom`";
            return Err(Misuse::new(ErrorKind::ValueValidation, message.to_owned()));
        }
        for id in ["file", "latest"] {
            let other = matches.try_get_one::<PathBuf>(id).ok().flatten();
            if other.is_some_and(|other| other == metrics || is_same_file(other, metrics)) {
                let message = format!("`--metrics-file` and `{}` name the same file", flag(id));
                return Err(conflict(message));
            }
        }
    }
    Ok(())
}

/// What only matters to `--audit`, without it.
fn refuse_criteria_without_audit(matches: &ArgMatches) -> Result<(), Misuse> {
    for matches in of_sync(matches) {
        let typed = ["rules", "roster"]
            .into_iter()
            .find(|id| is_typed(matches, id));
        if let (false, Some(typed)) = (matches.get_flag("audit"), typed) {
            let message = format!("`{}` needs `--audit`", flag(typed));
            return Err(Misuse::new(ErrorKind::MissingRequiredArgument, message));
        }
    }
    Ok(())
}

/// Options of `sync` come after it, or without any command; before another command they would be lost.
fn refuse_sync_options_before(command: &str, matches: &ArgMatches) -> Result<(), Misuse> {
    let options = SyncOptions::arguments();
    let given = options
        .iter()
        .find(|option| is_typed(matches, option.get_id().as_str()));
    let Some(option) = given.and_then(Arg::get_long) else {
        return Ok(());
    };
    Err(conflict(format!(
        "`--{option}` belongs after the command: posthog-c1z {command} --{option} …"
    )))
}
