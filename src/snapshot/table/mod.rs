//! What the tables of a c1z hold.
//!
//! | file | holds |
//! |---|---|
//! | `schema.rs` | every table and index, as the SDK declares them |
//! | `kind.rs` | the four kinds of rows, as types, and their columns |
//! | `row.rs` | one row: its columns and its blob |
//! | `expansion.rs` | the expansion of a grant, in one place whichever SDK wrote it |
//! | `facts.rs` | what a row says, by the names that people know |
//! | `record.rs` | what stands for a row in the content digest |
//! | `digest.rs` | the content digest of all rows |

mod digest;
pub(super) mod expansion;
mod facts;
mod kind;
mod record;
mod row;
pub(super) mod schema;

pub use digest::{ContentDigest, Digester};
pub(super) use kind::{AnyColumns, descriptor};
pub use kind::{BadBlob, EntitlementColumns, GrantColumns, Kind, ResourceColumns};
pub use row::Row;
