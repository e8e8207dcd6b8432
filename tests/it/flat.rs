//! `export sqlite`, opened with SQLite alone: what is in the tables, what the views answer, and what has no table.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::support::{
    Organization, Shelf, bare_membership, golden, member, membership, role, user,
};

/// Exports a snapshot of the shelf and opens the database.
#[track_caller]
fn exported(shelf: &Shelf, file: &str) -> Connection {
    shelf
        .run(&["export", "sqlite", file, "--out", "access.db"])
        .succeeds();
    Connection::open(shelf.path("access.db")).unwrap()
}

#[track_caller]
fn texts(database: &Connection, sql: &str) -> Vec<String> {
    let mut query = database.prepare(sql).unwrap();
    let rows = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[track_caller]
fn number(database: &Connection, sql: &str) -> i64 {
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn tables(database: &Connection) -> Vec<String> {
    texts(
        database,
        "select name from sqlite_schema where type = 'table' order by name",
    )
}

#[test]
fn demo_is_whole_and_every_reference_leads_somewhere() {
    let database = exported(&Shelf::with_demo(), "demo.c1z");
    assert_eq!(texts(&database, "pragma integrity_check"), ["ok"]);
    assert_eq!(
        texts(&database, "select \"table\" from pragma_foreign_key_check"),
        [""; 0]
    );
    for (sql, expected) in [
        ("select count(*) from people", 43),
        ("select count(*) from roles", 8),
        ("select count(*) from role_memberships", 77),
        ("select count(*) from privileged", 8),
        ("select count(*) from empty_roles", 1),
        ("select count(*) from unlisted_holders", 3),
        ("select count(*) from invitations", 3),
        ("select count(*) from domains", 1),
        ("select enforce_2fa from settings", 1),
        ("select count(*) from evidence", 1),
        (
            "select count(*) from people where typeof(organization_level) not in ('integer', 'null')",
            0,
        ),
        (
            "select count(*) from people where is_2fa_enabled not in (0, 1)",
            0,
        ),
        ("select max(user_version) from pragma_user_version", 1),
    ] {
        assert_eq!(number(&database, sql), expected, "{sql}");
    }
    let digest = texts(&database, "select content_digest from evidence");
    assert!(digest[0].starts_with("v1:d2c506ee"), "{digest:?}");
}

#[test]
fn views_agree_with_the_audit() {
    let shelf = Shelf::with_demo();
    let database = exported(&shelf, "demo.c1z");
    let audit = shelf.json(&["audit", "demo.c1z", "--fail-on", "none", "-o", "json"]);
    let found = |codes: &[&str]| {
        let findings = audit["findings"].as_array().unwrap().iter();
        let of_codes = findings.filter(|f| codes.contains(&f["code"].as_str().unwrap()));
        let ids = of_codes.map(|f| f["subject"]["id"].as_str().unwrap().to_owned());
        let mut ids: Vec<_> = ids.collect();
        ids.sort();
        ids
    };
    for (view, codes) in [
        (
            "without_2fa",
            &["admin-without-2fa", "member-without-2fa"][..],
        ),
        ("dormant", &["dormant-admin", "dormant-member"]),
        ("unlisted_holders", &["holder-not-listed"]),
    ] {
        let ids = texts(
            &database,
            &format!("select user_id from {view} order by user_id"),
        );
        assert_eq!(ids, found(codes), "{view}");
    }
    let empty = texts(&database, "select id from empty_roles");
    assert_eq!(empty, found(&["role-without-holders"]));
}

#[test]
fn same_snapshot_gives_the_same_bytes() {
    let shelf = Shelf::with_demo();
    drop(exported(&shelf, "demo.c1z"));
    let first = fs::read(shelf.path("access.db")).unwrap();
    drop(exported(&shelf, "demo.c1z"));
    assert!(first == fs::read(shelf.path("access.db")).unwrap());
}

#[test]
fn what_was_not_read_has_no_table() {
    let shelf = Shelf::new();
    let bare = [
        "sync",
        "--demo",
        "-q",
        "-f",
        "bare.c1z",
        "--without-roles",
        "--without-organization",
    ];
    shelf.run(&bare).succeeds();
    assert_eq!(
        tables(&exported(&shelf, "bare.c1z")),
        ["evidence", "people"]
    );
    let other = shelf.with_golden("connector-sqlite.c1z");
    let database = exported(&other, "connector-sqlite.c1z");
    assert!(!tables(&database).contains(&"invitations".to_owned()));
    assert_eq!(
        number(
            &database,
            "select count(*) from people where listed_as_member is not null"
        ),
        0
    );
}

#[test]
fn values_are_those_of_the_server_and_unknown_ones_are_null() {
    let hostile = "x'); drop table people; --";
    let mut named = member(2);
    named["user"]["first_name"] = hostile.into();
    let posthog = Organization::new()
        .members([member(1), named])
        .role(
            role(1),
            [membership(1, &member(1)), bare_membership(1, &user(3))],
        )
        .serve();
    let shelf = Shelf::new();
    shelf
        .sandbox
        .crawl(&posthog, &["-f", "sync.c1z"])
        .run()
        .succeeds();
    let database = exported(&shelf, "sync.c1z");
    let names = texts(&database, "select first_name from people order by user_id");
    assert_eq!(names, ["First1", hostile, "First3"]);
    let unknown = "select count(*) from people where listed_as_member = 0 and last_login is null and is_2fa_enabled is \
                   null and organization_level is null";
    assert_eq!(number(&database, unknown), 1);
    let since = texts(
        &database,
        "select joined_at from role_memberships order by joined_at",
    );
    assert_eq!(since, ["2025-06-07T08:09:10Z", "2025-06-07T08:09:10Z"]);
}

#[test]
fn database_goes_to_a_file_only() {
    let shelf = Shelf::with_demo();
    let run = shelf.run(&["export", "sqlite", "demo.c1z"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--out"), "{}", run.stderr);
    let run = shelf.run(&["export", "sqlite", "demo.c1z", "--out", "demo.c1z"]);
    assert_eq!(run.code, 2);
}

#[test]
fn other_connectors_are_exported_as_far_as_they_have_people_and_roles() {
    let folder = golden("small.c1z");
    let others = folder.parent().unwrap().parent().unwrap().join("others");
    let mut seen = 0;
    for entry in fs::read_dir(others).unwrap() {
        let path = entry.unwrap().path();
        if path.extension() != Some("c1z".as_ref()) {
            continue;
        }
        let shelf = Shelf::new();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap();
        fs::copy(&path, shelf.path(name)).unwrap();
        let run = shelf.run(&["export", "sqlite", name, "--out", "access.db"]);
        // Some have no finished sync run.
        assert!([0, 15].contains(&run.code), "{name}: {}", run.stderr);
        if run.code == 0 {
            let database = Connection::open(shelf.path("access.db")).unwrap();
            assert_eq!(texts(&database, "pragma integrity_check"), ["ok"], "{name}");
            let dangling = "select \"table\" from pragma_foreign_key_check";
            assert_eq!(texts(&database, dangling), [""; 0], "{name}");
            seen += 1;
        }
    }
    assert!(seen > 10);
}

#[test]
fn questions_of_the_documentation_have_answers() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sqlite.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```sql\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(blocks.len(), 5);
    let database = exported(&Shelf::with_demo(), "demo.c1z");
    for sql in blocks {
        let mut query = database.prepare(sql).unwrap();
        let mut rows = query.query([]).unwrap();
        assert!(rows.next().unwrap().is_some(), "no row: {sql}");
    }
}
