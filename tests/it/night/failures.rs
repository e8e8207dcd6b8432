//! Requests that fail: what passes is tried again, what does not ends the run at once.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::{ALWAYS, CALM_REQUESTS, Fault, KEY_ENTRY, as_usual, at, calm, recovers};
use crate::support::{Answer, KEY, Reply, SURROUNDINGS, Sandbox, gzip, refusal, skip};

/// The first line and headers of a 200 with JSON that is promised so many bytes, and these.
fn promising(length: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = Answer::new(200, "application/json", "").head(Some(length));
    bytes.extend(body);
    bytes
}

/// A 200 with JSON in chunks, which must be given as they go over the line.
fn chunked(chunks: &str) -> Vec<u8> {
    let answer = Answer::new(200, "application/json", "");
    let answer = answer.with_header("transfer-encoding", "chunked");
    let mut bytes = answer.head(None);
    bytes.extend(chunks.bytes());
    bytes
}

fn gzipped(body: &[u8]) -> Vec<u8> {
    let answer = Answer::new(200, "application/json", body);
    answer.with_header("content-encoding", "gzip").bytes()
}

/// A refusal of a server that asks to come back at once, so that no test waits.
fn refuses(status: usize, detail: &str) -> Answer {
    Answer::json(status, &refusal("server_error", "error", detail)).with_header("retry-after", "0")
}

/// An entry of the key, as good as any: what is broken is broken around it.
const ENTRY: &[u8] = br#"{"label": "nightly crawl", "user_id": 1001, "scopes": []}"#;

type Make = fn() -> Reply;

