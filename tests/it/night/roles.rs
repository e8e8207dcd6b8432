//! Roles and who holds them: servers of several ages, lists without an order, roles that go while they are read.

use serde_json::{Value, json};

use super::{
    ALWAYS, CALM_REQUESTS, Fault, as_usual, at, calm, calm_inventory, crawls, grants, recovers,
    roles, tell, users,
};
use crate::support::{
    Answer, Asked, Night, Organization, Reply, Sandbox, Written, bare_membership, member,
    membership, refusal, role, role_id, user, with, without,
};

/// As many roles, each held by the one member.
fn with_roles(count: u16) -> Organization {
    (1..=count).fold(Organization::new().members([member(1)]), |all, n| {
        all.role(role(n), [membership(n, &member(1))])
    })
}

fn own_list(n: u16) -> String {
    format!("roles/{}/role_memberships/", role_id(n))
}

fn itself(n: u16) -> String {
    format!("roles/{}/", role_id(n))
}

/// What was asked of `roles/` itself.
fn list_of_roles(night: &Night) -> Vec<String> {
    let asked = night.asked().into_iter();
    let of_list = |path: &String| path == "roles/" || path.starts_with("roles/?");
    asked.filter(of_list).collect()
}

/// The embedded memberships of every role, as `form` makes them.
fn embedding(mut organization: Organization, form: fn(&Value) -> Value) -> Organization {
    for row in organization.roles_mut() {
        let members = form(&row["members"]);
        *row = with(without(row.clone(), "members"), json!({"members": members}));
    }
    organization
}

const EMBEDDED: &[&str] = &["--memberships", "embedded"];

#[test]
fn roles_in_one_answer_are_read_once() {
    let night = with_roles(100).serve_by(as_usual);
    let written = crawls("100 roles", &night, EMBEDDED);
    assert_eq!(roles(&written), (1..=100).collect::<Vec<_>>());
    assert_eq!(list_of_roles(&night), ["roles/"]);
}

#[test]
fn roles_with_a_second_page_are_read_in_one_page_of_everything() {
    let night = with_roles(101).serve_by(as_usual);
    let written = crawls("101 roles", &night, EMBEDDED);
    assert_eq!(roles(&written), (1..=101).collect::<Vec<_>>());
    assert_eq!(list_of_roles(&night), ["roles/", "roles/?limit=201"]);
}

#[test]
fn roles_on_a_server_with_a_cap_are_walked_until_two_walks_agree() {
    let night = with_roles(101).pages_of(40).serve_by(as_usual);
    let written = crawls("101 roles, at most 40 in a page", &night, EMBEDDED);
    assert_eq!(roles(&written), (1..=101).collect::<Vec<_>>());
    let walk = ["?limit=40", "?limit=40&offset=40", "?limit=40&offset=80"];
    let walks = walk
        .iter()
        .chain(&walk)
        .map(|query| format!("roles/{query}"));
    let first = ["roles/", "roles/?limit=201"].map(str::to_owned);
    let expected: Vec<String> = first.into_iter().chain(walks).collect();
    assert_eq!(list_of_roles(&night), expected);
}

#[test]
fn walk_that_differs_is_followed_by_another() {
    // In the first walk a row shows up twice and another not at all.
    let night = with_roles(101)
        .pages_of(40)
        .serve_by(|organization, asked| {
            if asked.path == "roles/" && asked.offset() == 80 && asked.before < 6 {
                organization.roles_mut().swap(0, 100);
            }
            Reply::AsUsual
        });
    let written = crawls("the same, rows move in the first walk", &night, EMBEDDED);
    assert_eq!(roles(&written), (1..=101).collect::<Vec<_>>());
    assert_eq!(list_of_roles(&night).len(), 2 + 3 * 3);
}

/// Roles in another order in each answer.
fn shuffled(organization: &mut Organization, asked: &Asked<'_>) -> Reply {
    if asked.path == "roles/" {
        organization.roles_mut().rotate_left(7);
    }
    Reply::AsUsual
}

