//! Files that are made to mislead, stop or exhaust a reader: every command gives the right answer or refuses them, all
//! commands judge the same bytes alike, and memory stays in proportion to honest data. `scripts/limits.sh` measures the
//! time.

use std::fs;
use std::path::PathBuf;

use crate::support::v3::varint;
use crate::support::{Edited, Shelf, field, golden, in_address_space, in_one_gigabyte, packed};

/// A file of `testdata/hostile`.
fn hostile(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/hostile")
        .join(name)
}

/// Every file of `testdata/hostile`: the exit code of `verify`, what it says, and the exit code of the other commands.
const FAULTS: [(&str, i32, &str, i32); 16] = [
    (
        "diff-malformed-parent-no-differences.c1z",
        1,
        "blob: `user:",
        15,
    ),
    (
        "foreign-index-runs-expression.c1z",
        1,
        "foreign-object: index `",
        0,
    ),
    (
        "hang-100k-tables.c1z",
        1,
        "foreign-object: it contains 100000 tables and indexes that a c1z does not have",
        0,
    ),
    (
        "index-loses-grants.c1z",
        1,
        "sqlite-integrity: index `idx_grants_external_sync_v1` has 0 entries, but table `v1_grants` has 77 rows",
        0,
    ),
    (
        "many-sync-runs.c1z",
        15,
        "too-large: it is damaged: it holds more than 10000 sync runs",
        15,
    ),
    ("mem-long-ids.c1z", 1, "its id is longer than", 15),
    (
        "mem-longvalues-256MiB.c1z",
        15,
        "too-large: it is damaged: it decodes to more than 1,000 times its size",
        15,
    ),
    ("panic-wide-cell.c1z", 1, "evidence-digest", 0),
    (
        "rowid-that-is-none.c1z",
        1,
        "declaration: `v1_resources.id` is declared `integer`, not `integer primary key`",
        0,
    ),
    ("slim-columns-swapped.c1z", 1, "column: `role:", 15),
    (
        "v3-clipped-deletions.c1z",
        15,
        "too-large: it is damaged: a key in its manifest exceeds the limits",
        15,
    ),
    ("v3-hidden-row.c1z", 15, "v3-key-order", 15),
    (
        "v3-long-id.c1z",
        15,
        "too-large: it is damaged: a record exceeds the limits",
        15,
    ),
    (
        "v3-many-sources.c1z",
        15,
        "too-large: it is damaged: a record exceeds the limits",
        15,
    ),
    ("v3-many-spans.c1z", 15, "v3-block", 15),
    ("warn-terminal-escape.c1z", 0, "ok", 0),
];

/// Commands that read all kinds of rows.
const COMMANDS: [&str; 7] = [
    "stats",
    "grants",
    "grants -o json",
    "principals -o json",
    "export csv",
    "export ndjson",
    "export csv --table grants",
];

#[test]
fn every_command_reads_or_refuses_each_hostile_file_in_little_memory() {
    let mut names: Vec<_> = fs::read_dir(hostile(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".c1z"))
        .collect();
    names.sort();
    assert_eq!(names, FAULTS.map(|(name, ..)| name));

    for (name, verdict, says, code) in FAULTS {
        let shelf = Shelf::new();
        let path = shelf.path(name);
        fs::copy(hostile(name), &path).unwrap();
        let run = |words: &str| {
            let output = in_one_gigabyte(words, &path)
                .env("TMPDIR", shelf.sandbox.temp_dir())
                .output()
                .unwrap();
            shelf.sandbox.assert_no_litter();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            let code = output.status.code();
            (
                code.unwrap_or_else(|| panic!("{name}: {words}: {error}")),
                text,
                error,
            )
        };
        let (found, text, error) = run("verify");
        assert_eq!((found, &*error), (verdict, ""), "{name}: {text}");
        assert!(text.contains(says), "{name}: {text}");
        for words in COMMANDS {
            let (found, _, error) = run(words);
            assert_eq!(found, code, "{name}: {words}: {error}");
        }
        let (found, text, error) = run(&format!("diff {}", path.display()));
        assert_eq!(
            found,
            if code == 0 { 0 } else { 15 },
            "{name}: {text}{error}"
        );
    }
}

