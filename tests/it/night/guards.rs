//! What a new snapshot must be to take the place of the one before.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use super::tell;
use crate::support::{
    Edited, Organization, PostHog, Run, Sandbox, Written, golden, member, membership, role,
};

/// So many members, who all hold the one role.
fn people(count: u16) -> PostHog {
    holding(count, count)
}

/// So many members, and so many of them hold the one role.
fn holding(count: u16, holders: u16) -> PostHog {
    Organization::new()
        .members((1..=count).map(member))
        .role(role(1), (1..=holders).map(|n| membership(1, &member(n))))
        .serve()
}

/// One member, and so many roles without anybody.
fn with_roles(count: u16) -> PostHog {
    let all = Organization::new().members([member(1)]);
    (1..=count)
        .fold(all, |all, n| all.role(role(n), []))
        .serve()
}

/// Every file of the work folder with what it holds.
fn contents(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let files = sandbox.files().into_iter();
    files
        .filter(|name| sandbox.path(name).is_file())
        .map(|name| (name.clone(), fs::read(sandbox.path(&name)).unwrap()))
        .collect()
}

#[track_caller]
fn is_taken(sandbox: &Sandbox, posthog: &PostHog, args: &[&str]) {
    sandbox.crawl(posthog, args).run().succeeds_silently();
    sandbox.assert_no_litter();
}

/// Crawls in vain: 9, and every file is as it was.
#[track_caller]
fn is_refused(
    what: &str,
    sandbox: &Sandbox,
    posthog: &PostHog,
    args: &[&str],
    says: &str,
    hints: &str,
) -> Run {
    let before = contents(sandbox);
    let run = sandbox.crawl(posthog, args).run().fails(9, &[says]);
    assert!(run.hint().contains(hints), "{}", run.stderr);
    assert_eq!(contents(sandbox), before);
    sandbox.assert_no_litter();
    tell(
        what,
        &format!("every file as it was; says: {says}"),
        9,
        posthog.asked().len(),
    );
    run
}

const RAISE: &str = "--max-shrink";

#[test]
fn nothing_is_needed_for_the_first_run() {
    let sandbox = Sandbox::new();
    is_taken(&sandbox, &people(0), &[]);
    is_taken(
        &sandbox,
        &people(3),
        &["-f", "other.c1z", "--latest", "latest.c1z"],
    );
    assert_eq!(sandbox.files(), ["latest.c1z", "other.c1z", "sync.c1z"]);
}

#[test]
fn so_many_may_go_and_no_more() {
    for (before, now, is_fine) in [
        (40, 28, true),
        (40, 27, false),
        (20, 10, true),
        (20, 9, false),
        (3, 1, true),
        (30, 60, true),
    ] {
        let sandbox = Sandbox::new();
        is_taken(&sandbox, &people(before), &[]);
        if is_fine {
            is_taken(&sandbox, &people(now), &[]);
        } else {
            let says = format!("users fell from {before} to {now} since `sync.c1z`");
            is_refused(
                &format!("{now} of {before} users left"),
                &sandbox,
                &people(now),
                &[],
                &says,
                RAISE,
            );
        }
    }
}

#[test]
fn roles_and_grants_are_guarded_as_people_are() {
    let sandbox = Sandbox::new();
    is_taken(&sandbox, &holding(30, 30), &[]);
    is_refused(
        "19 of 30 grants left",
        &sandbox,
        &holding(30, 19),
        &[],
        "grants fell from 30 to 19",
        RAISE,
    );
    is_taken(&sandbox, &holding(30, 20), &[]);
    let sandbox = Sandbox::new();
    is_taken(&sandbox, &with_roles(20), &[]);
    is_refused(
        "9 of 20 roles left",
        &sandbox,
        &with_roles(9),
        &[],
        "roles fell from 20 to 9",
        RAISE,
    );
    is_taken(&sandbox, &with_roles(10), &[]);
}

#[test]
fn some_never_become_none_by_themselves() {
    let sandbox = Sandbox::new();
    is_taken(&sandbox, &holding(2, 1), &[]);
    is_refused(
        "the only grant is gone",
        &sandbox,
        &holding(2, 0),
        &[],
        "grants fell from 1 to 0",
        RAISE,
    );
    is_refused(
        "the only role is gone",
        &sandbox,
        &with_roles(0),
        &[],
        "roles fell from 1 to 0",
        RAISE,
    );
    is_taken(&sandbox, &holding(2, 0), &["--max-shrink", "100"]);
    assert_eq!(
        Written::open(&sandbox.path("sync.c1z")).inventory.grants(),
        []
    );
}

