//! People come and go while the list of members is read, and servers show it in their own ways.

use std::fs;

use serde_json::{Value, json};

use super::{
    ALWAYS, CALM_REQUESTS, Fault, as_usual, at, calm, calm_inventory, crawls, recovers, tell, users,
};
use crate::support::{Answer, Asked, Organization, Reply, Sandbox, Written, member, user_id, with};

/// Ten members on pages of four, all of whom joined at the same moment.
fn ten() -> Organization {
    Organization::new()
        .members((1..=10).map(member))
        .pages_of(4)
}

fn leaves(organization: &mut Organization, n: u16) {
    let rows = organization.members_mut();
    rows.retain(|row| row["user"]["uuid"] != user_id(n));
}

/// A script that changes the organization before the second page of members, once.
fn before_page_two(
    mut change: impl FnMut(&mut Organization),
) -> impl FnMut(&mut Organization, &Asked<'_>) -> Reply {
    move |organization, asked| {
        if asked.path == "members/" && asked.before == 1 {
            change(organization);
        }
        Reply::AsUsual
    }
}

/// Everybody who stays is there, and whoever else is there was a member too.
#[track_caller]
fn assert_has(written: &Written, stay: impl IntoIterator<Item = u16>, others: &[u16]) {
    let found = users(written);
    let stay: Vec<u16> = stay.into_iter().collect();
    assert!(stay.iter().all(|n| found.contains(n)), "{found:?}");
    let is_known = |n: &u16| stay.contains(n) || others.contains(n);
    assert!(found.iter().all(is_known), "{found:?}");
    assert_eq!(written.evidence.unproved, [""; 0]);
}

#[test]
fn nobody_is_lost_when_somebody_leaves_between_two_pages() {
    for leaver in 1..=4 {
        let night = ten().serve_by(before_page_two(move |all| leaves(all, leaver)));
        let what = format!("member {leaver} of 10 leaves between page 1 and 2");
        let written = crawls(&what, &night, &[]);
        assert_has(&written, (1..=10).filter(|n| *n != leaver), &[leaver]);
    }
}

#[test]
fn several_who_leave_are_found_out_as_well() {
    let night = ten().serve_by(|organization, asked| {
        if asked.path == "members/" && [1, 3].contains(&asked.before) {
            let first = organization.members_mut().remove(0);
            assert!(first.is_object());
            organization.members_mut().remove(0);
        }
        Reply::AsUsual
    });
    let written = crawls(
        "two members leave before page 2 and two more before page 3",
        &night,
        &[],
    );
    assert_has(&written, 5..=10, &[1, 2, 3, 4]);
}

#[test]
fn who_joins_comes_at_the_end() {
    let dated = |n: u16| {
        with(
            member(n),
            json!({"joined_at": format!("2024-05-{n:02}T07:08:09Z")}),
        )
    };
    let night = Organization::new()
        .members((1..=10).map(dated))
        .pages_of(4)
        .serve_by(before_page_two(move |all| {
            all.members_mut().push(dated(11));
        }));
    let written = crawls("somebody joins between page 1 and 2", &night, &[]);
    assert_eq!(users(&written), (1..=11).collect::<Vec<_>>());
    // At no further cost: pages of four that overlap by two.
    assert_eq!(night.asked_for("members/").len(), 5);
    assert!(night.asked_for("members/")[0].contains("order=joined_at"));
}

/// All sums agree, and whoever goes by them has lost member 5: pages that overlap by one row do not help against two
/// who leave unless it is seen that they do not overlap any more.
#[test]
fn counts_that_agree_prove_nothing() {
    let night = ten().serve_by(before_page_two(|all| {
        leaves(all, 1);
        all.members_mut().push(member(11));
    }));
    let written = crawls("one leaves and one joins, all counts agree", &night, &[]);
    assert_has(&written, 2..=11, &[1]);

    let night = ten().serve_by(|organization, asked| {
        if asked.path == "members/" && asked.before == 1 {
            leaves(organization, 1);
            leaves(organization, 2);
        }
        if asked.path.is_empty() && asked.before == 1 {
            organization.members_mut().push(member(11));
        }
        Reply::AsUsual
    });
    let what = "two leave between page 1 and 2, one joins before all are counted";
    let written = crawls(what, &night, &[]);
    assert_has(&written, 3..=11, &[1, 2]);
}

