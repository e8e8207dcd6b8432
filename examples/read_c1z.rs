//! Opens a snapshot, whichever connector wrote it, and lists who holds which role.
//!
//! ```text
//! cargo run --example read_c1z -- sync.c1z
//! ```
//!
//! Rows are read one at a time, so memory does not grow with the number of grants; a [`Lookup`] holds the ids of one
//! kind of rows to find them by.
//!
//! [`Lookup`]: posthog_c1z::snapshot::Lookup

#![allow(clippy::print_stdout, reason = "this program prints its result")]

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use posthog_c1z::model::{Grant, Resource};
use posthog_c1z::snapshot::{Filter, ReadOptions, Snapshot};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which snapshot?")?;
    list_holders(Path::new(&path), &mut io::stdout().lock())
}

/// Writes a line for each grant: the principal's name, a tab, and the name of what the entitlement is on.
fn list_holders(path: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let snapshot = Snapshot::open(path, &ReadOptions::default())?;
    // The newest finished full sync run: a file may hold several.
    let sync = snapshot.sync_run(None)?.id;
    let mut resources = snapshot.lookup::<Resource>(&sync)?;
    let mut name = |id: String| -> Result<String, Box<dyn Error>> {
        // A grant of another connector's file may refer to a resource that is missing.
        let decoded = resources.get(&id)?.map(|row| row.decode()).transpose()?;
        Ok(match decoded {
            Some(resource) => resource.display_name.to_string(),
            None => id,
        })
    };
    let mut grants = snapshot.rows::<Grant>(&sync, Filter::EVERYTHING)?;
    while let Some(grant) = grants.next_row()? {
        let holder = name(grant.columns.principal.to_string())?;
        let held = name(grant.columns.resource.to_string())?;
        // Names come from the file: quoted like this, none can move the cursor of a terminal.
        writeln!(out, "{}\t{}", holder.escape_debug(), held.escape_debug())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grant_is_listed_by_the_names_of_holder_and_role() {
        let mut out = Vec::new();
        list_holders(Path::new("testdata/snapshots/small.c1z"), &mut out).expect("a sound file");
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "Linus Torvalds\tRole 0",
                "Margaret Turing\tRole 0",
                "Ada Lovelace\tRole 1",
                "Margaret Turing\tRole 1",
            ]
        );
    }
}
