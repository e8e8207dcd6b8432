//! The filters of `users` and `roles` by what is known about people and roles, and lists as CSV.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};

use crate::export::{column, records};
use crate::support::{
    Edited, Organization, PROGRAM, Run, Shelf, bare_membership, member, membership, role, user,
    with, without,
};

const FORMATS: [&str; 3] = ["console", "json", "csv"];

/// The lists, with the member that holds the rows in JSON.
const LISTS: [(&str, &str); 7] = [
    ("users", "resources"),
    ("roles", "resources"),
    ("resources", "resources"),
    ("resource-types", "resourceTypes"),
    ("entitlements", "entitlements"),
    ("grants", "grants"),
    ("principals", "resources"),
];

/// When the snapshots below were taken.
const CAPTURED: &str = "2026-11-10 10:00:00";

/// A shelf with `sync.c1z`, taken at [`CAPTURED`].
fn crawled(organization: Organization, args: &[&str]) -> Shelf {
    let shelf = Shelf::new();
    let posthog = organization.serve();
    let args = [&["-f", "sync.c1z"], args].concat();
    shelf.sandbox.crawl(&posthog, &args).run().succeeds();
    taken_at(&shelf, CAPTURED);
    shelf
}

/// Changes when `sync.c1z` was taken.
fn taken_at(shelf: &Shelf, time: &str) {
    let path = shelf.path("sync.c1z");
    Edited::of(&path)
        .sql(&format!("update v1_sync_runs set ended_at = '{time}'"))
        .pack(&path);
}

/// People about whom different things are known; role 1 is held by 1, 10 and 11, role 2 by nobody.
fn organization() -> Organization {
    let of = |n, patch: Value| with(member(n), patch);
    let members = [
        of(1, json!({"level": 15})),
        of(2, json!({"level": 8, "is_2fa_enabled": false})),
        of(3, json!({"is_2fa_enabled": null, "last_login": null})),
        of(4, json!({"level": 3, "is_2fa_enabled": false})),
        of(5, json!({"level": null})),
        of(6, json!({"last_login": "2026-01-01T00:00:00Z"})),
        of(
            7,
            json!({"last_login": null, "joined_at": "2026-11-09T00:00:00Z"}),
        ),
        of(8, json!({"last_login": null, "joined_at": null})),
        without(without(member(9), "is_2fa_enabled"), "last_login"),
    ];
    let holders = [
        membership(1, &member(1)),
        bare_membership(1, &user(10)),
        membership(1, &of(11, json!({"is_2fa_enabled": false}))),
    ];
    Organization::new()
        .members(members)
        .role(role(1), holders)
        .role(role(2), [])
}

/// The numbers of the people, or else of the roles, that an answer names.
fn named(run: &Run) -> BTreeSet<u16> {
    let text = String::from_utf8(run.stdout.clone()).unwrap();
    let numbers = |pattern: &str| {
        let pattern = Regex::new(pattern).unwrap();
        let found = pattern.captures_iter(&text);
        found.map(|found| found[1].parse().unwrap()).collect()
    };
    let people: BTreeSet<_> = numbers(r"user(\d+)@example\.com");
    if people.is_empty() {
        numbers(r"Role (\d+)")
    } else {
        people
    }
}

/// Fails unless a list has these people or roles in every format, and says this about those who are left out.
#[track_caller]
fn assert_listed(shelf: &Shelf, args: &str, expected: &[u16], notes: &[&str]) {
    for format in FORMATS {
        let words: Vec<_> = args.split(' ').chain(["-o", format]).collect();
        let run = shelf.run(&words).succeeds();
        assert!(named(&run).iter().eq(expected), "{words:?}: {run:?}");
        let mut said: Vec<_> = notes.iter().map(|note| format!("note: {note}")).collect();
        // In JSON, `{}` is clear enough.
        if expected.is_empty() && format != "json" {
            let kind = args.split(' ').next().unwrap().trim_end_matches('s');
            said.push(format!("warning: no {kind} matches these filters"));
        }
        assert!(run.stderr.lines().eq(said), "{words:?}: {}", run.stderr);
    }
}

