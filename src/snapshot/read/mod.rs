//! Reads the rows of any v1 or v3 file, whichever connector wrote it.
//!
//! Each module uses only those above it.
//!
//! | file | holds |
//! |---|---|
//! | `order.rs` | sorting rows by id, on disk if they are many |
//! | `stored.rs` | a table, and where the rows of each sync run are in it |
//! | `columns.rs` | the columns of a row, checked for their type |
//! | `references.rs` | the references that a blob repeats from its row's columns, and a grant's annotations |
//! | `judgement.rs` | the validity check of a row |
//! | `runs.rs` | the table of sync runs |
//! | `counts.rs` | the number of rows by type |
//! | `blocks.rs` | the rows of a sync run in blocks, to find those that another one has too |
//! | `summary.rs` | the check of the rows, their counts and digest, made while they are surveyed |
//! | `scan.rs` | the rows of a database that is still being unpacked |
//! | `survey.rs` | one pass over every table |
//! | `v3.rs` | a v3 file as the tables of a v1 database |
//! | `open.rs` | the open snapshot |
//! | `sync_runs.rs` | its sync runs, and the one to show |
//! | `documents.rs` | the documents among the assets: evidence, organization |
//! | `query.rs` | rows of one kind, filtered, in the order of their ids |
//! | `lookup.rs` | rows by their id |
//! | `inventory.rs` | rows decoded to the model |
//! | `parallel.rs` | rows of one kind, read by several threads |
//! | `common.rs` | the rows that two sync runs have in common |
//! | `background.rs` | all rows, read by another thread |
//! | `digest.rs` | the content digest |
//! | `overview.rs` | a snapshot without its rows |

mod background;
mod blocks;
mod columns;
mod common;
mod counts;
mod digest;
mod documents;
mod inventory;
mod judgement;
mod lookup;
mod open;
mod order;
mod overview;
mod parallel;
mod query;
mod references;
mod runs;
mod scan;
mod stored;
mod summary;
mod survey;
mod sync_runs;
mod v3;

pub use background::{BackgroundRows, RowsOfKind};
pub use columns::Readable;
pub use common::CommonRows;
pub use counts::Counts;
pub use lookup::Lookup;
pub use open::{Format, ReadOptions, Snapshot};
pub use overview::Overview;
pub use parallel::{Batch, Mapper};
pub use query::{Filter, Rows};

pub(super) use judgement::judge;
pub(super) use references::{is_annotated, omissions};
pub(super) use stored::StoredTable;
#[cfg(test)]
pub(super) use survey::Survey;
