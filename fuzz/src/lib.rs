//! What all targets do: put bytes where a snapshot should be, and read all there is to read. Errors are fine; a
//! panic, a crash or memory without end is not.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::OnceLock;

use posthog_c1z::model::{Entitlement, FoundDocument, Grant, Resource, ResourceType, SyncId};
use posthog_c1z::snapshot::{
    Error, Filter, Limits, Overview, ReadOptions, Readable, Snapshot, verify,
};
use tempfile::TempDir;

/// Writes files of format v3, as for the tests.
#[allow(dead_code, reason = "the tests need more of it")]
#[allow(clippy::unwrap_used, reason = "good files and memory are assumed")]
#[path = "../../tests/it/support/v3.rs"]
mod v3;

/// Small bounds, so that a bomb costs no time.
const LIMITS: Limits = Limits {
    max_decoded_mib: 8,
    max_window_mib: 8,
};

/// One folder for the whole process, in memory where there is such a place.
fn folder() -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let make = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = FOLDER.get_or_init(|| make().expect("there is a place for temporary files"));
    folder.path().to_owned()
}

/// Reads `bytes` as the whole file.
pub fn read_file(bytes: &[u8]) {
    let path = folder().join("fuzzed.c1z");
    std::fs::write(&path, bytes).expect("the folder takes a file");
    let options = ReadOptions {
        limits: LIMITS,
        temp_dir: Some(folder()),
    };
    let verdict = verify(&path, &options, &mut |finding| {
        assert!(!finding.message.is_empty());
    });
    if let Err(error) = &verdict {
        told(error);
    }
    match Snapshot::open(&path, &options) {
        Ok(snapshot) => drop(read_all(&snapshot)),
        Err(error) => drop(told(&error)),
    }
    compare_ways(&path, &options);
    let after = std::fs::read(&path).expect("the file is still there");
    assert!(after == bytes, "the file was written to");
}

/// Reads `bytes` as the database in a container that is without fault.
pub fn read_database(bytes: &[u8]) {
    let frame = zstd::bulk::compress(bytes, 1).expect("memory for a small frame");
    read_file(&[b"C1ZF\0", &frame[..]].concat());
}

/// Reads a snapshot of format v3 with changes to its parts, each of four bytes: the part, a position of two bytes, and
/// the byte to put there. A position past the end of a part cuts it.
pub fn read_v3(bytes: &[u8]) {
    const HEAD: u8 = 255;
    const MANIFEST: u8 = 254;
    let changes: Rc<[[u8; 4]]> = bytes.as_chunks().0.into();
    let change = move |part: u8, content: &mut Vec<u8>| {
        for [_, low, high, byte] in changes.iter().filter(|change| change[0] == part) {
            let at = usize::from(u16::from_le_bytes([*low, *high]));
            let length = content.len();
            match content.get_mut(at) {
                Some(old) => *old = *byte,
                None => content.truncate(length.saturating_sub(usize::from(*byte))),
            }
        }
    };
    let rows = [
        v3::resource_type("role", "Role", 10),
        v3::resource_type("user", "User", 10),
        v3::resource("role", "admin", "Admin", 10),
        v3::resource("user", "ada", "Ada", 10),
        v3::entitlement("admin", 10),
        v3::grant("admin", "ada", 10),
    ];
    let rows: Vec<_> = rows.into_iter().chain(v3::notes(10)).collect();
    let users: Vec<_> = (0..40)
        .map(|at| v3::resource("user", &format!("u{at:02}"), "Someone", 20))
        .collect();
    let deletions = vec![(
        v3::key(2, &["user", "u10"]),
        v3::key(2, &["user", "u20"]),
        30,
    )];
    let tables: Vec<_> = [(rows, vec![], false, 0), (users, deletions, true, 1)]
        .into_iter()
        .enumerate()
        .map(|(table, (rows, deletions, has_two_levels, compression))| {
            let change = change.clone();
            v3::Table {
                rows,
                deletions,
                has_two_levels,
                compression,
                // Up to 32 blocks in each.
                edit: Some(Rc::new(move |block, content: &mut Vec<u8>| {
                    change((32 * table + block) as u8, content);
                })),
                ..v3::Table::default()
            }
        })
        .collect();
    let mut container = v3::Container::with(&tables);
    change(HEAD, &mut container.head);
    let mut edits: Vec<_> = std::iter::once(v3::comparer())
        .chain(
            tables
                .iter()
                .zip([10, 11])
                .map(|(table, number)| table.entry(0, number)),
        )
        .collect::<Vec<_>>()
        .concat();
    change(MANIFEST, &mut edits);
    container.put("MANIFEST-000001", v3::log(&[edits]));
    read_file(&container.pack());
}

