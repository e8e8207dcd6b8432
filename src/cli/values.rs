//! How a value is read from the command line or the environment, where several commands take one of its kind.

use std::time::Duration;

use clap::builder::{BoolValueParser, TypedValueParser};
use humantime::DurationError;

/// Parses permission bits.
pub(super) fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text.trim_start_matches("0o"), 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("expected permissions in octal, such as 0600".to_owned()),
    }
}

/// What a length of time looks like, at the end of each error about one.
const EXAMPLES: &str = "use seconds, as in 90, or units, as in 45s, 5m, 26h, 1.5d, 1w or 2h30m";

/// Parses a length of time. A bare number is one of seconds.
pub(super) fn parse_age(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let is_bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = match text.parse() {
        Ok(seconds) if is_bare => return Ok(Duration::from_secs(seconds)),
        _ if is_bare => Err(DurationError::NumberOverflow),
        _ => humantime::parse_duration(text),
    };
    let rest = |at| text.get(at..).unwrap_or_default();
    let problem = match parsed {
        Ok(length) => match text
            .split(|c: char| !c.is_alphabetic())
            .find(|unit| varies(unit))
        {
            Some(unit) => format!("`{unit}` is not a unit of a fixed length"),
            None => return Ok(length),
        },
        Err(DurationError::Empty) => "no length of time is given".to_owned(),
        Err(DurationError::NumberOverflow) => {
            "the number is too large, or has too many decimals".to_owned()
        }
        Err(DurationError::UnknownUnit { unit, .. }) if unit.is_empty() => {
            "a number has no unit".to_owned()
        }
        Err(DurationError::UnknownUnit { unit, .. }) => format!("`{unit}` is not a unit of time"),
        Err(DurationError::NumberExpected(at)) if rest(at).starts_with('-') => {
            "a length of time cannot be negative".to_owned()
        }
        Err(DurationError::NumberExpected(at)) => {
            format!("`{}` does not begin with a number", rest(at).escape_debug())
        }
        Err(DurationError::InvalidCharacter(at)) => {
            let c: String = rest(at).chars().take(1).collect();
            format!("`{}` is not expected", c.escape_debug())
        }
    };
    Err(format!("{problem}; {EXAMPLES}"))
}

/// Whether a unit that humantime takes is not always as long: months, which are also an easy slip for minutes, and years.
fn varies(unit: &str) -> bool {
    unit == "M" || unit.starts_with("mon") || unit.starts_with('y')
}

/// The longest Markdown text by default, in bytes: what fits into one comment on GitHub.
pub(super) const DEFAULT_MARKDOWN_BYTES: usize = 65_536;
/// The headings, the first line and the inputs always fit into this.
const MIN_MARKDOWN_BYTES: usize = 2_048;

/// Parses the size limit of Markdown.
pub(super) fn parse_max_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if bytes >= MIN_MARKDOWN_BYTES => Ok(bytes),
        _ => Err(format!(
            "expected a number of bytes, at least {MIN_MARKDOWN_BYTES}"
        )),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("0", 0),
            ("90", 90),
            ("45s", 45),
            ("5m", 300),
            ("90min", 5_400),
            ("26h", 93_600),
            ("26 hours", 93_600),
            ("2d", 172_800),
            ("1.5d", 129_600),
            ("1w", 604_800),
            ("2h30m", 9_000),
            (" 1h 30m ", 5_400),
            ("18446744073709551615", u64::MAX),
        ] {
            let length = parse_age(text);
            assert_eq!(length, Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_length_of_time_is_named() {
        for (text, problem) in [
            ("", "no length of time is given"),
            (" ", "no length of time is given"),
            ("soon", "`soon` does not begin with a number"),
            ("-1h", "a length of time cannot be negative"),
            ("-5", "a length of time cannot be negative"),
            ("1.5", "a number has no unit"),
            ("2h30", "a number has no unit"),
            ("1.h", "`.` is not expected"),
            ("1.", "`.` is not expected"),
            ("5x", "`x` is not a unit of time"),
            ("5é", "`é` is not expected"),
            ("1,5d", "`,` is not expected"),
            ("30M", "`M` is not a unit of a fixed length"),
            ("2 months", "`months` is not a unit of a fixed length"),
            ("1y", "`y` is not a unit of a fixed length"),
            ("18446744073709551616", "the number is too large"),
            ("384307168202282325d", "the number is too large"),
        ] {
            let error = parse_age(text).unwrap_err();
            assert!(error.starts_with(problem), "{text}: {error}");
            assert!(error.ends_with(EXAMPLES), "{text}: {error}");
        }
    }
}
