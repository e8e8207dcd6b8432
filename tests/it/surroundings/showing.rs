//! What the commands that read make of the organization document.

use serde_json::{Value, json};

use super::{Crawl, KEYS, organization, refusal_of, with_document};
use crate::support::{Edited, Organization, Reply, Shelf, member};

/// The organization document of a snapshot on a shelf.
#[track_caller]
fn document(shelf: &Shelf, file: &str) -> Value {
    shelf.json(&["organization", "-o", "json", file])
}

/// A shelf with the demo as `demo.c1z`, and as `edited.c1z` with this in place of its organization document.
fn edited(bytes: &[u8]) -> Shelf {
    let shelf = Shelf::with_demo();
    with_document(&shelf.path("demo.c1z"), bytes).pack(&shelf.path("edited.c1z"));
    shelf
}

/// The lines of `verify` about a file, without its name.
#[track_caller]
fn verified(shelf: &Shelf, file: &str) -> (i32, Vec<String>) {
    let run = shelf.run(&["verify", file]);
    assert_eq!(run.stderr, "");
    let text = String::from_utf8(run.stdout).unwrap();
    let lines = text
        .lines()
        .map(|line| line.strip_prefix(&format!("{file}: ")));
    (
        run.code,
        lines.map(|line| line.unwrap().to_owned()).collect(),
    )
}

#[test]
fn organization_shows_the_demo_in_words() {
    let shelf = Shelf::with_demo();
    let text = shelf.text(&["organization", "demo.c1z"]);
    let (head, rest) = text.split_once("\n\n").unwrap();
    let lines: Vec<_> = head.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "organization  Larkspur & Thorn Instruments",
            "file          demo.c1z"
        ]
    );
    assert!(
        lines[2].starts_with("captured      20") && lines[2].ends_with(" UTC"),
        "{}",
        lines[2]
    );
    let expected = "\
Settings
  every member must have 2FA: yes
  members below administrator may invite people: no
  members below administrator may use personal API keys: yes
  members below administrator see the member list: yes
  dashboards and the like may be shared publicly: yes
  members get an e-mail when somebody joins: yes
  role that new members get: Everyone
  features of the plan: access_control, role_based_access

Domains
Domain       Verified  SSO           Auto-join  SAML  SCIM
example.com  yes       not enforced  yes        no    no

Invitations
Invited                    First name  Seat           State    Sent        By
leo.fontaine@example.com   Léo         member         expired  2026-06-22  Lena Brandt
nadia.hassan@example.org   Nadia       administrator  pending  2026-09-05  Beatriz Fernández de la Cruz
Tove.Aaltonen@example.com              member         pending  2026-09-06  Amara Okafor

External references of roles
Role         Provider  External group             External organization  Since
Engineering  vercel    Engineering (all offices)  team_4mKp9sQz          2025-06-24
";
    assert_eq!(rest, expected);
}

#[test]
fn organization_prints_the_document_as_json() {
    let shelf = Shelf::with_demo();
    let document = document(&shelf, "demo.c1z");
    assert_eq!(document["schema"], "posthog-c1z.organization");
    assert_eq!(document["settings"]["enforce_2fa"], true);
    assert_eq!(document["domains"][0]["domain"], "example.com");
    assert_eq!(document["invitations"].as_array().unwrap().len(), 3);
    assert_eq!(
        document["role_external_references"][0]["provider"],
        "vercel"
    );
    assert_eq!(document["not_read"], json!([]));
}

#[test]
fn exports_hold_the_document() {
    let shelf = Shelf::with_demo();
    let expected = document(&shelf, "demo.c1z");
    let export = shelf.json(&["export", "json", "demo.c1z"]);
    assert_eq!(export["organization_document"], expected);
    let text = shelf.text(&["export", "ndjson", "demo.c1z"]);
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines: Vec<_> = lines
        .filter(|line| line["kind"] == "organization_document")
        .collect();
    assert_eq!(
        lines,
        [json!({"kind": "organization_document", "data": expected})]
    );

    // Without one, the key is there and null, and there is no line.
    let shelf = shelf.with_golden("small.c1z");
    let export = shelf.json(&["export", "json", "small.c1z"]);
    assert_eq!(export["organization_document"], Value::Null);
    assert!(
        export
            .as_object()
            .unwrap()
            .contains_key("organization_document")
    );
    let text = shelf.text(&["export", "ndjson", "small.c1z"]);
    assert!(!text.contains("organization_document"));
}