#[test]
fn how_much_may_go_can_be_set() {
    let sandbox = Sandbox::new();
    is_taken(&sandbox, &people(40), &[]);
    is_refused(
        "29 of 40 users left, --max-shrink 0",
        &sandbox,
        &people(29),
        &["--max-shrink", "0"],
        "from 40 to 29",
        RAISE,
    );
    is_refused(
        "19 of 40 users left, --max-shrink 50",
        &sandbox,
        &people(19),
        &["--max-shrink", "50"],
        "from 40 to 19",
        RAISE,
    );
    is_taken(&sandbox, &people(20), &["--max-shrink", "50"]);
    is_taken(&sandbox, &people(1), &["--max-shrink", "100"]);
}

#[test]
fn snapshot_of_another_organization_is_in_the_way() {
    let sandbox = Sandbox::new();
    sandbox
        .program(&["--demo", "-f", "sync.c1z"])
        .run()
        .succeeds();
    let posthog = people(300);
    is_refused(
        "another organization's snapshot at the target",
        &sandbox,
        &posthog,
        &[],
        "a snapshot of another organization",
        "--force",
    );
    is_taken(&sandbox, &posthog, &["--force"]);
    assert_eq!(
        Written::open(&sandbox.path("sync.c1z"))
            .inventory
            .count_of_type("user"),
        300
    );
}

#[test]
fn file_that_is_no_readable_snapshot_is_in_the_way() {
    let whole = fs::read(golden("small.c1z")).unwrap();
    for (what, bytes) in [
        ("empty file", vec![]),
        ("text", b"my thesis".to_vec()),
        ("JSON", b"{}".to_vec()),
        ("half a snapshot", whole[..whole.len() / 2].to_vec()),
        (
            "damaged snapshot",
            fs::read(golden("corrupt-flipped-byte.c1z")).unwrap(),
        ),
        (
            "snapshot whose crawl never ended",
            fs::read(golden("unfinished.c1z")).unwrap(),
        ),
    ] {
        let sandbox = Sandbox::new();
        fs::write(sandbox.path("sync.c1z"), bytes).unwrap();
        let what = format!("{what} at the target");
        is_refused(
            &what,
            &sandbox,
            &people(3),
            &[],
            "`sync.c1z` already exists and",
            "--force",
        );
        is_taken(&sandbox, &people(3), &["--force"]);
    }
}

#[test]
fn snapshot_that_another_program_made_is_in_the_way() {
    let sandbox = Sandbox::new();
    fs::copy(golden("connector-sqlite.c1z"), sandbox.path("sync.c1z")).unwrap();
    is_refused(
        "snapshot of another program at the target",
        &sandbox,
        &people(3),
        &[],
        "does not say which organization it is of",
        "--force",
    );
    is_taken(&sandbox, &people(3), &["--force"]);
}

#[test]
fn force_replaces_a_stranger_and_still_guards_our_own() {
    let sandbox = Sandbox::new();
    is_taken(&sandbox, &people(40), &[]);
    is_refused(
        "27 of 40 users left, --force",
        &sandbox,
        &people(27),
        &["--force"],
        "from 40 to 27",
        RAISE,
    );
}

#[test]
fn what_is_no_file_is_never_replaced() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("folder.c1z")).unwrap();
    let made = Command::new("mkfifo")
        .arg(sandbox.path("pipe.c1z"))
        .status();
    assert!(made.unwrap().success());
    for name in ["folder.c1z", "pipe.c1z"] {
        for args in [&["-f", name][..], &["-f", name, "--force"]] {
            let posthog = people(3);
            let run = sandbox.crawl(&posthog, args).run();
            assert_eq!(run.code, 2, "{}", run.stderr);
            assert!(run.stderr.contains(name), "{}", run.stderr);
            tell(
                &format!("{name} at the target"),
                "left as it is",
                2,
                posthog.asked().len(),
            );
        }
    }
    assert!(!sandbox.path("pipe.c1z").is_file() && sandbox.path("folder.c1z").is_dir());
    assert_eq!(sandbox.files(), ["folder.c1z", "pipe.c1z"]);
}

#[test]
fn refused_snapshot_is_kept_if_that_is_asked_for() {
    let sandbox = Sandbox::new();
    is_taken(&sandbox, &people(40), &["--latest", "latest.c1z"]);
    let before = contents(&sandbox);
    let run = sandbox
        .crawl(&people(20), &["--keep-rejected", "--latest", "latest.c1z"])
        .run()
        .fails(9, &["users fell from 40 to 20 since `latest.c1z`"]);
    assert!(run.hint().contains("`sync.rejected.c1z`"), "{}", run.stderr);
    let mut after = contents(&sandbox);
    let rejected = after.remove("sync.rejected.c1z");
    assert!(rejected.is_some());
    assert_eq!(after, before);
    let written = Written::open(&sandbox.path("sync.rejected.c1z"));
    assert_eq!(written.inventory.count_of_type("user"), 20);
    // The one of last time is replaced.
    let run = sandbox.crawl(&people(21), &["--keep-rejected"]).run();
    run.fails(9, &["from 40 to 21"]);
    let written = Written::open(&sandbox.path("sync.rejected.c1z"));
    assert_eq!(written.inventory.count_of_type("user"), 21);
}