/// Faults that may pass: what happens, the code if they do not, and what is said then.
const PASSING: [(&str, Make, i32, &str, &str); 31] = [
    (
        "connection reset",
        || Reply::Reset,
        14,
        "could not be fetched",
        "try again",
    ),
    (
        "connection closed without an answer",
        || Reply::Bytes(vec![]),
        14,
        "",
        "",
    ),
    (
        "answer cut in its headers",
        || Reply::Bytes(b"HTTP/1.1 200 OK\r\nconte".to_vec()),
        14,
        "",
        "",
    ),
    (
        "garbage that is not HTTP",
        || Reply::Bytes(b"\x00\xff\x17garbage\r\n\r\n".to_vec()),
        14,
        "",
        "",
    ),
    (
        "body cut in the middle",
        || Reply::Bytes(promising(ENTRY.len(), &ENTRY[..20])),
        14,
        "incomplete answer",
        "try again",
    ),
    (
        "body cut before its first byte",
        || Reply::Bytes(promising(ENTRY.len(), b"")),
        14,
        "incomplete answer",
        "try again",
    ),
    (
        "Content-Length promises more than comes",
        || Reply::Bytes(promising(ENTRY.len() + 9, ENTRY)),
        14,
        "incomplete answer",
        "try again",
    ),
    (
        "Content-Length promises less than there is",
        || Reply::Bytes(promising(ENTRY.len() - 9, ENTRY)),
        14,
        "incomplete answer",
        "try again",
    ),
    (
        "chunked body cut between chunks",
        || Reply::Bytes(chunked("8\r\n{\"label\"\r\n")),
        14,
        "incomplete answer",
        "try again",
    ),
    (
        "chunked body cut in a chunk",
        || Reply::Bytes(chunked("ff\r\n{\"label\"")),
        14,
        "incomplete answer",
        "try again",
    ),
    (
        "chunk without a length",
        || Reply::Bytes(chunked("zz\r\n{}\r\n0\r\n\r\n")),
        14,
        "",
        "",
    ),
    (
        "gzip body cut",
        || Reply::Bytes(gzipped(&gzip(ENTRY)[..30])),
        14,
        "incomplete answer",
        "try again",
    ),
    (
        "gzip body that is none",
        || Reply::Bytes(gzipped(ENTRY)),
        14,
        "incomplete answer",
        "try again",
    ),
    (
        "429 with Retry-After: 0",
        || Reply::Give(refuses(429, "Request was throttled.")),
        14,
        "answered 429: Request was throttled.",
        "used up",
    ),
    (
        "429 with a Retry-After in the past",
        || {
            Reply::Give(
                Answer::json(429, &refusal("throttled_error", "throttled", "Slow."))
                    .with_header("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT"),
            )
        },
        14,
        "answered 429: Slow.",
        "used up",
    ),
    (
        "500",
        || {
            Reply::Give(Answer::json(
                500,
                &refusal("server_error", "error", "A server error occurred."),
            ))
        },
        14,
        "answered 500: A server error occurred.",
        "try again later",
    ),
    (
        "502 with HTML",
        || Reply::Give(Answer::new(502, "text/html", "<h1>Bad gateway</h1>")),
        14,
        "answered 502",
        "try again later",
    ),
    (
        "503 with Retry-After: 0",
        || Reply::Give(refuses(503, "Database away.")),
        14,
        "answered 503: Database away.",
        "try again later",
    ),
    (
        "504 with nothing",
        || Reply::Give(Answer::new(504, "text/plain", "")),
        14,
        "answered 504",
        "try again later",
    ),
    (
        "408",
        || Reply::Give(Answer::new(408, "text/html", "<h1>Request Timeout</h1>")),
        14,
        "answered 408 with `text/html`, which is not PostHog's error format",
        "try again later",
    ),
    (
        "425",
        || Reply::Give(Answer::new(425, "", "")),
        14,
        "answered 425",
        "try again later",
    ),
    (
        "507",
        || Reply::Give(refuses(507, "No space left.")),
        14,
        "answered 507: No space left.",
        "try again later",
    ),
    (
        "520",
        || Reply::Give(Answer::new(520, "text/html", "<h1>Unknown error</h1>")),
        14,
        "answered 520",
        "try again later",
    ),
    (
        "525",
        || Reply::Give(Answer::new(525, "text/html", "<h1>Handshake failed</h1>")),
        14,
        "answered 525",
        "try again later",
    ),
    (
        "529",
        || Reply::Give(refuses(529, "Overloaded.")),
        14,
        "answered 529: Overloaded.",
        "try again later",
    ),
    (
        "530",
        || Reply::Give(Answer::new(530, "text/html", "<h1>Frozen</h1>")),
        14,
        "answered 530",
        "try again later",
    ),
    (
        "200 with a web page",
        || Reply::Give(Answer::new(200, "text/html", "<title>PostHog</title>")),
        3,
        "`text/html` instead of JSON",
        "not the API",
    ),
    (
        "200 with invalid JSON",
        || Reply::Give(Answer::new(200, "application/json", "{nonsense")),
        3,
        "invalid JSON",
        "proxy",
    ),
    (
        "200 with JSON of another shape",
        || Reply::Give(Answer::new(200, "application/json", "[1]")),
        3,
        "unexpected JSON",
        "has changed",
    ),
    (
        "200 with JSON nested without end",
        || {
            Reply::Give(Answer::new(
                200,
                "application/json",
                format!("{{\"label\":{}", "[".repeat(200_000)),
            ))
        },
        3,
        "JSON",
        "",
    ),
    (
        "200 with more headers than fit",
        || {
            Reply::Bytes(
                format!(
                    "HTTP/1.1 200 x\r\n{}\r\n",
                    "x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(20_000)
                )
                .into_bytes(),
            )
        },
        14,
        "",
        "",
    ),
];

#[test]
fn what_passes_is_tried_again_until_it_has_passed() {
    for (what, make, ..) in PASSING {
        let night = calm().serve_by(at(KEY_ENTRY, 6, make));
        recovers(
            &format!("{what}, six times"),
            &night,
            &[],
            CALM_REQUESTS + 6,
        );
    }
}

