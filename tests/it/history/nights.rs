//! A month of nights of the sample organization, and what `history` says about it. People come, go and return, a night is
//! missing, a file is damaged, two runs are in one file, and there is everything in the folder that does not belong to the
//! history.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use posthog_c1z::model::{EntitlementId, Grant, Resource, ResourceId, Timestamp};
use rusqlite::Connection;
use serde_json::Value;

use super::{Archive, captured, run_of, spans};
use crate::diff::{Organization, time, with};
use crate::support::{Edited, Shelf};

const NOOR: &str = "noor.vandijk@example.com";
const CALLUM: &str = "callum.reid@example.com";
const LENA: &str = "Lena+PostHog@example.com";
const ENGINEERING: &str = "018fdd55-376b-0000-f6f2-b0d2c6f1a224";

/// Nights from 1 to 30. That of the 7th is missing, that of the 22nd damaged, and those of the 24th and 25th are in one file.
fn month() -> (Archive, BTreeMap<u32, Organization>) {
    let archive = Archive::new();
    let demo = Shelf::with_demo();
    let mut now = Organization::read(&demo.path("demo.c1z"));
    let mut nights = BTreeMap::new();
    let noor = now.clone();
    for day in 1..=30 {
        match day {
            5 | 20 => now.remove_person(NOOR),
            // Back, under a new membership, since the evening before.
            12 => {
                now.return_from(&noor, NOOR, "2026-09-11T18:00:00Z");
            }
            8 => now.revoke_of(ENGINEERING, CALLUM),
            10 => now.set_seat(CALLUM, 8),
            18 => now.grant_to(ENGINEERING, CALLUM, "2026-09-17T09:30:00Z"),
            14 => now.rename_role(ENGINEERING, "Engineers"),
            16 => now.set_address(LENA, "lena.brandt@example.com"),
            _ => {}
        }
        nights.insert(day, now.clone());
        if day != 7 && day != 25 {
            archive.capture(day, &now);
        }
    }
    // Two runs in one file.
    let extra = Organization {
        sync_run: run_of(25),
        ..nights[&25].clone()
    };
    extra.write(&archive.shelf.path("extra"));
    merge(
        &archive.shelf.path("nights/posthog-24.c1z"),
        &archive.shelf.path("extra"),
    );
    let damaged = archive.shelf.path("nights/posthog-22.c1z");
    let bytes = fs::read(&damaged).unwrap();
    fs::write(damaged, &bytes[..bytes.len() / 2]).unwrap();
    nights.remove(&7);
    nights.remove(&22);
    // What does not belong to it, or says nothing new.
    let newest = archive.shelf.path("nights/posthog-30.c1z");
    fs::copy(newest, archive.shelf.path("nights/latest.c1z")).unwrap();
    let other = Organization::new();
    archive.capture_as("acme.c1z", other.sync_run.clone(), &other);
    archive.capture_as("posthog-31.rejected.c1z", run_of(15), &other);
    (archive, nights)
}

impl Organization {
    /// The id of the person with this address.
    fn with_address(&self, address: &str) -> ResourceId {
        let is_it = |row: &&Resource| {
            let user = row.user.as_ref();
            user.is_some_and(|user| user.emails.iter().any(|email| &*email.address == address))
        };
        self.resources.iter().find(is_it).unwrap().id.clone()
    }

    fn remove_person(&mut self, address: &str) {
        let id = self.with_address(address);
        self.resources.retain(|row| row.id != id);
        self.grants.retain(|row| row.principal != id);
    }

    /// Brings a person back with the roles of before, under new memberships.
    fn return_from(&mut self, before: &Self, address: &str, joined_at: &str) {
        let id = before.with_address(address);
        let row = before.resources.iter().find(|row| row.id == id).unwrap();
        let mut row = row.clone();
        row.created_at = time(joined_at);
        row.profile = with(&row.profile, "membership_id", Some("again-noor".into()));
        self.resources.push(row);
        let held = before.grants.iter().filter(|grant| grant.principal == id);
        self.grants.extend(held.cloned().map(|mut grant| {
            grant.joined_at = time(joined_at);
            grant.membership_id = Some("again".into());
            grant
        }));
    }

    fn revoke_of(&mut self, role: &str, address: &str) {
        let id = self.with_address(address);
        let before = self.grants.len();
        self.grants
            .retain(|grant| grant.principal != id || !grant.entitlement.as_str().contains(role));
        assert_eq!(self.grants.len(), before - 1);
    }

