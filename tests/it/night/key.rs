//! The key and its traces: in what a server sends back, and where somebody typed it by mistake. It is never shown, never
//! asked of a name server, and never written.

use std::fs;

use serde_json::{Value, json};

use super::{ALWAYS, KEY_ENTRY, as_usual, at, calm};
use crate::support::{
    Answer, Database, KEY, Reply, Run, SURROUNDINGS, Sandbox, Written, organization_id, refusal,
    user, with,
};

/// Spellings of the key, and parts of it, each with a part that must not be shown.
fn traces() -> Vec<(String, String)> {
    let encoded: String = KEY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let half = &KEY[..KEY.len() / 2];
    let trace = |text: &str| (text.to_owned(), text.to_owned());
    vec![
        trace(KEY),
        trace(&KEY.to_uppercase()),
        trace(&KEY.to_lowercase()),
        trace(&KEY.replace('_', "%5F")),
        trace(&encoded),
        trace(&KEY[..8]),
        trace(half),
        trace(&KEY[9..17]),
        trace(&KEY[KEY.len() - 8..]),
        (format!("…{half}…"), half.to_owned()),
    ]
}

#[test]
fn no_trace_of_the_key_that_a_server_sends_back_is_shown() {
    for (sent, hidden) in traces() {
        let status = |status: usize, sent: &str| {
            let body = refusal("x", "x", &format!("The key {sent} is not good."));
            Reply::Give(Answer::json(status, &body))
        };
        let location = format!("http://127.0.0.1:1/?key={}", sent.replace('…', ""));
        let json = |body: String| Reply::Give(Answer::new(200, "application/json", body));
        let replies: [(i32, Reply); 6] = [
            (16, status(401, &sent)),
            (14, status(500, &sent)),
            (
                3,
                Reply::Give(Answer::new(302, "", "").with_header("location", &location)),
            ),
            (
                3,
                json(format!(
                    "{{\"results\": [{{\"user\": {{\"uuid\": \"{sent}!\"}}}}]}}"
                )),
            ),
            (
                3,
                json(format!("{{\"results\": [{{\"user\": \"{sent}\"}}]}}")),
            ),
            (
                14,
                json(format!(
                    "{{\"{}\": \"{}\"}}",
                    sent.replace('…', ""),
                    "x".repeat(1 << 20)
                )),
            ),
        ];
        for (code, reply) in replies {
            let mut reply = Some(reply);
            let night = calm().serve_by(at("members/", ALWAYS, move || {
                reply.take().unwrap_or(Reply::Reset)
            }));
            let args = ["--retries", "0", "-vv", "--log-format", "json"];
            let run = Sandbox::new().crawl_at(&night.base_url(), &args).run();
            assert_eq!(run.code, code, "{}", run.stderr);
            assert!(!run.stderr.contains(&hidden), "{hidden}: {}", run.stderr);
        }
    }
}

#[test]
fn no_trace_of_the_key_is_written_into_the_evidence() {
    for (sent, hidden) in traces() {
        let entry = json!({
            "label": sent, "user_id": 1001, "scopes": [sent], "scoped_organizations": [sent],
        });
        let night = calm()
            .itself(json!({"name": format!("Org {sent}"), "slug": sent}))
            .serve_by(at(KEY_ENTRY, ALWAYS, move || {
                Reply::Give(Answer::json(200, &entry))
            }));
        let sandbox = Sandbox::new();
        let run = sandbox
            .crawl_at(&night.base_url(), &["-v"])
            .run()
            .succeeds();
        assert!(!run.stderr.contains(&hidden), "{}", run.stderr);
        let written = Written::open(&sandbox.path("sync.c1z"));
        let evidence = serde_json::to_string(&written.evidence).unwrap();
        assert!(!evidence.contains(&hidden), "{hidden}: {evidence}");
    }
}

