//! Address and key: where they are taken from, and what is told of those that cannot be right.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::{
    Answer, KEY, Organization, PostHog, Run, Sandbox, Written, member, membership, organization_id,
    refusal, role, with,
};

fn posthog() -> PostHog {
    Organization::new()
        .members([member(1)])
        .accepting_any_key()
        .serve()
}

/// The key that the requests carried.
#[track_caller]
fn key_sent(posthog: &PostHog) -> String {
    let mut keys: Vec<_> = posthog
        .asked()
        .into_iter()
        .flat_map(|asked| asked.authorization)
        .collect();
    keys.dedup();
    let [key] = &keys[..] else { panic!("{keys:?}") };
    key.clone()
}

#[test]
fn key_comes_from_the_first_place_that_has_one() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("credentials")).unwrap();
    fs::write(sandbox.path("credentials/api-token"), "phx_credentials\n").unwrap();
    fs::write(sandbox.path("flag-file"), " phx_flag_file\n").unwrap();
    fs::write(sandbox.path("variable-file"), "phx_variable_file").unwrap();

    let flags = [
        ("phx_flag", ["--api-token", "phx_flag"]),
        ("phx_flag_file", ["--api-token-file", "flag-file"]),
    ];
    let variables = [
        ("phx_variable_file", "BATON_API_TOKEN_FILE", "variable-file"),
        ("phx_variable", "BATON_API_TOKEN", "phx_variable"),
        ("phx_credentials", "CREDENTIALS_DIRECTORY", "credentials"),
        ("phx_posthog", "POSTHOG_API_KEY", "phx_posthog"),
    ];
    let first_of = |first: usize| {
        let posthog = posthog();
        let mut args = vec!["sync", "-f", "s.c1z"];
        args.extend(flags.iter().skip(first).flat_map(|(_, args)| args));
        let mut program = sandbox
            .program(&args)
            .env("BATON_BASE_URL", &posthog.base_url());
        for (_, name, value) in variables.iter().skip(first.saturating_sub(flags.len())) {
            program = program.env(name, value);
        }
        program.run().succeeds_silently();
        key_sent(&posthog)
    };
    let keys = flags
        .iter()
        .map(|(key, _)| *key)
        .chain(variables.iter().map(|(key, ..)| *key));
    for (at, key) in keys.enumerate() {
        assert_eq!(first_of(at), format!("Bearer {key}"));
    }
}

#[test]
fn key_may_come_on_standard_input() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    sandbox
        .program(&["--api-token-file", "-"])
        .env("BATON_BASE_URL", &posthog.base_url())
        .stdin("phx_from_stdin\n")
        .run()
        .succeeds_silently();
    assert_eq!(key_sent(&posthog), "Bearer phx_from_stdin");
}

/// A key as it stands in other files: recognized before it is sent anywhere.
#[test]
fn key_with_something_around_it_is_3_and_not_sent() {
    let posthog = posthog();
    for (text, says) in [
        ("\"§\"", "in quotes"),
        ("'§'\n", "in quotes"),
        ("`§`", "in quotes"),
        ("“§”", "in quotes"),
        ("§\"", "in quotes"),
        ("POSTHOG_API_KEY=§\n", "a variable name and `=`"),
        ("BATON_API_TOKEN='§'", "a variable name and `=`"),
        ("export KEY=§", "a variable name and `=`"),
        ("key = §", "a variable name and `=`"),
        ("Bearer §", "starts with `Bearer`"),
        ("Authorization: Bearer §", "starts with `Bearer`"),
        ("§\n§", "a character that cannot be part of a key"),
        (
            "{\"key\": \"§\"}",
            "a character that cannot be part of a key",
        ),
        ("", "is empty"),
        ("\u{feff}", "is empty"),
    ] {
        let text = text.replace('§', KEY);
        let sandbox = Sandbox::new();
        fs::write(sandbox.path("key"), &text).unwrap();
        let program = |args: &[&str]| {
            let program = sandbox.program(args);
            program.env("BATON_BASE_URL", &posthog.base_url())
        };
        for (run, source) in [
            (
                program(&["--api-token-file", "key"]).run(),
                "the file `key`",
            ),
            (
                program(&["--api-token-file", "-"]).stdin(&text).run(),
                "standard input",
            ),
            (
                program(&["check", "--api-token-file", "key"]).run(),
                "the file `key`",
            ),
        ] {
            run.assert_keeps_the_key();
            let run = run.fails(3, &[source, says]);
            assert!(run.hint().contains("only the key"), "{}", run.stderr);
        }
        if !text.trim().is_empty() {
            let run = program(&[]).env("BATON_API_TOKEN", &text).run();
            run.assert_keeps_the_key();
            run.fails(3, &["`BATON_API_TOKEN`", says]);
        }
    }
    assert_eq!(posthog.asked_for_everything(), []);
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("key"), format!("\u{feff}{KEY}\r\n")).unwrap();
    let program = sandbox.program(&["--api-token-file", "key"]);
    let program = program.env("BATON_BASE_URL", &posthog.base_url());
    program.run().succeeds_silently();
}

