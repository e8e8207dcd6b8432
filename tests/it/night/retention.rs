//! Retention: which rule keeps which snapshot, what `prune` and `sync` remove, and what they never touch.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::ours::crawl;
use crate::support::{Edited, Organization, Run, Sandbox, golden, member, organization_id, skip};

/// A snapshot of five members, as a file.
fn base() -> &'static [u8] {
    static BASE: OnceLock<Vec<u8>> = OnceLock::new();
    BASE.get_or_init(|| {
        let elsewhere = Sandbox::new();
        elsewhere.sync(&Organization::new().members((1..=5).map(member)).serve());
        fs::read(elsewhere.path("sync.c1z")).unwrap()
    })
}

const TABLES: [&str; 6] = [
    "v1_resource_types",
    "v1_resources",
    "v1_entitlements",
    "v1_sync_runs",
    "v1_grants",
    "v1_assets",
];

/// Statements that give the only sync run an id and a time.
fn taken(id: &str, at: &str) -> String {
    let ids: String = TABLES
        .iter()
        .map(|table| format!("update {table} set sync_id = '{id}';"))
        .collect();
    format!("{ids} update v1_sync_runs set started_at = '{at}', ended_at = '{at}';")
}

/// A statement that makes the evidence that of another program or organization.
fn evidence(old: &str, new: &str) -> String {
    format!(
        "update v1_assets set data = cast(replace(cast(data as text), '{old}', '{new}') as blob);"
    )
}

fn of_other_organization() -> String {
    evidence(organization_id(), "0190aaaa-0000-0000-0000-000000000000")
}

/// Writes a snapshot, changed by these statements.
fn put_edited(sandbox: &Sandbox, name: &str, sql: &str) {
    let path = sandbox.path(name);
    fs::write(&path, base()).unwrap();
    Edited::of(&path).sql(sql).pack(&path);
}

/// Writes a snapshot that was taken at `at`. Its sync run has an id of its own, which is the name.
fn put(sandbox: &Sandbox, name: &str, at: &str) {
    put_edited(sandbox, name, &taken(name, at));
}

/// Every name in the folder `a`.
fn in_folder(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("a")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A sandbox with an empty folder `a`.
fn archive() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("a")).unwrap();
    sandbox
}

fn prune(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.program(&[&["prune", "a"], args].concat()).run()
}

/// The JSON of a run that must succeed.
#[track_caller]
fn pruned(sandbox: &Sandbox, args: &[&str]) -> Value {
    let run = prune(sandbox, &[args, &["-o", "json"]].concat()).succeeds();
    serde_json::from_slice(&run.stdout).unwrap()
}

/// The files of a result that were counted: each with the rules that keep it, or `removed`.
fn decided(result: &Value) -> Vec<String> {
    let files = result["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let rules = file["kept_by"].as_array().unwrap();
            let rules: Vec<_> = rules.iter().map(|rule| rule.as_str().unwrap()).collect();
            assert_eq!(file["removed"], rules.is_empty(), "{file}");
            let fate = if rules.is_empty() {
                "removed".to_owned()
            } else {
                rules.join(" ")
            };
            format!("{}: {fate}", file["file"].as_str().unwrap())
        })
        .collect()
}

/// Why a result says that a file was left.
fn reason(result: &Value, name: &str) -> String {
    let left = result["left"].as_array().unwrap().iter();
    let mut found = left.filter(|one| one["file"] == name);
    let reason = found.next().unwrap_or_else(|| panic!("{name}: {result}"));
    reason["reason"].as_str().unwrap().to_owned()
}

const NIGHTS: [(&str, &str); 8] = [
    ("1.c1z", "2024-12-31 02:00:00"),
    ("2.c1z", "2025-11-30 23:59:59"),
    ("3.c1z", "2025-12-31 02:00:00"),
    ("4.c1z", "2026-01-04 02:00:00"),
    ("5.c1z", "2026-01-05 02:00:00"),
    ("6.c1z", "2026-01-06 00:00:00"),
    ("7.c1z", "2026-01-06 02:00:00.5"),
    ("8.c1z", "2026-01-06 02:00:00.6"),
];

