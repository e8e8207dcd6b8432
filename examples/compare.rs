//! Compares two snapshots of the same organization, row by row.
//!
//! ```text
//! cargo run --example compare -- old.c1z new.c1z
//! ```
//!
//! Rows are sorted by id, so two files are compared in one pass over both. `posthog-c1z diff` goes further: it
//! classifies the changes and describes them with names.

#![allow(clippy::print_stdout, reason = "this program prints its result")]

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use posthog_c1z::diff::{Step, merge};
use posthog_c1z::model::{Entitlement, Grant, Resource, ResourceType, SyncId};
use posthog_c1z::snapshot::{Filter, ReadOptions, Readable, Row, Snapshot};

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = std::env::args_os().skip(1);
    let (Some(old), Some(new)) = (paths.next(), paths.next()) else {
        return Err("usage: compare OLD.c1z NEW.c1z".into());
    };
    compare(Path::new(&old), Path::new(&new), &mut io::stdout().lock())
}

/// Writes a line for each row that only one of the files has, and for each fact that differs in a row that both have.
fn compare(old: &Path, new: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let old = Snapshot::open(old, &ReadOptions::default())?;
    let new = Snapshot::open(new, &ReadOptions::default())?;
    let (old_sync, new_sync) = (old.sync_run(None)?.id, new.sync_run(None)?.id);
    // Equal digests mean the same access, whatever the bytes.
    if old.content_digest(&old_sync)? == new.content_digest(&new_sync)? {
        return Ok(());
    }
    let (old, new) = ((&old, &old_sync), (&new, &new_sync));
    compare_kind::<ResourceType>(old, new, out)?;
    compare_kind::<Resource>(old, new, out)?;
    compare_kind::<Entitlement>(old, new, out)?;
    compare_kind::<Grant>(old, new, out)
}

fn compare_kind<K: Readable>(
    (old, old_sync): (&Snapshot, &SyncId),
    (new, new_sync): (&Snapshot, &SyncId),
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    merge(
        old.rows::<K>(old_sync, Filter::EVERYTHING)?
            .map(|row| row.map_err(Box::<dyn Error>::from)),
        new.rows::<K>(new_sync, Filter::EVERYTHING)?
            .map(|row| row.map_err(Box::<dyn Error>::from)),
        |old, new| old.id.cmp(&new.id),
        |step| match step {
            Step::Old(row) => Ok(writeln!(out, "- {}", shown(&row))?),
            Step::New(row) => Ok(writeln!(out, "+ {}", shown(&row))?),
            Step::Both(old, new) => changes(&old, &new, out),
        },
    )
}

/// Writes a line for each fact that differs.
fn changes<K: Readable>(
    old: &Row<'_, K>,
    new: &Row<'_, K>,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let (before, after) = (old.facts(), new.facts());
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    for name in after.keys().chain(gone) {
        let text = |value: Option<&serde_json::Value>| {
            value.map_or("none".to_owned(), ToString::to_string)
        };
        let (before, after) = (before.get(name), after.get(name));
        if before != after {
            let name = name.escape_debug();
            writeln!(
                out,
                "~ {} {name}: {} -> {}",
                shown(new),
                text(before).escape_debug(),
                text(after).escape_debug()
            )?;
        }
    }
    Ok(())
}

/// A row's id. It comes from the file: quoted like this, it cannot move the cursor of a terminal.
fn shown<K: Readable>(row: &Row<'_, K>) -> String {
    row.id.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_added_removed_and_changed_row_has_a_line() {
        let (old, new) = (
            Path::new("testdata/snapshots/small.c1z"),
            Path::new("testdata/snapshots/two-syncs.c1z"),
        );
        let mut out = Vec::new();
        compare(old, new, &mut out).expect("two sound files");
        let text = String::from_utf8(out).expect("text");
        let (came, rest): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.starts_with("+ "));
        assert!(came.contains(&"+ role:44fff8b0-e425-42ae-ae00-d3f131aba9cc:member"));
        assert_eq!(
            rest,
            [
                "~ user:455ee46a-f387-4703-90d2-07ed9dd78441 profile.level: 1 -> 15",
                "- role:5bb4d0e4-4672-4722-b876-f44b3aa4195a:member:\
                 user:8a21cf94-2dda-418f-a793-7a03ed4bbb98",
            ]
        );
        let mut same = Vec::new();
        compare(old, old, &mut same).expect("a sound file");
        assert_eq!(same, b"");
    }
}
