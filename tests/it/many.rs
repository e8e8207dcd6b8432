//! Snapshots with so many rows that several threads read them: what comes out is what one thread would give, in the same
//! order, also where a file's rows stand in another order than their ids, and where one of them is damaged.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use posthog_c1z::model::{
    AccountType, Entitlement, EntitlementId, Grant, Inventory, InventoryBuilder, Profile, Purpose,
    Resource, ResourceId, ResourceType, ResourceTypeId, SyncRun, Timestamp, Trait, UserTrait,
};
use posthog_c1z::progress::Silent;
use posthog_c1z::snapshot::{self, Contents, Target};
use serde_json::Value;

use crate::support::{Edited, Shelf};

const ROLES: usize = 3;
const PEOPLE: usize = 4_500;
const GRANTS: usize = ROLES * PEOPLE;

/// An inventory with the types of users and roles, in this order.
pub fn with_types() -> (InventoryBuilder, [ResourceTypeId; 2]) {
    let mut found = InventoryBuilder::default();
    let types = ["user", "role"].map(ResourceTypeId::new);
    for (id, kind) in types.iter().zip([Trait::User, Trait::Role]) {
        found.add_resource_type(ResourceType {
            id: id.clone(),
            display_name: id.as_str().into(),
            traits: vec![kind],
            skips_entitlements_and_grants: kind == Trait::User,
        });
    }
    (found, types)
}

/// The entitlement to be a member of a role.
pub fn member_of(role: ResourceId, user: &ResourceTypeId) -> Entitlement {
    Entitlement {
        id: EntitlementId::new(format!("{role}:member")),
        resource: role,
        display_name: "member".into(),
        description: "".into(),
        slug: "member".into(),
        purpose: Purpose::Assignment,
        grantable_to: vec![user.clone()],
    }
}

fn inventory(people: usize) -> Inventory {
    let (mut found, [user, role]) = with_types();
    let user_trait = UserTrait {
        emails: Vec::new(),
        account_type: AccountType::Human,
        login: "".into(),
        login_aliases: Vec::new(),
        last_login: None,
        mfa_enabled: None,
        sso_enabled: None,
        given_name: "".into(),
        family_name: "".into(),
    };
    let resource = |id: ResourceId| Resource {
        display_name: id.resource.clone(),
        parent: None,
        description: "".into(),
        status: None,
        created_at: None,
        profile: Profile::default(),
        user: (id.resource_type == user).then(|| Box::new(user_trait.clone())),
        id,
    };
    let person = |at: usize| ResourceId::new(&user, format!("person-{at:05}"));
    for at in 0..people {
        found.add_resource(resource(person(at)));
    }
    for at in 0..ROLES {
        let id = ResourceId::new(&role, format!("role-{at}"));
        found.add_resource(resource(id.clone()));
        let entitlement = EntitlementId::new(format!("{id}:member"));
        found.add_entitlement(member_of(id, &user));
        for at in 0..people {
            found.add_grant(Grant::new(entitlement.clone(), person(at)));
        }
    }
    found.finish().unwrap()
}

/// Writes a snapshot in which everybody holds every role, and returns its content digest, made of rows that were never read.
pub fn write(path: &Path, people: usize) -> String {
    let at = Timestamp::parse("2026-11-25T01:02:03Z").unwrap();
    let sync_run = SyncRun::full(snapshot::new_sync_id(at), at, at);
    let contents = Contents {
        sync_run: &sync_run,
        inventory: &inventory(people),
        evidence: None,
        organization: None,
    };
    let target = Target::File { path, mode: 0o600 };
    let (_, digest) = snapshot::write(target, &contents, None, &Silent).unwrap();
    digest.to_string()
}

/// A shelf with the snapshot as `many.c1z`, and its content digest.
fn shelf() -> (Shelf, String) {
    let shelf = Shelf::new();
    let digest = write(&shelf.path("many.c1z"), PEOPLE);
    (shelf, digest)
}

fn grant_ids() -> Vec<String> {
    let ids = |role: usize| {
        (0..PEOPLE).map(move |at| format!("role:role-{role}:member:user:person-{at:05}"))
    };
    (0..ROLES).flat_map(ids).collect()
}