#[test]
fn stats_sum_the_document_up_in_a_line() {
    let shelf = Shelf::with_demo();
    let text = shelf.text(&["stats", "demo.c1z"]);
    let line = "settings      2FA is enforced, 1 domain, 2 pending invitations and 1 expired, 1 external reference";
    assert!(text.lines().any(|found| found == line), "{text}");

    let night = organization().serve_by(|_, asked| match asked.path {
        "domains/" => refusal_of(403),
        "role_external_references/" => refusal_of(404),
        _ => Reply::AsUsual,
    });
    let crawl = Crawl::of(&night.base_url(), &[]);
    let run = crawl
        .sandbox
        .program(&["stats", "sync.c1z"])
        .run()
        .succeeds();
    let text = String::from_utf8(run.stdout).unwrap();
    let line = "settings      2FA is not enforced, 2 pending invitations, not read: domains, external references of roles";
    assert!(text.lines().any(|found| found == line), "{text}");

    // In words, `organization` says why.
    let run = crawl.sandbox.program(&["organization", "sync.c1z"]).run();
    let text = String::from_utf8(run.succeeds().stdout).unwrap();
    let end = "\n\nNot read\n  domains: answered 403: No.\n  external references of roles: answered 404: No.\n";
    assert!(text.ends_with(end), "{text}");
    assert!(!text.contains("\nDomains\n"), "{text}");
}

#[test]
fn snapshot_without_a_document_is_5_and_says_why() {
    let shelf = Shelf::with_demo().with_golden("small.c1z");
    let args = [
        "sync",
        "--demo",
        "--without-organization",
        "-f",
        "without.c1z",
    ];
    shelf.run(&args).succeeds();
    Edited::of(&shelf.path("demo.c1z"))
        .sql("delete from v1_assets where external_id = 'posthog-c1z:organization'")
        .pack(&shelf.path("older.c1z"));
    for (file, why) in [
        ("without.c1z", "it was made with --without-organization"),
        (
            "older.c1z",
            "it was made by a version of this program that did not read one",
        ),
        ("small.c1z", "it was written by another program"),
    ] {
        for args in [
            &["organization", file][..],
            &["organization", "-o", "json", file],
        ] {
            let run = shelf.run(args);
            let message = format!("error: `{file}` has no organization document: {why}\n");
            let run = run.fails(5, &[&message]);
            assert!(run.hint().contains("`posthog-c1z sync`"), "{}", run.hint());
        }
        // All the others go on as before, and none mentions it.
        let stats = shelf.text(&["stats", file]);
        assert!(!stats.contains("settings  "), "{stats}");
        let export = shelf.json(&["export", "json", file]);
        assert_eq!(export["organization_document"], Value::Null);
    }
    for file in ["without.c1z", "small.c1z"] {
        assert_eq!(verified(&shelf, file), (0, vec!["ok".to_owned()]));
    }
}