#[test]
fn what_does_not_pass_ends_the_run_after_seven_tries() {
    for (what, make, code, says, hints) in PASSING {
        let night = calm().serve_by(at(KEY_ENTRY, ALWAYS, make));
        let fault = Fault {
            what: &format!("{what}, for ever"),
            args: &[],
            code,
            says: &["reading the key's own entry", says],
            hints,
            requests: 7,
        };
        fault.happens_at(&night);
    }
}

#[test]
fn fault_on_a_later_page_is_survived_as_well() {
    for (what, make, ..) in PASSING {
        let night = calm().serve_by(move |_, asked| {
            // The second page of members, once; what is tried again is a request of its own.
            match (asked.path, asked.before) {
                ("members/", 1) => make(),
                _ => Reply::AsUsual,
            }
        });
        recovers(
            &format!("{what}, on page 2 of members"),
            &night,
            &[],
            CALM_REQUESTS + 1,
        );
    }
}

/// A page that is asked for in a smaller size when the server is overloaded has as many tries as any other when the
/// trouble is something else.
#[test]
fn pages_are_tried_as_often_as_anything_else() {
    let web_page = || Reply::Give(Answer::new(200, "text/html", "<title>Wait</title>"));
    let throttled = || Reply::Give(refuses(429, "Slow."));
    for (what, make) in [
        ("429 six times on members", throttled as Make),
        ("web page six times on members", web_page as Make),
        ("connection reset six times on members", || Reply::Reset),
    ] {
        let night = calm().serve_by(at("members/", 6, make));
        recovers(what, &night, &[], CALM_REQUESTS + 6);
        let night = calm().serve_by(at("roles/", 6, make));
        recovers(
            &what.replace("members", "roles"),
            &night,
            &[],
            CALM_REQUESTS + 6,
        );
    }
}

#[test]
fn number_of_tries_can_be_set() {
    for (retries, requests) in [("0", 1), ("2", 3)] {
        let fault = Fault {
            what: &format!("500 for ever, --retries {retries}"),
            args: &["--retries", retries],
            code: 14,
            says: &["answered 500"],
            hints: "try again later",
            requests,
        };
        let night = calm().serve_by(at(KEY_ENTRY, ALWAYS, || Reply::Give(refuses(500, "No."))));
        fault.happens_at(&night);
    }
}

#[test]
fn refusals_are_final_at_once() {
    for (status, detail, code, hints) in [
        (
            400,
            "Malformed request.",
            3,
            "https://<host>/api/organizations/<id>",
        ),
        (
            401,
            "Personal API key found in request Authorization header is invalid.",
            16,
            "other region",
        ),
        (402, "Upgrade.", 7, "organization_member:read"),
        (
            403,
            "API key missing required scope 'organization_member:read'",
            7,
            "add `organization_member:read`",
        ),
        (
            403,
            "API keys with scoped projects are only supported on project-based endpoints.",
            7,
            "limited to projects",
        ),
        (
            403,
            "API key does not have access to the requested organization: ID 7",
            7,
            "limited to other organizations",
        ),
        (
            403,
            "You do not have permission to perform this action.",
            7,
            "not a member",
        ),
        (404, "Organization not found.", 5, "organization's id"),
        (
            405,
            "Method \"GET\" not allowed.",
            3,
            "https://<host>/api/organizations/<id>",
        ),
        (410, "Gone.", 3, "https://<host>/api/organizations/<id>"),
        (407, "Log in.", 3, "https://<host>/api/organizations/<id>"),
        (
            413,
            "Too large.",
            3,
            "https://<host>/api/organizations/<id>",
        ),
        (451, "Not here.", 3, "https://<host>/api/organizations/<id>"),
        (501, "Not implemented.", 3, "does not support the request"),
        (505, "Not this HTTP.", 3, "does not support the request"),
    ] {
        let answer = Answer::json(status, &refusal("x", "x", detail));
        let night = calm().serve_by(at("members/", ALWAYS, move || Reply::Give(answer.clone())));
        let fault = Fault {
            what: &format!("{status} \"{detail}\" on members"),
            args: &[],
            code,
            says: &["reading members", &format!("answered {status}: {detail}")],
            hints,
            // The key's own entry, and one.
            requests: 3,
        };
        fault.happens_at(&night);
    }
}

