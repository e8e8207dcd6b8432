//! `verify`: every kind of defect under its code, and nothing said of what is good.

mod others;

use std::fs;

use serde_json::Value;

use crate::support::{Edited, Shelf, field, golden};

/// Every file of `testdata/snapshots`: the exit code, and the codes that are told, each once.
const VERDICTS: [(&str, i32, &[&str]); 25] = [
    ("connector-default-v3.c1z", 0, &[]),
    ("connector-sqlite.c1z", 0, &[]),
    ("corrupt-bad-magic.c1z", 15, &["not-c1z"]),
    ("corrupt-bad-zstd-checksum.c1z", 15, &["checksum"]),
    ("corrupt-flipped-byte.c1z", 15, &["checksum"]),
    ("corrupt-header-only.c1z", 15, &["empty"]),
    ("corrupt-missing-checksum.c1z", 15, &["truncated"]),
    ("corrupt-sqlite-truncated.c1z", 15, &["sqlite"]),
    ("corrupt-trailing-garbage.c1z", 15, &["trailing-bytes"]),
    ("corrupt-truncated.c1z", 15, &["truncated"]),
    ("corrupt-window-256MiB.c1z", 15, &["window"]),
    ("corrupt-wrong-frame-size.c1z", 15, &["zstd"]),
    ("corrupt-zero-length.c1z", 15, &["not-c1z"]),
    ("empty-finished.c1z", 0, &[]),
    (
        "invalid-dangling-principal.c1z",
        1,
        &["dangling-principal", "stats"],
    ),
    (
        "invalid-external-id.c1z",
        1,
        &["column", "dangling-principal", "dangling-resource"],
    ),
    ("invalid-swapped-index-names.c1z", 1, &["index"]),
    ("invalid-time-text.c1z", 1, &["time-text"]),
    ("resources-only.c1z", 0, &[]),
    ("small-slim-grants.c1z", 0, &[]),
    ("small.c1z", 0, &[]),
    ("two-syncs.c1z", 0, &[]),
    (
        "unfinished.c1z",
        1,
        &["no-finished-sync", "unfinished-sync"],
    ),
    ("v3-pebble.c1z", 0, &[]),
    ("written-by-sdk-0.7.27.c1z", 0, &[]),
];

/// The JSON lines of a run: file, code and message of each finding.
#[track_caller]
fn findings(stdout: &[u8]) -> Vec<[String; 3]> {
    let text = std::str::from_utf8(stdout).unwrap();
    text.lines()
        .map(|line| {
            let object: Value = serde_json::from_str(line).unwrap();
            assert_eq!(object.as_object().unwrap().len(), 3, "{line}");
            ["file", "code", "message"].map(|name| object[name].as_str().unwrap().to_owned())
        })
        .collect()
}

/// Exit code and findings, as code and message, of one file.
#[track_caller]
fn verified(shelf: &Shelf, file: &str) -> (i32, Vec<[String; 2]>) {
    let run = shelf.run(&["verify", "-o", "json", file]);
    assert_eq!(run.stderr, "");
    let told = findings(&run.stdout).into_iter();
    let told = told.map(|[of, code, message]| {
        assert_eq!(of, file);
        [code, message]
    });
    (run.code, told.collect())
}

/// The codes that are told of `edited`, sorted, each once; the exit code must fit them.
#[track_caller]
fn codes(edited: &Edited) -> Vec<String> {
    let shelf = Shelf::new();
    edited.pack(&shelf.path("edited.c1z"));
    let (exit_code, told) = verified(&shelf, "edited.c1z");
    assert_eq!(exit_code, i32::from(!told.is_empty()), "{told:?}");
    let mut codes: Vec<_> = told.into_iter().map(|[code, _]| code).collect();
    codes.sort();
    codes.dedup();
    codes
}

/// Fails unless `edited` has this kind of defect and no other.
#[track_caller]
fn assert_only(edited: &Edited, code: &str) {
    assert_eq!(codes(edited), [code]);
}

fn small() -> Edited {
    Edited::golden("small.c1z")
}

/// `small.c1z` without its counts, for defects that would make them wrong too.
fn uncounted() -> Edited {
    small().sql("update v1_sync_runs set stats = null")
}