#[test]
fn document_that_is_not_understood_spoils_nothing_else() {
    let shelf = Shelf::with_demo();
    let whole = document(&shelf, "demo.c1z");
    let newer = |mut document: Value| {
        document["schema_version"] = json!(2);
        document
    };
    let of_another_shape = |mut document: Value| {
        document["domains"] = json!({"by_id": {}});
        document
    };
    let text = |document: Value| document.to_string();
    let cut = text(whole.clone());
    for (what, bytes, why) in [
        (
            "a newer version",
            text(newer(whole.clone())),
            "it has version 2, and this program only knows version 1",
        ),
        (
            "a newer version of another shape",
            text(newer(of_another_shape(whole.clone()))),
            "it has version 2, and this program only knows version 1",
        ),
        (
            "another schema",
            text(json!({"schema": "posthog-c1z.evidence", "schema_version": 1, "not_read": []})),
            "its `schema` is `posthog-c1z.evidence` and not `posthog-c1z.organization`",
        ),
        (
            "another type",
            text(of_another_shape(whole.clone())),
            "it is malformed: invalid type: map, expected a sequence",
        ),
        (
            "nothing in it",
            "{}".to_owned(),
            "it is malformed: missing field `schema`",
        ),
        ("nothing", String::new(), "it is malformed: EOF"),
        (
            "cut",
            cut[..cut.len() / 2].to_owned(),
            "it is malformed: EOF",
        ),
        ("a list", "[]".to_owned(), "it is malformed"),
        ("no JSON", "\u{1}".to_owned(), "it is malformed"),
    ] {
        let shelf = edited(bytes.as_bytes());
        for args in [
            &["organization", "edited.c1z"][..],
            &["organization", "-o", "json", "edited.c1z"],
        ] {
            let message =
                format!("error: the organization document of `edited.c1z` cannot be read: {why}");
            let run = shelf.run(args).fails(15, &[&message]);
            assert!(
                run.hint().contains("posthog-c1z verify"),
                "{what}: {}",
                run.hint()
            );
        }
        let (code, lines) = verified(&shelf, "edited.c1z");
        let [line] = &lines[..] else {
            panic!("{what}: {lines:?}");
        };
        assert_eq!(code, 1, "{what}");
        let expected = format!("organization: its organization document: {why}");
        assert!(line.starts_with(&expected), "{what}: {line}");
        let stats = shelf.text(&["stats", "edited.c1z"]);
        let expected = format!("warning       the organization document cannot be read: {why}");
        assert!(stats.contains(&expected), "{what}: {stats}");
        let export = shelf.json(&["export", "json", "edited.c1z"]);
        assert_eq!(export["organization_document"], Value::Null, "{what}");
        assert_eq!(
            export["evidence"]["schema"], "posthog-c1z.evidence",
            "{what}"
        );
        // What does not show the document shows the same as before.
        for args in [
            &["resource-types"][..],
            &["resources"],
            &["entitlements"],
            &["grants"],
            &["principals"],
            &["access", "amara.okafor@example.com"],
            &["stats", "-o", "json", "--evidence"],
            &["export", "csv"],
            &["export", "csv", "--table", "users"],
        ] {
            let of = |file| shelf.text(&[args, &[file]].concat());
            let (shown, before) = (of("edited.c1z"), of("demo.c1z"));
            if args[0] == "stats" || args[0] == "access" {
                assert_eq!(
                    shown.lines().count(),
                    before.lines().count(),
                    "{what}: {args:?}"
                );
            } else {
                assert_eq!(shown, before, "{what}: {args:?}");
            }
        }
        let run = shelf.run(&["diff", "demo.c1z", "edited.c1z"]).succeeds();
        assert_eq!(run.stderr, "", "{what}");
    }
}

