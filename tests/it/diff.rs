//! `diff`: who gained and lost what, through the command line.

mod accept;
mod changes;
mod ci_script;
mod decisions;
mod inputs;
mod organization;
mod organization_document;
mod others;
mod people;
mod properties;
mod reports;

pub use organization::{ORGANIZATION_ID, Organization, Pair, sync_run, time, user_id, with};