#[test]
fn no_trace_of_the_key_is_written_into_what_surrounds_the_roles() {
    for (sent, hidden) in traces() {
        let all = |names: &[&str]| {
            let fields = names.iter().map(|name| ((*name).to_owned(), json!(sent)));
            Value::Object(fields.collect())
        };
        let invitations = [
            json!({"id": "1", "created_by": with(user(1), all(&["first_name"]))}),
            json!({"id": "2", "created_by": with(user(1), all(&["last_name", "email"]))}),
            json!({"id": "3", "created_by": with(user(1), json!({"first_name": "", "last_name": "", "email": sent}))}),
            all(&["id", "target_email", "first_name", "created_at"]),
        ];
        let organization = calm()
            .itself(json!({"default_role_id": sent, "available_product_features": ["a", sent, {"key": sent}]}))
            .domains([all(&["id", "domain", "verified_at", "sso_enforcement", "verification_challenge"])])
            .invitations(invitations)
            .references([all(&[
                "id",
                "role",
                "provider",
                "provider_organization_id",
                "provider_role_id",
                "provider_role_slug",
                "provider_role_name",
                "created_at",
            ])]);
        let refusal = Answer::json(
            403,
            &refusal("x", "x", &format!("The key {sent} is not good.")),
        );
        let id = json!({"results": [{"id": "x", "created_by": with(user(1), all(&["uuid"]))}]});
        let of_another_type = json!({"results": [{"id": sent, "is_expired": sent, "is_verified": sent, "role": {(&*sent): sent}}]});
        let settings = json!({"id": organization_id(), "enforce_2fa": sent, "default_role_id": {(&*sent): sent}});
        // Where another answer comes, and which.
        let replaced: [(&[&str], Answer); 5] = [
            (&[], refusal.clone()),
            (&SURROUNDINGS, refusal),
            (&SURROUNDINGS, Answer::json(200, &id)),
            (&SURROUNDINGS, Answer::json(200, &of_another_type)),
            (&[""], Answer::json(200, &settings)),
        ];
        for (paths, answer) in replaced {
            let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
            let is_usual = paths.is_empty();
            let night = organization.clone().serve_by(move |_, asked| {
                let is_replaced = paths.iter().any(|path| path == asked.path);
                if is_replaced {
                    Reply::Give(answer.clone())
                } else {
                    Reply::AsUsual
                }
            });
            let sandbox = Sandbox::new();
            let run = sandbox
                .crawl_at(&night.base_url(), &["-vv"])
                .run()
                .succeeds();
            assert!(!run.stderr.contains(&hidden), "{hidden}: {}", run.stderr);
            let path = sandbox.path("sync.c1z");
            let Written {
                snapshot, sync_run, ..
            } = Written::open(&path);
            let document = snapshot.organization(&sync_run.id).unwrap();
            let not_read = &document.document().unwrap().not_read;
            assert!(not_read.is_empty() || !is_usual, "{not_read:?}");
            let bytes = Database::of(&path).bytes;
            let found = bytes
                .windows(hidden.len())
                .any(|window| window == hidden.as_bytes());
            assert!(!found, "{hidden}");
        }
    }
}

