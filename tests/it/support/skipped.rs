//! Tests that cannot run on this machine.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::panic::Location;
use std::process::Command;
use std::thread;

/// Says that the calling test cannot run on this machine, and why. The line is printed although the test passes, and
/// added to the file that `SKIPPED_TESTS` names, if any, so that `scripts/check.sh` can repeat it at the end.
///
/// # Panics
/// If `CI` is set: a machine that checks changes must be able to run every test.
#[track_caller]
pub fn skip(reason: &str) {
    let place = Location::caller();
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("skipped: {test} ({place}): {reason}\n");
    let is_ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!is_ci, "{line}");
    // Not `eprint!`, whose text the test harness holds back unless the test fails.
    let _ = io::stderr().write_all(line.as_bytes());
    if let Some(path) = env::var_os("SKIPPED_TESTS") {
        let list = fs::OpenOptions::new().create(true).append(true).open(path);
        list.unwrap().write_all(line.as_bytes()).unwrap();
    }
}

#[test]
fn a_test_that_cannot_run_says_so_and_fails_in_ci() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("skipped-tests");
    // In this folder, which is all of PATH, there is no bash.
    let skipped = "terminal::bash_takes_its_completions";
    let run = |ci: &str| {
        let mut tests = Command::new(env::current_exe().unwrap());
        tests.args(["--exact", skipped]).env_clear();
        tests.env("PATH", folder.path());
        tests.env("CI", ci).env("SKIPPED_TESTS", &list);
        tests.output().unwrap()
    };
    let output = run("");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.starts_with("skipped: ") && said.ends_with(": bash is not installed\n"));
    assert_eq!(fs::read_to_string(&list).unwrap(), said);
    let output = run("true");
    assert!(!output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("bash is not installed"), "{said}");
    assert_eq!(fs::read_to_string(&list).unwrap().lines().count(), 1);
}