/// What a firewall or a proxy says is not what PostHog says, whatever the status.
#[test]
fn answer_of_a_gateway_is_named_as_such() {
    let login = Answer::new(401, "text/html", "<h1>Log in</h1>")
        .with_header("www-authenticate", "Basic realm=\"intranet\"");
    let page = |status| Answer::new(status, "text/html", "<h1>Access denied</h1>");
    let bare = Answer::new(403, "application/json", "{\"error\": \"blocked\"}");
    for (answer, code, hints) in [
        (login, 16, "requires a login of its own"),
        (page(403), 7, "it blocks this machine or this program"),
        (bare, 7, "it blocks this machine or this program"),
        (page(407), 3, "a proxy that requires a user name"),
        (page(413), 3, "considers the request too large"),
        (page(451), 3, "legal reasons"),
    ] {
        let status = answer.status();
        let night = calm().serve_by(at("members/", ALWAYS, move || Reply::Give(answer.clone())));
        let fault = Fault {
            what: &format!("{status} of a gateway"),
            args: &[],
            code,
            says: &[
                "reading members",
                &format!("answered {status}"),
                "not PostHog's error format",
            ],
            hints,
            requests: 3,
        };
        let run = fault.happens_at(&night);
        assert!(
            run.hint()
                .contains("not PostHog's: it came from a firewall"),
            "{}",
            run.stderr
        );
        assert!(!run.hint().contains("Personal API keys"), "{}", run.stderr);
    }
}

#[test]
fn refusal_of_the_key_says_where_the_key_came_from() {
    let answer = |status| Answer::json(status, &refusal("x", "x", "No."));
    for (status, code) in [(401, 16), (403, 7)] {
        let night = calm().serve_by(at("members/", ALWAYS, move || Reply::Give(answer(status))));
        let sandbox = Sandbox::new();
        std::fs::write(sandbox.path("key"), KEY).unwrap();
        std::fs::write(sandbox.path("api-token"), KEY).unwrap();
        let folder = sandbox.path("");
        let folder = folder.to_str().unwrap();
        let credentials = format!("the file `{folder}api-token`");
        let program = |args: &[&str]| {
            let program = sandbox.program(args).stdin(KEY);
            program.env("BATON_BASE_URL", &night.base_url())
        };
        for (run, source) in [
            (program(&["--api-token", KEY]), "`--api-token`"),
            (program(&["--api-token-file", "key"]), "the file `key`"),
            (
                program(&[]).env("BATON_API_TOKEN_FILE", "key"),
                "the file `key`",
            ),
            (program(&["--api-token-file", "-"]), "standard input"),
            (
                program(&[]).env("BATON_API_TOKEN", KEY),
                "`BATON_API_TOKEN`",
            ),
            (
                program(&[]).env("CREDENTIALS_DIRECTORY", folder),
                &*credentials,
            ),
            (
                program(&[]).env("POSTHOG_API_KEY", KEY),
                "`POSTHOG_API_KEY`",
            ),
        ] {
            let run = run.run();
            run.assert_keeps_the_key();
            assert_eq!(run.code, code, "{}", run.stderr);
            let ends = format!("The key came from {source}");
            assert!(run.hint().ends_with(&ends), "{}", run.stderr);
        }
    }
}