#[test]
fn indexes_and_row_ids_decide_nothing() {
    let shelf = Shelf::with_demo().with_golden("small.c1z");
    for (name, rows) in [
        ("index-loses-grants.c1z", 77),
        ("rowid-that-is-none.c1z", 4),
    ] {
        fs::copy(hostile(name), shelf.path(name)).unwrap();
        let list = shelf.json(&["grants", "-o", "json", name]);
        assert_eq!(list["grants"].as_array().unwrap().len(), rows, "{name}");
        let stats = shelf.json(&["stats", "-o", "json", name]);
        let counts = stats["counts"].as_array().unwrap();
        let grants: u64 = counts
            .iter()
            .map(|count| count["grants"].as_u64().unwrap())
            .sum();
        assert_eq!(grants, rows as u64, "{name}");
    }
    let sound = shelf.text(&["grants", "small.c1z"]);
    assert_eq!(shelf.text(&["grants", "rowid-that-is-none.c1z"]), sound);
    assert_eq!(
        shelf.text(&["diff", "small.c1z", "rowid-that-is-none.c1z"]),
        "no differences\n"
    );
}

/// A length-delimited field of any length.
fn long_field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2], &*varint(content.len() as u64), content].concat()
}

#[test]
fn a_row_is_damaged_for_every_command_or_for_none() {
    let role_trait = |profile: &[u8]| {
        [
            field(1, b"type.googleapis.com/c1.connector.v2.RoleTrait"),
            long_field(2, &long_field(1, &long_field(1, profile))),
        ]
        .concat()
    };
    // Structs inside each other.
    let nested = |depth: usize| {
        (0..depth).fold(Vec::new(), |inner, _| {
            let value = long_field(5, &inner);
            long_field(1, &[field(1, b"k"), long_field(2, &value)].concat())
        })
    };
    let append = |fields: &[u8]| {
        let small = Edited::golden("small.c1z").sql("update v1_sync_runs set stats = null");
        small.append("v1_resources", "external_id like 'user:455%'", fields)
    };
    let small = |sql: &str| Edited::golden("small.c1z").sql(sql);
    let wire_type =
        |number: u8, wire_type: u8, rest: &[u8]| [&[number << 3 | wire_type], rest].concat();
    for (what, edited, code) in [
        ("a text that is not UTF-8", append(&field(3, b"L\xff")), 15),
        ("an end inside a field", append(b"\x1a\x7f"), 15),
        (
            "a text that is a number",
            append(&wire_type(3, 0, b"\x05")),
            15,
        ),
        (
            "a number in eight bytes",
            append(&wire_type(8, 1, &[0; 8])),
            15,
        ),
        ("a group", append(&wire_type(15, 3, b"")), 15),
        (
            "another id",
            append(&field(1, &[field(1, b"user"), field(2, b"x")].concat())),
            15,
        ),
        (
            "a parent of its own",
            append(&field(2, &[field(1, b"user"), field(2, b"x")].concat())),
            15,
        ),
        (
            "a struct of 120 levels",
            append(&long_field(
                4,
                &[
                    field(1, b"type.googleapis.com/c1.connector.v2.RoleTrait"),
                    long_field(2, &long_field(1, &nested(120))),
                ]
                .concat(),
            )),
            15,
        ),
        ("100,000 values", append(&field(4, b"").repeat(99_000)), 0),
        ("more values", append(&field(4, b"").repeat(101_000)), 15),
        (
            "a million flags in one field",
            append(&long_field(
                4,
                &[
                    field(1, b"type.googleapis.com/c1.connector.v2.AppTrait"),
                    long_field(2, &long_field(5, &[1; 1_000_000])),
                ]
                .concat(),
            )),
            15,
        ),
        (
            "an unknown field of 3 MB",
            append(&long_field(15, &vec![0; 3_000_000])),
            0,
        ),
        (
            "an unknown field of 5 MB",
            append(&long_field(15, &vec![0; 5_000_000])),
            15,
        ),
        (
            "a name of 1 MB of letters",
            append(&long_field(3, &vec![b'x'; 1_000_000])),
            0,
        ),
        (
            "a name of 3 MB of control characters",
            append(&long_field(3, &vec![1; 3_000_000])),
            15,
        ),
        (
            "an annotation that is not known",
            append(&field(4, &field(1, b"acme/Unheard"))),
            0,
        ),
        (
            "a number that is not finite",
            append(&long_field(
                4,
                &role_trait(
                    &[
                        field(1, b"n"),
                        long_field(2, &[&[0x11][..], &f64::NAN.to_le_bytes()].concat()),
                    ]
                    .concat(),
                ),
            )),
            0,
        ),
        (
            "an id of 5,000 letters",
            small(
                "update v1_resources set external_id = 'user:' || hex(zeroblob(2500)) where id = 1",
            ),
            15,
        ),
        (
            "an id that is a blob",
            small("update v1_resources set external_id = x'00' where id = 1"),
            15,
        ),
        (
            "a blob that is text",
            small("update v1_resources set data = 'text' where id = 1"),
            15,
        ),
        (
            "a blob that is empty",
            small("update v1_resources set data = x'' where id = 1"),
            0,
        ),
        (
            "a type that is NULL",
            small(
                "create table r as select * from v1_resources; drop table v1_resources; \
             create table v1_resources (id integer primary key, resource_type_id text, external_id text, \
             parent_resource_type_id text, parent_resource_id text, data blob, sync_id text, discovered_at datetime); \
             insert into v1_resources select * from r; drop table r; update v1_resources set resource_type_id = null",
            ),
            15,
        ),
        (
            "columns in another order",
            small(
                "create table r as select * from v1_resources; drop table v1_resources; \
             create table v1_resources (data blob, more text default 'x', id integer primary key, sync_id text, \
             external_id text, \"resource_type_id\" text, [parent_resource_id] text, `parent_resource_type_id` text); \
             insert into v1_resources (data, id, sync_id, external_id, resource_type_id) \
             select data, id, sync_id, external_id, resource_type_id from r; drop table r",
            ),
            0,
        ),
    ] {
        let shelf = Shelf::new();
        edited.pack(&shelf.path("row.c1z"));
        for words in [
            &["stats"][..],
            &["resources"],
            &["resources", "-o", "json"],
            &["resources", "-t", "user"],
            &["export", "csv"],
            &["export", "json"],
            &["export", "ndjson"],
            &["export", "csv", "--table", "users"],
            &["diff", "row.c1z"],
        ] {
            let words = [words, &["row.c1z"]].concat();
            let run = shelf.run(&words);
            assert_eq!(run.code, code, "{what}: {words:?}: {}", run.stderr);
        }
        let verdict = shelf.run(&["verify", "row.c1z"]).code;
        assert!(verdict < 2, "{what}");
        assert!(code == 0 || verdict == 1, "{what}: {verdict}");
    }
}

