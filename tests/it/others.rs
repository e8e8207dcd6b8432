//! Files of other connectors, written by several versions of ConductorOne's SDK in both formats, beside what its own CLI printed of them:
//! `-o json` object by object, and C1's file import.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Deserializer, Value};

use crate::support::Shelf;

/// The lists, with the member that holds the rows and the one by which a row is known.
const LISTS: [(&str, &str, &str); 5] = [
    ("resource-types", "resourceTypes", "resourceType"),
    ("resources", "resources", "resource"),
    ("entitlements", "entitlements", "entitlement"),
    ("grants", "grants", "grant"),
    ("principals", "resources", "resource"),
];

/// The files, with the sync run that the CLI showed: the newest finished one, of whatever type.
const FILES: [(&str, Option<&str>); 20] = [
    ("sdk-0.25.0-annotations", None),
    ("sdk-0.25.0-generic", None),
    ("sdk-0.25.0-danglingmatch", None),
    ("sdk-0.25.0-etag", None),
    ("sdk-0.25.0-grouptype0", None),
    ("sdk-0.25.0-never", None),
    (
        "sdk-0.25.0-full-then-partial",
        Some("3MgydCbTuBahuingjQX1GjvIdO6"),
    ),
    ("sdk-0.25.0-syncdiff", Some("3Mgydv0NfqDW9RaLmYSePolrIyF")),
    ("sdk-0.25.0-crossdiff", Some("3Mgye4UZfIfbCA50DinqC7ynCW8")),
    ("sdk-0.4.0-generic", None),
    ("sdk-0.7.3-generic", None),
    ("sdk-0.25.0-v3-annotations", None),
    ("sdk-0.25.0-v3-danglingmatch", None),
    ("sdk-0.25.0-v3-empty-finished", None),
    ("sdk-0.25.0-v3-etag", None),
    ("sdk-0.25.0-v3-full-then-partial", None),
    ("sdk-0.25.0-v3-generic", None),
    ("sdk-0.25.0-v3-resources-only", None),
    ("sdk-0.25.0-v3-threesyncs", None),
    ("sdk-0.25.0-v3-w200", None),
];

/// Who shows more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours,
    Theirs,
}

/// What is meant to be different: in which list, who shows more, and what takes that away.
type Accepted = (&'static str, Side, fn(&mut Value));

const ACCEPTED: [Accepted; 2] = [
    // An annotation of a type that is not the SDK's; the CLI leaves it out.
    ("resources", Side::Ours, |item| {
        without_annotations(&mut item["resource"], |type_url| {
            type_url == "type.googleapis.com/acme.v1.Secret"
        });
    }),
    // The expansion of a grant: the CLI lists it for v3 and not for v1; here lists of the same rows are the same.
    ("grants", Side::Theirs, |item| {
        without_annotations(&mut item["grant"], |type_url| {
            type_url == "type.googleapis.com/c1.connector.v2.GrantExpandable"
        });
    }),
];

fn without_annotations(object: &mut Value, is_left_out: fn(&str) -> bool) {
    let object = object.as_object_mut().unwrap();
    let Some(annotations) = object.get_mut("annotations") else {
        return;
    };
    let annotations = annotations.as_array_mut().unwrap();
    annotations.retain(|any| !is_left_out(any["@type"].as_str().unwrap()));
    if annotations.is_empty() {
        object.remove("annotations");
    }
}

/// A file of `testdata/others`.
fn other(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/others")
        .join(name)
}

fn shelf_with(file: &str) -> (Shelf, String) {
    let shelf = Shelf::new();
    let c1z = format!("{file}.c1z");
    fs::copy(other(&c1z), shelf.path(&c1z)).unwrap();
    (shelf, c1z)
}

/// What the CLI printed of a file, by list.
fn printed_by_the_cli(file: &str) -> BTreeMap<String, Value> {
    let packed = fs::read(other(&format!("{file}.cli-0.25.0.json.zst"))).unwrap();
    let text = zstd::decode_all(&*packed).unwrap();
    let values: Vec<Value> = Deserializer::from_slice(&text)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let (pairs, rest) = values.as_chunks::<2>();
    assert!(rest.is_empty());
    pairs
        .iter()
        .map(|[head, printed]| {
            let list = head["command"].as_str().unwrap().to_owned();
            (list, printed.clone())
        })
        .collect()
}

/// Our list of the sync run that the CLI showed.
fn ours(shelf: &Shelf, c1z: &str, list: &str, sync: Option<&str>) -> Value {
    let run = sync.map(|id| ["--sync-id", id]);
    let run = run.as_ref().map_or(&[][..], |run| run);
    shelf.json(&[&[list, "-o", "json"], run, &[c1z]].concat())
}

/// The rows of a list; a list without any is an empty object.
#[track_caller]
fn rows<'v>(list: &'v Value, member: &str) -> &'v [Value] {
    let members = list.as_object().unwrap();
    match list.get(member) {
        Some(rows) => {
            assert_eq!(members.len(), 1);
            let rows = rows.as_array().unwrap();
            assert!(!rows.is_empty());
            rows
        }
        None => {
            assert!(members.is_empty());
            &[]
        }
    }
}

