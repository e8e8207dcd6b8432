//! Files of the user: what a command replaces is complete or as it was, what is not a regular file is never replaced, and
//! nothing is overwritten that the program did not make.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{
    Edited, Organization, PROGRAM, Program, Sandbox, Shelf, member, membership, role,
};

const SMALL: &str = "small.c1z";

/// What was at the target before.
const OLDER: &str = "an older export";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A shelf with a snapshot whose last grant cannot be read, and an older export.
fn damaged() -> Shelf {
    let shelf = Shelf::new();
    Edited::golden(SMALL)
        .sql("update v1_grants set data = x'ff' where id = (select max(id) from v1_grants)")
        .pack(&shelf.path("damaged.c1z"));
    fs::write(shelf.path("out"), OLDER).unwrap();
    shelf
}

#[test]
fn export_that_fails_leaves_the_older_one() {
    let shelf = damaged();
    for form in [
        &["csv"][..],
        &["csv", "--table", "grants"],
        &["json"],
        &["ndjson"],
    ] {
        let args = [&["export"], form, &["damaged.c1z", "--out", "out"]].concat();
        shelf.run(&args).fails(15, &["`damaged.c1z` is damaged"]);
        assert_eq!(fs::read_to_string(shelf.path("out")).unwrap(), OLDER);
        assert_eq!(shelf.sandbox.files(), ["damaged.c1z", "out"]);
    }
}

#[test]
fn export_that_may_not_grow_leaves_the_older_one() {
    let shelf = Shelf::with_demo();
    fs::write(shelf.path("out"), OLDER).unwrap();
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" export json demo.c1z --out out";
    let output = Command::new("sh")
        .args(["-c", script, PROGRAM])
        .current_dir(shelf.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("error: writing `out`"), "{said}");
    assert_eq!(fs::read_to_string(shelf.path("out")).unwrap(), OLDER);
    assert_eq!(shelf.sandbox.files(), ["demo.c1z", "out"]);
}

#[test]
fn export_into_a_folder_that_is_not_there_names_it() {
    let shelf = Shelf::new().with_golden(SMALL);
    let run = shelf.run(&["export", "json", SMALL, "--out", "none/out"]);
    run.fails(2, &["`none`"]);
    let run = shelf.run(&["export", "json", SMALL, "--out", "."]);
    run.fails(2, &["`.`"]);
    assert_eq!(shelf.sandbox.files(), [SMALL]);
}

#[test]
fn export_is_private_whatever_was_there_unless_a_mode_is_given() {
    let shelf = Shelf::new().with_golden(SMALL);
    fs::write(shelf.path("out"), OLDER).unwrap();
    fs::set_permissions(shelf.path("out"), fs::Permissions::from_mode(0o644)).unwrap();
    shelf.text(&["export", "csv", SMALL, "--out", "out"]);
    assert_eq!(mode(&shelf.path("out")), 0o600);
    shelf.text(&["export", "csv", SMALL, "--out", "out", "--mode", "0640"]);
    assert_eq!(mode(&shelf.path("out")), 0o640);
    shelf.text(&["export", "csv", SMALL, "--out", "new"]);
    assert_eq!(mode(&shelf.path("new")), 0o600);
}

/// Commands that write `out`.
fn writers(sandbox: &Sandbox) -> [Program; 2] {
    [
        sandbox.program(&["sync", "--demo", "-f", "out"]),
        sandbox.program(&["export", "csv", SMALL, "--out", "out"]),
    ]
}

#[test]
fn chain_of_links_is_followed_to_its_end_and_stays() {
    for exists in [false, true] {
        for at in 0..2 {
            let shelf = Shelf::new().with_golden(SMALL);
            fs::create_dir_all(shelf.path("a/b")).unwrap();
            symlink("a/one", shelf.path("out")).unwrap();
            symlink("b/two", shelf.path("a/one")).unwrap();
            symlink("../../real", shelf.path("a/b/two")).unwrap();
            if exists {
                // A snapshot of the same organization, so that `sync` may replace it.
                let demo = shelf.sandbox.program(&["--demo", "-f", "real"]);
                demo.run().succeeds();
                fs::set_permissions(shelf.path("real"), fs::Permissions::from_mode(0o644)).unwrap();
            }
            let program = writers(&shelf.sandbox).into_iter().nth(at).unwrap();
            program.run().succeeds();
            for link in ["out", "a/one", "a/b/two"] {
                assert!(shelf.path(link).is_symlink(), "{link}");
            }
            assert_eq!(mode(&shelf.path("real")), 0o600);
            assert_eq!(shelf.sandbox.files(), ["a", "out", "real", SMALL]);
        }
    }
}

#[test]
fn links_that_lead_nowhere_are_named() {
    let shelf = Shelf::new().with_golden(SMALL);
    symlink("out", shelf.path("other")).unwrap();
    symlink("other", shelf.path("out")).unwrap();
    for program in writers(&shelf.sandbox) {
        program.run().fails(2, &["`out`"]);
    }
    assert_eq!(shelf.sandbox.files(), ["other", "out", SMALL]);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "names a file in /proc")]
