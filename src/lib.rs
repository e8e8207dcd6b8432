//! Crawls a PostHog organization into a ConductorOne `.c1z` snapshot, and reads such snapshots.
//!
//! Two values are at the centre:
//!
//! - [`Inventory`](model::Inventory): everything that one crawl learned. It is whole, holds each row once, and every
//!   reference in it is checked. It is what gets written.
//! - [`Row`](snapshot::Row): one row of any connector's file, with its blob kept as it is. Rows are read one at a time, so
//!   memory does not grow with their number, and what a row refers to may be missing. It is what gets read.
//!
//! ```text
//! crawl/  HTTP page ─► wire type ─► model rows ─► Inventory ─► snapshot/write.rs
//!                                         snapshot/read/ ─► Row ─► lists, exports, verify, diff, stats
//! ```
//!
//! Imports go one way, and neighbours do not know each other (`tests/it/tidy.rs` checks both, here and inside
//! [`snapshot`]):
//!
//! ```text
//! main ─► terminal ─► cli ─► commands ─► crawl | demo | snapshot | diff | report ─► model | progress | files
//! ```

pub mod cli;
pub mod commands;
pub mod crawl;
pub mod demo;
pub mod diff;
pub mod files;
pub mod model;
pub mod progress;
pub mod report;
pub mod snapshot;
pub mod terminal;