#[test]
fn newest_first_is_read_as_well() {
    let newest_first = || {
        Organization::new()
            .members((1..=10).rev().map(member))
            .pages_of(4)
    };
    let night = newest_first().serve_by(as_usual);
    let written = crawls("server that ignores order=joined_at", &night, &[]);
    assert_eq!(users(&written), (1..=10).collect::<Vec<_>>());

    let night = newest_first().serve_by(before_page_two(|all| {
        all.members_mut().insert(0, member(11));
    }));
    let written = crawls("the same, and somebody joins at its head", &night, &[]);
    assert_eq!(users(&written), (1..=11).collect::<Vec<_>>());

    let night = newest_first().serve_by(before_page_two(|all| leaves(all, 10)));
    let written = crawls("the same, and the newest leaves", &night, &[]);
    assert_has(&written, 1..=9, &[10]);
}

#[test]
fn any_cap_of_the_server_is_met() {
    for cap in [1, 2, 3, 9, 10, 11] {
        let night = ten().pages_of(cap).serve_by(as_usual);
        let sandbox = Sandbox::new();
        let run = sandbox.crawl_at(&night.base_url(), &[]).run();
        if cap == 1 {
            // A page of one row would hold the overlap alone: nothing can be proved.
            let run = run.fails(9, &["reading members", "may be incomplete"]);
            assert_eq!(sandbox.files(), [""; 0]);
            tell(
                "pages of one row",
                "no snapshot",
                run.code,
                night.asked().len(),
            );
            continue;
        }
        run.succeeds_silently();
        let written = Written::open(&sandbox.path("sync.c1z"));
        assert_eq!(users(&written), (1..=10).collect::<Vec<_>>(), "{cap}");
        let pages = if cap >= 10 {
            1
        } else {
            9_usize.div_ceil(cap - 1)
        };
        let asked = night.asked_for("members/").len();
        assert_eq!(asked, pages, "{cap}");
        tell(
            &format!("server gives {cap} of 1,000 rows asked for"),
            "whole snapshot",
            0,
            night.asked().len(),
        );
    }
}

/// The list stands the other way round in every second answer.
fn shuffled(organization: &mut Organization, asked: &Asked<'_>) -> Reply {
    if asked.path == "members/" && asked.before > 0 {
        organization.members_mut().reverse();
    }
    Reply::AsUsual
}

#[test]
fn list_without_any_order_is_given_up_after_five_walks() {
    let fault = Fault {
        what: "members in another order in each answer",
        args: &[],
        code: 9,
        says: &["reading members", "may be incomplete", "5 times"],
        hints: "--accept-incomplete",
        // The key's entry, and two pages a walk.
        requests: 2 + 5 * 2,
    };
    fault.happens_at(&ten().serve_by(shuffled));
}

