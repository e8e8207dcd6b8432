//! A large organization is never still while it is read: with every request somebody joins, leaves, or both. Each
//! crawl is judged by what the server itself knows of its changes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{crawls, number, users};
use crate::support::{
    Asked, Organization, Reply, SURROUNDINGS, Sandbox, Written, member, membership, role, with,
};

/// A member who joined `n` seconds after the first.
fn joined(n: u16) -> Value {
    let (hours, minutes, seconds) = (n / 3600, n / 60 % 60, n % 60);
    with(
        member(n),
        json!({"joined_at": format!("2024-05-06T{hours:02}:{minutes:02}:{seconds:02}.5Z")}),
    )
}

/// What happens with each request.
#[derive(Clone, Copy, Debug)]
enum Traffic {
    Joins,
    Leaves,
    /// A join and a leave in turn.
    InTurn,
    Both,
}

const EVERY_TRAFFIC: [Traffic; 4] = [
    Traffic::Joins,
    Traffic::Leaves,
    Traffic::InTurn,
    Traffic::Both,
];

/// Who has been a member at any time, and who all the time.
#[derive(Default)]
struct Record {
    ever: BTreeSet<u16>,
    always: BTreeSet<u16>,
}

/// An organization of `size` members, with a role that every tenth holds.
fn organization(size: u16) -> Organization {
    let holders = (1..=size).filter(|n| n % 10 == 0);
    Organization::new()
        .members((1..=size).map(joined))
        .role(role(1), holders.map(|n| membership(1, &joined(n))))
}

/// Changes the organization by `times` steps with each request, and keeps a record of it.
fn changing(
    size: u16,
    traffic: Traffic,
    times: usize,
) -> (
    Arc<Mutex<Record>>,
    impl FnMut(&mut Organization, &Asked<'_>) -> Reply + Send + 'static,
) {
    let record = Arc::new(Mutex::new(Record {
        ever: (1..=size).collect(),
        always: (1..=size).collect(),
    }));
    let kept = record.clone();
    let (mut next, mut step) = (size, 0_usize);
    let script = move |organization: &mut Organization, _: &Asked<'_>| {
        let mut record = kept.lock().unwrap();
        for _ in 0..times {
            step += 1;
            let (joins, leaves) = match traffic {
                Traffic::Joins => (true, false),
                Traffic::Leaves => (false, true),
                Traffic::InTurn => (step % 2 == 0, step % 2 == 1),
                Traffic::Both => (true, true),
            };
            if joins {
                next += 1;
                organization.members_mut().push(joined(next));
                record.ever.insert(next);
            }
            let rows = organization.members_mut();
            if leaves && !rows.is_empty() {
                // From all over the list, most of them before the page that is read.
                let gone = rows.remove(step * 7919 % rows.len());
                let gone = number(gone["user"]["uuid"].as_str().unwrap());
                organization
                    .memberships_mut(1)
                    .retain(|row| number(row["user"]["uuid"].as_str().unwrap()) != gone);
                record.always.remove(&gone);
            }
        }
        Reply::AsUsual
    };
    (record, script)
}

#[track_caller]
fn assert_true(written: &Written, record: &Record, what: &str) {
    let found: BTreeSet<u16> = users(written).into_iter().collect();
    let missing: Vec<_> = record.always.difference(&found).collect();
    assert!(missing.is_empty(), "{what}: {missing:?} are missing");
    let invented: Vec<_> = found.difference(&record.ever).collect();
    assert!(invented.is_empty(), "{what}: {invented:?} are invented");
    let evidence = &written.evidence;
    let organization = &evidence.organization;
    let may_hide = organization.membership_level < Some(8)
        && organization.members_can_see_org_members != Some(true);
    for unproved in &evidence.unproved {
        // Somebody might be hidden from such a key, and the traffic covers it.
        assert!(
            may_hide && unproved.contains("could not be determined"),
            "{what}: {unproved}"
        );
    }
    let pages: u64 = evidence.lists.iter().map(|list| list.pages).sum();
    assert_eq!(evidence.pages, pages, "{what}");
    let members = &evidence.lists[0];
    assert_eq!(members.path, "members/");
    assert!(
        Some(members.received - members.kept) >= members.repeated,
        "{what}"
    );
    assert!(
        evidence.organization.member_count_before.is_some(),
        "{what}"
    );
    assert!(evidence.organization.member_count.is_some(), "{what}");
}

#[test]
fn crawl_of_an_organization_that_never_stands_still_is_whole() {
    const SIZE: u16 = 1_000;
    for traffic in EVERY_TRAFFIC {
        for times in [1, 3] {
            for args in [&[][..], &["--memberships", "embedded"]] {
                let what = format!("{traffic:?}, {times} with each request, {args:?}");
                let (record, script) = changing(SIZE, traffic, times);
                let night = organization(SIZE).pages_of(100).serve_by(script);
                let written = crawls(&what, &night, args);
                assert_true(&written, &record.lock().unwrap(), &what);
                // Eleven pages make up the list of members when nobody comes or goes.
                let pages = night.asked_for("members/").len();
                assert!(pages <= 2 * 11, "{what}: {pages} pages of members");
            }
        }
    }
}