#[test]
fn roles_that_never_agree_end_the_run_with_9() {
    let fault = Fault {
        what: "101 roles in another order in each answer, at most 40 in a page",
        args: EMBEDDED,
        code: 9,
        says: &["reading roles", "may be incomplete", "5 times"],
        hints: "--accept-incomplete",
        requests: 4 + 2 + 5 * 3,
    };
    fault.happens_at(&with_roles(101).pages_of(40).serve_by(shuffled));

    let sandbox = Sandbox::new();
    let night = with_roles(101).pages_of(40).serve_by(shuffled);
    let args = ["--memberships", "embedded", "--accept-incomplete"];
    let run = sandbox.crawl_at(&night.base_url(), &args).run();
    let run = run.fails(
        9,
        &[
            "`sync.c1z` was not written",
            "whether the list of roles is complete",
        ],
    );
    assert!(
        run.hint().contains("`sync.incomplete.c1z`"),
        "{}",
        run.stderr
    );
    assert_eq!(sandbox.files(), ["sync.incomplete.c1z"]);
    let written = Written::open(&sandbox.path("sync.incomplete.c1z"));
    assert!(
        written.evidence.unproved[0].contains("roles"),
        "{:?}",
        written.evidence.unproved
    );
    tell(
        "the same with --accept-incomplete",
        "`sync.incomplete.c1z`",
        9,
        night.asked().len(),
    );
}

/// A server of before 2026: any parameter to the list of roles is too much for it.
fn before_2026(_: &mut Organization, asked: &Asked<'_>) -> Reply {
    if asked.path == "roles/" && !asked.request.query().is_empty() {
        let body = refusal("server_error", "error", "A server error occurred.");
        Reply::Give(Answer::json(500, &body))
    } else {
        Reply::AsUsual
    }
}

#[test]
fn server_of_before_2026_is_read_as_far_as_it_can_be() {
    let night = with_roles(100).serve_by(before_2026);
    let written = crawls("server of before 2026 with 100 roles", &night, &[]);
    assert_eq!(roles(&written).len(), 100);

    let fault = Fault {
        what: "server of before 2026 with 101 roles",
        args: &[],
        code: 5,
        says: &["reading roles", "has more than one page", "before 2026"],
        hints: "--without-roles",
        // The key's entry, members, the organization, roles; everything; and one probe.
        requests: 5 + 2,
    };
    let night = with_roles(101).serve_by(before_2026);
    fault.happens_at(&night);
    assert_eq!(
        list_of_roles(&night),
        ["roles/", "roles/?limit=201", "roles/?limit=1"]
    );

    // `check` says the same in advance.
    for (count, code) in [(100, 0), (101, 5)] {
        let night = with_roles(count).serve_by(before_2026);
        let check = Sandbox::new().crawl_at(&night.base_url(), &["check"]).run();
        assert_eq!(check.code, code, "{}", check.stderr);
        let says_why = check.stderr.contains("has more than one page");
        assert_eq!(says_why, code == 5, "{}", check.stderr);
    }
}

/// The first page is as long as the server makes it; nothing is claimed that was not counted.
#[test]
fn server_of_before_2026_with_small_pages_is_not_said_to_have_many_roles() {
    let night = with_roles(40).pages_of(10).serve_by(before_2026);
    let fault = Fault {
        what: "server of before 2026 with 40 roles in pages of 10",
        args: &[],
        code: 5,
        says: &["reading roles", "has more than one page", "before 2026"],
        hints: "--without-roles",
        requests: 5 + 2,
    };
    let run = fault.happens_at(&night);
    assert!(!run.stderr.contains("100"), "{}", run.stderr);
}

