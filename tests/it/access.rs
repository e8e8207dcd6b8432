//! `access`: who is meant, and all that they have.

use serde_json::{Value, json};

use crate::diff::Organization;
use crate::support::{Edited, Shelf, field};

const SMALL: &str = "small.c1z";
const ADA: &str = "4c3e1f9a-723c-4674-bf3d-44ea2715d2a9";
const MARGARET: &str = "8a21cf94-2dda-418f-a793-7a03ed4bbb98";

/// The lines of `label  value` before the table.
fn facts(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines
        .map(|line| line.split_once("  ").unwrap_or((line, "")))
        .map(|(label, value)| (label, value.trim()))
        .collect()
}

#[test]
fn a_person_is_found_by_email_in_any_case_by_uuid_and_by_typed_uuid() {
    let shelf = Shelf::new().with_golden(SMALL);
    let expected = shelf.text(&["access", "ada.lovelace.1@example.com", SMALL]);
    assert!(expected.contains(&format!("user:{ADA}")), "{expected}");
    for person in [
        "ADA.Lovelace.1@EXAMPLE.com",
        " ada.lovelace.1@example.com ",
        ADA,
        &format!("user:{ADA}"),
    ] {
        let run = shelf.run(&["access", person, SMALL]).succeeds();
        assert_eq!(String::from_utf8(run.stdout).unwrap(), expected, "{person}");
    }
}

#[test]
fn the_answer_is_in_words() {
    let shelf = Shelf::new().with_golden(SMALL);
    let text = shelf.text(&["access", "ada.lovelace.1@example.com", SMALL]);
    let facts = facts(&text);
    for fact in [
        ("name", "Ada Lovelace"),
        ("e-mail", "ada.lovelace.1@example.com"),
        // Of another connector: it tells no seat in our words.
        ("seat", "unknown"),
        ("status", "enabled"),
        ("2FA", "on"),
        ("SSO/social", "off"),
        ("joined", "2021-05-20 12:23:48"),
        ("last login", "2021-10-22 11:27:36"),
    ] {
        assert!(facts.contains(&fact), "{fact:?} in {text}");
    }
    let rows: Vec<_> = text.lines().skip_while(|line| !line.is_empty()).collect();
    assert_eq!(rows[2].trim_end(), "member  Role 1", "{text}");
    assert_eq!(rows.len(), 3, "{text}");
}

#[test]
fn our_own_snapshot_tells_the_seat_and_since_when_each_role_is_held() {
    let shelf = Shelf::with_demo();
    let text = shelf.text(&["access", "henrik@example.com", "demo.c1z"]);
    let facts = facts(&text);
    assert!(facts.contains(&("seat", "owner (level 15)")), "{text}");
    assert!(facts.contains(&("2FA", "on")), "{text}");
    assert!(facts.contains(&("joined", "2024-03-04 09:02:47")), "{text}");
    assert!(text.contains("2025-02-19 09:05:28"), "{text}");
}

#[test]
fn whoever_holds_a_role_without_being_a_listed_member_is_told_apart() {
    let shelf = Shelf::with_demo();
    let text = shelf.text(&["access", "edith.marlowe@example.org", "demo.c1z"]);
    assert!(
        facts(&text)
            .iter()
            .any(|(label, note)| *label == "note" && note.contains("member list")),
        "{text}"
    );
    assert!(facts(&text).contains(&("last login", "never, or unknown")));
}