    fn grant_to(&mut self, role: &str, address: &str, joined_at: &str) {
        let entitlement = EntitlementId::new(format!("role:{role}:member"));
        let mut grant = Grant::new(entitlement, self.with_address(address));
        grant.joined_at = time(joined_at);
        grant.membership_id = Some("given-again".into());
        self.grants.push(grant);
    }

    fn set_seat(&mut self, address: &str, level: u32) {
        let id = self.with_address(address);
        let row = self.resource(&id);
        let profile = with(
            &row.profile,
            "organization_level",
            Some(f64::from(level).into()),
        );
        row.profile = with(&profile, "organization_role", Some("administrator".into()));
    }

    fn set_address(&mut self, address: &str, new: &str) {
        let id = self.with_address(address);
        let row = self.resource(&id);
        row.profile = with(&row.profile, "email", Some(new.into()));
        let user = row.user.as_mut().unwrap();
        user.emails[0].address = new.into();
        user.login = new.into();
    }
}

/// Adds the sync run of one file to another file.
fn merge(into: &Path, from: &Path) {
    let edited = Edited::of(into);
    let other = Edited::of(from);
    let database = tempfile::NamedTempFile::new().unwrap();
    fs::write(database.path(), other.bytes()).unwrap();
    let tables = [
        "v1_resource_types",
        "v1_resources",
        "v1_entitlements",
        "v1_grants",
        "v1_assets",
        "v1_sync_runs",
    ];
    let connection = Connection::open(database.path()).unwrap();
    let mut sql = format!("attach '{}' as other;", database.path().display());
    for table in tables {
        let mut statement = connection
            .prepare(&format!("select name from pragma_table_info('{table}')"))
            .unwrap();
        let columns = statement
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap();
        let columns: Vec<_> = columns
            .map(Result::unwrap)
            .filter(|name| name != "id")
            .collect();
        let columns = columns.join(", ");
        sql += &format!("insert into {table} ({columns}) select {columns} from other.{table};");
    }
    edited.sql(&sql).pack(into);
}

#[test]
fn month_is_a_log_with_a_gap_folded_nights_and_named_files() {
    let (archive, nights) = month();
    let run = archive.run_with_unreadable(&[], "`nights/posthog-22.c1z` could not be read");
    for (file, why) in [
        ("nights/acme.c1z", "another organization, `Acme & Sons`"),
        ("nights/posthog-22.c1z", "damaged"),
    ] {
        let line = run.stderr.lines().find(|line| line.contains(file));
        let line = line.unwrap_or_else(|| panic!("{file}: {}", run.stderr));
        assert!(
            line.contains("is not part of the history") && line.contains(why),
            "{line}"
        );
    }
    let log = String::from_utf8(run.stdout).unwrap();
    assert!(!log.contains("acme") && !log.contains("rejected"), "{log}");
    let blocks: Vec<&str> = log.split("\n\n").collect();
    assert!(
        blocks[0].starts_with(
            "2026-09-01 02:00:05 UTC  nights/posthog-01.c1z\n    the first snapshot\n    43 users"
        ),
        "{log}"
    );
    assert_eq!(
        blocks[1],
        "3 unchanged, the last captured 2026-09-04 02:00:05 UTC"
    );
    assert!(
        blocks[2].starts_with("2026-09-05 02:00:05 UTC  nights/posthog-05.c1z\n    −1 member"),
        "{log}"
    );
    assert!(
        blocks[2].contains("42 users (−1), 8 roles, 73 grants (−4)"),
        "{log}"
    );
    assert_eq!(
        blocks[4],
        "gap: no snapshot between 2026-09-06 02:00:05 and 2026-09-08 02:00:05 UTC"
    );
    // Two gaps: the missing night and the damaged one.
    assert_eq!(log.matches("gap: ").count(), 2, "{log}");
    let last = blocks.last().unwrap();
    assert!(
        last.ends_with("unchanged, the last captured 2026-09-30 02:00:05 UTC\n"),
        "{log}"
    );

    let json = archive.json(&[]);
    let runs = json["runs"].as_array().unwrap();
    assert_eq!(runs.len(), nights.len(), "one run a night, copies once");
    let times: Vec<_> = runs
        .iter()
        .map(|run| run["captured_at"].as_str().unwrap())
        .collect();
    let expected: Vec<_> = nights.keys().map(|day| captured(*day)).collect();
    assert_eq!(times, expected);
    assert_eq!(json["gaps"].as_array().unwrap().len(), 2);
    assert_eq!(json["gaps"][0]["after"], captured(6));
    assert_eq!(json["gaps"][0]["by"], captured(8));

    let all = archive
        .run(&["--all", "--reverse", "--skip-unreadable"])
        .succeeds();
    let all = String::from_utf8(all.stdout).unwrap();
    assert!(
        all.starts_with("2026-09-30") && all.trim_end().ends_with("77 grants"),
        "{all}"
    );
    assert_eq!(
        all.matches("\n    no differences\n").count(),
        runs.len() - 9
    );
}

