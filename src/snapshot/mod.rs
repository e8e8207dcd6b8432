//! A `.c1z` snapshot: written from an [`Inventory`](crate::model::Inventory), read as [`Row`]s.
//!
//! What a byte in the file means is in [`mod@format`]. This is the door; nothing outside sees past it:
//!
//! | room | holds | may import |
//! |---|---|---|
//! | `verify/` | every defect of a file, under a code | `read`, and all below it |
//! | `write.rs` | an inventory into a file | `table`, and all below it |
//! | `read/` | a file into rows: open, find, filter, count | `table`, and all below it |
//! | `table/` | what the tables hold: their declarations, a row, its kind, its part in the digest | `message` |
//! | `message/` | the bytes of one message: fields, the schema, the model, the canonical form, JSON, flaws | |
//! | `container/` | the bytes of a c1z and the pages of the database inside | |
//! | `error.rs` `limits.rs` `hex.rs` | what goes wrong, how much is read at all, digits | every room may import them |
//!
//! `verify` and `write` do not know each other, and `container` knows neither tables nor messages:
//!
//! ```text
//! verify ─► read ─┬─► table ─► message ─┬─► error, limits, hex
//!          write ─┘                     │
//!   read, write ───► container ─────────┘
//! ```
//!
//! A row passes through them like this. Written: `Inventory` ─► `message/encode.rs` ─► `write.rs` ─► `container/`. Read:
//! `container/` ─► `read/columns.rs` ─► `read/judgement.rs` ─► [`Row`], whose blob is looked at as it is needed: as model
//! (`message/decode.rs`), as JSON (`message/json.rs`) or as its part in the digest (`table/record.rs`).

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

pub use container::Written;
pub use error::{Damage, Error};
pub use limits::Limits;
pub use read::{
    BackgroundRows, Batch, Counts, Filter, Lookup, Maker, ReadOptions, Readable, Rows, RowsOfKind,
    Snapshot,
};
pub use table::{
    BadBlob, ContentDigest, Digester, EntitlementColumns, GrantColumns, Kind, ResourceColumns, Row,
};
pub use verify::{Finding, verify};
pub use write::{Contents, Target, copy, new_sync_id, write};