#[test]
fn an_email_that_two_people_have_is_refused_and_both_are_named() {
    let shelf = Shelf::new();
    // Another connector's file; e-mails are no keys there. Field 1 of the trait holds an address.
    let email = field(1, b"Shared@Example.com");
    let user_trait = [
        field(1, b"type.googleapis.com/c1.connector.v2.UserTrait"),
        field(2, &field(1, &email)),
    ]
    .concat();
    Edited::golden(SMALL)
        .with_blob(
            "update v1_resources set data = ?1 where external_id like 'user:4c3%'",
            &[
                field(1, &[field(1, b"user"), field(2, ADA.as_bytes())].concat()),
                field(3, b"Ada"),
                field(4, &user_trait),
            ]
            .concat(),
        )
        .with_blob(
            "update v1_resources set data = ?1 where external_id like 'user:8a2%'",
            &[
                field(
                    1,
                    &[field(1, b"user"), field(2, MARGARET.as_bytes())].concat(),
                ),
                field(3, b"Margaret"),
                field(4, &user_trait),
            ]
            .concat(),
        )
        .pack(&shelf.path("shared.c1z"));
    let run = shelf.run(&["access", "shared@example.com", "shared.c1z"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stdout.is_empty());
    for part in [
        "error: 2 people match `shared@example.com`",
        &format!("user:{ADA} (Ada, Shared@Example.com)"),
        &format!("user:{MARGARET} (Margaret, Shared@Example.com)"),
    ] {
        assert!(run.stderr.contains(part), "{part} in {}", run.stderr);
    }
    // The way out that the hint names.
    let text = shelf.text(&["access", &format!("user:{ADA}"), "shared.c1z"]);
    assert!(facts(&text).contains(&("name", "Ada")), "{text}");
}

#[test]
fn an_email_is_taken_as_it_is_written_before_its_case_is_ignored() {
    let shelf = Shelf::new();
    let mut organization = Organization::new();
    organization.email("Ann", "Exact.Case@example.com");
    organization.email("Bob", "exact.case@example.com");
    organization.email("Cem", "Alone@Example.com");
    organization.user("Dee").login = "EXACT.CASE@example.com".into();
    organization.write(&shelf.path("x.c1z"));
    for (asked, name) in [
        ("Exact.Case@example.com", "Ann Archer"),
        ("exact.case@example.com", "Bob Archer"),
        ("EXACT.CASE@example.com", "Dee Archer"),
        ("alone@example.com", "Cem Archer"),
        ("Alone@Example.com", "Cem Archer"),
    ] {
        let run = shelf.run(&["access", asked, "x.c1z"]).succeeds();
        let text = String::from_utf8(run.stdout).unwrap();
        assert!(facts(&text).contains(&("name", name)), "{asked}: {text}");
    }
    let run = shelf.run(&["access", "Exact.case@example.com", "x.c1z"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("error: 3 people match `Exact.case@example.com`")
    );
}

#[test]
fn nobody_of_that_description_is_not_found() {
    let shelf = Shelf::new().with_golden(SMALL);
    for person in [
        "nobody@example.com",
        "lovelace.1@example.com",
        "user:nobody",
        // A role is no person.
        "5bb4d0e4-4672-4722-b876-f44b3aa4195a",
        "role:5bb4d0e4-4672-4722-b876-f44b3aa4195a",
    ] {
        let run = shelf.run(&["access", person, SMALL]);
        let run = run.fails(5, &["nobody matches"]);
        assert!(
            run.hint().contains("`posthog-c1z users small.c1z`"),
            "{run:?}"
        );
    }
}

#[test]
fn someone_who_holds_nothing_is_told_so() {
    let shelf = Shelf::new();
    Edited::golden(SMALL)
        .sql(&format!(
            "delete from v1_grants where principal_resource_id = '{ADA}'"
        ))
        .pack(&shelf.path("none.c1z"));
    let text = shelf.text(&["access", ADA, "none.c1z"]);
    assert!(text.ends_with("\nholds nothing\n"), "{text}");
    let document = shelf.json(&["access", ADA, "-o", "json", "none.c1z"]);
    assert_eq!(document["grants"], json!([]));
}

#[test]
fn the_json_document_is_versioned_and_says_unknown_as_null() {
    let shelf = Shelf::new().with_golden(SMALL);
    let document = shelf.json(&["access", ADA, "-o", "json", SMALL]);
    let role = "role:dfffce3c-3a4f-4efe-9170-9ba411907d98";
    assert_eq!(
        document,
        json!({
            "schema": "posthog-c1z.access",
            "schema_version": 1,
            "id": format!("user:{ADA}"),
            "display_name": "Ada Lovelace",
            "email": "ada.lovelace.1@example.com",
            "status": "enabled",
            "listed_as_member": true,
            "organization_level": null,
            "organization_role": null,
            "is_2fa_enabled": true,
            "has_social_auth": false,
            "joined_at": "2021-05-20T12:23:48.718938Z",
            "last_login": "2021-10-22T11:27:36.718938Z",
            "not_read": [],
            "grants": [{
                "id": format!("{role}:member:user:{ADA}"),
                "entitlement_id": format!("{role}:member"),
                "entitlement": "Role 1 member",
                "slug": "member",
                "resource_id": role,
                "resource": "Role 1",
                "joined_at": null,
            }],
        })
    );
}

#[test]
fn the_json_document_of_our_own_snapshot_has_seat_and_times() {
    let shelf = Shelf::with_demo();
    let document = shelf.json(&["access", "henrik@example.com", "-o", "json", "demo.c1z"]);
    assert_eq!(document["organization_level"], 15);
    assert_eq!(document["organization_role"], "owner");
    let grants = document["grants"].as_array().unwrap();
    let billing = grants
        .iter()
        .find(|grant| grant["resource"].as_str().unwrap().contains("Billing"));
    assert_eq!(
        billing.unwrap()["joined_at"].as_str().map(|at| &at[..19]),
        Some("2025-02-19T09:05:28")
    );
    assert!(grants.iter().all(|grant| grant["joined_at"] != Value::Null));
}

#[test]
fn access_is_of_the_sync_run_that_is_asked_for() {
    let shelf = Shelf::new().with_golden("two-syncs.c1z");
    let held = |id: &str| {
        let list = shelf.json(&["principals", "-o", "json", "--sync-id", id, "two-syncs.c1z"]);
        let principals = list["resources"].as_array().unwrap().clone();
        principals
            .iter()
            .map(|row| {
                let person = row["resource"]["id"]["resource"].as_str().unwrap();
                let args = ["access", person, "-o", "json", "--sync-id", id];
                let document = shelf.json(&[&args[..], &["two-syncs.c1z"]].concat());
                document["grants"].as_array().unwrap().len()
            })
            .sum::<usize>()
    };
    // Every grant is somebody's, in either.
    assert_eq!(held("3MS7TCUgujfPFfwFXOIwjCBKEpd"), 20);
    assert_eq!(held("3MS7TFxjsnXpZbaD7jZ6N027fkx"), 20);
}