#[test]
fn credentials_directory_without_a_key_is_passed_over() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    fs::create_dir(sandbox.path("credentials")).unwrap();
    sandbox
        .program(&[])
        .env("BATON_BASE_URL", &posthog.base_url())
        .env("CREDENTIALS_DIRECTORY", "credentials")
        .env("POSTHOG_API_KEY", "phx_posthog")
        .run()
        .succeeds_silently();
    assert_eq!(key_sent(&posthog), "Bearer phx_posthog");
}

#[test]
fn address_comes_from_flag_else_environment_else_posthogs_own_names() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    let (whole, host) = (posthog.base_url(), posthog.origin());
    let nowhere = "http://127.0.0.1:1/api/organizations/nowhere";
    for (args, variables) in [
        (
            vec!["--base-url", &*whole],
            vec![("BATON_BASE_URL", nowhere), ("POSTHOG_HOST", nowhere)],
        ),
        (
            vec![],
            vec![("BATON_BASE_URL", &*whole), ("POSTHOG_HOST", nowhere)],
        ),
        (
            vec![],
            vec![
                ("POSTHOG_HOST", &*host),
                ("POSTHOG_ORGANIZATION_ID", organization_id()),
            ],
        ),
        (
            vec!["--base-url", &*host, "--organization", organization_id()],
            vec![("POSTHOG_ORGANIZATION_ID", "another")],
        ),
        (
            vec!["--organization", organization_id()],
            vec![("BATON_BASE_URL", &*host)],
        ),
    ] {
        let mut program = sandbox.program(&args).env("BATON_API_TOKEN", KEY);
        for (name, value) in &variables {
            program = program.env(name, value);
        }
        program.run().succeeds_silently();
        let written = Written::open(&sandbox.path("sync.c1z"));
        assert_eq!(written.evidence.base_url, whole, "{args:?} {variables:?}");
        fs::remove_file(sandbox.path("sync.c1z")).unwrap();
    }
}

#[test]
fn settings_of_service_mode_are_ignored_in_the_environment_and_refused_as_flags() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    let variables = ["BATON_CLIENT_ID", "BATON_CLIENT_SECRET", "BATON_HOST_ID"];
    let program = sandbox.crawl(&posthog, &[]);
    let program = variables
        .iter()
        .fold(program, |program, name| program.env(name, "x"));
    program.run().succeeds_silently();

    for flag in ["--client-id", "--client-secret", "--host-id"] {
        let asked = posthog.asked().len();
        for args in [&[flag, "x"][..], &[flag]] {
            let run = sandbox.crawl(&posthog, args).run();
            assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
            let refusal = "not supported: this tool is offline and read-only";
            assert!(run.stderr.contains(refusal), "{args:?}: {}", run.stderr);
        }
        assert_eq!(posthog.asked().len(), asked);
    }
}

