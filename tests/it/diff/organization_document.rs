//! What surrounds the roles in a comparison: settings, domains, invitations and external references.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::{ORGANIZATION_ID, Organization, Pair};

fn document() -> Value {
    json!({
        "schema": "posthog-c1z.organization",
        "schema_version": 1,
        "settings": {
            "enforce_2fa": true, "members_can_invite": false, "default_role_id": null,
            "available_product_features": ["access_control", "sso"],
        },
        "domains": [
            {"id": "d1", "domain": "example.com", "is_verified": true, "sso_enforcement": "saml", "has_scim": false},
            {"id": "d2", "domain": "example.org", "is_verified": false, "sso_enforcement": ""},
        ],
        "invitations": [
            {"id": "i1", "target_email": "fay@example.com", "level": 1, "seat": "member", "is_expired": false,
             "created_at": "2026-09-01T00:00:00Z"},
        ],
        "role_external_references": [
            {"id": "r1", "role_id": "eng", "provider": "github", "provider_role_id": "77", "provider_role_name": "builders"},
        ],
        "not_read": [],
    })
}

/// Two snapshots with the document, the later one changed.
#[track_caller]
fn after(change: impl FnOnce(&mut Organization)) -> Pair {
    let mut old = Organization::new();
    old.document = document();
    let mut new = old.a_week_later();
    change(&mut new);
    Pair::of(&old, &new)
}

fn push(o: &mut Organization, list: &str, row: Value) {
    o.document[list].as_array_mut().unwrap().push(row);
}

fn unread(o: &mut Organization, part: &str) {
    o.document.as_object_mut().unwrap().remove(part);
    push(
        o,
        "not_read",
        json!({"list": part, "status": 403, "reason": "the key may not read it"}),
    );
}

type Edit = fn(&mut Organization);

