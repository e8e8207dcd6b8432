//! Reads the rows of any v1 or v3 file, whichever connector wrote it.
//!
//! Each module uses only those above it.
//!
//! | file | holds |
//! |---|---|
//! | `order.rs` | sorting rows by id, on disk if they are many |
//! | `survey.rs` | one pass over every table: where the rows of each sync run are |
//! | `columns.rs` | the columns of a row, checked for their type |
//! | `references.rs` | the references that a blob repeats from its row's columns, and a grant's annotations |
//! | `judgement.rs` | the validity check of a row |
//! | `v3.rs` | a v3 file as the tables of a v1 database |
//! | `open.rs` | the open snapshot |
//! | `sync_runs.rs` | its sync runs, and the one to show |
//! | `documents.rs` | the documents among the assets: evidence, organization |
//! | `query.rs` | rows of one kind, filtered, in the order of their ids |
//! | `lookup.rs` | rows by their id |
//! | `inventory.rs` | rows decoded to the model |
//! | `parallel.rs` | rows of one kind, read by several threads |
//! | `background.rs` | all rows, read by another thread |
//! | `counts.rs` | the number of rows by type, and their digest |

mod background;
mod columns;
mod counts;
mod documents;
mod inventory;
mod judgement;
mod lookup;
mod open;
mod order;
mod parallel;
mod query;
mod references;
mod survey;
mod sync_runs;
mod v3;

pub use background::{BackgroundRows, RowsOfKind};
pub use columns::Readable;
pub use counts::Counts;
pub use lookup::Lookup;
pub use open::{Format, ReadOptions, Snapshot};
pub use parallel::{Batch, Mapper};
pub use query::{Filter, Rows};

pub(super) use judgement::judge;
pub(super) use references::{is_annotated, omissions};
pub(super) use survey::StoredTable;
