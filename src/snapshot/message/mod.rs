//! The bytes of one protobuf message.
//!
//! | file | holds |
//! |---|---|
//! | `wire.rs` | a message's bytes as fields, one level at a time |
//! | `descriptors/` | the schema: every message that is known |
//! | `proto.rs` | the messages that the model is made of, as structs; `encode.rs` and `decode.rs` turn one into the other |
//! | `known.rs` | the one walk over a message: its fields, typed by the schema; `number.rs` has those that are numbers |
//! | `unknown.rs` | an order for maps in messages that the schema does not have |
//! | `canonical.rs` | the canonical form, for the digest |
//! | `json.rs` | JSON, as the `baton` CLI prints it |
//! | `flaws.rs` | whether bytes are a message of their type |

mod canonical;
pub(super) mod decode;
pub(super) mod descriptors;
pub(super) mod encode;
mod flaws;
mod json;
mod known;
mod number;
mod proto;
mod unknown;
mod wire;

pub(super) use canonical::canonical;
pub(super) use flaws::{Flaw, Oddity, validate};
pub(super) use json::write_json;
pub(super) use known::{Any, InOrder, Item, Message, Shape, two_parts};
pub(super) use wire::{Malformed, Payload, walk};