#[test]
fn every_rule_keeps_the_newest_snapshot_of_its_periods_and_is_named() {
    for (rules, expected) in [
        ("last=3", "- - - - - last last last"),
        ("daily=2", "- - - - daily - - daily"),
        ("daily=3", "- - - daily daily - - daily"),
        ("weekly=2", "- - - weekly - - - weekly"),
        ("monthly=2", "- - monthly - - - - monthly"),
        ("yearly=9", "yearly - yearly - - - - yearly"),
        (
            "daily=2 monthly=3 yearly=2",
            "- monthly monthly,yearly - daily - - daily,monthly,yearly",
        ),
        (
            "last=2 daily=1 weekly=1 monthly=1 yearly=1",
            "- - - - - - last last,daily,weekly,monthly,yearly",
        ),
        ("last=99", "last last last last last last last last"),
    ] {
        let sandbox = archive();
        for (name, at) in NIGHTS {
            put(&sandbox, &format!("a/{name}"), at);
        }
        let rules: Vec<_> = rules
            .split(' ')
            .map(|rule| format!("--keep-{rule}"))
            .collect();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let before = in_folder(&sandbox);
        let dry = pruned(&sandbox, &[&rules[..], &["--dry-run"]].concat());
        assert_eq!(in_folder(&sandbox), before);
        let real = pruned(&sandbox, &rules);
        assert_eq!(
            (&dry["files"], &dry["left"]),
            (&real["files"], &real["left"])
        );
        assert_eq!(
            (&dry["dry_run"], &real["dry_run"]),
            (&true.into(), &false.into())
        );

        let expected: Vec<_> = expected.split(' ').collect();
        let fates = NIGHTS.iter().zip(&expected).map(|((name, _), rules)| {
            let fate = rules.replace(',', " ").replace('-', "removed");
            format!("{name}: {fate}")
        });
        assert_eq!(decided(&real), fates.collect::<Vec<_>>(), "{rules:?}");
        let kept = NIGHTS
            .iter()
            .zip(&expected)
            .filter(|(_, rules)| **rules != "-");
        let kept: Vec<_> = kept.map(|((name, _), _)| *name).collect();
        assert_eq!(in_folder(&sandbox), kept, "{rules:?}");
        // What was kept once is kept again.
        pruned(&sandbox, &rules);
        assert_eq!(in_folder(&sandbox), kept, "{rules:?}");
    }
}

#[test]
fn names_and_file_times_decide_nothing() {
    let sandbox = archive();
    put(&sandbox, "a/p-2026-01-09.c1z", "2026-01-01 02:00:00");
    put(&sandbox, "a/p-2026-01-01.c1z", "2026-01-02 02:00:00");
    // Written last.
    put(&sandbox, "a/b.c1z", "2025-01-01 02:00:00");
    pruned(&sandbox, &["--keep-last", "1"]);
    assert_eq!(in_folder(&sandbox), ["p-2026-01-01.c1z"]);
}

/// Adds a copy of the only sync run to a database, changed by these statements on tables `t_…`.
fn second_run(id: &str, at: &str, ended_at: &str, changes: &str) -> String {
    let mut sql = String::new();
    for table in TABLES {
        sql += &format!(
            "create temp table t_{table} as select * from {table} where id < 1000000; \
             update t_{table} set id = id + 1000000, sync_id = '{id}';"
        );
    }
    sql += &format!("update t_v1_sync_runs set started_at = '{at}', ended_at = {ended_at};");
    sql += changes;
    for table in TABLES {
        sql += &format!("insert into {table} select * from t_{table};");
    }
    sql
}

#[test]
fn file_with_several_runs_is_as_old_as_its_newest_finished_full_one() {
    let sandbox = archive();
    put(&sandbox, "a/1.c1z", "2026-01-01 02:00:00");
    let later = second_run("later", "2026-03-01 02:00:00", "'2026-03-01 03:00:00'", "");
    put_edited(
        &sandbox,
        "a/2.c1z",
        &(taken("early", "2025-01-01 02:00:00") + &later),
    );
    put(&sandbox, "a/3.c1z", "2026-02-01 02:00:00");
    let partial = second_run(
        "partial",
        "2026-04-01 02:00:00",
        "'2026-04-01 02:00:00'",
        "update t_v1_sync_runs set sync_type = 'partial';",
    );
    put_edited(
        &sandbox,
        "a/4.c1z",
        &(taken("full", "2025-02-01 02:00:00") + &partial),
    );
    let result = pruned(&sandbox, &["--keep-last", "2"]);
    assert_eq!(
        decided(&result),
        [
            "4.c1z: removed",
            "1.c1z: removed",
            "3.c1z: last",
            "2.c1z: last"
        ]
    );
    assert_eq!(result["files"][3]["sync_id"], "later");
    assert_eq!(result["files"][3]["captured_at"], "2026-03-01T03:00:00Z");
    assert_eq!(in_folder(&sandbox), ["2.c1z", "3.c1z"]);
}

