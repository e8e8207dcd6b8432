//! Reading: any v1 file, whichever connector wrote it, as rows.
//!
//! Each file uses only those above it.
//!
//! | file | holds |
//! |---|---|
//! | `order.rs` | rows put in the order of their ids, on disk if they are many |
//! | `survey.rs` | one pass over every table: where the rows of each sync run are |
//! | `columns.rs` | the columns of a row, checked for their type |
//! | `references.rs` | what a blob repeats of its row's columns, and a grant's annotations |
//! | `judgement.rs` | whether a row is sound |
//! | `open.rs` | the open snapshot |
//! | `sync_runs.rs` | its sync runs, and the one to show |
//! | `evidence.rs` | what the crawl wrote about itself |
//! | `query.rs` | rows of one kind, filtered, in the order of their ids |
//! | `lookup.rs` | rows by their id |
//! | `inventory.rs` | rows in the words of the model |
//! | `parallel.rs` | rows of one kind, read by several threads |
//! | `background.rs` | all rows, read by another thread |
//! | `counts.rs` | rows counted, and their digest |

mod background;
mod columns;
mod counts;
mod evidence;
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

pub use background::{BackgroundRows, RowsOfKind};
pub use columns::Readable;
pub use counts::Counts;
pub use lookup::Lookup;
pub use open::{ReadOptions, Snapshot};
pub use parallel::{Batch, Maker};
pub use query::{Filter, Rows};

pub(super) use judgement::judge;
pub(super) use references::{is_annotated, omissions};
pub(super) use survey::StoredTable;
