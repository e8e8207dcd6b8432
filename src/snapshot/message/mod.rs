//! The bytes of one protobuf message.
//!
//! | file | holds |
//! |---|---|
//! | `wire.rs` | a message's bytes as fields, one level at a time |
//! | `descriptors/` | the schema of all known messages |
//! | `proto.rs` | the messages that the model uses, as structs; `encode.rs` and `decode.rs` convert between them and the model |
//! | `records.rs` | the records of format v3, converted to the messages of v1 |
//! | `known.rs` | the walk over a message: its fields, typed by the schema; `number.rs` has the numeric ones |
//! | `unknown.rs` | the normalization of maps in messages of unknown type |
//! | `noise.rs` | what is left out of every canonical form |
//! | `canonical.rs` | the canonical form, for the digest |
//! | `json.rs` | JSON, as the `baton` CLI prints it |
//! | `references.rs` | the references at the start of a grant's message |
//! | `flaws.rs` | the check that a blob is a valid message of its kind |

mod canonical;
pub(super) mod decode;
pub(super) mod descriptors;
pub(super) mod encode;
mod flaws;
mod json;
mod known;
mod noise;
mod number;
mod proto;
pub(super) mod records;
mod references;
mod unknown;
mod wire;

pub(super) use canonical::{canonical, without_noise};
pub(super) use flaws::{Flaw, Oddity, OwnForm, Valid, Weight, validate};
pub(super) use json::{write_grant_json, write_json};
pub(super) use known::{Any, InOrder, Item, Message, Shape, two_parts};
pub(super) use references::{REFERENCE_VALUES, after_references};
pub(super) use wire::{Malformed, Payload, walk};
