//! How a program of the benchmark ends, and what Linux counts of it: resident memory, time on a processor.

use std::fmt::Display;
use std::fs;
use std::process::ExitCode;

/// Prints the error, if there is one; 2 then, else 0.
pub fn exit_code<E: Display>(outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Resident now, in KiB; 0 where the system does not tell.
pub fn resident_kib() -> u64 {
    status("VmRSS:")
}

/// The most that was resident since the start or the last [`forget_peak`], in KiB; 0 where the system does not tell.
pub fn peak_kib() -> u64 {
    status("VmHWM:")
}

/// Lets the peak begin anew at what is resident now. Where this is refused, the old peak stays.
pub fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Time on processors so far, of all threads, in seconds; 0 where the system does not tell.
pub fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold anything: 11 fields further stand user and system time, in hundredths.
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
