//! Snapshots of other connectors: judged as far as Baton's fields go, and nothing is said that only PostHog has.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Audited, not_judged};
use crate::support::{answer, golden};

fn files() -> Vec<std::path::PathBuf> {
    let others = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/others");
    let mut files: Vec<_> = fs::read_dir(others)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "c1z"));
    // It has the profiles of PostHog's people, so it is judged like one of ours.
    files.retain(|path| !path.ends_with("sdk-0.25.0-v3-w200.c1z"));
    files.push(golden("small.c1z"));
    files.push(golden("connector-sqlite.c1z"));
    files.sort();
    files
}

#[test]
fn files_of_other_connectors_are_judged_as_far_as_their_fields_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut judged = 0;
    for path in files() {
        let file = path.to_str().unwrap();
        let answered = answer(folder.path(), &["audit", file, "-o", "json"]);
        assert!(answered.code <= 1, "{file}: {}", answered.message);
        let document: Value = serde_json::from_slice(&answered.stdout).unwrap();
        assert_eq!(document["organization"], Value::Null, "{file}");
        let missing = not_judged(&document);
        for code in [
            "admin-without-2fa",
            "dormant-admin",
            "too-many-owners",
            "single-owner",
            "unknown-seat",
            "unverified-email",
            "2fa-not-enforced",
            "sso-not-enforced",
            "members-can-invite",
            "stale-invitation",
            "holder-not-listed",
            "pending-privileged-invitation",
            "outside-domain",
            "incomplete-snapshot",
            "key-can-write",
        ] {
            assert!(missing.contains_key(code), "{file}: {code}");
        }
        judged += document["rules"].as_array().unwrap().len();
        for finding in document["findings"].as_array().unwrap() {
            let message = finding["message"].as_str().unwrap();
            for untrue in ["member", "owner", "joined", "never", "PostHog", "list"] {
                assert!(!message.contains(untrue), "{file}: {message}");
            }
        }
        for format in ["console", "markdown", "csv", "ndjson"] {
            let answered = answer(folder.path(), &["audit", file, "-o", format]);
            assert!(answered.code <= 1);
            let text = String::from_utf8(answered.stdout).unwrap();
            assert!(!text.contains("PostHog's own"), "{file}: {text}");
        }
    }
    assert!(judged > 0);
}

#[test]
fn what_others_know_of_people_is_judged_without_words_that_do_not_fit() {
    let audited = Audited::after(|o| {
        o.evidence = None;
        o.document = Value::Null;
        for name in ["Ann", "Bob", "Cem", "Dee", "Eve"] {
            o.set(name, "organization_level", None);
            o.set(name, "organization_role", None);
        }
        o.user("Ann").mfa_enabled = Some(false);
        o.set("Ann", "is_2fa_enabled", None);
        o.user("Bob").last_login = None;
        o.person("Cem").status = Some(posthog_c1z::model::Status::Disabled);
        o.user("Cem").mfa_enabled = Some(false);
    });
    let document = audited.json(&[]);
    let messages: Vec<_> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        messages,
        [
            "user, no known login, created 2026-01-05 (244 days before)",
            "user without 2FA",
            "user without 2FA (disabled)",
        ]
    );
    let audited = audited.with("rules.toml", "domains = [\"example.org\"]");
    assert_eq!(audited.found(&["--rules", "./rules.toml"]).len(), 8);
}