#[test]
fn two_thousand_sync_runs_are_read_like_one() {
    let shelf = Shelf::new();
    Edited::golden("small.c1z")
        .sql(
            "with recursive n (n) as (select 1 union all select n + 1 from n where n < 2000) \
             insert into v1_sync_runs (sync_id, started_at, ended_at, sync_token, sync_type) \
             select '3MS7TGrKcamVrIQXRnz88' || printf('%06d', n), '2020-01-01 00:00:00', '2020-01-01 00:00:00', '', \
             'full' from n, v1_sync_runs where v1_sync_runs.id = 1",
        )
        .pack(&shelf.path("runs.c1z"));
    assert_eq!(shelf.text(&["verify", "runs.c1z"]), "runs.c1z: ok\n");
    let stats = shelf.json(&["stats", "-o", "json", "runs.c1z"]);
    assert_eq!(stats["sync_runs"].as_array().unwrap().len(), 2001);
    assert_eq!(shelf.text(&["grants", "runs.c1z"]).lines().count(), 5);
}

#[test]
fn a_grant_without_its_resource_is_compared_with_its_entitlement() {
    let shelf = Shelf::new().with_golden("small-slim-grants.c1z");
    let swapped = "slim-columns-swapped.c1z";
    fs::copy(hostile(swapped), shelf.path(swapped)).unwrap();
    for words in [
        &["grants"][..],
        &["stats"],
        &["diff", "small-slim-grants.c1z"],
        &["export", "csv"],
    ] {
        let words = [words, &[swapped]].concat();
        let run = shelf.run(&words);
        assert_eq!(run.code, 15, "{words:?}");
        let says = "in the columns, but its entitlement is on";
        assert!(run.stderr.contains(says), "{words:?}: {}", run.stderr);
    }
    // A grant of an entitlement that has no row, as in a part of a sync, has nothing to be compared with.
    Edited::of(&golden("small-slim-grants.c1z"))
        .sql("delete from v1_entitlements")
        .pack(&shelf.path("part.c1z"));
    assert_eq!(shelf.text(&["grants", "part.c1z"]).lines().count(), 5);
}

