//! Format v3: which rows of a database count, what is refused by its name, and what `verify` calls damage. What the SDK
//! itself writes is compared with what its CLI prints in `others.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use serde_json::Value;

use crate::support::v3::{
    Container, DELETE, Row, SET, Table, added, comparer, entitlement, entry, grant, head, internal,
    key, log, notes, number, resource, resource_type, text, varint,
};
use crate::support::{Edited, Shelf, answer, field, golden, in_address_space};

/// A file of `testdata/others`.
fn other(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/others")
        .join(name)
}

/// Rows in the order of their keys, the newest of each first.
fn sorted(rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by(|a, b| (&a.0, b.1).cmp(&(&b.0, a.1)));
    rows
}

/// A table of two types, one role with its entitlement, and the notes.
fn base() -> Vec<Row> {
    let rows = [
        resource_type("user", "User", 10),
        resource_type("role", "Role", 10),
        resource("role", "admin", "Admin", 10),
        resource("user", "ada", "Ada", 10),
        entitlement("admin", 10),
        grant("admin", "ada", 10),
    ];
    sorted(rows.into_iter().chain(notes(10)))
}

fn shelf_with(container: &Container) -> Shelf {
    let shelf = Shelf::new();
    fs::write(shelf.path("v3.c1z"), container.pack()).unwrap();
    shelf
}

/// The names of the resources in a file.
fn names(container: &Container) -> BTreeSet<String> {
    let list = shelf_with(container).json(&["resources", "-o", "json", "v3.c1z"]);
    let rows = list["resources"].as_array().map(Vec::as_slice);
    let name = |row: &Value| row["resource"]["displayName"].as_str().unwrap().to_owned();
    rows.unwrap_or_default().iter().map(name).collect()
}

#[track_caller]
fn assert_names(container: &Container, expected: &[&str]) {
    let expected = expected.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names(container), expected);
}

