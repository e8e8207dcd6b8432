//! What the program prints before anything is set, and which command comes next.

use serde_json::Value;

use crate::support::{KEY, Organization, Sandbox, member};

#[test]
fn program_without_settings_says_what_to_do_first_in_five_lines() {
    for args in [&[][..], &["sync"], &["check"], &["-f", "new.c1z"]] {
        let sandbox = Sandbox::new();
        // What is set to nothing is not set.
        let program = sandbox.program(args).env("BATON_BASE_URL", " ");
        let run = program.env("BATON_API_TOKEN", "").run();
        assert_eq!(run.code, 3, "{args:?}: {}", run.stderr);
        assert_eq!(run.stdout, b"", "{args:?}");
        let (error, steps) = run.stderr.split_once('\n').unwrap();
        assert_eq!(error, "error: neither an address nor a key is set");
        assert!(steps.starts_with("hint: "), "{steps}");
        assert!(steps.lines().count() <= 5, "{steps}");
        assert!(
            steps.lines().all(|line| line.chars().count() <= 80),
            "{steps}"
        );
        for part in [
            "posthog-c1z sync --demo",
            "BATON_API_TOKEN",
            "BATON_BASE_URL",
            "posthog-c1z check",
            "scheduled job",
        ] {
            assert!(steps.contains(part), "no {part} in {steps}");
        }
        assert!(sandbox.files().is_empty());
    }
    let run = Sandbox::new().program(&["--log-format", "json"]).run();
    assert_eq!((run.code, run.json_lines().len()), (3, 1), "{}", run.stderr);
}

#[test]
fn setting_one_of_the_two_asks_for_the_other() {
    let sandbox = Sandbox::new();
    let address = "https://eu.posthog.com/api/organizations/018d4b1e-7c2a-0000-8a9d-000000000000";
    for (name, value, missing) in [
        ("BATON_API_TOKEN", KEY, "no address given"),
        ("BATON_API_TOKEN_FILE", "no-file", "no address given"),
        ("BATON_BASE_URL", address, "no API key"),
        (
            "POSTHOG_HOST",
            "eu.posthog.com",
            "does not name an organization",
        ),
    ] {
        let run = sandbox.program(&[]).env(name, value).run();
        run.fails(3, &[missing]).assert_keeps_the_key();
    }
}

#[test]
fn check_ends_with_the_command_to_run_next() {
    let posthog = Organization::new().members((1..=3).map(member)).serve();
    let base_url = posthog.base_url();
    for (args, next) in [
        (&["check"][..], "posthog-c1z sync"),
        (
            &["check", "-f", "it's.c1z"],
            r"posthog-c1z sync -f 'it'\''s.c1z'",
        ),
        (
            &[
                "check",
                "-vv",
                "--keep-last=3",
                "-f",
                "a-{date}-{time}.c1z",
                "--without-roles",
            ],
            "posthog-c1z sync --without-roles --keep-last 3 -f 'a-{date}-{time}.c1z' -vv",
        ),
        (
            &["-f", "b.c1z", "check", "-o", "console"],
            "posthog-c1z sync -f b.c1z",
        ),
        (&["check", "--demo"], "posthog-c1z sync --demo"),
        (&["check", "--demo=later"], "posthog-c1z sync --demo=later"),
    ] {
        let sandbox = Sandbox::new();
        let run = sandbox.crawl_at(&base_url, args).run().succeeds();
        let printed = String::from_utf8(run.stdout).unwrap();
        let last = printed.lines().last().unwrap();
        assert_eq!(last, format!("next     {next}"), "{args:?}");
        let sync = sandbox.sh(&["-c", next]).env("BATON_BASE_URL", &base_url);
        sync.env("BATON_API_TOKEN", KEY).run().succeeds();
    }
    let sandbox = Sandbox::new();
    let args = ["check", "--api-token", KEY, "-o", "json"];
    let run = sandbox
        .program(&args)
        .env("BATON_BASE_URL", &base_url)
        .run();
    let run = run.succeeds();
    let document: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(document["next"], "posthog-c1z sync --api-token '<key>'");
    run.assert_keeps_the_key();
}

#[test]
fn check_that_failed_leaves_the_next_step_to_its_hint() {
    let sandbox = Sandbox::new();
    let run = sandbox
        .program(&["check", "--demo", "-f", "no/x.c1z"])
        .run();
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(!String::from_utf8_lossy(&run.stdout).contains("next "));
    let args = ["check", "--demo", "-f", "no/x.c1z", "-o", "json"];
    let document: Value = serde_json::from_slice(&sandbox.program(&args).run().stdout).unwrap();
    assert_eq!(document["next"], Value::Null);
}