#[test]
fn every_golden_file_has_its_verdict() {
    let mut found: Vec<_> = fs::read_dir(golden(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".c1z"))
        .collect();
    found.sort();
    assert_eq!(found, VERDICTS.map(|(name, ..)| name));

    for (name, exit_code, expected) in VERDICTS {
        let shelf = Shelf::new().with_golden(name);
        let (code, told) = verified(&shelf, name);
        let mut codes: Vec<_> = told.iter().map(|[code, _]| code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(
            (code, &codes[..]),
            (exit_code, expected),
            "{name}: {told:?}"
        );

        let run = shelf.run(&["verify", name]);
        assert_eq!((run.code, &*run.stderr), (exit_code, ""), "{name}");
        let text = String::from_utf8(run.stdout).unwrap();
        if expected.is_empty() {
            assert_eq!(text, format!("{name}: ok\n"));
        } else {
            let lines = told
                .iter()
                .map(|[code, message]| format!("{name}: {code}: {message}\n"));
            assert_eq!(text, lines.collect::<String>());
        }
    }
}

#[test]
fn our_own_snapshot_is_clean() {
    let shelf = Shelf::with_demo();
    assert_eq!(shelf.text(&["verify", "demo.c1z"]), "demo.c1z: ok\n");
    assert_eq!(shelf.text(&["verify", "-f", "demo.c1z", "-o", "json"]), "");
}

#[test]
fn of_several_files_the_worst_decides() {
    let good = "small.c1z";
    let bad = "invalid-external-id.c1z";
    let unreadable = "corrupt-truncated.c1z";
    let shelf = Shelf::new()
        .with_golden(good)
        .with_golden(bad)
        .with_golden(unreadable)
        .with_golden("two-syncs.c1z");
    for (files, code) in [
        (vec![good, "two-syncs.c1z"], 0),
        (vec![good, bad], 1),
        (vec![bad, good], 1),
        (vec![unreadable, good], 15),
        (vec![unreadable, bad, good], 15),
        (vec![good, "missing.c1z"], 15),
    ] {
        let run = shelf.run(&[&["verify"], &files[..]].concat());
        assert_eq!(run.code, code, "{files:?}: {run:?}");
        // Whatever one is, the others are looked at all the same.
        let text = String::from_utf8(run.stdout).unwrap();
        for file in files {
            assert!(
                text.lines()
                    .any(|line| line.starts_with(&format!("{file}: "))),
                "{file} in {text}"
            );
        }
    }
}

#[test]
fn every_finding_is_one_json_object_on_a_line() {
    let shelf = Shelf::new()
        .with_golden("invalid-external-id.c1z")
        .with_golden("corrupt-bad-magic.c1z")
        .with_golden("small.c1z");
    let run = shelf.run(&[
        "verify",
        "-o",
        "json",
        "small.c1z",
        "invalid-external-id.c1z",
        "corrupt-bad-magic.c1z",
    ]);
    assert_eq!(run.code, 15);
    let told = findings(&run.stdout);
    assert_eq!(told.len(), 12, "{told:?}");
    assert!(
        told[..11]
            .iter()
            .all(|[file, ..]| file == "invalid-external-id.c1z")
    );
    assert_eq!(told[11][0], "corrupt-bad-magic.c1z");
}

#[test]
fn a_missing_file_and_a_folder_are_told_as_unreadable() {
    let shelf = Shelf::new();
    for file in ["missing.c1z", "."] {
        let (code, told) = verified(&shelf, file);
        assert_eq!(code, 15);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0][0], "unreadable", "{told:?}");
        let beginning = format!("reading `{file}` failed: ");
        assert!(told[0][1].starts_with(&beginning), "{told:?}");
    }
}

#[test]
fn a_line_about_a_file_that_cannot_be_read_is_a_sentence() {
    let shelf = Shelf::new()
        .with_golden("corrupt-truncated.c1z")
        .with_golden("corrupt-bad-magic.c1z");
    for (file, sentence) in [
        ("corrupt-truncated.c1z", "it is damaged: it is cut short"),
        ("corrupt-bad-magic.c1z", "it is not a c1z"),
    ] {
        let (_, told) = verified(&shelf, file);
        assert!(told[0][1].starts_with(sentence), "{told:?}");
    }
}

#[test]
fn an_edited_copy_without_a_defect_is_clean() {
    assert_eq!(codes(&small()), [""; 0]);
    assert_eq!(codes(&uncounted()), [""; 0]);
}

#[test]
fn unknown_columns_tables_and_annotations_are_no_defect() {
    let any = field(1, b"type.googleapis.com/acme.v9.Unheard");
    let edited = small()
        .sql(
            "alter table v1_grants add column flavour text; alter table v1_sync_runs add column mood text default 'x'; \
             create table v1_moons (id integer primary key, name text); insert into v1_moons values (1, 'Io'); \
             create index idx_moons on v1_moons (name)",
        )
        .append("v1_resources", "true", &field(4, &any))
        .append("v1_entitlements", "true", &field(6, &any));
    assert_eq!(codes(&edited), [""; 0]);
}

