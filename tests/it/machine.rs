//! Faults of the machine: no temporary folder, a full one, no file handles, no threads, names that are not text. They end
//! with 2, name the place once, and are never reported as damage or as a snapshot in the way.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::support::{Edited, PROGRAM, Shelf, skip};

/// Every command that reads, on the file `large.c1z`.
const READERS: [&[&str]; 6] = [
    &["stats", "large.c1z"],
    &["grants", "large.c1z"],
    &["access", "henrik@example.com", "large.c1z"],
    &["verify", "large.c1z"],
    &["diff", "large.c1z", "large.c1z"],
    &["export", "json", "large.c1z"],
];

/// A shelf with a snapshot that is too large to be unpacked in memory.
fn large() -> Shelf {
    let shelf = Shelf::with_demo();
    Edited::of(&shelf.path("demo.c1z"))
        .sql(
            "create table filler (x);
            with recursive n(i) as (select 1 union all select i + 1 from n where i < 70)
            insert into filler select randomblob(8000) from n union all select zeroblob(1000000) from n",
        )
        .pack(&shelf.path("large.c1z"));
    shelf
}

/// Fails unless a run ended with 2, as a fault of the machine; `verify` says so in its answer.
#[track_caller]
fn is_of_machine(what: &str, args: &[&str], output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{what}, {args:?}: {stderr}{stdout}"
    );
    for word in ["damaged", "in the way", "--force", "bug"] {
        assert!(!stderr.contains(word), "{what}, {args:?}: {stderr}");
    }
    match args[0] {
        "verify" => stdout.into_owned(),
        _ => stderr,
    }
}

fn run(shelf: &Shelf, args: &[&str], temp_dir: &OsStr) -> Output {
    Command::new(PROGRAM)
        .args(args)
        .current_dir(shelf.path(""))
        .env_clear()
        .env("TMPDIR", temp_dir)
        .output()
        .unwrap()
}

#[test]
fn temporary_folder_that_is_missing_is_named_once() {
    let shelf = large();
    fs::write(shelf.path("file"), "").unwrap();
    for folder in ["/nowhere/tmp", "file"] {
        for args in READERS {
            let said = is_of_machine(folder, args, &run(&shelf, args, folder.as_ref()));
            let named = format!("`{folder}`");
            assert_eq!(said.matches(&named).count(), 1, "{args:?}: {said}");
            if args[0] != "verify" {
                assert!(said.contains("--temp-dir"), "{args:?}: {said}");
            }
        }
    }
    // What is small needs none, and another may be named.
    for args in [
        &["stats", "demo.c1z"][..],
        &["stats", "large.c1z", "--temp-dir", "."],
    ] {
        assert!(
            run(&shelf, args, "/nowhere".as_ref()).status.success(),
            "{args:?}"
        );
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "mounts a tmpfs")]
fn temporary_folder_that_is_full_is_named_once() {
    let shelf = large();
    let disk = tempfile::tempdir().unwrap();
    let mut mount = Command::new("mount");
    mount
        .args(["-t", "tmpfs", "-o", "size=64k", "posthog-c1z-test"])
        .arg(disk.path());
    if !mount.output().is_ok_and(|output| output.status.success()) {
        skip("no tmpfs can be mounted");
        return;
    }
    let ended: Vec<_> = READERS
        .iter()
        .map(|args| (*args, run(&shelf, args, disk.path().as_os_str())))
        .collect();
    let left = fs::read_dir(disk.path()).unwrap().count();
    let _ = Command::new("umount").arg(disk.path()).status();
    assert_eq!(left, 0);
    for (args, output) in ended {
        let said = is_of_machine("full", args, &output);
        let named = format!("`{}`", disk.path().display());
        assert_eq!(said.matches(&named).count(), 1, "{args:?}: {said}");
        if args[0] != "verify" {
            assert!(
                said.contains("free some space") && said.contains("--temp-dir"),
                "{args:?}: {said}"
            );
        }
    }
}