#[test]
fn what_is_not_whole_is_kept_apart_if_that_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox
        .crawl_at(
            &ten().serve_by(as_usual).base_url(),
            &["--latest", "latest.c1z"],
        )
        .run()
        .succeeds_silently();
    let before = ["sync.c1z", "latest.c1z"].map(|name| fs::read(sandbox.path(name)).unwrap());

    let night = ten().serve_by(shuffled);
    let args = ["--accept-incomplete", "--latest", "latest.c1z"];
    let run = sandbox.crawl_at(&night.base_url(), &args).run();
    let run = run.fails(
        9,
        &[
            "`sync.c1z` was not written",
            "whether the list of members is complete",
        ],
    );
    assert!(
        run.hint().contains("`sync.incomplete.c1z`"),
        "{}",
        run.stderr
    );
    let after = ["sync.c1z", "latest.c1z"].map(|name| fs::read(sandbox.path(name)).unwrap());
    assert_eq!(before, after);
    assert_eq!(
        sandbox.files(),
        ["latest.c1z", "sync.c1z", "sync.incomplete.c1z"]
    );
    sandbox.assert_no_litter();

    let written = Written::open(&sandbox.path("sync.incomplete.c1z"));
    let [doubt] = &written.evidence.unproved[..] else {
        panic!("{:?}", written.evidence.unproved);
    };
    assert!(
        doubt.contains("members") && doubt.contains("5 times"),
        "{doubt}"
    );
    // Whoever was seen, and nobody else.
    let found = users(&written);
    assert!(
        found.len() >= 7 && found.iter().all(|n| (1..=10).contains(n)),
        "{found:?}"
    );
    tell(
        "the same with --accept-incomplete",
        "`sync.incomplete.c1z`, says so in its evidence; target and --latest untouched",
        9,
        night.asked().len(),
    );

    // Nothing to standard output either.
    let night = ten().serve_by(shuffled);
    let run = sandbox.crawl_at(&night.base_url(), &["-f", "-"]).run();
    run.fails(9, &["may be incomplete"]);
}

/// An answer of the organization with another number of members.
fn counting(organization: &Organization, asked: &Asked<'_>, count: usize) -> Reply {
    let usual: serde_json::Value =
        serde_json::from_slice(asked.usual(organization).body()).unwrap();
    Reply::Give(Answer::json(
        200,
        &with(usual, json!({"member_count": count})),
    ))
}

#[test]
fn count_that_is_wrong_for_a_while_is_read_again() {
    for wrong in [6, 8] {
        // Of the count before the members, of that after them, and of both of a second look.
        for (times, more) in [(1, 0), (2, 1), (3, 1)] {
            let night = calm().serve_by(move |organization, asked| {
                if asked.path.is_empty() && asked.before < times {
                    counting(organization, asked, wrong)
                } else {
                    Reply::AsUsual
                }
            });
            let what = format!("member_count {wrong} of 7, {times} times");
            let written = crawls(&what, &night, &[]);
            assert_eq!(&written.inventory, calm_inventory(), "{what}");
            assert_eq!(written.evidence.unproved, [""; 0]);
            // All three pages, and the count twice, for each look.
            let most = CALM_REQUESTS + 5 * more;
            assert!(night.asked().len() <= most, "{what}: {:#?}", night.asked());
        }
    }
}

/// A difference that stays is taken for hiding only where the key's owner can be somebody members are hidden from.
#[test]
fn difference_that_stays_is_called_hiding_only_where_it_can_be() {
    let level = |level: Value, can: Value| json!({"membership_level": level, "members_can_see_org_members": can});
    for (itself, counted, code, says) in [
        (
            level(json!(1), json!(null)),
            9,
            7,
            "7 of 9 members are shown to the key's owner",
        ),
        (
            level(json!(1), json!(true)),
            9,
            9,
            "7 members arrived, but the organization counts 9; both",
        ),
        (
            level(json!(8), json!(null)),
            9,
            9,
            "7 members arrived, but the organization counts 9; both",
        ),
        (
            level(json!(15), json!(true)),
            9,
            9,
            "7 members arrived, but the organization counts 9; both",
        ),
        (
            level(json!(null), json!(null)),
            9,
            9,
            "7 members arrived, but the organization counts 9; both",
        ),
        (
            level(json!(1), json!(null)),
            5,
            9,
            "7 members arrived, but the organization counts 5; both",
        ),
        (
            level(json!(15), json!(true)),
            5,
            9,
            "7 members arrived, but the organization counts 5; both",
        ),
    ] {
        let serve = || {
            let organization = calm().itself(itself.clone());
            organization.serve_by(move |organization, asked| match asked.path {
                "" => counting(organization, asked, counted),
                _ => Reply::AsUsual,
            })
        };
        let fault = Fault {
            what: &format!("member_count stays {counted} of 7, {itself}"),
            args: &[],
            code,
            says: &["reading members", says],
            hints: if code == 7 {
                "administrator or owner"
            } else {
                "the server contradicts itself"
            },
            // All three pages are read once more, and the count twice.
            requests: 2 + 3 + 1 + 3 + 2,
        };
        fault.happens_at(&serve());

        let sandbox = Sandbox::new();
        let check = sandbox.crawl_at(&serve().base_url(), &["check"]).run();
        assert_eq!(check.code, code, "{}", check.stderr);
        let run = sandbox
            .crawl_at(&serve().base_url(), &["--accept-incomplete"])
            .run();
        let run = run.fails(code, &[says]);
        if code == 9 {
            assert_eq!(sandbox.files(), ["sync.incomplete.c1z"], "{}", run.stderr);
            let written = Written::open(&sandbox.path("sync.incomplete.c1z"));
            assert_eq!(&written.inventory, calm_inventory());
        }
    }
}