/// A server whose lists of role holders come in another order in each answer.
#[test]
fn lists_without_an_order_are_mentioned_once_and_blamed_for_nothing() {
    let all = (1..=3).fold(
        Organization::new().members((1..=10).map(member)),
        |all, n| {
            let held = (1..=10).map(|m| membership(n, &member(m)));
            all.role(role(n), held)
        },
    );
    let night = all.pages_of(4).serve_by(|organization, asked| {
        for n in 1..=3 {
            if asked.path == own_list(n) {
                organization.memberships_mut(n).rotate_left(3);
            }
        }
        Reply::AsUsual
    });
    let written = crawls("role lists without an order", &night, &[]);
    assert_eq!(grants(&written).len(), 30);
    let [warning] = &written.evidence.warnings[..] else {
        panic!("{:?}", written.evidence.warnings);
    };
    assert!(
        warning.starts_with("the lists of members of 3 roles came in pages without a fixed order"),
        "{warning}"
    );
    assert!(!warning.contains("has 10"), "{warning}");
}

#[test]
fn server_without_roles_is_read_without_them_if_that_is_asked_for() {
    let without_roles = || {
        let body = refusal("invalid_request", "not_found", "Endpoint not found.");
        calm().serve_by(at("roles/", ALWAYS, move || {
            Reply::Give(Answer::json(404, &body))
        }))
    };
    let fault = Fault {
        what: "server without roles",
        args: &[],
        code: 5,
        says: &["reading roles", "answered 404: Endpoint not found."],
        hints: "--without-roles",
        requests: 7,
    };
    fault.happens_at(&without_roles());

    let night = without_roles();
    let written = crawls(
        "server without roles, --without-roles",
        &night,
        &["--without-roles"],
    );
    assert_eq!(users(&written), (1..=7).collect::<Vec<_>>());
    assert_eq!(written.inventory.grants(), []);
    assert_eq!(night.asked_for("roles/"), [""; 0]);
}

#[test]
fn missing_scope_never_means_no_roles() {
    for path in ["roles/", &own_list(1)] {
        let detail = "API key missing required scope 'organization:read'";
        let body = refusal("authentication_error", "permission_denied", detail);
        let night = calm().serve_by(at(path, ALWAYS, move || {
            Reply::Give(Answer::json(403, &body))
        }));
        let sandbox = Sandbox::new();
        let run = sandbox
            .crawl_at(&night.base_url(), &["--workers", "1"])
            .run();
        let run = run.fails(7, &["answered 403", detail]);
        assert!(run.hint().contains("add `organization:read`"));
        assert_eq!(sandbox.files(), [""; 0]);
    }
}

#[test]
fn lists_that_agree_need_nothing_more() {
    let night = calm().serve_by(as_usual);
    let written = recovers("nothing at all", &night, &[], CALM_REQUESTS);
    assert_eq!(written.evidence.warnings, [""; 0]);
    assert_eq!(night.asked_for(&itself(1)), [own_list(1) + "?limit=200"]);
}

#[test]
fn where_two_lists_differ_the_role_itself_decides() {
    // Somebody gets the role, or loses it, after the list of roles was read.
    for (what, change) in [
        (
            "somebody gets a role while it is read",
            (|all| all.push(membership(1, &member(7)))) as fn(&mut Vec<Value>),
        ),
        ("somebody loses a role while it is read", |all| {
            drop(all.remove(0));
        }),
        (
            "one loses a role and another gets it, counts agree",
            |all| {
                all[0] = membership(1, &member(7));
            },
        ),
        ("everybody loses a role while it is read", Vec::clear),
    ] {
        let night = calm().serve_by(move |organization, asked| {
            if asked.path == own_list(1) && asked.before == 0 {
                change(organization.memberships_mut(1));
            }
            Reply::AsUsual
        });
        let written = crawls(what, &night, &[]);
        let mut held = vec![membership(1, &member(5)), membership(1, &member(2))];
        change(&mut held);
        let mut expected: Vec<(u16, u16)> = held
            .iter()
            .map(|row| (1, super::number(row["user"]["uuid"].as_str().unwrap())))
            .chain([(2, 2)])
            .collect();
        expected.sort();
        assert_eq!(grants(&written), expected, "{what}");
        assert_eq!(roles(&written), [1, 2]);
        assert_eq!(night.asked().len(), CALM_REQUESTS + 1, "{what}");
        let [warning] = &written.evidence.warnings[..] else {
            panic!("{:?}", written.evidence.warnings);
        };
        assert!(
            warning.contains("Role 1") && warning.contains("read again"),
            "{warning}"
        );
    }
}

