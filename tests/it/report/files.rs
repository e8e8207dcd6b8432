//! Where reports go, and what is left when they fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Reported, known};

#[test]
fn page_is_beside_the_snapshot_unless_told_otherwise() {
    let reported = Reported::of(&known());
    fs::create_dir(reported.shelf.path("folder")).unwrap();
    for (snapshot, page) in [
        ("sync.c1z", "sync.html"),
        ("a.b.c1z", "a.b.html"),
        ("folder/bare", "folder/bare.html"),
    ] {
        let path = reported.shelf.path(snapshot);
        if snapshot != "sync.c1z" {
            fs::copy(reported.shelf.path("sync.c1z"), path).unwrap();
        }
        let run = reported.shelf.run(&["report", snapshot]).succeeds();
        let said = String::from_utf8(run.stdout).unwrap();
        assert!(said.contains(page), "{said}");
        let mode = fs::metadata(reported.shelf.path(page))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn same_snapshot_and_options_give_the_same_bytes() {
    let reported = Reported::of(&known());
    for name in ["page.html", "book.xlsx"] {
        let made = || {
            let args = ["--out", name, "--title", "T", "--since", "sync.c1z"];
            reported.run(&args).succeeds();
            fs::read(reported.shelf.path(name)).unwrap()
        };
        assert!(made() == made(), "{name}");
    }
}

#[test]
fn output_of_another_kind_is_refused() {
    let reported = Reported::of(&known());
    let refused = |args: &[&str], part: &str| {
        let run = reported.shelf.run(args);
        assert_eq!(run.code, 2, "{args:?}");
        assert!(run.stderr.contains(part), "{}", run.stderr);
    };
    for name in ["page.pdf", "page", "page.html.gz", "sync.c1z"] {
        refused(&["report", "sync.c1z", "--out", name], ".html or .xlsx");
    }
    let export = ["export", "xlsx", "sync.c1z"];
    refused(
        &[&export[..], &["--out", "book.html"]].concat(),
        "ends in .xlsx",
    );
    refused(&export, "--out");
    refused(&["report", "sync.c1z", "-o", "json"], "--output-format");
}

#[test]
fn failure_leaves_the_older_report_and_nothing_else() {
    let reported = Reported::of(&known()).with("bad.toml", "nonsense = 1\n");
    let page = reported.page(&[]);
    let files = reported.shelf.sandbox.files();
    reported
        .run(&["--out", "page.html", "--rules", "bad.toml"])
        .fails(3, &["bad.toml"]);
    reported
        .run(&["--out", "page.html", "--since", "missing.c1z"])
        .fails(5, &["missing.c1z"]);
    reported
        .run(&["--out", "missing/page.html"])
        .fails(2, &["missing"]);
    assert_eq!(
        fs::read_to_string(reported.shelf.path("page.html")).unwrap(),
        page
    );
    let mut files = files;
    files.push("bad.toml".to_owned());
    let mut left = reported.shelf.sandbox.files();
    left.sort();
    files.sort();
    files.dedup();
    assert_eq!(left, files);
}

#[test]
fn snapshot_is_never_overwritten() {
    let reported = Reported::of(&known());
    fs::rename(
        reported.shelf.path("sync.c1z"),
        reported.shelf.path("sync.html"),
    )
    .unwrap();
    let run = reported.shelf.run(&["report", "sync.html"]);
    assert_ne!(run.code, 0);
    assert!(
        run.stderr.contains("is the snapshot itself"),
        "{}",
        run.stderr
    );
}

#[test]
fn checksum_is_written_beside_the_report() {
    let reported = Reported::of(&known());
    reported
        .run(&["--out", "page.html", "--checksum", "--mode", "0640"])
        .succeeds();
    let sum = fs::read_to_string(reported.shelf.path("page.html.sha256")).unwrap();
    assert!(sum.ends_with("page.html\n"), "{sum}");
}

#[test]
fn quiet_says_nothing() {
    let reported = Reported::of(&known());
    reported.run(&["-q"]).succeeds_silently();
}
