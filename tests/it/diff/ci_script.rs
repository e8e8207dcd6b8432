//! `scripts/ci-diff.sh`, run for real with the program on `PATH`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;
use std::process::Command;

use super::{Organization, Pair};
use crate::support::golden;

struct Done {
    code: i32,
    stdout: String,
    stderr: String,
    markdown: Option<String>,
}

impl Pair {
    /// Runs the script in the shelf's folder; nothing but `comment.md` may be new there.
    #[track_caller]
    fn ci_diff(&self, args: &[&str]) -> Done {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/ci-diff.sh");
        let program = Path::new(env!("CARGO_BIN_EXE_posthog-c1z"));
        let path = std::env::join_paths(
            std::iter::once(program.parent().unwrap().to_owned())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let before = self.shelf.sandbox.files();
        let output = Command::new("sh")
            .arg(script)
            .args(args)
            .current_dir(self.shelf.path(""))
            .env_clear()
            .env("PATH", path.unwrap())
            .env("TMPDIR", self.shelf.sandbox.temp_dir())
            .output()
            .unwrap();
        let mut after = self.shelf.sandbox.files();
        after.retain(|name| !before.contains(name) && name != "comment.md");
        assert!(after.is_empty(), "{after:?}");
        self.shelf.sandbox.assert_no_litter();
        Done {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            markdown: fs::read_to_string(self.shelf.path("comment.md")).ok(),
        }
    }
}

#[test]
fn differences_end_with_one_and_are_in_the_markdown_file() {
    let pair = Pair::after(|o| o.seat("Ann", 8));
    let done = pair.ci_diff(&["old.c1z", "new.c1z", "comment.md"]);
    assert_eq!((done.code, &*done.stdout, &*done.stderr), (1, "", ""));
    assert_eq!(done.markdown.unwrap(), pair.text(1, &["-o", "markdown"]));

    let done = pair.ci_diff(&[
        "old.c1z",
        "new.c1z",
        "comment.md",
        "--fail-on",
        "owner-added",
        "--ids",
    ]);
    assert_eq!(done.code, 0);
    assert!(done.markdown.unwrap().contains("`user:ann`"));
}

#[test]
fn no_differences_end_with_zero() {
    let pair = Pair::after(|_| {});
    let done = pair.ci_diff(&["old.c1z", "new.c1z", "comment.md"]);
    assert_eq!((done.code, &*done.stderr), (0, ""));
    assert!(done.markdown.unwrap().contains("**no differences**"));
}

#[test]
fn first_run_without_an_old_snapshot_is_no_failure() {
    let pair = Pair::after(|_| {});
    for old in ["", "nothing-yet.c1z"] {
        let done = pair.ci_diff(&[old, "new.c1z", "comment.md", "--fail-on", "any"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert!(done.markdown.unwrap().contains("first run"));
    }
}

#[test]
fn trouble_is_two_or_more_and_takes_the_place_of_yesterdays_comment() {
    let pair = Pair::after(|_| {});
    fs::copy(golden("corrupt-truncated.c1z"), pair.shelf.path("bad.c1z")).unwrap();
    for (args, code, part) in [
        (["old.c1z", "none.c1z"], 5, "reading `none.c1z`"),
        (["none.c1z", "none.c1z"], 5, "reading `none.c1z`"),
        (["old.c1z", "bad.c1z"], 15, "`bad.c1z` is damaged"),
        (["bad.c1z", "new.c1z"], 15, "`bad.c1z` is damaged"),
        (["", "bad.c1z"], 15, "`bad.c1z` is damaged"),
    ] {
        fs::write(pair.shelf.path("comment.md"), "yesterday's").unwrap();
        let done = pair.ci_diff(&[args[0], args[1], "comment.md"]);
        assert_eq!(done.code, code, "{}", done.stderr);
        assert!(done.stderr.contains(part), "{}", done.stderr);
        let markdown = done.markdown.unwrap();
        assert!(markdown.contains("could not be compared"), "{markdown}");
        assert!(markdown.contains(part), "{markdown}");
    }
    let mut other = Organization::new();
    other.evidence.as_mut().unwrap().organization.id = "another".to_owned();
    other.write(&pair.shelf.path("other.c1z"));
    let done = pair.ci_diff(&["old.c1z", "other.c1z", "comment.md"]);
    assert_eq!(done.code, 2);
}

#[test]
fn links_to_the_markdown_file_are_followed_and_stay() {
    let pair = Pair::after(|_| {});
    fs::create_dir(pair.shelf.path("notes")).unwrap();
    symlink("notes/link.md", pair.shelf.path("comment.md")).unwrap();
    symlink("../real.md", pair.shelf.path("notes/link.md")).unwrap();
    fs::write(pair.shelf.path("real.md"), "yesterday's").unwrap();
    let done = pair.ci_diff(&["old.c1z", "new.c1z", "comment.md"]);
    assert_eq!((done.code, &*done.stderr), (0, ""));
    assert!(done.markdown.unwrap().contains("**no differences**"));
    assert!(!pair.shelf.path("real.md").is_symlink());
    for link in ["comment.md", "notes/link.md"] {
        assert!(pair.shelf.path(link).is_symlink(), "{link}");
    }
    symlink("round.md", pair.shelf.path("circle.md")).unwrap();
    symlink("circle.md", pair.shelf.path("round.md")).unwrap();
    let done = pair.ci_diff(&["old.c1z", "new.c1z", "circle.md"]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("in a circle"), "{}", done.stderr);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /dev/full and /proc")]
fn device_or_pipe_is_written_to_and_never_replaced() {
    let pair = Pair::after(|_| {});
    let expected = pair.text(0, &["-o", "markdown"]);
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let done = pair.ci_diff(&["old.c1z", "new.c1z", name]);
        assert_eq!((done.code, &*done.stderr), (0, ""), "{name}");
        assert_eq!(done.stdout, expected, "{name}");
    }
    let done = pair.ci_diff(&["old.c1z", "new.c1z", "/dev/null"]);
    assert_eq!((done.code, &*done.stdout, &*done.stderr), (0, "", ""));
    let null = fs::metadata("/dev/null").unwrap().file_type();
    assert!(null.is_char_device() && Path::new("/dev/stdout").is_symlink());
    let done = pair.ci_diff(&["old.c1z", "new.c1z", "/dev/full"]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("cannot write"), "{}", done.stderr);
}

#[test]
fn wrong_use_is_two() {
    let pair = Pair::after(|_| {});
    for args in [
        &[][..],
        &["old.c1z", "new.c1z"],
        &["old.c1z", "", "comment.md"],
        &["old.c1z", "new.c1z", ""],
        &["old.c1z", "new.c1z", "."],
        &["old.c1z", "new.c1z", "no/such/folder.md"],
        &["old.c1z", "new.c1z", "comment.md", "--no-such-option"],
    ] {
        let done = pair.ci_diff(args);
        assert_eq!(done.code, 2, "{args:?}: {}", done.stderr);
        assert!(!done.stderr.is_empty());
    }
}

#[test]
fn program_that_is_not_there_is_no_difference_either() {
    let pair = Pair::after(|o| o.seat("Ann", 8));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/ci-diff.sh");
    let output = Command::new("sh")
        .arg(script)
        .args(["old.c1z", "new.c1z", "comment.md"])
        .current_dir(pair.shelf.path(""))
        .env("POSTHOG_C1Z", "./no-such-program")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(127));
}
