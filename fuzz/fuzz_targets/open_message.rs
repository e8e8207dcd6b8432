//! Any bytes as the message of a row: protobuf at every depth, JSON, digest, and what `verify` says of it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| posthog_c1z_fuzz::read_message(bytes));
