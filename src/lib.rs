//! Crawls a PostHog organization into a ConductorOne `.c1z` snapshot, and reads such snapshots.
//!
//! One value stands in the middle, the [`Inventory`](model::Inventory). Everything before it makes it, everything
//! after it reads it:
//!
//! ```text
//! HTTP page ─► wire type ─► model rows ─► Inventory ─► .c1z file
//!  crawl/       api.rs       map.rs        model/       snapshot/
//! ```
//!
//! Imports go one way, and neighbours do not know each other:
//!
//! ```text
//! main, cli, terminal ─► commands ─► crawl | demo | snapshot | diff | report ─► model, progress, files
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
