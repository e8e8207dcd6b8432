//! What the program promises, seen from outside: the real binary against a PostHog that answers as the real one does,
//! and the library where a promise is about values. One binary, so that SQLite is linked once.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that cannot unwrap has failed its test"
)]
#![allow(unreachable_pub, reason = "a test program has no users")]

mod access;
mod audit;
mod browser;
mod checksum;
mod ci;
mod compat;
mod damage;
mod diff;
mod docs;
mod export;
mod files;
mod finding;
mod first_steps;
mod flat;
mod format;
mod harmless;
mod help;
mod history;
mod hostile;
mod import;
mod json;
mod machine;
mod many;
mod narrow;
mod night;
mod nightly;
mod options;
mod others;
mod packaging;
mod progress;
mod reading;
mod report;
mod roundtrip;
mod scripts;
mod support;
mod surroundings;
mod sync;
mod terminal;
mod tidy;
mod v3;
mod verify;
mod without_roles;
mod zones;
