//! The log: order and trust, folding, gaps, and what a run did not read.

use super::{Archive, captured, run_of, without_roles};
use crate::diff::{Organization, sync_run};

#[test]
fn order_is_that_of_the_captures_whatever_the_files_are_called() {
    let archive = Archive::new();
    let mut o = Organization::new();
    archive.capture_as("c.c1z", run_of(1), &o);
    o.join("Eve", 1);
    archive.capture_as("a.c1z", run_of(2), &o);
    o.leave("Ann");
    archive.capture_as("b.c1z", run_of(3), &o);
    let json = archive.json(&[]);
    let runs = json["runs"].as_array().unwrap();
    let told: Vec<_> = runs
        .iter()
        .map(|run| (run["file"].as_str().unwrap(), run["headline"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("nights/c.c1z", None),
            ("nights/a.c1z", Some("+1 member")),
            ("nights/b.c1z", Some("−1 member")),
        ]
    );
    assert_eq!(runs[2]["changes"]["member-removed"], 1);
    assert!(runs[0]["changes"].is_null());
}

#[test]
fn unchanged_runs_are_folded_for_people_and_listed_for_programs() {
    let archive = Archive::new();
    let mut o = Organization::new();
    for day in 1..=6 {
        if day == 4 {
            o.seat("Ann", 8);
        }
        archive.capture(day, &o);
    }
    let text = archive.text(&[]);
    let entries: Vec<_> = text
        .split("\n\n")
        .map(|entry| entry.lines().next().unwrap())
        .collect();
    assert_eq!(
        entries,
        [
            "2026-09-01 02:00:05 UTC  nights/posthog-01.c1z",
            "2 unchanged, the last captured 2026-09-03 02:00:05 UTC",
            "2026-09-04 02:00:05 UTC  nights/posthog-04.c1z",
            "2 unchanged, the last captured 2026-09-06 02:00:05 UTC",
        ]
    );
    assert!(
        text.contains("\n    1 new admin, 1 seat raised\n"),
        "{text}"
    );
    assert_eq!(archive.json(&[])["runs"].as_array().unwrap().len(), 6);
    assert_eq!(archive.text(&["-o", "ndjson"]).lines().count(), 6);
    assert_eq!(archive.text(&["-o", "csv"]).lines().count(), 7);
    assert_eq!(archive.text(&["--all"]).split("\n\n").count(), 6);
    assert!(archive.text(&["--reverse"]).starts_with("2 unchanged"));
    let newest_first = archive.json(&["--reverse"]);
    assert_eq!(newest_first["runs"][0]["captured_at"], captured(6));
}

#[test]
fn change_of_a_setting_is_a_change_although_the_rows_are_the_same() {
    let archive = Archive::new();
    let mut o = Organization::new();
    o.document = serde_json::json!({
        "schema": "posthog-c1z.organization",
        "schema_version": 1,
        "settings": {"enforce_2fa": true},
        "domains": [],
        "invitations": [],
        "role_external_references": [],
        "not_read": [],
    });
    archive.capture(1, &o);
    o.document["settings"]["enforce_2fa"] = false.into();
    archive.capture(2, &o);
    let json = archive.json(&[]);
    assert_eq!(
        json["runs"][0]["content_digest"],
        json["runs"][1]["content_digest"]
    );
    assert_eq!(json["runs"][1]["headline"], "2FA no longer enforced");
}

#[test]
fn runs_that_overlap_or_end_together_are_warned_about() {
    let archive = Archive::new();
    let o = Organization::new();
    archive.capture(1, &o);
    let mut overlapping = run_of(2);
    overlapping.started_at = sync_run("x", "2026-08-31T00:00:00Z").started_at;
    archive.capture_as("b.c1z", overlapping, &o);
    let mut together = run_of(3);
    together.ended_at = run_of(2).ended_at;
    together.started_at = run_of(2).ended_at.unwrap();
    archive.capture_as("c.c1z", together, &o);
    let json = archive.json(&[]);
    let warnings: Vec<_> = json["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of.as_str().unwrap())
        .collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("overlap"), "{warnings:?}");
    assert!(
        warnings[1].contains("ended at the same time"),
        "{warnings:?}"
    );
    let run = archive.run(&[]).succeeds();
    assert!(run.stderr.contains("overlap"), "{}", run.stderr);
}

#[test]
fn run_that_did_not_read_roles_is_warned_about_and_says_what_was_not_compared() {
    let archive = Archive::new();
    let o = Organization::new();
    archive.capture(1, &o);
    archive.capture(2, &without_roles(&o));
    archive.capture(3, &o);
    let json = archive.json(&[]);
    for run in &json["runs"].as_array().unwrap()[1..] {
        assert_eq!(run["not_compared"][0], "roles", "{run}");
        assert_eq!(
            run["headline"],
            "no differences in what both snapshots read"
        );
    }
    assert!(json["runs"][1]["roles"].is_null() && json["runs"][1]["grants"].is_null());
    let text = archive.run(&[]).succeeds();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(!text.contains("unchanged"), "{text}");
    assert!(
        text.contains("4 users; roles were not read\n    not compared: roles"),
        "{text}"
    );
    let warnings = json["warnings"].to_string();
    assert!(
        warnings.contains("posthog-02.c1z` did not read roles"),
        "{warnings}"
    );
}

#[test]
fn names_that_could_do_harm_are_harmless_in_every_format() {
    let archive = Archive::new();
    let mut o = Organization::new();
    archive.capture(1, &o);
    o.person("Ann").display_name = "=1+1\u{202e}\u{1b}[31m".into();
    archive.capture(2, &o);
    for args in [
        &["--person", "ann"][..],
        &["--as-of", "2026-09-02"],
        &["--role", "eng"],
    ] {
        let text = archive.text(args);
        crate::support::assert_no_harm(&text);
        let csv = archive.text(&[args, &["-o", "csv"]].concat());
        assert!(!csv.contains("\"=1"), "{csv}");
    }
}

#[test]
fn gap_before_two_runs_of_one_time_is_one_gap_and_no_start_is_exact() {
    let archive = Archive::new();
    let mut o = Organization::new();
    for day in 1..=3 {
        archive.capture(day, &o);
    }
    archive.capture(6, &o);
    o.seat("Ann", 8);
    let mut together = run_of(7);
    together.ended_at = run_of(6).ended_at;
    archive.capture_as("together.c1z", together, &o);
    let text = archive.run(&["--all"]).succeeds();
    assert_eq!(
        String::from_utf8(text.stdout)
            .unwrap()
            .matches("gap: ")
            .count(),
        1
    );
    let json = archive.json(&["--person", "ann"]);
    let seats = json["person"]["spans"].as_array().unwrap().iter();
    let seats: Vec<_> = seats.filter(|span| span["what"] == "seat").collect();
    assert_eq!(seats[1]["from"]["after"], captured(3), "{seats:?}");
    assert_eq!(seats[1]["from"]["by"], captured(6), "{seats:?}");
}

#[test]
fn copies_of_a_run_with_different_rows_do_not_hide_a_change() {
    let archive = Archive::new();
    let mut o = Organization::new();
    archive.capture_as("a.c1z", run_of(1), &o);
    o.seat("Ann", 8);
    archive.capture_as("b.c1z", run_of(1), &o);
    archive.capture_as("c.c1z", run_of(2), &o);
    let json = archive.json(&[]);
    assert_eq!(json["runs"][1]["headline"], "1 new admin, 1 seat raised");
    assert!(json["warnings"].to_string().contains("different rows"));
}
