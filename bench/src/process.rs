//! Exit codes of the benchmark programs, and process statistics from Linux: resident memory and CPU time.

use std::fmt::Display;
use std::fs;
use std::process::ExitCode;

/// Prints the error, if any. Returns exit code 2 for an error, else 0.
pub fn exit_code<E: Display>(outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Resident memory in KiB; 0 if unknown.
pub fn resident_kib() -> u64 {
    status("VmRSS:")
}

/// Peak resident memory since the start or the last [`forget_peak`], in KiB; 0 if unknown.
pub fn peak_kib() -> u64 {
    status("VmHWM:")
}

/// Resets the peak to the current resident memory. If the system refuses, the old peak remains.
pub fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// CPU time of all threads so far, in seconds; 0 if unknown.
pub fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name may contain anything. User and system time are 11 fields after it, in hundredths of a second.
    let ticks = text.rsplit_once(')').map_or(0, |(_, rest)| {
        let fields = rest.split_whitespace().skip(11).take(2);
        fields.filter_map(|field| field.parse::<u64>().ok()).sum()
    });
    ticks as f64 / 100.0
}

fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