/// Whatever goes wrong on the way to a server, the message says which one.
#[test]
fn every_error_of_the_network_names_the_host() {
    let replies: [(&str, Make); 5] = [
        ("reset", || Reply::Reset),
        ("cut", || Reply::Bytes(promising(ENTRY.len(), &ENTRY[..20]))),
        ("no HTTP", || Reply::Bytes(b"hello\r\n\r\n".to_vec())),
        ("web page", || {
            Reply::Give(Answer::new(200, "text/html", ""))
        }),
        ("500", || Reply::Give(refuses(500, "No."))),
    ];
    for (what, reply) in replies {
        let night = calm().serve_by(at(KEY_ENTRY, ALWAYS, reply));
        let run = Sandbox::new()
            .crawl_at(&night.base_url(), &["--retries", "0"])
            .run();
        assert!(
            run.stderr.contains(&night.origin()),
            "{what}: {}",
            run.stderr
        );
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs unshare")]
fn name_server_that_is_down_is_14() {
    let sandbox = Sandbox::new();
    let address = "https://posthog.example.com/api/organizations/x";
    let program = || {
        let program = sandbox.crawl_at(address, &["--retries", "0"]);
        // No network at all, so no name server either.
        program.by_way_of(&["unshare", "--net"])
    };
    let probe = sandbox
        .program(&["--version"])
        .by_way_of(&["unshare", "--net"]);
    if probe.run().code != 0 {
        skip("the program cannot be run without a network");
        return;
    }
    let run = program().run();
    run.assert_keeps_the_key();
    let says = ["host `posthog.example.com` could not be resolved"];
    assert!(run.fails(14, &says).hint().contains("DNS settings"));
    let run = program()
        .env("HTTPS_PROXY", "http://proxy.example.com:3128")
        .run();
    let says = ["proxy `proxy.example.com:3128` (from `HTTPS_PROXY`) could not be resolved"];
    assert!(run.fails(14, &says).hint().contains("proxy"));
}

/// With too few file handles a crawl ends as a fault of the machine, wherever they run out, or not at all.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs prlimit")]
fn fault_of_the_machine_is_never_reported_as_another() {
    let night = calm().serve_by(as_usual);
    let mut codes = Vec::new();
    for files in 4..=16 {
        let sandbox = Sandbox::new();
        let limit = format!("--nofile={files}");
        let program = sandbox.crawl_at(&night.base_url(), &["--retries", "0", "--temp-dir", "."]);
        let run = program.by_way_of(&["prlimit", &limit]).run();
        if run.stderr.contains("shared libraries") {
            continue;
        }
        assert!([0, 2].contains(&run.code), "{files}: {}", run.stderr);
        assert!(
            run.code == 0 || run.stderr.contains("oo many open files"),
            "{}",
            run.stderr
        );
        codes.push(run.code);
    }
    assert!(codes.contains(&0) && codes.contains(&2), "{codes:?}");
}

#[test]
fn redirect_is_final_and_the_key_stays() {
    let stranger = calm().accepting_any_key().serve_by(as_usual);
    let location = format!("{}/api/organizations/x/members/", stranger.origin());
    for status in [301, 302, 307, 308] {
        let answer = Answer::new(status, "text/html", "").with_header("location", &location);
        let night = calm().serve_by(at("members/", ALWAYS, move || Reply::Give(answer.clone())));
        let fault = Fault {
            what: &format!("{status} to another origin"),
            args: &[],
            code: 3,
            says: &[&format!("answered {status}, a redirect to `{location}`")],
            hints: "redirects are not followed",
            requests: 3,
        };
        fault.happens_at(&night);
    }
    assert_eq!(stranger.asked_for_everything(), [""; 0]);
    assert_eq!(stranger.keys(), [""; 0]);
}

#[test]
fn compressed_answers_are_read_whatever_the_coding_is_called() {
    for coding in [
        "gzip",
        "GZIP",
        "x-gzip",
        "X-GZip",
        " gzip ",
        "identity, gzip",
    ] {
        let night = calm().serve_by(move |organization, asked| {
            let usual = asked.usual(organization);
            let answer = Answer::new(200, "application/json", gzip(usual.body()));
            Reply::Give(answer.with_header("content-encoding", coding))
        });
        recovers(
            &format!("every answer {coding}"),
            &night,
            &[],
            CALM_REQUESTS,
        );
    }
    for coding in ["identity", "Identity", ""] {
        let night = calm().serve_by(move |organization, asked| {
            let usual = asked.usual(organization);
            Reply::Give(usual.with_header("content-encoding", coding))
        });
        recovers(
            &format!("every answer {coding}"),
            &night,
            &[],
            CALM_REQUESTS,
        );
    }
}

#[test]
fn coding_that_was_not_asked_for_is_named() {
    for coding in ["br", "deflate", "gzip, gzip", "zstd"] {
        let answer = Answer::new(200, "application/json", ENTRY);
        let answer = answer.with_header("content-encoding", coding);
        let night = calm().serve_by(at(KEY_ENTRY, ALWAYS, move || Reply::Give(answer.clone())));
        let fault = Fault {
            what: &format!("answer in {coding}"),
            args: &[],
            code: 3,
            says: &[&format!(
                "the content encoding `{coding}`, which was not requested"
            )],
            hints: "a proxy",
            requests: 7,
        };
        fault.happens_at(&night);
    }
}

#[test]
fn byte_order_mark_before_an_answer_is_passed_over() {
    let marked = |body: &[u8]| [b"\xef\xbb\xbf", body].concat();
    let night = calm().serve_by(move |organization, asked| {
        let usual = asked.usual(organization);
        Reply::Give(Answer::new(200, "application/json", marked(usual.body())))
    });
    recovers(
        "every answer with a byte order mark",
        &night,
        &[],
        CALM_REQUESTS,
    );
    let refusal = refusal("x", "x", "No, with a mark.").to_string();
    let answer = Answer::new(401, "application/json", marked(refusal.as_bytes()));
    let night = calm().serve_by(at(KEY_ENTRY, ALWAYS, move || Reply::Give(answer.clone())));
    let fault = Fault {
        what: "401 with a byte order mark",
        args: &[],
        code: 16,
        says: &["answered 401: No, with a mark."],
        hints: "the key is wrong",
        requests: 1,
    };
    fault.happens_at(&night);
}

#[test]
fn answers_in_chunks_and_answers_until_the_end_of_the_connection_are_read() {
    let night = calm().serve_by(|organization, asked| {
        let usual = asked.usual(organization);
        let body = String::from_utf8(usual.body().to_vec()).unwrap();
        let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        Reply::Bytes(chunked(&chunk))
    });
    recovers("every answer in chunks", &night, &[], CALM_REQUESTS);
    let night = calm().serve_by(|organization, asked| {
        let usual = asked.usual(organization);
        let mut bytes = usual.head(None);
        bytes.extend(usual.body());
        Reply::Bytes(bytes)
    });
    recovers("every answer without a length", &night, &[], CALM_REQUESTS);
}

#[test]
fn connection_refused_is_14() {
    // Bound and closed again, so that nobody listens there.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let fault = Fault {
        what: "connection refused",
        args: &[],
        code: 14,
        says: &["could not be fetched", "refused"],
        hints: "try again",
        requests: 0,
    };
    fault.happens_nowhere(&format!("http://{address}/api/organizations/x"));
}

#[test]
fn host_without_an_address_is_3() {
    let fault = Fault {
        what: "host name that does not exist",
        args: &["--allow-http", "--retries", "0"],
        code: 3,
        says: &["`posthog.invalid` has no address"],
        hints: "spelling of the host",
        requests: 0,
    };
    fault.happens_nowhere("http://posthog.invalid/api/organizations/x");
}

#[test]
fn secure_connection_to_a_plain_port_is_3_and_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut connections = 0;
        // The last one is the test's own, which says nothing.
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut beginning = [0; 5];
            if stream.read_exact(&mut beginning).is_err() {
                break;
            }
            connections += 1;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
        connections
    });
    let fault = Fault {
        what: "TLS to a port that speaks plain HTTP",
        args: &[],
        code: 3,
        says: &["could not be fetched over TLS"],
        hints: "--ca-cert",
        requests: 0,
    };
    fault.happens_nowhere(&format!("https://{address}/api/organizations/x"));
    drop(std::net::TcpStream::connect(address).unwrap());
    assert_eq!(server.join().unwrap(), 1);
}

