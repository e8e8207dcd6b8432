//! `scripts/ci-audit.sh`, and what it shares with `scripts/ci-diff.sh`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{demos, ends, text};
use crate::support::{Sandbox, golden, script};

/// Judged as of a day on which the sample organization has findings of each severity.
const AS_OF: [&str; 2] = ["--as-of", "2026-09-07"];

fn ci_audit(sandbox: &Sandbox, args: &[&str]) -> crate::support::Program {
    sandbox.script("ci-audit.sh", args)
}

fn markdown(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.path("findings.md")).unwrap()
}

/// Puts a program into the folder that does this instead of auditing.
fn fake(sandbox: &Sandbox, lines: &str) {
    let path = sandbox.path("fake");
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn findings_end_with_one_and_are_in_the_markdown_file() {
    let sandbox = demos();
    for (more, code) in [(&[][..], 1), (&["--fail-on", "none"], 0)] {
        let args = [&["demo.c1z", "findings.md"], &AS_OF[..], more].concat();
        let run = ends(ci_audit(&sandbox, &args), code);
        assert_eq!((text(&run.stdout), &*run.stderr), ("", ""));
        let args = [&["audit", "demo.c1z", "-o", "markdown"], &AS_OF[..], more].concat();
        let report = ends(sandbox.program(&args), code).stdout;
        assert_eq!(markdown(&sandbox), text(&report));
    }
    sandbox.assert_no_litter();
    assert_eq!(sandbox.files(), ["demo.c1z", "findings.md", "later.c1z"]);
}

#[test]
fn trouble_is_two_or_more_and_takes_the_place_of_yesterdays_report() {
    let sandbox = demos();
    fs::copy(golden("corrupt-truncated.c1z"), sandbox.path("bad.c1z")).unwrap();
    fs::write(sandbox.path("wrong.toml"), "no-such-key = 1\n").unwrap();
    for (file, more, code, part) in [
        ("none.c1z", &[][..], 5, "reading `none.c1z`"),
        ("bad.c1z", &[], 15, "`bad.c1z` is damaged"),
        ("demo.c1z", &["--rules", "none.toml"], 3, "`none.toml`"),
        ("demo.c1z", &["--rules", "wrong.toml"], 3, "no-such-key"),
        (
            "demo.c1z",
            &["--since", "bad.c1z"],
            15,
            "`bad.c1z` is damaged",
        ),
        ("demo.c1z", &["--no-such-option"], 2, "--no-such-option"),
        ("demo.c1z", &["--fail-on", "new-high"], 2, "--since OLD"),
    ] {
        fs::write(sandbox.path("findings.md"), "yesterday's").unwrap();
        let args = [&[file, "findings.md"], more].concat();
        let run = ends(ci_audit(&sandbox, &args), code);
        assert!(run.stderr.contains(part), "{}", run.stderr);
        let markdown = markdown(&sandbox);
        let begins = format!(
            "## Access audit\n\n**The snapshot could not be audited** (exit code {code}).\n\n    error: "
        );
        assert!(markdown.starts_with(&begins), "{markdown}");
        assert!(markdown.contains(part), "{markdown}");
        let rest = markdown.lines().skip(4);
        assert!({ rest }.all(|line| line.starts_with("    ")), "{markdown}");
    }
    sandbox.assert_no_litter();
}

#[test]
fn report_is_kept_when_a_rule_that_fail_on_names_could_not_be_judged() {
    let sandbox = demos();
    let gate = ["--fail-on", "high,not-in-roster"];
    let args = [&["demo.c1z", "findings.md"], &AS_OF[..], &gate].concat();
    let run = ends(ci_audit(&sandbox, &args), 2);
    assert!(run.stderr.contains("`not-in-roster`"), "{}", run.stderr);
    let args = [&["audit", "demo.c1z", "-o", "markdown"], &AS_OF[..], &gate].concat();
    let report = ends(sandbox.program(&args), 2).stdout;
    let markdown = markdown(&sandbox);
    let after = markdown.strip_prefix(text(&report)).unwrap();
    let begins = "\n**The audit failed after this report** (exit code 2).\n\n    error: the rule `not-in-roster`";
    assert!(after.starts_with(begins), "{after}");
}

#[test]
fn report_leaves_room_for_an_error_in_a_comment_unless_its_length_is_chosen() {
    let sandbox = Sandbox::new();
    fake(&sandbox, "echo \"$*\"");
    for (more, shown) in [
        (&[][..], "audit -o markdown --max-bytes=63488 -- a.c1z\n"),
        (
            &["--max-bytes", "9000"],
            "audit -o markdown --max-bytes 9000 -- a.c1z\n",
        ),
        (
            &["--max-bytes=9000"],
            "audit -o markdown --max-bytes=9000 -- a.c1z\n",
        ),
    ] {
        let args = [&["a.c1z", "findings.md"], more].concat();
        ends(ci_audit(&sandbox, &args).env("POSTHOG_C1Z", "./fake"), 0);
        assert_eq!(markdown(&sandbox), shown);
    }
}

#[test]
fn half_a_report_is_not_kept_and_a_program_that_is_not_there_is_not_a_finding() {
    let sandbox = Sandbox::new();
    fake(
        &sandbox,
        "echo '| half a ta'; echo 'error: a bug' >&2; exit 13",
    );
    for (program, code, part) in [
        ("./fake", 13, "    error: a bug\n"),
        ("./none", 127, "none"),
    ] {
        let audit = ci_audit(&sandbox, &["a.c1z", "findings.md"]);
        ends(audit.env("POSTHOG_C1Z", program), code);
        let markdown = markdown(&sandbox);
        assert!(markdown.starts_with("## Access audit\n\n**The snapshot could not be audited**"));
        assert!(
            !markdown.contains("half") && markdown.contains(part),
            "{markdown}"
        );
    }
}

#[test]
fn link_to_the_markdown_file_is_followed_and_stays() {
    let sandbox = demos();
    symlink("real.md", sandbox.path("findings.md")).unwrap();
    fs::write(sandbox.path("real.md"), "yesterday's").unwrap();
    let args = ["demo.c1z", "findings.md", "--fail-on", "none"];
    ends(ci_audit(&sandbox, &args), 0);
    assert!(sandbox.path("findings.md").is_symlink());
    assert!(!sandbox.path("real.md").is_symlink());
    assert!(markdown(&sandbox).starts_with("## Access audit: "));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /dev/full and /proc")]
fn device_or_pipe_is_written_to_and_never_replaced() {
    let sandbox = demos();
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let args = [&["demo.c1z", name], &AS_OF[..]].concat();
        let run = ends(ci_audit(&sandbox, &args), 1);
        assert!(text(&run.stdout).starts_with("## Access audit: "), "{name}");
        assert!(text(&run.stdout).ends_with("</details>\n"), "{name}");
    }
    let run = ends(ci_audit(&sandbox, &["demo.c1z", "/dev/full"]), 2);
    assert!(run.stderr.contains("cannot write"), "{}", run.stderr);
    assert!(Path::new("/dev/stdout").is_symlink());
    sandbox.assert_no_litter();
}

#[test]
fn summary_of_a_step_on_github_is_appended_to() {
    let sandbox = demos();
    let summary = sandbox.path("summary");
    fs::write(&summary, "What the step wrote before.\n").unwrap();
    let summary = summary.to_str().unwrap();
    for (name, args) in [
        ("ci-diff.sh", &["demo.c1z", "later.c1z", summary][..]),
        ("ci-audit.sh", &["none.c1z", summary]),
        ("ci-audit.sh", &["later.c1z", summary]),
    ] {
        sandbox
            .script(name, args)
            .env("GITHUB_STEP_SUMMARY", summary)
            .run();
    }
    let written = fs::read_to_string(summary).unwrap();
    assert!(written.starts_with("What the step wrote before.\n"));
    let headings = written.lines().filter(|line| line.starts_with("## "));
    let headings: Vec<_> = headings
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(
        headings,
        ["## Access changes", "## Access audit", "## Access audit"]
    );
}

#[test]
fn wrong_use_is_two() {
    let sandbox = demos();
    for args in [
        &[][..],
        &["demo.c1z"],
        &["", "findings.md"],
        &["demo.c1z", ""],
        &["demo.c1z", "."],
        &["demo.c1z", "no/such/folder.md"],
    ] {
        let run = ends(ci_audit(&sandbox, args), 2);
        assert!(!run.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn script_finds_its_other_half_through_a_link_and_says_if_it_is_missing() {
    let sandbox = demos();
    fs::create_dir(sandbox.path("bin")).unwrap();
    symlink(script("ci-audit.sh"), sandbox.path("bin/audit")).unwrap();
    for name in ["ci-audit.sh", "ci-diff.sh"] {
        fs::copy(script(name), sandbox.path("bin").join(name)).unwrap();
    }
    let args = ["demo.c1z", "/dev/null", "--fail-on", "none"];
    ends(sandbox.sh(&[&["bin/audit"], &args[..]].concat()), 0);
    for name in ["bin/ci-audit.sh", "bin/ci-diff.sh"] {
        let run = ends(sandbox.sh(&[&[name], &args[..]].concat()), 2);
        assert!(
            run.stderr.contains("`ci-lib.sh` is not beside"),
            "{}",
            run.stderr
        );
    }
}
