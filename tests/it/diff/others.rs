//! Files of other writers: the official SDK's two syncs against what the official CLI says of them, and the order of
//! map entries, which the SDK changes from file to file.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Edited, Shelf, decoded, golden, packed};

fn ids(list: &Value, id: impl Fn(&Value) -> String) -> BTreeSet<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(id).collect()
}

#[test]
fn two_syncs_differ_in_what_the_official_cli_says() {
    let shelf = Shelf::new().with_golden("two-syncs.c1z");
    let run = shelf.run(&["diff", "two-syncs.c1z", "-o", "json"]);
    assert_eq!((run.code, &*run.stderr), (1, ""));
    let ours: Value = serde_json::from_slice(&run.stdout).unwrap();
    let theirs = std::fs::read(golden("two-syncs.diff-cli-0.7.27.json")).unwrap();
    let theirs: Value = serde_json::from_slice(&theirs).unwrap();

    let resource_id = |resource: &Value| {
        let id = &resource["id"];
        let part = |name: &str| id[name].as_str().unwrap().to_owned();
        format!("{}:{}", part("resourceType"), part("resource"))
    };
    let plain_id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    let told = |kind: &str, action: &str| -> BTreeSet<String> {
        let changes = ours["changes"].as_array().unwrap().iter();
        changes
            .filter(|change| change["kind"] == kind && change["action"] == action)
            .map(plain_id)
            .collect()
    };
    let mut compared = 0;
    for (action, theirs_call_it) in [
        ("added", "created"),
        ("removed", "deleted"),
        ("changed", "modified"),
    ] {
        for (kind, table) in [
            ("resource", "resources"),
            ("entitlement", "entitlements"),
            ("grant", "grants"),
        ] {
            let list = &theirs[table][theirs_call_it];
            let expected = match kind {
                "resource" => ids(list, resource_id),
                _ => ids(list, plain_id),
            };
            compared += expected.len();
            assert_eq!(told(kind, action), expected, "{kind} {action}");
        }
    }
    assert_eq!(compared, 12);
}

#[test]
fn one_file_names_its_two_sync_runs() {
    let shelf = Shelf::new().with_golden("two-syncs.c1z");
    let run = shelf.run(&["diff", "two-syncs.c1z", "--stat"]);
    let text = String::from_utf8(run.stdout).unwrap();
    for part in [
        "+1 user, −1 user, 1 role membership added, 1 revoked, 2 other changes",
        "sync run 3MS7TCUgujfPFfwFXOIwjCBKEpd",
        "sync run 3MS7TFxjsnXpZbaD7jZ6N027fkx",
        "      4  grant-added",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[test]
fn grants_that_hold_only_their_id_are_no_difference() {
    let shelf = Shelf::new()
        .with_golden("small.c1z")
        .with_golden("small-slim-grants.c1z");
    let text = shelf.text(&["diff", "small.c1z", "small-slim-grants.c1z"]);
    assert_eq!(text, "no differences\n");
}

#[test]
fn struct_order_of_a_whole_connectors_file_is_no_difference() {
    let shelf = Shelf::new().with_golden("connector-sqlite.c1z");
    let path = shelf.path("new.c1z");
    std::fs::copy(shelf.path("connector-sqlite.c1z"), &path).unwrap();
    assert_ne!(with_reversed_structs(&path), 0);
    let text = shelf.text(&["diff", "connector-sqlite.c1z", "new.c1z"]);
    assert_eq!(text, "no differences\n");
}

/// Turns the entries of every profile of a file's resources round, inside the Any of the trait and outside of it; how
/// many rows are other bytes than before.
#[track_caller]
pub fn with_reversed_structs(path: &Path) -> usize {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), decoded(&std::fs::read(path).unwrap())).unwrap();
    let connection = Connection::open(file.path()).unwrap();
    let rows: Vec<(i64, Vec<u8>)> = connection
        .prepare("select id, data from v1_resources")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut changed = 0;
    for (id, data) in rows {
        const USER_TRAIT_PROFILE: u64 = 3;
        const ROLE_TRAIT_PROFILE: u64 = 1;
        let is_user = data.windows(9).any(|part| part == b"UserTrait");
        let profile = if is_user {
            USER_TRAIT_PROFILE
        } else {
            ROLE_TRAIT_PROFILE
        };
        let reversed = within(&data, &[4, 2, profile]);
        let reversed = within(&reversed, &[9]);
        changed += usize::from(reversed != data);
        let sql = "update v1_resources set data = ?1 where id = ?2";
        connection.execute(sql, (reversed, id)).unwrap();
    }
    drop(connection);
    std::fs::write(path, packed(&std::fs::read(file.path()).unwrap())).unwrap();
    changed
}

