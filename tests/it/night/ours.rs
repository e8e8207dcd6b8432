//! What a run removes and overwrites is its own: opened, and shown to be a snapshot that this program took of this
//! organization, and as old as the file itself says.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use posthog_c1z::model::Timestamp;

use super::{ALWAYS, as_usual, at, calm};
use crate::support::{
    Answer, Edited, Organization, Reply, Run, Sandbox, golden, member, organization_id,
};

/// A snapshot of this many members, taken at a time as it is in the file.
pub(super) fn taken(sandbox: &Sandbox, name: &str, members: u16, at: &str) {
    let elsewhere = Sandbox::new();
    elsewhere.sync(
        &Organization::new()
            .members((1..=members).map(member))
            .serve(),
    );
    dated(&elsewhere, "sync.c1z", at);
    fs::copy(elsewhere.path("sync.c1z"), sandbox.path(name)).unwrap();
}

/// Changes when a snapshot was taken.
fn dated(sandbox: &Sandbox, name: &str, at: &str) {
    let path = sandbox.path(name);
    let sql = format!("update v1_sync_runs set started_at = '{at}', ended_at = '{at}'");
    Edited::of(&path).sql(&sql).pack(&path);
}

/// Now and so many minutes, as it is in a file.
pub(super) fn in_minutes(minutes: i64) -> String {
    let seconds = Timestamp::now().unix_seconds() + 60 * minutes;
    Timestamp::from_unix(seconds, 0).unwrap().to_sqlite()
}

/// Crawls an organization of so many members.
#[track_caller]
pub(super) fn crawl(sandbox: &Sandbox, members: u16, args: &[&str]) -> Run {
    let night = Organization::new()
        .members((1..=members).map(member))
        .serve_by(as_usual);
    sandbox.crawl_at(&night.base_url(), args).run()
}

#[test]
fn two_organizations_keep_their_snapshots_in_one_folder() {
    let sandbox = Sandbox::new();
    let own = ["p-2020-01-01-000000.c1z", "p-2020-01-02-000000.c1z"];
    let of_others = ["p-2020-01-03-000000.c1z", "p-2020-01-04-000000.c1z"];
    for (at, name) in own.iter().enumerate() {
        taken(&sandbox, name, 5, &format!("2020-01-0{} 00:00:00", at + 1));
    }
    for (at, name) in of_others.iter().enumerate() {
        let demo = sandbox.program(&["--demo", "-f", name]);
        demo.run().succeeds();
        dated(&sandbox, name, &format!("2020-01-0{} 00:00:00", at + 3));
    }
    let args = ["-f", "p-{date}-{time}.c1z", "--keep-last", "2"];
    crawl(&sandbox, 5, &args).succeeds_silently();
    let mut files = sandbox.files();
    let new = files.pop().unwrap();
    assert_eq!(files, [own[1], of_others[0], of_others[1]]);
    // Under another name, in case both are taken in the same second.
    let renamed = "p-2020-01-05-000000.c1z";
    fs::rename(sandbox.path(&new), sandbox.path(renamed)).unwrap();

    let demo = ["--demo", "-f", "p-{date}-{time}.c1z", "--keep-last", "1"];
    sandbox.program(&demo).run().succeeds();
    let mut files = sandbox.files();
    files.pop();
    assert_eq!(files, [own[1], renamed]);
}

