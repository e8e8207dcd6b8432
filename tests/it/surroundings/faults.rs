//! Nothing that happens to these lists can fail a crawl or change what it says about access.

use std::sync::OnceLock;

use rusqlite::types::Value as Cell;
use serde_json::{Value, json};

use super::{Crawl, KEYS, all_not_read, not_read, organization, path_of};
use crate::support::{Answer, Asked, Organization, Reply, SURROUNDINGS, Sandbox, member, refusal};

/// What happens to a list, for each request.
type Make = fn(&Asked<'_>) -> Reply;

/// Whether standard error says that a list was not read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Warning {
    Once,
    Never,
}

/// A fault that lasts, and what is recorded of it.
struct Fault {
    what: &'static str,
    make: Make,
    status: Option<u16>,
    /// What the reason must say.
    says: &'static str,
    warning: Warning,
    /// The most requests that the list may take.
    requests: usize,
}

/// Of a request and six retries.
const ALL_TRIES: usize = 7;
/// Of these, two with a smaller page, and as many as at first with the smallest.
const OVERLOAD: usize = ALL_TRIES + 2 + ALL_TRIES;

const FAULTS: &[Fault] = &[
    Fault {
        what: "plan without the feature",
        make: |_| {
            refused(
                402,
                "payment_required",
                "This feature is part of the premium plan.",
            )
        },
        status: Some(402),
        says: "answered 402: This feature is part of the premium plan.",
        warning: Warning::Once,
        requests: 1,
    },
    Fault {
        what: "key without the scope",
        make: |_| {
            refused(
                403,
                "permission_denied",
                "API key missing required scope 'organization:read'",
            )
        },
        status: Some(403),
        says: "answered 403: API key missing required scope 'organization:read'",
        warning: Warning::Once,
        requests: 1,
    },
    Fault {
        what: "firewall",
        make: |_| Reply::Give(Answer::new(403, "text/html", "<h1>No</h1>")),
        status: Some(403),
        says: "answered 403",
        warning: Warning::Once,
        requests: 1,
    },
    Fault {
        what: "server without the list",
        make: |_| refused(404, "not_found", "Endpoint not found."),
        status: Some(404),
        says: "answered 404: Endpoint not found.",
        warning: Warning::Never,
        requests: 1,
    },
    Fault {
        what: "server without the method",
        make: |_| refused(405, "method_not_allowed", "Method \"GET\" not allowed."),
        status: Some(405),
        says: "answered 405",
        warning: Warning::Never,
        requests: 1,
    },
    Fault {
        what: "server that has not written it yet",
        make: |_| refused(501, "error", "Not implemented."),
        status: Some(501),
        says: "answered 501",
        warning: Warning::Never,
        requests: 1,
    },
    Fault {
        what: "key that was revoked meanwhile",
        make: |_| {
            refused(
                401,
                "authentication_failed",
                "Personal API key found in request Authorization header is invalid.",
            )
        },
        status: Some(401),
        says: "answered 401: Personal API key",
        warning: Warning::Once,
        requests: 1,
    },
    Fault {
        what: "request that is refused",
        make: |_| refused(400, "invalid", "No."),
        status: Some(400),
        says: "answered 400: No.",
        warning: Warning::Once,
        requests: 1,
    },
    Fault {
        what: "429 without end",
        make: |_| {
            let body = refusal("throttled_error", "throttled", "Slow.");
            Reply::Give(Answer::json(429, &body).with_header("retry-after", "0"))
        },
        status: Some(429),
        says: "answered 429: Slow.",
        warning: Warning::Once,
        requests: ALL_TRIES,
    },
    Fault {
        what: "500 without end",
        make: |_| refused(500, "error", "A server error occurred."),
        status: Some(500),
        says: "answered 500: A server error occurred.",
        warning: Warning::Once,
        requests: OVERLOAD,
    },
    Fault {
        what: "gateway without a server",
        make: |_| Reply::Give(Answer::new(502, "text/html", "<h1>Bad gateway</h1>")),
        status: Some(502),
        says: "answered 502",
        warning: Warning::Once,
        requests: OVERLOAD,
    },
    Fault {
        what: "web page",
        make: |_| Reply::Give(Answer::new(200, "text/html", "<title>Log in</title>")),
        status: Some(200),
        says: "answered with `text/html` instead of JSON",
        warning: Warning::Once,
        requests: ALL_TRIES,
    },
    Fault {
        what: "broken JSON",
        make: |_| json_text("{\"count\": 1, \"results\": [{]"),
        status: Some(200),
        says: "answered with invalid JSON",
        warning: Warning::Once,
        requests: ALL_TRIES,
    },
    Fault {
        what: "something else than a list",
        make: |_| json_text("{\"detail\": \"Nothing here.\"}"),
        status: Some(200),
        says: "missing field `results`",
        warning: Warning::Once,
        requests: ALL_TRIES,
    },
    Fault {
        what: "row without an id",
        make: |_| page(&json!([{"id": "a"}, {"created_at": null}])),
        status: Some(200),
        says: "missing field `id`",
        warning: Warning::Once,
        requests: ALL_TRIES,
    },
    Fault {
        what: "row whose id is a number",
        make: |_| page(&json!([{"id": 5}])),
        status: Some(200),
        says: "field `id`: invalid type: integer `5`, expected a string",
        warning: Warning::Once,
        requests: ALL_TRIES,
    },
    Fault {
        what: "field of another type",
        make: |_| page(&json!([{"id": "a", "domain": 5, "target_email": 5, "provider": 5}])),
        status: Some(200),
        says: "of row `a`: invalid type: integer `5`, expected a string",
        warning: Warning::Once,
        requests: ALL_TRIES,
    },
    Fault {
        what: "row that is no object",
        make: |_| page(&json!(["a"])),
        status: Some(200),
        says: "answered with unexpected JSON: ",
        warning: Warning::Once,
        requests: ALL_TRIES,
    },
    Fault {
        what: "text of 100 kB",
        make: |_| {
            page(
                &json!([{"id": "a", "domain": "x".repeat(100_000), "target_email": "x".repeat(100_000),
                                "provider": "x".repeat(100_000)}]),
            )
        },
        status: Some(200),
        says: "more data than the limits allow",
        warning: Warning::Once,
        requests: 1,
    },
    Fault {
        what: "list that is another one each time",
        make: |asked| {
            let offset = asked.offset();
            let rows = [0, 1].map(|n| json!({"id": format!("{}-{n}", asked.before)}));
            let next = (offset == 0).then_some("https://posthog.example/?offset=2");
            let page = json!({"count": 4, "next": next, "previous": null, "results": rows});
            Reply::Give(Answer::json(200, &page))
        },
        status: Some(200),
        says: "may be incomplete: it was read 5 times, and no two readings were the same",
        warning: Warning::Once,
        requests: 12,
    },
    Fault {
        what: "list without end",
        make: |asked| {
            let rows: Vec<_> = (0..500)
                .map(|n| json!({"id": format!("{}-{n}", asked.before)}))
                .collect();
            let page = json!({"count": 4, "next": "https://posthog.example/?offset=1", "previous": null, "results": rows});
            Reply::Give(Answer::json(200, &page))
        },
        status: Some(200),
        says: "the list continues after",
        warning: Warning::Once,
        requests: 12,
    },
    Fault {
        what: "redirect to another host",
        make: |_| {
            let answer = Answer::new(302, "text/html", "");
            Reply::Give(answer.with_header("location", "https://elsewhere.example/login"))
        },
        status: Some(302),
        says: "answered 302, a redirect to `https://elsewhere.example/login`",
        warning: Warning::Once,
        requests: 1,
    },
    Fault {
        what: "connection that is reset",
        make: |_| Reply::Reset,
        status: None,
        says: "could not be fetched",
        warning: Warning::Once,
        requests: ALL_TRIES,
    },
    Fault {
        what: "connection that ends early",
        make: |_| {
            let mut bytes = Answer::new(200, "application/json", "").head(Some(1000));
            bytes.extend(b"{\"count\": 1,");
            Reply::Bytes(bytes)
        },
        status: Some(200),
        says: "sent an incomplete answer",
        warning: Warning::Once,
        requests: OVERLOAD,
    },
];