/// Reads a snapshot without fault but for one message of each kind, which is `bytes`.
pub fn read_message(bytes: &[u8]) {
    const GOOD: &[u8] = include_bytes!("../../testdata/snapshots/small.c1z");
    const TABLES: [&str; 4] = [
        "v1_resource_types",
        "v1_resources",
        "v1_entitlements",
        "v1_grants",
    ];
    static DATABASE: OnceLock<Vec<u8>> = OnceLock::new();
    let database = DATABASE.get_or_init(|| {
        zstd::decode_all(&GOOD[5..]).expect("the file in testdata is without fault")
    });
    let path = folder().join("message.db");
    std::fs::write(&path, database).expect("the folder takes a file");
    let connection = rusqlite::Connection::open(&path).expect("the database is without fault");
    connection
        .pragma_update(None, "synchronous", false)
        .expect("a setting");
    for table in TABLES {
        let sql = format!("update {table} set data = ?1 where id = 1");
        connection
            .execute(&sql, [bytes])
            .expect("the row takes a blob");
    }
    drop(connection);
    read_database(&std::fs::read(&path).expect("the file is still there"));
}

/// Reads what the file says as a whole, in every way there is: row by row, while it is unpacked, and without keeping its
/// pages. All of them must come to the same.
fn compare_ways(path: &Path, options: &ReadOptions) {
    let of_snapshot = |snapshot: Result<Snapshot, Error>| {
        let snapshot = snapshot?;
        let run = snapshot.sync_run(None)?;
        let (counts, digest) = snapshot.counts_and_digest(&run.id)?;
        Ok((run, counts, digest))
    };
    let of_overview = |overview: Result<Overview, Error>| {
        overview.map(|overview| (overview.run, overview.counts, overview.digest))
    };
    let text = |error: Error| error.to_string();
    let by_row = of_snapshot(Snapshot::open(path, options)).map_err(text);
    let summarized = of_snapshot(Snapshot::open_for_comparison(path, options, None));
    assert_eq!(by_row, summarized.map_err(text));
    let once = of_overview(Overview::read(path, options, None));
    assert_eq!(by_row, once.map_err(text));
}

/// Every word that may be said of an error.
fn told(error: &Error) -> [String; 3] {
    [
        error.to_string(),
        error.predicate(),
        error.code().to_owned(),
    ]
}

fn read_all(snapshot: &Snapshot) -> Result<(), Error> {
    for run in snapshot.sync_runs()? {
        let _ = snapshot.inventory(&run.id);
        let evidence = snapshot.evidence(&run.id).ok().flatten();
        if let Ok(FoundDocument::Found(document)) = snapshot.organization(&run.id) {
            let _ = document.flaws();
        }
        if let (Ok(Some(stats)), Ok((counts, _))) = (
            snapshot.stats_column(&run.id),
            snapshot.counts_and_digest(&run.id),
        ) {
            let _ = counts.differs_from(&stats, &run.sync_type, evidence.as_ref());
        }
        read_rows::<ResourceType>(snapshot, &run.id)?;
        read_rows::<Resource>(snapshot, &run.id)?;
        read_rows::<Entitlement>(snapshot, &run.id)?;
        read_rows::<Grant>(snapshot, &run.id)?;
    }
    let _ = snapshot.sync_run(None);
    Ok(())
}

/// Reads what the rows of one kind say, in every form there is of it.
fn read_rows<K: Readable>(snapshot: &Snapshot, sync: &SyncId) -> Result<(), Error> {
    let mut json = Vec::new();
    for row in snapshot.rows::<K>(sync, Filter::EVERYTHING)? {
        let Ok(row) = row else { break };
        json.clear();
        row.push_json(&mut json);
        row.push_whole_json(&mut json);
        let _ = row.facts();
        let _ = row.decode();
    }
    Ok(())
}