/// Address and key that cannot be right, and words that the error and the hint must have.
#[test]
fn what_cannot_be_right_is_3_and_answered_with_the_right_form() {
    let eu = "https://eu.posthog.com/api/organizations/0191";
    for (address, key, error, hint) in [
        (None, Some(KEY), "address", "--base-url"),
        (Some(""), Some(KEY), "address", "--base-url"),
        (Some(eu), None, "key", "BATON_API_TOKEN"),
        (Some(eu), Some(" \n"), "key", ""),
        (Some(eu), Some("phc_AbCdEf"), "project", "personal"),
        (Some(eu), Some("phx_a b"), "key", ""),
        (
            Some("https://us.i.posthog.com/api/organizations/0191"),
            Some(KEY),
            "us.i.posthog.com",
            "https://us.posthog.com/api/organizations/<id>",
        ),
        (
            Some("https://eu.i.posthog.com"),
            Some(KEY),
            "eu.i.posthog.com",
            "https://eu.posthog.com",
        ),
        (
            Some("https://eu.posthog.com"),
            Some(KEY),
            "organization",
            "https://eu.posthog.com/api/organizations/<id>",
        ),
        (
            Some("https://eu.posthog.com/project/7/settings"),
            Some(KEY),
            "organization",
            "https://eu.posthog.com/api/organizations/<id>",
        ),
        (
            Some("https://eu.posthog.com/api/organizations/"),
            Some(KEY),
            "organization",
            "<id>",
        ),
        (
            Some("http://posthog.example.com/api/organizations/0191"),
            Some(KEY),
            "unencrypted",
            "https://",
        ),
        (
            Some("http://192.168.1.7:8000/api/organizations/0191"),
            Some(KEY),
            "unencrypted",
            "--allow-http",
        ),
        (
            Some("ftp://eu.posthog.com/api/organizations/0191"),
            Some(KEY),
            "ftp",
            "https://",
        ),
        (Some("https://"), Some(KEY), "https://", "api/organizations"),
    ] {
        let sandbox = Sandbox::new();
        let mut program = sandbox.program(&[]);
        for (name, value) in [("BATON_BASE_URL", address), ("BATON_API_TOKEN", key)] {
            program = match value {
                Some(value) => program.env(name, value),
                None => program.without_env(name),
            };
        }
        let run = program.run().fails(3, &[error]);
        let said = run.hint();
        assert!(said.contains(hint), "{address:?} {key:?}: {said}");
        run.assert_keeps_the_key();
        assert!(!run.stderr.contains("phc_AbCdEf"));
        assert_eq!(sandbox.files(), [""; 0]);
    }
}

#[test]
fn address_with_a_password_is_refused_without_showing_it() {
    let sandbox = Sandbox::new();
    let run = sandbox
        .program(&[
            "--base-url",
            "https://me:hunter2@eu.posthog.com/api/organizations/0191",
        ])
        .env("BATON_API_TOKEN", KEY)
        .run()
        .fails(3, &["password"]);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn key_that_looks_wrong_is_refused_before_anything_is_sent() {
    for key in ["phc_AbCdEf", "", "two words"] {
        let (posthog, sandbox) = (posthog(), Sandbox::new());
        let run = sandbox
            .program(&["--base-url", &posthog.base_url(), "--api-token", key])
            .run();
        run.fails(3, &["key"]);
        assert_eq!(posthog.asked_for_everything(), []);
    }
}

#[test]
fn key_file_that_cannot_be_read_is_named() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    let args = [
        "--base-url",
        &posthog.base_url(),
        "--api-token-file",
        "no-such-file",
    ];
    let run = sandbox.program(&args).env("BATON_API_TOKEN", KEY).run();
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("no-such-file"), "{}", run.stderr);
    assert_eq!(posthog.asked_for_everything(), []);
}

#[test]
fn wrong_usage_is_2() {
    let sandbox = Sandbox::new();
    for args in [
        &["--no-such-flag"][..],
        &["no-such-command"],
        &["--mode", "999"],
        &["--http-timeout-seconds", "0"],
    ] {
        assert_eq!(sandbox.program(args).run().code, 2, "{args:?}");
    }
    assert_eq!(sandbox.files(), [""; 0]);
}

#[test]
fn check_passes_over_a_role_of_any_size() {
    let name = "x".repeat(60 << 10);
    let holders = (1..=300).map(|n| with(member(n), json!({"user": {"last_name": name}})));
    let posthog = Organization::new()
        .members([member(1)])
        .role(role(1), holders.map(|holder| membership(1, &holder)))
        .accepting_any_key()
        .serve();
    let run = Sandbox::new().crawl(&posthog, &["check"]).run();
    assert_eq!(run.code, 0, "{}", run.stderr);
}