#[test]
fn each_filter_lists_those_of_whom_it_is_known_and_counts_those_of_whom_it_is_not() {
    let shelf = crawled(organization(), &[]);
    const SEATS: &[&str] = &["2 people are left out because their seat is not known"];
    const MFA: &[&str] = &["3 people are left out because their 2FA is not known"];
    const IDLE: &[&str] =
        &["3 people are left out because it is not known how long they have been idle"];
    const ONE_OF_BOTH: &[&str] = &[
        "1 person is left out because their seat is not known",
        "1 person is left out because their 2FA is not known",
    ];
    for (args, expected, notes) in [
        ("users --seat owner", &[1][..], SEATS),
        ("users --seat owner,admin", &[1, 2], SEATS),
        ("users --seat administrator --seat owner", &[1, 2], SEATS),
        ("users --seat member", &[3, 6, 7, 8, 9, 11], SEATS),
        ("users --seat unknown", &[4], SEATS),
        ("users --no-2fa", &[2, 4, 11], MFA),
        ("users --idle 30d", &[3, 6, 9], IDLE),
        ("users --idle 1s", &[1, 2, 3, 4, 5, 6, 7, 9], IDLE),
        ("users --idle 10000d", &[], IDLE),
        ("users --unlisted", &[10, 11], &[]),
        ("users --without-roles", &[2, 3, 4, 5, 6, 7, 8, 9], &[]),
        ("roles --without-holders", &[2], &[]),
        // All must be true. Of 5, only the seat is unknown, and 2FA is on.
        ("users --seat owner,admin --no-2fa", &[2], ONE_OF_BOTH),
        (
            "users --seat owner --no-2fa -r user10@example.com",
            &[],
            ONE_OF_BOTH,
        ),
        ("users --seat owner -r user2@example.com", &[], &[]),
        ("users --seat admin -r user2@example.com", &[2], &[]),
        ("users --unlisted --without-roles", &[], &[]),
        ("users --unlisted --no-2fa", &[11], &ONE_OF_BOTH[1..]),
    ] {
        assert_listed(&shelf, args, expected, notes);
    }
}

#[test]
fn someone_is_idle_once_the_last_login_is_longer_ago_than_the_age() {
    let shelf = crawled(Organization::new().members([member(1)]), &[]);
    for (captured, is_listed) in [
        ("2026-11-02 10:11:12.131414", false),
        ("2026-11-02 10:11:12.131415", false),
        ("2026-11-02 10:11:12.131415001", true),
        ("2026-11-02 10:11:12.131416", true),
        ("2026-10-31 00:00:00", false),
    ] {
        taken_at(&shelf, captured);
        let run = shelf.run(&["users", "--idle", "1d"]).succeeds();
        assert_eq!(named(&run).contains(&1), is_listed, "{captured}");
    }
}

#[test]
fn nobody_is_called_idle_where_the_server_reports_no_logins() {
    let silent = [1, 2].map(|n| without(member(n), "last_login"));
    // The login of someone who is not in the list proves nothing about it.
    let holder = with(
        membership(1, &member(3)),
        json!({"organization_member": {"last_login": "2020-01-01T00:00:00Z"}}),
    );
    let shelf = crawled(
        Organization::new().members(silent).role(role(1), [holder]),
        &[],
    );
    let note = "2 people are left out because it is not known how long they have been idle";
    assert_listed(&shelf, "users --idle 1d", &[3], &[note]);
}

#[test]
fn who_holds_what_is_unknown_where_roles_were_not_read() {
    let shelf = crawled(organization(), &["--without-roles"]);
    let general = "note: `sync.c1z` was made without reading roles: roles, role memberships, and people who are not in the \
                   member list are unknown";
    for (args, expected, note) in [
        (
            "users --without-roles",
            &[][..],
            "note: 9 people are left out because their roles are not known",
        ),
        (
            "users --seat owner",
            &[1],
            "note: 1 person is left out because their seat is not known",
        ),
        ("users --unlisted", &[], ""),
        ("roles --without-holders", &[], ""),
    ] {
        let run = shelf.run(&args.split(' ').collect::<Vec<_>>()).succeeds();
        assert!(named(&run).iter().eq(expected), "{args}");
        let said = [general, note].join("\n");
        assert_eq!(run.stderr.trim_end(), said.trim_end(), "{args}");
    }
}

