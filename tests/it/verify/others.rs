//! What `verify` says of files by official SDKs, whatever the version and the connector: nothing where the file is as the SDK
//! left it, and every defect that no reader repairs.

use std::fs;
use std::path::{Path, PathBuf};

use super::{assert_only, codes, uncounted};
use crate::support::{Edited, Shelf, answer, field};

/// A file of `testdata/others`.
fn other(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/others")
        .join(name)
}

fn edited(name: &str) -> Edited {
    Edited::of(&other(name))
}

/// A full sync run with everything that a generic connector of SDK 0.25 writes.
fn generic() -> Edited {
    edited("sdk-0.25.0-generic.c1z")
}

/// The names of all files in `testdata/others`.
fn all() -> Vec<String> {
    let names = fs::read_dir(other("")).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".c1z"))
        .collect();
    names.sort();
    assert!(names.len() >= 20, "{names:?}");
    names
}

#[test]
fn every_file_that_an_official_sdk_wrote_is_sound() {
    let shelf = Shelf::new();
    for name in all() {
        fs::copy(other(&name), shelf.path(&name)).unwrap();
        assert_eq!(
            shelf.text(&["verify", &name]),
            format!("{name}: ok\n"),
            "{name}"
        );
    }
}

#[test]
fn every_command_reads_what_an_official_sdk_wrote() {
    let temp_dir = tempfile::tempdir().unwrap();
    for name in all() {
        let path = other(&name).into_os_string().into_string().unwrap();
        for command in [
            &["stats"][..],
            &["resource-types"],
            &["resources"],
            &["resources", "-o", "json"],
            &["entitlements"],
            &["entitlements", "-o", "json"],
            &["grants"],
            &["grants", "-o", "json"],
            &["principals", "-o", "json"],
            &["export", "csv"],
            &["export", "json"],
            &["diff", &path],
        ] {
            // `diff` of one file needs two full sync runs in it, so here it compares the file with itself. It refuses
            // sync runs that do not cover everything.
            let words = [command, &[&path]].concat();
            let answered = answer(temp_dir.path(), &words);
            let is_part = ["v3-full-then-partial", "v3-resources-only"]
                .iter()
                .any(|part| name.contains(part));
            let code = if command[0] == "diff" && is_part {
                2
            } else {
                0
            };
            assert_eq!(answered.code, code, "{words:?}: {answered:?}");
        }
        let stats = answer(temp_dir.path(), &["stats", "-o", "json", &path]);
        let stats: serde_json::Value = serde_json::from_slice(&stats.stdout).unwrap();
        assert_eq!(stats["wrong_stats"], serde_json::Value::Null, "{name}");
    }
}

#[test]
fn what_readers_add_when_they_open_a_file_may_be_missing_in_it_unless_it_is_ours() {
    let shelf = Shelf::with_demo();
    for (sql, expected) in [
        (
            "drop index idx_grants_principal_id_v1",
            &["missing-index"][..],
        ),
        ("drop index idx_grants_external_sync_v1", &["missing-index"]),
        (
            "drop index idx_grants_entitlement_sync_grant_v1",
            &["missing-index"],
        ),
        (
            "drop table v1_connector_sessions",
            &["missing-index", "missing-table"],
        ),
        (
            "alter table v1_sync_runs drop column stats",
            &["missing-column"],
        ),
        (
            "alter table v1_sync_runs drop column grants_backfilled; \
             alter table v1_sync_runs drop column ingest_invariant_generation; \
             alter table v1_sync_runs drop column ingest_invariant_coverage; \
             alter table v1_sync_runs drop column ingest_invariant_mode",
            &["missing-column"],
        ),
        (
            "alter table v1_sync_runs drop column supports_diff; \
             alter table v1_sync_runs drop column linked_sync_id; \
             alter table v1_sync_runs drop column parent_sync_id; \
             alter table v1_sync_runs drop column sync_type",
            &["missing-column"],
        ),
        (
            "drop index idx_grants_sync_expansion_v1; alter table v1_grants drop column expansion; \
             drop index idx_grants_sync_needs_expansion_v1; alter table v1_grants drop column needs_expansion",
            &["missing-column", "missing-index"],
        ),
    ] {
        assert_eq!(codes(&generic().sql(sql)), [""; 0], "{sql}");
        let damaged = Edited::of(&shelf.path("demo.c1z")).sql(sql);
        assert_eq!(codes(&damaged), expected, "{sql}");
    }
}