/// Each of these takes the second that the time-out takes.
#[test]
fn answer_that_does_not_come_in_time_is_4() {
    let half = || promising(ENTRY.len(), &ENTRY[..20]);
    let replies: [(&str, Make); 2] = [
        ("no answer at all", || Reply::Hang(vec![])),
        ("body that comes one byte at a time", || {
            Reply::Drip(promising(ENTRY.len(), ENTRY))
        }),
    ];
    for (what, reply) in replies {
        let night = calm().serve_by(at(KEY_ENTRY, ALWAYS, reply));
        let fault = Fault {
            what: &format!("{what}, --http-timeout-seconds 1 --retries 0"),
            args: &["--http-timeout-seconds", "1", "--retries", "0"],
            code: 4,
            says: &["reading the key's own entry", "a complete answer in time"],
            hints: "--http-timeout-seconds",
            requests: 1,
        };
        fault.happens_at(&night);
    }
    // A time-out passes like any other trouble.
    let night = calm().serve_by(at(KEY_ENTRY, 1, move || Reply::Hang(half())));
    let args = ["--http-timeout-seconds", "1"];
    recovers("body that stops, once", &night, &args, CALM_REQUESTS + 1);
}

#[test]
fn whole_run_has_a_time_limit() {
    let night = calm().serve_by(at("members/", ALWAYS, || Reply::Hang(vec![])));
    let fault = Fault {
        what: "server hangs, --max-duration 1s",
        args: &["--max-duration", "1s"],
        code: 4,
        says: &["reading members", "time"],
        hints: "--max-duration",
        requests: 3,
    };
    fault.happens_at(&night);
}