#[test]
fn what_is_not_a_finished_snapshot_of_this_organization_is_named_and_left() {
    let sandbox = archive();
    let shelf = Sandbox::new();
    put(&shelf, "shelf.c1z", "2020-01-01 00:00:00");
    let whole = fs::read(shelf.path("shelf.c1z")).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x40;
    let bytes_of = |name| fs::read(golden(name)).unwrap();
    for (name, bytes) in [
        ("thesis.c1z", b"my thesis".to_vec()),
        ("empty.c1z", Vec::new()),
        ("half.c1z", whole[..middle].to_vec()),
        ("flipped.c1z", flipped),
        ("connector.c1z", bytes_of("connector-sqlite.c1z")),
        ("unfinished.c1z", bytes_of("unfinished.c1z")),
        ("resources.c1z", bytes_of("resources-only.c1z")),
        ("v3.c1z", bytes_of("v3-pebble.c1z")),
    ] {
        fs::write(sandbox.path("a").join(name), bytes).unwrap();
    }
    let old = |id: &str| taken(id, "2020-01-01 00:00:00");
    let no_evidence = "delete from v1_assets;";
    for (name, sql) in [
        (
            "renamed.c1z",
            evidence("\"name\":\"posthog-c1z\"", "\"name\":\"posthog-c1y\""),
        ),
        (
            "newer-evidence.c1z",
            evidence("\"schema_version\":1", "\"schema_version\":99"),
        ),
        ("bare.c1z", no_evidence.to_owned()),
        ("other.c1z", of_other_organization()),
        (
            "two-organizations.c1z",
            second_run(
                "second",
                "2020-02-01 00:00:00",
                "'2020-02-01 00:00:00'",
                &of_other_organization().replace("v1_assets", "t_v1_assets"),
            ),
        ),
        (
            "partly-foreign.c1z",
            second_run(
                "second",
                "2019-02-01 00:00:00",
                "'2019-02-01 00:00:00'",
                "delete from t_v1_assets;",
            ),
        ),
        (
            "in-the-making.c1z",
            second_run(
                "second",
                "2020-02-01 00:00:00",
                "null",
                "delete from t_v1_assets;",
            ),
        ),
        ("future.c1z", taken("future", "2999-01-01 00:00:00")),
    ] {
        put_edited(&sandbox, &format!("a/{name}"), &(old(name) + &sql));
    }
    symlink("../elsewhere.c1z", sandbox.path("a/link.c1z")).unwrap();
    put(&sandbox, "elsewhere.c1z", "2019-01-01 00:00:00");
    fs::create_dir(sandbox.path("a/folder.c1z")).unwrap();
    put(&sandbox, "a/folder.c1z/inside.c1z", "2019-01-01 00:00:00");
    fs::create_dir(sandbox.path("a/folder")).unwrap();
    put(&sandbox, "a/folder/inside.c1z", "2019-01-01 00:00:00");
    // Not `*.c1z`, and not named.
    for name in [".hidden.c1z", "notes.txt", "old.c1z.bak", "OLD.C1Z"] {
        fs::write(sandbox.path("a").join(name), &whole).unwrap();
    }
    let before = in_folder(&sandbox);
    put(&sandbox, "a/1.c1z", "2026-01-01 02:00:00");
    put(&sandbox, "a/2.c1z", "2026-01-02 02:00:00");

    let result = pruned(&sandbox, &["--keep-last", "1"]);
    assert_eq!(decided(&result), ["1.c1z: removed", "2.c1z: last"]);
    for (name, says) in [
        ("thesis.c1z", "it is not a c1z"),
        ("empty.c1z", "it looks like an empty file"),
        ("half.c1z", "it is damaged"),
        ("flipped.c1z", "it is damaged"),
        ("connector.c1z", "another program wrote it"),
        ("unfinished.c1z", "it has no finished full sync run"),
        ("resources.c1z", "it has no finished full sync run"),
        ("v3.c1z", "another program wrote it"),
        ("renamed.c1z", "another program wrote it"),
        ("newer-evidence.c1z", "another program wrote it"),
        ("bare.c1z", "another program wrote it"),
        ("other.c1z", "it is of another organization, `"),
        ("two-organizations.c1z", "it has several organizations"),
        ("partly-foreign.c1z", "another program wrote it"),
        ("in-the-making.c1z", "it has an unfinished sync run"),
        (
            "future.c1z",
            "it is dated in the future: 2999-01-01 00:00:00 UTC",
        ),
        ("link.c1z", "it is a symbolic link"),
        ("folder.c1z", "it is not a regular file"),
    ] {
        let reason = reason(&result, name);
        assert!(reason.contains(says), "{name}: {reason}");
    }
    assert_eq!(result["left"].as_array().unwrap().len(), 18, "{result}");
    let mut left = in_folder(&sandbox);
    left.retain(|name| name != "2.c1z");
    assert_eq!(left, before);
    assert!(sandbox.path("a/link.c1z").is_symlink());
    assert!(sandbox.path("elsewhere.c1z").exists());
    assert!(sandbox.path("a/folder.c1z/inside.c1z").exists());
    assert!(sandbox.path("a/folder/inside.c1z").exists());
}

