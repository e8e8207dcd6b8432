//! Crawls a PostHog organization into a ConductorOne `.c1z` snapshot, and reads such snapshots.
//!
//! Two types are central:
//!
//! - [`Inventory`](model::Inventory): everything that one crawl learned. It is complete, has each row once, and all its
//!   references are checked. It is what gets written.
//! - [`Row`](snapshot::Row): one row of any connector's file, with its original blob. Rows are read one at a time, so
//!   memory does not grow with their number, and what a row refers to may be missing. It is what gets read.
//!
//! ```text
//! crawl/  HTTP page ─► wire type ─► model rows ─► Inventory ─► snapshot/write/
//!                                         snapshot/read/ ─► Row ─► lists, exports, verify, diff, audit, stats
//! ```
//!
//! Imports go one way, and modules on the same level do not import each other (`tests/it/tidy.rs` checks both, here and
//! inside [`snapshot`]):
//!
//! ```text
//! main ─► terminal ─► cli ─► commands ─► crawl | demo | snapshot | diff | audit | history | report ─► model | progress | files
//! ```

pub mod audit;
pub mod cli;
pub mod commands;
pub mod crawl;
pub mod demo;
pub mod diff;
pub mod files;
pub mod history;
pub mod model;
pub mod progress;
pub mod report;
pub mod snapshot;
pub mod terminal;
