//! Where the snapshot goes, and what is said of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use crate::support::{
    Answer, Database, KEY, Organization, PostHog, Sandbox, Written, assert_without_key, member,
    membership, refusal, role,
};

fn posthog() -> PostHog {
    Organization::new()
        .members((1..=3).map(member))
        .role(role(1), [membership(1, &member(2))])
        .serve()
}

#[test]
fn sync_is_what_is_done_without_a_command() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    sandbox
        .crawl(&posthog, &["-f", "a.c1z"])
        .run()
        .succeeds_silently();
    sandbox
        .crawl(&posthog, &["sync", "-f", "b.c1z"])
        .run()
        .succeeds_silently();
    assert_eq!(sandbox.files(), ["a.c1z", "b.c1z"]);
    let [a, b] = ["a.c1z", "b.c1z"].map(|name| Written::open(&sandbox.path(name)));
    assert_eq!(a.inventory, b.inventory);
    assert_ne!(a.sync_run.id, b.sync_run.id);
}

#[test]
fn file_is_sync_c1z_unless_named_by_flag_else_by_environment() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    sandbox.crawl(&posthog, &[]).run().succeeds_silently();
    assert_eq!(sandbox.files(), ["sync.c1z"]);
    let in_environment = |args| {
        sandbox
            .crawl(&posthog, args)
            .env("BATON_FILE", "env.c1z")
            .run()
    };
    in_environment(&["sync"]).succeeds_silently();
    assert_eq!(sandbox.files(), ["env.c1z", "sync.c1z"]);
    in_environment(&["--file", "flag.c1z"]).succeeds_silently();
    assert_eq!(sandbox.files(), ["env.c1z", "flag.c1z", "sync.c1z"]);
}

#[test]
fn snapshot_is_for_its_owner_alone_unless_a_mode_is_given() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    let mode = || {
        fs::metadata(sandbox.path("s.c1z"))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    sandbox
        .crawl(&posthog, &["-f", "s.c1z"])
        .run()
        .succeeds_silently();
    assert_eq!(mode(), 0o600);
    sandbox
        .crawl(&posthog, &["-f", "s.c1z", "--mode", "0640"])
        .run()
        .succeeds_silently();
    assert_eq!(mode(), 0o640);
    sandbox
        .crawl(&posthog, &["-f", "s.c1z"])
        .run()
        .succeeds_silently();
    assert_eq!(mode(), 0o600);
}

#[test]
fn older_file_is_replaced_whatever_it_was_once_that_is_asked_for() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    let path = sandbox.path("sync.c1z");
    let older = "not even a snapshot, and longer than one ".repeat(999);
    fs::write(&path, &older).unwrap();
    let run = sandbox.crawl(&posthog, &[]).run();
    let run = run.fails(9, &["`sync.c1z` already exists"]);
    assert!(run.hint().contains("--force"), "{}", run.hint());
    assert_eq!(fs::read_to_string(&path).unwrap(), older);
    let run = sandbox.crawl(&posthog, &["--force"]).run();
    run.succeeds_silently();
    // What is a snapshot of the same organization is replaced without a word.
    sandbox.sync(&posthog);
}

#[test]
fn link_is_followed_and_stays_a_link() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    fs::create_dir(sandbox.path("shelf")).unwrap();
    fs::write(sandbox.path("shelf/old.c1z"), "old").unwrap();
    symlink("shelf/old.c1z", sandbox.path("current.c1z")).unwrap();
    symlink(sandbox.path("shelf/new.c1z"), sandbox.path("next.c1z")).unwrap();
    for (link, target) in [("current.c1z", "old.c1z"), ("next.c1z", "new.c1z")] {
        sandbox
            .crawl(&posthog, &["-f", link, "--force"])
            .run()
            .succeeds_silently();
        assert!(
            fs::symlink_metadata(sandbox.path(link))
                .unwrap()
                .is_symlink()
        );
        let written = Written::open(&sandbox.path("shelf").join(target));
        assert_eq!(written.inventory.count_of_type("user"), 3);
    }
    assert_eq!(sandbox.files(), ["current.c1z", "next.c1z", "shelf"]);
    let mut shelf: Vec<_> = fs::read_dir(sandbox.path("shelf"))
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    shelf.sort();
    assert_eq!(shelf, ["new.c1z", "old.c1z"]);
}

#[test]
fn folder_that_is_not_there_is_an_error_that_names_it() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    let run = sandbox
        .crawl(&posthog, &["-f", "no-such-folder/sync.c1z"])
        .run();
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("no-such-folder"), "{}", run.stderr);
    assert_eq!(sandbox.files(), [""; 0]);
    sandbox.assert_no_litter();
}

#[test]
fn dash_writes_the_snapshot_to_standard_output_and_nothing_else() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    let expected = sandbox.sync(&posthog);
    let sandbox = Sandbox::new();
    let run = sandbox.crawl(&posthog, &["-f", "-"]).run().succeeds();
    assert_eq!(run.stderr, "");
    assert_eq!(sandbox.files(), [""; 0]);
    sandbox.assert_no_litter();
    fs::write(sandbox.path("out.c1z"), &run.stdout).unwrap();
    let written = Written::open(&sandbox.path("out.c1z"));
    assert_eq!(written.inventory, expected.inventory);
    assert_eq!(written.digest, expected.digest);
}

