//! Files of other writers, of this year and of earlier ones: what is good is read in full, what is not is named.

use std::collections::BTreeMap;
use std::fs;

use posthog_c1z::model::{
    Entitlement, Grant, Inventory, Resource, ResourceType, SyncId, SyncRun, SyncType, Timestamp,
};
use posthog_c1z::snapshot::{Damage, Error, Filter, ReadOptions, Readable, Snapshot};
use serde_json::Value;

use crate::support::golden;

/// What must become of a file.
enum Fate {
    /// Its sync runs are read; each dump tells the one it is named after.
    Good(&'static [&'static str]),
    /// It is told as something else than a c1z, with what it looks like.
    NotC1z(Option<&'static str>),
    /// It is told as damaged, in a way that this finds right.
    Damaged(fn(&Damage) -> bool),
    /// It holds a sync run, and none that is finished.
    Unfinished,
    /// It opens and its rows are read, but they do not hold together.
    Dangling,
    /// It opens and is read; what is wrong with it is for `verify` to tell.
    ReadAllTheSame,
}

use Fate::{Damaged, Dangling, Good, NotC1z, ReadAllTheSame, Unfinished};

const FATES: [(&str, Fate); 25] = [
    (
        "connector-default-v3.c1z",
        Good(&["connector-default-v3.json"]),
    ),
    ("connector-sqlite.c1z", Good(&["connector-sqlite.json"])),
    ("corrupt-bad-magic.c1z", NotC1z(None)),
    (
        "corrupt-bad-zstd-checksum.c1z",
        Damaged(|damage| matches!(damage, Damage::Checksum)),
    ),
    // Flipped in compressed data, so zstd may stumble before it comes to the checksum.
    (
        "corrupt-flipped-byte.c1z",
        Damaged(|damage| matches!(damage, Damage::Checksum | Damage::Zstd(_))),
    ),
    (
        "corrupt-header-only.c1z",
        Damaged(|damage| matches!(damage, Damage::Empty)),
    ),
    (
        "corrupt-missing-checksum.c1z",
        Damaged(|damage| matches!(damage, Damage::Truncated)),
    ),
    (
        "corrupt-sqlite-truncated.c1z",
        Damaged(|damage| matches!(damage, Damage::Database(_))),
    ),
    (
        "corrupt-trailing-garbage.c1z",
        Damaged(|damage| matches!(damage, Damage::TrailingBytes)),
    ),
    (
        "corrupt-truncated.c1z",
        Damaged(|damage| matches!(damage, Damage::Truncated)),
    ),
    (
        "corrupt-window-256MiB.c1z",
        Damaged(|damage| matches!(damage, Damage::Window)),
    ),
    (
        "corrupt-wrong-frame-size.c1z",
        Damaged(|damage| matches!(damage, Damage::Zstd(_))),
    ),
    ("corrupt-zero-length.c1z", NotC1z(Some("an empty file"))),
    ("empty-finished.c1z", Good(&["empty-finished.json"])),
    ("invalid-dangling-principal.c1z", Dangling),
    ("invalid-external-id.c1z", ReadAllTheSame),
    (
        "invalid-swapped-index-names.c1z",
        Good(&["invalid-swapped-index-names.json"]),
    ),
    (
        "invalid-time-text.c1z",
        Damaged(|damage| {
            matches!(
                damage,
                Damage::Time {
                    column: "ended_at",
                    ..
                }
            )
        }),
    ),
    ("resources-only.c1z", Good(&["resources-only.json"])),
    ("small-slim-grants.c1z", Good(&["small-slim-grants.json"])),
    ("small.c1z", Good(&["small.json"])),
    (
        "two-syncs.c1z",
        Good(&["two-syncs.previous.json", "two-syncs.json"]),
    ),
    ("unfinished.c1z", Unfinished),
    ("v3-pebble.c1z", Good(&["v3-pebble.json"])),
    (
        "written-by-sdk-0.7.27.c1z",
        Good(&["written-by-sdk-0.7.27.json"]),
    ),
];

fn open(name: &str) -> Result<Snapshot, Error> {
    Snapshot::open(&golden(name), &ReadOptions::default())
}

/// The inventory that is shown when nobody names a sync run.
fn default_inventory(name: &str) -> Result<Inventory, Error> {
    let snapshot = open(name)?;
    let run = snapshot.sync_run(None)?;
    snapshot.inventory(&run.id)
}

#[test]
fn every_file_in_the_folder_is_named_here() {
    let mut found: Vec<String> = fs::read_dir(golden(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".c1z"))
        .collect();
    found.sort();
    assert_eq!(found, FATES.map(|(name, _)| name));
}