/// One change of every kind: its edit, the event, and a part of the line for people.
fn every_kind() -> Vec<(Edit, Value, &'static str)> {
    let event = |kind: &str,
                 id: &str,
                 subject: &str,
                 field: Option<&str>,
                 old: Value,
                 new: Value| {
        json!({"kind": kind, "id": id, "subject": subject, "field": field, "old": old, "new": new})
    };
    let setting = |kind: &str, field: &str, old: Value, new: Value| {
        event(kind, ORGANIZATION_ID, "Acme & Sons", Some(field), old, new)
    };
    let none = Value::Null;
    vec![
        (
            |o| o.document["settings"]["enforce_2fa"] = json!(false),
            setting(
                "2fa-enforcement-off",
                "enforce_2fa",
                json!(true),
                json!(false),
            ),
            "2FA is no longer enforced",
        ),
        (
            |o| o.document["settings"]["enforce_2fa"] = Value::Null,
            setting(
                "2fa-enforcement-off",
                "enforce_2fa",
                json!(true),
                none.clone(),
            ),
            "2FA is no longer enforced",
        ),
        (
            |o| o.document["settings"]["members_can_invite"] = json!(true),
            setting(
                "setting-changed",
                "members_can_invite",
                json!(false),
                json!(true),
            ),
            "members_can_invite",
        ),
        (
            |o| o.document["settings"]["default_role_id"] = json!("eng"),
            setting(
                "setting-changed",
                "default_role_id",
                none.clone(),
                json!("eng"),
            ),
            "default_role_id",
        ),
        (
            |o| o.document["settings"]["available_product_features"] = json!(["sso"]),
            setting(
                "setting-changed",
                "available_product_features",
                json!(["access_control", "sso"]),
                json!(["sso"]),
            ),
            "available_product_features",
        ),
        (
            |o| o.document["domains"][0]["sso_enforcement"] = json!(""),
            event(
                "sso-enforcement-off",
                "d1",
                "example.com",
                Some("sso_enforcement"),
                json!("saml"),
                json!(""),
            ),
            "example.com: SSO is no longer enforced (was saml)",
        ),
        (
            |o| {
                push(
                    o,
                    "domains",
                    json!({"id": "d3", "domain": "example.net", "is_verified": true}),
                );
            },
            event(
                "domain-added",
                "d3",
                "example.net",
                None,
                none.clone(),
                json!({"domain": "example.net", "is_verified": true}),
            ),
            "example.net: new verified domain",
        ),
        (
            |o| {
                o.document["domains"].as_array_mut().unwrap().pop();
            },
            event(
                "domain-removed",
                "d2",
                "example.org",
                None,
                json!({"domain": "example.org", "is_verified": false}),
                none.clone(),
            ),
            "example.org: unverified domain removed",
        ),
        (
            |o| o.document["domains"][1]["is_verified"] = json!(true),
            event(
                "domain-changed",
                "d2",
                "example.org",
                Some("is_verified"),
                json!(false),
                json!(true),
            ),
            "example.org",
        ),
        (
            |o| {
                push(
                    o,
                    "invitations",
                    json!({"id": "i2", "target_email": "gus@example.com", "level": 15, "seat": "owner"}),
                );
            },
            event(
                "invitation-added",
                "i2",
                "gus@example.com",
                None,
                none.clone(),
                json!({"target_email": "gus@example.com", "level": 15}),
            ),
            "gus@example.com: invited as owner",
        ),
        (
            |o| o.document["invitations"] = json!([]),
            event(
                "invitation-removed",
                "i1",
                "fay@example.com",
                None,
                json!({"target_email": "fay@example.com", "level": 1}),
                none.clone(),
            ),
            "fay@example.com: no longer invited as member",
        ),
        (
            |o| {
                o.document["invitations"][0]["level"] = json!(8);
                o.document["invitations"][0]["seat"] = json!("administrator");
            },
            event(
                "invitation-changed",
                "i1",
                "fay@example.com",
                Some("level"),
                json!(1),
                json!(8),
            ),
            "fay@example.com: invitation: member → administrator",
        ),
        (
            |o| o.document["role_external_references"][0]["provider_role_id"] = json!("78"),
            event(
                "reference-changed",
                "r1",
                "builders in github",
                Some("provider_role_id"),
                json!("77"),
                json!("78"),
            ),
            "builders in github",
        ),
        (
            |o| o.document["role_external_references"] = json!([]),
            event(
                "reference-changed",
                "r1",
                "builders in github",
                None,
                json!({"role_id": "eng", "provider": "github", "provider_role_id": "77"}),
                none.clone(),
            ),
            "builders in github: external reference of role eng removed",
        ),
        (
            |o| {
                push(
                    o,
                    "role_external_references",
                    json!({"id": "r2", "role_id": "sup", "provider": "github", "provider_role_id": "9"}),
                );
            },
            event(
                "reference-changed",
                "r2",
                "9 in github",
                None,
                none.clone(),
                json!({"role_id": "sup", "provider": "github", "provider_role_id": "9"}),
            ),
            "9 in github: new external reference of role sup",
        ),
    ]
}

const KINDS: [&str; 10] = [
    "2fa-enforcement-off",
    "sso-enforcement-off",
    "setting-changed",
    "domain-added",
    "domain-removed",
    "domain-changed",
    "invitation-added",
    "invitation-removed",
    "invitation-changed",
    "reference-changed",
];

