//! `-o json` beside what the `baton` CLI and the SDK's dumper printed of the same files, and messages of every kind by
//! protobuf's JSON mapping.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::support::{Edited, Shelf, field, golden};

/// Lists that the CLI has too, with the member that holds the rows.
const LISTS: [(&str, &str); 4] = [
    ("resource-types", "resourceTypes"),
    ("resources", "resources"),
    ("entitlements", "entitlements"),
    ("grants", "grants"),
];

/// What `baton <command> -o json` printed, as `file` has it.
fn printed_by_the_cli(file: &str, command: &str) -> Value {
    let text = fs::read_to_string(golden(file)).unwrap();
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
        let theirs = printed_by_the_cli("small.cli-0.7.27.json", command);
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

/// An annotation: the contents of a message under the name of its type.
fn annotation(name: &str, contents: &[u8]) -> Vec<u8> {
    let url = format!("type.googleapis.com/{name}");
    field(4, &[field(1, url.as_bytes()), field(2, contents)].concat())
}

/// What `resources -o json` prints of one role with these annotations and nothing else.
fn shown(shelf: &Shelf, annotations: &[Vec<u8>]) -> String {
    let id = field(1, &[field(1, b"role"), field(2, b"r")].concat());
    Edited::golden("small.c1z")
        .sql(
            "delete from v1_resources where resource_type_id = 'role' and id not in \
             (select min(id) from v1_resources where resource_type_id = 'role')",
        )
        .with_blob(
            "update v1_resources set external_id = 'role:r', data = ?1 where resource_type_id = 'role'",
            &[id, annotations.concat()].concat(),
        )
        .pack(&shelf.path("annotated.c1z"));
    shelf.text(&["resources", "-t", "role", "-o", "json", "annotated.c1z"])
}

#[test]
fn numbers_are_spelled_as_protobufs_json_spells_them() {
    let double = |value: f64| ("DoubleValue", [&[9][..], &value.to_le_bytes()].concat());
    let float = |value: f32| ("FloatValue", [&[13][..], &value.to_le_bytes()].concat());
    let cases = [
        (double(0.0), "0"),
        (double(-0.0), "-0"),
        (double(1.0), "1"),
        (double(-2.0), "-2"),
        (double(0.1), "0.1"),
        (double(-1.5), "-1.5"),
        (double(9_007_199_254_740_991.0), "9007199254740991"),
        (double(9_007_199_254_740_992.0), "9007199254740992"),
        (double(-9_007_199_254_740_994.0), "-9007199254740994"),
        // The shortest digits that mean this double, not the digits of 2^60.
        (double(1_152_921_504_606_846_976.0), "1152921504606847000"),
        (double(1e20), "100000000000000000000"),
        (
            double(999_999_999_999_999_900_000.0),
            "999999999999999900000",
        ),
        (double(1e21), "1e+21"),
        (double(-1.5e300), "-1.5e+300"),
        (double(f64::MAX), "1.7976931348623157e+308"),
        (double(0.000_001), "0.000001"),
        (double(0.000_000_9), "9e-7"),
        (double(1.25e-10), "1.25e-10"),
        (double(5e-324), "5e-324"),
        (double(f64::NAN), "\"NaN\""),
        (double(f64::INFINITY), "\"Infinity\""),
        (double(f64::NEG_INFINITY), "\"-Infinity\""),
        (float(0.1), "0.1"),
        (float(16_777_216.0), "16777216"),
        (float(1e21), "1e+21"),
        (float(f32::MAX), "3.4028235e+38"),
        (float(f32::INFINITY), "\"Infinity\""),
    ];
    let annotations: Vec<_> = cases
        .iter()
        .map(|((name, contents), _)| annotation(&format!("google.protobuf.{name}"), contents))
        .collect();
    let text = shown(&Shelf::new(), &annotations);
    let values: Vec<&str> = text
        .split("\"value\":")
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap())
        .collect();
    assert_eq!(values, cases.map(|(_, expected)| expected));
}

