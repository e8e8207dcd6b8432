//! `export`: the columns of C1's file import, tables for people, one document, one object a line.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use posthog_c1z::model::{EntitlementId, Grant, ResourceId, ResourceTypeId};
use serde_json::Value;

use crate::diff::Organization;
use crate::support::{Edited, Shelf, field};

const SMALL: &str = "small.c1z";

/// The forms of `export`, by their arguments.
const FORMS: [&[&str]; 7] = [
    &["csv"],
    &["csv", "--safe"],
    &["csv", "--table", "users"],
    &["csv", "--table", "roles"],
    &["csv", "--table", "grants"],
    &["json"],
    &["ndjson"],
];

/// The records of a CSV text, its head among them, read by RFC 4180.
#[track_caller]
pub fn records(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let records = reader.records().map(Result::unwrap);
    records
        .map(|record| record.iter().map(ToOwned::to_owned).collect())
        .collect()
}

/// The cells under a head.
#[track_caller]
pub fn column(records: &[Vec<String>], head: &str) -> Vec<String> {
    let at = records[0].iter().position(|cell| cell == head).unwrap();
    records[1..].iter().map(|row| row[at].clone()).collect()
}

pub fn exported(shelf: &Shelf, form: &[&str], file: &str) -> String {
    shelf.text(&[&["export"], form, &[file]].concat())
}

#[test]
fn csv_is_rfc_4180_and_brings_every_text_back() {
    let shelf = Shelf::new();
    let name = "O'Neil, \"Zoë\"\r\nvon;der\tHeide 王 ";
    Edited::golden(SMALL)
        .append(
            "v1_resources",
            "resource_type_id = 'role'",
            &field(3, name.as_bytes()),
        )
        .append("v1_entitlements", "true", &field(4, b"a,b\n\"c\""))
        .pack(&shelf.path("odd.c1z"));
    let text = exported(&shelf, &["csv"], "odd.c1z");
    assert!(text.ends_with("\r\n"));
    let records = records(&text);
    assert_eq!(records.len(), 1 + 2 + 4 + 3);
    assert!(records.iter().all(|record| record.len() == 12));
    assert_eq!(
        column(&records, "Type"),
        [
            &["Entitlement"; 2][..],
            &["Grant"; 4][..],
            &["Identity"; 3][..]
        ]
        .concat()
    );
    let names = column(&records, "Resource Name");
    assert_eq!(names[..6], [name; 6]);
    assert_eq!(
        column(&records, "Entitlement Description")[..6],
        ["a,b\n\"c\""; 6]
    );

    let tables = ["users", "roles", "grants"];
    for table in tables {
        let text = exported(&shelf, &["csv", "--table", table], "odd.c1z");
        let records = self::records(&text);
        assert!(
            records
                .iter()
                .all(|record| record.len() == records[0].len())
        );
    }
    let text = exported(&shelf, &["csv", "--table", "roles"], "odd.c1z");
    // On one line, and no tab that a spreadsheet could part it at.
    let shown = "O'Neil, \"Zoë\"\\r\\nvon;der\\tHeide 王 ";
    assert_eq!(column(&self::records(&text), "Role"), [shown; 2]);
}

/// What a spreadsheet takes for a formula. More of them are in `harmless.rs`.
const FORMULAS: [&str; 4] = ["=1+1", "+1", "-1", "@SUM(A1)"];

fn with_names(name: &str) -> Edited {
    Edited::golden(SMALL)
        .append("v1_resources", "true", &field(3, name.as_bytes()))
        .append(
            "v1_entitlements",
            "true",
            &[field(3, name.as_bytes()), field(4, name.as_bytes())].concat(),
        )
}