/// A page of a database, counted from 1.
fn page(database: &mut [u8], number: usize) -> &mut [u8] {
    &mut database[(number - 1) * 4096..number * 4096]
}

/// The number of the last page that holds `text` and is not a part of a tree.
fn overflow_page(database: &[u8], text: &[u8]) -> usize {
    let holds = |page: &[u8]| page[0] == 0 && page.windows(text.len()).any(|part| part == text);
    1 + database.chunks(4096).rposition(holds).unwrap()
}

/// Databases that SQLite would not read as they look, or that cost more than they are worth: what `verify` says (`ok` if
/// nothing), and the exit code of the other commands.
fn altered() -> Vec<(&'static str, Vec<u8>, &'static str, i32)> {
    let small = |sql: &str| Edited::golden("small.c1z").sql(sql);
    let schema = |sql: &str| small(&format!("pragma writable_schema = on; {sql}")).bytes();
    let patched = |edited: Edited, patch: &dyn Fn(&Edited, &mut Vec<u8>)| {
        let mut database = edited.bytes();
        patch(&edited, &mut database);
        database
    };
    let long_name = small(&format!(
        "update v1_sync_runs set stats = null; \
         update v1_resources set data = cast(data || x'1af03e' || cast('{}END' as blob) as blob) where id = 1",
        "n".repeat(8045)
    ));
    let many_grants = small(
        "update v1_sync_runs set stats = null; \
         with recursive n (n) as (select 1 union all select n + 1 from n where n < 2000) \
         insert into v1_grants (resource_type_id, resource_id, entitlement_id, principal_resource_type_id, \
         principal_resource_id, external_id, data, sync_id, discovered_at) \
         select resource_type_id, resource_id, entitlement_id, 'user', 'u' || n, 'g' || n, x'', sync_id, discovered_at \
         from v1_grants, n where v1_grants.id = 1",
    );
    let asset = |data: &str| {
        format!(
            "insert into v1_assets (external_id, content_type, data, sync_id, discovered_at) \
             select 'posthog-c1z:evidence', 'application/json', cast({data} as blob), sync_id, started_at \
             from v1_sync_runs"
        )
    };
    vec![
        (
            "a long value that goes on after its end",
            patched(long_name, &|_, database| {
                let last = overflow_page(database, b"END");
                page(database, last)[..4].copy_from_slice(&[10, 0, 0, 0]);
            }),
            "continues past its end",
            15,
        ),
        (
            "keys of a tree that are not those of its rows",
            patched(many_grants, &|edited, database| {
                let root = edited.root_page("v1_grants");
                let root = page(database, root);
                assert_eq!(root[0], 5);
                let cell = usize::from(u16::from_be_bytes([root[12], root[13]]));
                root[cell + 4] = 1;
            }),
            "out of order",
            15,
        ),
        (
            "an index whose entries are one",
            patched(small(""), &|edited, database| {
                let root = edited.root_page("idx_grants_external_sync_v1");
                let leaf = page(database, root);
                assert_eq!(leaf[0], 10);
                let first = [leaf[8], leaf[9]];
                leaf[10..12].copy_from_slice(&first);
            }),
            "sqlite-integrity: index `idx_grants_external_sync_v1`",
            0,
        ),
        (
            "free space that is counted wrong",
            patched(small(""), &|edited, database| {
                let root = edited.root_page("v1_grants");
                page(database, root)[7] ^= 3;
            }),
            "free space that its header does not account for",
            0,
        ),
        (
            "a page size of 2",
            patched(small(""), &|_, database| {
                database[16..18].copy_from_slice(&[0, 2]);
                for four in database[100..].chunks_exact_mut(4) {
                    four.copy_from_slice(&[2, 0, 0, 0]);
                }
            }),
            "its page size",
            15,
        ),
        (
            "a format that is not known",
            patched(small(""), &|_, database| database[47] = 9),
            "version of SQLite's file format",
            15,
        ),
        (
            "a table under another name than it declares",
            schema("update sqlite_schema set sql = replace(sql, 'v1_grants', 'v1_other') where name = 'v1_grants'"),
            "cannot be parsed",
            15,
        ),
        (
            "an index of another table than it declares",
            schema(
                "update sqlite_schema set tbl_name = 'v1_sync_runs' where name = 'idx_grants_external_sync_v1'",
            ),
            "index: index `idx_grants_external_sync_v1`",
            0,
        ),
        (
            "a table that is declared twice",
            schema("insert into sqlite_schema select * from sqlite_schema where name = 'v1_grants'"),
            "names `v1_grants` twice",
            15,
        ),
        (
            "a declaration that SQLite would refuse",
            schema("insert into sqlite_schema values ('table', 'x', 'x', 2, 'create table x (a ! b)')"),
            "foreign-object: it contains the table `x`",
            0,
        ),
        (
            "a table in capitals",
            schema(
                "update sqlite_schema set name = 'V1_Grants', tbl_name = 'V1_Grants', \
                 sql = replace(sql, 'v1_grants', 'V1_Grants') where name = 'v1_grants'; \
                 update sqlite_schema set tbl_name = 'V1_Grants' where tbl_name = 'v1_grants'",
            ),
            "ok",
            0,
        ),
        (
            "a sync run that is there twice",
            small(
                "drop index idx_sync_runs_sync_id_v1; insert into v1_sync_runs (sync_id, started_at, sync_token) \
                 select sync_id, started_at, '' from v1_sync_runs",
            )
            .bytes(),
            "it occurs twice",
            15,
        ),
        (
            "an evidence of a million sentences",
            small(&asset(
                "'{\"unproved\":[' || replace(hex(zeroblob(1000000)), '00', '\"\",') || '\"\"]}'",
            ))
            .bytes(),
            "ok",
            0,
        ),
        (
            "an evidence of ten million values",
            small(&asset("'[' || replace(hex(zeroblob(10000000)), '00', '0,') || '0]'")).bytes(),
            "its evidence document exceeds the limits",
            15,
        ),
        (
            "resource types of 5 MB",
            small(
                "update v1_sync_runs set stats = null; \
                 with recursive n (n) as (select 1 union all select n + 1 from n where n < 5) \
                 insert into v1_resource_types (external_id, data, sync_id, discovered_at) \
                 select 't' || n, cast(x'7ac0843d' || zeroblob(1000000) as blob), sync_id, started_at \
                 from n, v1_sync_runs",
            )
            .bytes(),
            "bytes of resource types",
            15,
        ),
    ]
}

