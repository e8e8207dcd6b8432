//! Any bytes as a snapshot: magic, zstd, and whatever comes out of it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| posthog_c1z_fuzz::read_file(bytes));
