//! The comparison, whole: two snapshots' rows in, changes in people's terms out. It knows no files and no output.
//!
//! | file | holds |
//! |---|---|
//! | `walk.rs` | the comparison itself, which joins the others |
//! | `merge.rs` | two sorted sequences side by side |
//! | `fields.rs` | which facts of an object differ, each reported once |
//! | `classify.rs` | what a difference means to people |

mod classify;
mod fields;
mod merge;
mod walk;

pub use fields::{Facts, FieldFilter, has_fact, is_noise};
pub use merge::{Step, merge};
pub use walk::{ComparedGrant, ComparedRow, Names, RolesCompared, Walk};