#[test]
fn every_file_comes_to_what_is_said_of_it() {
    for (name, fate) in FATES {
        let result = default_inventory(name);
        match (fate, &result) {
            (Good(_) | ReadAllTheSame, Ok(_)) => {}
            (NotC1z(expected), Err(Error::NotC1z { looks_like, .. })) => {
                assert_eq!(*looks_like, expected, "{name}");
            }
            (Damaged(is_right), Err(Error::Damaged { damage, .. })) => {
                assert!(is_right(damage), "{name}: {damage:?}");
            }
            (Unfinished, Err(Error::NoFinishedSync { unfinished: 1, .. })) => {}
            (Dangling, Err(Error::Damaged { damage, .. })) => {
                assert!(matches!(damage, Damage::Schema(_)), "{name}: {damage:?}");
                assert!(
                    damage.to_string().contains("user:455ee46a"),
                    "{name}: {damage}"
                );
            }
            (_, other) => panic!("{name}: {other:?}"),
        }
        if let Err(error) = result {
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}

/// What the SDK's dumper printed of one sync run, by the kind of its lines.
struct Dump(BTreeMap<String, Vec<Value>>);

impl Dump {
    fn read(name: &str) -> Self {
        let mut by_kind = BTreeMap::<String, Vec<Value>>::new();
        for line in fs::read_to_string(golden(name)).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let kind = line["kind"].as_str().unwrap().to_owned();
            by_kind.entry(kind).or_default().push(line);
        }
        Self(by_kind)
    }

    fn lines(&self, kind: &str) -> &[Value] {
        self.0.get(kind).map_or(&[], Vec::as_slice)
    }

    fn sync_id(&self) -> SyncId {
        SyncId::new(self.lines("chosen_sync")[0]["id"].as_str().unwrap())
    }

    /// The objects of a kind as the `baton` CLI would print them, by what `id_of` finds in them.
    fn objects(&self, kind: &str, id_of: fn(&Value) -> String) -> BTreeMap<String, Value> {
        let objects = self
            .lines(kind)
            .iter()
            .map(|line| camel_case(&line["data"]));
        objects.map(|object| (id_of(&object), object)).collect()
    }
}

/// The names of proto fields as protobuf's JSON has them. What a Struct holds has names of its own.
fn camel_case(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, inner)| match name.as_str() {
                    "profile" | "metadata" => (name.clone(), inner.clone()),
                    _ => (camel_case_name(name), camel_case(inner)),
                })
                .collect(),
        ),
        Value::Array(values) => values.iter().map(camel_case).collect(),
        other => other.clone(),
    }
}

fn camel_case_name(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        name.push_str(&word[..1].to_uppercase());
        name.push_str(&word[1..]);
        name
    })
}

fn own_id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

fn resource_id(object: &Value) -> String {
    let part = |name: &str| object["id"][name].as_str().unwrap().to_owned();
    format!("{}:{}", part("resourceType"), part("resource"))
}

/// Good files with their dumps, each of one sync run.
fn dumps() -> impl Iterator<Item = (&'static str, Dump)> {
    FATES.into_iter().flat_map(|(name, fate)| {
        let dumps = match fate {
            Good(dumps) => dumps,
            _ => &[],
        };
        dumps.iter().map(move |dump| (name, Dump::read(dump)))
    })
}