#[test]
fn key_that_was_typed_in_the_wrong_place_is_refused_and_not_repeated() {
    let night = calm().serve_by(as_usual);
    let in_host = format!("https://{KEY}.example.com/api/organizations/x");
    let in_path = format!("{}/api/organizations/{KEY}", night.origin());
    let in_user_info = format!("https://me:{KEY}@example.com/api/organizations/x");
    let origin = night.origin();
    let assigned = format!("--file={KEY}");
    let named = format!("{KEY}.c1z");
    let sandbox = Sandbox::new();
    let check = |what: &str, run: Run, code: i32| {
        run.assert_keeps_the_key();
        assert_eq!(run.code, code, "{what}: {}", run.stderr);
    };
    for (args, code) in [
        (vec!["--base-url", KEY], 3),
        (vec!["--base-url", &in_host], 3),
        (vec!["--base-url", &in_path], 3),
        (vec!["--base-url", &in_user_info], 3),
        (vec!["--base-url", &origin, "--organization", KEY], 3),
        (vec!["check", "--base-url", KEY], 3),
        (vec![KEY], 2),
        (vec!["sync", KEY], 2),
        (vec![&*assigned], 2),
        (vec!["-f", &named], 2),
        (vec!["--latest", KEY], 2),
        (vec!["--temp-dir", KEY], 2),
        (vec!["--api-token-file", KEY], 2),
        (vec!["--ca-cert", KEY], 2),
        (vec!["--workers", KEY], 2),
        (vec!["--log-level", KEY], 2),
        (vec![&*format!("--{KEY}")], 2),
        (vec!["access", KEY], 2),
        (vec!["stats", KEY], 2),
        (vec!["grants", "-e", KEY], 2),
        (vec!["export", "csv", "--out", KEY], 2),
        (vec!["diff", KEY, KEY], 2),
        (vec!["completions", KEY], 2),
    ] {
        let program = sandbox
            .program(&args)
            .env("BATON_API_TOKEN", "phx_another_key_0123456789");
        check(&format!("{args:?}"), program.run(), code);
    }
    for (name, value, code) in [
        ("BATON_BASE_URL", KEY, 3),
        ("BATON_BASE_URL", &*in_user_info, 3),
        ("POSTHOG_HOST", KEY, 3),
        ("POSTHOG_ORGANIZATION_ID", KEY, 3),
        ("BATON_FILE", KEY, 2),
        ("BATON_TMPDIR", KEY, 2),
        ("BATON_API_TOKEN_FILE", KEY, 2),
        ("BATON_WORKERS", KEY, 2),
    ] {
        let program = sandbox
            .program(&[])
            .env("BATON_API_TOKEN", "phx_another_key_0123456789")
            .env("POSTHOG_HOST", "https://eu.posthog.com");
        check(name, program.env(name, value).run(), code);
    }
    assert_eq!(sandbox.files(), [""; 0]);
    sandbox.assert_no_litter();
    assert_eq!(night.asked_for_everything(), [""; 0]);
}

#[test]
fn help_does_not_show_what_variables_hold() {
    let secret = "https://me:s3cret-of-the-address@posthog.example";
    for args in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["check", "--help"],
        &["help", "sync"],
    ] {
        let sandbox = Sandbox::new();
        let mut program = sandbox.program(args);
        for name in [
            "BATON_BASE_URL",
            "BATON_FILE",
            "BATON_TMPDIR",
            "BATON_API_TOKEN_FILE",
        ] {
            program = program.env(name, secret);
        }
        let run = program.run();
        assert_eq!(run.code, 0, "{}", run.stderr);
        let said = String::from_utf8(run.stdout).unwrap();
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn password_in_an_address_is_not_repeated() {
    let sandbox = Sandbox::new();
    let address = "https://me:s3cret@posthog.example/api/organizations/x";
    let spaced = "https://me:s3cret@posthog example/api/organizations/x";
    for args in [
        vec!["--base-url", address],
        vec!["--base-url", spaced],
        vec!["--base-url", "me:s3cret@posthog.example"],
        vec!["--base-url", "ftp://me:s3cret@posthog.example"],
        vec![address],
        vec!["stats", address],
        vec!["--workers", address],
    ] {
        let run = sandbox.program(&args).env("BATON_API_TOKEN", KEY).run();
        assert_ne!(run.code, 0);
        assert!(!run.stderr.contains("s3cret"), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn organization_with_another_id_than_was_asked_for_is_refused() {
    let night = calm()
        .itself(json!({"id": "018d4b1e-7c2a-0000-8a9d-000000000000"}))
        .serve_by(as_usual);
    let sandbox = Sandbox::new();
    for args in [&[][..], &["check"]] {
        let run = sandbox.crawl_at(&night.base_url(), args).run();
        assert_eq!(run.code, 3, "{}", run.stderr);
        for part in [
            "reading the organization",
            "describes the organization `018d4b1e-7c2a-0000-8a9d-000000000000`",
            organization_id(),
        ] {
            assert!(run.stderr.contains(part), "{}", run.stderr);
        }
    }
    // Another spelling is the same id.
    let same = organization_id().replace('-', "").to_uppercase();
    let night = calm().itself(json!({"id": same})).serve_by(as_usual);
    sandbox
        .crawl_at(&night.base_url(), &[])
        .run()
        .succeeds_silently();
    fs::remove_file(sandbox.path("sync.c1z")).unwrap();
}