/// Runs `prune` as somebody without rights to what belongs to root. `None` if that cannot be done here.
fn prune_without_rights(sandbox: &Sandbox, args: &[&str]) -> Option<Run> {
    const NOBODY: u32 = 65_534;
    sandbox.open_to_others();
    sandbox.open_to_writers();
    let mut program = sandbox.program(&[&["prune", "a"], args].concat());
    let own_id = Command::new("id").arg("-u").output().ok()?;
    if own_id.stdout == b"0\n" {
        program.command().uid(NOBODY).gid(NOBODY);
        let mut probe = Command::new(program.command().get_program());
        let probed = probe.arg("--version").uid(NOBODY).gid(NOBODY).output();
        if !probed.is_ok_and(|probed| probed.status.success()) {
            return None;
        }
    }
    Some(program.run())
}

#[test]
fn file_that_may_not_be_read_is_left() {
    let sandbox = archive();
    for (name, at) in &NIGHTS[..3] {
        put(&sandbox, &format!("a/{name}"), at);
    }
    let mode = |name, mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(sandbox.path(name), mode).unwrap();
    };
    mode("a", 0o777);
    mode("a/1.c1z", 0o000);
    let args = ["--keep-last", "1", "-o", "json"];
    let Some(run) = prune_without_rights(&sandbox, &args) else {
        skip("the program cannot be run as another user");
        return;
    };
    let result: Value = serde_json::from_slice(&run.succeeds().stdout).unwrap();
    let reason = reason(&result, "1.c1z");
    assert!(reason.starts_with("it cannot be read: "), "{reason}");
    assert_eq!(in_folder(&sandbox), ["1.c1z", "3.c1z"]);
}

#[test]
fn newest_snapshot_decides_the_organization_and_the_others_keep_all_of_theirs() {
    let sandbox = archive();
    for (n, at) in ["2026-01-01", "2026-01-03"].iter().enumerate() {
        put(
            &sandbox,
            &format!("a/own-{n}.c1z"),
            &format!("{at} 00:00:00"),
        );
    }
    for (n, at) in ["2026-01-02", "2026-01-04"].iter().enumerate() {
        let name = format!("a/other-{n}.c1z");
        let sql = taken(&name, &format!("{at} 00:00:00")) + &of_other_organization();
        put_edited(&sandbox, &name, &sql);
    }
    let result = pruned(&sandbox, &["--keep-last", "1"]);
    assert_eq!(
        result["organization_id"],
        "0190aaaa-0000-0000-0000-000000000000"
    );
    assert_eq!(
        decided(&result),
        ["other-0.c1z: removed", "other-1.c1z: last"]
    );
    assert!(reason(&result, "own-0.c1z").contains("another organization"));
    assert_eq!(
        in_folder(&sandbox),
        ["other-1.c1z", "own-0.c1z", "own-1.c1z"]
    );
}