fn is_run_by_a_spreadsheet(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[test]
fn tables_for_people_disarm_what_a_spreadsheet_would_run_unless_raw() {
    let shelf = Shelf::new();
    for formula in FORMULAS {
        with_names(formula).pack(&shelf.path("formula.c1z"));
        for (table, heads) in [
            ("users", &["Name"][..]),
            ("roles", &["Role"]),
            ("grants", &["Name", "Resource"]),
        ] {
            let form = ["csv", "--table", table];
            let disarmed = records(&exported(&shelf, &form, "formula.c1z"));
            for cell in disarmed.iter().flatten() {
                assert!(!is_run_by_a_spreadsheet(cell), "{table}: {cell:?}");
            }
            let raw = [&form[..], &["--raw"]].concat();
            let raw = records(&exported(&shelf, &raw, "formula.c1z"));
            assert_eq!(disarmed.len(), raw.len());
            for head in heads {
                for cell in column(&disarmed, head) {
                    assert_eq!(cell, format!("'{formula}"), "{table}");
                }
                for cell in column(&raw, head) {
                    assert_eq!(cell, formula, "{table}");
                }
            }
        }
    }
}

#[test]
fn the_import_for_machines_keeps_every_value_unless_it_is_asked_to_be_safe() {
    let shelf = Shelf::new();
    for formula in FORMULAS {
        with_names(formula).pack(&shelf.path("formula.c1z"));
        let kept = records(&exported(&shelf, &["csv"], "formula.c1z"));
        let also_kept = records(&exported(&shelf, &["csv", "--raw"], "formula.c1z"));
        assert_eq!(kept, also_kept);
        let safe = records(&exported(&shelf, &["csv", "--safe"], "formula.c1z"));
        for head in [
            "Resource Name",
            "Entitlement Display Name",
            "Entitlement Description",
        ] {
            assert_eq!(column(&kept, head)[..6], [formula; 6], "{head}");
            assert_eq!(
                column(&safe, head)[..6],
                [&*format!("'{formula}"); 6],
                "{head}"
            );
        }
        assert!(
            !safe
                .iter()
                .flatten()
                .any(|cell| is_run_by_a_spreadsheet(cell))
        );
    }
}

#[test]
fn safe_and_raw_together_are_refused() {
    let shelf = Shelf::new().with_golden(SMALL);
    let run = shelf.run(&["export", "csv", "--safe", "--raw", SMALL]);
    assert_eq!(run.code, 2);
    assert!(run.stdout.is_empty());
}

#[test]
fn files_for_machines_have_no_byte_order_mark() {
    let shelf = Shelf::new().with_golden(SMALL);
    for form in [&["csv"][..], &["json"], &["ndjson"]] {
        assert!(!exported(&shelf, form, SMALL).starts_with('\u{feff}'));
    }
    let table = exported(&shelf, &["csv", "--table", "users"], SMALL);
    assert!(table.starts_with("\u{feff}Name,"), "{table}");
}

#[test]
fn tables_tell_seat_second_factor_and_since_when() {
    let shelf = Shelf::with_demo();
    let table = |name| records(&exported(&shelf, &["csv", "--table", name], "demo.c1z"));
    let row = |records: &[Vec<String>], head: &str, wanted: &str| {
        let at = column(records, head).iter().position(|cell| cell == wanted);
        records[1 + at.unwrap_or_else(|| panic!("no {wanted}"))].clone()
    };
    let cell = |records: &[Vec<String>], row: &[String], head: &str| {
        let at = records[0].iter().position(|cell| cell == head);
        row[at.unwrap_or_else(|| panic!("no {head}"))].clone()
    };

    let users = table("users");
    assert_eq!(users.len(), 1 + 43);
    let henrik = row(&users, "E-mail", "henrik@example.com");
    for (head, expected) in [
        ("Name", "Henrik Lindqvist"),
        ("Seat", "owner"),
        ("Seat level", "15"),
        ("Second factor", "yes"),
        ("Last login (UTC)", "2026-09-06 01:55:24"),
        ("Joined (UTC)", "2024-03-04 09:02:47"),
        ("Listed as member", "yes"),
        ("User ID", "018e06b6-b674-0000-151f-5b373d027e79"),
        (
            "Roles",
            " Billing 💶 | `cards` ; Everyone who may read the quarterly revenue dashboards of the northern, southern and \
             overseas regions before publication, including their deputies, their auditors, and external reviewers named \
             by them",
        ),
    ] {
        assert_eq!(cell(&users, &henrik, head), expected, "{head}");
    }
    let unlisted = row(&users, "E-mail", "edith.marlowe@example.org");
    assert_eq!(cell(&users, &unlisted, "Listed as member"), "no");
    // What is not known is empty, and never a zero or a "no".
    for head in ["Seat", "Seat level", "Second factor", "Last login (UTC)"] {
        assert_eq!(cell(&users, &unlisted, head), "", "{head}");
    }

    let roles = table("roles");
    assert_eq!(roles.len(), 1 + 8);
    let everyone = row(&roles, "Role", "Everyone");
    assert_eq!(cell(&roles, &everyone, "Members"), "38");
    assert_eq!(cell(&roles, &everyone, "Default"), "yes");

    let grants = table("grants");
    assert_eq!(grants.len(), 1 + 77);
    assert!(
        column(&grants, "Since (UTC)")
            .iter()
            .all(|since| since.len() == 19)
    );
    let of_roles: u32 = column(&roles, "Members")
        .iter()
        .map(|count| count.parse::<u32>().unwrap())
        .sum();
    assert_eq!(of_roles, 77);
}

#[test]
fn members_of_a_role_are_people_each_counted_once() {
    let shelf = Shelf::new();
    let mut organization = Organization::new();
    // A second entitlement of the role, which one member and one more person hold.
    let mut second = organization.entitlement("eng").clone();
    second.id = EntitlementId::new("role:eng:maintainer");
    organization.entitlements.push(second);
    let hold = |principal| Grant::new(EntitlementId::new("role:eng:maintainer"), principal);
    let id = |of: &str, id: &str| ResourceId::new(&ResourceTypeId::new(of), id);
    organization.add_other("group", "blue", "Blue team", "member");
    for principal in [id("user", "ann"), id("user", "bob"), id("group", "blue")] {
        organization.grants.push(hold(principal));
    }
    organization.add_role("ops", "Operations");
    organization.write(&shelf.path("x.c1z"));
    let text = exported(&shelf, &["csv", "--table", "roles"], "x.c1z");
    let roles = records(&text);
    assert_eq!(
        column(&roles, "Role"),
        ["Engineering", "Operations", "Support"]
    );
    assert_eq!(column(&roles, "Members"), ["3", "0", "1"]);
}

/// The ids that the lists show.
fn listed_ids(shelf: &Shelf, file: &str) -> BTreeSet<String> {
    let lists = [
        ("resource-types", "resourceType"),
        ("resources", "resource"),
        ("entitlements", "entitlement"),
        ("grants", "grant"),
    ];
    let mut ids = BTreeSet::new();
    for (command, member) in lists {
        let list = shelf.json(&[command, "-o", "json", file]);
        let rows = list.as_object().unwrap().values().next().unwrap().clone();
        ids.extend(
            rows.as_array()
                .unwrap()
                .iter()
                .map(|row| row[member]["id"].to_string()),
        );
    }
    ids
}

#[test]
fn the_document_holds_every_row_under_a_version() {
    for (shelf, file, counts, has_evidence) in [
        (Shelf::new().with_golden(SMALL), SMALL, [2, 5, 2, 4], false),
        (Shelf::with_demo(), "demo.c1z", [2, 51, 8, 77], true),
    ] {
        let document: Value = serde_json::from_str(&exported(&shelf, &["json"], file)).unwrap();
        assert_eq!(document["schema"], "posthog-c1z.snapshot");
        assert_eq!(document["schema_version"], 1);
        assert_eq!(document["sync_run"]["type"], "full");
        assert_eq!(document["evidence"].is_object(), has_evidence);
        let stats = shelf.json(&["stats", "-o", "json", file]);
        assert_eq!(document["content_digest"], stats["content_digest"]);
        assert_eq!(document["sync_run"], stats["sync_runs"][0]);
        let members = ["resource_types", "resources", "entitlements", "grants"];
        let rows = members.map(|name| document[name].as_array().unwrap());
        assert_eq!(rows.map(Vec::len), counts);
        let ids: BTreeSet<_> = rows
            .into_iter()
            .flatten()
            .map(|row| row["id"].to_string())
            .collect();
        assert_eq!(ids, listed_ids(&shelf, file));
    }
}

#[test]
fn ndjson_is_one_object_a_line_with_every_row() {
    let shelf = Shelf::new().with_golden(SMALL);
    let text = exported(&shelf, &["ndjson"], SMALL);
    assert!(text.ends_with('\n'));
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            &["sync_run"][..],
            &["resource_type"; 2],
            &["resource"; 5],
            &["entitlement"; 2],
            &["grant"; 4]
        ]
        .concat()
    );
    let document: Value = serde_json::from_str(&exported(&shelf, &["json"], SMALL)).unwrap();
    assert_eq!(lines[0]["data"], document["sync_run"]);
    let rows: Vec<_> = lines[1..].iter().map(|line| line["data"].clone()).collect();
    let members = ["resource_types", "resources", "entitlements", "grants"];
    let expected: Vec<_> = members
        .iter()
        .flat_map(|name| document[name].as_array().unwrap().clone())
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_same_snapshot_gives_the_same_bytes_each_time() {
    let shelf = Shelf::with_demo();
    for form in FORMS {
        let [once, again] = [(); 2].map(|()| exported(&shelf, form, "demo.c1z"));
        assert_eq!(once, again, "{form:?}");
    }
}

