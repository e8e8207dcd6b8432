//! Which files are read: files, folders, patterns, and what happens to those that cannot be.

use std::fs;

use super::{Archive, run_of};
use crate::diff::Organization;
use crate::support::golden;

#[test]
fn path_is_a_file_a_folder_or_a_pattern_and_each_file_counts_once() {
    let archive = Archive::new();
    let o = Organization::new();
    for day in 1..=3 {
        archive.capture(day, &o);
    }
    archive.capture_as("posthog-04.incomplete.c1z", run_of(4), &o);
    archive.capture_as(".hidden.c1z", run_of(5), &o);
    fs::create_dir(archive.shelf.path("nights/sub")).unwrap();
    archive.capture_as("sub/posthog-06.c1z", run_of(6), &o);
    let count = |paths: &[&str]| {
        let text = archive
            .shelf
            .text(&[&["history", "-o", "ndjson"], paths].concat());
        text.matches("\"type\":\"run\"").count()
    };
    for (paths, expected) in [
        (&["nights"][..], 3),
        (&["nights/"], 3),
        (&["nights/posthog-01.c1z"], 1),
        (&["nights/posthog-0[12].c1z"], 2),
        (&["nights/*.c1z"], 3),
        (&["nights/*"], 4),
        (
            &["nights", "nights/posthog-01.c1z", "nights/posthog-0?.c1z"],
            3,
        ),
        (&["nights/sub", "nights/posthog-01.c1z"], 2),
        // Named by itself, it counts.
        (&["nights/posthog-04.incomplete.c1z", "nights"], 4),
    ] {
        assert_eq!(count(paths), expected, "{paths:?}");
    }
}

#[test]
fn what_is_not_there_is_named_with_the_right_exit_code() {
    let archive = Archive::new();
    let shelf = &archive.shelf;
    shelf
        .run(&["history", "nights"])
        .fails(15, &["the folder `nights` has no snapshots"]);
    shelf
        .run(&["history", "gone"])
        .fails(5, &["`gone` does not exist"]);
    shelf
        .run(&["history", "nights/*.c1z"])
        .fails(5, &["no file matches the pattern `nights/*.c1z`"]);
    archive.capture(2, &Organization::new());
    archive.run(&["--person", "nobody"]).fails(
        5,
        &["no snapshot that could be read has a person that matches `nobody`"],
    );
    archive.run(&["--person", "an"]).succeeds();
    archive.run(&["--role", "nothing"]).fails(
        5,
        &["no snapshot that could be read has a role that matches `nothing`"],
    );
    let run = archive.run(&["--as-of", "2026-09-01"]).fails(
        5,
        &["no snapshot was captured at or before 2026-09-01 23:59:59 UTC"],
    );
    assert!(run.hint().contains("2026-09-02 02:00:05"), "{}", run.stderr);
    archive
        .run(&["--person", "Archer"])
        .fails(5, &["no snapshot that could be read has a person"]);
    assert_eq!(shelf.run(&["history"]).code, 2);
    for wrong in [
        &["--person", "ann", "--role", "eng"][..],
        &["--left", "x.csv", "--person", "ann"],
        &["--within", "24h"],
        &["--roster-email", "x"],
        &["--all", "--person", "ann"],
        &["-o", "markdown"],
        &["--as-of", "soon"],
    ] {
        assert_eq!(archive.run(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn several_people_of_one_name_are_listed() {
    let archive = Archive::new();
    let mut o = Organization::new();
    o.person("Ann").display_name = "Sam Archer".into();
    o.person("Bob").display_name = "Sam Archer".into();
    archive.capture(1, &o);
    let run = archive.run(&["--person", "Sam Archer"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("ann@example.com") && run.stderr.contains("bob@example.com"));
}

#[test]
fn file_that_cannot_be_read_is_named_after_everything_else_was_printed() {
    let archive = Archive::new();
    let o = Organization::new();
    archive.capture(1, &o);
    archive.capture(2, &o);
    fs::write(archive.shelf.path("nights/x.c1z"), b"C1ZF\0nothing").unwrap();
    fs::copy(golden("unfinished.c1z"), archive.shelf.path("nights/y.c1z")).unwrap();
    let run = archive.run_with_unreadable(&[], "2 files could not be read");
    assert!(
        String::from_utf8(run.stdout)
            .unwrap()
            .contains("1 unchanged")
    );
    assert!(
        run.stderr
            .contains("`nights/y.c1z` is not part of the history"),
        "{}",
        run.stderr
    );
    let run = archive.run(&["--skip-unreadable"]).succeeds();
    assert!(run.stderr.contains("nights/x.c1z"), "{}", run.stderr);
    // The damage wins over leavers who are too late.
    fs::write(
        archive.shelf.path("left.csv"),
        "email,left\nann@example.com,2026-08-01\n",
    )
    .unwrap();
    let late = ["--left", "left.csv", "--within", "1h"];
    archive.run_with_unreadable(&late, "could not be read");
    assert_eq!(
        archive
            .run(&[&late[..], &["--skip-unreadable"]].concat())
            .code,
        1
    );
    // Nothing but damage.
    let run = archive
        .shelf
        .run(&["history", "nights/x.c1z", "--skip-unreadable"]);
    assert_eq!(run.code, 15, "{}", run.stderr);
}

#[test]
fn files_that_do_not_record_their_organization_need_the_word_of_the_caller() {
    let archive = Archive::new();
    let shelf = &archive.shelf;
    fs::copy(golden("two-syncs.c1z"), shelf.path("two.c1z")).unwrap();
    fs::copy(golden("small.c1z"), shelf.path("small.c1z")).unwrap();
    // One file is of one organization.
    let run = shelf.run(&["history", "two.c1z"]).succeeds();
    assert!(
        String::from_utf8(run.stdout)
            .unwrap()
            .contains("time zone not recorded")
    );
    assert!(run.stderr.contains("time zone"), "{}", run.stderr);
    let run = shelf
        .run(&["history", "two.c1z", "small.c1z"])
        .fails(2, &["do not record their organization"]);
    assert!(run.hint().contains("--force"));
    let run = shelf
        .run(&["history", "two.c1z", "small.c1z", "--force", "-o", "ndjson"])
        .succeeds();
    assert!(run.stdout.iter().filter(|byte| **byte == b'\n').count() >= 3);
    // Beside our own, they are left out.
    archive.capture(1, &Organization::new());
    let run = shelf.run(&["history", "nights", "two.c1z"]).succeeds();
    assert!(
        run.stderr
            .contains("`two.c1z` is not part of the history: it does not record its organization")
    );
}