#[test]
fn copies_of_one_run_count_once_and_are_never_removed() {
    let sandbox = archive();
    for (name, at) in [
        ("1", "2026-01-01 00:00:00"),
        ("2", "2026-01-02 00:00:00"),
        ("3", "2026-01-03 00:00:00"),
        ("4", "2026-01-04 00:00:00"),
    ] {
        put(&sandbox, &format!("a/{name}.c1z"), at);
    }
    let copy = |from: &str, to: &str| {
        fs::copy(sandbox.path(from), sandbox.path(to)).unwrap();
    };
    copy("a/4.c1z", "a/latest.c1z");
    copy("a/2.c1z", "a/reviewed.c1z");
    let result = pruned(&sandbox, &["--keep-last", "2"]);
    assert_eq!(
        decided(&result),
        [
            "1.c1z: removed",
            "3.c1z: last",
            "4.c1z: last",
            "latest.c1z: last"
        ]
    );
    assert_eq!(
        reason(&result, "2.c1z"),
        "the same sync run is in `reviewed.c1z`"
    );
    assert_eq!(
        reason(&result, "reviewed.c1z"),
        "the same sync run is in `2.c1z`"
    );
    assert_eq!(
        in_folder(&sandbox),
        ["2.c1z", "3.c1z", "4.c1z", "latest.c1z", "reviewed.c1z"]
    );
}

#[test]
fn target_of_a_link_in_the_folder_is_left() {
    let sandbox = archive();
    for (name, at) in &NIGHTS[..3] {
        put(&sandbox, &format!("a/{name}"), at);
    }
    symlink("1.c1z", sandbox.path("a/reviewed")).unwrap();
    let result = pruned(&sandbox, &["--keep-last", "1"]);
    assert_eq!(decided(&result), ["2.c1z: removed", "3.c1z: last"]);
    assert_eq!(reason(&result, "1.c1z"), "`reviewed` is a link to it");
    assert_eq!(in_folder(&sandbox), ["1.c1z", "3.c1z", "reviewed"]);
}

#[test]
fn checksum_file_goes_with_its_snapshot_and_a_link_in_its_place_stays() {
    let sandbox = archive();
    for (name, at) in &NIGHTS[..3] {
        put(&sandbox, &format!("a/{name}"), at);
    }
    for name in ["1.c1z.sha256", "3.c1z.sha256", "4.c1z.sha256"] {
        fs::write(sandbox.path("a").join(name), "x").unwrap();
    }
    fs::write(sandbox.path("notes"), "my notes").unwrap();
    symlink("../notes", sandbox.path("a/2.c1z.sha256")).unwrap();
    pruned(&sandbox, &["--keep-last", "1"]);
    assert_eq!(
        in_folder(&sandbox),
        ["2.c1z.sha256", "3.c1z", "3.c1z.sha256", "4.c1z.sha256"]
    );
    assert!(sandbox.path("notes").exists());
}

#[test]
fn rejected_and_incomplete_snapshots_are_counted_apart() {
    let sandbox = archive();
    for (name, at) in [
        ("1.c1z", "2026-01-01 00:00:00"),
        ("2.c1z", "2026-01-02 00:00:00"),
        ("2.rejected.c1z", "2026-01-03 00:00:00"),
        ("3.rejected.c1z", "2026-01-04 00:00:00"),
        ("1.incomplete.c1z", "2025-01-01 00:00:00"),
        ("2.incomplete.c1z", "2025-01-02 00:00:00"),
    ] {
        put(&sandbox, &format!("a/{name}"), at);
    }
    let result = pruned(&sandbox, &["--keep-last", "1", "--keep-daily", "1"]);
    assert_eq!(
        decided(&result),
        [
            "1.incomplete.c1z: removed",
            "2.incomplete.c1z: last daily",
            "1.c1z: removed",
            "2.c1z: last daily",
            "2.rejected.c1z: removed",
            "3.rejected.c1z: last daily",
        ]
    );
    let marks = |n: usize| result["files"][n]["mark"].clone();
    assert_eq!(
        [marks(0), marks(2), marks(4)],
        ["incomplete".into(), Value::Null, "rejected".into()]
    );
    assert_eq!(
        in_folder(&sandbox),
        ["2.c1z", "2.incomplete.c1z", "3.rejected.c1z"]
    );
}