fn refused(status: usize, code: &str, detail: &str) -> Reply {
    Reply::Give(Answer::json(
        status,
        &refusal("invalid_request", code, detail),
    ))
}

fn json_text(text: &str) -> Reply {
    Reply::Give(Answer::new(200, "application/json", text))
}

/// The only page of a list.
fn page(rows: &Value) -> Reply {
    let count = rows.as_array().unwrap().len();
    let page = json!({"count": count, "next": null, "previous": null, "results": rows});
    Reply::Give(Answer::json(200, &page))
}

/// What a crawl without any fault writes.
struct Calm {
    document: Value,
    access: (Vec<Vec<Vec<Cell>>>, String),
}

fn calm() -> &'static Calm {
    static CALM: OnceLock<Calm> = OnceLock::new();
    CALM.get_or_init(|| {
        let crawl = Crawl::new(organization());
        Calm {
            document: crawl.document(),
            access: crawl.access(),
        }
    })
}

/// Fails unless the crawl lacks the lists named in `missing`, by their status, and nothing else.
#[track_caller]
fn assert_only_lacks(what: &str, crawl: &Crawl, missing: &[(&str, Option<u16>)]) {
    let document = crawl.document();
    let mut expected = calm().document.clone();
    for (key, _) in missing {
        expected.as_object_mut().unwrap().remove(*key).unwrap();
    }
    expected["not_read"] = document["not_read"].clone();
    assert_eq!(document, expected, "{what}");
    let missing = missing.iter().map(|(key, status)| not_read(key, *status));
    let missing: Vec<_> = missing.collect();
    assert_eq!(all_not_read(&document), missing, "{what}");
    assert_eq!(crawl.access(), calm().access, "{what}");
    assert_eq!(crawl.written.evidence.unproved, [""; 0], "{what}");
}