/// The only code that `verify` reports for a file that cannot be read.
#[track_caller]
fn code(bytes: &[u8]) -> String {
    let shelf = Shelf::new();
    fs::write(shelf.path("v3.c1z"), bytes).unwrap();
    let run = shelf.run(&["verify", "-o", "json", "v3.c1z"]);
    let line: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(run.code, 15, "{line}");
    // Nothing but `verify` shows anything of it.
    shelf.run(&["grants", "v3.c1z"]).fails(15, &["v3.c1z"]);
    line["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_file_of_our_own_is_read_and_sound_in_every_form() {
    let forms = [
        Table::of(base()),
        Table {
            compression: 1,
            ..Table::of(base())
        },
        Table {
            has_two_levels: true,
            ..Table::of(base())
        },
    ];
    for form in forms {
        let container = Container::with(&[form]);
        assert_names(&container, &["Ada", "Admin"]);
        let shelf = shelf_with(&container);
        assert_eq!(shelf.text(&["verify", "v3.c1z"]), "v3.c1z: ok\n");
        let grants = shelf.json(&["grants", "-o", "json", "v3.c1z"]);
        let ids = grants["grants"].as_array().unwrap().iter();
        let ids: Vec<_> = ids.map(|row| &row["grant"]["id"]).collect();
        assert_eq!(ids, ["role:admin:member:user:ada"]);
        let stats = shelf.json(&["stats", "-o", "json", "v3.c1z"]);
        assert_eq!(stats["format"], "v3");
        assert_eq!(stats["sync_runs"][0]["time_zone_known"], true);
    }
}

#[test]
fn the_newest_row_of_a_key_counts_in_whichever_table_it_is() {
    for (newest, expected) in [(5, "Ada"), (15, "Augusta")] {
        let later = Table::of(vec![resource("user", "ada", "Augusta", newest)]);
        let mut tables = vec![Table::of(base()), later];
        assert_names(&Container::with(&tables), &[expected, "Admin"]);
        tables.reverse();
        assert_names(&Container::with(&tables), &[expected, "Admin"]);
        // Both in one table.
        let rows = base().into_iter();
        let rows = rows.chain([resource("user", "ada", "Augusta", newest)]);
        let one = Table::of(sorted(rows));
        assert_names(&Container::with(&[one]), &[expected, "Admin"]);
    }
}

#[test]
fn a_deletion_hides_what_is_older_and_nothing_else() {
    for (sequence, expected) in [(5, &["Ada", "Admin"][..]), (15, &["Admin"])] {
        for kind in [DELETE, 7, 23] {
            let deleted = (key(2, &["user", "ada"]), sequence, kind, Vec::new());
            let tables = [Table::of(base()), Table::of(vec![deleted])];
            assert_names(&Container::with(&tables), expected);
        }
    }
}

#[test]
fn a_range_deletion_hides_older_rows_from_its_start_up_to_its_end() {
    let bounds = |start: &[&str], end: &[&str]| (key(2, start), key(2, end));
    for ((start, end), sequence, expected) in [
        (bounds(&["a"], &["z"]), 15, &[][..]),
        (bounds(&["a"], &["z"]), 5, &["Ada", "Admin"]),
        (bounds(&["user"], &["z"]), 15, &["Admin"]),
        (bounds(&["a"], &["user", "ada"]), 15, &["Ada"]),
        (bounds(&["user", "ada"], &["z"]), 15, &["Admin"]),
        (bounds(&["user", "ada"], &["z"]), 10, &["Ada", "Admin"]),
    ] {
        let deletion = (start, end, sequence);
        let apart = Table {
            deletions: vec![deletion.clone()],
            ..Table::default()
        };
        assert_names(&Container::with(&[Table::of(base()), apart]), expected);
        let together = Table {
            deletions: vec![deletion],
            ..Table::of(base())
        };
        assert_names(&Container::with(&[together]), expected);
    }
}

/// A file whose manifest has these entries for its tables, numbered from 10.
fn with_manifest(tables: &[Table], edits: &[Vec<u8>]) -> Container {
    let mut container = Container::with(tables);
    let edits: Vec<_> = [&[comparer()], edits].concat();
    container.put("MANIFEST-000001", log(&edits));
    container
}

#[test]
fn rows_of_an_ingested_table_have_the_number_in_the_manifest() {
    // All of its rows have 0.
    let ingested = Table::of(vec![resource("user", "ada", "Augusta", 0)]);
    let bounds = internal(&key(2, &["user", "ada"]), 0, SET);
    for (number, expected) in [(5, "Ada"), (15, "Augusta")] {
        let tables = [Table::of(base()), ingested.clone()];
        let entries = [
            tables[0].entry(0, 10),
            added(6, 11, &bounds, &bounds, [number; 2], &[]),
        ];
        assert_names(&with_manifest(&tables, &entries), &[expected, "Admin"]);
    }
}

#[test]
fn a_virtual_table_is_the_part_of_another_between_two_keys() {
    let users = ["a", "b", "c", "d"].map(|id| resource("user", id, id, 20));
    let tables = [Table::of(base()), Table::of(users.to_vec())];
    let last = (1 << 56) - 1;
    for (from, to, sequence, expected) in [
        ("b", "c", 1, &["b", "c"][..]),
        ("b", "c", last, &["b"]),
        ("a", "zz", 1, &["a", "b", "c", "d"]),
    ] {
        let bounds = [(from, 1), (to, sequence)]
            .map(|(id, sequence)| internal(&key(2, &["user", id]), sequence, SET));
        let entries = [
            tables[0].entry(0, 10),
            added(0, 20, &bounds[0], &bounds[1], [0, 99], &[66, 11]),
        ];
        let expected = [expected, &["Ada", "Admin"]].concat();
        assert_names(&with_manifest(&tables, &entries), &expected);
    }
}

#[test]
fn a_table_that_the_manifest_removed_does_not_count() {
    let tables = [
        Table::of(base()),
        Table::of(vec![resource("user", "bob", "Bob", 20)]),
    ];
    let mut entries = vec![tables[0].entry(0, 10), tables[1].entry(3, 11)];
    assert_names(&with_manifest(&tables, &entries), &["Ada", "Admin", "Bob"]);
    entries.push(vec![6, 3, 11]);
    assert_names(&with_manifest(&tables, &entries), &["Ada", "Admin"]);
}

#[test]
fn many_tables_and_blocks_come_to_the_same_rows() {
    let ids: Vec<_> = (0..3000).map(|at| format!("u{at:05}")).collect();
    let mut tables = vec![Table::of(base())];
    // Tables that overlap, and old rows that others replace.
    for part in 0..5 {
        let own = ids.iter().skip(part).step_by(5);
        let rows = own.map(|id| resource("user", id, id, 20));
        let old = ids.iter().take(500);
        let old = old.map(|id| resource("user", id, "old", 11 + part as u64));
        let mut rows: Vec<_> = sorted(rows.chain(old));
        // Not twice with one sequence number.
        rows.dedup_by(|a, b| (&a.0, a.1) == (&b.0, b.1));
        tables.push(Table {
            has_two_levels: part % 2 == 0,
            compression: (part % 2) as u8,
            ..Table::of(rows)
        });
    }
    let container = Container::with(&tables);
    let names = names(&container);
    assert_eq!(names.len(), ids.len() + 2);
    assert!(!names.contains("old"));
    let shelf = shelf_with(&container);
    assert_eq!(shelf.text(&["verify", "v3.c1z"]), "v3.c1z: ok\n");
}

#[test]
fn a_row_larger_than_a_page_is_read_whole() {
    let name = "N".repeat(300_000);
    let mut rows = base();
    rows.push(resource("user", "long", &name, 10));
    let container = Container::with(&[Table::of(sorted(rows))]);
    assert_names(&container, &["Ada", "Admin", &name]);
}

#[test]
fn v1_and_v3_of_one_sync_differ_only_in_what_v3_cannot_hold() {
    let shelf = Shelf::new()
        .with_golden("small.c1z")
        .with_golden("v3-pebble.c1z");
    let text = shelf.text(&["diff", "small.c1z", "v3-pebble.c1z"]);
    assert_eq!(text, "no differences\n");
    let access = |file| shelf.text(&["access", "ada.lovelace.1@example.com", file]);
    assert_eq!(access("small.c1z"), access("v3-pebble.c1z"));
    // A resource's external id.
    let v1 = other("sdk-0.25.0-generic.c1z");
    fs::copy(other("sdk-0.25.0-v3-generic.c1z"), shelf.path("v3.c1z")).unwrap();
    fs::copy(&v1, shelf.path("v1.c1z")).unwrap();
    let run = shelf.run(&["diff", "v1.c1z", "v3.c1z", "-o", "json"]);
    let document: Value = serde_json::from_slice(&run.stdout).unwrap();
    let changes = document["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1);
    let fields = changes[0]["fields"].as_array().unwrap();
    let fields: Vec<_> = fields.iter().map(|field| &field["field"]).collect();
    assert_eq!(fields, ["external_id"]);
    // Three syncs of the same, one after another.
    let digest = |name: &str| {
        let path = other(name).into_os_string().into_string().unwrap();
        shelf.json(&["stats", "-o", "json", &path])["content_digest"].clone()
    };
    assert_eq!(
        digest("sdk-0.25.0-v3-generic.c1z"),
        digest("sdk-0.25.0-v3-threesyncs.c1z")
    );
}

/// Files with something that this program does not know, and how it is named.
fn unknown() -> Vec<(&'static str, Container)> {
    let good = || Container::with(&[Table::of(base())]);
    let with = |edit: fn(&mut Container)| {
        let mut container = good();
        edit(&mut container);
        container
    };
    let table = |edit: fn(&mut Table)| {
        let mut table = Table::of(base());
        edit(&mut table);
        Container::with(&[table])
    };
    let edited = |edit: fn(usize, &mut Vec<u8>)| {
        Container::with(&[Table {
            edit: Some(Rc::new(edit)),
            ..Table::of(base())
        }])
    };
    let row = |row: Row| Container::with(&[Table::of(sorted(base().into_iter().chain([row])))]);
    let manifest = |entry: Vec<u8>| with_manifest(&[Table::of(base())], &[entry]);
    let bound = internal(b"", 1, SET);
    vec![
        (
            "engine `pebble2`; this program knows `pebble3`",
            with(|container| container.head = head("pebble2", 24, 5)),
        ),
        (
            "Pebble format 25; this program knows 24",
            with(|container| container.head = head("pebble3", 25, 5)),
        ),
        (
            "payload encoding 1; this program knows 5",
            with(|container| container.head = head("pebble3", 24, 1)),
        ),
        (
            "ids of form 1; this program knows 2",
            with(|container| container.head.extend(number(42, 1))),
        ),
        (
            "Pebble format 26; this program knows 24",
            with(|container| container.put("marker.format-version.000002.026", Vec::new())),
        ),
        (
            "a file `000012.blob`",
            with(|container| container.put("000012.blob", Vec::new())),
        ),
        (
            "a write-ahead log with content",
            with(|container| container.put("000013.log", vec![0; 40])),
        ),
        (
            "table format 8; this program knows 7",
            table(|table| table.format = Some(8)),
        ),
        ("compression 7", table(|table| table.compression = 7)),
        ("compression 8", table(|table| table.compression = 8)),
        ("value blocks", table(|table| table.features = 1)),
        ("range keys", table(|table| table.features = 2)),
        (
            "values in blob files",
            table(|table| table.features = 1 << 6),
        ),
        (
            "table features 0x180",
            table(|table| table.features = 1 << 8),
        ),
        (
            "blocks `pebble.value_index`",
            table(|table| table.meta = Some("pebble.value_index")),
        ),
        (
            "block format 2; this program knows 1",
            edited(|at, block| block[if at == 0 { 4 } else { 0 }] = 2),
        ),
        (
            "block columns 9; this program knows 7",
            edited(|at, block| {
                if at == 0 {
                    block[5] = 9;
                }
            }),
        ),
        ("rows of kind 2", row((key(2, &["x"]), 10, 2, Vec::new()))),
        (
            "rows of kind 8",
            row((vec![3, 8, 0, 1], 10, SET, Vec::new())),
        ),
        (
            "keys that begin with 2",
            row((vec![2, 1, 0, 1], 10, SET, Vec::new())),
        ),
        (
            "keys of version 3; this program knows 2",
            row((
                [&[3, 255][..], b"keyspace_version"].concat(),
                11,
                SET,
                3_u32.to_be_bytes().to_vec(),
            )),
        ),
        ("range keys", manifest(vec![104])),
        ("blob files", manifest(vec![107])),
        ("manifest entry 200", manifest(varint(200))),
        (
            "table attribute 67",
            manifest(added(0, 10, &bound, &bound, [0, 1], &[67, 0])),
        ),
        (
            "key order `cockroach`",
            with(|container| {
                let edit = [&[1, 9][..], b"cockroach"].concat();
                container.put("MANIFEST-000001", log(&[edit]));
            }),
        ),
    ]
}

#[test]
fn what_is_not_known_is_refused_by_its_name_and_never_called_damage() {
    for (name, container) in unknown() {
        let bytes = container.pack();
        assert_eq!(code(&bytes), "format-v3", "{name}");
        let shelf = shelf_with(&container);
        for command in ["stats", "resources", "verify"] {
            let run = shelf.run(&[command, "v3.c1z"]);
            let said = run.stderr.clone() + std::str::from_utf8(&run.stdout).unwrap();
            assert_eq!(run.code, 15, "{name}: {said}");
            let expected = format!("a c1z of format v3 with {name}");
            assert!(said.contains(&expected), "{name}: {said}");
            assert!(!said.contains("damage"), "{name}: {said}");
            let is_hinted = said.contains("--storage-engine sqlite");
            assert!(is_hinted || command == "verify", "{name}: {said}");
        }
    }
}

#[test]
fn verify_has_a_code_for_each_part_that_is_damaged() {
    let good = Container::with(&[Table::of(base())]);
    let with = |edit: &dyn Fn(&mut Container)| {
        let mut container = good.clone();
        edit(&mut container);
        container.pack()
    };
    let of = |table: Table| Container::with(&[table]).pack();
    let manifest = |entries: &[Vec<u8>]| with_manifest(&[Table::of(base())], entries).pack();
    let edited = |edit: fn(usize, &mut Vec<u8>)| {
        of(Table {
            edit: Some(Rc::new(edit)),
            ..Table::of(base())
        })
    };
    let own = Table::of(base());
    let flipped = |name: &str, at: usize| {
        with(&|container| {
            let mut content = container.file(name).to_vec();
            let at = content.len().min(at + 1) - 1;
            content[at] ^= 1;
            container.put(name, content);
        })
    };
    let sha256 = |container: &Container| {
        let frame = zstd::encode_all(&b"x"[..], 1).unwrap();
        let out = container.start();
        let entry = entry("OPTIONS-000001", out.len(), frame.len(), 1, &[0; 32]);
        container.finish([out, frame].concat(), &entry)
    };
    let size = |container: &Container| {
        let frame = zstd::encode_all(&b"xy"[..], 1).unwrap();
        let out = container.start();
        let entry = entry("OPTIONS-000001", out.len(), frame.len(), 1, &[0; 32]);
        container.finish([out, frame].concat(), &entry)
    };
    let whole = good.pack();
    let mut reversed = base();
    reversed.swap(0, 1);
    let broken = |kind| (key(kind, &["x"]), 10, SET, vec![0x0a, 0x7f]);
    let mut wrong_head = whole.clone();
    wrong_head[12] ^= 1;
    for (what, bytes, expected) in [
        (
            "no footer",
            whole[..whole.len() - 1].to_vec(),
            "v3-envelope",
        ),
        ("nothing after the magic", b"C1Z3\0".to_vec(), "v3-envelope"),
        (
            "a malformed head",
            with(&|c| c.head.push(0x0a)),
            "v3-envelope",
        ),
        ("a byte of the head", wrong_head, "v3-checksum"),
        ("a byte of a file", sha256(&good), "v3-checksum"),
        ("a size in the index", size(&good), "v3-index"),
        (
            "a gap before the index",
            good.finish([good.start(), vec![0]].concat(), &[]),
            "v3-index",
        ),
        (
            "an unreadable index",
            good.finish(good.start(), &[0x0a, 9]),
            "v3-index",
        ),
        (
            "a manifest without an end",
            with(&|c| c.put("MANIFEST-000001", log(&[comparer()])[..12].to_vec())),
            "v3-manifest",
        ),
        (
            "a byte of the manifest",
            flipped("MANIFEST-000001", 9),
            "v3-checksum",
        ),
        (
            "a missing manifest",
            with(&|c| c.files.retain(|(name, _)| name != "MANIFEST-000001")),
            "v3-manifest",
        ),
        (
            "a missing table",
            with(&|c| c.files.retain(|(name, _)| name != "000010.sst")),
            "v3-manifest",
        ),
        (
            "a table twice",
            manifest(&[own.entry(0, 10), own.entry(0, 10)]),
            "v3-manifest",
        ),
        (
            "a table that was never there removed",
            manifest(&[vec![6, 0, 10]]),
            "v3-manifest",
        ),
        (
            "one file as two tables",
            manifest(&[own.entry(1, 10), own.entry(2, 10)]),
            "v3-manifest",
        ),
        (
            "an empty table",
            with(&|c| c.put("000010.sst", Vec::new())),
            "v3-table",
        ),
        (
            "a table's magic",
            flipped("000010.sst", usize::MAX - 1),
            "v3-table",
        ),
        (
            "a byte of a block",
            flipped("000010.sst", 20),
            "v3-checksum",
        ),
        (
            "a block without content",
            edited(|_, block| block.clear()),
            "v3-block",
        ),
        (
            "a block of the index that is cut",
            edited(|at, block| {
                if at == 1 {
                    block.truncate(40);
                }
            }),
            "v3-block",
        ),
        (
            "rows in the wrong order",
            of(Table::of(reversed)),
            "v3-key-order",
        ),
        (
            "one key twice",
            Container::with(&[own.clone(), own.clone()]).pack(),
            "v3-key-order",
        ),
        (
            "a key outside the bounds",
            manifest(&[added(
                0,
                10,
                &internal(&key(1, &["s"]), 1, SET),
                &internal(&[4], 1, SET),
                [0, 1],
                &[],
            )]),
            "v3-key-order",
        ),
        (
            "an index that hides rows",
            edited(|at, block| {
                if at == 1 {
                    // The first byte of the key that no row exceeds.
                    let key = block.windows(2).position(|pair| pair == [3, 255]).unwrap();
                    block[key + 1] = 254;
                }
            }),
            "v3-key-order",
        ),
    ]
    .into_iter()
    .chain((1..=6).map(|kind| {
        let rows = base().into_iter().filter(|row| row.0 != [3, 6]);
        let row = match kind {
            6 => (vec![3, 6], 10, SET, vec![0x0a, 0x7f]),
            _ => broken(kind),
        };
        let table = Table::of(sorted(rows.chain([row])));
        ("a malformed record", of(table), "v3-record")
    })) {
        assert_eq!(code(&bytes), expected, "{what}");
    }
}

#[test]
fn verify_finds_dangling_references_in_v3_as_in_v1() {
    let rows = base().into_iter();
    let rows = rows.filter(|row| row.0 != key(2, &["user", "ada"]));
    let shelf = shelf_with(&Container::with(&[Table::of(rows.collect())]));
    let run = shelf.run(&["verify", "-o", "json", "v3.c1z"]);
    let line: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((run.code, &line["code"]), (1, &"dangling-principal".into()));
}

#[test]
fn a_database_without_a_sync_run_has_none() {
    let rows = base().into_iter().filter(|row| row.0 != [3, 6]);
    let shelf = shelf_with(&Container::with(&[Table::of(rows.collect())]));
    shelf
        .run(&["grants", "v3.c1z"])
        .fails(15, &["has no sync runs"]);
}

#[test]
fn the_second_of_two_tables_may_be_a_part_of_none() {
    let bound = internal(&key(1, &["a"]), 1, SET);
    let table = Table::of(base());
    let entries = [
        table.entry(0, 10),
        added(0, 20, &bound, &bound, [0, 1], &[66, 99]),
    ];
    let bytes = with_manifest(&[table], &entries).pack();
    assert_eq!(code(&bytes), "v3-manifest");
}

/// What is made to cost memory or time, and how it is refused.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let good = Container::with(&[Table::of(base())]);
    let mut bombs = Vec::new();
    // A frame of a gigabyte of zeros.
    let frame = zstd::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 1).unwrap();
    let start = good.start();
    let bomb = entry(
        "OPTIONS-000001",
        start.len(),
        frame.len(),
        1 << 30,
        &[0; 32],
    );
    bombs.push(("zeros", good.finish([start, frame].concat(), &bomb)));
    // A small frame whose index claims everything there is.
    let frame = zstd::encode_all(&b"x"[..], 1).unwrap();
    for size in [1 << 40, u64::MAX as usize] {
        let start = good.start();
        let claim = entry("OPTIONS-000001", start.len(), frame.len(), size, &[0; 32]);
        bombs.push((
            "claim",
            good.finish([start, frame.clone()].concat(), &claim),
        ));
    }
    // Blocks that claim to be large after Snappy.
    let mut table = Table::of(base());
    table.compression = 1;
    let mut content = table.bytes();
    content[..5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
    let mut snappy = good.clone();
    snappy.put("000010.sst", content);
    bombs.push(("Snappy", snappy.pack()));
    // Many empty files, and a manifest of many tables that are one.
    let mut files = good.start();
    let mut index = Vec::new();
    let frame = zstd::encode_all(&b""[..], 1).unwrap();
    for at in 0..25_000 {
        let name = format!("{at:06}.sst");
        index.extend(entry(&name, files.len(), frame.len(), 0, &[0; 32]));
        files.extend(&frame);
    }
    bombs.push(("files", good.finish(files, &index)));
    let bound = |at: u64| internal(&key(2, &[&format!("{at:08}")]), 1, SET);
    let parts: Vec<_> = (0..25_000)
        .map(|at| added(0, 100 + at, &bound(at), &bound(at), [0, 1], &[66, 10]))
        .collect();
    let own = Table::of(base()).entry(0, 10);
    bombs.push((
        "parts",
        with_manifest(&[Table::of(base())], &[&[own], &*parts].concat()).pack(),
    ));
    bombs
}

#[test]
fn bombs_are_refused_within_500_megabytes() {
    for (what, bytes) in bombs() {
        let shelf = Shelf::new();
        let path = shelf.path("bomb.c1z");
        fs::write(&path, bytes).unwrap();
        let output = in_address_space(500_000_000 / 1024, "grants", &path)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(15), "{what}: {said}");
    }
}