#[test]
fn who_holds_what_is_unknown_in_a_sync_run_that_is_not_full() {
    let shelf = crawled(organization(), &[]);
    let path = shelf.path("sync.c1z");
    Edited::of(&path)
        .sql("update v1_sync_runs set sync_type = 'partial'")
        .pack(&path);
    for (args, note) in [
        (
            "users --without-roles",
            "11 people are left out because their roles are not known",
        ),
        (
            "roles --without-holders",
            "2 roles are left out because their holders are not known",
        ),
        (
            "roles --without-holders -r 01920c5a-11d0-0000-0002",
            "1 role is left out because its holders are not known",
        ),
    ] {
        let run = shelf.run(&args.split(' ').collect::<Vec<_>>()).succeeds();
        let said = format!("note: {note}\n");
        assert!(run.stderr.contains(&said), "{args}: {}", run.stderr);
        assert_eq!(named(&run), BTreeSet::new(), "{args}");
    }
}

/// A shelf with a file of another connector as `other.c1z`.
fn with_other(name: &str) -> Shelf {
    let shelf = Shelf::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/others");
    fs::copy(folder.join(name), shelf.path("other.c1z")).unwrap();
    shelf
}

#[test]
fn another_connectors_file_has_no_member_list_and_no_one_is_idle_for_lack_of_a_login() {
    let shelf = with_other("sdk-0.25.0-generic.c1z");
    let rows = |args: &[&str]| {
        let args = [args, &["-o", "json", "other.c1z"]].concat();
        let run = shelf.run(&args).succeeds();
        let list: Value = serde_json::from_slice(&run.stdout).unwrap();
        (list["resources"].as_array().map_or(0, Vec::len), run.stderr)
    };
    let (all, _) = rows(&["users"]);
    assert!(all > 1);
    // One of them has a last login, which says nothing about the others.
    for (args, listed, what) in [
        (&["--seat", "owner"][..], 0, "their seat is not known"),
        (
            &["--unlisted"],
            0,
            "it is not known whether they are in the member list",
        ),
        (
            &["--idle", "1d"],
            1,
            "it is not known how long they have been idle",
        ),
    ] {
        let left_out = all - listed;
        let note = format!("note: {left_out} people are left out because {what}\n");
        let found = rows(&[&["users"], args].concat());
        assert_eq!(found, (listed, note), "{args:?}");
    }
    // Who holds nothing is known.
    let (without, said) = rows(&["users", "--without-roles"]);
    assert!(without < all && said.is_empty(), "{without} {said}");
}