fn by_id<'v>(rows: &'v [Value], object: &str) -> BTreeMap<String, &'v Value> {
    let by_id: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row[object]["id"].to_string(), row))
        .collect();
    assert_eq!(by_id.len(), rows.len());
    by_id
}

/// Adds the paths under which two values differ.
fn compare(theirs: &Value, ours: &Value, path: &str, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
            for name in names {
                let values = [theirs, ours].map(|side| side.get(name).unwrap_or(&Value::Null));
                compare(values[0], values[1], &format!("{path}.{name}"), found);
            }
        }
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            for (theirs, ours) in theirs.iter().zip(ours) {
                compare(theirs, ours, &format!("{path}[]"), found);
            }
        }
        _ if theirs == ours => {}
        _ => found.push(format!("{path}: theirs {theirs}, ours {ours}")),
    }
}

#[test]
fn every_list_of_another_connectors_file_is_the_clis_object_for_object() {
    let mut needed = [false; ACCEPTED.len()];
    for (file, sync) in FILES {
        let (shelf, c1z) = shelf_with(file);
        let printed = printed_by_the_cli(file);
        assert_eq!(printed.len(), LISTS.len());
        for (list, member, object) in LISTS {
            let mut ours = ours(&shelf, &c1z, list, sync);
            let mut theirs = printed[list].clone();
            for ((of, side, undo), is_needed) in ACCEPTED.iter().zip(&mut needed) {
                let shown = match side {
                    Side::Ours => &mut ours,
                    Side::Theirs => &mut theirs,
                };
                if let (true, Some(items)) = (*of == list, shown.get_mut(member)) {
                    let before = items.clone();
                    items.as_array_mut().unwrap().iter_mut().for_each(undo);
                    *is_needed |= *items != before;
                }
            }
            let theirs = by_id(rows(&theirs, member), object);
            let ours = by_id(rows(&ours, member), object);
            assert!(ours.keys().eq(theirs.keys()), "{file} {list}");
            let mut found = Vec::new();
            for (id, theirs) in theirs {
                compare(theirs, ours[&id], &id, &mut found);
            }
            assert_eq!(found, [""; 0], "{file} {list}");
        }
    }
    assert_eq!(needed, [true; ACCEPTED.len()]);
}

#[test]
fn principals_come_in_the_clis_order_and_all_other_lists_in_that_of_the_ids() {
    let ids = |list: &Value, member: &str, object: &str| -> Vec<String> {
        rows(list, member)
            .iter()
            .map(|row| match &row[object]["id"] {
                Value::String(id) => id.clone(),
                id => [&id["resourceType"], &id["resource"]]
                    .map(|part| part.as_str().unwrap())
                    .join(":"),
            })
            .collect()
    };
    for (file, sync) in FILES {
        let (shelf, c1z) = shelf_with(file);
        let printed = printed_by_the_cli(file);
        for (list, member, object) in LISTS {
            let found = ids(&ours(&shelf, &c1z, list, sync), member, object);
            let mut expected = ids(&printed[list], member, object);
            if list != "principals" {
                expected.sort();
            }
            assert_eq!(found, expected, "{file} {list}");
        }
    }
}

#[test]
fn tables_call_what_is_missing_by_the_clis_words() {
    let of_diff = ["--sync-id", "3Mgydv0NfqDW9RaLmYSePolrIyF"];
    let of_part = ["--sync-id", "3MgydCbTuBahuingjQX1GjvIdO6"];
    let nothing = &[][..];
    for (file, list, options, words) in [
        (
            "sdk-0.25.0-danglingmatch",
            "grants",
            nothing,
            &["MISSING RESOURCE (user:ghost@example.com)"][..],
        ),
        (
            "sdk-0.25.0-danglingmatch",
            "principals",
            nothing,
            &["MISSING RESOURCE (user:ghost@example.com)"],
        ),
        (
            "sdk-0.25.0-full-then-partial",
            "entitlements",
            &of_part,
            &["MISSING RESOURCE (group:0)"],
        ),
        (
            "sdk-0.25.0-syncdiff",
            "resources",
            &of_diff,
            &["MISSING RESOURCE TYPE (user)"],
        ),
        (
            "sdk-0.25.0-syncdiff",
            "grants",
            &of_diff,
            &[
                "MISSING RESOURCE (role:admin)",
                "MISSING ENTITLEMENT (role:admin:assigned)",
            ],
        ),
    ] {
        let (shelf, c1z) = shelf_with(file);
        let table = shelf.text(&[&[list], options, &[&c1z]].concat());
        for words in words {
            assert!(table.contains(words), "{file} {list}: {words}\n{table}");
        }
    }
}

