//! How fast an organization is asked, by how many workers, and in how large pages.

use std::time::{Duration, Instant};

use super::{ALWAYS, CALM_REQUESTS, Fault, as_usual, at, calm, crawls, recovers, tell};
use crate::support::{
    Answer, Asked, Organization, Reply, Sandbox, member, membership, refusal, role, role_id,
};

/// As many roles, each held by one of seven.
fn with_roles(count: u16) -> Organization {
    (1..=count).fold(
        Organization::new().members((1..=7).map(member)),
        |all, n| all.role(role(n), [membership(n, &member(n % 7 + 1))]),
    )
}

fn overloaded() -> Reply {
    Reply::Give(Answer::new(504, "text/html", "<h1>Gateway time-out</h1>"))
}

#[test]
fn one_429_stops_all_workers() {
    let night = with_roles(40).serve_by({
        let mut throttled = false;
        move |_, asked| {
            if asked.path.contains("role_memberships") && !throttled {
                throttled = true;
                let body = refusal("throttled_error", "throttled", "Slow.");
                return Reply::Give(Answer::json(429, &body).with_header("retry-after", "1"));
            }
            Reply::AsUsual
        }
    });
    let written = crawls(
        "one 429 with Retry-After: 1, four workers",
        &night,
        &["--workers", "4"],
    );
    assert_eq!(written.inventory.grants().len(), 40);
    assert_eq!(night.asked().len(), 5 + 40 + 1);
    let asked = night.asked_for_everything();
    // What goes out before the 429 has come in is let through; then nobody asks until the pause is over. A worker that
    // paused alone would leave all others to finish within it.
    let is_of_role = |path: &String| path.contains("role_memberships");
    let first = asked.iter().position(is_of_role).unwrap();
    let times = night.times();
    let within = |at: &&Instant| **at - times[first] < Duration::from_millis(900);
    let in_pause = times[first + 1..].iter().filter(within).count();
    assert!(
        in_pause < 20,
        "{in_pause} requests in the pause: {asked:#?}"
    );
}

#[test]
fn budget_holds_and_a_wait_past_the_time_limit_is_not_begun() {
    for (name, number) in [("--requests-per-minute", "5"), ("--requests-per-hour", "6")] {
        let fault = Fault {
            what: &format!("{name} {number}, --max-duration 50s"),
            args: &[name, number, "--max-duration", "50s"],
            code: 4,
            says: &["the time limit of the run"],
            hints: "--max-duration",
            requests: number.parse().unwrap(),
        };
        fault.happens_at(&calm().serve_by(as_usual));
    }
    let args = ["--requests-per-minute", "9", "--max-duration", "50s"];
    recovers(
        "budget that just suffices",
        &calm().serve_by(as_usual),
        &args,
        CALM_REQUESTS,
    );
}

#[test]
fn long_crawl_is_announced() {
    let sandbox = Sandbox::new();
    let night = with_roles(30).serve_by(as_usual);
    let args = ["-v", "--requests-per-minute", "10", "--max-duration", "30s"];
    let run = sandbox.crawl_at(&night.base_url(), &args).run();
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(run.stderr.contains("30 more requests"), "{}", run.stderr);
    assert!(run.stderr.contains("3 minutes"), "{}", run.stderr);
}

#[test]
fn what_is_written_does_not_depend_on_the_number_of_workers() {
    let written = ["1", "8"].map(|workers| {
        let night = with_roles(60).serve_by(|organization, asked| {
            // Each role is trouble of its own kind.
            if asked.path == format!("roles/{}/role_memberships/", role_id(7)) && asked.before == 0
            {
                return Reply::Reset;
            }
            if asked.path.contains("role_memberships") && asked.path.contains("-0009-") {
                organization.delete_role(9);
            }
            Reply::AsUsual
        });
        let written = crawls(
            &format!("--workers {workers}"),
            &night,
            &["--workers", workers],
        );
        (written, night.asked().len())
    });
    let [(one, asked), (eight, asked_by_eight)] = written;
    assert_eq!(one.inventory, eight.inventory);
    assert_eq!(one.digest, eight.digest);
    assert_eq!(one.evidence.lists, eight.evidence.lists);
    assert_eq!(one.evidence.warnings, eight.evidence.warnings);
    assert_eq!(
        (one.evidence.warnings.len(), one.inventory.grants().len()),
        (1, 59)
    );
    assert_eq!(asked, asked_by_eight);
}

/// The limits that a list was asked for, in turn.
fn limits(asked: &[String]) -> Vec<usize> {
    let queries = asked.iter().filter_map(|path| path.split_once("limit="));
    queries
        .map(|(_, rest)| rest.split('&').next().unwrap().parse().unwrap())
        .collect()
}

/// A script that is overloaded by pages of `path` with more than so many rows.
fn overloaded_above(
    path: String,
    rows: usize,
) -> impl FnMut(&mut Organization, &Asked<'_>) -> Reply {
    move |_, asked| {
        if asked.path == path && asked.limit().unwrap_or(100) > rows {
            overloaded()
        } else {
            Reply::AsUsual
        }
    }
}

