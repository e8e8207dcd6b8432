//! FORMAT.md, where it can be checked: the vectors of the content digest.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::support::{Edited, Shelf, golden};

/// One row, or none, and what FORMAT.md says of it.
#[derive(Default)]
struct Vector {
    /// `<kind> <external_id>`, or `none`.
    row: String,
    blob: Vec<u8>,
    record: Vec<u8>,
    digest: String,
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<_> = hexadecimal.chars().filter(|c| *c != ' ').collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/snapshot/FORMAT.md");
    let text = fs::read_to_string(path).unwrap();
    let section = text.split("## Test vectors\n").nth(1).unwrap();
    let block = section.split("```").nth(1).unwrap();
    let block = block.strip_prefix("text\n").unwrap();
    let vector = |lines: &str| {
        let mut vector = Vector::default();
        for line in lines.lines() {
            let (name, value) = line.split_once(' ').unwrap();
            let value = value.trim();
            match name {
                "row" | "rows" => vector.row = value.to_owned(),
                "blob" => vector.blob = bytes(value),
                "record" => vector.record = bytes(value),
                "digest" => vector.digest = value.to_owned(),
                other => panic!("{other}"),
            }
        }
        vector
    };
    block.trim().split("\n\n").map(vector).collect()
}

#[test]
fn the_vectors_of_the_digest_are_what_the_program_says() {
    let shelf = Shelf::new();
    let vectors = vectors();
    assert_eq!(vectors.len(), 9);
    for vector in &vectors {
        let Vector {
            row,
            blob,
            record,
            digest,
        } = vector;
        // By hand.
        let mut hash = Sha256::new();
        hash.update(b"posthog-c1z content v1\n");
        hash.update(record);
        let by_hand: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(format!("v1:{by_hand}"), *digest, "{row}");
        // By the program.
        let path = shelf.path("vector.c1z");
        let file = Edited::of(&golden("empty-finished.c1z"))
            .sql("delete from v1_resource_types; delete from v1_resources");
        let sync = "(select sync_id from v1_sync_runs where ended_at is not null)";
        let file = match row.split_once(' ') {
            None => file,
            Some(("resource_type", id)) => file.with_blob(
                &format!(
                    "insert into v1_resource_types (external_id, data, sync_id, discovered_at) \
                     values ('{id}', ?1, {sync}, '2026-01-01 00:00:00')"
                ),
                blob,
            ),
            Some(("resource", id)) => file.with_blob(
                &format!(
                    "insert into v1_resources (resource_type_id, external_id, data, sync_id, discovered_at) \
                     values ('user', '{id}', ?1, {sync}, '2026-01-01 00:00:00')"
                ),
                blob,
            ),
            Some((other, _)) => panic!("{other}"),
        };
        file.pack(&path);
        let stats = shelf.json(&["stats", "-o", "json", "vector.c1z"]);
        assert_eq!(stats["content_digest"], **digest, "{row}");
    }
    // An empty profile, and one of noise, are as good as none.
    assert!(
        vectors[2..5]
            .windows(2)
            .all(|two| two[0].digest == two[1].digest)
    );
    // One Struct in an unknown message, in two orders.
    assert_ne!(vectors[7].blob, vectors[8].blob);
    assert_eq!(vectors[7].digest, vectors[8].digest);
}

/// What version 0.1 said of the sample organization. A snapshot is compared with one that is years older.
#[test]
fn the_digest_of_an_organization_is_what_it_was_in_0_1() {
    let shelf = Shelf::new();
    for (week, digest) in [
        (
            "--demo",
            "v1:d2c506ee0c2f3889b562520dffc91541e50254377a85da7a1e639f16697277b1",
        ),
        (
            "--demo=later",
            "v1:7e5462c14916364351a32ca4420d576cf3721d9277c0944af48f8b84e21f6b20",
        ),
    ] {
        shelf
            .run(&["sync", week, "--force", "--file", "demo.c1z"])
            .succeeds();
        let stats = shelf.json(&["stats", "-o", "json", "demo.c1z"]);
        assert_eq!(stats["content_digest"], digest, "{week}");
    }
}

/// The `baton` CLI's exports to CSV and XLSX take a resource's name from the entitlement's blob, for its grants too.
#[test]
fn the_blob_of_an_entitlement_names_its_resource() {
    let shelf = Shelf::with_demo();
    let list = shelf.json(&["entitlements", "demo.c1z", "-o", "json"]);
    let rows = list["entitlements"].as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let copy = &row["entitlement"]["resource"];
        assert_eq!(copy["displayName"], row["resource"]["displayName"]);
        assert_eq!(copy["id"], row["resource"]["id"]);
        let names: Vec<_> = copy.as_object().unwrap().keys().collect();
        assert_eq!(names, ["displayName", "id"]);
    }
}