#[test]
fn month_tells_the_story_of_a_person_and_of_a_role() {
    let (archive, _) = month();
    let json = archive.json(&["--person", NOOR, "--skip-unreadable"]);
    let spans_of = |what: &str| -> Vec<String> {
        let all = spans(&json["person"]);
        all.into_iter()
            .filter(|span| span.starts_with(what))
            .collect()
    };
    let member = spans_of("member");
    assert_eq!(member.len(), 2, "{member:?}");
    assert!(
        member[0].ends_with(
            ": 2024-05-27T08:05:52.266629Z - 2026-09-04T02:00:05Z..2026-09-05T02:00:05Z"
        ),
        "{member:?}"
    );
    assert_eq!(
        member[1],
        "member again-noor: 2026-09-11T18:00:00Z - 2026-09-19T02:00:05Z..2026-09-20T02:00:05Z"
    );
    let text = archive
        .run(&["--person", "Noor van Dijk", "--skip-unreadable"])
        .succeeds();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains(
            "from 2026-09-11 18:00:00, until between 2026-09-19 02:00:05 and 2026-09-20 02:00:05"
        ),
        "{text}"
    );

    // A former name and a former address are understood too.
    let role = archive.json(&["--role", "Engineering", "--skip-unreadable"]);
    assert_eq!(role["role"]["name"], "Engineers");
    let callum: Vec<String> = spans(&role["role"])
        .into_iter()
        .filter(|span| span.contains("Callum"))
        .collect();
    assert_eq!(callum.len(), 2, "{callum:?}");
    assert!(
        callum[0].ends_with(" - 2026-09-06T02:00:05Z..2026-09-08T02:00:05Z"),
        "{callum:?}"
    );
    assert_eq!(callum[1], "holder Callum Reid: 2026-09-17T09:30:00Z - open");
    let lena = archive.json(&["--person", LENA, "--skip-unreadable"]);
    assert_eq!(lena["person"]["email"], "lena.brandt@example.com");
}

/// Reads every night by itself, and compares with what the spans of everyone say about it.
#[test]
fn spans_of_everyone_agree_with_a_reading_of_every_night() {
    let (archive, nights) = month();
    let ids: std::collections::BTreeSet<String> = nights
        .values()
        .flat_map(|night| &night.resources)
        .filter(|row| row.user.is_some())
        .map(|row| row.id.resource.to_string())
        .collect();
    for id in &ids {
        let json = archive.json(&["--person", id, "--skip-unreadable"]);
        let covering = |what: &str, value: &str, at: Timestamp| {
            let time = |of: &Value| Timestamp::parse(of["by"].as_str().unwrap()).unwrap();
            let spans = json["person"]["spans"].as_array().unwrap().iter();
            spans
                .filter(|span| span["what"] == what && (value.is_empty() || span["value"] == value))
                .filter(|span| time(&span["from"]) <= at)
                .filter(|span| span["until"].is_null() || at < time(&span["until"]))
                .count()
        };
        for (day, night) in &nights {
            let at = Timestamp::parse(&captured(*day)).unwrap();
            let row = night.resources.iter().find(|row| &*row.id.resource == id);
            let is_listed =
                row.is_some_and(|row| row.profile.flag("listed_as_member") != Some(false));
            assert_eq!(
                covering("member", "", at),
                usize::from(is_listed),
                "{id} on {day}"
            );
            let roles = night
                .resources
                .iter()
                .filter(|row| row.id.resource_type.as_str() == "role");
            for role in roles {
                let held = night.grants.iter().filter(|grant| {
                    &*grant.principal.resource == id
                        && grant.entitlement.as_str().contains(&*role.id.resource)
                });
                let expected = held.count();
                let found = covering("role", &role.id.resource, at);
                assert_eq!(found, expected, "{id} {} on {day}", role.id);
            }
        }
    }
}