#[test]
fn what_is_not_ours_stays_however_it_is_named() {
    let sandbox = Sandbox::new();
    taken(&sandbox, "shelf.c1z", 5, "2019-01-01 00:00:00");
    let damaged = fs::read(sandbox.path("shelf.c1z")).unwrap();
    for (name, bytes) in [
        ("p-2020-01-01.c1z", b"my thesis".to_vec()),
        ("p-2020-01-02.c1z", Vec::new()),
        ("p-2020-01-03.c1z", damaged[..damaged.len() / 2].to_vec()),
        (
            "p-2020-01-04.c1z",
            fs::read(golden("connector-sqlite.c1z")).unwrap(),
        ),
        (
            "p-2020-01-05.c1z",
            fs::read(golden("unfinished.c1z")).unwrap(),
        ),
        (
            "p-2020-01-06.c1z",
            fs::read(golden("v3-pebble.c1z")).unwrap(),
        ),
    ] {
        fs::write(sandbox.path(name), bytes).unwrap();
    }
    symlink("shelf.c1z", sandbox.path("p-2020-01-07.c1z")).unwrap();
    fs::create_dir(sandbox.path("p-2020-01-08.c1z")).unwrap();
    // Ours in form, by a program of another name.
    fs::copy(sandbox.path("shelf.c1z"), sandbox.path("p-2020-01-09.c1z")).unwrap();
    let path = sandbox.path("p-2020-01-09.c1z");
    Edited::of(&path)
        .sql(
            "update v1_assets set data = cast(replace(cast(data as text), '\"name\":\"posthog-c1z\"', \
             '\"name\":\"posthog-c1y\"') as blob)",
        )
        .pack(&path);
    // Dated in the future: how old it is, nobody knows.
    taken(&sandbox, "p-2020-01-10.c1z", 5, "2999-01-01 00:00:00");
    let strangers = sandbox.files();
    taken(&sandbox, "p-2020-02-01.c1z", 5, "2020-02-01 00:00:00");
    taken(&sandbox, "p-2020-02-02.c1z", 5, "2020-02-02 00:00:00");

    let args = ["-f", "p-{date}.c1z", "--keep-last", "1"];
    let told = crawl(&sandbox, 5, &[&args[..], &["--dry-run"]].concat()).succeeds();
    let told = String::from_utf8(told.stdout).unwrap();
    let (new, removed) = told.split_once('\n').unwrap();
    assert!(
        new.starts_with("would write p-")
            && new.ends_with(", which counts as one of the 1 to keep"),
        "{new}"
    );
    assert_eq!(
        removed,
        "would remove ./p-2020-02-02.c1z\nwould remove ./p-2020-02-01.c1z\n"
    );
    crawl(&sandbox, 5, &args).succeeds_silently();
    let mut files = sandbox.files();
    files.retain(|name| !strangers.contains(name));
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(sandbox.files().len(), strangers.len() + 1);
}

#[test]
fn template_of_the_organization_alone_removes_nothing_of_others() {
    let sandbox = Sandbox::new();
    let others = [".X.Y.tmp", ".swap.AbC123.tmp", "notes.c1z"];
    for name in others {
        fs::write(sandbox.path(name), "x").unwrap();
    }
    crawl(&sandbox, 5, &["-f", "{organization}"]).succeeds_silently();
    let mut expected: Vec<_> = others.map(ToOwned::to_owned).to_vec();
    expected.push(organization_id().to_owned());
    expected.sort();
    assert_eq!(sandbox.files(), expected);
}

#[test]
fn organization_whose_id_is_not_plain_never_becomes_a_file_name() {
    let sandbox = Sandbox::new();
    for id in ["a.b", "a@b", ".hidden"] {
        let program = sandbox.crawl_at(
            &format!("http://127.0.0.1:1/api/organizations/{id}"),
            &["-f", "{organization}.c1z"],
        );
        program
            .run()
            .fails(3, &[id, "cannot be part of a file name"]);
    }
    // The one that a server gives for `@current`.
    let night = calm().serve_by(at("/api/organizations/@current/", ALWAYS, || {
        Reply::Give(Answer::json(
            200,
            &serde_json::json!({"id": "a.b", "name": "x"}),
        ))
    }));
    let address = format!("{}/api/organizations/@current", night.origin());
    let run = sandbox
        .crawl_at(&address, &["-f", "{organization}.c1z"])
        .run();
    assert_ne!(run.code, 0);
    assert_eq!(sandbox.files(), [""; 0]);
}

