//! The exit code: `--fail-on`, rules that cannot be judged, quiet runs and closed pipes; and `--since`.

use std::fs;

use serde_json::{Value, json};

use super::{Audited, add, before, found, invitation, login, tidy, unread};
use crate::diff::{Organization, sync_run};

/// One finding of each severity: high, medium and low.
fn three() -> Audited {
    Audited::after(|o| {
        o.second_factor("Bob", Some(false));
        o.second_factor("Ann", Some(false));
        o.add_role("ops", "Operations");
    })
}

/// Findings of medium and low severity.
fn two() -> Audited {
    Audited::after(|o| {
        o.second_factor("Ann", Some(false));
        o.add_role("ops", "Operations");
    })
}

#[test]
fn severities_and_codes_decide_about_the_exit_code() {
    for (fail_on, of_three, of_two) in [
        (None, 1, 0),
        (Some("high"), 1, 0),
        (Some("medium"), 1, 1),
        (Some("low"), 1, 1),
        (Some("none"), 0, 0),
        (Some("admin-without-2fa"), 1, 0),
        (Some("role-without-holders"), 1, 1),
        (Some("single-owner"), 0, 0),
        (Some("single-owner,unknown-seat"), 0, 0),
        (Some("single-owner,role-without-holders"), 1, 1),
        (Some("high,member-without-2fa"), 1, 1),
    ] {
        let args: Vec<&str> = fail_on
            .iter()
            .flat_map(|value| ["--fail-on", value])
            .collect();
        assert_eq!(three().answer(&args).code, of_three, "{fail_on:?}");
        assert_eq!(two().answer(&args).code, of_two, "{fail_on:?}");
    }
    let low = Audited::after(|o| o.add_role("ops", "Operations"));
    assert_eq!(low.answer(&["--fail-on", "medium"]).code, 0);
    let text = three().text(&[]);
    assert!(
        text.starts_with(
            "1 high, 1 medium and 1 low findings\nFailed by `--fail-on high`: 1 finding.\n"
        ),
        "{text}"
    );
    let text = two().text(&[]);
    assert!(
        text.contains("\nPassed: no finding is covered by `--fail-on high`.\n"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    for args in [
        &["--fail-on", "new-high"][..],
        &["--fail-on", "high,new-low"],
        &["--fail-on", "none,high"],
        &["--fail-on", "urgent"],
        &["--as-of", "soon"],
        &["--roster-email", "Mail"],
    ] {
        assert_eq!(three().run(args).code, 2, "{args:?}");
    }
    let off = three().with("rules.toml", "[rules]\nsingle-owner = \"off\"\n");
    let run = off.run(&["--rules", "rules.toml", "--fail-on", "single-owner"]);
    run.fails(
        2,
        &["the rule `single-owner`, which --fail-on names, is off in the rules file"],
    );
}

#[test]
fn a_gate_that_could_not_be_judged_ends_with_2_after_the_report() {
    for audited in [three(), Audited::after(|_| {})] {
        for format in ["console", "json", "ndjson", "markdown", "csv"] {
            let args = ["--fail-on", "high,not-in-roster", "-o", format];
            let run = audited.run(&args);
            assert_eq!(run.code, 2, "{format}");
            let plain = audited.run(&["--fail-on", "none", "-o", format]);
            assert_eq!(run.stdout.is_empty(), plain.stdout.is_empty(), "{format}");
            let text = String::from_utf8(run.stdout).unwrap();
            assert!(!text.contains("Passed"), "{format}: {text}");
            let why = "the rule `not-in-roster`, which --fail-on names, could not be judged: no roster was given";
            assert!(run.stderr.contains(why), "{}", run.stderr);
        }
    }
    let text = String::from_utf8(three().run(&["--fail-on", "high,not-in-roster"]).stdout).unwrap();
    let verdict = "Not passed: `--fail-on high,not-in-roster` names what could not be judged (not-in-roster); failed: 1 finding.";
    assert!(text.contains(verdict), "{text}");
    // A severity covers what was judged.
    assert_eq!(two().answer(&["--fail-on", "high"]).code, 0);
}

#[test]
fn a_quiet_run_and_a_closed_pipe_keep_the_code() {
    for (audited, args, code) in [
        (three(), &[][..], 1),
        (two(), &[], 0),
        (three(), &["--fail-on", "not-in-roster"], 2),
    ] {
        let run = audited.run(&[args, &["-q"]].concat());
        assert_eq!(
            (run.code, run.stdout.len()),
            (code, 0),
            "{args:?}: {}",
            run.stderr
        );
        assert_eq!(run.stderr.is_empty(), code < 2, "{args:?}: {}", run.stderr);
        for format in ["console", "json", "ndjson", "markdown", "csv"] {
            let args = [&["audit", "sync.c1z", "-o", format], args].concat();
            let run = audited
                .shelf
                .sandbox
                .program(&args)
                .run_with_stdout_closed();
            assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
        }
        let args = [&["audit", "sync.c1z", "--print-accept"], args].concat();
        let run = audited
            .shelf
            .sandbox
            .program(&args)
            .run_with_stdout_closed();
        assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
    }
}

/// `sync.c1z` with what `new` makes of the organization, and a week before it `old.c1z` with what `old` does.
fn since(old: impl FnOnce(&mut Organization), new: impl FnOnce(&mut Organization)) -> Audited {
    let mut older = tidy();
    older.sync_run = sync_run("0uk1Hbc9dQ9pxyTqJ93IUrfhdGq", "2026-08-31T02:00:00Z");
    old(&mut older);
    let audited = Audited::after(new);
    older.write(&audited.shelf.path("old.c1z"));
    audited
}

fn news(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap();
    let news = findings
        .iter()
        .map(|finding| finding["new"].as_bool().unwrap());
    found(document)
        .into_iter()
        .zip(news)
        .map(|(line, new)| format!("{new} {line}"))
        .collect()
}

const SINCE: [&str; 2] = ["--since", "./old.c1z"];

#[test]
fn findings_are_new_by_code_and_subject_and_new_ones_come_first() {
    let audited = since(
        |o| o.second_factor("Bob", Some(false)),
        |o| {
            o.second_factor("Bob", Some(false));
            o.second_factor("Ann", Some(false));
            o.add_role("ops", "Operations");
        },
    );
    let document = audited.json(&SINCE);
    assert_eq!(
        news(&document),
        [
            "true member-without-2fa user:ann",
            "true role-without-holders role:ops",
            "false admin-without-2fa user:bob",
        ]
    );
    assert!(
        document["since"]["file"]
            .as_str()
            .unwrap()
            .ends_with("old.c1z")
    );
    for (fail_on, code) in [
        ("high", 1),
        ("new-high", 0),
        ("new-medium", 1),
        ("new-low", 1),
        ("new-high,single-owner", 0),
    ] {
        let answered = audited.answer(&[&SINCE[..], &["--fail-on", fail_on]].concat());
        assert_eq!(answered.code, code, "{fail_on}");
    }
    assert!(audited.json(&[])["findings"][0].get("new").is_none());
    let lines = audited.text(&[&SINCE[..], &["-o", "ndjson"]].concat());
    assert!(
        lines.lines().next().unwrap().contains("\"new\":true"),
        "{lines}"
    );
    let console = audited.text(&SINCE);
    let (first, second) = (
        console.find("New since ").unwrap(),
        console.find("Also in ").unwrap(),
    );
    assert!(first < second, "{console}");
    // A seat that was raised makes it another finding.
    let audited = since(
        |o| o.second_factor("Ann", Some(false)),
        |o| {
            o.second_factor("Ann", Some(false));
            o.seat("Ann", 8);
        },
    );
    assert_eq!(
        news(&audited.json(&SINCE)),
        ["true admin-without-2fa user:ann"]
    );
}

#[test]
fn what_the_older_snapshot_could_not_judge_is_new() {
    let stale = |o: &mut Organization| {
        add(
            o,
            "invitations",
            invitation("i1", 1, "2026-07-01T00:00:00Z", false),
        );
    };
    let audited = since(|o| unread(o, "invitations"), stale);
    assert_eq!(
        news(&audited.json(&SINCE)),
        ["true stale-invitation invitation:i1"]
    );
    let audited = since(stale, stale);
    assert_eq!(
        news(&audited.json(&SINCE)),
        ["false stale-invitation invitation:i1"]
    );
}

#[test]
fn both_snapshots_are_judged_by_the_same_rules_each_at_its_own_time() {
    // Dormant after 30 days: in the newer one only.
    let quiet = |o: &mut Organization| login(o, "Ann", Some(before(31, 0)));
    let audited = since(quiet, quiet).with("rules.toml", "dormant_days = 30\n");
    assert_eq!(
        news(&audited.json(&[&SINCE[..], &["--rules", "./rules.toml"]].concat())),
        ["true dormant-member user:ann"]
    );
    let audited = since(quiet, quiet).with("rules.toml", "dormant_days = 10\n");
    assert_eq!(
        news(&audited.json(&[&SINCE[..], &["--rules", "./rules.toml"]].concat())),
        ["false dormant-member user:ann"]
    );
    let roster = "email,left\nann@example.com,2026-09-01\nbob@example.com,2026-08-01\n\
                  cem@example.com,\ndee@example.com,\neve@example.com,\n";
    let audited = since(|_| {}, |_| {}).with("hr.csv", roster);
    let document = audited.json(&[&SINCE[..], &["--roster", "./hr.csv"]].concat());
    assert_eq!(
        news(&document),
        [
            "true left-but-present user:ann",
            "false left-but-present user:bob"
        ]
    );
}

#[test]
fn a_key_that_could_write_before_is_not_a_new_finding() {
    let scope = |scope: &'static str| {
        move |o: &mut Organization| {
            o.evidence.as_mut().unwrap().key.as_mut().unwrap().scopes = vec![scope.to_owned()];
        }
    };
    let document = since(scope("*"), scope("*")).json(&SINCE);
    assert_eq!(document["findings"][0]["new"], json!(false));
    let document = since(scope("insight:write"), scope("*")).json(&SINCE);
    assert_eq!(document["findings"][0]["new"], json!(true));
    let unproved = |text: &'static str| {
        move |o: &mut Organization| {
            o.evidence.as_mut().unwrap().unproved = vec![text.to_owned()];
        }
    };
    let document = since(unproved("a"), unproved("b")).json(&SINCE);
    assert_eq!(document["findings"][0]["new"], json!(true));
}

#[test]
fn an_older_snapshot_of_another_organization_is_refused() {
    let other =
        |o: &mut Organization| o.evidence.as_mut().unwrap().organization.id = "other".to_owned();
    let run = since(other, |_| {}).run(&["--since", "old.c1z"]);
    run.fails(2, &["`old.c1z` is of another organization than `sync.c1z`"]);
    // The wrong way round is a warning.
    let audited = since(|_| {}, |_| {});
    fs::rename(audited.shelf.path("sync.c1z"), audited.shelf.path("x.c1z")).unwrap();
    let run = audited
        .shelf
        .run(&["audit", "old.c1z", "--since", "x.c1z"])
        .succeeds();
    assert!(run.stderr.contains("was taken after"), "{}", run.stderr);
}
