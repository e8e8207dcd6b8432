//! A bad night: what a server may answer instead, what is said then, and that nothing has changed on the disk.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::{
    Answer, KEY, Organization, PostHog, Run, Sandbox, member, membership, organization_id, refusal,
    role, role_id, with,
};

fn posthog() -> PostHog {
    Organization::new()
        .members((1..=3).map(member))
        .role(role(1), [membership(1, &member(2))])
        .serve()
}

/// The three lists, each with what is being read when it fails.
fn lists() -> [(&'static str, String); 3] {
    [
        ("members", "members/".to_owned()),
        ("roles", "roles/".to_owned()),
        (
            "role memberships",
            format!("roles/{}/role_memberships/", role_id(1)),
        ),
    ]
}

/// Crawls into an empty folder and over an older snapshot: both must be as before.
#[track_caller]
fn crawl_in_vain(posthog: &PostHog) -> Run {
    let sandbox = Sandbox::new();
    let run = sandbox.crawl(posthog, &["-f", "sync.c1z"]).run();
    assert_eq!(sandbox.files(), [""; 0], "{}", run.stderr);
    sandbox.assert_no_litter();
    run.assert_keeps_the_key();

    let older = b"yesterday's snapshot".as_slice();
    fs::write(sandbox.path("sync.c1z"), older).unwrap();
    let again = sandbox.crawl(posthog, &["-f", "sync.c1z"]).run();
    assert_eq!((again.code, &again.stderr), (run.code, &run.stderr));
    assert_eq!(fs::read(sandbox.path("sync.c1z")).unwrap(), older);
    assert_eq!(sandbox.files(), ["sync.c1z"]);
    sandbox.assert_no_litter();
    run
}

/// The same answer in the place of each list in turn; it must end with `code` and name the list, its path and `part`.
#[track_caller]
fn each_list_fails(answer: &Answer, code: i32, part: &str) {
    for (reading, path) in lists() {
        let mut posthog = posthog();
        posthog.answers(&path, answer.clone());
        let whole = format!("/api/organizations/{}/{path}", organization_id());
        let run =
            crawl_in_vain(&posthog).fails(code, &[&format!("reading {reading}: "), &whole, part]);
        assert!(!run.hint().is_empty());
    }
}

/// A refusal in PostHog's words. A server that asks to wait asks for no time at all: no test sleeps.
fn refuses(status: usize, kind: &str, code: &str, detail: &str) -> Answer {
    Answer::json(status, &refusal(kind, code, detail)).with_header("retry-after", "0")
}

#[test]
fn rejected_key_is_16() {
    let detail = "Personal API key found in request Authorization header is invalid.";
    let answer = refuses(401, "authentication_error", "authentication_failed", detail);
    each_list_fails(&answer, 16, &format!("answered 401: {detail}"));

    // As it really comes: everything refuses, the key's own entry first.
    let sandbox = Sandbox::new();
    let run = sandbox
        .crawl(&posthog(), &[])
        .env("BATON_API_TOKEN", "phx_revoked")
        .run()
        .fails(16, &["answered 401", detail]);
    assert!(run.hint().contains("region"), "{}", run.hint());
    assert!(!run.stderr.contains("phx_revoked"));
    assert_eq!(sandbox.files(), [""; 0]);
}

#[test]
fn missing_scope_is_7_and_the_hint_names_the_scope() {
    for (path, scope) in [
        ("members/", "organization_member:read"),
        ("roles/", "organization:read"),
    ] {
        let mut posthog = posthog();
        let detail = format!("API key missing required scope '{scope}'");
        let answer = refuses(403, "authentication_error", "permission_denied", &detail);
        posthog.answers(path, answer.clone());
        if path == "roles/" {
            posthog.answers("", answer);
        }
        let run = crawl_in_vain(&posthog).fails(7, &["answered 403", &detail]);
        assert!(run.hint().contains(&format!("`{scope}`")), "{}", run.hint());
    }
}

#[test]
fn other_refusals_are_7_with_a_hint_of_their_own() {
    let mut hints = Vec::new();
    for detail in [
        "API key does not have access to the requested organization: ID 018d.",
        "API keys with scoped projects are only supported on project-based endpoints.",
        "Organization 'Hedgehogs' does not allow using personal API keys.",
        "You do not have permission to perform this action.",
        "Something new.",
    ] {
        let answer = refuses(403, "authentication_error", "permission_denied", detail);
        each_list_fails(&answer, 7, &format!("answered 403: {detail}"));
        let mut posthog = posthog();
        posthog.answers("roles/", answer);
        hints.push(crawl_in_vain(&posthog).hint().to_owned());
    }
    hints.sort();
    hints.dedup();
    assert_eq!(hints.len(), 5, "{hints:?}");
}

#[test]
fn unpaid_feature_is_7() {
    let answer = refuses(
        402,
        "server_error",
        "payment_required",
        "Upgrade your plan.",
    );
    each_list_fails(&answer, 7, "answered 402: Upgrade your plan.");
}

#[test]
fn unknown_organization_is_5() {
    let answer = refuses(
        404,
        "invalid_request",
        "not_found",
        "Organization not found.",
    );
    each_list_fails(&answer, 5, "answered 404: Organization not found.");
}

#[test]
fn server_without_roles_is_5_and_told_apart() {
    let mut posthog = posthog();
    let answer = refuses(404, "invalid_request", "not_found", "Endpoint not found.");
    posthog.answers("roles/", answer);
    let run = crawl_in_vain(&posthog).fails(5, &["reading roles", "answered 404"]);
    assert!(run.hint().contains("roles"), "{}", run.hint());
}

#[test]
fn request_the_server_cannot_make_sense_of_is_3() {
    each_list_fails(
        &Answer::new(400, "text/html", "<h1>Bad Request (400)</h1>"),
        3,
        "answered 400",
    );
    let answer = refuses(
        405,
        "invalid_request",
        "method_not_allowed",
        "Method \"GET\" not allowed.",
    );
    each_list_fails(&answer, 3, "answered 405");
}

#[test]
fn throttling_that_does_not_end_is_14() {
    let detail = "Request was throttled. Expected available in 0 seconds.";
    each_list_fails(
        &refuses(429, "throttled_error", "throttled", detail),
        14,
        "answered 429",
    );
}

#[test]
fn server_that_goes_on_failing_is_14() {
    let answer = refuses(500, "server_error", "error", "A server error occurred.");
    each_list_fails(&answer, 14, "answered 500: A server error occurred.");
    let answer = refuses(503, "server_error", "database_unavailable", "Try again.");
    each_list_fails(&answer, 14, "answered 503: Try again.");
    // From a gateway, which speaks no JSON.
    for status in [502, 504] {
        let answer = Answer::new(status, "text/html", "<html>Bad gateway</html>")
            .with_header("retry-after", "0");
        each_list_fails(&answer, 14, &format!("answered {status}"));
    }
}

#[test]
fn redirect_is_3_and_is_never_followed() {
    let elsewhere = Organization::new().accepting_any_key().serve();
    for status in [301, 302, 303, 307, 308] {
        for location in [
            format!("{}/login", elsewhere.origin()),
            "/login?next=/api/organizations/".to_owned(),
        ] {
            let answer = Answer::new(status, "text/html", "").with_header("location", &location);
            each_list_fails(
                &answer,
                3,
                &format!("answered {status}, a redirect to `{location}`"),
            );
        }
    }
    assert_eq!(elsewhere.asked_for_everything(), []);
    let mut posthog = posthog();
    posthog.answers(
        "members/",
        Answer::new(302, "text/html", "").with_header("location", "/login"),
    );
    crawl_in_vain(&posthog);
    assert_eq!(posthog.asked_for("/login"), [""; 0]);
}

#[test]
fn web_page_is_3() {
    let login = "<!DOCTYPE html><title>PostHog</title>";
    each_list_fails(
        &Answer::new(200, "text/html; charset=utf-8", login),
        3,
        "text/html",
    );
    // JSON that does not say so is no answer of the API either.
    let page = json!({"count": 0, "next": null, "previous": null, "results": []});
    each_list_fails(
        &Answer::new(200, "text/plain", page.to_string()),
        3,
        "text/plain",
    );
}

#[test]
fn answer_that_ends_in_the_middle_is_14() {
    let whole =
        json!({"count": 1, "next": null, "previous": null, "results": [member(1)]}).to_string();
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        let answer = Answer::new(200, "application/json", &whole[..length]);
        each_list_fails(&answer, 14, "incomplete answer");
    }
}