#[test]
fn every_change_has_its_kind_its_fields_and_its_exit_code() {
    let mut seen = BTreeSet::new();
    for (edit, event, words) in every_kind() {
        let pair = after(edit);
        let document = pair.json(&[]);
        assert_eq!(document["changes"], json!([]), "{event}");
        let changes = document["organization_changes"].as_array().unwrap();
        assert_eq!(changes.len(), 1, "{event}: {changes:?}");
        for (key, value) in event.as_object().unwrap() {
            assert_eq!(changes[0][key], *value, "{key} of {event}");
        }
        assert_eq!(
            document["old"]["content_digest"],
            document["new"]["content_digest"]
        );
        let kind = event["kind"].as_str().unwrap();
        seen.insert(kind.to_owned());
        assert_eq!(document["summary"][kind], 1);
        assert_eq!(pair.diff(&["-q"]).code, 1, "{event}");
        for other in KINDS {
            let code = pair.diff(&["-q", "--fail-on", other]).code;
            assert_eq!(code == 1, other == kind, "{event}: --fail-on {other}");
        }
        assert_eq!(pair.diff(&["-q", "--fail-on", "any"]).code, 1, "{event}");
        assert_eq!(
            pair.diff(&["-q", "--fail-on", "seat-raised"]).code,
            0,
            "{event}"
        );
        let text = pair.text(1, &[]);
        assert!(
            text.contains("\nSettings, domains and invitations\n") && text.contains(words),
            "{words}: {text}"
        );
        let lines = pair.text(1, &["-o", "ndjson"]);
        assert_eq!(lines.lines().count(), 1, "{lines}");
        // Agreed on, nothing is left.
        let accept = pair.text(1, &["--print-accept"]);
        assert_eq!(accept.lines().count(), 1, "{accept}");
        fs::write(pair.shelf.path("accept.txt"), &accept).unwrap();
        let text = pair.text(0, &["--accept", "accept.txt"]);
        assert!(
            text.starts_with("no differences except 1 accepted change\n"),
            "{accept}{text}"
        );
        assert_eq!(
            pair.text(0, &["--accept", "accept.txt", "--print-accept"]),
            accept
        );
    }
    assert_eq!(seen, KINDS.map(ToOwned::to_owned).into());
}

#[test]
fn all_changes_at_once_come_after_those_in_access_and_are_accepted_line_by_line() {
    let pair = after(|o| {
        o.seat("Ann", 15);
        for (edit, ..) in every_kind().into_iter().take(9) {
            edit(o);
        }
        push(
            o,
            "invitations",
            json!({"id": "i2", "target_email": "gus@example.com", "level": 15, "seat": "owner"}),
        );
    });
    for format in ["console", "markdown"] {
        let text = pair.text(1, &["-o", format]);
        let access = text
            .find("Seats raised")
            .or(text.find("Raised"))
            .or(text.find("Ann"))
            .unwrap();
        assert!(
            access < text.find("Settings, domains and invitations").unwrap(),
            "{text}"
        );
    }
    let document = pair.json(&[]);
    let n = document["organization_changes"].as_array().unwrap().len();
    let lines = pair.text(1, &["--print-accept"]);
    assert_eq!(
        lines.lines().count(),
        n + document["changes"].as_array().unwrap().len()
    );
    fs::write(pair.shelf.path("accept.txt"), &lines).unwrap();
    pair.text(0, &["--accept", "accept.txt"]);
    let others: Vec<&str> = lines
        .lines()
        .filter(|line| !line.starts_with("setting-changed"))
        .collect();
    fs::write(pair.shelf.path("accept.txt"), others.join("\n")).unwrap();
    let document = pair.json(&["--accept", "accept.txt"]);
    let left = document["organization_changes"].as_array().unwrap();
    assert_eq!(left.len(), lines.lines().count() - others.len());
    assert!(
        left.iter()
            .all(|change| change["kind"] == "setting-changed")
    );
}

#[test]
fn what_only_time_or_the_server_changed_is_not_a_change() {
    for edit in [
        (|o| o.document["invitations"][0]["is_expired"] = json!(true)) as Edit,
        |o| {
            o.document["settings"]
                .as_object_mut()
                .unwrap()
                .remove("enforce_2fa");
        },
        |o| o.document["settings"]["is_member_join_email_enabled"] = json!(true),
        |o| {
            o.document["domains"][0]
                .as_object_mut()
                .unwrap()
                .remove("sso_enforcement");
        },
        |o| o.document["domains"][0]["has_saml"] = json!(true),
    ] {
        let pair = after(edit);
        assert_eq!(pair.text(0, &[]), "no differences\n");
        assert_eq!(pair.json(&[])["organization_changes"], json!([]));
    }
}

