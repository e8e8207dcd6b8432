//! The file, looked at without our own reader: container, tables, indexes, and the columns that other tools rely on.
//! What is right is what the SDK's own writer left in `testdata/snapshots/small.c1z`.

use std::collections::BTreeSet;
use std::fs;

use posthog_c1z::model::{Entitlement, Grant, Resource, ResourceType, Timestamp};
use posthog_c1z::snapshot::{Filter, Readable};
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};

use crate::support::{
    Database, Organization, Sandbox, Written, bare_membership, golden, member, membership, role,
    role_id, user, user_id,
};

/// A snapshot with a member, an unlisted person, two roles, one of them without holders.
struct Fixture {
    /// The whole file.
    bytes: Vec<u8>,
    written: Written,
    database: Database,
}

fn fixture() -> Fixture {
    let posthog = Organization::new()
        .members([member(2), member(1)])
        .role(role(2), [])
        .role(
            role(1),
            [membership(1, &member(2)), bare_membership(1, &user(3))],
        )
        .serve();
    let sandbox = Sandbox::new();
    let written = sandbox.sync(&posthog);
    let path = sandbox.path("sync.c1z");
    Fixture {
        bytes: fs::read(&path).unwrap(),
        database: Database::of(&path),
        written,
    }
}

const CONTENT_TABLES: [&str; 4] = [
    "v1_resource_types",
    "v1_resources",
    "v1_entitlements",
    "v1_grants",
];

