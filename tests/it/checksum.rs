//! `--checksum` writes a file that `sha256sum -c` accepts, beside what it is about and gone with it; `verify
//! --expect-sha256` compares.

use std::fs;
use std::process::Command;

use crate::support::{Sandbox, Shelf};

/// Whether `sha256sum -c` accepts a checksum file in the sandbox's folder.
#[track_caller]
fn is_accepted(sandbox: &Sandbox, checksum: &str) -> bool {
    let folder = sandbox.path(".");
    let mut command = Command::new("sha256sum");
    let output = command
        .args(["-c", "--strict", "--", checksum])
        .current_dir(folder)
        .output();
    output.unwrap().status.success()
}

/// The digest in a checksum file.
fn digest(sandbox: &Sandbox, checksum: &str) -> String {
    let text = fs::read_to_string(sandbox.path(checksum)).unwrap();
    text.trim_start_matches('\\')[..64].to_owned()
}

#[test]
fn checksum_is_beside_each_snapshot_and_sha256sum_accepts_it() {
    let sandbox = Sandbox::new();
    for name in [
        "demo.c1z",
        "with space.c1z",
        "back\\slash.c1z",
        "line\nend.c1z",
        "-dash.c1z",
    ] {
        let file = format!("./{name}");
        let args = ["sync", "--demo", "-q", "--checksum", "-f", &file];
        sandbox.program(&args).run().succeeds();
        let checksum = format!("{name}.sha256");
        assert!(is_accepted(&sandbox, &checksum), "{name}");
        let mut bytes = fs::read(sandbox.path(name)).unwrap();
        bytes[100] ^= 1;
        fs::write(sandbox.path(name), bytes).unwrap();
        assert!(!is_accepted(&sandbox, &checksum), "{name}");
    }
    sandbox.assert_no_litter();
}

#[test]
fn checksum_has_the_mode_of_the_snapshot_and_follows_it_to_latest() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let args = [
        "sync",
        "--demo",
        "-q",
        "--checksum",
        "--mode",
        "0640",
        "--latest",
        "latest.c1z",
    ];
    sandbox.program(&args).run().succeeds();
    for name in ["demo.c1z.sha256", "latest.c1z.sha256"] {
        assert!(is_accepted(&sandbox, name));
        let mode = fs::metadata(sandbox.path(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o640);
    }
}

#[test]
fn checksum_goes_with_the_snapshot_that_is_removed() {
    let sandbox = Sandbox::new();
    let sync = |more: &[&str]| {
        let args = [&["sync", "--demo", "-q", "-f", "p-{date}-{time}.c1z"], more].concat();
        sandbox.program(&args).run().succeeds()
    };
    sync(&["--checksum"]);
    let old = sandbox.files();
    assert_eq!(old.len(), 2, "{old:?}");
    // Another second, so that the next one has another name.
    for name in &old {
        let moved = name.replace("p-20", "p-19");
        fs::rename(sandbox.path(name), sandbox.path(&moved)).unwrap();
    }
    let dry = sync(&["--keep-last", "1", "--dry-run"]);
    let shown = String::from_utf8(dry.stdout).unwrap();
    assert_eq!(shown.matches("would remove").count(), 2, "{shown}");
    sync(&["--keep-last", "1"]);
    let left = sandbox.files();
    assert!(
        left.iter().all(|name| !name.starts_with("p-19")),
        "{left:?}"
    );
}

#[test]
fn exports_have_a_checksum_too() {
    let shelf = Shelf::with_demo();
    for words in [["export", "csv"], ["export", "json"], ["export", "ndjson"]] {
        let args = [&words[..], &["demo.c1z", "--out", "out.x", "--checksum"]].concat();
        shelf.run(&args).succeeds_silently();
        assert!(is_accepted(&shelf.sandbox, "out.x.sha256"));
    }
}

#[test]
fn checksum_needs_a_file_that_is_replaced() {
    let shelf = Shelf::with_demo();
    for args in [
        &["sync", "--demo", "-f", "-", "--checksum"][..],
        &["sync", "--demo", "-f", "/dev/null", "--force", "--checksum"],
        &["export", "json", "demo.c1z", "--checksum"],
        &[
            "export",
            "json",
            "demo.c1z",
            "--out",
            "/dev/null",
            "--checksum",
        ],
    ] {
        let run = shelf.run(args);
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert!(
            run.stderr.contains("checksum") || run.stderr.contains("--out"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn verify_compares_with_an_expected_sha256() {
    let sandbox = Sandbox::new();
    sandbox
        .program(&["sync", "--demo", "-q", "--checksum"])
        .run()
        .succeeds();
    let right = digest(&sandbox, "demo.c1z.sha256");
    let wrong = "0".repeat(64);
    let verify = |args: &[&str]| sandbox.program(&[&["verify"], args].concat()).run();
    for right in [&right, &right.to_uppercase()] {
        verify(&["demo.c1z", "--expect-sha256", right]).succeeds();
    }
    let run = verify(&["demo.c1z", "--expect-sha256", &wrong]);
    let shown = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.code, 1);
    assert_eq!(
        shown,
        format!("demo.c1z: sha256: its SHA-256 is {right}, not the expected one\n")
    );
    for args in [
        &["demo.c1z", "demo.c1z", "--expect-sha256", right.as_str()][..],
        &["demo.c1z", "--expect-sha256", "abc"],
    ] {
        assert_eq!(verify(args).code, 2, "{args:?}");
    }
    // What is not a snapshot is still said to be none.
    let run = verify(&["demo.c1z.sha256", "--expect-sha256", &wrong]);
    assert_eq!(run.code, 15);
}
