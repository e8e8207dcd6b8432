//! Many sync runs of one organization: their order, and what was true between them. Pure: it takes what each run shows and
//! knows neither files nor output.
//!
//! | file | contains |
//! |---|---|
//! | `order.rs` | runs by capture time: gaps, and runs whose order is in doubt |
//! | `spans.rs` | from what each run shows of one fact to the spans in which it was true |
//! | `story.rs` | the spans of a person and of a role |
//! | `leavers.rs` | when people who left lost access |
//!
//! A run may not show a fact because it did not read it. That is a gap in knowledge, and neither starts nor ends a span.

mod leavers;
mod order;
mod spans;
mod story;

pub use leavers::{AccessSeen, Left, judge_leaver};
pub use order::{Doubt, Times, doubts, gaps};
pub use spans::{Seen, Spans};
pub use story::{GrantSeen, PersonSeen, PersonStory, Reach, RoleStory};
