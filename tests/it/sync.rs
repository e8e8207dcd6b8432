//! `sync`: an organization goes in, one finished snapshot comes out, or nothing changes.

mod demo;
mod file;
mod mapping;
mod reading;
mod refusals;
mod schema;
mod settings;