fn listed_grants(list: &Value) -> Vec<String> {
    let grants = list["grants"].as_array().unwrap().iter();
    grants
        .map(|item| item["grant"]["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Lists, exports and digest of a file are those of `many.c1z`.
#[track_caller]
fn reads_as_many(shelf: &Shelf, digest: &str, file: &str) {
    let stats = shelf.json(&["stats", "-o", "json", file]);
    assert_eq!(stats["content_digest"], digest, "{file}");
    let list = shelf.json(&["grants", "-o", "json", file]);
    assert_eq!(listed_grants(&list), grant_ids(), "{file}");
    for form in ["csv", "ndjson"] {
        let text = shelf.text(&["export", form, file]);
        let lines = if form == "csv" {
            1 + PEOPLE + ROLES + GRANTS
        } else {
            1 + 2 + PEOPLE + 2 * ROLES + GRANTS
        };
        assert_eq!(text.lines().count(), lines, "{file} as {form}");
        assert!(
            text == shelf.text(&["export", form, "many.c1z"]),
            "{file} as {form}"
        );
    }
}

#[test]
fn rows_come_in_the_order_of_their_ids_and_each_once() {
    let (shelf, digest) = shelf();
    reads_as_many(&shelf, &digest, "many.c1z");
    assert_eq!(shelf.text(&["verify", "many.c1z"]), "many.c1z: ok\n");
}

#[test]
fn order_of_rows_in_the_file_and_missing_indexes_change_nothing() {
    let (shelf, digest) = shelf();
    let many = shelf.path("many.c1z");
    // A prime step scatters the rows; negative numbers first, so that none is taken twice on the way.
    let scattered =
        "update v1_grants set id = -id; update v1_grants set id = (-id * 7919) % 1000003;
        update v1_resources set id = -id; update v1_resources set id = (-id * 7919) % 1000003";
    Edited::of(&many)
        .sql(scattered)
        .pack(&shelf.path("scattered.c1z"));
    let bare =
        "drop index idx_grants_external_sync_v1; drop index idx_resources_parent_resource_id_v1";
    Edited::of(&many).sql(bare).pack(&shelf.path("bare.c1z"));
    for file in ["scattered.c1z", "bare.c1z"] {
        reads_as_many(&shelf, &digest, file);
        // A pipe can be read only once, and only in the order of the file.
        let piped = format!("cat {file} | \"$0\" stats -o json /dev/stdin");
        let output = Command::new("sh")
            .args(["-c", &piped, env!("CARGO_BIN_EXE_posthog-c1z")])
            .current_dir(shelf.path(""))
            .output()
            .unwrap();
        let stats: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(stats["content_digest"], digest, "{file}");
        let diff = shelf.run(&["diff", "many.c1z", file]);
        assert_eq!(diff.code, 0, "{file}: {}", diff.stderr);
    }
}

#[test]
fn pages_that_are_free_again_are_not_read_as_rows() {
    let (shelf, _) = shelf();
    let many = shelf.path("many.c1z");
    for (file, statements, grants) in [
        ("end.c1z", "delete from v1_grants where id > 9000", 9000),
        ("start.c1z", "delete from v1_grants where id <= 4500", 9000),
        (
            "again.c1z",
            "create table kept as select * from v1_grants where id <= 4500;
            delete from v1_grants where id <= 4500;
            insert into v1_grants select * from kept;
            drop table kept",
            GRANTS,
        ),
        // What was a page of grants is now one of another table.
        (
            "reused.c1z",
            "delete from v1_grants where id > 9000;
            create table filler (x); insert into filler select external_id from v1_resources",
            9000,
        ),
    ] {
        Edited::of(&many).sql(statements).pack(&shelf.path(file));
        let counted = shelf.json(&["stats", "-o", "json", file])["counts"][0]["grants"].clone();
        assert_eq!(counted, grants, "{file}");
        let list = shelf.json(&["grants", "-o", "json", file]);
        assert_eq!(listed_grants(&list).len(), grants, "{file}");
    }
}

#[test]
fn overview_of_a_snapshot_needs_no_temporary_folder_however_large_it_is() {
    let shelf = Shelf::new();
    let digest = write(&shelf.path("large.c1z"), 90_000);
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_posthog-c1z"))
            .args(args)
            .current_dir(shelf.path(""))
            .env_clear()
            .env("TMPDIR", "/nowhere")
            .output()
            .unwrap()
    };
    // It does not fit into memory.
    assert_eq!(run(&["users", "large.c1z"]).status.code(), Some(2));
    let stats = run(&["stats", "-o", "json", "large.c1z"]);
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!(stats["content_digest"], digest);
}

#[test]
fn schema_of_another_making_changes_nothing() {
    let (shelf, digest) = shelf();
    let no_index = "drop index idx_grants_external_sync_v1;";
    for (file, statements) in [
        (
            "other-index.c1z",
            "create index by_sync on v1_grants (sync_id)".to_owned(),
        ),
        (
            "other-order.c1z",
            format!("{no_index} create index by_id on v1_grants (external_id collate nocase)"),
        ),
        (
            "other-rowid.c1z",
            "create table new (id integer primary key, external_id text, data blob, resource_type_id text,
                resource_id text, entitlement_id text, principal_resource_type_id text, principal_resource_id text,
                sync_id text, rowid text);
            insert into new select id, external_id, data, resource_type_id, resource_id, entitlement_id,
                principal_resource_type_id, principal_resource_id, sync_id, 'x' from v1_grants;
            drop table v1_grants; alter table new rename to v1_grants;
            create unique index idx_grants_external_sync_v1 on v1_grants (external_id, sync_id)"
                .to_owned(),
        ),
        (
            "more-columns.c1z",
            "alter table v1_grants add column x text; update v1_grants set x = 'y';
            alter table v1_resources add column x text; update v1_resources set x = 'y'"
                .to_owned(),
        ),
        (
            "more-columns-of-types.c1z",
            "alter table v1_entitlements add column x text; update v1_entitlements set x = 'y';
            alter table v1_resource_types add column x text; update v1_resource_types set x = 'y'"
                .to_owned(),
        ),
        (
            "farthest-rows.c1z",
            format!(
                "update v1_grants set id = {} where id = 1; update v1_grants set id = {} where id = 2",
                i64::MIN,
                i64::MAX
            ),
        ),
    ] {
        Edited::of(&shelf.path("many.c1z"))
            .sql(&statements)
            .pack(&shelf.path(file));
        reads_as_many(&shelf, &digest, file);
    }
}

#[test]
fn second_sync_run_in_the_file_stays_out() {
    let (shelf, digest) = shelf();
    let copy = "insert into v1_sync_runs (sync_id, started_at, ended_at, sync_token)
            values ('2DWn3sBDpSgBxFqTxbZ4cCCrKuq', '2020-01-01 00:00:00', '2020-01-01 00:00:00', '');
        insert into v1_grants (resource_type_id, resource_id, entitlement_id, principal_resource_type_id,
            principal_resource_id, external_id, data, sync_id, discovered_at)
            select resource_type_id, resource_id, entitlement_id, principal_resource_type_id, principal_resource_id,
                external_id, data, '2DWn3sBDpSgBxFqTxbZ4cCCrKuq', discovered_at from v1_grants";
    Edited::of(&shelf.path("many.c1z"))
        .sql(copy)
        .pack(&shelf.path("two.c1z"));
    reads_as_many(&shelf, &digest, "two.c1z");
}

#[test]
fn damaged_row_is_named_whichever_thread_meets_it() {
    let (shelf, _) = shelf();
    for at in [0, GRANTS / 2, GRANTS - 1] {
        let id = &grant_ids()[at];
        let damage = format!("update v1_grants set data = 'text' where external_id = '{id}'");
        Edited::of(&shelf.path("many.c1z"))
            .sql(&damage)
            .pack(&shelf.path("damaged.c1z"));
        for command in [
            &["stats"][..],
            &["grants", "-o", "json"],
            &["export", "csv"],
        ] {
            let run = shelf.run(&[command, &["damaged.c1z"]].concat());
            assert_eq!(run.code, 15, "{command:?}: {}", run.stderr);
            assert!(run.stderr.contains(id), "{command:?}: {}", run.stderr);
        }
        let run = shelf.run(&["diff", "many.c1z", "damaged.c1z"]);
        assert_eq!(run.code, 15, "{}", run.stderr);
        assert!(run.stderr.contains(id), "{}", run.stderr);
        let run = shelf.run(&["verify", "damaged.c1z"]);
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(String::from_utf8_lossy(&run.stdout).contains(id));
    }
}

#[test]
fn difference_in_the_middle_is_the_only_one() {
    let (shelf, _) = shelf();
    let gone = "delete from v1_grants where external_id = 'role:role-1:member:user:person-02999'";
    Edited::of(&shelf.path("many.c1z"))
        .sql(gone)
        .pack(&shelf.path("less.c1z"));
    for (old, new, action) in [
        ("many.c1z", "less.c1z", "removed"),
        ("less.c1z", "many.c1z", "added"),
    ] {
        let run = shelf.run(&["diff", "-o", "json", old, new]);
        assert_eq!(run.code, 1, "{}", run.stderr);
        let diff: Value = serde_json::from_slice(&run.stdout).unwrap();
        let changes = diff["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 1, "{diff}");
        assert_eq!(changes[0]["action"], action, "{diff}");
    }
}

#[test]
fn reader_who_has_seen_enough_ends_all_threads() {
    let (shelf, _) = shelf();
    let mut child = Command::new(env!("CARGO_BIN_EXE_posthog-c1z"))
        .args(["grants", "-o", "json"])
        .arg(shelf.path("many.c1z"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{:?}", output.status);
}