#[test]
fn a_byte_flipped_in_any_block_is_read_around_or_refused() {
    let temp_dir = tempfile::tempdir().unwrap();
    let path = temp_dir.path().join("flipped.c1z");
    let file = path.to_str().unwrap();
    let mut seen = BTreeSet::new();
    for block in 0..4 {
        for at in (0..700).step_by(2) {
            // Before the block gets its checksum.
            let flip = move |number, content: &mut Vec<u8>| {
                if number == block {
                    let length = content.len();
                    content[at % length] ^= 0x11;
                }
            };
            let table = Table {
                edit: Some(Rc::new(flip)),
                ..Table::of(base())
            };
            fs::write(&path, Container::with(&[table]).pack()).unwrap();
            for command in [&["verify"][..], &["grants", "-o", "json"]] {
                let answered = answer(temp_dir.path(), &[command, &[file]].concat());
                let is_clean = matches!(answered.code, 0 | 1 | 15);
                assert!(is_clean, "{block} {at}: {command:?} {answered:?}");
                seen.insert(answered.code);
            }
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 15]);
}

#[test]
fn a_v1_without_what_v3_lost_has_the_digest_of_the_v3() {
    let external_id = field(
        7,
        &[
            field(1, b"ext"),
            field(2, b"https://x.example"),
            field(3, b"d"),
        ]
        .concat(),
    );
    let digits: String = external_id
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let shelf = Shelf::new();
    Edited::of(&other("sdk-0.25.0-generic.c1z"))
        .sql(&format!(
            "update v1_resources set data = unhex(replace(hex(data), '{digits}', ''))"
        ))
        .pack(&shelf.path("v1.c1z"));
    fs::copy(other("sdk-0.25.0-v3-generic.c1z"), shelf.path("v3.c1z")).unwrap();
    let text = shelf.text(&["diff", "v1.c1z", "v3.c1z"]);
    assert_eq!(text, "no differences\n");
}