#[test]
fn marked_snapshots_do_not_say_which_organization_to_prune() {
    let sandbox = archive();
    put(&sandbox, "a/1.c1z", "2026-01-01 00:00:00");
    put(&sandbox, "a/2.c1z", "2026-01-02 00:00:00");
    for name in ["a/1.rejected.c1z", "a/2.rejected.c1z"] {
        let sql = taken(name, "2026-02-01 00:00:00") + &of_other_organization();
        put_edited(&sandbox, name, &sql);
    }
    let result = pruned(&sandbox, &["--keep-last", "1"]);
    assert_eq!(decided(&result), ["1.c1z: removed", "2.c1z: last"]);
    assert_eq!(
        in_folder(&sandbox),
        ["1.rejected.c1z", "2.c1z", "2.rejected.c1z"]
    );

    fs::remove_file(sandbox.path("a/2.c1z")).unwrap();
    let run = prune(&sandbox, &["--keep-last", "1", "-o", "json"]);
    assert_eq!(run.code, 15, "{}", run.stderr);
    let says = "`a` has no finished snapshot";
    assert!(run.stderr.contains(says), "{}", run.stderr);
    let result: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(
        (&result["organization"], &result["files"]),
        (&Value::Null, &Value::Array(vec![]))
    );
    assert_eq!(in_folder(&sandbox), ["1.rejected.c1z", "2.rejected.c1z"]);
}

#[test]
fn folder_without_a_snapshot_is_reported() {
    let sandbox = archive();
    prune(&sandbox, &["--keep-last", "1"]).fails(15, &["`a` has no finished snapshot"]);
    fs::write(sandbox.path("file"), "x").unwrap();
    for (path, code, says) in [
        ("none", 5, "the folder `none` does not exist"),
        ("file", 2, "`file` is not a folder"),
    ] {
        let run = sandbox.program(&["prune", path, "--keep-last", "1"]).run();
        run.fails(code, &[says]);
    }
}

#[test]
fn rule_is_required_and_none_keeps_nothing() {
    let sandbox = archive();
    put(&sandbox, "a/1.c1z", "2026-01-01 00:00:00");
    for (args, says) in [
        (&["prune", "a"][..], "--keep-last"),
        (&["prune", "a", "--dry-run"], "--keep-last"),
        (&["prune", "--keep-last", "1"], "<PATH>"),
        (&["prune", "a", "--keep-last", "0"], "0"),
        (&["prune", "a", "--keep-daily", "0"], "0"),
        (
            &["prune", "a", "--keep-last", "1", "--keep-yearly", "0"],
            "0",
        ),
        (&["prune", "a", "--keep-weekly", "-1"], "-1"),
        (
            &["--keep-last", "1", "prune", "a", "--keep-last", "1"],
            "`--keep-last` belongs after",
        ),
        (
            &["-f", "p.c1z", "--keep-daily", "3"],
            "--keep-daily needs a file name",
        ),
        (&["-f", "p-{date}.c1z", "--keep-weekly", "0"], "0"),
        (
            &["-f", "-", "--demo", "--keep-monthly", "1"],
            "--keep-monthly",
        ),
    ] {
        let run = sandbox
            .program(args)
            .env("BATON_BASE_URL", "http://127.0.0.1:1/api/organizations/x")
            .env("BATON_API_TOKEN", "phx_x")
            .run();
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
    }
    assert_eq!(in_folder(&sandbox), ["1.c1z"]);
}