/// The message with the Struct behind this path of field numbers turned round.
fn within(message: &[u8], path: &[u64]) -> Vec<u8> {
    let fields = split(message);
    let Some((wanted, rest)) = path.split_first() else {
        return fields.into_iter().rev().flatten().copied().collect();
    };
    let mut out = Vec::new();
    for field in fields {
        let (key, key_length) = varint(field);
        if key >> 3 != *wanted {
            out.extend(field);
            continue;
        }
        let (_, length_length) = varint(&field[key_length..]);
        let inner = within(&field[key_length + length_length..], rest);
        // Turned round, it is as long as before.
        out.extend(&field[..key_length + length_length]);
        out.extend(inner);
    }
    assert_eq!(out.len(), message.len());
    out
}

/// The fields of a message, each with its key.
fn split(message: &[u8]) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let (key, key_length) = varint(rest);
        let length = match key & 7 {
            0 => varint(&rest[key_length..]).1,
            1 => 8,
            2 => {
                let (length, length_length) = varint(&rest[key_length..]);
                length_length + usize::try_from(length).unwrap()
            }
            other => panic!("wire type {other}"),
        };
        let (field, behind) = rest.split_at(key_length + length);
        fields.push(field);
        rest = behind;
    }
    fields
}

/// A varint at the beginning, and how many bytes it takes.
fn varint(bytes: &[u8]) -> (u64, usize) {
    let length = 1 + bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
    let parts = bytes[..length].iter().rev();
    let value = parts.fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    (value, length)
}

#[test]
fn the_same_data_written_twice_by_the_sdk_is_no_difference() {
    let shelf = Shelf::new();
    let files = ["same1", "same2"].map(|name| golden(&format!("../others/sdk-0.25.0-{name}.c1z")));
    let [old, new] = files.each_ref().map(|path| path.to_str().unwrap());
    assert_eq!(shelf.text(&["diff", old, new]), "no differences\n");
    let [old, new] = [old, new].map(|file| shelf.json(&["stats", file, "-o", "json"]));
    assert_eq!(old["content_digest"], new["content_digest"]);
}

/// A Struct of one-byte keys, with the entries in this order. Values are Values in bytes.
fn a_struct(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let entry = |(key, value): &(&str, &[u8])| {
        field(1, &[field(1, key.as_bytes()), field(2, value)].concat())
    };
    entries.iter().flat_map(entry).collect()
}