#[test]
fn fault_of_a_list_leaves_out_that_list_and_nothing_else() {
    for fault in FAULTS {
        for key in KEYS {
            let make = fault.make;
            let night = organization().serve_by(move |_, asked| {
                if asked.path == path_of(key) {
                    make(asked)
                } else {
                    Reply::AsUsual
                }
            });
            let what = format!("{}: {key}", fault.what);
            let crawl = Crawl::of(&night.base_url(), &[]);
            assert_only_lacks(&what, &crawl, &[(key, fault.status)]);
            let reason = &crawl.document()["not_read"][0]["reason"];
            let reason = reason.as_str().unwrap();
            assert!(reason.contains(fault.says), "{what}: {reason}");
            match (fault.warning, &crawl.warnings()[..]) {
                (Warning::Never, []) => assert_eq!(crawl.run.stderr, "", "{what}"),
                (Warning::Once, [warning]) => {
                    assert!(warning.contains(reason), "{what}: {warning}");
                    assert!(
                        warning.contains("--without-organization"),
                        "{what}: {warning}"
                    );
                    assert_eq!(crawl.written.evidence.warnings.len(), 1, "{what}");
                }
                _ => panic!("{what}: {}", crawl.run.stderr),
            }
            let asked = night.asked_for(path_of(key)).len();
            assert!(asked <= fault.requests, "{what}: {asked}");
        }
    }
}

#[test]
fn fault_that_passes_leaves_out_nothing() {
    for fault in FAULTS {
        // What is refused once is not asked for again.
        if fault.requests < ALL_TRIES
            || fault.says.contains("list continues")
            || fault.says.contains("incomplete: it")
        {
            continue;
        }
        let make = fault.make;
        let night = organization().serve_by(move |_, asked| {
            if SURROUNDINGS.contains(&asked.path) && asked.before < 3 {
                make(asked)
            } else {
                Reply::AsUsual
            }
        });
        let crawl = Crawl::of(&night.base_url(), &[]);
        assert_only_lacks(fault.what, &crawl, &[]);
        assert_eq!(crawl.run.stderr, "", "{}", fault.what);
    }
}

#[test]
fn list_that_does_not_arrive_in_time_is_left_out() {
    let hang: [fn() -> Reply; 2] = [
        || Reply::Hang(vec![]),
        || Reply::Hang(Answer::new(200, "application/json", "").head(Some(1000))),
    ];
    for make in hang {
        let night = organization().serve_by(move |_, asked| match asked.path {
            "invites/" => make(),
            _ => Reply::AsUsual,
        });
        let args = ["--http-timeout-seconds", "1", "--retries", "0"];
        let crawl = Crawl::of(&night.base_url(), &args);
        assert_only_lacks("time-out", &crawl, &[("invitations", None)]);
        let [warning] = &crawl.warnings()[..] else {
            panic!("{}", crawl.run.stderr);
        };
        assert!(
            warning.contains("invitations (did not send a complete answer in time)"),
            "{warning}"
        );
    }
}

/// The server asks for a pause that would end after the time limit, so nothing is waited for.
#[test]
fn time_limit_that_passes_ends_the_reading_and_not_the_crawl() {
    let night = organization().serve_by(|_, asked| match asked.path {
        "invites/" => {
            let body = refusal("throttled_error", "throttled", "Slow.");
            Reply::Give(Answer::json(429, &body).with_header("retry-after", "3600"))
        }
        _ => Reply::AsUsual,
    });
    let crawl = Crawl::of(&night.base_url(), &["--max-duration", "30m"]);
    let missing = [("invitations", None), ("role_external_references", None)];
    assert_only_lacks("time limit", &crawl, &missing);
    for entry in crawl.document()["not_read"].as_array().unwrap() {
        let reason = entry["reason"].as_str().unwrap();
        assert!(
            reason.contains("the time limit of the run has passed"),
            "{reason}"
        );
    }
    assert_eq!(crawl.warnings().len(), 1, "{}", crawl.run.stderr);
    assert_eq!(night.asked_for("role_external_references/"), [""; 0]);
}

