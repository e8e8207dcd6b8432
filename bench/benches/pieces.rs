//! Micro-benchmarks of the steps of a snapshot, each next to what it is compared with: parsing a page of JSON, writing
//! rows to a file, and turning the rows of a file into what commands need.
//!
//! ```text
//! cargo bench -p posthog-c1z-bench
//! ```

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark may panic if it cannot continue"
)]

use std::io::{self, BufReader, Read};
use std::path::Path;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use posthog_c1z::model::{Grant, Inventory, SyncId, SyncRun, Timestamp};
use posthog_c1z::progress::Silent;
use posthog_c1z::snapshot::{
    self, Contents, Filter, ReadOptions, Row, Snapshot, Target, new_sync_id,
};
use serde::Deserialize;
use serde_json::json;

use posthog_c1z_bench::inventory::inventory;
use posthog_c1z_bench::organization::Organization;
use posthog_c1z_bench::shape::Shape;

#[path = "../../src/crawl/json.rs"]
#[allow(
    dead_code,
    reason = "includes a module that the library does not export"
)]
mod json_stream;

use json_stream::{Budget, JsonStream};

const PEOPLE: usize = 1_000;
const GRANTS: usize = 10_000;

fn main() {
    divan::main();
}

fn organization() -> Organization {
    Organization::new(&Shape {
        people: PEOPLE,
        roles: 100,
        grants: GRANTS,
        seed: 1,
        changed: false,
    })
}

/// One role with 2,000 memberships, as in the list of roles.
fn page() -> Vec<u8> {
    let people = organization().people;
    let memberships: Vec<_> = people
        .iter()
        .cycle()
        .take(2_000)
        .map(|person| {
            let user = json!({
                "id": person.number, "uuid": person.uuid, "distinct_id": person.distinct_id,
                "first_name": person.first_name, "last_name": person.last_name, "email": person.email,
                "is_email_verified": person.is_email_verified, "hedgehog_config": null,
                "role_at_organization": person.job,
            });
            json!({
                "id": person.member_id, "role_id": person.uuid, "user": user,
                "organization_member": {
                    "id": person.member_id, "user": user, "level": person.level,
                    "joined_at": person.joined_at, "updated_at": person.updated_at,
                    "is_2fa_enabled": person.is_2fa_enabled, "has_social_auth": person.has_social_auth,
                },
                "joined_at": person.joined_at, "updated_at": person.updated_at,
            })
        })
        .collect();
    json!({"count": 1, "next": null, "results": [{"id": "1", "members": memberships}]})
        .to_string()
        .into_bytes()
}

/// The fields read from a membership whose user is already known.
#[derive(Deserialize)]
struct Membership<'a> {
    #[serde(borrow)]
    id: &'a str,
    #[serde(borrow)]
    user: User<'a>,
    joined_at: &'a str,
}

#[derive(Deserialize)]
struct User<'a> {
    uuid: &'a str,
}

/// The same with owned texts, since a reader cannot lend any.
#[derive(Deserialize)]
struct OwnPage {
    results: Vec<OwnRole>,
}

