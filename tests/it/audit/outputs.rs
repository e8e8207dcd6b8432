//! The outputs: the documents for programs with exactly the fields of the contract, and what each format shows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Audited, SYNC_ID, add, found, invitation};
use crate::diff::ORGANIZATION_ID;
use crate::export::records;

/// One finding of every kind of subject, one of them accepted.
fn every_kind() -> Audited {
    let audited = Audited::after(|o| {
        o.second_factor("Bob", Some(false));
        o.second_factor("Ann", Some(false));
        o.add_role("ops", "Operations");
        o.document["settings"]["enforce_2fa"] = json!(false);
        o.document["domains"][0]["sso_enforcement"] = json!("");
        o.evidence
            .as_mut()
            .unwrap()
            .unproved
            .push("roles were read while they changed".to_owned());
        add(
            o,
            "invitations",
            invitation("i1", 8, "2026-09-01T00:00:00Z", false),
        );
    });
    let rules = "[[accept]]\ncode = \"member-without-2fa\"\nsubject = \"ann@example.com\"\n\
                 reason = \"hardware key is on its way\"\nuntil = 2026-12-31\n";
    audited.with("rules.toml", rules)
}

const RULES: [&str; 2] = ["--rules", "./rules.toml"];

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn the_json_document_has_the_fields_of_the_contract() {
    let document = every_kind().json(&RULES);
    assert_eq!(document["schema"], "posthog-c1z.audit");
    assert_eq!(document["schema_version"], 1);
    assert!(document["file"].as_str().unwrap().ends_with("sync.c1z"));
    assert_eq!(document["organization"], "Acme & Sons");
    assert_eq!(document["organization_id"], ORGANIZATION_ID);
    assert_eq!(document["captured_at"], "2026-09-07T02:00:00Z");
    assert_eq!(document["judged_at"], "2026-09-07T02:00:00Z");
    for key in ["rules", "findings", "not_judged", "unmatched_acceptances"] {
        assert!(document[key].is_array(), "{key}");
    }
    assert_eq!(
        document["summary"],
        json!({"high": 3, "medium": 1, "low": 2, "accepted": 1})
    );
    for rule in document["rules"].as_array().unwrap() {
        assert!(keys(rule).is_superset(&["code", "severity", "findings"].into()));
        assert!(rule["findings"].is_u64());
    }
    let all: u64 = document["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["findings"].as_u64().unwrap())
        .sum();
    assert_eq!(all, 7);
    for finding in document["findings"].as_array().unwrap() {
        let wanted = [
            "accepted", "code", "facts", "message", "severity", "subject",
        ];
        assert_eq!(keys(finding), wanted.into());
        assert_eq!(
            keys(&finding["subject"]),
            ["email", "id", "kind", "name"].into()
        );
        assert!(finding["facts"].is_object() && finding["message"].is_string());
    }
    for rule in document["not_judged"].as_array().unwrap() {
        assert_eq!(keys(rule), ["code", "reason"].into());
    }
    let subject = |code: &str| {
        let mut findings = document["findings"].as_array().unwrap().iter();
        findings.find(|finding| finding["code"] == code).unwrap()["subject"].clone()
    };
    for (code, kind, id, name, email) in [
        (
            "admin-without-2fa",
            "user",
            "bob",
            Some("Bob Archer"),
            Some("bob@example.com"),
        ),
        (
            "role-without-holders",
            "role",
            "ops",
            Some("Operations"),
            None,
        ),
        (
            "2fa-not-enforced",
            "organization",
            ORGANIZATION_ID,
            Some("Acme & Sons"),
            None,
        ),
        (
            "sso-not-enforced",
            "domain",
            "d1",
            Some("example.com"),
            None,
        ),
        (
            "pending-privileged-invitation",
            "invitation",
            "i1",
            None,
            Some("i1@example.com"),
        ),
        ("incomplete-snapshot", "snapshot", SYNC_ID, None, None),
    ] {
        let wanted = json!({"kind": kind, "id": id, "name": name, "email": email});
        assert_eq!(subject(code), wanted, "{code}");
    }
    let accepted = &document["findings"].as_array().unwrap()[4];
    assert_eq!(
        accepted["accepted"],
        json!({"reason": "hardware key is on its way", "until": "2026-12-31"})
    );
}

#[test]
fn ndjson_and_csv_have_one_finding_a_line() {
    let audited = every_kind();
    let document = audited.json(&RULES);
    let findings = document["findings"].as_array().unwrap();
    let lines = audited.text(&[&RULES[..], &["-o", "ndjson"]].concat());
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), findings.len());
    for (line, finding) in lines.iter().zip(findings) {
        for (key, value) in finding.as_object().unwrap() {
            assert_eq!(line[key], *value, "{key}");
        }
        assert_eq!(line["captured_at"], "2026-09-07T02:00:00Z");
        assert_eq!(line["organization"], "Acme & Sons");
    }
    let csv = audited.text(&[&RULES[..], &["-o", "csv"]].concat());
    let rows = records(&csv);
    let heads = [
        "code", "severity", "new", "kind", "id", "name", "email", "message", "remedy", "accepted",
        "reason", "until",
    ];
    assert_eq!(rows[0], heads);
    assert_eq!(rows.len(), findings.len() + 1);
    let of_csv: Vec<String> = rows[1..]
        .iter()
        .map(|row| format!("{} {}:{}", row[0], row[3], row[4]))
        .collect();
    assert_eq!(of_csv, found(&document));
    assert_eq!(
        rows[5][9..],
        ["yes", "hardware key is on its way", "2026-12-31"]
    );
    assert_eq!(rows[1][9..], ["no", "", ""]);
    // Without findings there are only the heads, and no line at all.
    let tidy = Audited::after(|_| {});
    assert_eq!(tidy.text(&["-o", "ndjson"]), "");
    assert_eq!(tidy.text(&["-o", "csv"]).lines().count(), 1);
}