#[test]
fn file_that_the_system_does_not_let_be_read_is_not_damaged() {
    let shelf = large();
    // As few handles as the program can be loaded with, and some more.
    for handles in ["4", "5", "6"] {
        for args in READERS {
            let script = format!("ulimit -n {handles}; exec \"$0\" \"$@\"");
            let output = Command::new("sh")
                .args(["-c", &script, PROGRAM])
                .args(args)
                .current_dir(shelf.path(""))
                .env("TMPDIR", shelf.sandbox.temp_dir())
                .output()
                .unwrap();
            // Enough of them is no fault.
            let is_enough = output.status.success();
            assert!(!is_enough || handles != "4", "{args:?}");
            if !is_enough {
                is_of_machine(&format!("{handles} handles"), args, &output);
            }
        }
    }
}

/// The program as a user without rights, who may start only so many threads.
fn with_threads(shelf: &Shelf, args: &[&str], threads: u32) -> Option<Output> {
    let mut command = Command::new("setpriv");
    let limit = format!("--nproc={threads}");
    let user = ["--reuid=54321", "--regid=54321", "--clear-groups"];
    command
        .args(user)
        .args(["prlimit", &limit, PROGRAM])
        .args(args);
    let output = command
        .current_dir(shelf.path(""))
        .env("TMPDIR", shelf.sandbox.temp_dir())
        .output()
        .ok()?;
    // Where the user cannot be changed, or may not run the program, there is nothing to see.
    let is_run =
        output.status.success() || output.stderr.starts_with(b"error: ") || args[0] == "verify";
    is_run.then_some(output)
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs setpriv and prlimit")]
fn machine_without_threads_is_not_a_bug() {
    let shelf = large();
    shelf.sandbox.open_to_others();
    for path in [shelf.sandbox.temp_dir(), shelf.path("")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    for name in ["large.c1z", "demo.c1z"] {
        fs::set_permissions(shelf.path(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let sync: &[&str] = &["sync", "--demo", "-f", "new.c1z"];
    for args in READERS.iter().copied().chain([sync]) {
        for threads in [1, 2, 3] {
            let Some(output) = with_threads(&shelf, args, threads) else {
                skip("the program cannot be run as another user");
                return;
            };
            match output.status.code() {
                Some(0) => {}
                _ => drop(is_of_machine(&format!("{threads} threads"), args, &output)),
            }
        }
    }
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "the file system may take only names in UTF-8"
)]
fn names_that_are_not_text_are_no_fault() {
    let shelf = Shelf::with_demo();
    let odd = OsStr::from_bytes(b"odd-\xff");
    let folder = shelf.path("").join(odd);
    fs::create_dir(&folder).unwrap();
    let file = folder.join(OsStr::from_bytes(b"\xfe.c1z"));
    fs::copy(shelf.path("demo.c1z"), &file).unwrap();
    let with = |args: &[&str], last: &OsStr| {
        Command::new(PROGRAM)
            .args(args)
            .arg(last)
            .current_dir(shelf.path(""))
            .env("TMPDIR", &folder)
            .output()
            .unwrap()
    };
    for args in [
        &["stats"][..],
        &["grants"],
        &["verify"],
        &["diff", "demo.c1z"],
        &["export", "json"],
        &["export", "csv", "demo.c1z", "--out"],
        &["sync", "--demo", "-f", "new.c1z", "--latest"],
    ] {
        let output = with(args, file.as_os_str());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stderr}");
        if args.contains(&"--out") {
            fs::copy(shelf.path("demo.c1z"), &file).unwrap();
        }
    }
    let into = folder.join("new.c1z");
    for (args, last) in [
        (&["sync", "--demo", "-f"][..], into.as_os_str()),
        (
            &["sync", "--demo", "-f", "new.c1z", "--temp-dir"],
            folder.as_os_str(),
        ),
    ] {
        let output = with(args, last);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stderr}");
    }
    // A file name is a template, and so a text.
    let output = with(&["sync", "--demo", "-f"], file.as_os_str());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("is not UTF-8"), "{stderr}");
}