#[test]
fn a_blob_that_differs_from_its_columns_is_found() {
    let id = |kind: &[u8], id: &[u8]| [field(1, kind), field(2, id)].concat();
    for (table, fields) in [
        ("v1_resource_types", field(1, b"planet")),
        ("v1_resources", field(1, &id(b"user", b"somebody-else"))),
        ("v1_resources", field(1, &id(b"planet", b""))),
        ("v1_resources", field(2, &id(b"role", b"a-parent"))),
        ("v1_entitlements", field(2, b"other")),
        (
            "v1_entitlements",
            field(1, &field(1, &id(b"role", b"another"))),
        ),
        ("v1_grants", field(3, b"other")),
        ("v1_grants", field(1, &field(2, b"other"))),
        (
            "v1_grants",
            field(1, &field(1, &field(1, &id(b"role", b"another")))),
        ),
        ("v1_grants", field(2, &field(1, &id(b"user", b"somebody")))),
    ] {
        assert_only(&small().append(table, "id = 1", &fields), "column");
    }
}

#[test]
fn bytes_that_are_no_message_are_found() {
    for table in [
        "v1_resource_types",
        "v1_resources",
        "v1_entitlements",
        "v1_grants",
    ] {
        let sql = format!("update {table} set data = x'0affffff' where id = 1");
        assert_only(&small().sql(&sql), "blob");
    }
}

#[test]
fn text_that_is_not_utf_8_is_found_in_blobs_however_deep() {
    let resource = |bytes: Vec<u8>| small().append("v1_resources", "id = 1", &bytes);
    assert_only(&resource(field(3, b"L\xff")), "utf-8");
    let role_trait = [
        field(1, b"type.googleapis.com/c1.connector.v2.RoleTrait"),
        field(2, &field(1, &field(1, &field(1, b"k\xff")))),
    ]
    .concat();
    assert_only(&resource(field(4, &role_trait)), "utf-8");
}

#[test]
fn numbers_and_times_without_a_json_form_are_found() {
    let nan = [&[0x11][..], &f64::NAN.to_le_bytes()].concat();
    let role_trait = [
        field(1, b"type.googleapis.com/c1.connector.v2.RoleTrait"),
        field(
            2,
            &field(
                1,
                &field(1, &[field(1, b"number"), field(2, &nan)].concat()),
            ),
        ),
    ]
    .concat();
    let resource = |bytes: Vec<u8>| small().append("v1_resources", "id = 1", &bytes);
    assert_only(&resource(field(4, &role_trait)), "number");
    // The first second of the year 10000.
    let late = [&[0x08][..], &[0x80, 0x83, 0xd1, 0xff, 0xaf, 0x07]].concat();
    assert_only(&resource(field(12, &late)), "time");
}

#[test]
fn text_columns_that_hold_something_else_are_found() {
    for (table, change) in [
        ("v1_resources", "external_id = cast(x'ff' as text)"),
        ("v1_entitlements", "resource_id = x'00'"),
        ("v1_grants", "data = 'text'"),
    ] {
        let sql = format!("update {table} set {change} where id = 1");
        assert_only(&uncounted().sql(&sql), "row");
    }
}

#[test]
fn references_to_what_is_not_there_are_found() {
    for (delete, code) in [
        (
            "delete from v1_entitlements where id = 1",
            "dangling-entitlement",
        ),
        (
            "delete from v1_resources where external_id = (select 'user:' || principal_resource_id from v1_grants)",
            "dangling-principal",
        ),
        (
            "delete from v1_resource_types where external_id = 'role'",
            "dangling-type",
        ),
        (
            "delete from v1_resources where resource_type_id = 'role'",
            "dangling-resource",
        ),
    ] {
        assert_only(&uncounted().sql(delete), code);
    }
}

#[test]
fn a_wrong_stats_column_is_found_whatever_is_wrong_in_it() {
    for change in [
        "json_set(stats, '$.grants', 777)",
        "json_set(stats, '$.resource_types', 1)",
        "json_set(stats, '$.resources_by_resource_type.user', 2)",
        "json_remove(stats, '$.grants_by_resource_type')",
        "'nonsense'",
        "'[]'",
        "''",
    ] {
        let sql = format!("update v1_sync_runs set stats = {change}");
        assert_only(&small().sql(&sql), "stats");
    }
}