#[test]
fn the_console_shows_severity_by_severity_who_it_is_and_what_to_do() {
    let text = every_kind().text(&RULES);
    let order = [
        "3 high, 1 medium and 2 low findings, 1 accepted\n",
        "Failed by `--fail-on high`: 3 findings.\n",
        "Acme & Sons, 2026-09-07 02:00:00",
        "\nHigh (3)\n",
        "  admin-without-2fa: have them turn on 2FA",
        "    Bob Archer <bob@example.com>: owner without 2FA\n",
        "    this snapshot: not proved: roles were read while they changed\n",
        "    i1@example.com: invited as administrator by Cem Archer on 2026-09-01\n",
        "\nMedium (1)\n",
        "\nLow (2)\n",
        "    Operations: nobody holds this role\n",
        "    example.com: SSO is not enforced for this verified domain\n",
        "\nAccepted (1)\n",
        "hardware key is on its way, until 2026-12-31",
        "\nNot judged\n",
        "  not-in-roster, left-but-present: no roster was given (--roster)\n",
        "note: 2FA here is PostHog's own",
    ];
    let mut rest = text.as_str();
    for part in order {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("no `{part}` after the one before in:\n{text}"));
        rest = &rest[at..];
    }
}

#[test]
fn the_same_file_gives_the_same_bytes_whatever_the_clock_shows() {
    let audited = every_kind();
    for format in ["console", "json", "ndjson", "markdown", "csv"] {
        let args = [&RULES[..], &["-o", format]].concat();
        let outputs = [
            "2001-01-01T00:00:00Z",
            "2026-09-08T00:00:00Z",
            "2199-01-01T00:00:00Z",
        ]
        .map(|now| audited.answer_at(now, &args));
        assert_eq!(outputs[0].stdout, outputs[1].stdout, "{format}");
        assert_eq!(outputs[0].stdout, outputs[2].stdout, "{format}");
        assert!(outputs.iter().all(|answered| answered.code == 1));
    }
}

#[test]
fn as_of_moves_what_depends_on_time_and_nothing_else() {
    let audited = Audited::after(|o| {
        add(
            o,
            "invitations",
            invitation("i1", 1, "2026-09-01T00:00:00Z", false),
        );
    });
    // Last logins were at 2026-09-06 00:00, invitations at 2026-09-01 00:00.
    for (as_of, wanted) in [
        ("2026-09-14", &[][..]),
        ("2026-09-15", &["stale-invitation invitation:i1"]),
        ("2026-09-15T00:00:00Z", &[]),
        ("2026-09-15T00:00:01Z", &["stale-invitation invitation:i1"]),
        ("2026-12-05T00:00:00Z", &["stale-invitation invitation:i1"]),
        (
            "2026-12-05",
            &[
                "dormant-admin user:bob",
                "dormant-admin user:cem",
                "dormant-admin user:eve",
                "dormant-member user:ann",
                "dormant-member user:dee",
                "stale-invitation invitation:i1",
            ],
        ),
        ("2020-01-01", &[]),
    ] {
        let document = audited.json(&["--as-of", as_of]);
        assert_eq!(found(&document), wanted, "{as_of}");
        assert_eq!(document["captured_at"], "2026-09-07T02:00:00Z");
    }
    let document = audited.json(&["--as-of", "2026-09-15"]);
    assert_eq!(document["judged_at"], "2026-09-15T23:59:59.999999999Z");
    let text = audited.text(&["--as-of", "2026-09-15T12:00:00+02:00"]);
    assert!(
        text.contains("judged as of 2026-09-15 10:00:00 UTC"),
        "{text}"
    );
}