#[test]
fn key_that_may_not_see_everybody_is_told_why() {
    let seeing = |can: bool, level: u8| {
        calm().itself(json!({"members_can_see_org_members": can, "membership_level": level}))
    };
    let fault = Fault {
        what: "members hidden from a member's key",
        args: &[],
        code: 7,
        says: &[
            "does not show all members",
            "only shows its members to administrators and owners, and the key's owner is below administrator; its member count is 7",
        ],
        hints: "administrator or owner",
        // Before any page of members is read.
        requests: 2,
    };
    fault.happens_at(&seeing(false, 1).serve_by(as_usual));
    for (can, level) in [(false, 8), (false, 15), (true, 1)] {
        let what = format!("members_can_see_org_members {can}, level {level}");
        recovers(
            &what,
            &seeing(can, level).serve_by(as_usual),
            &[],
            CALM_REQUESTS,
        );
    }
    // Even where what is not whole would be accepted: it is no accident.
    let sandbox = Sandbox::new();
    let night = seeing(false, 1).serve_by(as_usual);
    let run = sandbox
        .crawl_at(&night.base_url(), &["--accept-incomplete"])
        .run();
    run.fails(7, &["does not show all members"]);
    assert_eq!(sandbox.files(), [""; 0]);
}

/// A page that says that more is to come.
fn page_with_more(rows: Vec<serde_json::Value>, count: usize) -> Reply {
    let next = "http://x/y?offset=1";
    let page = json!({"count": count, "next": next, "previous": null, "results": rows});
    Reply::Give(Answer::json(200, &page))
}

#[test]
fn list_that_goes_in_circles_ends() {
    let rows = || (1..=3).map(member).collect();
    let fault = Fault {
        what: "members: every answer is the first page, with more to come",
        args: &[],
        code: 9,
        says: &["reading members", "may be incomplete"],
        hints: "quieter time",
        requests: 2 + 5 * 2,
    };
    fault.happens_at(&calm().serve_by(at("members/", ALWAYS, move || page_with_more(rows(), 7))));
    let fault = Fault {
        what: "members: empty pages, with more to come",
        ..fault
    };
    let fault = Fault {
        requests: 2 + 5,
        ..fault
    };
    fault.happens_at(&calm().serve_by(at("members/", ALWAYS, || page_with_more(vec![], 7))));
}

#[test]
fn list_that_never_ends_is_given_up() {
    let fault = Fault {
        what: "members: new rows for ever, far more than are counted",
        args: &[],
        code: 3,
        says: &[
            "reading members",
            "continues after 1090 rows, but announces 7",
        ],
        hints: "",
        requests: 2 + 11,
    };
    let night = calm().serve_by(|_, asked| {
        if asked.path != "members/" {
            return Reply::AsUsual;
        }
        let from = u16::try_from(asked.offset()).unwrap();
        page_with_more((from..from + 100).map(member).collect(), 7)
    });
    fault.happens_at(&night);
}