#[test]
fn what_is_amiss_in_the_schema_is_found() {
    for (sql, code) in [
        (
            "drop index idx_grants_external_sync_v1; \
             create index idx_grants_external_sync_v1 on v1_grants (external_id, sync_id)",
            "index",
        ),
        (
            "drop index idx_entitlements_resource_id_v1; \
             create index idx_entitlements_resource_id_v1 on v1_entitlements (resource_id)",
            "index",
        ),
        (
            "alter table v1_sync_runs drop column sync_token",
            "missing-column",
        ),
        (
            "pragma writable_schema = on; update sqlite_schema set sql = \
             replace(sql, 'discovered_at datetime', 'discovered_at text') where name = 'v1_grants'",
            "column-type",
        ),
        (
            "create index elsewhere on v1_grants (lower(external_id))",
            "foreign-object",
        ),
        (
            "create table other (a); create index elsewhere on other (a) where length(a) > 5",
            "foreign-object",
        ),
        (
            "create table other (a, b generated always as (a || 'x'))",
            "foreign-object",
        ),
        (
            "create virtual table other using fts5 (a)",
            "foreign-object",
        ),
        (
            "drop index idx_grants_sync_needs_expansion_v1; create index idx_grants_sync_needs_expansion_v1 \
             on v1_grants (sync_id) where needs_expansion = 0",
            "index",
        ),
        (
            "pragma writable_schema = on; update sqlite_schema set sql = \
             replace(sql, 'external_id text not null', 'external_id text not null collate nocase') \
             where name = 'v1_grants'",
            "declaration",
        ),
        (
            "pragma writable_schema = on; update sqlite_schema set sql = \
             replace(sql, 'discovered_at datetime not null', 'discovered_at datetime not null, check (id > 0)') \
             where name = 'v1_grants'",
            "declaration",
        ),
        (
            "create view people as select external_id from v1_resources",
            "foreign-object",
        ),
        (
            "create trigger watcher after insert on v1_grants begin delete from v1_grants; end",
            "foreign-object",
        ),
    ] {
        assert_only(&small().sql(sql), code);
    }
}

#[test]
fn a_view_in_the_place_of_a_table_is_not_run() {
    let shelf = Shelf::new();
    small()
        .sql(
            "alter table v1_grants rename to hidden; create view v1_grants as select * from hidden",
        )
        .pack(&shelf.path("view.c1z"));
    let (code, told) = verified(&shelf, "view.c1z");
    assert_eq!(code, 15, "{told:?}");
    let codes: Vec<_> = told.iter().map(|[code, _]| code.as_str()).collect();
    assert!(codes.contains(&"foreign-object"), "{told:?}");
    assert_eq!(codes.last(), Some(&"schema"), "{told:?}");
    for command in ["grants", "stats", "principals"] {
        let run = shelf.run(&[command, "view.c1z"]);
        run.fails(15, &["v1_grants"]);
    }
}

/// `small.c1z` with an index declared as it must be, made by another statement.
fn with_index(index: &str, made_by: &str) -> Edited {
    small().sql(&format!(
        "create table declared as select name, sql from sqlite_schema where name = '{index}'; \
         drop index {index}; {made_by}; pragma writable_schema = on; \
         update sqlite_schema set sql = (select sql from declared where declared.name = sqlite_schema.name) \
         where name = '{index}'; pragma writable_schema = off; drop table declared"
    ))
}

#[test]
fn an_index_that_does_not_hold_the_rows_of_its_table_is_found() {
    for (index, made_by) in [
        (
            // It has lost all of them.
            "idx_grants_external_sync_v1",
            "create unique index idx_grants_external_sync_v1 on v1_grants (external_id, sync_id) \
             where needs_expansion = 1",
        ),
        (
            // It holds another column.
            "idx_grants_entitlement_id_principal_id_v1",
            "create index idx_grants_entitlement_id_principal_id_v1 on v1_grants \
             (external_id, principal_resource_type_id, principal_resource_id)",
        ),
        (
            // It orders its entries in another way.
            "idx_grants_principal_id_v1",
            "create index idx_grants_principal_id_v1 on v1_grants \
             (principal_resource_type_id desc, principal_resource_id desc)",
        ),
        (
            // It holds rows that its condition leaves out.
            "idx_grants_sync_needs_expansion_v1",
            "create index idx_grants_sync_needs_expansion_v1 on v1_grants (sync_id)",
        ),
    ] {
        assert_only(&with_index(index, made_by), "sqlite-integrity");
    }
    let twice = small().sql(
        "drop index idx_grants_external_sync_v1; \
         create index idx_grants_external_sync_v1 on v1_grants (external_id, sync_id); \
         insert into v1_grants select id + 100, resource_type_id, resource_id, entitlement_id, \
         principal_resource_type_id, principal_resource_id, external_id, expansion, needs_expansion, data, sync_id, \
         discovered_at from v1_grants where id = 1; pragma writable_schema = on; \
         update sqlite_schema set sql = replace(sql, 'INDEX', 'UNIQUE INDEX') \
         where name = 'idx_grants_external_sync_v1'",
    );
    assert_eq!(codes(&twice), ["row", "sqlite-integrity"]);
}

