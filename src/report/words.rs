//! Sizes, times and words of a command line, formatted for people.

use super::printable;
use crate::model::Timestamp;

/// Formats a size in bytes, such as `23.1 KiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Formats a duration, such as `1 h 02 min` or `0.3 s`.
pub fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{:.1} s", millis as f64 / 1000.0),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Formats a time to the second; empty if there is none.
pub fn moment(at: Option<Timestamp>) -> String {
    at.map(Timestamp::to_seconds).unwrap_or_default()
}

/// Formats a time as its day in UTC; empty if there is none.
pub fn day(at: Option<Timestamp>) -> String {
    at.map(Timestamp::to_day).unwrap_or_default()
}

/// Returns a word of a command line, in quotes if a shell would take it for something else, as one line for people.
pub fn shell_word(text: &str) -> String {
    printable(&quoted(text)).into_owned()
}

/// Returns a word of a command line, in quotes if a shell would take it for something else.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_digit_after_the_point() {
        assert_eq!(
            [size(0), size(1023), size(1536), size(5 << 30)],
            ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 GiB"]
        );
    }

    #[test]
    fn durations_show_two_units() {
        let shown = [300, 61_000, 3_720_000, 90_000_000].map(duration);
        assert_eq!(shown, ["0.3 s", "1 min 01 s", "1 h 02 min", "1 d 01 h"]);
    }
}