#[test]
fn a_filter_that_means_nothing_is_refused() {
    let shelf = Shelf::with_demo();
    for (args, says) in [
        (&["users", "--seat", "boss"][..], "invalid value 'boss'"),
        (&["users", "--seat", ""], "a value is required"),
        (&["users", "--idle", "soon"], "does not begin with a number"),
        (&["users", "--without-holders"], "unexpected argument"),
        (&["roles", "--no-2fa"], "unexpected argument"),
        (&["resources", "--unlisted"], "unexpected argument"),
    ] {
        let run = shelf.run(&[args, &["-f", "demo.c1z"]].concat());
        assert_eq!((run.code, run.stdout.len()), (2, 0), "{args:?}");
        assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn a_list_as_csv_has_a_head_and_as_many_rows_as_json_has_objects() {
    for (shelf, file) in [
        (Shelf::with_demo(), "demo.c1z"),
        (with_other("sdk-0.25.0-generic.c1z"), "other.c1z"),
        (with_other("sdk-0.25.0-danglingmatch.c1z"), "other.c1z"),
    ] {
        for (list, member) in LISTS {
            let run = shelf.run(&[list, "-o", "csv", file]).succeeds();
            let text = String::from_utf8(run.stdout).unwrap();
            let json: Value =
                serde_json::from_slice(&shelf.run(&[list, "-o", "json", file]).stdout).unwrap();
            let rows = json[member].as_array().map_or(0, Vec::len);
            assert!(text.starts_with('\u{feff}'), "{list}: {text}");
            let records = records(&text);
            assert_eq!(records.len(), 1 + rows, "{file} {list}");
            assert!(records.iter().all(|row| row.len() == records[0].len()));
            // Ids are whole, whether asked for or not.
            let wide = shelf.run(&[list, "-o", "csv", "--wide", file]).stdout;
            assert_eq!(String::from_utf8(wide).unwrap(), text, "{list}");
        }
    }
}

#[test]
fn users_roles_and_grants_as_csv_are_the_tables_of_export() {
    let shelf = Shelf::with_demo();
    for (list, filter, rows) in [
        ("users", &["--unlisted"][..], 3),
        ("roles", &["--without-holders"], 1),
        ("grants", &["-r", "Incident responders"], 0),
        ("grants", &["-r", "Analytics"], 6),
    ] {
        let exported = shelf.text(&["export", "csv", "--table", list, "demo.c1z"]);
        assert_eq!(shelf.text(&[list, "-o", "csv", "demo.c1z"]), exported);
        // With a filter, some of its lines.
        let some = shelf.run(&[&[list], filter, &["-o", "csv", "demo.c1z"]].concat());
        let some = String::from_utf8(some.succeeds().stdout).unwrap();
        assert!(some.lines().all(|line| exported.contains(line)), "{list}");
        assert_eq!(some.lines().count(), 1 + rows, "{list}");
    }
    for (list, resource_type) in [("users", "user"), ("roles", "role")] {
        let of_type = shelf.text(&["resources", "-t", resource_type, "-o", "csv", "demo.c1z"]);
        assert_eq!(of_type, shelf.text(&[list, "-o", "csv", "demo.c1z"]));
    }
}

#[test]
fn no_cell_of_a_list_is_run_by_a_spreadsheet() {
    let hostile = with(
        member(1),
        json!({"user": {"first_name": "=1+1", "last_name": ""}}),
    );
    let shelf = crawled(
        Organization::new().members([hostile.clone()]).role(
            with(role(1), json!({"name": "@SUM(A1)"})),
            [membership(1, &hostile)],
        ),
        &[],
    );
    for (list, head, cell) in [
        ("users", "Name", "'=1+1"),
        ("roles", "Role", "'@SUM(A1)"),
        ("resources", "Name", "'@SUM(A1)"),
        ("entitlements", "Resource", "'@SUM(A1)"),
        ("grants", "Name", "'=1+1"),
        ("principals", "Name", "'=1+1"),
    ] {
        let records = records(&shelf.text(&[list, "-o", "csv"]));
        assert_eq!(column(&records, head)[0], cell, "{list}");
        for cell in records.iter().flatten() {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{list}: {cell}");
        }
    }
}

#[test]
fn csv_on_a_terminal_has_no_byte_order_mark_and_cannot_steer_it() {
    let shelf = Shelf::with_demo();
    let args = ["users", "-o", "csv", "demo.c1z"];
    let (code, shown) = shelf.sandbox.program(&args).run_on_terminal();
    assert_eq!(code, 0);
    assert!(shown.starts_with("Name,E-mail,"), "{shown}");
    assert!(!shown.contains('\x1b'), "{shown}");
    // As a spreadsheet reads it, the rest is the same.
    let piped = shelf.text(&args);
    assert_eq!(records(&shown), records(&piped));
}

#[test]
fn a_list_as_csv_may_be_read_in_part() {
    let shelf = Shelf::with_demo();
    let line = format!("{PROGRAM} grants -o csv demo.c1z | head -1");
    let run = shelf.sandbox.sh(&["-c", &line]).run().succeeds();
    assert_eq!(run.stderr, "");
    let run = shelf.sandbox.program(&["users", "-o", "csv", "demo.c1z"]);
    assert_eq!(run.run_with_stdout_closed().code, 0);
}