#[test]
fn json_that_is_no_page_is_3() {
    for body in [
        json!([]),
        json!({}),
        json!(null),
        json!("a text"),
        json!({"count": 1, "next": null}),
        json!({"count": 1, "next": null, "results": {}}),
        json!({"count": 1, "next": null, "results": ["a"]}),
        json!({"count": 1, "next": null, "results": [{}]}),
        json!({"count": "one", "next": null, "results": []}),
        json!({"count": 0, "next": 7, "results": []}),
        json!({"detail": "fine"}),
    ] {
        each_list_fails(&Answer::json(200, &body), 3, "unexpected JSON");
    }
    each_list_fails(
        &Answer::new(200, "application/json", "{\"count\": 1, nonsense"),
        3,
        "invalid JSON",
    );
}

#[test]
fn row_that_does_not_say_who_or_what_it_is_ends_the_crawl() {
    let page = |row: Value| json!({"count": 1, "next": null, "previous": null, "results": [row]});
    let bad_ids = [
        json!(null),
        json!(""),
        json!(7),
        json!("a/b"),
        json!("a b"),
        json!(".."),
    ];
    for id in &bad_ids {
        let mut posthog = posthog();
        let row = with(member(1), json!({"user": {"uuid": id}}));
        posthog.answers("members/", Answer::json(200, &page(row)));
        crawl_in_vain(&posthog).fails(3, &["reading members", "unexpected JSON"]);
    }
    for id in &bad_ids {
        let mut posthog = posthog();
        posthog.answers(
            "roles/",
            Answer::json(200, &page(with(role(1), json!({"id": id})))),
        );
        crawl_in_vain(&posthog).fails(3, &["reading roles", "unexpected JSON"]);
    }
}