#[test]
fn nothing_of_a_snapshot_reaches_standard_output_when_the_crawl_fails() {
    let mut posthog = posthog();
    let body = refusal("authentication_error", "permission_denied", "No.");
    posthog.answers("roles/", Answer::json(403, &body));
    let sandbox = Sandbox::new();
    // `fails` sees to standard output.
    sandbox
        .crawl(&posthog, &["-f", "-"])
        .run()
        .fails(7, &["403"]);
    sandbox.assert_no_litter();
}

#[test]
fn reader_who_is_gone_gets_no_crawl() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    sandbox
        .crawl(&posthog, &["-f", "-"])
        .run_with_stdout_closed()
        .fails(
            2,
            &["standard output was closed before everything was written"],
        );
    assert!(posthog.asked_for_everything().is_empty());
    sandbox.assert_no_litter();
}

#[test]
fn temporary_folder_is_left_empty() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    let temp_dir = sandbox.path("scratch");
    fs::create_dir(&temp_dir).unwrap();
    sandbox
        .crawl(&posthog, &["-f", "s.c1z", "--temp-dir", "scratch"])
        .run()
        .succeeds_silently();
    assert_eq!(fs::read_dir(temp_dir).unwrap().count(), 0);
    assert_eq!(sandbox.files(), ["s.c1z", "scratch"]);
}

#[test]
fn run_that_succeeds_says_nothing_unless_asked() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    sandbox.crawl(&posthog, &[]).run().succeeds_silently();
    for args in [
        ["-v"].as_slice(),
        &["--log-level", "info"],
        &["sync", "--verbose"],
    ] {
        let run = sandbox.crawl(&posthog, args).run().succeeds();
        assert_eq!(String::from_utf8_lossy(&run.stdout), "", "{args:?}");
        assert!(
            run.stderr.contains("Hedgehogs & Co"),
            "{args:?}: {}",
            run.stderr
        );
        assert!(run.stderr.contains("sync.c1z"), "{args:?}: {}", run.stderr);
    }
    let run = sandbox
        .crawl(&posthog, &[])
        .env("BATON_LOG_LEVEL", "info")
        .run();
    assert!(run.succeeds().stderr.contains("sync.c1z"));
}

#[test]
fn what_is_said_of_a_snapshot_is_true_of_the_file() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    let run = sandbox
        .crawl(&posthog, &["-v", "--log-format", "json"])
        .run()
        .succeeds();
    let lines = run.json_lines();
    let [summary] = &lines[..] else {
        panic!("{lines:?}")
    };
    let file = fs::read(sandbox.path("sync.c1z")).unwrap();
    let written = Written::open(&sandbox.path("sync.c1z"));
    assert_eq!(summary["level"], "INFO");
    assert_eq!(summary["file"], "sync.c1z");
    assert_eq!(summary["bytes"], file.len());
    assert_eq!(summary["sha256"], sha256(&file));
    assert_eq!(summary["content_digest"], written.digest.to_string());
    assert_eq!(summary["organization"], "Hedgehogs & Co");
    assert_eq!(summary["base_url"], posthog.base_url());
    assert_eq!(
        (&summary["users"], &summary["roles"], &summary["grants"]),
        (&json!(3), &json!(1), &json!(1))
    );
    assert_eq!(summary["requests"], posthog.asked_for_everything().len());
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn json_lines_are_json_lines_also_for_errors() {
    let mut posthog = posthog();
    let sandbox = Sandbox::new();
    let run = sandbox
        .crawl(&posthog, &["-vv", "--log-format", "json"])
        .run()
        .succeeds();
    assert!(run.json_lines().len() > 5, "{}", run.stderr);

    let detail = "API key missing required scope 'organization:read'";
    let body = refusal("authentication_error", "permission_denied", detail);
    posthog.answers("roles/", Answer::json(403, &body));
    for args in [
        ["--log-format", "json"].as_slice(),
        &["--log-format=json", "-vv"],
    ] {
        let run = sandbox.crawl(&posthog, args).run();
        assert_eq!(run.code, 7);
        let line = run.json_lines().pop().unwrap();
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["exit_code"], 7);
        assert!(
            line["message"].as_str().unwrap().contains(detail),
            "{line:?}"
        );
        assert!(
            line["hint"].as_str().unwrap().contains("organization:read"),
            "{line:?}"
        );
    }

    let run = sandbox.program(&[]).env("BATON_LOG_FORMAT", "json").run();
    assert_eq!(run.code, 3);
    assert_eq!(run.json_lines().pop().unwrap()["exit_code"], 3);
}

#[test]
fn key_shows_up_nowhere_however_much_is_said() {
    let (posthog, sandbox) = (posthog(), Sandbox::new());
    for args in [
        ["-vv"].as_slice(),
        &["-vv", "--log-format", "json"],
        &["--log-level", "debug", "--api-token", KEY],
    ] {
        let run = sandbox.crawl(&posthog, args).run().succeeds();
        assert!(!run.stderr.is_empty());
        run.assert_keeps_the_key();
        assert_without_key(&fs::read(sandbox.path("sync.c1z")).unwrap());
        assert_without_key(&Database::of(&sandbox.path("sync.c1z")).bytes);
    }
}