#[test]
fn of_a_message_that_nobody_knows_only_the_order_in_a_struct_does_not_count() {
    /// A text, a number and a null, as Values.
    const X: &[u8] = b"\x1a\x01x";
    const Y: &[u8] = b"\x1a\x01y";
    const HALF: &[u8] = b"\x11\0\0\0\0\0\0\xe0\x3f";
    const NULL: &[u8] = b"\x08\0";
    const TRUE: &[u8] = b"\x20\x01";
    let of = |entries: &[(&str, &[u8])]| field(3, &a_struct(entries));
    let within = |value: &[u8]| a_struct(&[("k", value)]);
    let object = |entries: &[(&str, &[u8])]| within(&field(5, &a_struct(entries)));
    let list = |values: &[&[u8]]| {
        let values: Vec<u8> = values.iter().flat_map(|value| field(1, value)).collect();
        within(&field(6, &values))
    };
    let pair = |a: &[u8], b: &[u8]| field(1, &[field(1, a), field(2, b)].concat());
    let pairs = |pairs: [(&[u8], &[u8]); 2]| pairs.map(|(a, b)| pair(a, b)).concat();

    // Contents of the unknown message, in two snapshots.
    let same = [
        (
            "entries",
            of(&[("a", X), ("b", HALF), ("c", NULL), ("d", TRUE)]),
            of(&[("d", TRUE), ("b", HALF), ("a", X), ("c", NULL)]),
        ),
        (
            "the message itself",
            a_struct(&[("a", X), ("b", Y)]),
            a_struct(&[("b", Y), ("a", X)]),
        ),
        (
            "a Struct in a Struct",
            object(&[("a", X), ("b", b"\x2a\0"), ("c", b"\x32\0")]),
            object(&[("c", b"\x32\0"), ("b", b"\x2a\0"), ("a", X)]),
        ),
        (
            "a Struct in a list",
            list(&[X, &field(5, &a_struct(&[("a", X), ("b", Y)]))]),
            list(&[X, &field(5, &a_struct(&[("b", Y), ("a", X)]))]),
        ),
        (
            "beside other fields",
            [&b"\x08\x01"[..], &of(&[("a", X), ("b", Y)]), b"\x2a\x01z"].concat(),
            [&b"\x08\x01"[..], &of(&[("b", Y), ("a", X)]), b"\x2a\x01z"].concat(),
        ),
    ];
    let different = [
        (
            "a value",
            of(&[("a", X), ("b", Y)]),
            of(&[("a", X), ("b", X)]),
        ),
        (
            "a key",
            of(&[("a", X), ("b", Y)]),
            of(&[("a", X), ("c", Y)]),
        ),
        (
            "whose value it is",
            of(&[("a", X), ("b", Y)]),
            of(&[("a", Y), ("b", X)]),
        ),
        ("one entry more", of(&[("a", X)]), of(&[("a", X), ("b", X)])),
        (
            "which comes last of two",
            of(&[("a", X), ("a", Y)]),
            of(&[("a", Y), ("a", X)]),
        ),
        ("the order of a list", list(&[X, Y]), list(&[Y, X])),
        (
            "the order of texts",
            [field(1, b"a"), field(1, b"b")].concat(),
            [field(1, b"b"), field(1, b"a")].concat(),
        ),
        // These may be a map or a repeated message; nothing says which.
        (
            "the order of pairs",
            pairs([(b"a", b"x"), (b"b", b"y")]),
            pairs([(b"b", b"y"), (b"a", b"x")]),
        ),
        (
            "one value that is not one",
            of(&[("a", X), ("b", b"\x38\x01")]),
            of(&[("b", b"\x38\x01"), ("a", X)]),
        ),
        (
            "an entry with more than key and value",
            [
                pair(b"a", X),
                field(1, &[pair(b"b", X), field(3, b"")].concat()),
            ]
            .concat(),
            [
                field(1, &[pair(b"b", X), field(3, b"")].concat()),
                pair(b"a", X),
            ]
            .concat(),
        ),
        (
            "what is not a message",
            [&of(&[("a", X), ("b", Y)])[..], b"\xff"].concat(),
            [&of(&[("b", Y), ("a", X)])[..], b"\xff"].concat(),
        ),
    ];
    let shelf = Shelf::new();
    let in_any = |contents: &[u8]| {
        let url = b"type.googleapis.com/acme.v9.X";
        field(4, &[field(1, url), field(2, contents)].concat())
    };
    let in_field = |contents: &[u8]| field(15, contents);
    type Place<'p> = &'p dyn Fn(&[u8]) -> Vec<u8>;
    let places: [Place<'_>; 2] = [&in_any, &in_field];
    let write = |message: &[u8], name: &str| {
        Edited::golden("small.c1z")
            .append("v1_resources", "resource_type_id = 'role'", message)
            .pack(&shelf.path(name));
    };
    let same = same.map(|case| (case, 0));
    let different = different.map(|case| (case, 1));
    for ((what, old, new), code) in same.into_iter().chain(different) {
        for place in places {
            write(&place(&old), "old.c1z");
            write(&place(&new), "new.c1z");
            let run = shelf.run(&["diff", "old.c1z", "new.c1z", "--force"]);
            let stdout = String::from_utf8(run.stdout).unwrap();
            assert_eq!(run.code, code, "{what}: {stdout}");
            let digest =
                |name| shelf.json(&["stats", name, "-o", "json"])["content_digest"].clone();
            let is_same = digest("old.c1z") == digest("new.c1z");
            assert_eq!(is_same, code == 0, "{what}");
        }
    }

    // Nor is that order reported beside a change.
    let fields = |entries: &[(&str, &[u8])], description: &[u8]| {
        [in_any(&a_struct(entries)), field(5, description)].concat()
    };
    write(&fields(&[("a", X), ("b", Y)], b"old"), "old.c1z");
    write(&fields(&[("b", Y), ("a", X)], b"new"), "new.c1z");
    let run = shelf.run(&["diff", "old.c1z", "new.c1z", "--force", "-o", "json"]);
    let diff: Value = serde_json::from_slice(&run.stdout).unwrap();
    for change in diff["changes"].as_array().unwrap() {
        let changed = change["fields"].as_array().unwrap();
        assert_eq!(changed.len(), 1, "{change}");
        assert_eq!(changed[0]["field"], "description");
    }
}

/// A length-delimited field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 0x80, "a longer length takes two bytes");
    [&[number << 3 | 2, length], content].concat()
}

