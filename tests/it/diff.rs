//! `diff`: who gained and lost what, through the command line.

mod accept;
mod changes;
mod ci_script;
mod inputs;
mod organization;
mod others;
mod people;
mod properties;
mod reports;

pub use organization::{Organization, Pair};