/// The key of a member who sees everybody: on servers that cannot hide members, nothing says so.
#[test]
fn members_who_join_are_never_taken_for_hidden_ones() {
    for level in [1, 8, 15] {
        for can_see in [json!(null), json!(true)] {
            for size in [1, 95, 950] {
                for traffic in EVERY_TRAFFIC {
                    let what = format!("{traffic:?}, {size} members, level {level}, {can_see}");
                    let (record, script) = changing(size, traffic, 2);
                    let itself =
                        json!({"membership_level": level, "members_can_see_org_members": can_see});
                    let night = organization(size).itself(itself).serve_by(script);
                    let sandbox = Sandbox::new();
                    let check = sandbox.crawl_at(&night.base_url(), &["check"]).run();
                    assert_eq!(check.code, 0, "{what}: {}", check.stderr);
                    record.lock().unwrap().always.clear();
                    let run = sandbox.crawl_at(&night.base_url(), &[]).run();
                    assert_eq!(run.code, 0, "{what}: {}", run.stderr);
                    assert_true(
                        &Written::open(&sandbox.path("sync.c1z")),
                        &record.lock().unwrap(),
                        &what,
                    );
                }
            }
        }
    }
}

/// Before April 2026 members came by name: who is renamed moves, and who joins may come anywhere.
#[test]
fn list_in_another_order_must_agree_with_the_count() {
    let by_name = |n: u16| joined(u16::try_from(u32::from(n) * 7919 % 997).unwrap());
    let serve = |times| {
        let (_, script) = changing(996, Traffic::Joins, times);
        let organization = Organization::new().members((1..=996).map(by_name));
        organization.pages_of(100).serve_by(script)
    };
    let written = crawls("members by name, at rest", &serve(0), &[]);
    assert_eq!(users(&written), (1..=996).collect::<Vec<_>>());
    let sandbox = Sandbox::new();
    let run = sandbox.crawl_at(&serve(1).base_url(), &[]).run();
    run.fails(9, &["5 times", "people joined or left"]);
    assert_eq!(sandbox.files(), [""; 0]);
}

#[test]
fn evidence_says_what_moved_and_what_was_read_again() {
    const SIZE: u16 = 1_000;
    let crawl = |traffic, times| {
        let (_, script) = changing(SIZE, traffic, times);
        let night = organization(SIZE).pages_of(100).serve_by(script);
        let what = format!("{traffic:?}, {times} with each request");
        let evidence = crawls(&what, &night, &[]).evidence;
        assert_eq!(evidence.requests, night.asked_for_everything().len() as u64);
        let lists = |path: &String| {
            path.contains('?') || path == "roles/" || SURROUNDINGS.contains(&path.as_str())
        };
        let asked = night.asked_for_everything();
        let answers = asked.iter().filter(|path| lists(path)).count();
        assert_eq!(evidence.pages, answers as u64);
        evidence
    };
    let calm = crawl(Traffic::Both, 0);
    let members = &calm.lists[0];
    assert_eq!((members.readings, members.shifted), (Some(1), Some(0)));
    // Pages overlap by two rows.
    assert_eq!(members.repeated, Some(2 * (members.pages - 1)));
    assert_eq!(members.first_count, Some(1_000));
    assert_eq!(members.count, Some(1_000));
    let counts = |evidence: &posthog_c1z::model::Evidence| {
        let organization = &evidence.organization;
        (organization.member_count_before, organization.member_count)
    };
    assert_eq!(counts(&calm), (Some(1_000), Some(1_000)));

    let leaving = crawl(Traffic::Leaves, 2);
    let members = &leaving.lists[0];
    assert!(members.shifted > Some(10), "{members:?}");
    assert!(members.repeated > Some(20), "{members:?}");
    let (before, after) = counts(&leaving);
    assert!(before > after, "{leaving:?}");

    let joining = crawl(Traffic::Joins, 2);
    let members = &joining.lists[0];
    assert_eq!(members.shifted, Some(0), "{members:?}");
    assert!(members.readings > Some(1), "{members:?}");
    let (before, after) = counts(&joining);
    assert!(before < after, "{joining:?}");
}

/// One person twice on a single page is a repeat to drop.
#[test]
fn person_who_is_listed_twice_is_one_member() {
    for (rows, pages) in [(vec![1, 2, 2, 3], 100), (vec![1, 2, 3, 4, 4, 5], 3)] {
        let night = Organization::new()
            .members(rows.iter().copied().map(joined))
            .pages_of(pages)
            .serve_by(super::as_usual);
        let what = format!("members {rows:?} in pages of {pages}");
        let written = crawls(&what, &night, &[]);
        let expected: BTreeSet<u16> = rows.iter().copied().collect();
        assert_eq!(users(&written), expected.into_iter().collect::<Vec<_>>());
    }
}
