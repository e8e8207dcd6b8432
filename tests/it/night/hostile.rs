//! Servers that send what no PostHog sends. A crawl of one ends with an error that names the list and the field, in a
//! bounded amount of memory; a server that is merely odd is read.

use serde_json::{Value, json};

use super::{ALWAYS, KEY_ENTRY, as_usual, at, calm, crawls, roles, users};
use crate::support::{
    Answer, Night, Organization, Reply, Run, Sandbox, Written, bare_membership, member, membership,
    organization_id, role, role_id, skip, user, user_id, with,
};

/// Memory that a crawl of a hostile server may take, code and thread stacks included, in MiB.
const MEMORY: u64 = 300;

/// Bytes that a text may have.
const LONGEST_TEXT: usize = 64 << 10;

/// The beginning of a 200 with JSON that ends with the connection.
fn beginning(json: &str) -> Vec<u8> {
    let mut bytes = Answer::new(200, "application/json", "").head(None);
    bytes.extend(json.bytes());
    bytes
}

/// A page of one row.
fn page(row: &Value) -> Answer {
    let page = json!({"count": 1, "next": null, "previous": null, "results": [row]});
    Answer::json(200, &page)
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

/// A row with everything before the first occurrence of `§`, and what comes after it.
fn split(row: &Value) -> (String, String) {
    let text = row.to_string();
    let (before, after) = text.split_once('§').unwrap();
    (before.to_owned(), after.to_owned())
}

/// The beginning of a page whose row breaks off at the `§` in it.
fn page_up_to(row: &Value) -> Vec<u8> {
    beginning(&format!("{{\"results\": [{}", split(row).0))
}

/// A page of this row, again and again.
fn endless(row: &Value) -> Reply {
    let row = row.to_string();
    let rows = format!(",{row}").repeat(1 + 100_000 / row.len());
    Reply::Endless(
        beginning(&format!("{{\"count\": 20000000, \"results\": [{row}")),
        rows.into_bytes(),
    )
}

fn membership_path() -> String {
    format!("roles/{}/role_memberships/", role_id(1))
}

/// Crawls with a bounded amount of memory, and must not succeed.
#[track_caller]
fn ends(night: &Night, base_url: &str, what: &str, code: i32, says: &[&str]) -> Run {
    let sandbox = Sandbox::new();
    let run = sandbox.crawl_at(base_url, &[]).in_memory_of(MEMORY).run();
    run.assert_keeps_the_key();
    assert!(run.stderr.len() < 2_000, "{what}: {}", run.stderr);
    let run = run.fails(code, says);
    assert_eq!(sandbox.files(), [""; 0], "{what}");
    sandbox.assert_no_litter();
    super::tell(
        what,
        &format!("says: {}", says.join(" … ")),
        code,
        night.asked().len(),
    );
    run
}

type Make = fn() -> Reply;

/// What a server sends, where, and what is said then.
const TOO_MUCH: [(&str, &str, Make, &[&str]); 21] = [
    (
        "name of a megabyte",
        "members/",
        || {
            Reply::Give(page(&with(
                member(1),
                json!({"user": {"first_name": long(1 << 20)}}),
            )))
        },
        &[
            "reading members",
            "field `user.first_name` of row `018f3d21-0000-0000-0001-aa00bb11cc22`: a text of more than 64 KiB",
        ],
    ),
    (
        "name of a byte too many",
        "members/",
        || {
            let name = long(LONGEST_TEXT + 1);
            Reply::Give(page(&with(member(1), json!({"user": {"last_name": name}}))))
        },
        &[
            "reading members",
            "field `user.last_name`",
            "more than 64 KiB",
        ],
    ),
    (
        "name that is short only as it is written",
        "members/",
        || {
            // Six bytes for a character that has one.
            let name = "\u{1}".repeat(LONGEST_TEXT + 1);
            Reply::Give(page(&with(member(1), json!({"user": {"email": name}}))))
        },
        &["reading members", "field `user.email`", "more than 64 KiB"],
    ),
    (
        "names of a megabyte in rows without end",
        "members/",
        || {
            endless(&with(
                member(1),
                json!({"user": {"first_name": long(1 << 20)}}),
            ))
        },
        &[
            "reading members",
            "field `user.first_name`",
            "more than 64 KiB",
        ],
    ),
    (
        "name without end",
        "members/",
        || {
            let row = with(member(1), json!({"user": {"first_name": "§"}}));
            Reply::Endless(page_up_to(&row), vec![b'x'; 100_000])
        },
        &[
            "reading members",
            "field `user.first_name`",
            "more than 64 KiB",
        ],
    ),
    (
        "field of a member that nobody uses",
        "members/",
        || {
            Reply::Give(page(&with(
                member(1),
                json!({"user": {"hedgehog_config": {"a": long(1 << 20)}}}),
            )))
        },
        &[
            "reading members",
            "field `user.hedgehog_config.a`",
            "more than 64 KiB",
        ],
    ),
    (
        "field of a page that nobody uses, without end",
        "members/",
        || Reply::Endless(beginning("{\"links\": {\"self\": \""), vec![b'x'; 100_000]),
        &["reading members", "field `links.self`", "more than 64 KiB"],
    ),
    (
        "field name without end",
        "members/",
        || Reply::Endless(beginning("{\""), vec![b'x'; 100_000]),
        &["reading members", "a text of more than 64 KiB"],
    ),
    (
        "number without end",
        "members/",
        || {
            let row = with(member(1), json!({"level": "§"}));
            let beginning = page_up_to(&row);
            let (_quote, beginning) = beginning.split_last().unwrap();
            Reply::Endless(beginning.to_owned(), vec![b'1'; 100_000])
        },
        &["reading members", "a value of more than 1 MiB"],
    ),
    (
        "number without end that nobody uses",
        KEY_ENTRY,
        || Reply::Endless(beginning("{\"last_rolled_at\": 1"), vec![b'1'; 100_000]),
        &[
            "the key's own entry",
            "field `last_rolled_at`",
            "a value of more than 1 MiB",
        ],
    ),
    (
        "row without end",
        "members/",
        || {
            Reply::Endless(
                beginning("{\"results\": [{\"id\": \"1\""),
                b",\"a\":1".repeat(10_000),
            )
        },
        &["reading members", "row `1`: a value of more than 1 MiB"],
    ),
    (
        "rows of 40 KiB without end",
        "members/",
        || {
            endless(&with(
                member(1),
                json!({"user": {"first_name": long(40 << 10)}}),
            ))
        },
        &["reading members", "rows of more than 4 KiB on average"],
    ),
    (
        "small rows without end",
        "members/",
        || endless(&json!({"user": {"uuid": "1"}})),
        &[
            "reading members",
            "its rows take more than 128 MiB of memory",
        ],
    ),
    (
        "roles without end",
        "roles/",
        || endless(&json!({"id": "1"})),
        &["reading roles", "its rows take more than 128 MiB of memory"],
    ),
    (
        "members of a role without end",
        "roles/",
        || {
            let row = json!({"id": "1", "user": {"uuid": "1"}, "role_id": "1"}).to_string();
            Reply::Endless(
                beginning(&format!(
                    "{{\"results\": [{{\"id\": \"1\", \"members\": [{row}"
                )),
                format!(",{row}").repeat(1_000).into_bytes(),
            )
        },
        &[
            "reading roles",
            "field `members` of row `1`",
            "more than 128 MiB of memory",
        ],
    ),
    (
        "name of a role",
        "roles/",
        || {
            Reply::Give(page(&with(
                role(1),
                json!({"name": long(1 << 20), "members": []}),
            )))
        },
        &[
            "reading roles",
            "field `name` of row `01920c5a-11d0-",
            "more than 64 KiB",
        ],
    ),
    (
        "address of who holds a role",
        "roles/",
        || {
            let holder = with(user(1), json!({"email": long(1 << 18)}));
            let holder = bare_membership(1, &holder);
            Reply::Give(page(&with(role(1), json!({"members": [holder]}))))
        },
        &[
            "reading roles",
            "field `members.user.email` of row `01a1-0001-",
            "more than 64 KiB",
        ],
    ),
    (
        "name of the organization",
        "",
        || {
            Reply::Give(Answer::json(
                200,
                &json!({"id": "x", "name": long(1 << 20)}),
            ))
        },
        &[
            "reading the organization",
            "field `name`",
            "more than 64 KiB",
        ],
    ),
    (
        "projects of the organization without end",
        "",
        || Reply::Endless(beginning("{\"projects\": [\""), vec![b'x'; 100_000]),
        &[
            "reading the organization",
            "field `projects`",
            "more than 64 KiB",
        ],
    ),
    (
        "label of the key",
        KEY_ENTRY,
        || Reply::Give(Answer::json(200, &json!({"label": long(1 << 20)}))),
        &["the key's own entry", "field `label`", "more than 64 KiB"],
    ),
    (
        "scopes of the key without end",
        KEY_ENTRY,
        || {
            Reply::Endless(
                beginning("{\"scopes\": [\"\""),
                b",\"a:read\"".repeat(10_000),
            )
        },
        &[
            "the key's own entry",
            "field `scopes`",
            "a value of more than 1 MiB",
        ],
    ),
];

#[test]
fn answer_that_is_too_much_ends_the_crawl_at_once_in_bounded_memory() {
    for (what, path, make, says) in TOO_MUCH {
        let night = calm().serve_by(at(path, ALWAYS, make));
        let run = ends(&night, &night.base_url(), what, 14, says);
        assert!(
            run.stderr.contains("more data than the limits allow"),
            "{}",
            run.stderr
        );
        assert!(run.hint().contains("limits"), "{what}: {}", run.stderr);
        let asked = night.asked().into_iter();
        let again = asked.filter(|asked| asked.split('?').next() == Some(path));
        assert_eq!(again.count(), 1, "{what}");
    }
}

#[test]
fn own_list_of_a_role_is_bounded_as_well() {
    let path = membership_path();
    let holder = with(user(1), json!({"email": long(1 << 18)}));
    let long = page(&bare_membership(1, &holder));
    let night = calm().serve_by(at(&path, ALWAYS, move || Reply::Give(long.clone())));
    let says = [
        "reading role memberships",
        "field `user.email`",
        "more than 64 KiB",
    ];
    ends(&night, &night.base_url(), "own list", 14, &says);

    let row = bare_membership(1, &user(2));
    let night = calm().serve_by(at(&path, ALWAYS, move || endless(&row)));
    let says = ["reading role memberships", "more than 128 MiB of memory"];
    ends(&night, &night.base_url(), "own list without end", 14, &says);
}

#[test]
fn body_of_a_refusal_is_not_read_to_its_end() {
    for (status, code) in [(404, 5), (503, 14), (302, 3)] {
        let reply = move || {
            let head = Answer::new(status, "application/json", "").head(None);
            Reply::Endless(
                [head, b"{\"detail\": \"".to_vec()].concat(),
                vec![b'x'; 100_000],
            )
        };
        let night = calm().serve_by(at("members/", ALWAYS, reply));
        let what = format!("{status} with a body without end");
        ends(
            &night,
            &night.base_url(),
            &what,
            code,
            &[&format!("answered {status}")],
        );
    }
    let page = || {
        let head = Answer::new(200, "text/html", "").head(None);
        Reply::Endless(head, vec![b'x'; 100_000])
    };
    let night = calm().serve_by(at("members/", ALWAYS, page));
    ends(
        &night,
        &night.base_url(),
        "web page without end",
        3,
        &["instead of JSON"],
    );
}

/// An id becomes part of others, which may have 1,024 bytes.
#[test]
fn id_that_no_snapshot_can_hold_is_an_error_about_the_server() {
    type Edit = fn(&str) -> (Organization, String);
    const AT: fn(&str) -> String = ToOwned::to_owned;
    let edits: [(&str, Edit); 5] = [
        ("field `user.uuid`", |id| {
            let row = with(member(9), json!({"user": {"uuid": id}}));
            (calm().members([row]), AT("members"))
        }),
        ("field `id`", |id| {
            let row = with(member(9), json!({"id": id}));
            (calm().members([row]), AT("members"))
        }),
        ("field `id`", |id| {
            (
                calm().role(with(role(9), json!({"id": id})), []),
                AT("roles"),
            )
        }),
        ("field `members.user.uuid`", |id| {
            let holder = bare_membership(9, &with(user(9), json!({"uuid": id})));
            let holder = with(holder, json!({"id": "1"}));
            (calm().role(role(9), [holder]), AT("roles"))
        }),
        ("field `members.id`", |id| {
            let holder = with(membership(9, &member(1)), json!({"id": id}));
            (calm().role(role(9), [holder]), AT("roles"))
        }),
    ];
    let too_long = "an id of more than 1024 bytes";
    for (field, edit) in edits {
        let (organization, list) = edit(&long(1_025));
        let night = organization.serve_by(as_usual);
        let says = [&*format!("reading {list}"), field, too_long];
        ends(&night, &night.base_url(), field, 14, &says);
    }
    // These are not ids at all: what answers is not PostHog.
    for id in ["", "a\u{7}b", "a/b", "a b"] {
        let night = calm()
            .members([with(member(9), json!({"user": {"uuid": id}}))])
            .serve_by(as_usual);
        let says = ["reading members", "field `user.uuid`", "is not an id"];
        ends(&night, &night.base_url(), id, 3, &says);
    }
    let night = calm().itself(json!({"id": long(1_025)})).serve_by(as_usual);
    let base_url = night.base_url().replace(organization_id(), "@current");
    let says = ["reading the organization", "field `id`", too_long];
    ends(&night, &base_url, "id of the organization", 14, &says);
}

#[test]
fn ids_that_are_too_long_together_are_an_error_about_the_server() {
    let role_id = long(600);
    let night = calm()
        .role(
            with(role(9), json!({"id": role_id})),
            [with(
                bare_membership(9, &with(user(9), json!({"uuid": long(500)}))),
                json!({"id": "1"}),
            )],
        )
        .serve_by(as_usual);
    let says = [
        "reading roles",
        "field `id`",
        "`members.user.uuid`",
        "more than 1024 bytes",
    ];
    ends(
        &night,
        &night.base_url(),
        "ids too long together",
        14,
        &says,
    );
    let night = calm()
        .role(with(role(9), json!({"id": long(1_020)})), [])
        .serve_by(as_usual);
    let says = ["reading roles", "field `id`", "more than 1024 bytes"];
    ends(
        &night,
        &night.base_url(),
        "id too long for its entitlement",
        14,
        &says,
    );
}

/// What a text of any length up to the limit becomes, everywhere: cut in the display name, whole on the profile.
#[test]
fn longest_text_that_is_accepted_is_kept_whole_on_the_profile() {
    let name = "é".repeat(LONGEST_TEXT / 2);
    let night = calm()
        .members([with(
            member(9),
            json!({"user": {"first_name": name, "last_name": null}}),
        )])
        .role(with(role(9), json!({"name": name})), [])
        .serve_by(as_usual);
    let written = crawls("text of 64 KiB", &night, &[]);
    let find = |id: &str| {
        let rows = written.inventory.resources().iter();
        let mut rows = rows.filter(|row| &*row.id.resource == id);
        rows.next().unwrap()
    };
    let person = find(&user_id(9));
    assert_eq!(person.display_name.len(), 1_024);
    assert_eq!(person.profile.text("first_name"), Some(&*name));
    assert_eq!(find(&role_id(9)).display_name.len(), 1_024);
}

#[test]
fn server_that_ignores_the_limit_is_read() {
    const PEOPLE: u16 = 2_500;
    let people = || (1..=PEOPLE).map(member);
    let holders = people().map(|member| membership(1, &member));
    let night = Organization::new()
        .members(people())
        .role(role(1), holders)
        .serve_by(|organization, asked| {
            let mut request = asked.request.clone();
            let path = request.path().to_owned();
            request.path_and_query = format!("{path}?limit=1000000");
            Reply::Give(asked.usual_for(organization, &request))
        });
    let written = crawls("server that ignores limit", &night, &[]);
    assert_eq!(users(&written).len(), usize::from(PEOPLE));
    assert_eq!(roles(&written), [1]);
    assert_eq!(written.inventory.grants().len(), usize::from(PEOPLE));
}

/// Numbers and lengths of time up to the largest that can be written: they work, or are refused as wrong usage.
#[test]
fn no_number_on_the_command_line_is_too_large_to_be_judged() {
    let night = calm().serve_by(as_usual);
    let largest = [
        "4294967295",
        "9223372036854775807",
        "18446744073709551615",
        "99999999999999999999",
    ];
    let ages = [
        "9223372036854775807s",
        "2562047788015215h",
        "9223372036854775807h",
        "106751991167300d",
        "384307168202282325d",
        "18446744073709551615d",
    ];
    let options = [
        ("--wait", &largest[..]),
        ("--http-timeout-seconds", &largest),
        ("--retries", &largest),
        ("--requests-per-minute", &largest),
        ("--requests-per-hour", &largest),
        ("--workers", &largest),
        ("--keep-last", &largest),
        ("--max-shrink", &largest),
        ("--mode", &largest),
        ("--decoder-max-decoded-size-mb", &largest),
        ("--decoder-max-memory-mb", &largest),
        ("--retry-delay-ms", &largest),
        ("--max-duration", &ages),
    ];
    for (option, values) in options {
        for value in values {
            let sandbox = Sandbox::new();
            // A second run finds the first one's snapshot, so that every option has something to do.
            for _ in 0..2 {
                let args = [
                    option,
                    value,
                    "-f",
                    "p-{date}-{time}.c1z",
                    "--latest",
                    "l.c1z",
                ];
                let run = sandbox.crawl_at(&night.base_url(), &args).run();
                assert!(
                    [0, 2].contains(&run.code),
                    "{option} {value}: {}",
                    run.stderr
                );
            }
        }
    }
    let sandbox = Sandbox::new();
    sandbox.crawl_at(&night.base_url(), &[]).run().succeeds();
    for age in ages {
        let run = sandbox.program(&["stats", "--max-age", age]).run();
        assert!([0, 2].contains(&run.code), "{age}: {}", run.stderr);
    }
}

/// A count that cannot be true is only a number.
#[test]
fn count_of_rows_may_be_any_number() {
    let night = calm().serve_by(|organization, asked| {
        let mut answer: Value = serde_json::from_slice(asked.usual(organization).body()).unwrap();
        if answer.get("count").is_some() {
            answer["count"] = u64::MAX.into();
        }
        Reply::Give(Answer::json(200, &answer))
    });
    crawls("count of 2^64 - 1", &night, &[]);
    let sandbox = Sandbox::new();
    let run = sandbox.crawl_at(&night.base_url(), &["check"]).run();
    assert_eq!(run.code, 0, "{}", run.stderr);
}

/// A crawl with as many threads as the system allows, down to none besides the first.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs setpriv and prlimit")]
fn crawl_needs_no_thread_besides_the_first() {
    // The limit counts what a user runs, so it must be one who runs nothing else.
    const USER: &str = "--reuid=54321";
    let night = calm().serve_by(as_usual);
    let base_url = night.base_url();
    for processes in 1..=5 {
        let sandbox = Sandbox::new();
        sandbox.open_to_others();
        sandbox.open_to_writers();
        let limit = format!("--nproc={processes}");
        let limited = |args: &[&str]| {
            let words = [
                "setpriv",
                USER,
                "--regid=54321",
                "--clear-groups",
                "prlimit",
                &limit,
            ];
            sandbox.crawl_at(&base_url, args).by_way_of(&words)
        };
        let probe = limited(&["--version"]).command().output();
        if !probe.is_ok_and(|probe| probe.status.success()) {
            skip("the program cannot be run as a user who runs nothing else");
            return;
        }
        limited(&["--temp-dir", "."]).run().succeeds_silently();
        let written = Written::open(&sandbox.path("sync.c1z"));
        assert_eq!(&written.inventory, super::calm_inventory());
        // The sample organization is served by a thread.
        let run = limited(&["--demo", "-f", "demo.c1z"])
            .without_env("BATON_BASE_URL")
            .run();
        if run.code != 0 {
            assert_eq!(run.code, 2, "{}", run.stderr);
            assert!(run.stderr.contains("thread"), "{}", run.stderr);
        }
    }
}
