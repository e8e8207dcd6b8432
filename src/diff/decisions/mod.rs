//! What became of the decisions of an access review: reads the Review sheet, looks for what its rows are about in two
//! snapshots, and judges each decision. It knows neither files nor output, and keeps only what the sheet names.
//!
//! | file | contains |
//! |---|---|
//! | `sheet.rs` | the rows that have a decision |
//! | `observe.rs` | what one snapshot has of what they are about |
//! | `judge.rs` | whether what was decided was done |

mod judge;
mod observe;
mod sheet;

pub use judge::judge;
pub use observe::{Observed, Reach};
pub use sheet::ReviewSheet;
