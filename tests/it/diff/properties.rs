//! What holds of any two inventories: the steps from one to the other lead there, no change is told of equals and none
//! is passed over, and what is told one way is told the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use posthog_c1z::diff::{Step, merge};
use posthog_c1z::model::{
    Entitlement, Grant, Inventory, Resource, ResourceId, ResourceType, SyncId,
};
use posthog_c1z::snapshot::{self, ReadOptions, Readable, Row, Snapshot};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::roundtrip::{Rows, any_inventory, any_time, any_value, some_run, write};
use crate::support::answer;

/// Two inventories that have much in common: of the first one's rows, some are gone, some are others, some came.
fn any_pair() -> impl Strategy<Value = (Inventory, Inventory)> {
    (
        any_inventory(),
        any_inventory(),
        vec(0..8_u8, 40),
        any::<bool>(),
    )
        .prop_map(|(old, other, fates, with_others)| {
            let mut fates = fates.into_iter().cycle();
            let mut fate = || fates.next().unwrap();
            let (mut rows, others) = (Rows::of(&old), Rows::of(&other));
            for (row, other) in rows.resource_types.iter_mut().zip(&others.resource_types) {
                if fate() == 0 {
                    let id = row.id.clone();
                    *row = other.clone();
                    row.id = id;
                }
            }
            rows.resources.retain(|_| fate() != 0);
            for (row, other) in rows.resources.iter_mut().zip(&others.resources) {
                match fate() {
                    0 => {
                        let id = row.id.clone();
                        *row = other.clone();
                        row.id = id;
                    }
                    1 => row.display_name = other.display_name.clone(),
                    2 => row.profile = other.profile.clone(),
                    3 => row.user = other.user.clone(),
                    _ => {}
                }
            }
            let has = |rows: &Rows, id: &ResourceId| rows.resources.iter().any(|row| row.id == *id);
            let mut entitlements = std::mem::take(&mut rows.entitlements);
            entitlements.retain(|row| fate() != 0 && has(&rows, &row.resource));
            for (row, other) in entitlements.iter_mut().zip(&others.entitlements) {
                if fate() == 0 {
                    row.display_name = other.display_name.clone();
                    row.grantable_to = other.grantable_to.clone();
                }
            }
            rows.entitlements = entitlements;
            let mut grants = std::mem::take(&mut rows.grants);
            grants.retain(|row| {
                let held = rows.entitlements.iter().any(|of| of.id == row.entitlement);
                fate() != 0 && held && has(&rows, &row.principal)
            });
            for (row, other) in grants.iter_mut().zip(&others.grants) {
                if fate() == 0 {
                    row.joined_at = other.joined_at;
                }
            }
            rows.grants = grants;
            if with_others {
                rows.resource_types.extend(others.resource_types);
                rows.resources.extend(others.resources);
                rows.entitlements.extend(others.entitlements);
                rows.grants.extend(others.grants);
            }
            (old, rows.build())
        })
}

fn rows_of<K: Readable>(snapshot: &Snapshot, sync: &SyncId) -> Vec<Row<'static, K>> {
    let rows = snapshot.rows(sync, snapshot::Filter::EVERYTHING);
    rows.unwrap().map(Result::unwrap).collect()
}

