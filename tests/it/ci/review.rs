//! `scripts/ci/access-review.sh`: which days pass, and what becomes the baseline.

use std::fs;

use super::{ends, text};
use crate::support::{Program, Sandbox, golden};

const BASELINE: &str = "kept/baseline.c1z";

fn review(sandbox: &Sandbox, options: &[&str]) -> Program {
    let args = [&[BASELINE, "review", "-q"], options].concat();
    sandbox.script("ci/access-review.sh", &args)
}

/// A folder in which the sample organization was accepted as the baseline.
fn after_the_first_day() -> Sandbox {
    let sandbox = Sandbox::new();
    let first = review(&sandbox, &["--demo"]).env("ACCEPT_AS_BASELINE", "true");
    ends(first, 0);
    sandbox
}

fn baseline(sandbox: &Sandbox) -> Option<Vec<u8>> {
    fs::read(sandbox.path(BASELINE)).ok()
}

fn summary(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.path("review/summary.md")).unwrap()
}

/// Names in the folder of results.
fn results(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("review")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The review ends with this code, leaves the baseline as it was, and gives the reason in its first paragraph.
#[track_caller]
fn fails(sandbox: &Sandbox, program: Program, code: i32, reason: &str) {
    let before = baseline(sandbox);
    let run = ends(program, code);
    let line = format!("access review: failed with exit code {code}; see `review/summary.md`\n");
    assert_eq!(text(&run.stdout), line);
    assert!(baseline(sandbox) == before, "the baseline was replaced");
    let summary = summary(sandbox);
    let begins = format!("## Access review: failed\n\n**{reason}** (exit code {code})");
    assert!(summary.starts_with(&begins), "{summary}");
    sandbox.assert_no_litter();
}

/// The review passes or is accepted, and today's snapshot is the baseline.
#[track_caller]
fn passes(sandbox: &Sandbox, program: Program, word: &str) {
    let run = ends(program, 0);
    let line = format!("access review: {word} with exit code 0; see `review/summary.md`\n");
    assert_eq!(text(&run.stdout), line);
    let latest = fs::read(sandbox.path("review/latest.c1z")).unwrap();
    assert!(baseline(sandbox) == Some(latest), "another baseline");
    let begins = format!("## Access review: {word}\n\n**");
    assert!(summary(sandbox).starts_with(&begins));
    let kept = fs::read_dir(sandbox.path("kept")).unwrap();
    assert_eq!(kept.count(), 1);
    sandbox.assert_no_litter();
}

#[test]
fn without_a_baseline_the_review_fails_until_somebody_accepts_one() {
    let sandbox = Sandbox::new();
    let why = "There is no baseline to compare with";
    fails(&sandbox, review(&sandbox, &["--demo"]), 5, why);
    assert!(summary(&sandbox).contains("\n## Access audit: "));
    // Everything is new on the first day.
    assert!(summary(&sandbox).contains("\nFailed by `--fail-on high`: "));
    let first = review(&sandbox, &["--demo"]).env("ACCEPT_AS_BASELINE", "true");
    passes(&sandbox, first, "accepted");
}

#[test]
fn clean_day_becomes_the_baseline() {
    let sandbox = after_the_first_day();
    let before = baseline(&sandbox);
    passes(&sandbox, review(&sandbox, &["--demo"]), "passed");
    assert!(baseline(&sandbox) != before);
    let names = ["changes.md", "findings.md", "latest.c1z", "summary.md"];
    assert_eq!(results(&sandbox), names);
    let summary = summary(&sandbox);
    let at = |part: &str| summary.find(part).unwrap();
    assert!(at("\n## Access changes: ") < at("\n## Access audit: "));
}

#[test]
fn day_with_a_change_fails_every_day_until_the_change_is_accepted() {
    let sandbox = after_the_first_day();
    for _ in 0..2 {
        fails(&sandbox, review(&sandbox, &["--demo=later"]), 1, "Failed");
    }
    assert!(summary(&sandbox).contains("1 seat-raised, 1 admin-added"));

    // By its lines, which the review has prepared.
    let lines = fs::read(sandbox.path("review/accept-changes.txt")).unwrap();
    fs::write(sandbox.path("accepted.txt"), lines).unwrap();
    passes(&sandbox, review(&sandbox, &["--demo=later"]), "passed");

    // By hand.
    let sandbox = after_the_first_day();
    let accepted = review(&sandbox, &["--demo=later"]).env("ACCEPT_AS_BASELINE", "true");
    passes(&sandbox, accepted, "accepted");
}

#[test]
fn day_with_a_finding_fails_until_the_finding_is_accepted() {
    let sandbox = after_the_first_day();
    let later = || {
        review(&sandbox, &["--demo=later"])
            .env("DIFF_FAIL_ON", "owner-added")
            .env("AUDIT_FAIL_ON", "new-medium")
    };
    fails(&sandbox, later(), 1, "Failed");
    assert!(summary(&sandbox).contains("\nFailed by `--fail-on new-medium`: "));
    let entries = fs::read_to_string(sandbox.path("review/accept-findings.toml")).unwrap();
    let entries = entries.replace("reason = \"\"", "reason = \"known\"");
    fs::write(sandbox.path("rules.toml"), entries).unwrap();
    passes(&sandbox, later(), "passed");
}

#[test]
fn failed_crawl_leaves_the_baseline_and_nothing_of_yesterday() {
    let sandbox = after_the_first_day();
    let crawl = review(&sandbox, &["--demo", "--max-duration", "0s"]);
    // Nobody can accept a snapshot that is not there.
    let crawl = crawl.env("ACCEPT_AS_BASELINE", "true");
    fails(&sandbox, crawl, 4, "PostHog could not be read");
    assert!(summary(&sandbox).contains("\n\n    error: "));
    assert_eq!(results(&sandbox), ["summary.md"]);
}

#[test]
fn baseline_that_cannot_be_compared_fails_until_somebody_accepts_another() {
    let sandbox = after_the_first_day();
    fs::copy(golden("corrupt-truncated.c1z"), sandbox.path(BASELINE)).unwrap();
    fails(&sandbox, review(&sandbox, &["--demo"]), 15, "Failed");
    let text = summary(&sandbox);
    assert!(text.contains("**The snapshots could not be compared** (exit code 15)"));
    assert!(text.contains("\n## Access audit: "), "{text}");
    let accepted = review(&sandbox, &["--demo"]).env("ACCEPT_AS_BASELINE", "true");
    passes(&sandbox, accepted, "accepted");
}

#[test]
fn gate_that_cannot_be_judged_fails_even_if_the_day_is_accepted() {
    let sandbox = after_the_first_day();
    let unjudged = review(&sandbox, &["--demo"])
        .env("AUDIT_FAIL_ON", "not-in-roster")
        .env("ACCEPT_AS_BASELINE", "true");
    fails(&sandbox, unjudged, 2, "Failed");
    assert!(summary(&sandbox).contains("**The audit failed after this report** (exit code 2)"));
    // Of a change and trouble, trouble is the result.
    let both = review(&sandbox, &["--demo=later"]).env("AUDIT_FAIL_ON", "not-in-roster");
    fails(&sandbox, both, 2, "Failed");
}

#[test]
fn baseline_that_cannot_be_replaced_is_trouble() {
    let sandbox = Sandbox::new();
    // In the way of the folder.
    fs::write(sandbox.path("kept"), "").unwrap();
    let first = review(&sandbox, &["--demo"]).env("ACCEPT_AS_BASELINE", "true");
    ends(first, 2);
    assert!(summary(&sandbox).contains("**The baseline could not be replaced**"));
}

#[test]
fn wrong_use_is_two() {
    let sandbox = Sandbox::new();
    for args in [&[][..], &[BASELINE], &["", "review"], &[BASELINE, ""]] {
        ends(sandbox.script("ci/access-review.sh", args), 2);
    }
    let maybe = review(&sandbox, &["--demo"]).env("ACCEPT_AS_BASELINE", "yes");
    let run = ends(maybe, 2);
    assert!(run.stderr.contains("must be `true` or `false`"));
    assert_eq!(sandbox.files(), [""; 0]);
}