#[test]
fn table_has_the_newest_last_and_then_what_is_left() {
    let sandbox = archive();
    for (name, at) in &NIGHTS[4..] {
        put(&sandbox, &format!("a/{name}"), at);
    }
    fs::write(sandbox.path("a/thesis.c1z"), "my thesis").unwrap();
    let args = ["--keep-daily", "2", "--keep-monthly", "1"];
    let shown = |args: &[&str]| String::from_utf8(prune(&sandbox, args).succeeds().stdout).unwrap();
    let dry = shown(&[&args[..], &["--dry-run"]].concat());
    let real = shown(&args);
    let expected = "\
folder        a

Captured (UTC)       File   Kept by
2026-01-05 02:00:00  5.c1z  daily
2026-01-06 00:00:00  6.c1z  removed
2026-01-06 02:00:00  7.c1z  removed
2026-01-06 02:00:00  8.c1z  daily, monthly

Left as it is  Because
thesis.c1z     it is not a c1z

2 of 5 files removed
";
    let (organization, rest) = real.split_once('\n').unwrap();
    assert!(organization.starts_with("organization  "), "{real}");
    assert_eq!(rest, expected);
    assert_eq!(dry.replace("would be removed", "removed"), real);

    let run = prune(&sandbox, &[&args[..], &["-q"]].concat());
    run.succeeds_silently();
}

#[test]
fn second_prune_and_files_of_a_run_in_progress_wait() {
    let sandbox = archive();
    for (name, at) in [
        ("p-2026-01-01.c1z", "2026-01-01 00:00:00"),
        ("p-2026-01-01.rejected.c1z", "2026-01-01 00:00:00"),
        ("p-2026-01-02.c1z", "2026-01-02 00:00:00"),
        ("q-1.c1z", "2026-01-03 00:00:00"),
        ("q-2.c1z", "2026-01-04 00:00:00"),
    ] {
        put(&sandbox, &format!("a/{name}"), at);
    }
    let before = in_folder(&sandbox);
    let hold = |name: &str| {
        let mut lock = File::create(sandbox.path("a").join(name)).unwrap();
        lock.write_all(b"process 4242, since 2026-11-23 04:05:06 UTC")
            .unwrap();
        lock.lock().unwrap();
        lock
    };
    let name = ".posthog-c1z-prune.lock";
    let other = hold(name);
    let run = prune(&sandbox, &["--keep-last", "1"]).fails(10, &["is held by process 4242"]);
    assert!(!run.hint().contains("--wait"), "{}", run.stderr);
    // It removes nothing, so it need not wait.
    pruned(&sandbox, &["--keep-last", "1", "--dry-run"]);
    drop(other);
    fs::remove_file(sandbox.path("a").join(name)).unwrap();
    assert_eq!(in_folder(&sandbox), before);

    let name = ".p-{date}.c1z.lock";
    let sync = hold(name);
    let result = pruned(&sandbox, &["--keep-last", "1"]);
    assert_eq!(decided(&result), ["q-1.c1z: removed", "q-2.c1z: last"]);
    for name in [
        "p-2026-01-01.c1z",
        "p-2026-01-01.rejected.c1z",
        "p-2026-01-02.c1z",
    ] {
        let reason = reason(&result, name);
        assert!(
            reason.contains("a run is in progress: process 4242"),
            "{reason}"
        );
    }
    drop(sync);
    // A lock that a killed run left is not held.
    pruned(&sandbox, &["--keep-last", "1"]);
    assert_eq!(
        in_folder(&sandbox),
        [name, "p-2026-01-01.rejected.c1z", "q-2.c1z"]
    );
}

#[test]
fn snapshots_that_cannot_be_removed_are_named_and_end_the_run_with_an_error() {
    let sandbox = archive();
    for (name, at) in &NIGHTS[..3] {
        put(&sandbox, &format!("a/{name}"), at);
    }
    // There already, since it cannot be created.
    let lock = sandbox.path("a/.posthog-c1z-prune.lock");
    fs::write(&lock, "").unwrap();
    let mode = |name, mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(sandbox.path(name), mode).unwrap();
    };
    mode("a/.posthog-c1z-prune.lock", 0o666);
    mode("a", 0o555);
    let args = ["--keep-last", "1", "-o", "json"];
    let run = prune_without_rights(&sandbox, &args);
    mode("a", 0o755);
    let Some(run) = run else {
        skip("the program cannot be run as another user");
        return;
    };
    assert_eq!(run.code, 2, "{}", run.stderr);
    let says = "removing the old snapshot `a/1.c1z`: Permission denied";
    assert!(run.stderr.contains(says), "{}", run.stderr);
    let result: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(decided(&result), ["3.c1z: last"]);
    for name in ["1.c1z", "2.c1z"] {
        let reason = reason(&result, name);
        assert!(reason.starts_with("it could not be removed: "), "{reason}");
    }
    fs::remove_file(lock).unwrap();
    assert_eq!(in_folder(&sandbox), ["1.c1z", "2.c1z", "3.c1z"]);
}

