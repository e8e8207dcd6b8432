//! Clocks can be wrong: a snapshot that is dated in the future neither switches a guard off nor holds it for ever.

use std::cell::Cell;

use posthog_c1z::model::Timestamp;

use super::ours::{crawl, in_minutes, taken};
use crate::support::{Edited, Sandbox, Shelf, Written, answer_by};

const FUTURE: &str = "2999-01-02 03:04:05";

#[test]
fn baseline_may_be_ten_minutes_ahead_of_the_clock() {
    for (minutes, code) in [(9, 0), (11, 9)] {
        let sandbox = Sandbox::new();
        taken(&sandbox, "sync.c1z", 9, &in_minutes(minutes));
        assert_eq!(crawl(&sandbox, 9, &[]).code, code, "{minutes}");
    }
}

#[test]
fn run_ends_when_every_baseline_is_in_the_future_and_force_overrides() {
    for (name, args) in [
        ("sync.c1z", &[][..]),
        ("p-2026-01-01.c1z", &["-f", "p-{date}.c1z"]),
        ("latest.c1z", &["-f", "new.c1z", "--latest", "latest.c1z"]),
    ] {
        let sandbox = Sandbox::new();
        taken(&sandbox, name, 40, FUTURE);
        let files = sandbox.files();
        // Fewer members, so that the guard would refuse it by a clock that is right.
        for members in [40, 3] {
            let run = crawl(&sandbox, members, args);
            let run = run.fails(
                9,
                &[
                    name,
                    "taken at 2999-01-02 03:04:05 UTC",
                    "the clock of this machine shows 20",
                ],
            );
            assert!(run.hint().contains("--force"), "{}", run.stderr);
            assert_eq!(sandbox.files(), files);
        }
        crawl(&sandbox, 3, &[args, &["--force"]].concat()).succeeds_silently();
        // From then on it goes as before.
        crawl(&sandbox, 3, args).succeeds_silently();
    }
}

#[test]
fn baseline_in_the_future_is_passed_over_for_the_newest_that_is_not() {
    let sandbox = Sandbox::new();
    taken(&sandbox, "p-2020-01-01.c1z", 10, "2020-01-01 00:00:00");
    taken(&sandbox, "p-2020-01-02.c1z", 40, "2020-01-02 00:00:00");
    taken(&sandbox, "p-2020-01-03.c1z", 90, FUTURE);
    taken(&sandbox, "latest.c1z", 90, FUTURE);
    let args = [
        "-f",
        "p-{date}.c1z",
        "--latest",
        "latest.c1z",
        "--log-level",
        "warn",
    ];
    let run = crawl(&sandbox, 20, &args);
    run.fails(9, &["users fell from 40 to 20 since `./p-2020-01-02.c1z`"]);
    let run = crawl(&sandbox, 39, &args).succeeds();
    assert!(
        run.stderr.contains("`latest.c1z` is dated in the future"),
        "{}",
        run.stderr
    );
    let latest = Written::open(&sandbox.path("latest.c1z"));
    assert_eq!(latest.inventory.count_of_type("user"), 39);
    // The name says otherwise: `p-2026-99-99` is of 2020 and the older one of the two.
    taken(&sandbox, "p-2026-99-99.c1z", 10, "2020-01-01 12:00:00");
    crawl(&sandbox, 39, &["-f", "p-{date}.c1z"]).succeeds_silently();
}

#[test]
fn newest_of_a_template_is_found_by_the_time_in_the_file() {
    let sandbox = Sandbox::new();
    taken(&sandbox, "p-2019-99-99.c1z", 10, "2018-01-01 00:00:00");
    taken(&sandbox, "p-2019-01-02.c1z", 40, "2019-01-02 00:00:00");
    let run = crawl(&sandbox, 20, &["-f", "p-{date}.c1z"]);
    run.fails(9, &["from 40 to 20 since `./p-2019-01-02.c1z`"]);
}

#[test]
fn age_counts_full_runs_alone_and_not_those_of_the_future() {
    let shelf = Shelf::with_demo();
    let demo = shelf.path("demo.c1z");
    let sql = |at: &str, more: &str| {
        format!("update v1_sync_runs set started_at = '{at}', ended_at = '{at}'; {more}")
    };
    // A partial run of today beside the full one.
    let partial = "insert into v1_sync_runs (sync_id, started_at, ended_at, sync_token, sync_type) \
                   select 'partial', datetime('now'), datetime('now'), sync_token, 'partial' from v1_sync_runs";
    let hour_ago = in_minutes(-60);
    for (at, more, code, says) in [
        (hour_ago.as_str(), "", 0, ""),
        (&in_minutes(9), "", 0, ""),
        (&in_minutes(11), "", 1, "in the future"),
        (
            FUTURE,
            "",
            1,
            "ended at 2999-01-02 03:04:05 UTC, which is in the future",
        ),
        (
            "2001-01-01 00:00:00",
            "",
            1,
            "ended at 2001-01-01 00:00:00 UTC",
        ),
        (
            "2001-01-01 00:00:00",
            partial,
            1,
            "ended at 2001-01-01 00:00:00 UTC",
        ),
        (
            &hour_ago,
            "update v1_sync_runs set sync_type = 'partial'",
            1,
            "no finished full sync run",
        ),
    ] {
        Edited::of(&demo)
            .sql(&sql(at, more))
            .pack(&shelf.path("a.c1z"));
        let run = shelf.run(&["stats", "--max-age", "26h", "a.c1z"]);
        assert_eq!(run.code, code, "{at} {more}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{at} {more}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), usize::from(code == 1));
        // Without the question there is no answer.
        assert_eq!(shelf.run(&["stats", "a.c1z"]).code, 0);
    }
}

/// A clock that is set back by an hour each time it is looked at.
#[test]
fn snapshot_never_ends_before_it_begins() {
    let sandbox = Sandbox::new();
    let seconds = Cell::new(1_790_000_000);
    let clock = || {
        seconds.set(seconds.get() - 3_600);
        Timestamp::from_unix(seconds.get(), 0).unwrap()
    };
    let file = sandbox.path("sync.c1z");
    let args = ["sync", "--demo", "-f", file.to_str().unwrap()];
    let answered = answer_by(&clock, &sandbox.path(""), &args);
    assert_eq!(answered.code, 0, "{}", answered.message);
    let written = Written::open(&file);
    assert!(written.sync_run.ended_at >= Some(written.sync_run.started_at));
    assert!(written.evidence.ended_at >= written.evidence.started_at);
    sandbox.program(&["verify", "sync.c1z"]).run().succeeds();
}