#[test]
fn an_invitation_whose_address_joined_is_shown_with_the_join() {
    let pair = after(|o| {
        o.join("Fay", 1);
        o.email("Fay", "FAY@Example.com");
        o.document["invitations"] = json!([]);
    });
    let document = pair.json(&[]);
    assert_eq!(document["organization_changes"], json!([]));
    assert_eq!(document["changes"][0]["invitation"], "i1");
    assert_eq!(document["summary"]["invitation-removed"], 0);
    assert_eq!(
        pair.diff(&["-q", "--fail-on", "invitation-removed"]).code,
        0
    );
    let text = pair.text(1, &[]);
    assert!(
        text.contains("FAY@Example.com>: member, was invited"),
        "{text}"
    );
    // Still listed, it is an invitation like any other.
    let pair = after(|o| {
        o.join("Fay", 1);
        o.document["invitations"][0]["is_expired"] = json!(true);
    });
    assert_eq!(pair.json(&[])["organization_changes"], json!([]));
    // Somebody who was there before did not join.
    let pair = after(|o| o.document["invitations"][0]["target_email"] = json!("ann@example.com"));
    assert_eq!(
        pair.json(&[])["organization_changes"][0]["kind"],
        "invitation-changed"
    );
}

#[test]
fn where_one_side_has_no_document_nothing_is_compared_and_that_is_said() {
    let mut without = Organization::new();
    let mut with = Organization::new().a_week_later();
    with.document = document();
    for (old, new) in [(&without, &with), (&with, &without)] {
        let pair = Pair::of(old, new);
        let document = pair.json(&[]);
        assert_eq!(document["not_compared"], json!(["organization"]));
        assert_eq!(document["organization_changes"], json!([]));
        let run = pair.diff(&[]);
        assert_eq!(run.code, 0);
        let text = String::from_utf8(run.stdout).unwrap();
        assert!(
            text.starts_with("no differences in what both snapshots read\n"),
            "{text}"
        );
        assert!(
            text.contains(
                "settings, domains, invitations and external references of roles are not compared"
            ),
            "{text}"
        );
        let run = pair.diff(&["--fail-on", "2fa-enforcement-off", "-o", "json"]);
        let document: Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(document["not_judged"], json!(["2fa-enforcement-off"]));
        assert!(
            run.stderr
                .contains("Not checked by `--fail-on`: 2fa-enforcement-off"),
            "{}",
            run.stderr
        );
    }
    with.document = Value::Null;
    without.document = Value::Null;
    let pair = Pair::of(&without, &with);
    assert_eq!(pair.text(0, &[]), "no differences\n");
    assert_eq!(pair.json(&[])["not_compared"], json!([]));
}

#[test]
fn a_part_that_one_side_did_not_read_is_not_compared_and_the_others_are() {
    let pair = after(|o| {
        unread(o, "domains");
        o.document["settings"]["members_can_invite"] = json!(true);
    });
    let document = pair.json(&[]);
    assert_eq!(document["not_compared"], json!(["domains"]));
    let changes = document["organization_changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["kind"], "setting-changed");
    let warnings = document["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0]
            .as_str()
            .unwrap()
            .starts_with("domains are not compared: they were not read for `new.c1z`"),
        "{warnings:?}"
    );
    let run = pair.diff(&["--fail-on", "domain-removed,setting-changed", "-o", "json"]);
    assert_eq!(run.code, 1);
    let document: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(document["not_judged"], json!(["domain-removed"]));
}

#[test]
fn a_gate_whose_field_one_side_did_not_send_is_not_judged() {
    for (edit, kind) in [
        (
            (|o| {
                o.document["settings"]
                    .as_object_mut()
                    .unwrap()
                    .remove("enforce_2fa");
            }) as Edit,
            "2fa-enforcement-off",
        ),
        (
            |o| {
                o.document["domains"][0]
                    .as_object_mut()
                    .unwrap()
                    .remove("sso_enforcement");
            },
            "sso-enforcement-off",
        ),
    ] {
        let pair = after(edit);
        let run = pair.diff(&[
            "--fail-on",
            &format!("{kind},setting-changed"),
            "-o",
            "json",
        ]);
        assert_eq!(run.code, 0);
        let document: Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(document["not_judged"], json!([kind]));
        let note = format!("Not checked by `--fail-on`: {kind} (");
        assert!(run.stderr.contains(&note), "{}", run.stderr);
    }
    let pair = after(|_| {});
    let document = pair.json(&["--fail-on", "2fa-enforcement-off,sso-enforcement-off"]);
    assert_eq!(document["not_judged"], json!([]));
}