#[test]
fn what_an_official_sdk_leaves_behind_is_no_defect() {
    for (case, file, sql) in [
        (
            "an older file, migrated by a newer SDK",
            "sdk-0.4.0-generic.c1z",
            "alter table v1_sync_runs add column linked_sync_id text not null default ''; \
             alter table v1_sync_runs add column supports_diff integer not null default 0; \
             alter table v1_sync_runs add column grants_backfilled integer not null default 0; \
             alter table v1_sync_runs add column stats text; \
             alter table v1_grants add column expansion blob; \
             alter table v1_grants add column needs_expansion integer not null default 0; \
             create index idx_grants_sync_expansion_v1 on v1_grants (sync_id) where expansion is not null; \
             create index idx_grants_sync_needs_expansion_v1 on v1_grants (sync_id) where needs_expansion = 1; \
             update v1_grants set needs_expansion = 1 where id < 5",
        ),
        (
            "statistics of the query planner",
            "sdk-0.25.0-generic.c1z",
            "analyze",
        ),
        (
            "write-ahead logging",
            "sdk-0.25.0-generic.c1z",
            "pragma journal_mode = wal",
        ),
        (
            "automatic vacuum",
            "sdk-0.25.0-generic.c1z",
            "pragma auto_vacuum = full; vacuum",
        ),
        (
            "incremental vacuum with free pages",
            "sdk-0.25.0-generic.c1z",
            "pragma auto_vacuum = incremental; vacuum; create table big (b); \
             insert into big values (zeroblob(100000)); drop table big",
        ),
        (
            "free pages, where VACUUM was skipped",
            "sdk-0.25.0-generic.c1z",
            "create table big (b); insert into big values (zeroblob(100000)); drop table big",
        ),
        (
            "large pages",
            "sdk-0.25.0-generic.c1z",
            "pragma page_size = 65536; vacuum",
        ),
        (
            "the marker of a backfill that stopped, and grants that are still to be expanded",
            "sdk-0.25.0-generic.c1z",
            "update v1_grants set expansion = x'' where id < 5; update v1_grants set needs_expansion = 1 where id < 9",
        ),
        (
            "a bulk load without its secondary indexes",
            "sdk-0.25.0-generic.c1z",
            "drop index idx_grants_principal_id_v1; drop index idx_resources_external_sync_v1; \
             drop index idx_resources_resource_type_id_v1; drop index idx_entitlements_resource_id_v1",
        ),
        (
            "a session and an asset",
            "sdk-0.25.0-generic.c1z",
            "insert into v1_connector_sessions (sync_id, key, value) select sync_id, 'k', x'00' from v1_sync_runs; \
             insert into v1_assets (external_id, content_type, data, sync_id, discovered_at) \
             select 'more', 'unknown', x'89', sync_id, started_at from v1_sync_runs",
        ),
        (
            "times with and without a fraction, of any precision",
            "sdk-0.25.0-generic.c1z",
            "update v1_grants set discovered_at = substr(discovered_at, 1, 19 + id % 11 - (id % 11 = 1))",
        ),
        (
            "an older sync run that cleanup deleted, and what named it",
            "sdk-0.25.0-threesyncs.c1z",
            "update v1_sync_runs set parent_sync_id = '3MS7TGrKcamVrIQXRnz884Oif31', \
             linked_sync_id = '3MS7TGrKcamVrIQXRnz884Oif32', sync_token = ''",
        ),
        (
            "compaction: the counts of the empty sync run it began with",
            "sdk-0.25.0-generic.c1z",
            "update v1_sync_runs set stats = '{}'",
        ),
        (
            "compaction of a part into resources alone",
            "sdk-0.25.0-generic.c1z",
            "update v1_sync_runs set sync_type = 'resources_only', stats = json_remove(stats, '$.entitlements', \
             '$.grants', '$.entitlements_by_resource_type', '$.grants_by_resource_type')",
        ),
        (
            "the counts of SDK 0.10 to 0.15",
            "sdk-0.25.0-generic.c1z",
            "update v1_sync_runs set stats = json_remove(stats, '$.entitlements_by_resource_type', '$.assets')",
        ),
        (
            "a part with some types, which counts their resources only",
            "sdk-0.25.0-full-then-partial.c1z",
            "delete from v1_resource_types where external_id = 'user' and sync_id in \
             (select sync_id from v1_sync_runs where sync_type = 'partial'); \
             update v1_sync_runs set stats = json_set(stats, '$.resource_types', 8, '$.resources', 0) \
             where sync_type = 'partial'",
        ),
        (
            "the end of summer time during a sync",
            "sdk-0.25.0-generic.c1z",
            "update v1_sync_runs set started_at = '2026-10-25 02:50:00', ended_at = '2026-10-25 02:10:00.5'",
        ),
        (
            "a sync that went on in the zone farthest west",
            "sdk-0.25.0-generic.c1z",
            "update v1_sync_runs set started_at = '2026-10-25 14:00:00', ended_at = '2026-10-24 12:00:01'",
        ),
    ] {
        assert_eq!(codes(&edited(file).sql(sql)), [""; 0], "{case}");
    }
}

