//! What is faster must come to the same: a scan of the pages in the order of the file as a walk over the trees, a summary made on
//! the way as rows read one after the other, a message that is its own canonical form as one that is made canonical.

use std::fs;
use std::path::PathBuf;

use crate::model::{Entitlement, Grant, Resource, ResourceType, SyncId};
use crate::snapshot::read::{Filter, Overview, ReadOptions, Readable, Snapshot, Survey};

/// The snapshots in the test data that can be read and have a finished sync run.
fn snapshots() -> Vec<(PathBuf, Snapshot)> {
    let folders = ["testdata/snapshots", "testdata/others", "testdata/people"];
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "c1z"))
        .filter_map(|path| {
            let snapshot = Snapshot::open(&path, &ReadOptions::default()).ok()?;
            snapshot.sync_run(None).ok()?;
            Some((path, snapshot))
        })
        .collect()
}

#[test]
fn a_scan_finds_the_same_rows_as_a_walk_over_the_trees() {
    let mut scanned = 0;
    for (path, snapshot) in snapshots() {
        let walked = Survey::of_walk(&snapshot.pages, &std::env::temp_dir()).unwrap();
        let survey = &snapshot.survey;
        scanned += u32::from(survey.is_scanned);
        assert_eq!(survey.run_count(), walked.run_count());
        assert_eq!(survey.tables().len(), walked.tables().len());
        for table in survey.tables() {
            let mut others = walked.tables().iter();
            let other = others.find(|other| other.name == table.name).unwrap();
            assert_eq!(table.leaves(), other.leaves(), "{}", path.display());
            assert_eq!(table.columns, other.columns);
            assert_eq!(table.orphans, other.orphans);
            for run in 0..survey.run_count() {
                assert_eq!(table.chunks(Some(run)), other.chunks(Some(run)));
            }
        }
    }
    assert!(scanned > 10, "{scanned}");
}

#[test]
fn a_summary_is_what_reading_the_rows_comes_to() {
    let mut summaries = 0;
    for (path, snapshot) in snapshots() {
        let run = snapshot.sync_run(None).unwrap();
        let read = snapshot.counts_and_digest(&run.id);
        let options = ReadOptions::default();
        let summarized = Snapshot::open_for_comparison(&path, &options, None).unwrap();
        let of_summary = summarized.counts_and_digest(&run.id);
        let overview = Overview::read(&path, &options, None);
        let Ok((counts, digest)) = read else {
            assert!(
                of_summary.is_err() && overview.is_err(),
                "{}",
                path.display()
            );
            continue;
        };
        let overview = overview.unwrap();
        assert_eq!(
            (&overview.counts, &overview.digest),
            (&counts, &digest),
            "{}",
            path.display()
        );
        assert_eq!(of_summary.unwrap(), (counts, digest), "{}", path.display());
        summaries += u32::from(summarized.known_digest(&run.id).is_some());
        // Of a snapshot and itself, nothing is left to compare.
        if let Some(common) = summarized.rows_in_common(&run.id, &summarized, &run.id) {
            std::thread::scope(|scope| {
                let rows = summarized
                    .read_in_background(scope, &run.id, Some(overview.digest), Some(&common))
                    .unwrap();
                assert_eq!(rows.resources.count() + rows.grants.count(), 0);
            });
        }
    }
    assert!(summaries > 5, "{summaries}");
}

#[test]
fn a_message_that_is_its_own_canonical_form_has_the_same_record() {
    let mut own = 0;
    for (_, snapshot) in snapshots() {
        let run = snapshot.sync_run(None).unwrap().id;
        own += own_forms::<ResourceType>(&snapshot, &run);
        own += own_forms::<Resource>(&snapshot, &run);
        own += own_forms::<Entitlement>(&snapshot, &run);
        own += own_forms::<Grant>(&snapshot, &run);
    }
    assert!(own > 1000, "{own}");
}

fn own_forms<K: Readable>(snapshot: &Snapshot, sync: &SyncId) -> u32 {
    let mut own = 0;
    for row in snapshot.rows::<K>(sync, Filter::EVERYTHING).unwrap() {
        let Ok(mut row) = row else { continue };
        let mut record = Vec::new();
        row.record(&mut record);
        own += u32::from(row.own_form.is_some());
        row.own_form = None;
        let mut expected = Vec::new();
        row.record(&mut expected);
        assert_eq!(record, expected, "{}", row.id);
    }
    own
}
