//! What every test borrows: the real binary in a fresh folder with a clean environment, a PostHog on loopback, and
//! snapshots taken apart and put together.
//!
//! Nothing of the machine reaches the program: no variable but those a test sets, no home folder, no terminal.

mod edited;
mod harm;
mod night;
mod posthog;
mod program;
mod reading;
mod skipped;
pub mod v3;
mod written;

pub use edited::{Edited, decoded, field, packed};
pub use harm::{assert_harmless_markdown, assert_no_harm};
pub use night::{Asked, Night, Reply, gzip};
pub use posthog::{
    Answer, Organization, PostHog, SURROUNDINGS, bare_membership, domain, invitation, member,
    membership, organization_id, reference, refusal, role, role_id, user, user_id, with, without,
};
pub use program::{PROGRAM, Program, Run, Running, Sandbox, assert_without_key, script};
pub use reading::{
    Answered, Shelf, answer, answer_at, answer_by, in_address_space, in_one_gigabyte,
};
pub use skipped::skip;
pub use written::{Database, Written};

/// The key of every test. A secret as far as the program knows: it must show up nowhere.
pub const KEY: &str = "phx_q7TestKeyThatMustNeverShowUp0pZ3";

/// A file of `testdata/snapshots`.
pub fn golden(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/snapshots")
        .join(name)
}
