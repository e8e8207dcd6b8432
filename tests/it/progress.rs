//! What a run says while it goes on: a line of the log for each request and each wait, and what a plain terminal shows.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Answer, Organization, PostHog, Sandbox, member, membership, refusal, role};

fn organization() -> PostHog {
    let people = (1..=3).map(member);
    Organization::new()
        .members(people)
        .role(
            role(1),
            [membership(1, &member(2)), membership(1, &member(3))],
        )
        .serve()
}

#[test]
fn each_request_is_a_line_of_the_log_with_path_status_and_rows() {
    let (posthog, sandbox) = (organization(), Sandbox::new());
    let is_request = |line: &Value| line["message"] == "request";
    for level in [&["-vv"][..], &["--log-level", "debug"]] {
        let args = [level, &["--log-format", "json"]].concat();
        let before = posthog.asked_for_everything().len();
        let run = sandbox.crawl(&posthog, &args).run().succeeds();
        let lines = run.json_lines().into_iter();
        let lines: Vec<Value> = lines.map(Value::from_iter).collect();
        let requests: Vec<&Value> = lines.iter().filter(|line| is_request(line)).collect();
        assert_eq!(
            requests.len(),
            posthog.asked_for_everything().len() - before
        );
        for request in &requests {
            assert_eq!(request["level"], "DEBUG");
            assert_eq!(request["method"], "GET");
            assert_eq!(request["status"], 200, "{request}");
            assert!(request["elapsed_ms"].is_u64(), "{request}");
            let path = request["path"].as_str().unwrap();
            assert!(path.starts_with("/api/"), "{path}");
        }
        for (part, rows) in [
            ("/members/?limit=", Some(3)),
            ("/roles/", Some(1)),
            ("/role_memberships/?limit=", Some(2)),
            ("personal_api_keys/@current/", None),
        ] {
            let has_part = |request: &&&Value| {
                let path = request["path"].as_str().unwrap();
                path.ends_with(part) || part.ends_with('=') && path.contains(part)
            };
            let request = requests.iter().find(has_part).unwrap();
            assert_eq!(request["rows"].as_u64(), rows, "{request}");
        }
        run.assert_keeps_the_key();
    }
    let run = sandbox.crawl(&posthog, &["-vv"]).run().succeeds();
    let line = run.stderr.lines().find(|line| line.contains("/members/"));
    let line = line.unwrap();
    for part in [
        " DEBUG request method=\"GET\" path=\"/api/",
        " status=200 rows=3 elapsed_ms=",
    ] {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn request_that_fails_is_logged_with_its_status_if_it_has_one() {
    let sandbox = Sandbox::new();
    let mut posthog = organization();
    let body = refusal("authentication_error", "permission_denied", "No.");
    posthog.answers("members/", Answer::json(403, &body));
    let args = ["-vv", "--log-format", "json", "--retries", "0"];
    for (base_url, status) in [
        (posthog.base_url(), Some(403)),
        ("http://127.0.0.1:1/api/organizations/o1".to_owned(), None),
    ] {
        let lines = sandbox.crawl_at(&base_url, &args).run().json_lines();
        let requests = lines.iter().filter(|line| line["message"] == "request");
        let last = { requests }.next_back().unwrap();
        assert_eq!(
            last.get("status").and_then(Value::as_u64),
            status,
            "{last:?}"
        );
        assert!(!last.contains_key("rows"), "{last:?}");
    }
}

#[test]
fn wait_is_logged_with_the_limit_that_it_keeps() {
    for (option, reason) in [
        ("--requests-per-minute", "pacing at 5 requests a minute"),
        ("--requests-per-hour", "pacing at 5 requests an hour"),
    ] {
        let (posthog, sandbox) = (organization(), Sandbox::new());
        let args = [option, "5", "-v", "--log-format", "json"];
        let mut program = sandbox.crawl(&posthog, &args);
        let command = program.command().stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let parsed = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let line = { parsed }.find(|line| line["message"] == "waiting");
        // It would wait for a minute or an hour.
        child.kill().unwrap();
        child.wait().unwrap();
        let line = line.unwrap();
        assert_eq!(line["reason"], reason);
        assert!(line["wait_ms"].as_u64().unwrap() > 1_000, "{line}");
        assert_eq!(posthog.asked().len(), 5);
    }
}

#[test]
fn terminal_gets_no_escape_that_it_does_not_take() {
    let posthog = organization();
    let run = |name: &str, value: &str| {
        let sandbox = Sandbox::new();
        let program = sandbox.crawl(&posthog, &[]).env(name, value);
        let (code, sent) = program.run_on_terminal();
        assert_eq!(code, 0, "{sent}");
        assert!(sent.contains("\nsha-256 "), "{sent}");
        sent
    };
    let dumb = run("TERM", "dumb");
    assert!(!dumb.contains('\x1b') && !dumb.contains('\r'), "{dumb:?}");
    for line in ["members: 3 in ", "roles: 1 in ", "role memberships: 1 in "] {
        assert!(dumb.contains(line), "{dumb}");
    }
    // A line of progress is drawn over itself, without colours.
    let plain = run("NO_COLOR", "1");
    let escapes = plain.split("\x1b[").skip(1);
    let ends = escapes.map(|escape| escape.trim_start_matches(|c: char| c.is_ascii_digit()));
    assert!(
        { ends }.all(|end| end.starts_with(['A', 'B', 'K'])),
        "{plain:?}"
    );
}