#[test]
fn file_in_the_way_of_a_refused_snapshot_stays() {
    let put: [fn(&Sandbox, &str); 4] = [
        |sandbox, name| fs::write(sandbox.path(name), "my thesis").unwrap(),
        |sandbox, name| {
            let demo = sandbox.program(&["--demo", "-f", name]);
            demo.run().succeeds();
        },
        |sandbox, name| symlink("notes.txt", sandbox.path(name)).unwrap(),
        |sandbox, name| symlink("none.txt", sandbox.path(name)).unwrap(),
    ];
    for put in put {
        let sandbox = Sandbox::new();
        crawl(&sandbox, 40, &[]).succeeds_silently();
        fs::write(sandbox.path("notes.txt"), "my notes").unwrap();
        put(&sandbox, "sync.rejected.c1z");
        let before = fs::read(sandbox.path("sync.rejected.c1z")).ok();
        let files = sandbox.files();
        let run = crawl(&sandbox, 20, &["--keep-rejected"]).fails(9, &["users fell from 40 to 20"]);
        let says = "the new snapshot was not saved: `sync.rejected.c1z`";
        assert!(run.hint().contains(says), "{}", run.stderr);
        assert_eq!(fs::read(sandbox.path("sync.rejected.c1z")).ok(), before);
        assert_eq!(sandbox.files(), files);
    }
}

#[test]
fn link_at_a_name_that_is_filled_in_is_not_followed() {
    let sandbox = Sandbox::new();
    let name = format!("{}.c1z", organization_id());
    symlink("elsewhere.c1z", sandbox.path(&name)).unwrap();
    for args in [
        &["-f", "{organization}.c1z"][..],
        &["-f", "{organization}.c1z", "--force"],
    ] {
        let run = crawl(&sandbox, 5, args).fails(9, &[&name, "is a link"]);
        assert!(run.hint().contains("remove the link"), "{}", run.stderr);
        assert_eq!(sandbox.files(), [name.as_str()]);
    }
}

#[test]
fn latest_never_goes_back_in_time() {
    let sandbox = Sandbox::new();
    // A run that began later ended first.
    taken(&sandbox, "latest.c1z", 9, &in_minutes(5));
    let before = fs::read(sandbox.path("latest.c1z")).unwrap();
    let args = ["-f", "a.c1z", "--latest", "latest.c1z"];
    let warned = [&args[..], &["--log-level", "warn"]].concat();
    let run = crawl(&sandbox, 9, &warned).succeeds();
    assert!(
        run.stderr
            .contains("`latest.c1z` is newer than this snapshot"),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read(sandbox.path("latest.c1z")).unwrap(), before);
    assert_eq!(sandbox.files(), ["a.c1z", "latest.c1z"]);

    taken(&sandbox, "latest.c1z", 9, &in_minutes(-5));
    crawl(&sandbox, 9, &args).succeeds_silently();
    let read = |name| fs::read(sandbox.path(name)).unwrap();
    assert_eq!(read("latest.c1z"), read("a.c1z"));
}

#[test]
fn run_that_shares_latest_leaves_the_files_of_the_other() {
    let sandbox = Sandbox::new();
    // Of a run that lives: its temporary file, which it holds locked.
    let name = ".posthog-c1z-AbC123xyz789.tmp";
    fs::write(sandbox.path(name), "half a snapshot").unwrap();
    let live = File::open(sandbox.path(name)).unwrap();
    live.lock().unwrap();
    crawl(&sandbox, 9, &["-f", "a.c1z", "--latest", "latest.c1z"]).succeeds_silently();
    crawl(&sandbox, 9, &["-f", "b.c1z", "--latest", "latest.c1z"]).succeeds_silently();
    assert_eq!(sandbox.files(), [name, "a.c1z", "b.c1z", "latest.c1z"]);
    drop(live);
    crawl(&sandbox, 9, &["-f", "a.c1z", "--latest", "latest.c1z"]).succeeds_silently();
    assert_eq!(sandbox.files(), ["a.c1z", "b.c1z", "latest.c1z"]);
}

#[test]
fn latest_may_be_the_target_itself() {
    let sandbox = Sandbox::new();
    symlink("sync.c1z", sandbox.path("latest.c1z")).unwrap();
    for _ in 0..2 {
        crawl(&sandbox, 9, &["--latest", "latest.c1z"]).succeeds_silently();
        assert_eq!(sandbox.files(), ["latest.c1z", "sync.c1z"]);
        assert!(sandbox.path("latest.c1z").is_symlink());
    }
}
