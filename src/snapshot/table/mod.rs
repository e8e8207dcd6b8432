//! The tables of a c1z and their rows.
//!
//! | file | contains |
//! |---|---|
//! | `schema.rs` | every table and index, as the SDK declares them |
//! | `kind.rs` | the four kinds of rows, as types, and their columns |
//! | `row.rs` | one row: its columns and its blob |
//! | `expansion.rs` | the expansion of a grant, wherever the SDK stored it |
//! | `facts.rs` | the content of a row under readable names |
//! | `record.rs` | a row as the content digest reads it |
//! | `digest.rs` | the content digest of all rows |

mod digest;
pub(super) mod expansion;
mod facts;
mod kind;
mod record;
mod row;
pub(super) mod schema;

pub use digest::{ContentDigest, Digester};
pub(super) use kind::{AnyColumns, column_fields, descriptor};
pub use kind::{BadBlob, EntitlementColumns, GrantColumns, Kind, ResourceColumns};
pub(super) use record::push_record;
pub use row::Row;