/// Checks that the steps of the merge, applied to the rows of one file, give those of the other.
fn steps_lead_there<K: Readable>([old, new]: [&Snapshot; 2], sync: &SyncId) {
    let (old, new) = (rows_of::<K>(old, sync), rows_of::<K>(new, sync));
    let by_id = |rows: &[Row<'static, K>]| -> BTreeMap<String, Row<'static, K>> {
        rows.iter()
            .map(|row| (row.id.to_string(), row.clone()))
            .collect()
    };
    let mut applied = by_id(&old);
    let sound =
        |rows: &[Row<'static, K>]| rows.iter().cloned().map(Ok).collect::<Vec<Result<_, ()>>>();
    let apply = |step: Step<Row<'static, K>>| {
        match step {
            Step::Old(row) => drop(applied.remove(&*row.id)),
            Step::New(row) | Step::Both(_, row) => {
                drop(applied.insert(row.id.to_string(), row));
            }
        }
        Ok(())
    };
    merge(sound(&old), sound(&new), |a, b| a.id.cmp(&b.id), apply).unwrap();
    assert_eq!(applied, by_id(&new));
}

/// The JSON document, and the exit code.
fn told(folder: &Path, old: &str, new: &str) -> (Value, u8) {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let answered = answer(folder, &["diff", &path(old), &path(new), "-o", "json"]);
    assert!(answered.code <= 1, "{}", answered.message);
    (
        serde_json::from_slice(&answered.stdout).unwrap(),
        answered.code,
    )
}

type Told = BTreeMap<(String, String), (BTreeSet<String>, BTreeMap<String, Value>)>;

/// What happened to each object and its fields, however many changes that was told in; turned round if asked for.
fn by_object(document: &Value, turned: bool) -> Told {
    let mut told = Told::new();
    for change in document["changes"].as_array().unwrap() {
        let text = |key: &str| change[key].as_str().unwrap().to_owned();
        let (actions, fields) = told.entry((text("kind"), text("id"))).or_default();
        actions.insert(match (&*text("action"), turned) {
            ("added", true) => "removed".to_owned(),
            ("removed", true) => "added".to_owned(),
            (action, _) => action.to_owned(),
        });
        for field in change["fields"].as_array().into_iter().flatten() {
            let sides = if turned {
                json!([field["new"], field["old"]])
            } else {
                json!([field["old"], field["new"]])
            };
            let name = field["field"].as_str().unwrap().to_owned();
            assert!(fields.insert(name, sides).is_none(), "{change}");
        }
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn diff_of_two_inventories((old, new) in any_pair()) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let run = some_run();
        let old_digest = write(&path("old.c1z"), &run, &old, None);
        let new_digest = write(&path("new.c1z"), &run, &new, None);

        // Applying the steps from one to the other leads there.
        let open = |name: &str| Snapshot::open(&path(name), &ReadOptions::default()).unwrap();
        let (old_file, new_file) = (open("old.c1z"), open("new.c1z"));
        let files = [&old_file, &new_file];
        steps_lead_there::<ResourceType>(files, &run.id);
        steps_lead_there::<Resource>(files, &run.id);
        steps_lead_there::<Entitlement>(files, &run.id);
        steps_lead_there::<Grant>(files, &run.id);

        let (there, code) = told(folder.path(), "old.c1z", "new.c1z");
        let (back, back_code) = told(folder.path(), "new.c1z", "old.c1z");
        prop_assert_eq!(by_object(&there, true), by_object(&back, false));
        prop_assert_eq!(code, back_code);

        // "No differences", equal digests and exit code 0 are one statement.
        let is_empty = there["changes"].as_array().unwrap().is_empty();
        prop_assert_eq!(is_empty, old_digest == new_digest);
        prop_assert_eq!(is_empty, code == 0);
        prop_assert_eq!(is_empty, there["headline"] == "no differences");
        prop_assert_eq!(&there["old"]["content_digest"], &json!(old_digest.to_string()));
        prop_assert_eq!(&there["new"]["content_digest"], &json!(new_digest.to_string()));

        // Every other output bears it.
        for args in [
            &["-o", "markdown", "--max-bytes", "2048"][..],
            &["-o", "console", "--ids"],
            &["-o", "ndjson"],
            &["--print-accept"],
        ] {
            let [old, new] = ["old.c1z", "new.c1z"].map(|name| path(name).to_str().unwrap().to_owned());
            let args = [&["diff", &old, &new], args].concat();
            let answered = answer(folder.path(), &args);
            prop_assert_eq!(answered.code, code, "{}", answered.message);
            if args.contains(&"markdown") {
                prop_assert!(answered.stdout.len() <= 2_048);
            }
            if args.contains(&"--print-accept") {
                std::fs::write(path("accept.txt"), &answered.stdout).unwrap();
            }
        }

        // What is printed to be accepted is accepted.
        let [old, new, accept] =
            ["old.c1z", "new.c1z", "accept.txt"].map(|name| path(name).to_str().unwrap().to_owned());
        let answered = answer(folder.path(), &["diff", &old, &new, "--accept", &accept, "-o", "json"]);
        prop_assert_eq!(answered.code, 0, "{}", answered.message);
        let accepted: Value = serde_json::from_slice(&answered.stdout).unwrap();
        // Fields that may be agreed on one by one are accepted as such.
        let all = json!({"changes": accepted["accepted"]});
        prop_assert_eq!(by_object(&all, false), by_object(&there, false));
        prop_assert_eq!(&accepted["changes"], &json!([]));
        prop_assert_eq!(&accepted["warnings"], &json!([]));
    }

    #[test]
    fn noise_is_no_difference(inventory in any_inventory(), at in any_time(), value in any_value()) {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = Rows::of(&inventory);
        for resource in &mut rows.resources {
            if let Some(user) = &mut resource.user {
                user.last_login = Some(at);
            }
            let entries = resource.profile.iter().map(|(key, value)| (key.clone(), value.clone()));
            let noise = ["last_login", "updated_at"].map(|key| (key.into(), value.clone()));
            resource.profile = entries.chain(noise).collect();
        }
        let run = some_run();
        write(&folder.path().join("old.c1z"), &run, &inventory, None);
        write(&folder.path().join("new.c1z"), &run, &rows.build(), None);
        for (old, new) in [("old.c1z", "new.c1z"), ("new.c1z", "old.c1z"), ("old.c1z", "old.c1z")] {
            let (told, code) = told(folder.path(), old, new);
            prop_assert_eq!(code, 0);
            prop_assert_eq!(&told["changes"], &json!([]));
            prop_assert_eq!(&told["old"]["content_digest"], &told["new"]["content_digest"]);
        }
    }
}