#[test]
fn an_expansion_is_one_fact_in_the_blob_and_in_the_column() {
    let expansion = |shallow: bool| {
        let shallow: &[u8] = if shallow { b"\x10\x01" } else { b"" };
        [&field(1, b"team:1:member"), shallow, &*field(3, b"user")].concat()
    };
    let in_other_order = [field(3, b"user"), field(1, b"team:1:member")].concat();
    let annotation = |expansion: &[u8]| {
        let url = b"type.googleapis.com/c1.connector.v2.GrantExpandable";
        field(4, &[field(1, url), field(2, expansion)].concat())
    };
    let (deep, shallow) = (expansion(false), expansion(true));
    let in_words = "expansion: to holders of `team:1:member`, of type user → \
                    to holders of `team:1:member`, direct ones only, of type user";

    // Column and annotation of one grant, in two snapshots.
    type Place = (Option<Vec<u8>>, Vec<u8>);
    let column = |expansion: &[u8]| -> Place { (Some(expansion.to_vec()), Vec::new()) };
    let blob = |expansion: &[u8]| -> Place { (None, annotation(expansion)) };
    let both = |column: &[u8], blob: &[u8]| -> Place { (Some(column.to_vec()), annotation(blob)) };
    let none: Place = (None, Vec::new());
    let cases: [(&str, Place, Place, &str); 9] = [
        ("blob and column", blob(&deep), column(&deep), ""),
        ("both places", both(&deep, &deep), column(&deep), ""),
        (
            "column before blob",
            both(&shallow, &deep),
            column(&shallow),
            "",
        ),
        (
            "order of fields",
            column(&in_other_order),
            column(&deep),
            "",
        ),
        ("the SDK's mark", column(b""), none, ""),
        (
            "the mark before a blob",
            both(b"", &deep),
            column(&deep),
            "",
        ),
        (
            "column and column",
            column(&deep),
            column(&shallow),
            in_words,
        ),
        (
            "blob and other column",
            blob(&deep),
            column(&shallow),
            in_words,
        ),
        ("blob and other blob", blob(&deep), blob(&shallow), in_words),
    ];
    let shelf = Shelf::new();
    let one_grant = "id = (select min(id) from v1_grants)";
    let write = |(column, annotation): Place, name: &str| {
        let mut file = Edited::golden("small.c1z");
        if let Some(column) = column {
            let sql = format!("update v1_grants set expansion = ?1 where {one_grant}");
            file = file.with_blob(&sql, &column);
        }
        file.append("v1_grants", one_grant, &annotation)
            .pack(&shelf.path(name));
    };
    for (what, old, new, change) in cases {
        write(old, "old.c1z");
        write(new, "new.c1z");
        let run = shelf.run(&["diff", "old.c1z", "new.c1z", "--force"]);
        let stdout = String::from_utf8(run.stdout).unwrap();
        assert_eq!(run.code, i32::from(!change.is_empty()), "{what}: {stdout}");
        assert!(stdout.contains(change), "{what}: {stdout}");
        let digest = |name| shelf.json(&["stats", name, "-o", "json"])["content_digest"].clone();
        let is_same = digest("old.c1z") == digest("new.c1z");
        assert_eq!(is_same, change.is_empty(), "{what}");
    }

    // A value that is not a message is damage, in either place.
    for (what, place) in [("column", column(b"\xff")), ("blob", blob(b"\xff"))] {
        write(place, "bad.c1z");
        shelf
            .run(&["grants", "bad.c1z"])
            .fails(15, &["its expansion is not a valid message"]);
        let run = shelf.run(&["verify", "bad.c1z"]);
        assert_eq!(run.code, 1, "{what}");
    }
}