#[test]
fn sync_runs_are_those_that_the_sdk_finds() {
    for (name, dump) in dumps() {
        let time = |text: &Value| Timestamp::parse(text.as_str().unwrap()).unwrap();
        let expected: Vec<_> = dump
            .lines("sync_run")
            .iter()
            // The dump of a v3 file has the record as it is stored.
            .map(|line| line.get("run").unwrap_or(line))
            .map(|run| SyncRun {
                id: SyncId::new(run["id"].as_str().unwrap()),
                sync_type: SyncType::from_text(run["sync_type"].as_str().unwrap()),
                started_at: time(&run["started_at"]),
                ended_at: Some(time(&run["ended_at"])),
                states_offset: name.contains("v3"),
                parent_id: run["parent_sync_id"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            })
            .collect();
        let found = open(name).unwrap().sync_runs().unwrap();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn newest_finished_full_sync_run_is_shown_else_the_newest_finished_one() {
    for (name, fate) in FATES {
        if let Good(dumps) = fate {
            let newest = Dump::read(dumps.last().unwrap()).sync_id();
            assert_eq!(
                open(name).unwrap().sync_run(None).unwrap().id,
                newest,
                "{name}"
            );
        }
    }
    let run = open("resources-only.c1z").unwrap().sync_run(None).unwrap();
    assert_eq!(run.sync_type, SyncType::ResourcesOnly);
}

#[test]
fn every_object_that_the_sdk_finds_is_read_and_no_other() {
    for (name, dump) in dumps() {
        let inventory = open(name).unwrap().inventory(&dump.sync_id()).unwrap();
        let counts = &dump.lines("counts")[0];
        assert_eq!(
            inventory.resource_types().len(),
            counts["resource_types"],
            "{name}"
        );
        assert_eq!(inventory.resources().len(), counts["resources"], "{name}");
        assert_eq!(
            inventory.entitlements().len(),
            counts["entitlements"],
            "{name}"
        );
        assert_eq!(inventory.grants().len(), counts["grants"], "{name}");
        for of_type in ["user", "role"] {
            let count = counts["sdk_stats"][of_type].as_u64().unwrap_or(0);
            assert_eq!(
                inventory.count_of_type(of_type) as u64,
                count,
                "{name}: {of_type}"
            );
        }

        let expected = |kind, id_of| dump.objects(kind, id_of).into_keys().collect::<Vec<_>>();
        let ids = |ids: &mut dyn Iterator<Item = String>| ids.collect::<Vec<_>>();
        let types = &mut inventory
            .resource_types()
            .iter()
            .map(|row| row.id.to_string());
        assert_eq!(ids(types), expected("resource_type", own_id), "{name}");
        let resources = &mut inventory.resources().iter().map(|row| row.id.to_string());
        assert_eq!(ids(resources), expected("resource", resource_id), "{name}");
        let entitlements = &mut inventory
            .entitlements()
            .iter()
            .map(|row| row.id.to_string());
        assert_eq!(ids(entitlements), expected("entitlement", own_id), "{name}");
        let grants = &mut inventory.grants().iter().map(|row| row.id().into_owned());
        assert_eq!(ids(grants), expected("grant", own_id), "{name}");

        let grants = dump.objects("grant", own_id);
        for grant in inventory.grants() {
            let told = &grants[&*grant.id()];
            assert_eq!(
                grant.entitlement.as_str(),
                told["entitlement"]["id"],
                "{name}"
            );
            assert_eq!(
                grant.principal.to_string(),
                resource_id(&told["principal"]),
                "{name}"
            );
        }
        for resource in inventory.resources() {
            let told = &dump.objects("resource", resource_id)[&resource.id.to_string()];
            assert_eq!(&*resource.display_name, told["displayName"], "{name}");
            if let Some(user) = &resource.user {
                let told = &told["annotations"][0];
                let email = user.primary_email().unwrap_or_default();
                assert_eq!(email, told["emails"][0]["address"], "{name}");
                assert_eq!(
                    resource.profile.text("user_id").unwrap(),
                    told["profile"]["user_id"],
                    "{name}"
                );
                let last_login = user.last_login.map(|at| at.to_protobuf_json());
                assert_eq!(last_login.as_deref(), told["lastLogin"].as_str(), "{name}");
            }
        }
    }
}

#[test]
fn every_blob_as_json_is_what_the_sdk_makes_of_it() {
    for (name, dump) in dumps() {
        let snapshot = open(name).unwrap();
        let rows = (name, &snapshot, &dump);
        same_json::<ResourceType>(rows, "resource_type", own_id);
        same_json::<Resource>(rows, "resource", resource_id);
        same_json::<Entitlement>(rows, "entitlement", own_id);
        // The SDK fills in from the columns what such blobs leave out.
        if name != "small-slim-grants.c1z" {
            same_json::<Grant>(rows, "grant", own_id);
        }
    }
}

fn same_json<K: Readable>(
    (name, snapshot, dump): (&str, &Snapshot, &Dump),
    of_dump: &str,
    id_of: fn(&Value) -> String,
) {
    let mut expected = dump.objects(of_dump, id_of);
    for row in snapshot
        .rows::<K>(&dump.sync_id(), Filter::EVERYTHING)
        .unwrap()
    {
        let row = row.unwrap();
        let mut json = Vec::new();
        row.push_json(&mut json);
        let json: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(Some(json), expected.remove(&*row.id), "{name}: {}", row.id);
    }
    assert!(expected.is_empty(), "{name}: {expected:?}");
}

#[test]
fn equal_content_has_an_equal_digest_whoever_wrote_it_and_however_it_is_stored() {
    let digest = |name| {
        let snapshot = open(name).unwrap();
        let run = snapshot.sync_run(None).unwrap();
        snapshot.content_digest(&run.id).unwrap()
    };
    // The same three people, two roles and four grants: another frame, another schema, other index names.
    let expected = digest("small.c1z");
    assert_eq!(digest("invalid-swapped-index-names.c1z"), expected);
    assert_eq!(digest("small-slim-grants.c1z"), expected);
    assert_ne!(digest("resources-only.c1z"), expected);
    assert_ne!(digest("empty-finished.c1z"), expected);
    let two = open("two-syncs.c1z").unwrap();
    let digests: Vec<_> = two
        .sync_runs()
        .unwrap()
        .iter()
        .map(|run| two.content_digest(&run.id).unwrap())
        .collect();
    assert_ne!(digests[0], digests[1]);
}