/// What `check` prints about one thing.
fn lines_about(run: &Run, level: &str, about: &str) -> Vec<String> {
    let text = String::from_utf8(run.stdout.clone()).unwrap();
    let beginning = format!("{level:8} {about:13} ");
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(&beginning));
    lines.map(str::to_owned).collect()
}

#[test]
fn check_reports_every_missing_scope_at_once() {
    for (scopes, missing) in [
        (json!([]), None),
        (
            json!(["organization:read", "organization_member:read"]),
            None,
        ),
        (
            json!(["organization:write", "organization_member:write"]),
            None,
        ),
        (json!(["*"]), None),
        (
            json!(["organization:read"]),
            Some("lacks `organization_member:read`;"),
        ),
        (
            json!(["organization_member:read"]),
            Some("lacks `organization:read`;"),
        ),
        (
            json!(["project:read"]),
            Some("lacks `organization:read` and `organization_member:read`;"),
        ),
    ] {
        let mut posthog = posthog();
        let entry = json!({"label": "x", "scopes": scopes});
        posthog.answers(
            "/api/personal_api_keys/@current/",
            Answer::json(200, &entry),
        );
        if missing.is_some() {
            let detail = "API key missing required scope 'organization_member:read'";
            posthog.answers("members/", Answer::json(403, &refusal("x", "x", detail)));
        }
        let run = Sandbox::new().crawl(&posthog, &["check"]).run();
        assert_eq!(
            run.code,
            if missing.is_some() { 7 } else { 0 },
            "{}",
            run.stderr
        );
        let lines = lines_about(&run, "warning", "key");
        let found = lines.iter().find(|line| line.starts_with("lacks"));
        match missing {
            Some(missing) => assert!(found.unwrap().starts_with(missing), "{lines:?}"),
            None => assert_eq!(found, None, "{scopes}"),
        }
    }
}

#[test]
fn check_warns_about_a_key_file_that_everybody_can_read_as_cron_does() {
    let posthog = Organization::new()
        .members([member(1)])
        .accepting_any_key()
        .serve();
    for (mode, is_open) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        let sandbox = Sandbox::new();
        let key = sandbox.path("api-token");
        fs::write(&key, KEY).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let folder = sandbox.path("");
        let program = |args: &[&str]| {
            let program = sandbox.program(args);
            program.env("BATON_BASE_URL", &posthog.base_url())
        };
        for run in [
            program(&["check", "--api-token-file", "api-token"]).run(),
            program(&["check"])
                .env("BATON_API_TOKEN_FILE", "api-token")
                .run(),
            program(&["check"])
                .env("CREDENTIALS_DIRECTORY", folder.to_str().unwrap())
                .run(),
        ] {
            assert_eq!(run.code, 0, "{}", run.stderr);
            let lines = lines_about(&run, "warning", "key");
            let warns = |line: &String| {
                line.starts_with("all users of this machine can read the key file `")
                    && line.contains("chmod 600")
            };
            assert_eq!(lines.iter().any(warns), is_open, "{mode:o}: {lines:?}");
        }
        // A key that comes from elsewhere is not in that file.
        let run = program(&["check"]).env("BATON_API_TOKEN", KEY).run();
        assert_eq!(lines_about(&run, "warning", "key"), [""; 0]);
    }
}

#[test]
fn check_says_what_either_way_of_reading_costs() {
    let with_roles = |count: u16| {
        (1..=count).fold(Organization::new().members([member(1)]), |all, n| {
            all.role(role(n), [])
        })
    };
    for (count, endpoint, embedded) in [
        (
            8,
            "at least 16 requests",
            "8 requests with --memberships embedded, or about 18 requests",
        ),
        (
            2_500,
            "at least 2509 requests, which take 5 min 00 s,",
            "9 requests with --memberships embedded, or about 2559 requests, which take 5 min 00 s if",
        ),
    ] {
        let posthog = with_roles(count).accepting_any_key().serve();
        let run = Sandbox::new().crawl(&posthog, &["check"]).run().succeeds();
        let lines = lines_about(&run, "ok", "cost");
        assert!(lines[0].starts_with(endpoint), "{lines:?}");
        assert!(lines[1].starts_with(embedded), "{lines:?}");
    }
}
