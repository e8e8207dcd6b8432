//! The command line to run after a check: that of a sync with the same options.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::help::PROGRAM;
use crate::report::quoted;

/// Returns the command line of the sync that a check with these `matches` was about. `options` are all that a check may have.
/// Settings from the environment are left out, since the sync takes them from there too. The key is a placeholder.
pub(super) fn sync_command<'a>(
    options: impl Iterator<Item = &'a Arg>,
    matches: &ArgMatches,
) -> String {
    let mut words = vec![PROGRAM.to_owned(), "sync".to_owned()];
    for option in options {
        let id = option.get_id().as_str();
        let is_given = matches!(matches.try_contains_id(id), Ok(true))
            && matches.value_source(id) == Some(ValueSource::CommandLine);
        // `sync` has no output formats.
        if is_given && id != "output_format" {
            words.extend(spelled(option, matches));
        }
    }
    words.join(" ")
}

/// Returns an option that was given and its value, as they are typed.
fn spelled(option: &Arg, matches: &ArgMatches) -> Vec<String> {
    let id = option.get_id().as_str();
    let name = match (option.get_short(), option.get_long()) {
        (Some(short), _) => format!("-{short}"),
        (None, long) => format!("--{}", long.unwrap_or(id)),
    };
    if !option.get_action().takes_values() {
        return match (matches.try_get_one::<u8>(id), option.get_short()) {
            (Ok(Some(times)), Some(short)) => {
                vec![format!("-{}", short.to_string().repeat((*times).into()))]
            }
            _ => vec![name],
        };
    }
    let mut values = matches.get_raw(id).into_iter().flatten();
    let value = values.next().unwrap_or_default().to_string_lossy();
    if id == "api_token" {
        return vec![name, "'<key>'".to_owned()];
    }
    if !option.is_require_equals_set() {
        return vec![name, quoted(&value)];
    }
    // Such an option may be given without a value, and then has the first one.
    match option.get_possible_values().first() {
        Some(first) if first.get_name() == value => vec![name],
        _ => vec![format!("{name}={}", quoted(&value))],
    }
}
