//! The comparison of two snapshots: takes their rows and returns classified changes. It knows neither files nor output.
//!
//! | file | contains |
//! |---|---|
//! | `walk.rs` | the comparison itself, which combines the others |
//! | `merge.rs` | the merge of two sorted sequences |
//! | `fields.rs` | which facts of an object differ, each reported once |
//! | `organization.rs` | what surrounds the roles |
//! | `decisions/` | what became of the decisions of an access review |
//! | `classify.rs` | what a difference means: seat raised, 2FA switched off, role renamed |

mod classify;
mod decisions;
mod fields;
mod merge;
mod organization;
mod walk;

pub use decisions::{Observed, Reach, ReviewSheet, judge};
pub use fields::{Facts, FieldFilter, has_fact, is_noise};
pub use merge::{Step, merge};
pub use organization::{compare_organizations, match_invitations};
pub use walk::{ComparedGrant, ComparedRow, Names, RolesCompared, Walk};