#[test]
fn cutting_a_file_of_the_sdk_anywhere_or_flipping_any_byte_never_goes_unnoticed() {
    let temp_dir = tempfile::tempdir().unwrap();
    let whole = fs::read(golden("v3-pebble.c1z")).unwrap();
    let path = temp_dir.path().join("damaged.c1z");
    let file = path.to_str().unwrap();
    let export = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        answer(temp_dir.path(), &["export", "json", file])
    };
    let expected = export(&whole).stdout;
    let positions = (0..64)
        .chain((0..400).map(|part| part * whole.len() / 400))
        .chain(whole.len() - 40..whole.len());
    for at in positions {
        assert_eq!(export(&whole[..at]).code, 15, "cut to {at}");
        let mut flipped = whole.clone();
        flipped[at] ^= 0x55;
        let answered = export(&flipped);
        // Some bits of a zstd frame's head mean nothing; then the content is the same.
        if answered.code == 0 {
            assert_eq!(answered.stdout, expected, "byte {at}");
        } else {
            assert_eq!(answered.code, 15, "byte {at}");
        }
    }
}

#[test]
fn a_byte_flipped_in_a_file_of_the_sdk_with_the_right_sum_in_the_index_never_goes_unnoticed() {
    let temp_dir = tempfile::tempdir().unwrap();
    let whole = Container::of(&golden("v3-pebble.c1z"));
    let path = temp_dir.path().join("flipped.c1z");
    let file = path.to_str().unwrap();
    let export = |container: &Container| {
        fs::write(&path, container.pack()).unwrap();
        answer(temp_dir.path(), &["export", "json", file])
    };
    let expected = export(&whole).stdout;
    for (at_file, (name, content)) in whole.files.iter().enumerate() {
        for at in (0..content.len()).step_by(content.len() / 60 + 1) {
            let mut flipped = whole.clone();
            flipped.files[at_file].1[at] ^= 0x55;
            let answered = export(&flipped);
            // Options are for writers, and indexes are read by `verify` alone.
            if answered.code == 0 {
                assert_eq!(answered.stdout, expected, "{name} {at}");
                let verified = answer(temp_dir.path(), &["verify", file]).code;
                let expected = if name.starts_with("OPTIONS") { 0 } else { 15 };
                assert_eq!(verified, expected, "{name} {at}");
            } else {
                assert_eq!(answered.code, 15, "{name} {at}");
            }
        }
    }
}

