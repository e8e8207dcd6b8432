//! Any bytes as the database inside: SQLite's own format, the tables, the messages in the blobs.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| posthog_c1z_fuzz::read_database(bytes));