fn what_is_not_a_regular_file_is_written_to_and_stays() {
    let shelf = Shelf::new().with_golden(SMALL);
    let expected = shelf.text(&["export", "csv", SMALL]);

    shelf.text(&["export", "csv", SMALL, "--out", "/dev/null"]);
    let null = fs::metadata("/dev/null").unwrap();
    assert!(null.file_type().is_char_device());

    // A pipe with a name.
    let pipe = shelf.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let running = shelf
        .sandbox
        .program(&["export", "csv", SMALL, "--out", "pipe"])
        .start();
    assert_eq!(fs::read_to_string(&pipe).unwrap(), expected);
    running.wait().succeeds_silently();
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());

    // Standard output: a pipe, and a file that has some text already.
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert_eq!(
            shelf.text(&["export", "csv", SMALL, "--out", name]),
            expected
        );
        fs::write(shelf.path("log"), "before\n").unwrap();
        let log = File::options().append(true).open(shelf.path("log"));
        let status = Command::new(PROGRAM)
            .args(["export", "csv", SMALL, "--out", name])
            .current_dir(shelf.path(""))
            .stdout(Stdio::from(log.unwrap()))
            .status();
        assert!(status.unwrap().success());
        let log = fs::read_to_string(shelf.path("log")).unwrap();
        assert_eq!(log, format!("before\n{expected}"), "{name}");
    }
    assert!(Path::new("/dev/stdout").is_symlink());
    assert_eq!(shelf.sandbox.files(), ["log", "pipe", SMALL]);
}

#[test]
fn signal_in_the_middle_of_an_export_leaves_the_older_one() {
    // Large enough that its export takes a moment.
    let large = Organization::new().members((1..=2_000).map(member));
    let large = (1..=4).fold(large, |all, n| {
        all.role(role(n), (1..=1_000).map(move |m| membership(n, &member(m))))
    });
    let sandbox = Sandbox::new();
    let posthog = large.serve();
    sandbox
        .crawl(&posthog, &["--memberships", "embedded"])
        .run()
        .succeeds_silently();
    let large = fs::read(sandbox.path("sync.c1z")).unwrap();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let shelf = Shelf::new();
        fs::write(shelf.path("large.c1z"), &large).unwrap();
        fs::write(shelf.path("out"), OLDER).unwrap();
        let mut caught = false;
        for _ in 0..50 {
            let args = ["export", "json", "large.c1z", "--out", "out"];
            let mut running = shelf.sandbox.program(&args).start();
            while running.is_alive() && shelf.sandbox.files().len() == 2 {
                std::thread::yield_now();
            }
            running.signal_if_alive(signal);
            let run = running.wait();
            let ended = Some(run.code);
            assert_eq!(shelf.sandbox.files(), ["large.c1z", "out"]);
            if ended == Some(code) {
                caught = true;
                let said = ": `out` is as it was before this run\n";
                assert!(run.stderr.ends_with(said), "{}", run.stderr);
                assert_eq!(fs::read_to_string(shelf.path("out")).unwrap(), OLDER);
                break;
            }
            assert_eq!(ended, Some(0));
            fs::write(shelf.path("out"), OLDER).unwrap();
        }
        assert!(caught, "fifty exports were too quick");
        shelf.sandbox.assert_no_litter();
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn reader_leaves_no_temporary_file_whatever_ends_it() {
    // Large enough that the database does not stay in memory.
    let shelf = Shelf::new();
    Edited::golden(SMALL)
        .sql(
            "create table filler (x); \
             insert into filler select randomblob(1000000) from (values (1),(2),(3),(4),(5),(6),(7),(8),(9),(10)), (values (1),(2))",
        )
        .pack(&shelf.path("large.c1z"));
    for signal in ["KILL", "TERM", "INT", "HUP"] {
        let running = shelf.sandbox.program(&["verify", "large.c1z"]).start();
        let id = running.id();
        // An unnamed file shows among the descriptors of the process as a deleted one.
        let has_file = || {
            let entries = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten();
            let mut links = entries
                .flatten()
                .filter_map(|fd| fs::read_link(fd.path()).ok());
            let temp_dir = shelf.sandbox.temp_dir();
            links.any(|link| link.starts_with(&temp_dir))
        };
        let mut running = running;
        while running.is_alive() && !has_file() {
            assert_eq!(fs::read_dir(shelf.sandbox.temp_dir()).unwrap().count(), 0);
            std::thread::yield_now();
        }
        running.signal_if_alive(signal);
        running.end();
        shelf.sandbox.assert_no_litter();
    }
}

const LOCK: &str = ".out.lock";
const NOTES: &str = "my notes, which are not a lock";

#[test]
fn file_at_the_name_of_the_lock_is_neither_followed_nor_overwritten() {
    let put: [fn(&Shelf); 4] = [
        |shelf| symlink("notes.txt", shelf.path(LOCK)).unwrap(),
        |shelf| symlink("none.txt", shelf.path(LOCK)).unwrap(),
        |shelf| fs::write(shelf.path(LOCK), NOTES).unwrap(),
        |shelf| fs::create_dir(shelf.path(LOCK)).unwrap(),
    ];
    let says = [
        "it is a symbolic link",
        "it is a symbolic link",
        "it is not a lock file of this program",
        "taking the lock",
    ];
    for (put, says) in put.iter().zip(says) {
        let shelf = Shelf::new();
        fs::write(shelf.path("notes.txt"), NOTES).unwrap();
        put(&shelf);
        let run = shelf.run(&["sync", "--demo", "-f", "out"]);
        run.fails(2, &[says, ".out.lock`"]);
        assert_eq!(fs::read_to_string(shelf.path("notes.txt")).unwrap(), NOTES);
        if shelf.path(LOCK).is_file() {
            assert_eq!(fs::read_to_string(shelf.path(LOCK)).unwrap(), NOTES);
        }
        assert_eq!(shelf.sandbox.files(), [LOCK, "notes.txt"]);
    }
    // What a killed run left is taken over.
    for content in ["", "process 1, since 2026-11-23 04:05:06 UTC"] {
        let shelf = Shelf::new();
        fs::write(shelf.path(LOCK), content).unwrap();
        shelf.run(&["sync", "--demo", "-f", "out"]).succeeds();
        assert_eq!(shelf.sandbox.files(), ["out"]);
    }
}