#[test]
fn an_unfinished_sync_run_is_the_only_thing_wrong_with_a_sync_that_was_interrupted() {
    let interrupted = edited("sdk-0.25.0-threesyncs.c1z").sql(
        "update v1_sync_runs set ended_at = null, stats = null where id = (select max(id) from v1_sync_runs); \
         delete from v1_resources where sync_id in (select sync_id from v1_sync_runs where ended_at is null)",
    );
    assert_only(&interrupted, "unfinished-sync");
    let never = interrupted.sql("update v1_sync_runs set ended_at = null, stats = null");
    assert_eq!(codes(&never), ["no-finished-sync", "unfinished-sync"]);
}

#[test]
fn a_reference_may_lead_outside_a_part_and_not_outside_a_whole() {
    let lost = "delete from v1_resource_types where external_id = 'group'; \
                delete from v1_resources where external_id in ('role:admin', 'user:u-01'); \
                delete from v1_entitlements where external_id = 'group:1:member'; \
                update v1_sync_runs set stats = null";
    for (sync_type, expected) in [
        (
            "full",
            &[
                "dangling-entitlement",
                "dangling-principal",
                "dangling-resource",
                "dangling-type",
            ][..],
        ),
        ("resources_only", &["dangling-type"]),
        ("partial", &[]),
        ("partial_upserts", &[]),
        ("partial_deletions", &[]),
        ("of_the_future", &[]),
    ] {
        let found = generic().sql(lost).sql(&format!(
            "update v1_sync_runs set sync_type = '{sync_type}'"
        ));
        assert_eq!(codes(&found), expected, "{sync_type}");
    }
}