#[test]
fn altered_databases_are_judged_alike_by_every_command() {
    for (what, database, says, code) in altered() {
        let shelf = Shelf::new();
        fs::write(shelf.path("altered.c1z"), packed(&database)).unwrap();
        let run = shelf.run(&["verify", "altered.c1z"]);
        let text = String::from_utf8(run.stdout).unwrap();
        assert!(text.contains(says), "{what}: {text}");
        assert!(run.code <= 1 || run.code == 15, "{what}: {text}");
        for words in COMMANDS {
            let words: Vec<_> = words.split(' ').chain(["altered.c1z"]).collect();
            let run = shelf.run(&words);
            // Some commands do not read the evidence.
            let is_good = run.code == code || (run.code == 0 && what.contains("evidence"));
            assert!(is_good, "{what}: {words:?}: {} {}", run.code, run.stderr);
        }
    }
}

#[test]
fn long_names_are_not_held_by_the_hundred() {
    let shelf = Shelf::new();
    let names = |letter: &str| {
        let path = shelf.path(&format!("{letter}.c1z"));
        Edited::golden("small.c1z")
            .sql(&format!(
                "with recursive n (n) as (select 1 union all select n + 1 from n where n < 60) \
                 insert into v1_resources (resource_type_id, external_id, data, sync_id, discovered_at) \
                 select 'user', 'user:n' || n, cast(x'1a80897a' || \
                 cast(replace(hex(zeroblob(1000000)), '0', '{letter}') as blob) as blob), sync_id, started_at \
                 from n, v1_sync_runs"
            ))
            .pack(&path);
        path
    };
    let (old, new) = (names("a"), names("b"));
    for words in [
        "resources",
        "export csv --table users",
        &format!("diff {}", old.display()),
    ] {
        let mut command = in_address_space(320 << 10, words, &new);
        let output = command
            .env("TMPDIR", shelf.sandbox.temp_dir())
            .stdout(std::process::Stdio::null())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{words}: {error}"
        );
    }
}