#[test]
fn pages_that_are_not_used_and_values_that_are_missing_are_found() {
    // A table that is only in the schema no longer.
    let unused = small().sql(
        "create table big (b); insert into big values (zeroblob(20000)); \
         pragma writable_schema = on; delete from sqlite_schema where name = 'big'",
    );
    assert_only(&unused, "sqlite-integrity");
    let missing = small().sql(
        "pragma writable_schema = on; update sqlite_schema set \
         sql = replace(sql, 'discovered_at datetime not null', 'discovered_at datetime') where name = 'v1_grants'; \
         pragma writable_schema = reset; update v1_grants set discovered_at = null; \
         pragma writable_schema = on; update sqlite_schema set \
         sql = replace(sql, 'discovered_at datetime', 'discovered_at datetime not null') where name = 'v1_grants'",
    );
    assert_only(&missing, "sqlite-integrity");
}

#[test]
fn findings_come_in_the_order_of_the_rows_however_many_threads_look() {
    const ROWS: usize = 2500;
    let edited = uncounted().sql(&format!(
        "with recursive n (n) as (select 1 union all select n + 1 from n where n < {ROWS}) \
         insert into v1_grants (resource_type_id, resource_id, entitlement_id, principal_resource_type_id, \
         principal_resource_id, external_id, data, sync_id, discovered_at) \
         select resource_type_id, resource_id, 'gone', principal_resource_type_id, 'n' || n, \
         'z' || printf('%05d', n), x'', sync_id, discovered_at from v1_grants, n where v1_grants.id = 1"
    ));
    let shelf = Shelf::new();
    edited.pack(&shelf.path("edited.c1z"));
    let (_, told) = verified(&shelf, "edited.c1z");
    let dangling: Vec<_> = told
        .iter()
        .filter(|told| told[0] == "dangling-entitlement")
        .map(|told| &told[1])
        .collect();
    assert_eq!(dangling.len(), ROWS);
    assert!(dangling.is_sorted(), "{:?}", &dangling[..3]);
}

#[test]
fn rows_of_no_sync_run_are_found() {
    for table in ["v1_grants", "v1_resources", "v1_assets"] {
        let edited = uncounted().sql(
            "insert into v1_assets (external_id, content_type, data, sync_id, discovered_at) \
             select 'logo', 'image/png', x'89', sync_id, started_at from v1_sync_runs",
        );
        // A grant, a role or an asset; what refers to the role goes with it.
        let edited = edited.sql(&format!(
            "update {table} set sync_id = '3MS7TGrKcamVrIQXRnz884Oif31' where id = 1; \
             delete from v1_grants where '{table}' = 'v1_resources' and principal_resource_id = \
             (select substr(external_id, 6) from v1_resources where id = 1)"
        ));
        assert_only(&edited, "orphan-rows");
    }
}

#[test]
fn two_grants_for_one_fact_are_found() {
    let id = b"role:again:member:user:again";
    let edited = uncounted()
        .sql(
            "insert into v1_grants (resource_type_id, resource_id, entitlement_id, principal_resource_type_id, \
             principal_resource_id, external_id, data, sync_id, discovered_at) \
             select resource_type_id, resource_id, entitlement_id, principal_resource_type_id, principal_resource_id, \
             'role:again:member:user:again', data, sync_id, discovered_at from v1_grants where id = 1",
        )
        .append(
            "v1_grants",
            "external_id = 'role:again:member:user:again'",
            &field(3, id),
        );
    assert_only(&edited, "duplicate-grant");
}

#[test]
fn a_row_that_comes_twice_is_found() {
    let edited = uncounted().sql(
        "drop index idx_resource_types_external_sync_v1; \
         insert into v1_resource_types (external_id, data, sync_id, discovered_at) \
         select external_id, data, sync_id, discovered_at from v1_resource_types where id = 1",
    );
    assert_only(&edited, "row");
}