/// Deletes role 1 before its own list is read, which is a 200 with nobody then.
fn goes(organization: &mut Organization, asked: &Asked<'_>) -> Reply {
    if asked.path == own_list(1) {
        organization.delete_role(1);
    }
    Reply::AsUsual
}

#[test]
fn role_that_goes_while_it_is_read_leaves_the_snapshot() {
    for (what, embedded) in [
        (
            "role is deleted while it is read",
            (|members| members.clone()) as fn(&Value) -> Value,
        ),
        ("the same, the list of roles has null for members", |_| {
            Value::Null
        }),
    ] {
        let night = embedding(calm(), embedded).serve_by(goes);
        let written = crawls(what, &night, &[]);
        assert_eq!(roles(&written), [2]);
        assert_eq!(grants(&written), [(2, 2)]);
        assert_eq!(written.inventory.entitlements().len(), 1);
        assert_eq!(night.asked_for(&itself(1)).len(), 2);
        let [warning] = &written.evidence.warnings[..] else {
            panic!("{:?}", written.evidence.warnings);
        };
        assert!(
            warning.contains("Role 1") && warning.contains("left out"),
            "{warning}"
        );
    }
}

#[test]
fn role_that_goes_between_two_pages_leaves_the_snapshot() {
    for embedded in [(|members| members.clone()) as fn(&Value) -> Value, |_| {
        Value::Null
    }] {
        let night = embedding(calm(), embedded)
            .pages_of(2)
            .role(role(3), (1..=7).map(|n| membership(3, &member(n))));
        let night = night.serve_by(|organization, asked| {
            if asked.path == own_list(3) && asked.before == 2 {
                organization.delete_role(3);
            }
            Reply::AsUsual
        });
        let written = crawls(
            "role is deleted between two pages of its members",
            &night,
            &[],
        );
        assert_eq!(&written.inventory, calm_inventory());
    }
}

#[test]
fn role_that_answers_neither_way_ends_the_run() {
    for (status, code) in [(403, 7), (500, 14)] {
        let night = calm().serve_by(move |organization, asked| {
            if asked.path == own_list(1) {
                organization.memberships_mut(1).clear();
            }
            if asked.path == itself(1) {
                return Reply::Give(Answer::json(status, &refusal("x", "x", "No.")));
            }
            Reply::AsUsual
        });
        let fault = Fault {
            what: &format!("lists of a role differ, and the role itself answers {status}"),
            args: &["--workers", "1", "--retries", "1"],
            code,
            says: &["reading a role:", &format!("answered {status}: No.")],
            hints: "",
            requests: if status == 500 { 10 } else { 9 },
        };
        fault.happens_at(&night);
    }
}

#[test]
fn roles_that_carry_no_members_are_read_by_their_own_lists() {
    let forms: [fn(&Value) -> Value; 3] = [
        |_| Value::Null,
        |_| json!("hidden"),
        |_| json!([{"id": "x"}]),
    ];
    for form in forms {
        for args in [&[][..], EMBEDDED] {
            let night = embedding(calm(), form).serve_by(as_usual);
            recovers("roles without usable members", &night, args, CALM_REQUESTS);
        }
    }
    let mut absent = calm();
    for row in absent.roles_mut() {
        *row = without(row.clone(), "members");
    }
    recovers(
        "roles without members at all",
        &absent.serve_by(as_usual),
        &[],
        CALM_REQUESTS,
    );
}