#[test]
fn everything_that_is_refused_is_one_warning() {
    let night = organization().serve_by(|_, asked| {
        if SURROUNDINGS.contains(&asked.path) {
            refused(403, "permission_denied", "No.")
        } else {
            Reply::AsUsual
        }
    });
    let crawl = Crawl::of(&night.base_url(), &[]);
    let [warning] = &crawl.warnings()[..] else {
        panic!("{}", crawl.run.stderr);
    };
    // Unless warnings are asked for, a run that succeeds says nothing.
    Sandbox::new()
        .crawl_at(&night.base_url(), &[])
        .run()
        .succeeds_silently();
    for part in [
        "domains (answered 403: No.)",
        "invitations (answered 403: No.)",
        "external references of roles (answered 403: No.)",
    ] {
        assert!(warning.contains(part), "{warning}");
    }
    let missing = KEYS.map(|key| (key, Some(403)));
    assert_only_lacks("everything", &crawl, &missing);
    // An old server's missing lists are not worth a word beside it.
    let night = organization().serve_by(|_, asked| match asked.path {
        "domains/" => refused(403, "permission_denied", "No."),
        "invites/" | "role_external_references/" => refused(404, "not_found", "Not found."),
        _ => Reply::AsUsual,
    });
    let crawl = Crawl::of(&night.base_url(), &[]);
    let [warning] = &crawl.warnings()[..] else {
        panic!("{}", crawl.run.stderr);
    };
    assert!(
        warning.contains("domains") && !warning.contains("invitations"),
        "{warning}"
    );
}

#[test]
fn odd_settings_never_fail_a_crawl() {
    let many: Vec<_> = (0..5_000).map(|n| format!("feature-{n}")).collect();
    for (field, odd) in [
        ("enforce_2fa", json!("yes")),
        ("enforce_2fa", json!(1)),
        ("members_can_invite", json!({"a": [1, {"b": null}]})),
        ("members_can_use_personal_api_keys", json!([])),
        ("allow_publicly_shared_resources", json!("")),
        ("is_member_join_email_enabled", json!(0.5)),
        ("default_role_id", json!(7)),
        ("default_role_id", json!({"id": "x"})),
        ("available_product_features", json!({"key": "sso"})),
        ("available_product_features", json!("sso")),
        ("available_product_features", json!([1])),
        ("available_product_features", json!([null])),
        ("available_product_features", json!([["sso"]])),
        ("available_product_features", json!([{"name": "sso"}])),
        (
            "available_product_features",
            json!([{"key": {"key": "sso"}}]),
        ),
        ("available_product_features", json!(many)),
    ] {
        let what = format!(
            "{field}: {}",
            odd.to_string().chars().take(60).collect::<String>()
        );
        let crawl = Crawl::new(organization().itself(json!({field: odd})));
        assert_only_lacks(&what, &crawl, &[("settings", Some(200))]);
        let reason = &crawl.document()["not_read"][0]["reason"];
        assert!(
            reason.as_str().unwrap().contains(&format!("`{field}`")),
            "{what}: {reason}"
        );
        let [warning] = &crawl.warnings()[..] else {
            panic!("{what}: {}", crawl.run.stderr);
        };
        assert!(warning.contains("settings"), "{what}: {warning}");
    }
}

#[test]
fn list_that_readers_would_refuse_is_left_out() {
    // Each row is within the limits, and each text; all together are not.
    let long = "x".repeat(60_000);
    let rows = (0..230).map(|n| json!({"id": format!("{n:03}"), "target_email": long}));
    let mut posthog = nobody_invited().serve();
    posthog.answers("invites/", Answer::json(200, &rows.collect()));
    let crawl = Crawl::of(&posthog.base_url(), &[]);
    let reason = &crawl.document()["not_read"][0]["reason"];
    assert!(
        reason.as_str().unwrap().contains("too large to keep"),
        "{reason}"
    );
    assert_eq!(
        all_not_read(&crawl.document()),
        [not_read("invitations", 200)]
    );
    assert_eq!(crawl.warnings().len(), 1, "{}", crawl.run.stderr);
    // One that is large and not too large is read back.
    let rows = (0..100).map(|n| json!({"id": format!("{n:03}"), "target_email": long}));
    let crawl = Crawl::new(nobody_invited().invitations(rows));
    assert_eq!(
        crawl.document()["invitations"].as_array().unwrap().len(),
        100
    );
    let run = crawl
        .sandbox
        .program(&["organization", "-o", "json", "sync.c1z"])
        .run();
    let shown: Value = serde_json::from_slice(&run.succeeds().stdout).unwrap();
    assert_eq!(shown, crawl.document());
    crawl
        .sandbox
        .program(&["verify", "sync.c1z"])
        .run()
        .succeeds();
}

fn nobody_invited() -> Organization {
    Organization::new().members([member(1)])
}
