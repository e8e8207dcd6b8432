//! What the last step of a run would fail at is reported before the first request, by `sync` and by `check` alike.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::ours::{crawl, taken};
use super::{as_usual, calm, tell};
use crate::support::{Edited, Program, Sandbox, skip};

/// A name with the longest length that file systems take, which leaves no room for the name of a lock.
fn longest() -> String {
    format!("{}.c1z", "x".repeat(251))
}

/// Runs `sync` and `check` with the same options: both must end with 2, say all of `says`, ask for nothing, and leave
/// every file as it was.
#[track_caller]
fn is_refused(what: &str, sandbox: &Sandbox, args: &[&str], says: &[&str]) {
    is_refused_by(what, sandbox, args, says, |program| program);
}

#[track_caller]
fn is_refused_by(
    what: &str,
    sandbox: &Sandbox,
    args: &[&str],
    says: &[&str],
    prepared: impl Fn(Program) -> Program,
) {
    let files = sandbox.files();
    for command in ["sync", "check"] {
        let night = calm().serve_by(as_usual);
        let program = sandbox.crawl_at(&night.base_url(), &[&[command], args].concat());
        let run = prepared(program).run();
        assert_eq!(run.code, 2, "{what}, {command}: {}", run.stderr);
        for part in says {
            assert!(
                run.stderr.contains(part),
                "{what}, {command}: {}",
                run.stderr
            );
        }
        assert_eq!(night.asked_for_everything(), [""; 0], "{what}, {command}");
        assert_eq!(sandbox.files(), files, "{what}, {command}");
    }
    sandbox.assert_no_litter();
    tell(what, "reported before the first request", 2, 0);
}

#[test]
fn target_that_could_not_be_replaced_is_reported_before_the_first_request() {
    let longest = longest();
    let too_long = format!("x{longest}");
    // Its lock has a name that is short enough, the refused snapshot beside it has not.
    let nearly = format!("{}.c1z", "x".repeat(244));
    let cases: [(&str, &[&str], &[&str]); 13] = [
        (
            "dangling link into no folder",
            &["-f", "dangling"],
            &["`none` does not exist"],
        ),
        (
            "links in a circle",
            &["-f", "round"],
            &["`round`", "symbolic links"],
        ),
        ("folder", &["-f", "shelf"], &["`shelf`", "directory"]),
        (
            "link to a folder",
            &["-f", "to-shelf"],
            &["`shelf`", "directory"],
        ),
        ("pipe", &["-f", "pipe"], &["`pipe`", "not a regular file"]),
        (
            "device",
            &["-f", "/dev/null"],
            &["`/dev/null`", "not a regular file"],
        ),
        (
            "name that is too long",
            &["-f", &too_long],
            &["ame too long"],
        ),
        (
            "name whose lock is too long",
            &["-f", &longest],
            &["ame too long"],
        ),
        (
            "name whose refused snapshot is too long",
            &["-f", &nearly, "--keep-rejected"],
            &["ame too long"],
        ),
        (
            "--latest: dangling link into no folder",
            &["-f", "a", "--latest", "dangling"],
            &["`none` does not exist"],
        ),
        (
            "--latest: folder",
            &["-f", "a", "--latest", "shelf"],
            &["`shelf`", "directory"],
        ),
        (
            "--latest: pipe",
            &["-f", "a", "--latest", "pipe"],
            &["`pipe`", "not a regular file"],
        ),
        (
            "--temp-dir that does not exist",
            &["-f", "a", "--temp-dir", "none"],
            &[
                "`none`",
                "hint: choose a writable folder for temporary files with --temp-dir",
            ],
        ),
    ];
    let sandbox = Sandbox::new();
    symlink("none/real", sandbox.path("dangling")).unwrap();
    symlink("round", sandbox.path("round")).unwrap();
    fs::create_dir(sandbox.path("shelf")).unwrap();
    symlink("shelf", sandbox.path("to-shelf")).unwrap();
    let made = Command::new("mkfifo").arg(sandbox.path("pipe")).status();
    assert!(made.unwrap().success());
    for (what, args, says) in cases {
        is_refused(what, &sandbox, args, says);
    }
}

