//! `-o json` beside what the `baton` CLI and the SDK's dumper printed of the same files.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{Edited, Shelf, field, golden};

/// Lists that the CLI has too, with the member that holds the rows.
const LISTS: [(&str, &str); 4] = [
    ("resource-types", "resourceTypes"),
    ("resources", "resources"),
    ("entitlements", "entitlements"),
    ("grants", "grants"),
];

/// What `baton <command> -o json` of SDK v0.7.27 printed of `small.c1z`.
fn printed_by_the_cli(command: &str) -> Value {
    let text = fs::read_to_string(golden("small.cli-0.7.27.json")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (pairs, rest) = lines.as_chunks::<2>();
    assert!(rest.is_empty());
    let found = pairs.iter().find(|[head, _]| head["command"] == command);
    found.unwrap()[1].clone()
}

/// Takes from every resource, however deep, the fields that SDK v0.7.27 does not know.
fn without_newer_fields(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let is_resource = members
                .get("id")
                .is_some_and(|id| id.get("resourceType").is_some());
            if is_resource {
                for name in ["profile", "status", "createdAt"] {
                    members.remove(name);
                }
            }
            members.values_mut().for_each(without_newer_fields);
        }
        Value::Array(values) => values.iter_mut().for_each(without_newer_fields),
        _ => {}
    }
}

/// The rows of a list, in an order of their own.
fn sorted(list: &Value, member: &str) -> Vec<Value> {
    assert_eq!(list.as_object().unwrap().len(), 1);
    let mut rows = list[member].as_array().unwrap().clone();
    rows.sort_by_key(Value::to_string);
    rows
}

#[test]
fn every_list_is_the_clis_object_for_object() {
    let shelf = Shelf::new().with_golden("small.c1z");
    for (command, member) in LISTS {
        let mut ours = shelf.json(&[command, "-o", "json", "small.c1z"]);
        without_newer_fields(&mut ours);
        let theirs = printed_by_the_cli(command);
        assert_eq!(sorted(&ours, member), sorted(&theirs, member), "{command}");
    }
}

#[test]
fn newer_fields_are_there_before_they_are_taken_away() {
    // Else the comparison above would compare less than it says.
    let shelf = Shelf::new().with_golden("small.c1z");
    let list = shelf.json(&["resources", "-t", "user", "-o", "json", "small.c1z"]);
    for row in list["resources"].as_array().unwrap() {
        let user = &row["resource"];
        assert_eq!(user["status"]["status"], "RESOURCE_STATUS_ENABLED");
        let of_trait = &user["annotations"][0];
        assert_eq!(user["profile"], of_trait["profile"]);
        assert_eq!(user["createdAt"], of_trait["createdAt"]);
    }
}

#[test]
fn both_names_of_the_option_and_the_variable_ask_for_json() {
    let shelf = Shelf::new().with_golden("small.c1z");
    let expected = shelf.text(&["grants", "-o", "json", "small.c1z"]);
    assert_eq!(
        shelf.text(&["grants", "--output-format", "json", "small.c1z"]),
        expected
    );
    assert_eq!(
        shelf.text(&["--output", "json", "grants", "small.c1z"]),
        expected
    );
    let run = shelf
        .sandbox
        .program(&["grants", "small.c1z"])
        .env("BATON_OUTPUT_FORMAT", "json")
        .run()
        .succeeds();
    assert_eq!(String::from_utf8(run.stdout).unwrap(), expected);
}

#[test]
fn principals_are_the_resources_that_hold_something() {
    let shelf = Shelf::new().with_golden("small.c1z");
    let principals = shelf.json(&["principals", "-o", "json", "small.c1z"]);
    let users = shelf.json(&["resources", "-t", "user", "-o", "json", "small.c1z"]);
    // All three of them do.
    let [principals, users] = [principals, users].map(|list| sorted(&list, "resources"));
    assert_eq!(principals.len(), 3);
    assert_eq!(principals, users);
}