/// The cells of C1's file import that the official `export csv` makes of what the CLI lists, by its rules.
/// Where an entitlement does not repeat the name of its resource, that one's own row gives it: the official export leaves
/// the cell empty.
fn import_of(printed: &BTreeMap<String, Value>) -> Vec<[String; 12]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let user_trait = |resource: &Value| -> Option<Value> {
        let annotations = resource["annotations"].as_array()?;
        let is_user =
            |any: &&Value| any["@type"] == "type.googleapis.com/c1.connector.v2.UserTrait";
        annotations.iter().find(is_user).cloned()
    };
    let head = |kind: &str, resource: &Value, with_status: bool| -> Option<[String; 6]> {
        let user = user_trait(resource)?;
        let pick = |own: &str| match &resource[own] {
            Value::Null => user[own].clone(),
            found => found.clone(),
        };
        let (profile, status) = (pick("profile"), pick("status"));
        let status = match status.get("status").map(text).as_deref() {
            _ if !with_status => "",
            None if status.is_null() => "Enabled",
            Some(word) if word.ends_with("_ENABLED") => "Enabled",
            Some(word) if word.ends_with("_DISABLED") => "Disabled",
            Some(word) if word.ends_with("_DELETED") => "Deleted",
            _ => "Unknown",
        };
        let no_addresses = Vec::new();
        let addresses = user["emails"].as_array().unwrap_or(&no_addresses);
        let primary = addresses.iter().find(|email| email["isPrimary"] == true);
        Some([
            kind.to_owned(),
            text(&profile["last_name"]),
            text(&profile["first_name"]),
            text(&profile["user_id"]),
            status.to_owned(),
            primary
                .map(|email| text(&email["address"]))
                .unwrap_or_default(),
        ])
    };
    let is_missing = |object: &Value| text(&object["displayName"]).starts_with("MISSING ");
    let tail = |entitlement: &Value, own: &Value| {
        let repeated = &entitlement["resource"];
        let named = if repeated["displayName"].is_null() && !is_missing(own) {
            own
        } else {
            repeated
        };
        [
            text(&entitlement["displayName"]),
            text(&entitlement["id"]),
            text(&repeated["id"]["resourceType"]),
            text(&named["displayName"]),
            text(&entitlement["description"]),
            text(&entitlement["slug"]),
        ]
    };
    let row = |head: [String; 6], tail: [String; 6]| {
        let mut cells = head.into_iter().chain(tail);
        std::array::from_fn(|_| cells.next().unwrap())
    };
    let mut found = Vec::new();
    for item in rows(&printed["resources"], "resources") {
        let traits = item["resourceType"]["traits"].as_array();
        let of_users = traits.is_some_and(|traits| traits.contains(&"TRAIT_USER".into()));
        let head = head("Identity", &item["resource"], true);
        found.extend(
            head.filter(|_| of_users)
                .map(|head| row(head, Default::default())),
        );
    }
    for item in rows(&printed["entitlements"], "entitlements") {
        let mut head: [String; 6] = Default::default();
        head[0] = "Entitlement".to_owned();
        found.push(row(head, tail(&item["entitlement"], &item["resource"])));
    }
    for item in rows(&printed["grants"], "grants") {
        let entitlement = if is_missing(&item["entitlement"]) {
            &item["grant"]["entitlement"]
        } else {
            &item["entitlement"]
        };
        let head = head("Grant", &item["principal"], false);
        found.extend(head.map(|head| row(head, tail(entitlement, &item["resource"]))));
    }
    found.sort();
    found
}

#[test]
fn the_import_has_the_rows_of_the_official_export() {
    for (file, sync) in FILES {
        let (shelf, c1z) = shelf_with(file);
        let run = sync.map(|id| ["--sync-id", id]);
        let run = run.as_ref().map_or(&[][..], |run| run);
        let text = shelf.text(&[&["export", "csv"], run, &[&c1z]].concat());
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let mut found: Vec<[String; 12]> = reader
            .records()
            .map(|record| {
                let record = record.unwrap();
                std::array::from_fn(|at| record[at].to_owned())
            })
            .collect();
        found.sort();
        assert_eq!(found, import_of(&printed_by_the_cli(file)), "{file}");
    }
}

#[test]
fn an_export_has_the_expansion_that_lists_leave_out_as_the_cli_does() {
    const EXPANDABLE: &str = "GrantExpandable\",\"entitlementIds\":[\"group:1:member\"]";
    for file in [
        "sdk-0.25.0-generic",
        "sdk-0.7.3-generic",
        "sdk-0.4.0-generic",
    ] {
        let (shelf, c1z) = shelf_with(file);
        for format in ["json", "ndjson"] {
            let text = shelf.text(&["export", format, &c1z]);
            assert_eq!(text.matches(EXPANDABLE).count(), 1, "{file} {format}");
        }
        let list = shelf.text(&["grants", "-o", "json", &c1z]);
        assert!(!list.contains("GrantExpandable"), "{file}");
    }
}