#[test]
fn what_a_message_says_in_an_unusual_way_is_shown_by_protobufs_rules() {
    let seconds = |seconds: u64, nanos: u64| {
        let mut message = vec![8];
        push_varint(seconds, &mut message);
        message.push(16);
        push_varint(nanos, &mut message);
        message
    };
    let minus = |value: u64| value.wrapping_neg();
    let cases: &[(&str, Vec<u8>, Value)] = &[
        // A number that an enum has no name for, in an enum with a gap, and the one after the gap.
        (
            "c1.connector.v2.EventFeedMetadata",
            vec![18, 1, 2],
            json!({"supportedEventTypes": [2]}),
        ),
        (
            "c1.connector.v2.EventFeedMetadata",
            vec![18, 2, 4, 6],
            json!({"supportedEventTypes": ["EVENT_TYPE_RESOURCE_CHANGE", "EVENT_TYPE_CREATE_REVOKE"]}),
        ),
        // Of a oneof the member that came last, of two oneofs one each.
        (
            "c1.connector.v2.SecurityInsightTrait",
            [
                field(6, &field(1, b"x")),
                field(2, &field(1, b"i")),
                field(1, b""),
                field(4, b""),
            ]
            .concat(),
            json!({"riskScore": {}, "user": {}}),
        ),
        // Present though it is zero.
        (
            "c1.connector.v2.ConnectorAccountCreationSchema.BoolField",
            vec![8, 0],
            json!({"defaultValue": false}),
        ),
        (
            "google.protobuf.Duration",
            seconds(3, 5_000_000),
            json!({"value": "3.005s"}),
        ),
        (
            "google.protobuf.Duration",
            seconds(0, minus(1_000)),
            json!({"value": "-0.000001s"}),
        ),
        (
            "google.protobuf.Duration",
            seconds(minus(7), 0),
            json!({"value": "-7s"}),
        ),
        // What protobuf does not allow.
        (
            "google.protobuf.Duration",
            seconds(1, minus(1)),
            json!({"value": "1 s -1 ns"}),
        ),
        (
            "google.protobuf.Duration",
            seconds(315_576_000_001, 0),
            json!({"value": "315576000001 s 0 ns"}),
        ),
        // The contents of an Any in an Any.
        (
            "google.protobuf.Any",
            [
                field(1, b"type.googleapis.com/acme.v9.X"),
                field(2, b"\x01"),
            ]
            .concat(),
            json!({"value": {"@type": "type.googleapis.com/acme.v9.X", "@bytes": "AQ=="}}),
        ),
        ("google.protobuf.Any", Vec::new(), json!({"value": {}})),
        // Unknown contents and a field of a known type go by different names.
        (
            "c1.connector.v2.ETag",
            field(1, b"CAE="),
            json!({"value": "CAE="}),
        ),
        (
            "acme.v9.ETag",
            field(1, b"CAE="),
            json!({"@bytes": "CgRDQUU9"}),
        ),
        ("acme.v9.ETag", Vec::new(), json!({})),
    ];
    let annotations: Vec<_> = cases
        .iter()
        .map(|(name, contents, _)| annotation(name, contents))
        .collect();
    let list: Value = serde_json::from_str(&shown(&Shelf::new(), &annotations)).unwrap();
    let shown = list["resources"][0]["resource"]["annotations"]
        .as_array()
        .unwrap();
    assert_eq!(shown.len(), cases.len());
    for (shown, (name, _, expected)) in shown.iter().zip(cases) {
        let mut expected = expected.clone();
        expected["@type"] = format!("type.googleapis.com/{name}").into();
        assert_eq!(*shown, expected);
    }
}

/// Appends a varint.
fn push_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
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
        let expected = json!({
            "@type": "type.googleapis.com/acme.v9.Unheard", "@bytes": "CAE="
        });
        assert!(annotations.contains(&expected), "{annotations:?}");
        assert_eq!(annotations.len(), 2);
    }
    let grants = shelf.json(&["grants", "-o", "json", "unheard.c1z"]);
    assert_eq!(grants["grants"].as_array().unwrap().len(), 4);
}