#[test]
fn pause_past_the_time_limit_is_not_waited_for() {
    let date = httpdate::fmt_http_date(
        std::time::SystemTime::now() + std::time::Duration::from_secs(3_000),
    );
    let throttled = |header: Option<&str>, status| {
        let answer = Answer::json(status, &refusal("throttled_error", "throttled", "Slow."));
        match header {
            Some(value) => answer.with_header("retry-after", value),
            None => answer,
        }
    };
    for (what, answer) in [
        ("429 with Retry-After: 3000", throttled(Some("3000"), 429)),
        (
            "429 with Retry-After as a date in 50 minutes",
            throttled(Some(&date), 429),
        ),
        ("429 without Retry-After", throttled(None, 429)),
        (
            "429 with a Retry-After that says nothing",
            throttled(Some("soon"), 429),
        ),
        ("503 with Retry-After: 3000", throttled(Some("3000"), 503)),
    ] {
        let night = calm().serve_by(at(KEY_ENTRY, ALWAYS, move || Reply::Give(answer.clone())));
        let fault = Fault {
            what: &format!("{what}, --max-duration 50s"),
            args: &["--max-duration", "50s"],
            code: 4,
            says: &["reading the key's own entry", "the time limit of the run"],
            hints: "--max-duration",
            requests: 1,
        };
        let begun = std::time::Instant::now();
        fault.happens_at(&night);
        assert!(begun.elapsed().as_secs() < 30);
    }
}

#[test]
fn every_retry_can_be_seen_if_asked_for() {
    let night = calm().serve_by(at(KEY_ENTRY, 2, || Reply::Give(refuses(500, "No."))));
    let sandbox = Sandbox::new();
    let run = sandbox.crawl_at(&night.base_url(), &["-vv", "--log-format", "json"]);
    let run = run.run().succeeds();
    let lines = run.json_lines();
    let retries = lines.iter().filter(|line| {
        line.get("problem")
            .is_some_and(|p| p == "answered 500: No.")
    });
    assert_eq!(retries.count(), 2, "{}", run.stderr);
    run.assert_keeps_the_key();
    let requests = CALM_REQUESTS + SURROUNDINGS.len() + 2;
    assert_eq!(night.keys(), vec![format!("Bearer {KEY}"); requests]);
}