#[test]
fn page_of_members_is_halved_on_trouble() {
    let night = Organization::new()
        .members((1..=300).map(member))
        .serve_by(overloaded_above("members/".to_owned(), 250));
    let written = crawls("504 to pages of more than 250 members", &night, &[]);
    assert_eq!(written.inventory.count_of_type("user"), 300);
    let asked = night.asked_for("members/");
    assert_eq!(limits(&asked), [1000, 1000, 500, 500, 250, 250]);
    assert!(asked[5].contains("offset=249"), "{asked:#?}");
}

#[test]
fn page_is_halved_to_an_end_and_then_given_up() {
    let fault = Fault {
        what: "504 to every page of members",
        args: &[],
        code: 14,
        says: &["reading members", "members/?limit=25&", "answered 504"],
        hints: "try again later",
        requests: 2 + 2 * 6 + 7,
    };
    let night = calm().serve_by(at("members/", ALWAYS, overloaded));
    fault.happens_at(&night);
    let mut asked = limits(&night.asked_for("members/"));
    asked.dedup();
    assert_eq!(asked, [1000, 500, 250, 125, 62, 31, 25]);
}

#[test]
fn page_is_halved_on_a_time_out_too() {
    let night = Organization::new()
        .members((1..=7).map(member))
        .serve_by(|_, asked| match (asked.path, asked.limit()) {
            ("members/", Some(1000)) => Reply::Hang(vec![]),
            _ => Reply::AsUsual,
        });
    let args = ["--http-timeout-seconds", "1", "--retries", "0"];
    let written = crawls("time-out of a page of 1,000 members", &night, &args);
    assert_eq!(written.inventory.count_of_type("user"), 7);
    assert_eq!(limits(&night.asked_for("members/")), [1000, 500]);
}

#[test]
fn page_of_role_memberships_is_halved_on_trouble() {
    let many = || {
        let held = (1..=150).map(|n| membership(1, &member(n)));
        Organization::new()
            .members((1..=150).map(member))
            .role(role(1), held)
    };
    let path = format!("roles/{}/role_memberships/", role_id(1));
    let night = many().serve_by(overloaded_above(path.clone(), 50));
    let written = crawls("504 to pages of more than 50 role memberships", &night, &[]);
    assert_eq!(written.inventory.grants().len(), 150);
    let asked = night.asked_for(&path);
    assert_eq!(limits(&asked), [200, 200, 100, 100, 50, 50, 50, 50]);
}

#[test]
fn page_of_all_roles_is_halved_on_trouble_and_two_walks_must_agree() {
    let night = with_roles(150).serve_by(overloaded_above("roles/".to_owned(), 100));
    let written = crawls(
        "504 to pages of more than 100 roles",
        &night,
        &["--memberships", "embedded"],
    );
    assert_eq!(written.inventory.count_of_type("role"), 150);
    let asked = night.asked_for("roles/");
    assert_eq!(asked[0], "roles/");
    // All in one, then half of it, and halved again; from then on two walks.
    assert_eq!(limits(&asked), [250, 125, 125, 62, 62, 62, 62, 62, 62]);
}

#[test]
fn first_page_of_roles_is_halved_on_trouble() {
    let night = with_roles(70).serve_by(overloaded_above("roles/".to_owned(), 40));
    let written = crawls(
        "504 to pages of more than 40 roles",
        &night,
        &["--memberships", "embedded"],
    );
    assert_eq!(written.inventory.count_of_type("role"), 70);
    let asked = night.asked_for("roles/");
    assert_eq!(asked[..7], ["roles/"; 7]);
    assert_eq!(limits(&asked), [50, 50, 25, 25, 25, 25, 25, 25]);
}

#[test]
fn roles_that_cannot_be_read_in_any_size_end_the_run() {
    let fault = Fault {
        what: "504 to every page of roles",
        args: &[],
        code: 14,
        says: &["reading roles", "answered 504"],
        hints: "try again later",
        requests: 6 + 7 + 2 + 7,
    };
    fault.happens_at(&calm().serve_by(at("roles/", ALWAYS, overloaded)));
}

#[test]
fn worker_that_fails_ends_the_run() {
    for workers in ["1", "4"] {
        let path = format!("roles/{}/role_memberships/", role_id(1));
        let refusal = refusal("authentication_error", "permission_denied", "No.");
        let night = with_roles(40).serve_by(move |_, asked| {
            if asked.path == path {
                Reply::Give(Answer::json(403, &refusal))
            } else {
                Reply::AsUsual
            }
        });
        let sandbox = Sandbox::new();
        let run = sandbox
            .crawl_at(&night.base_url(), &["--workers", workers])
            .run();
        run.fails(7, &["reading role memberships", "answered 403: No."]);
        assert_eq!(sandbox.files(), [""; 0]);
        // The others finish what they are at.
        let asked = night.asked_for("roles/").len();
        assert!(asked < 20, "{asked}");
        tell(
            &format!("403 to the first of 40 roles, --workers {workers}"),
            "no snapshot",
            7,
            asked,
        );
    }
}
