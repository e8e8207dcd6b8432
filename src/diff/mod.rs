//! Two sorted walks merged into changes, and changes told in people's terms; pure.

mod fields;
mod judge;
mod merge;

pub use fields::{Facts, FieldFilter, compare, has_fact, is_noise};
pub use judge::{GrantEnds, Judge};
pub use merge::{Step, merge};
