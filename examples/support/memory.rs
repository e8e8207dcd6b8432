//! Resident memory of this process, as Linux counts it.

use std::fs;

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

fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