#[test]
fn own_lists_alone_are_proved_by_their_overlap() {
    let many = || {
        let held = (1..=10).map(|n| membership(1, &member(n)));
        let all = Organization::new()
            .members((1..=10).map(member))
            .role(role(1), held);
        embedding(all, |_| Value::Null).pages_of(4)
    };
    let night = many().serve_by(|organization, asked| {
        if asked.path == own_list(1) && asked.before == 1 {
            organization.memberships_mut(1).drain(..2);
        }
        Reply::AsUsual
    });
    let written = crawls(
        "two lose a role between two pages of its own list",
        &night,
        &[],
    );
    let held: Vec<u16> = grants(&written).into_iter().map(|(_, user)| user).collect();
    assert!((3..=10).all(|n| held.contains(&n)), "{held:?}");

    let fault = Fault {
        what: "role's own list in another order in each answer, nothing to hold it against",
        args: &[],
        code: 9,
        says: &["reading role memberships", "may be incomplete", "5 times"],
        hints: "--accept-incomplete",
        requests: 1 + 1 + 3 + 1 + 1 + 5 * 2,
    };
    let shuffled = |organization: &mut Organization, asked: &Asked<'_>| {
        if asked.path == own_list(1) && asked.before > 0 {
            organization.memberships_mut(1).reverse();
        }
        Reply::AsUsual
    };
    fault.happens_at(&many().serve_by(shuffled));

    let sandbox = Sandbox::new();
    let night = many().serve_by(shuffled);
    let run = sandbox
        .crawl_at(&night.base_url(), &["--accept-incomplete"])
        .run();
    run.fails(9, &["the list of members of role"]);
    assert_eq!(sandbox.files(), ["sync.incomplete.c1z"]);
}

#[test]
fn own_list_in_any_order_is_proved_by_what_the_role_carries() {
    let held = (1..=10).map(|n| membership(1, &member(n)));
    let night = Organization::new()
        .members((1..=10).map(member))
        .role(role(1), held)
        .pages_of(4);
    let night = night.serve_by(|organization, asked| {
        if asked.path == own_list(1) && asked.before > 0 {
            organization.memberships_mut(1).reverse();
        }
        Reply::AsUsual
    });
    let written = crawls(
        "role's own list in another order in each answer",
        &night,
        &[],
    );
    assert_eq!(written.inventory.grants().len(), 10);
    // One walk, and the role itself.
    assert_eq!(night.asked_for(&itself(1)).len(), 2 + 1);
}

#[test]
fn embedded_memberships_take_a_request_for_members_and_roles_alone() {
    let night = calm().serve_by(as_usual);
    recovers(
        "--memberships embedded",
        &night,
        EMBEDDED,
        1 + 1 + 3 + 1 + 1,
    );
    assert_eq!(night.asked_for("roles/"), ["roles/"]);

    // An empty one is confirmed by the role's own list.
    let night = calm()
        .role(role(3), [])
        .role(role(4), [])
        .serve_by(as_usual);
    let written = crawls(
        "--memberships embedded with two empty roles",
        &night,
        EMBEDDED,
    );
    assert_eq!(roles(&written), [1, 2, 3, 4]);
    assert_eq!(grants(&written), [(1, 2), (1, 5), (2, 2)]);
    let own = |n| own_list(n) + "?limit=200";
    let mut asked = night.asked_for("roles/");
    asked.retain(|path| path.contains("role_memberships"));
    asked.sort();
    assert_eq!(asked, [own(3), own(4)]);
}

#[test]
fn embedded_list_that_is_wrongly_empty_is_found_out() {
    let night = embedding(calm(), |_| json!([])).serve_by(as_usual);
    let written = crawls(
        "--memberships embedded, the list of roles has nobody",
        &night,
        EMBEDDED,
    );
    assert_eq!(&written.inventory, calm_inventory());
}