#[test]
fn flaws_of_a_document_are_found_by_verify_and_shown_nevertheless() {
    type Change = fn(&mut Value);
    let flaws: &[(Change, &str)] = &[
        (
            |document| document["invitations"].as_array_mut().unwrap().reverse(),
            "`invitations` is not sorted by id, each once",
        ),
        (
            |document| {
                let rows = document["domains"].as_array_mut().unwrap();
                rows.push(rows[0].clone());
            },
            "`domains` is not sorted by id, each once",
        ),
        (
            |document| {
                let rows = document["role_external_references"].as_array_mut().unwrap();
                rows.push(json!({"id": "0"}));
            },
            "`role_external_references` is not sorted by id, each once",
        ),
        (
            |document| document["settings"]["available_product_features"] = json!(["b", "a"]),
            "`available_product_features` is not sorted by name, each once",
        ),
        (
            |document| {
                document["not_read"] = json!([{"list": "domains", "status": 403, "reason": "No."}]);
            },
            "`domains` is there and in `not_read`",
        ),
        (
            |document| drop(document.as_object_mut().unwrap().remove("settings")),
            "`settings` is neither there nor in `not_read`",
        ),
        (
            |document| {
                document["not_read"] = json!([{"list": "keys", "status": null, "reason": "No."}]);
            },
            "`not_read` names something that is not part of the document",
        ),
        (
            |document| document["invitations"][0]["seat"] = json!("owner"),
            "the `seat` of invitation `019eeecb-2e60-0000-90d7-c6a15f38e204` does not fit its `level`",
        ),
        (
            |document| {
                drop(
                    document["invitations"][0]
                        .as_object_mut()
                        .unwrap()
                        .remove("level"),
                );
            },
            "the `seat` of invitation `019eeecb-2e60-0000-90d7-c6a15f38e204` does not fit its `level`",
        ),
    ];
    let shelf = Shelf::with_demo();
    let whole = document(&shelf, "demo.c1z");
    assert_eq!(verified(&shelf, "demo.c1z"), (0, vec!["ok".to_owned()]));
    for (change, says) in flaws {
        let mut changed = whole.clone();
        change(&mut changed);
        let shelf = edited(changed.to_string().as_bytes());
        let expected = format!("organization: its organization document: {says}");
        assert_eq!(
            verified(&shelf, "edited.c1z"),
            (1, vec![expected]),
            "{says}"
        );
        assert_eq!(document(&shelf, "edited.c1z"), changed, "{says}");
        shelf.text(&["organization", "edited.c1z"]);
        let run = shelf.run(&["verify", "-o", "json", "edited.c1z"]);
        let finding: Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(finding["code"], "organization");
    }
}

/// Without evidence nothing says that a file is ours, but only we write such an asset.
#[test]
fn document_is_checked_beside_evidence_that_is_not_understood() {
    let shelf = Shelf::with_demo();
    Edited::of(&shelf.path("demo.c1z"))
        .sql(
            "update v1_assets set data = cast('{}' as blob) where external_id = 'posthog-c1z:organization'; \
             update v1_assets set data = cast(substr(data, 1, 100) as blob) where external_id = 'posthog-c1z:evidence'",
        )
        .pack(&shelf.path("edited.c1z"));
    let (code, lines) = verified(&shelf, "edited.c1z");
    assert_eq!(code, 1);
    for part in [
        "organization: its organization document: it is malformed",
        "evidence-digest: its evidence cannot be compared with its rows: it is malformed",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(part)), "{lines:?}");
    }
}

#[test]
fn document_with_unknown_fields_is_read_as_if_they_were_not_there() {
    let shelf = Shelf::with_demo();
    let whole = document(&shelf, "demo.c1z");
    let mut longer = whole.clone();
    longer["more"] = json!([1]);
    longer["settings"]["more"] = json!({});
    longer["domains"][0]["more"] = json!(null);
    let shelf = edited(longer.to_string().as_bytes());
    assert_eq!(document(&shelf, "edited.c1z"), whole);
    assert_eq!(verified(&shelf, "edited.c1z").0, 0);
}

#[test]
fn lists_without_rows_are_shown_as_none() {
    let crawl = Crawl::new(Organization::new().members([member(1)]));
    for key in KEYS {
        assert_eq!(crawl.document()[key], json!([]));
    }
    let run = crawl.sandbox.program(&["organization", "sync.c1z"]).run();
    let text = String::from_utf8(run.succeeds().stdout).unwrap();
    for title in ["Domains", "Invitations", "External references of roles"] {
        assert!(text.contains(&format!("\n\n{title}\n  none\n")), "{text}");
    }
    assert!(
        text.contains("  every member must have 2FA: not set\n"),
        "{text}"
    );
    assert!(text.contains("  features of the plan: none\n"), "{text}");
}