/// Puts a snapshot of so many people under a name, by way of another folder.
#[track_caller]
fn put(sandbox: &Sandbox, name: &str, count: u16) {
    let elsewhere = Sandbox::new();
    is_taken(&elsewhere, &people(count), &["-f", "a.c1z"]);
    fs::copy(elsewhere.path("a.c1z"), sandbox.path(name)).unwrap();
}

#[test]
fn baseline_is_the_latest_copy_else_the_newest_of_the_template_else_the_target() {
    let sandbox = Sandbox::new();
    put(&sandbox, "p-2020-01-02.c1z", 40);
    put(&sandbox, "p-2020-01-01.c1z", 10);
    // Of another template, and so of no concern.
    put(&sandbox, "q-2021-01-01.c1z", 90);
    put(&sandbox, "p-2021-01-01.bak.c1z", 90);
    let args = ["-f", "p-{date}.c1z"];
    is_refused(
        "template: fewer than its newest snapshot",
        &sandbox,
        &people(20),
        &args,
        "from 40 to 20 since `./p-2020-01-02.c1z`",
        RAISE,
    );

    put(&sandbox, "latest.c1z", 60);
    let args = ["-f", "p-{date}.c1z", "--latest", "latest.c1z"];
    is_refused(
        "--latest: fewer than its copy",
        &sandbox,
        &people(39),
        &args,
        "from 60 to 39 since `latest.c1z`",
        RAISE,
    );
    is_taken(&sandbox, &people(50), &args);
    assert_eq!(
        Written::open(&sandbox.path("latest.c1z"))
            .inventory
            .count_of_type("user"),
        50
    );

    put(&sandbox, "sync.c1z", 100);
    let args = ["-f", "sync.c1z", "--latest", "latest.c1z"];
    // The copy counts, though there were more at the target.
    is_taken(&sandbox, &people(45), &args);
    is_refused(
        "target: fewer than it had",
        &sandbox,
        &people(20),
        &["-f", "sync.c1z"],
        "from 45 to 20 since `sync.c1z`",
        RAISE,
    );
}

#[test]
fn target_is_looked_at_whatever_the_baseline_is() {
    let sandbox = Sandbox::new();
    put(&sandbox, "latest.c1z", 40);
    let args = ["-f", "sync.c1z", "--latest", "latest.c1z"];
    fs::write(sandbox.path("sync.c1z"), "my thesis").unwrap();
    is_refused(
        "text at the target, a good --latest",
        &sandbox,
        &people(40),
        &args,
        "`sync.c1z` already exists",
        "--force",
    );
    sandbox
        .program(&["--demo", "-f", "demo.c1z"])
        .run()
        .succeeds();
    fs::rename(sandbox.path("demo.c1z"), sandbox.path("sync.c1z")).unwrap();
    is_refused(
        "another organization at the target, a good --latest",
        &sandbox,
        &people(40),
        &args,
        "`sync.c1z` is a snapshot of another",
        "--force",
    );
    fs::remove_file(sandbox.path("sync.c1z")).unwrap();

    fs::write(sandbox.path("latest.c1z"), "my thesis").unwrap();
    is_refused(
        "text at --latest",
        &sandbox,
        &people(40),
        &args,
        "`latest.c1z` already exists",
        "--force",
    );
    is_taken(
        &sandbox,
        &people(40),
        &["-f", "sync.c1z", "--latest", "latest.c1z", "--force"],
    );
}

#[test]
fn an_index_without_rows_does_not_let_everything_go() {
    let sandbox = Sandbox::new();
    let args = ["-f", "sync.c1z"];
    is_taken(&sandbox, &people(40), &args);
    let path = sandbox.path("sync.c1z");
    let index = "idx_grants_external_sync_v1";
    Edited::of(&path)
        .sql(&format!(
            "create table declared as select sql from sqlite_schema where name = '{index}'; drop index {index}; \
             create unique index {index} on v1_grants (external_id, sync_id) where needs_expansion = 1; \
             pragma writable_schema = on; \
             update sqlite_schema set sql = (select sql from declared) where name = '{index}'; \
             pragma writable_schema = off; drop table declared"
        ))
        .pack(&path);
    is_refused(
        "nobody holds the role any more",
        &sandbox,
        &holding(40, 0),
        &args,
        "grants fell from 40 to 0",
        "--max-shrink",
    );
}