#[test]
fn a_grant_may_lead_where_its_annotations_say_and_nowhere_else() {
    let no_principal = "delete from v1_resources where external_id = \
                        (select 'user:' || principal_resource_id from v1_grants where id = 1)";
    let no_entitlement = "delete from v1_entitlements where external_id = \
                          (select entitlement_id from v1_grants where id = 1)";
    let no_resource = "delete from v1_entitlements where external_id = \
                       (select entitlement_id from v1_grants where id = 1); \
                       delete from v1_resources where external_id = \
                       (select resource_type_id || ':' || resource_id from v1_grants where id = 1)";
    for (delete, annotation, expected) in [
        (no_principal, "ExternalResourceMatch", &[][..]),
        (no_principal, "ExternalResourceMatchAll", &[]),
        (no_principal, "ExternalResourceMatchID", &[]),
        (no_principal, "InsertResourceGrants", &[]),
        (no_principal, "GrantImmutable", &["dangling-principal"]),
        (no_entitlement, "InsertResourceGrants", &[]),
        (
            no_entitlement,
            "ExternalResourceMatchID",
            &["dangling-entitlement"],
        ),
        // The sync engine inserts the resource itself.
        (no_resource, "InsertResourceGrants", &["dangling-resource"]),
    ] {
        let url = format!("type.googleapis.com/c1.connector.v2.{annotation}");
        let annotated = uncounted()
            .append("v1_grants", "true", &field(4, &field(1, url.as_bytes())))
            .sql(delete);
        assert_eq!(codes(&annotated), expected, "{annotation}: {delete}");
    }
    // An annotation excuses the grant that carries it, and no other.
    let one = uncounted()
        .append(
            "v1_grants",
            "id = 1",
            &field(
                4,
                &field(
                    1,
                    b"type.googleapis.com/c1.connector.v2.ExternalResourceMatchID",
                ),
            ),
        )
        .sql("delete from v1_resources where resource_type_id = 'user'");
    assert_only(&one, "dangling-principal");
}

#[test]
fn what_no_reader_repairs_is_found_in_a_file_of_any_sdk() {
    for file in [
        "sdk-0.4.0-generic.c1z",
        "sdk-0.7.3-generic.c1z",
        "sdk-0.7.27-generic.c1z",
        "sdk-0.25.0-generic.c1z",
    ] {
        for (sql, code) in [
            (
                "drop index idx_resources_external_sync_v1; drop index idx_resources_parent_resource_id_v1; \
                 create unique index idx_resources_external_sync_v1 on v1_resources (external_id, sync_id); \
                 create index idx_resources_parent_resource_id_v1 on v1_resources \
                 (parent_resource_type_id, parent_resource_id)",
                "index",
            ),
            (
                "drop index idx_grants_external_sync_v1; \
                 create index idx_grants_external_sync_v1 on v1_grants (external_id, sync_id)",
                "index",
            ),
            (
                "alter table v1_grants drop column discovered_at",
                "missing-column",
            ),
            (
                "alter table v1_sync_runs drop column sync_token",
                "missing-column",
            ),
            (
                "pragma writable_schema = on; update sqlite_schema set sql = \
                 replace(sql, 'started_at datetime', 'started_at text') where name = 'v1_sync_runs'",
                "column-type",
            ),
            (
                "create view people as select external_id from v1_resources",
                "foreign-object",
            ),
            (
                "update v1_sync_runs set started_at = '2026-10-25 14:00:00', ended_at = '2026-10-24 11:59:59'",
                "sync-times",
            ),
            (
                "update v1_resources set discovered_at = '2026-11-27T13:00:00Z' where id = 1",
                "time-text",
            ),
            (
                "delete from v1_grants; delete from v1_resources where external_id = 'group:1'",
                "dangling-resource",
            ),
            (
                "update v1_assets set sync_id = '3MS7TGrKcamVrIQXRnz884Oif31'; \
                 update v1_resources set sync_id = '3MS7TGrKcamVrIQXRnz884Oif31' where resource_type_id = 'secret'",
                "orphan-rows",
            ),
        ] {
            let stats = "update v1_sync_runs set stats = null";
            let file_of_now = file.starts_with("sdk-0.25.0");
            let damaged = edited(file)
                .sql(if file_of_now { stats } else { "" })
                .sql(sql);
            assert_eq!(codes(&damaged), [code], "{file}: {sql}");
        }
    }
}