#[test]
fn slim_grants_get_their_references_back() {
    let shelf = Shelf::new()
        .with_golden("small.c1z")
        .with_golden("small-slim-grants.c1z");
    let [slim, whole] = ["small-slim-grants.c1z", "small.c1z"]
        .map(|file| shelf.json(&["grants", "-o", "json", file])["grants"].clone());
    let [slim, whole] = [&slim, &whole].map(|rows| rows.as_array().unwrap());
    assert_eq!(slim.len(), 4);
    for (slim, whole) in slim.iter().zip(whole) {
        let (grant, known) = (&slim["grant"], &whole["grant"]);
        assert_eq!(grant["id"], known["id"]);
        assert_eq!(grant["principal"]["id"], known["principal"]["id"]);
        let (entitlement, known) = (&grant["entitlement"], &known["entitlement"]);
        assert_eq!(entitlement["id"], known["id"]);
        assert_eq!(entitlement["resource"]["id"], known["resource"]["id"]);
        for member in ["entitlement", "resource", "resourceType", "principal"] {
            assert_eq!(slim[member], whole[member], "{member}");
        }
    }
}

/// What the SDK's dumper printed, by kind: ids, each with its name.
fn dumped(name: &str) -> BTreeMap<String, BTreeMap<String, Value>> {
    let mut by_kind = BTreeMap::<_, BTreeMap<_, _>>::new();
    for line in fs::read_to_string(golden(name)).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let data = &line["data"];
        if data.is_object() {
            let kind = line["kind"].as_str().unwrap().to_owned();
            let entry = (id_of(&data["id"]), data["display_name"].clone());
            by_kind.entry(kind).or_default().extend([entry]);
        }
    }
    by_kind
}

/// An id as text, in the words of either side.
fn id_of(id: &Value) -> String {
    match id.as_str() {
        Some(text) => text.to_owned(),
        None => {
            let resource_type = id.get("resource_type").or(id.get("resourceType")).unwrap();
            format!(
                "{}:{}",
                resource_type.as_str().unwrap(),
                id["resource"].as_str().unwrap()
            )
        }
    }
}

#[test]
fn files_of_other_writers_list_whole() {
    for file in [
        "connector-sqlite",
        "written-by-sdk-0.7.27",
        "small",
        "two-syncs",
    ] {
        let c1z = format!("{file}.c1z");
        let shelf = Shelf::new().with_golden(&c1z);
        let expected = dumped(&format!("{file}.json"));
        for ((command, member), kind) in
            LISTS
                .into_iter()
                .zip(["resource_type", "resource", "entitlement", "grant"])
        {
            let list = shelf.json(&[command, "-o", "json", &c1z]);
            let object = member.strip_suffix('s').unwrap();
            let rows = list[member].as_array().unwrap();
            let found: BTreeMap<_, _> = rows
                .iter()
                .map(|row| {
                    assert!(
                        row.as_object().unwrap().values().all(Value::is_object),
                        "{row}"
                    );
                    let object = &row[object];
                    (id_of(&object["id"]), object["displayName"].clone())
                })
                .collect();
            assert_eq!(found.len(), rows.len(), "{file} {command}");
            assert_eq!(found, expected[kind], "{file} {command}");
        }
    }
}

#[test]
fn an_annotation_that_nobody_knows_is_shown_and_stops_nothing() {
    let shelf = Shelf::new();
    let any = [
        field(1, b"type.googleapis.com/acme.v9.Unheard"),
        field(2, b"\x08\x01"),
    ]
    .concat();
    Edited::golden("small.c1z")
        .append("v1_resources", "resource_type_id = 'role'", &field(4, &any))
        .append("v1_grants", "true", &field(4, &any))
        .pack(&shelf.path("unheard.c1z"));
    let roles = shelf.json(&["resources", "-t", "role", "-o", "json", "unheard.c1z"]);
    assert_eq!(roles["resources"].as_array().unwrap().len(), 2);
    for row in roles["resources"].as_array().unwrap() {
        let annotations = row["resource"]["annotations"].as_array().unwrap();
        let expected = serde_json::json!({
            "@type": "type.googleapis.com/acme.v9.Unheard", "value": "CAE="
        });
        assert!(annotations.contains(&expected), "{annotations:?}");
        assert_eq!(annotations.len(), 2);
    }
    let grants = shelf.json(&["grants", "-o", "json", "unheard.c1z"]);
    assert_eq!(grants["grants"].as_array().unwrap().len(), 4);
}