#[test]
fn sync_has_the_same_rules_and_its_dry_run_names_them() {
    let sandbox = Sandbox::new();
    for (name, at) in [
        ("p-2020-01-01-000000.c1z", "2020-01-01 00:00:00"),
        ("p-2020-12-30-000000.c1z", "2020-12-30 00:00:00"),
        ("p-2020-12-31-000000.c1z", "2020-12-31 00:00:00"),
        ("p-2020-12-31-120000.c1z", "2020-12-31 12:00:00"),
        ("p-2019-01-01-000000.rejected.c1z", "2019-01-01 00:00:00"),
        ("p-2019-01-02-000000.rejected.c1z", "2019-12-02 00:00:00"),
        ("p-2019-01-01-000000.incomplete.c1z", "2019-01-01 00:00:00"),
        ("q-2020-01-01-000000.rejected.c1z", "2019-01-01 00:00:00"),
        ("q-2020-01-01-000000.c1z", "2019-01-01 00:00:00"),
    ] {
        put(&sandbox, name, at);
    }
    let before = sandbox.files();
    let rules = ["--keep-daily", "3", "--keep-yearly", "1"];
    let args = [&["-f", "p-{date}-{time}.c1z"], &rules[..]].concat();
    let dry = crawl(&sandbox, 5, &[&args[..], &["--dry-run"]].concat()).succeeds();
    let dry = String::from_utf8(dry.stdout).unwrap();
    let (new, others) = dry.split_once('\n').unwrap();
    assert!(new.starts_with("would write p-"), "{dry}");
    assert!(new.ends_with(", which is kept by daily, yearly"), "{dry}");
    assert_eq!(
        others,
        "would keep ./p-2020-12-31-120000.c1z, by daily\n\
         would remove ./p-2020-12-31-000000.c1z\n\
         would keep ./p-2020-12-30-000000.c1z, by daily\n\
         would remove ./p-2020-01-01-000000.c1z\n\
         would keep ./p-2019-01-02-000000.rejected.c1z, by daily, yearly\n\
         would keep ./p-2019-01-01-000000.rejected.c1z, by daily\n\
         would keep ./p-2019-01-01-000000.incomplete.c1z, by daily, yearly\n"
    );
    assert_eq!(sandbox.files(), before);
    crawl(&sandbox, 5, &args).succeeds_silently();
    let left = sandbox.files();
    let gone: Vec<_> = before.iter().filter(|name| !left.contains(name)).collect();
    assert_eq!(gone, ["p-2020-01-01-000000.c1z", "p-2020-12-31-000000.c1z"]);
    assert_eq!(left.len(), before.len() - 1);

    // The newest rejected one is never the one that goes.
    let args = ["-f", "p-{date}-{time}.c1z", "--keep-last", "1"];
    crawl(&sandbox, 5, &args).succeeds_silently();
    let mut left = sandbox.files();
    left.retain(|name| before.contains(name));
    assert_eq!(
        left,
        [
            "p-2019-01-01-000000.incomplete.c1z",
            "p-2019-01-02-000000.rejected.c1z",
            "q-2020-01-01-000000.c1z",
            "q-2020-01-01-000000.rejected.c1z",
        ]
    );
}

#[test]
fn prune_reads_what_sync_writes() {
    let sandbox = archive();
    for _ in 0..2 {
        let args = ["-f", "a/sync.c1z", "--latest", "a/latest.c1z", "--checksum"];
        crawl(&sandbox, 5, &args).succeeds_silently();
    }
    put(&sandbox, "a/old.c1z", "2020-01-01 00:00:00");
    let result = pruned(&sandbox, &["--keep-last", "1"]);
    assert_eq!(
        decided(&result),
        ["old.c1z: removed", "latest.c1z: last", "sync.c1z: last"]
    );
    assert_eq!(
        in_folder(&sandbox),
        [
            "latest.c1z",
            "latest.c1z.sha256",
            "sync.c1z",
            "sync.c1z.sha256"
        ]
    );
}