#[test]
fn current_organization_without_a_usable_id_ends_the_crawl() {
    for id in [
        json!(null),
        json!(""),
        json!("a/b"),
        json!("@current"),
        json!(format!("a b {KEY}")),
    ] {
        let mut posthog = posthog();
        posthog.answers(
            "/api/organizations/@current/",
            Answer::json(200, &json!({"id": id})),
        );
        let sandbox = Sandbox::new();
        let address = format!("{}/api/organizations/@current/", posthog.origin());
        let run = sandbox
            .crawl(&posthog, &[])
            .env("BATON_BASE_URL", &address)
            .run();
        let run = run.fails(3, &["reading the organization", "unexpected JSON"]);
        run.assert_keeps_the_key();
        assert_eq!(sandbox.files(), [""; 0]);
    }
}

#[test]
fn link_that_leads_nowhere_ends_the_crawl() {
    for next in [
        "",
        "?",
        "https://elsewhere.example/api/organizations/x/members/",
    ] {
        for rows in [vec![], vec![member(1)]] {
            let path = format!(
                "/api/organizations/{}/members/?limit=1000&order=joined_at",
                organization_id()
            );
            let next = if next.is_empty() { &path } else { next };
            let mut posthog = posthog();
            let page = json!({"count": 9, "next": next, "previous": null, "results": rows});
            posthog.answers("members/", Answer::json(200, &page));
            let run = crawl_in_vain(&posthog);
            assert_ne!(run.code, 0);
            assert!(run.stderr.contains("reading members"), "{}", run.stderr);
        }
    }
}

#[test]
fn host_that_does_not_listen_is_14() {
    // Bound and closed again, so that nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let sandbox = Sandbox::new();
    let run = sandbox
        .program(&["-f", "sync.c1z"])
        .env(
            "BATON_BASE_URL",
            &format!("http://{address}/api/organizations/x"),
        )
        .env("BATON_API_TOKEN", KEY)
        .run()
        .fails(14, &["could not be fetched"]);
    assert!(!run.hint().is_empty());
    assert_eq!(sandbox.files(), [""; 0]);
}

#[test]
fn key_that_a_server_sends_back_is_not_shown() {
    let echoes = [
        format!("Invalid key {KEY}, go away."),
        KEY.to_owned(),
        // Wherever a long text is cut, what is left of the key must not be readable.
        format!("{}{KEY}", "x".repeat(280)),
        format!("{}{KEY}{KEY}", "x".repeat(270)),
        // Nor may what is made harmless on the way leave it in pieces that read as one.
        format!("{}\n{KEY}\r", "é".repeat(285)),
    ];
    for echo in &echoes {
        let page = json!({"count": echo, "next": null, "results": []});
        for answer in [
            refuses(401, "authentication_error", echo, echo),
            refuses(403, "authentication_error", "permission_denied", echo),
            refuses(500, "server_error", "error", echo),
            Answer::json(200, &page),
        ] {
            for format in ["console", "json"] {
                let mut posthog = posthog();
                posthog.answers("members/", answer.clone());
                let sandbox = Sandbox::new();
                let run = sandbox
                    .crawl(&posthog, &["-vv", "--log-format", format])
                    .run();
                assert_ne!(run.code, 0);
                run.assert_keeps_the_key();
            }
        }
    }
    for header in [
        format!("https://x.example/?k={KEY}"),
        format!("/{}{KEY}", "x".repeat(280)),
    ] {
        let mut posthog = posthog();
        posthog.answers(
            "members/",
            Answer::new(302, "text/html", "").with_header("location", &header),
        );
        crawl_in_vain(&posthog).fails(3, &["answered 302"]);
        posthog.answers("members/", Answer::new(200, &format!("text/{header}"), ""));
        crawl_in_vain(&posthog).fails(3, &["instead of JSON"]);
    }
}

#[test]
fn words_of_a_server_cannot_move_the_cursor_or_turn_the_line_round() {
    let detail = "a\u{1b}[2Jb\nerror: forged\r\u{202e}c\u{9b}31m";
    let mut posthog = posthog();
    posthog.answers(
        "members/",
        refuses(403, "authentication_error", "permission_denied", detail),
    );
    let run = crawl_in_vain(&posthog).fails(7, &["answered 403"]);
    let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!run.stderr.contains(harmful), "{:?}", run.stderr);
}

#[test]
fn failure_on_a_later_page_is_as_bad_as_one_on_the_first() {
    let rows: Vec<_> = (1..=3).map(member).collect();
    let page =
        json!({"count": 9, "next": "http://x/y?offset=3", "previous": null, "results": rows});
    let mut posthog = posthog();
    posthog.answers_in_turn("members/", [page, json!({"detail": "gone"})]);
    let sandbox = Sandbox::new();
    sandbox
        .crawl(&posthog, &[])
        .run()
        .fails(3, &["members/?limit=1000&offset=2&", "unexpected JSON"]);
    assert_eq!(sandbox.files(), [""; 0]);
}
