//! What the program promises, seen from outside: the real binary against a PostHog that answers as the real one does,
//! and the library where a promise is about values. One binary, so that SQLite is linked once.

#![allow(clippy::unwrap_used)]

mod compat;
mod night;
mod roundtrip;
mod support;
mod sync;
mod tidy;
