//! A `.c1z` snapshot: written from an [`Inventory`](crate::model::Inventory), read as [`Row`]s.
//!
//! [`mod@format`] specifies the file, byte by byte. Only what this module re-exports is visible outside:
//!
//! | module | contains | may import |
//! |---|---|---|
//! | `verify/` | finds every defect of a file | `read`, and all below it |
//! | `write/` | writes an inventory to a file | `table`, and all below it |
//! | `read/` | reads a file as rows: open, find, filter, count | `table`, and all below it |
//! | `table/` | the tables: their declarations, a row, its kind, its part in the digest | `message` |
//! | `message/` | the bytes of one message: fields, the schema, the model, the canonical form, JSON, validity | |
//! | `container/` | the bytes of a c1z, and the pages (v1) or tables (v3) of the database inside | |
//! | `error.rs` `limits.rs` `hex.rs` | errors, limits on what is read, hexadecimal | every module may import them |
//!
//! `verify` and `write` are independent of each other, and `container` knows neither tables nor messages:
//!
//! ```text
//! verify ─► read ─┬─► table ─► message ─┬─► error, limits, hex
//!          write ─┘                     │
//!   read, write ───► container ─────────┘
//! ```
//!
//! The path of a row. Writing: `Inventory` ─► `message/encode.rs` ─► `write/` ─► `container/`. Reading:
//! `container/` ─► `read/columns.rs` ─► `read/judgement.rs` ─► [`Row`], whose blob is decoded when needed: as model
//! (`message/decode.rs`), as JSON (`message/json.rs`) or as its part in the digest (`table/record.rs`). A row of format v3
//! has a longer way to the same pages: `container/v3/` ─► `message/records.rs` ─► `read/v3.rs` ─► `container/build.rs`.

mod container;
mod error;
pub mod format;
mod hex;
mod limits;
mod message;
mod read;
mod table;
#[cfg(test)]
mod tests;
mod verify;
mod write;

pub use container::{Written, is_c1z};
pub use error::{Damage, Error, V3Part};
pub use limits::Limits;
pub use read::{
    BackgroundRows, Batch, CommonRows, Counts, Filter, Format, Lookup, Mapper, Overview,
    ReadOptions, Readable, Rows, RowsOfKind, Snapshot,
};
pub use table::{
    BadBlob, ContentDigest, Digester, EntitlementColumns, GrantColumns, Kind, ResourceColumns, Row,
};
pub use verify::{Finding, verify};
pub use write::{Contents, Target, copy, new_sync_id, write};