#[test]
fn name_may_be_as_long_as_its_lock_allows() {
    let sandbox = Sandbox::new();
    let name = format!("{}.c1z", "x".repeat(245));
    for _ in 0..2 {
        crawl(&sandbox, 5, &["-f", &name]).succeeds_silently();
        assert_eq!(sandbox.files(), [name.as_str()]);
    }
}

#[test]
fn link_that_dangles_in_a_folder_that_exists_is_fine() {
    let sandbox = Sandbox::new();
    symlink("real.c1z", sandbox.path("sync.c1z")).unwrap();
    crawl(&sandbox, 5, &[]).succeeds_silently();
    assert_eq!(sandbox.files(), ["real.c1z", "sync.c1z"]);
}

const NOBODY: u32 = 65_534;

/// The program as a user without rights, whose own folder is `work`; `None` where this test cannot change users.
fn as_nobody(sandbox: &Sandbox) -> Option<impl Fn(Program) -> Program + use<>> {
    let own = Command::new("id").arg("-u").output().ok()?;
    let to_nobody = |mut program: Program| {
        program.command().uid(NOBODY).gid(NOBODY);
        program
    };
    let root = own.stdout == b"0\n";
    sandbox.open_to_others();
    let version = root.then(|| to_nobody(sandbox.program(&["--version"])));
    let is_possible = version?
        .command()
        .output()
        .is_ok_and(|output| output.status.success());
    is_possible.then_some(to_nobody)
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs root")]
fn sticky_folder_with_the_target_of_another_user_is_reported() {
    let sandbox = Sandbox::new();
    let Some(as_nobody) = as_nobody(&sandbox) else {
        skip("the program cannot be run as another user");
        return;
    };
    taken(&sandbox, "sync.c1z", 5, "2020-01-01 00:00:00");
    for name in ["sync.c1z", ""] {
        let mode = fs::Permissions::from_mode(if name.is_empty() { 0o1777 } else { 0o666 });
        fs::set_permissions(sandbox.path(name), mode).unwrap();
    }
    let says = ["`sync.c1z`", "belongs to another user"];
    is_refused_by(
        "target of another user in a sticky folder",
        &sandbox,
        &[],
        &says,
        &as_nobody,
    );
    let args = ["-f", "a", "--latest", "sync.c1z"];
    is_refused_by(
        "--latest of another user in a sticky folder",
        &sandbox,
        &args,
        &says,
        as_nobody,
    );
}

/// A file that is mounted on itself, as long as this stands.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn on_itself(path: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mounted = mount.arg("--bind").args([path, path]).output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(path))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "mounts a file on itself")]
fn target_that_is_mounted_on_its_own_is_reported() {
    let sandbox = Sandbox::new();
    taken(&sandbox, "sync.c1z", 5, "2020-01-01 00:00:00");
    let path = sandbox.path("sync.c1z");
    let Some(_mounted) = Mounted::on_itself(&path) else {
        skip("no file can be mounted on itself");
        return;
    };
    let says = ["`sync.c1z`", "mount point", "hint: mount the folder"];
    is_refused("target that is mounted on its own", &sandbox, &[], &says);
    let args = ["-f", "a", "--latest", "sync.c1z"];
    is_refused(
        "--latest that is mounted on its own",
        &sandbox,
        &args,
        &says,
    );
}

#[test]
fn second_night_needs_no_folder_of_the_system_for_its_baseline() {
    let sandbox = Sandbox::new();
    crawl(&sandbox, 5, &[]).succeeds_silently();
    // Too large to be unpacked in memory.
    Edited::of(&sandbox.path("sync.c1z"))
        .sql("create table filler (x); insert into filler values (zeroblob(20000000))")
        .pack(&sandbox.path("sync.c1z"));
    let night = calm().serve_by(as_usual);
    let program = sandbox.crawl_at(&night.base_url(), &[]);
    program.env("TMPDIR", "/nowhere").run().succeeds_silently();
    assert_eq!(sandbox.files(), ["sync.c1z"]);
}
