//! What is faster must come to the same: a scan of the pages in the order of the file as a walk over the trees, a summary or a
//! check made on the way as rows read one after the other, a message that is its own canonical form as one that is made canonical,
//! a grant in parts as its whole message.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::model::{
    Entitlement, EntitlementId, Grant, Resource, ResourceId, ResourceType, ResourceTypeId, RowKind,
    SyncId,
};
use crate::snapshot::message::encode::grant_references;
use crate::snapshot::message::write_json;
use crate::snapshot::read::{Filter, Overview, ReadOptions, Readable, Snapshot, Survey};
use crate::snapshot::table::{GrantColumns, Row, descriptor};

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
        let checked = Snapshot::open_checked(&path, &options, None).unwrap();
        let of_checked = checked.counts_and_digest(&run.id);
        let overview = Overview::read(&path, &options, None);
        let Ok((counts, digest)) = read else {
            assert!(
                of_summary.is_err() && of_checked.is_err() && overview.is_err(),
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
        let of_read = (counts, digest);
        assert_eq!(of_summary.unwrap(), of_read, "{}", path.display());
        assert_eq!(of_checked.unwrap(), of_read, "{}", path.display());
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
fn the_rows_of_a_large_snapshot_are_checked_while_it_is_unpacked() {
    let small = Path::new("testdata/people/owner.c1z");
    let database = zstd::decode_all(&fs::read(small).unwrap()[5..]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    fs::write(&path, database).unwrap();
    // Zeros make it large. What is random makes the file long enough for them.
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE other (a);
             INSERT INTO other VALUES (zeroblob(67108864)), (zeroblob(67108864)), (zeroblob(67108864)), (randomblob(400000))",
        )
        .unwrap();
    let packed = zstd::encode_all(fs::File::open(&path).unwrap(), 1).unwrap();
    fs::write(&path, [b"C1ZF\0".as_slice(), &packed].concat()).unwrap();

    let options = ReadOptions::default();
    let large = Snapshot::open_checked(&path, &options, None).unwrap();
    let run = large.sync_run(None).unwrap().id;
    assert!(large.survey.is_checked());
    assert!(large.known_digest(&run).is_none());
    let small = Snapshot::open_checked(small, &options, None).unwrap();
    assert!(!small.survey.is_checked());
    let of = |snapshot: &Snapshot| snapshot.counts_and_digest(&run).unwrap();
    assert_eq!(of(&large), of(&small));
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

#[test]
fn a_grant_in_parts_has_the_json_of_its_whole_message() {
    let mut in_parts = 0;
    for (_, snapshot) in snapshots() {
        let run = snapshot.sync_run(None).unwrap().id;
        for row in snapshot.rows::<Grant>(&run, Filter::EVERYTHING).unwrap() {
            let Ok(row) = row else { continue };
            in_parts += u32::from(is_in_parts(&row));
        }
    }
    assert!(in_parts > 500, "{in_parts}");

    let hostile = "\"\\\u{0}\u{202e}王🦔";
    let role = ResourceId::new(&ResourceTypeId::new("role"), hostile);
    let user = ResourceId::new(&ResourceTypeId::new("us\"er"), "1");
    let entitlement = EntitlementId::new(hostile);
    let data = grant_references(Some((&entitlement, &role)), Some(&user), Some(hostile));
    let row = Row::<Grant> {
        id: hostile.into(),
        columns: GrantColumns {
            resource: role,
            entitlement,
            principal: user,
            expansion: None,
        },
        data: data.into(),
        rowid: 1,
        own_form: None,
    };
    assert!(is_in_parts(&row));
}

/// Whether a grant's message starts with its references. If so, its JSON must be the same.
fn is_in_parts(row: &Row<'_, Grant>) -> bool {
    let is_in_parts = row.after_references(&row.data).is_some();
    if is_in_parts {
        let (mut json, mut expected) = (Vec::new(), Vec::new());
        row.push_json(&mut json);
        write_json(descriptor(RowKind::Grant), &row.data, &mut expected).unwrap();
        assert_eq!(json, expected, "{}", row.id);
    }
    is_in_parts
}
