//! Any bytes as changes to the parts of a v3 snapshot, made before they get their checksums.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| posthog_c1z_fuzz::read_v3(bytes));