#[test]
fn container_is_the_magic_and_one_frame_with_size_and_checksum() {
    let Fixture {
        bytes, database, ..
    } = fixture();
    let frame = bytes.strip_prefix(b"C1ZF\0").unwrap();
    let length = zstd::zstd_safe::find_frame_compressed_size(frame).unwrap();
    assert_eq!(length, frame.len(), "something follows the first frame");
    let declared = zstd::zstd_safe::get_frame_content_size(frame).unwrap();
    assert_eq!(declared, Some(database.bytes.len() as u64));
    // Frame header: magic number, then the descriptor, whose third bit says that a checksum follows.
    assert_eq!(frame[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    let descriptor = frame[4];
    assert_eq!(descriptor & 0b100, 0b100, "no checksum");
    assert_eq!(descriptor & 0b11, 0, "a dictionary is needed");
    let is_single_segment = descriptor & 0b10_0000 != 0;
    // With a single segment the window is the content itself, else the byte that follows has its exponent on top.
    let window = if is_single_segment {
        database.bytes.len() as u64
    } else {
        1 << (10 + (frame[5] >> 3))
    };
    assert!(window <= 8 << 20, "window of {window} bytes");
}

#[test]
fn database_is_sound_utf8_and_without_journal_or_free_pages() {
    let Fixture { database, .. } = fixture();
    assert_eq!(database.texts("pragma integrity_check"), ["ok"]);
    assert_eq!(database.texts("pragma encoding"), ["UTF-8"]);
    for (pragma, expected) in [
        ("page_size", 4096),
        ("freelist_count", 0),
        ("user_version", 0),
        ("application_id", 0),
    ] {
        assert_eq!(
            database.number(&format!("pragma {pragma}")),
            expected,
            "{pragma}"
        );
    }
    assert_eq!(
        database.bytes[18..20],
        [1, 1],
        "not the rollback journal's read and write version"
    );
    assert_eq!(database.bytes.len() % 4096, 0);
}

fn lower(rows: Vec<Vec<Cell>>) -> Vec<Vec<Cell>> {
    let lower = |cell| match cell {
        Cell::Text(text) => Cell::Text(text.to_lowercase()),
        other => other,
    };
    rows.into_iter()
        .map(|row| row.into_iter().map(lower).collect())
        .collect()
}

#[test]
fn tables_have_exactly_the_columns_that_the_sdk_gives_them() {
    let Fixture { database, .. } = fixture();
    let golden = Database::of(&golden("small.c1z"));
    let tables = "select name from sqlite_schema where type = 'table' order by name";
    assert_eq!(database.texts(tables), golden.texts(tables));
    assert_eq!(database.texts(tables).len(), 7);
    for table in database.texts(tables) {
        let columns = format!(
            "select cid, name, type, \"notnull\", dflt_value, pk from pragma_table_info('{table}')"
        );
        assert_eq!(
            lower(database.rows(&columns)),
            lower(golden.rows(&columns)),
            "{table}"
        );
    }
    let others = "select name from sqlite_schema where type not in ('table', 'index')";
    assert_eq!(database.texts(others), [""; 0]);
}

#[test]
fn indexes_have_the_names_columns_and_uniqueness_that_the_sdk_gives_them() {
    let Fixture { database, .. } = fixture();
    let golden = Database::of(&golden("small.c1z"));
    let indexes = "select l.name, s.name, l.\"unique\", l.partial from sqlite_schema s, pragma_index_list(s.name) l \
                   where s.type = 'table' order by l.name";
    assert_eq!(database.rows(indexes), golden.rows(indexes));
    let names = "select name from sqlite_schema where type = 'index' order by name";
    assert_eq!(database.texts(names), golden.texts(names));
    assert_eq!(database.texts(names).len(), 16);
    for index in database.texts(names) {
        let columns = format!(
            "select seqno, cid, name, \"desc\", coll, key from pragma_index_xinfo('{index}')"
        );
        assert_eq!(database.rows(&columns), golden.rows(&columns), "{index}");
        let condition = |database: &Database| {
            let sql = format!("select lower(sql) from sqlite_schema where name = '{index}'");
            let sql = database.texts(&sql).remove(0);
            sql.split_once(" where ")
                .map(|(_, condition)| condition.to_owned())
        };
        assert_eq!(condition(&database), condition(&golden), "{index}");
    }
}

#[test]
fn the_one_sync_run_is_full_finished_and_ready_for_diff() {
    let Fixture {
        database, written, ..
    } = fixture();
    let run = database.rows(
        "select sync_id, sync_type, parent_sync_id, linked_sync_id, supports_diff, grants_backfilled, \
         ingest_invariant_generation, ingest_invariant_coverage, ingest_invariant_mode from v1_sync_runs",
    );
    let text = |text: &str| Cell::Text(text.to_owned());
    let id = written.sync_run.id.as_str();
    let expected = vec![
        text(id),
        text("full"),
        text(""),
        text(""),
        Cell::Integer(1),
        Cell::Integer(1),
        text(""),
        text(""),
        text(""),
    ];
    assert_eq!(run, [expected]);

    // An empty token would mean to the SDK that the sync has yet to begin.
    let token: Value =
        serde_json::from_str(&database.texts("select sync_token from v1_sync_runs")[0]).unwrap();
    assert!(
        token["completed_actions_count"].as_u64() > Some(0),
        "{token}"
    );
}

#[test]
fn sync_id_is_a_ksuid_of_the_time_it_began_and_stands_on_every_row() {
    let Fixture {
        database, written, ..
    } = fixture();
    let id = written.sync_run.id.as_str();
    assert_eq!(id.len(), 27);
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    // The first four of its twenty bytes count the seconds since 1,400,000,000; the greatest KSUID fills 27 digits.
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let value = id.bytes().fold([0u32; 5], |mut limbs, byte| {
        let mut carry = digits.iter().position(|digit| *digit == byte).unwrap() as u64;
        for limb in limbs.iter_mut().rev() {
            carry += u64::from(*limb) * 62;
            *limb = carry as u32;
            carry >>= 32;
        }
        assert_eq!(carry, 0, "{id} is greater than any KSUID");
        limbs
    });
    let seconds = i64::from(value[0]) + 1_400_000_000;
    assert_eq!(seconds, written.sync_run.started_at.unix_seconds());

    for table in CONTENT_TABLES
        .into_iter()
        .chain(["v1_sync_runs", "v1_assets"])
    {
        let ids = database.texts(&format!("select distinct sync_id from {table}"));
        assert_eq!(ids, [id], "{table}");
    }
}

#[test]
fn times_are_text_without_zone_and_in_order() {
    let Fixture { database, .. } = fixture();
    let started = database
        .texts("select started_at || '' from v1_sync_runs")
        .remove(0);
    let ended = database
        .texts("select ended_at || '' from v1_sync_runs")
        .remove(0);
    let now = Timestamp::now().to_string();
    assert!(started <= ended, "{started} {ended}");
    assert!(
        ended.replace(' ', "T").as_str() <= now.trim_end_matches('Z'),
        "{ended} {now}"
    );
    let mut times = vec![started, ended];
    for table in CONTENT_TABLES.into_iter().chain(["v1_assets"]) {
        let sql =
            format!("select distinct typeof(discovered_at) || ' ' || discovered_at from {table}");
        for time in database.texts(&sql) {
            times.push(time.strip_prefix("text ").unwrap().to_owned());
        }
    }
    for time in times {
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        let fraction = shape
            .strip_prefix("0000-00-00 00:00:00")
            .unwrap_or_else(|| panic!("{time}"));
        let digits = fraction.strip_prefix('.').map_or(0, str::len);
        assert!(fraction.is_empty() || (1..=9).contains(&digits), "{time}");
        assert!(fraction.is_empty() || !time.ends_with('0'), "{time}");
        assert!(
            fraction.trim_start_matches('.').chars().all(|c| c == '0'),
            "{time}"
        );
    }
}

#[test]
fn stats_are_what_can_be_counted() {
    let Fixture { database, .. } = fixture();
    let stats: Value =
        serde_json::from_str(&database.texts("select stats from v1_sync_runs")[0]).unwrap();
    let count = |table| database.number(&format!("select count(*) from {table}"));
    let by_type = |table: &str| {
        let sql = format!("select resource_type_id, count(*) from {table} group by 1");
        let rows = database.rows(&sql).into_iter().map(|row| match &row[..] {
            [Cell::Text(name), Cell::Integer(count)] => (name.clone(), json!(count)),
            other => panic!("{other:?}"),
        });
        Value::Object(rows.collect())
    };
    let expected = json!({
        "resource_types": count("v1_resource_types"),
        "resources": count("v1_resources"),
        "entitlements": count("v1_entitlements"),
        "grants": count("v1_grants"),
        "assets": count("v1_assets"),
        "resources_by_resource_type": by_type("v1_resources"),
        "entitlements_by_resource_type": by_type("v1_entitlements"),
        "grants_by_resource_type": by_type("v1_grants"),
    });
    assert_eq!(stats, expected);
    assert_eq!(
        expected["resources_by_resource_type"],
        json!({"user": 3, "role": 2})
    );
    assert_eq!(expected["grants_by_resource_type"], json!({"role": 2}));
}

#[test]
fn stats_leave_out_what_is_zero_but_for_the_types() {
    let sandbox = Sandbox::new();
    sandbox.sync(&Organization::new().members([member(1)]).serve());
    let database = Database::of(&sandbox.path("sync.c1z"));
    let stats: Value =
        serde_json::from_str(&database.texts("select stats from v1_sync_runs")[0]).unwrap();
    let expected = json!({
        "resource_types": 2,
        "resources": 1,
        "assets": 2,
        "resources_by_resource_type": {"role": 0, "user": 1},
    });
    assert_eq!(stats, expected);
}

#[test]
fn rows_stand_in_the_order_of_their_ids() {
    let Fixture { database, .. } = fixture();
    for table in CONTENT_TABLES {
        let in_place = database.texts(&format!("select external_id from {table} order by id"));
        let mut sorted = in_place.clone();
        sorted.sort();
        assert_eq!(in_place, sorted, "{table}");
        let first = database.number(&format!("select min(id) from {table}"));
        assert!(first > 0, "{table}: a page cursor begins at 0");
    }
}

#[test]
fn columns_say_what_the_blobs_say() {
    let Fixture {
        database, written, ..
    } = fixture();
    let text = |text: &str| Cell::Text(text.to_owned());
    let (role_1, user_2) = (role_id(1), user_id(2));
    let resource = database.rows(&format!(
        "select resource_type_id, external_id, parent_resource_type_id, parent_resource_id from v1_resources \
         where external_id = 'user:{user_2}'"
    ));
    assert_eq!(
        resource,
        [[
            text("user"),
            text(&format!("user:{user_2}")),
            Cell::Null,
            Cell::Null
        ]]
    );
    let entitlement = format!("role:{role_1}:member");
    let row = database.rows(&format!(
        "select resource_type_id, resource_id from v1_entitlements where external_id = '{entitlement}'"
    ));
    assert_eq!(row, [[text("role"), text(&role_1)]]);
    let grant = format!("{entitlement}:user:{user_2}");
    let row = database.rows(&format!(
        "select resource_type_id, resource_id, entitlement_id, principal_resource_type_id, principal_resource_id, \
         expansion, needs_expansion from v1_grants where external_id = '{grant}'"
    ));
    let expected = [
        text("role"),
        text(&role_1),
        text(&entitlement),
        text("user"),
        text(&user_2),
        Cell::Null,
        Cell::Integer(0),
    ];
    assert_eq!(row, [expected]);

    let blob = blob_of::<Grant>(&written, &grant);
    assert_eq!(blob["id"], json!(grant));
    assert_eq!(blob["entitlement"]["id"], json!(entitlement));
    let resource_id =
        |resource_type: &str, id: &str| json!({"resourceType": resource_type, "resource": id});
    assert_eq!(
        blob["entitlement"]["resource"]["id"],
        resource_id("role", &role_1)
    );
    assert_eq!(blob["principal"]["id"], resource_id("user", &user_2));
    let blob = blob_of::<Entitlement>(&written, &entitlement);
    assert_eq!(blob["id"], json!(entitlement));
    assert_eq!(blob["resource"]["id"], resource_id("role", &role_1));
    let blob = blob_of::<Resource>(&written, &format!("user:{user_2}"));
    assert_eq!(blob["id"], resource_id("user", &user_2));
}

/// A row's message as JSON.
fn blob_of<K: Readable>(written: &Written, id: &str) -> Value {
    let rows = written
        .snapshot
        .rows::<K>(&written.sync_run.id, Filter::EVERYTHING)
        .unwrap()
        .map(Result::unwrap);
    let row = rows.into_iter().find(|row| row.id == id).unwrap();
    let mut json = Vec::new();
    row.push_json(&mut json);
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn status_creation_and_profile_of_a_user_stand_in_the_trait_and_in_the_resource() {
    let Fixture { written, .. } = fixture();
    for (n, status) in [(1, Some("ENABLED")), (3, None)] {
        let blob = blob_of::<Resource>(&written, &format!("user:{}", user_id(n)));
        let of_user = &blob["annotations"][0];
        assert_eq!(
            of_user["@type"],
            "type.googleapis.com/c1.connector.v2.UserTrait"
        );
        // JSON leaves out an enum that is zero, but not the message around it.
        let expected = |prefix: &str| match status {
            Some(status) => json!({"status": format!("{prefix}STATUS_{status}")}),
            None => json!({}),
        };
        assert_eq!(of_user["status"], expected(""));
        assert_eq!(blob["status"], expected("RESOURCE_"));
        assert_eq!(of_user["profile"], blob["profile"]);
        assert_eq!(blob["profile"]["user_id"], json!(user_id(n)));
        assert_eq!(of_user["createdAt"], blob["createdAt"]);
        let created_at = (n == 1).then_some("2024-05-06T07:08:09.123456Z");
        assert_eq!(blob["createdAt"].as_str(), created_at);
    }
    let blob = blob_of::<Resource>(&written, &format!("role:{}", role_id(1)));
    let of_role = &blob["annotations"][0];
    assert_eq!(
        of_role["@type"],
        "type.googleapis.com/c1.connector.v2.RoleTrait"
    );
    assert_eq!(of_role["profile"], blob["profile"]);
    assert_eq!(blob["profile"]["is_default"], json!(false));
}

#[test]
fn second_factor_and_linked_login_known_to_be_off_are_present_and_empty() {
    let off = json!({"is_2fa_enabled": false, "has_social_auth": false});
    let row = crate::support::with(member(1), off);
    let written = Sandbox::new().sync(&Organization::new().members([row]).serve());
    let blob = blob_of::<Resource>(&written, &format!("user:{}", user_id(1)));
    assert_eq!(blob["annotations"][0]["mfaStatus"], json!({}));
    assert_eq!(blob["annotations"][0]["ssoStatus"], json!({}));
}

#[test]
fn only_annotations_that_every_reader_knows_are_written() {
    let Fixture { written, .. } = fixture();
    let mut found = BTreeSet::new();
    annotations_of::<ResourceType>(&written, &mut found);
    annotations_of::<Resource>(&written, &mut found);
    annotations_of::<Entitlement>(&written, &mut found);
    annotations_of::<Grant>(&written, &mut found);
    let known = [
        "GrantMetadata",
        "RoleTrait",
        "SkipEntitlementsAndGrants",
        "UserTrait",
    ];
    let known = known.map(|name| format!("type.googleapis.com/c1.connector.v2.{name}"));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), known);
}

/// The types of annotations on the rows of one kind.
fn annotations_of<K: Readable>(written: &Written, found: &mut BTreeSet<String>) {
    for row in written
        .snapshot
        .rows::<K>(&written.sync_run.id, Filter::EVERYTHING)
        .unwrap()
    {
        let mut json = Vec::new();
        row.unwrap().push_json(&mut json);
        let blob: Value = serde_json::from_slice(&json).unwrap();
        let annotations = blob["annotations"].as_array().into_iter().flatten();
        found.extend(annotations.map(|any| any["@type"].as_str().unwrap().to_owned()));
    }
}

#[test]
fn grant_metadata_has_frozen_keys() {
    let Fixture { written, .. } = fixture();
    let id = format!("role:{}:member:user:{}", role_id(1), user_id(2));
    let blob = blob_of::<Grant>(&written, &id);
    let expected = json!({
        "joined_at": "2025-06-07T08:09:10Z",
        "membership_id": membership(1, &member(2))["id"],
    });
    assert_eq!(blob["annotations"][0]["metadata"], expected);
}