#[test]
fn sync_runs_that_no_other_tool_would_take_are_found() {
    let tables = [
        "v1_resource_types",
        "v1_resources",
        "v1_entitlements",
        "v1_grants",
        "v1_sync_runs",
    ];
    let renamed = tables.map(|table| format!("update {table} set sync_id = 'sync-of-monday';"));
    assert_only(&small().sql(&renamed.concat()), "sync-id");
    assert_only(
        &small().sql("update v1_sync_runs set ended_at = '2020-01-01 00:00:00'"),
        "sync-times",
    );
}

#[test]
fn every_time_text_that_the_official_readers_refuse_is_found() {
    for column in ["started_at", "ended_at"] {
        for text in [
            "'yesterday'",
            "''",
            "1700000000",
            "1.5",
            "x'00'",
            // Shaped like a time, and none.
            "'2026-19-39 10:00:00'",
            "'2026-02-30 10:00:00'",
            "'2026-01-01 10:00:00 and a bit'",
        ] {
            let sql = format!("update v1_sync_runs set {column} = {text}");
            assert_only(&small().sql(&sql), "time-text");
        }
    }
    assert_only(
        &small().sql("update v1_grants set discovered_at = 12 where id = 2"),
        "time-text",
    );
}

#[test]
fn times_that_order_wrongly_beside_others_are_found_and_still_read() {
    let shelf = Shelf::new();
    let edited = small().sql("update v1_sync_runs set ended_at = '2026-11-22T10:22:00+02:00'");
    assert_only(&edited, "time-text");
    edited.pack(&shelf.path("rfc.c1z"));
    let stats = shelf.json(&["stats", "-o", "json", "rfc.c1z"]);
    assert_eq!(stats["sync_runs"][0]["ended_at"], "2026-11-22T08:22:00Z");
}

#[test]
fn evidence_that_no_longer_fits_the_rows_is_found() {
    let shelf = Shelf::with_demo();
    let demo = || Edited::of(&shelf.path("demo.c1z"));
    assert_eq!(codes(&demo()), [""; 0]);
    let renamed = demo().append("v1_resources", "id = 20", &field(3, b"Mallory"));
    assert_only(&renamed, "evidence-digest");
    let forged = demo().sql(
        "update v1_assets set data = cast(json_set(cast(data as text), '$.content_digest', 'v1:00') as blob) \
         where external_id = 'posthog-c1z:evidence'",
    );
    assert_only(&forged, "evidence-digest");
    // What cannot be read is not taken for what is not there, unless it is of another program.
    for (data, expected) in [
        ("substr(data, 2)", &["evidence-digest"][..]),
        (
            "json_set(cast(data as text), '$.schema_version', 2)",
            &["evidence-digest"],
        ),
        ("json_set(cast(data as text), '$.schema', 'x')", &[]),
    ] {
        let changed = demo().sql(&format!(
            "update v1_assets set data = cast({data} as blob) where external_id = 'posthog-c1z:evidence'"
        ));
        assert_eq!(codes(&changed), expected, "{data}");
    }
    let recounted =
        demo().sql("delete from v1_grants where id = 5; update v1_sync_runs set stats = null");
    assert_only(&recounted, "evidence-digest");
}

#[test]
fn id_of_another_form_is_found_in_files_of_our_own() {
    let shelf = Shelf::with_demo();
    let renamed = Edited::of(&shelf.path("demo.c1z"))
        .sql("update v1_grants set external_id = 'z:' || external_id where id = 5");
    let found = codes(&renamed);
    assert!(found.iter().any(|code| code == "id-form"), "{found:?}");
    let foreign =
        small().sql("update v1_grants set external_id = 'z:' || external_id where id = 1");
    let found = codes(&foreign);
    assert!(!found.iter().any(|code| code == "id-form"), "{found:?}");
}

#[test]
fn verify_tells_all_that_is_wrong_and_not_only_the_first() {
    let edited = small()
        .sql(
            "alter table v1_grants drop column discovered_at; \
             update v1_sync_runs set stats = json_set(stats, '$.grants', 777)",
        )
        .append("v1_resources", "id = 1", &field(3, b"\xff"))
        .append("v1_grants", "id = 1", &field(3, b"other"));
    assert_eq!(
        codes(&edited),
        ["column", "missing-column", "stats", "utf-8"]
    );
}
