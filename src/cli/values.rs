//! How a value is read from the command line or the environment, where several commands take one of its kind.

use std::time::Duration;

use clap::builder::{BoolValueParser, TypedValueParser};

use crate::model::parse_duration;

/// Parses permission bits.
pub(super) fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text.trim_start_matches("0o"), 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("expected permissions in octal, such as 0600".to_owned()),
    }
}

/// Parses a length of time.
pub(super) fn parse_age(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .ok_or_else(|| "expected a length of time, such as 26h, 90m or 2d".to_owned())
}

/// Makes a flag mean one of two values, with [`SetTrue`](clap::ArgAction::SetTrue) as its action.
pub(super) fn flag<T: Copy + Send + Sync + 'static>(
    absent: T,
    given: T,
) -> impl TypedValueParser<Value = T> {
    BoolValueParser::new().map(move |is_given| if is_given { given } else { absent })
}

/// Returns the value of a variable that is set to something.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}