#[test]
fn the_order_of_rows_in_the_file_does_not_show() {
    let shelf = Shelf::new().with_golden(SMALL);
    let tables = [
        "v1_resource_types",
        "v1_resources",
        "v1_entitlements",
        "v1_grants",
    ];
    // Rowids turned round, so that a listing by rowid comes out the other way.
    let turned = tables
        .map(|table| format!("update {table} set id = -id; update {table} set id = id + 1000000;"));
    Edited::golden(SMALL)
        .sql(&turned.concat())
        .sql("vacuum")
        .pack(&shelf.path("turned.c1z"));
    for form in FORMS {
        let [expected, turned] = [SMALL, "turned.c1z"].map(|file| exported(&shelf, form, file));
        assert_eq!(turned, expected, "{form:?}");
    }
}

#[test]
fn out_names_the_file_and_nothing_is_said() {
    let shelf = Shelf::new().with_golden(SMALL);
    for form in FORMS {
        let expected = exported(&shelf, form, SMALL);
        shelf
            .run(&[&["export"], form, &["--out", "out.txt", SMALL]].concat())
            .succeeds_silently();
        let written = fs::read_to_string(shelf.path("out.txt")).unwrap();
        assert_eq!(written, expected, "{form:?}");
        // It holds what the snapshot holds, so it is as private.
        let mode = fs::metadata(shelf.path("out.txt")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    assert_eq!(shelf.sandbox.files(), ["out.txt", SMALL]);
    shelf
        .run(&["export", "csv", "--out", "no/such/folder.csv", SMALL])
        .fails(2, &["creating a file in `no/such`"]);
}

#[test]
fn an_export_never_takes_the_place_of_the_snapshot_it_is_made_from() {
    let shelf = Shelf::new().with_golden(SMALL);
    let before = fs::read(shelf.path(SMALL)).unwrap();
    std::os::unix::fs::symlink(SMALL, shelf.path("link.c1z")).unwrap();
    fs::hard_link(shelf.path(SMALL), shelf.path("same.c1z")).unwrap();
    for out in [SMALL, "./small.c1z", "link.c1z", "same.c1z"] {
        let run = shelf.run(&["export", "json", "--out", out, SMALL]);
        run.fails(2, &[out, "the snapshot itself"]);
        assert_eq!(fs::read(shelf.path(SMALL)).unwrap(), before);
    }
}

#[test]
fn a_snapshot_that_cannot_be_read_leaves_no_export() {
    let shelf = Shelf::new()
        .with_golden("corrupt-truncated.c1z")
        .with_golden("unfinished.c1z");
    fs::write(shelf.path("kept.csv"), "yesterday's").unwrap();
    for file in ["corrupt-truncated.c1z", "unfinished.c1z"] {
        for out in ["new.csv", "kept.csv"] {
            shelf
                .run(&["export", "csv", "--out", out, file])
                .fails(15, &[file]);
        }
    }
    assert!(!shelf.path("new.csv").exists());
    let kept = fs::read_to_string(shelf.path("kept.csv")).unwrap();
    assert_eq!(kept, "yesterday's");
}

#[test]
fn slim_grants_export_as_whole_ones() {
    let shelf = Shelf::new()
        .with_golden(SMALL)
        .with_golden("small-slim-grants.c1z");
    for form in [&["csv"][..], &["csv", "--table", "grants"]] {
        let [slim, whole] =
            ["small-slim-grants.c1z", SMALL].map(|file| exported(&shelf, form, file));
        assert_eq!(slim, whole);
    }
}

#[test]
fn every_file_that_opens_exports_in_every_form() {
    for file in [
        "connector-sqlite.c1z",
        "written-by-sdk-0.7.27.c1z",
        "two-syncs.c1z",
        "empty-finished.c1z",
        "resources-only.c1z",
        "invalid-dangling-principal.c1z",
        "invalid-swapped-index-names.c1z",
    ] {
        let shelf = Shelf::new().with_golden(file);
        for form in FORMS {
            assert!(!exported(&shelf, form, file).is_empty(), "{file} {form:?}");
        }
    }
}