#[derive(Deserialize)]
struct OwnRole {
    members: Vec<OwnMembership>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed, and no more")]
struct OwnMembership {
    id: String,
    user: OwnUser,
    joined_at: String,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed, and no more")]
struct OwnUser {
    uuid: String,
}

fn walk(input: &mut dyn Read) -> usize {
    let mut found = 0;
    let budget = Budget::default();
    let mut json = JsonStream::new(input, &budget);
    json.object("a page", |json, name| match name {
        "results" => json.list("a list", |json| {
            json.object("a role", |json, name| match name {
                "members" => json.list("a list", |json| {
                    let row: Membership<'_> = json.parse()?;
                    found += row.id.len() + row.user.uuid.len() + row.joined_at.len();
                    Ok(())
                }),
                _ => json.skip(),
            })
        }),
        _ => json.skip(),
    })
    .unwrap();
    found
}

/// Parses JSON as the crawl does.
#[divan::bench]
fn json_walked(bencher: Bencher<'_, '_>) {
    let page = page();
    bencher
        .counter(BytesCount::of_slice(&page))
        .bench(|| black_box(walk(&mut page.as_slice())));
}

/// Parses JSON from memory, which is not possible for a response of a gigabyte.
#[divan::bench]
fn json_from_slice(bencher: Bencher<'_, '_>) {
    let page = page();
    bencher.counter(BytesCount::of_slice(&page)).bench(|| {
        let page: OwnPage = serde_json::from_slice(&page).unwrap();
        black_box(page.results[0].members.len())
    });
}

/// Parses JSON with serde_json from a reader.
#[divan::bench]
fn json_from_reader(bencher: Bencher<'_, '_>) {
    let page = page();
    bencher.counter(BytesCount::of_slice(&page)).bench(|| {
        let page: OwnPage =
            serde_json::from_reader(BufReader::with_capacity(64 << 10, page.as_slice())).unwrap();
        black_box(page.results[0].members.len())
    });
}

fn sync_run() -> SyncRun {
    let at = Timestamp::parse("2026-01-02T03:04:05Z").unwrap();
    SyncRun::full(new_sync_id(at), at, at)
}

fn write(inventory: &Inventory, target: Target<'_>) {
    let contents = Contents {
        sync_run: &sync_run(),
        inventory,
        evidence: None,
        organization: None,
    };
    snapshot::write(target, &contents, None, &Silent).unwrap();
}

/// Writes rows: blobs, SQLite, indexes and zstd.
#[divan::bench(max_time = 5)]
fn rows_written(bencher: Bencher<'_, '_>) {
    let inventory = inventory(organization()).unwrap();
    bencher
        .counter(ItemsCount::new(GRANTS))
        .bench(|| write(&inventory, Target::Stream(&mut io::sink())));
}

/// An open snapshot, with all of its grants in memory.
struct Read10k {
    snapshot: Snapshot,
    sync: SyncId,
    grants: Vec<Row<'static, Grant>>,
}

fn read() -> Read10k {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bench.c1z");
    let target = Target::File {
        path: Path::new(&path),
        mode: 0o600,
    };
    write(&inventory(organization()).unwrap(), target);
    let snapshot = Snapshot::open(&path, &ReadOptions::default()).unwrap();
    let sync = snapshot.sync_run(None).unwrap().id;
    let grants = grants(&snapshot, &sync);
    Read10k {
        snapshot,
        sync,
        grants,
    }
}

fn grants(snapshot: &Snapshot, sync: &SyncId) -> Vec<Row<'static, Grant>> {
    let rows = snapshot.rows(sync, Filter::EVERYTHING);
    rows.unwrap().map(Result::unwrap).collect()
}

/// Reads rows from SQLite.
#[divan::bench]
fn grants_read(bencher: Bencher<'_, '_>) {
    let read = read();
    bencher
        .counter(ItemsCount::new(GRANTS))
        .bench_local(|| grants(&read.snapshot, &read.sync).len());
}

/// Encodes rows as records for the content digest.
#[divan::bench]
fn grants_to_records(bencher: Bencher<'_, '_>) {
    each_grant(bencher, |row, out| row.record(out));
}

/// Encodes rows as the `baton` CLI's JSON.
#[divan::bench]
fn grants_to_json(bencher: Bencher<'_, '_>) {
    each_grant(bencher, |row, out| row.push_json(out));
}

/// Decodes rows to the model.
#[divan::bench]
fn grants_decoded(bencher: Bencher<'_, '_>) {
    each_grant(bencher, |row, _| {
        black_box(row.decode().unwrap());
    });
}

fn each_grant(bencher: Bencher<'_, '_>, make: impl Fn(&Row<'_, Grant>, &mut Vec<u8>) + Sync) {
    let grants = read().grants;
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(GRANTS)).bench_local(|| {
        out.clear();
        grants.iter().for_each(|row| make(row, &mut out));
        out.len()
    });
}