/// One answer that holds all roles proves an empty one as well as a full one, unless it holds nobody at all: then the server
/// may leave the holders out.
#[test]
fn empty_role_is_asked_by_itself_only_where_one_answer_cannot_settle_it() {
    let empty =
        |organization: Organization| (4..=20).fold(organization, |all, n| all.role(role(n), []));
    let held = |organization: Organization| organization.role(role(3), [membership(3, &member(1))]);
    let people = || Organization::new().members([member(1)]);
    for (what, night, own_lists) in [
        ("in one answer", held(empty(people())).serve_by(as_usual), 0),
        (
            "in several pages",
            held(empty(people())).pages_of(5).serve_by(as_usual),
            17,
        ),
        ("nobody in any role", empty(people()).serve_by(as_usual), 17),
    ] {
        let written = crawls(&format!("empty roles, {what}"), &night, EMBEDDED);
        let asked = night.asked().into_iter();
        let asked = asked.filter(|path| path.contains("role_memberships"));
        assert_eq!(asked.count(), own_lists, "{what}");
        assert_eq!(
            written.inventory.entitlements().len(),
            roles(&written).len()
        );
        assert!((17..=18).contains(&roles(&written).len()), "{what}");
    }
}

#[test]
fn grants_of_people_who_are_no_members_do_not_dangle() {
    let night = calm()
        .role(
            role(3),
            [bare_membership(3, &user(99)), membership(3, &member(98))],
        )
        .serve_by(as_usual);
    for args in [&[][..], EMBEDDED] {
        let written = crawls("two role holders that are no members", &night, args);
        assert_eq!(users(&written), [1, 2, 3, 4, 5, 6, 7, 98, 99]);
        assert_eq!(grants(&written)[3..], [(3, 98), (3, 99)]);
        assert_eq!(written.evidence.unlisted_principals, 2);
    }
}

/// An answer that says that more is to come, for ever.
fn circle(rows: &[Value]) -> Reply {
    let next = "http://x/y?offset=1";
    let page = json!({"count": 9, "next": next, "previous": null, "results": rows});
    Reply::Give(Answer::json(200, &page))
}

#[test]
fn roles_that_go_in_circles_end() {
    let rows = || with_roles(3).roles_mut().clone();
    for (what, rows) in [
        ("roles: every answer is the same, with more to come", rows()),
        ("roles: empty answers, with more to come", vec![]),
    ] {
        let requests = if rows.is_empty() {
            4 + 2 + 5
        } else {
            4 + 2 + 5 * 2
        };
        let fault = Fault {
            what,
            args: &[],
            code: 9,
            says: &["reading roles", "may be incomplete"],
            hints: "--accept-incomplete",
            requests,
        };
        let night = with_roles(3).serve_by(at("roles/", ALWAYS, move || circle(&rows)));
        fault.happens_at(&night);
    }
}

#[test]
fn roles_that_never_end_are_given_up() {
    let night = with_roles(3).serve_by(|_, asked| {
        if asked.path != "roles/" {
            return Reply::AsUsual;
        }
        let from = u16::try_from(asked.offset()).unwrap();
        let rows: Vec<Value> = (from..from + 100).map(role).collect();
        circle(&rows)
    });
    let fault = Fault {
        what: "roles: new rows for ever, far more than are counted",
        args: &[],
        code: 3,
        says: &[
            "reading roles",
            "the list continues after 1100 rows, but announces 9",
        ],
        hints: "",
        requests: 4 + 2 + 11,
    };
    fault.happens_at(&night);
}

#[test]
fn role_memberships_that_go_in_circles_end() {
    let rows = [membership(1, &member(5))];
    let night = calm().serve_by(at(&own_list(1), ALWAYS, move || circle(&rows)));
    // Two pages of it, and the role itself decides.
    let written = recovers(
        "role memberships in circles",
        &night,
        &[],
        CALM_REQUESTS + 2,
    );
    assert_eq!(written.evidence.warnings.len(), 1);
}