/// Writes the file that `V3_FILE` names: `V3_GRANTS` grants of a hundredth as many roles to a tenth as many users, with
/// the two indexes that the SDK keeps of them.
#[test]
#[ignore = "writes a large file, to measure with"]
fn a_large_file_to_measure_with() {
    let path = std::env::var("V3_FILE").unwrap();
    let grants: u64 = std::env::var("V3_GRANTS").unwrap().parse().unwrap();
    let id = |at: u64| {
        format!(
            "{:08x}-0000-4000-8000-{at:012x}",
            at.wrapping_mul(0x9e37_79b1) as u32
        )
    };
    let (roles, users) = (1000, grants / 10);
    let mut rows = vec![
        resource_type("role", "Role", 10),
        resource_type("user", "User", 10),
    ];
    rows.extend(notes(10));
    for role in 0..roles {
        rows.push(resource("role", &id(role), &format!("Role {role}"), 10));
        rows.push(entitlement(&id(role), 10));
    }
    for user in 0..users {
        let name = format!("Given{user} Family{}", user % 977);
        let mut row = resource("user", &id(user), &name, 10);
        let profile: Vec<u8> = ["email", "department", "title", "location"]
            .into_iter()
            .flat_map(|key| {
                let value = text(3, format!("{key}-{}@example.com", user % 4099).as_bytes());
                text(1, &[text(1, key.as_bytes()), text(2, &value)].concat())
            })
            .collect();
        row.3.extend(text(9, &profile));
        rows.push(row);
    }
    for at in 0..grants {
        // Each user has ten roles.
        let (user, role) = (id(at / 10), id((at * 7919 + at / 10) % roles));
        let mut row = grant(&role, &user, 10);
        let url = b"type.googleapis.com/c1.connector.v2.GrantMetadata";
        let since = text(3, b"2024-05-06T07:08:09Z");
        let metadata = text(1, &[text(1, b"joined_at"), text(2, &since)].concat());
        row.3.extend(text(
            8,
            &[text(1, url), text(2, &text(1, &metadata))].concat(),
        ));
        rows.push((
            key(7, &["p", "user", &user, "role", &role]),
            10,
            SET,
            Vec::new(),
        ));
        rows.push((
            key(7, &["e", "role", &role, "user", &user]),
            10,
            SET,
            Vec::new(),
        ));
        rows.push(row);
    }
    let mut rows = sorted(rows);
    rows.dedup_by(|a, b| a.0 == b.0);
    let tables: Vec<_> = rows
        .chunks(100_000)
        .map(|rows| Table {
            rows_in_block: 64,
            has_two_levels: true,
            compression: 1,
            ..Table::of(rows.to_vec())
        })
        .collect();
    fs::write(path, Container::with(&tables).pack()).unwrap();
}

#[test]
fn a_file_from_a_pipe_is_read_like_any_other() {
    let shelf = Shelf::new();
    let file = golden("v3-pebble.c1z");
    let digest = |line: &str| line.starts_with("digest").then(|| line.to_owned());
    let run = |words: &str| {
        let program = env!("CARGO_BIN_EXE_posthog-c1z");
        let line = format!("cat '{}' | '{program}' {words}", file.display());
        let output = Command::new("sh")
            .args(["-c", &line])
            .env("TMPDIR", shelf.sandbox.temp_dir())
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    };
    let piped = run("stats /dev/stdin");
    let named = shelf.text(&["stats", file.to_str().unwrap()]);
    assert_eq!(
        piped.lines().find_map(digest),
        named.lines().find_map(digest)
    );
    shelf.sandbox.assert_no_litter();
}