#[test]
fn defects_of_a_part_are_found() {
    let partial = "sync_id in (select sync_id from v1_sync_runs where sync_type like 'partial%')";
    let wrong = edited("sdk-0.25.0-full-then-partial.c1z").sql(
        "update v1_sync_runs set stats = json_set(stats, '$.resources', 3) where sync_type = 'partial'",
    );
    assert_only(&wrong, "stats");
    for (file, table, fields, code) in [
        (
            "sdk-0.25.0-syncdiff.c1z",
            "v1_resources",
            field(3, b"L\xff"),
            "utf-8",
        ),
        (
            "sdk-0.25.0-crossdiff.c1z",
            "v1_grants",
            field(2, &field(1, &field(2, b"somebody"))),
            "column",
        ),
        (
            "sdk-0.25.0-crossdiff.c1z",
            "v1_entitlements",
            field(2, b"other"),
            "column",
        ),
    ] {
        let damaged = edited(file).append(table, partial, &fields);
        assert_eq!(codes(&damaged), [code], "{file}");
    }
}

#[test]
fn a_file_of_our_own_is_held_to_everything_it_promises() {
    let shelf = Shelf::with_demo();
    for (sql, code) in [
        ("update v1_sync_runs set stats = '{}'", "stats"),
        (
            "update v1_sync_runs set stats = json_remove(stats, '$.entitlements_by_resource_type')",
            "stats",
        ),
        (
            "update v1_sync_runs set started_at = '2026-10-25 02:50:00', ended_at = '2026-10-25 02:49:59'",
            "sync-times",
        ),
    ] {
        assert_only(&Edited::of(&shelf.path("demo.c1z")).sql(sql), code);
    }
}

#[test]
fn a_time_that_means_never_is_a_time_in_every_zone() {
    let shelf = Shelf::new();
    let file = "sdk-0.25.0-never.c1z";
    fs::copy(other(file), shelf.path(file)).unwrap();
    for zone in ["UTC", "Etc/GMT+12", "Etc/GMT-14", "<-12>12", "<+14>-14"] {
        let run = |args: &[&str]| {
            let run = shelf.sandbox.program(args).env("TZ", zone).run();
            String::from_utf8(run.succeeds().stdout).unwrap()
        };
        assert_eq!(run(&["verify", file]), format!("{file}: ok\n"), "{zone}");
        let json = run(&["resources", "-o", "json", file]);
        for time in [
            "0001-01-01T00:00:00Z",
            "9999-12-30T22:00:01Z",
            "9999-12-31T23:59:59.9999999Z",
        ] {
            assert!(json.contains(&format!("\"{time}\"")), "{zone}: {json}");
        }
        for args in [
            &["stats", file][..],
            &["resources", file],
            &["export", "json", file],
            &["export", "csv", file],
            &["diff", file, file],
        ] {
            run(args);
        }
    }
}

#[test]
fn the_source_type_of_a_group_is_text() {
    for file in ["sdk-0.25.0-grouptype0.c1z", "sdk-0.25.0-grouptype1.c1z"] {
        let path = other(file).into_os_string().into_string().unwrap();
        let temp_dir = tempfile::tempdir().unwrap();
        let answered = answer(temp_dir.path(), &["resources", "-o", "json", &path]);
        let list: serde_json::Value = serde_json::from_slice(&answered.stdout).unwrap();
        let rows = list["resources"].as_array().unwrap().iter();
        let traits = rows.flat_map(|row| row["resource"]["annotations"].as_array().unwrap());
        let source: Vec<_> = traits
            .map(|of| &of["groupSourceType"])
            .filter(|of| !of.is_null())
            .collect();
        assert_eq!(source.len(), 1, "{list}");
        assert!(source[0].is_string(), "{list}");
    }
}
