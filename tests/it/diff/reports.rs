//! The outputs, as files to read, and what strangers' names may not do in them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Organization, Pair};
use crate::support::{Shelf, assert_harmless_markdown};

fn golden_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/golden")
        .join(name)
}

/// Compares with a file of `testdata/golden`; `UPDATE_GOLDEN=1` rewrites it.
#[track_caller]
fn assert_golden(name: &str, text: &str) {
    let path = golden_file(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name}; UPDATE_GOLDEN=1 rewrites it");
}

/// The sample organization and the same a week later.
struct Demo {
    shelf: Shelf,
    /// What is another in every run, and what stands for it in the files.
    masks: Vec<(String, &'static str)>,
}

impl Demo {
    fn new() -> Self {
        let shelf = Shelf::with_demo();
        let later = ["sync", "--demo=later", "-f", "later.c1z"];
        shelf.run(&later).succeeds();
        let run = shelf.run(&["diff", "demo.c1z", "later.c1z", "-o", "json", "--stat"]);
        let json: Value = serde_json::from_slice(&run.stdout).unwrap();
        let mut masks = Vec::new();
        for (side, id, time) in [
            ("old", "<old sync id>", "<old time>"),
            ("new", "<new sync id>", "<new time>"),
        ] {
            let text = |key: &str| json[side][key].as_str().unwrap().to_owned();
            let captured_at = text("captured_at");
            masks.push((text("sync_id"), id));
            // To the second, both may be the same.
            masks.push((captured_at[..19].replace('T', " "), "<time>"));
            masks.push((captured_at, time));
        }
        Self { shelf, masks }
    }

    #[track_caller]
    fn diff(&self, old: &str, new: &str, args: &[&str]) -> String {
        let run = self.shelf.run(&[&["diff", old, new], args].concat());
        assert_eq!((run.code, &*run.stderr), (1, ""));
        let mut text = String::from_utf8(run.stdout).unwrap();
        for (value, name) in &self.masks {
            text = text.replace(value, name);
        }
        text
    }
}

#[test]
fn demo_and_demo_later_in_every_output() {
    let demo = Demo::new();
    for (name, args) in [
        ("diff-console.txt", &[][..]),
        ("diff-console-ids.txt", &["--ids"]),
        ("diff-stat.txt", &["--stat"]),
        ("diff-markdown.md", &["-o", "markdown"]),
        ("diff-markdown-ids.md", &["-o", "markdown", "--ids"]),
        ("diff-markdown-stat.md", &["-o", "markdown", "--stat"]),
        ("diff-json.json", &["-o", "json"]),
        ("diff-json-stat.json", &["-o", "json", "--stat"]),
        ("diff-ndjson.ndjson", &["-o", "ndjson"]),
        ("diff-print-accept.txt", &["--print-accept"]),
    ] {
        assert_golden(name, &demo.diff("demo.c1z", "later.c1z", args));
    }
    // The other direction, whose order in time is wrong.
    let back = demo.diff("later.c1z", "demo.c1z", &[]);
    assert_golden("diff-console-back.txt", &back);

    let all = demo.diff("demo.c1z", "later.c1z", &["--print-accept"]);
    let expected: String = all
        .lines()
        .take(9)
        .map(|line| format!("{line}\n"))
        .collect();
    let accept =
        format!("{expected}role-removed role:nobody display_name Nobody → none # not this week\n");
    fs::write(demo.shelf.path("accept.txt"), accept).unwrap();
    for (name, format) in [
        ("diff-accepted.txt", "console"),
        ("diff-accepted.md", "markdown"),
    ] {
        let args = ["--accept", "accept.txt", "-o", format];
        assert_golden(name, &demo.diff("demo.c1z", "later.c1z", &args));
    }
}

#[test]
fn ndjson_is_one_object_a_line() {
    let pair = Pair::after(|o| {
        o.give("sup", "Ann");
        o.seat("Bob", 15);
    });
    let text = pair.text(1, &["-o", "ndjson"]);
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 2);
    assert!(
        text.lines()
            .nth(1)
            .unwrap()
            .starts_with(r#"{"action":"added","kind":"grant","#)
    );
    assert_eq!(events[1]["on"]["name"], "Support");
    assert_eq!(events[1]["captured_at"], "2026-09-14T02:00:00Z");
    assert_eq!(events[1]["organization"], "Acme & Sons");
    let text = pair.text(1, &["-o", "ndjson", "--stat"]);
    assert_eq!(text.lines().count(), 1);
    let counts: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(counts["summary"]["grant-added"], 1);
}

#[test]
fn no_colour_in_a_pipe() {
    let pair = Pair::after(|o| o.seat("Ann", 8));
    for args in [&[][..], &["--color", "auto"], &["--color", "never"]] {
        assert!(!pair.text(1, args).contains('\x1b'));
    }
    let coloured = pair.text(1, &["--color", "always"]);
    assert!(
        coloured.contains("\x1b[1m\x1b[33m↑\x1b[0m Ann Archer"),
        "{coloured}"
    );
}

const NASTY: &str = "a|b @team `x` #7 <img src=x> </details> [l](https://e.example) www.e.example\n| - | $x$ \u{202e}\x1b[31m\\|";

fn nasty() -> Pair {
    Pair::after(|o| {
        o.person("Ann").display_name = NASTY.into();
        o.give("sup", "Ann");
        o.email("Bob", "b|`@team.example\n");
        o.rename_role("eng", NASTY);
        o.seat("Cem", 1);
        o.set("Cem", "@team|", Some(NASTY.into()));
        o.evidence.as_mut().unwrap().organization.name = Some(NASTY.into());
        let unproved = &mut o.evidence.as_mut().unwrap().unproved;
        unproved.push(NASTY.to_owned());
    })
}

#[test]
fn names_break_no_table_ping_nobody_and_are_no_html() {
    let pair = nasty();
    for args in [&["-o", "markdown"][..], &["-o", "markdown", "--ids"]] {
        assert_harmless_markdown(&pair.text(1, args));
    }
}

#[test]
fn names_are_no_references_on_github_or_gitlab() {
    let name = "see !1 %1 group&1 ~bug GH-1 $1 [vulnerability:1] :tada: a5c3785e a/b#1";
    let shown = "see !&#8203;1 %&#8203;1 group&amp;&#8203;1 \\~&#8203;bug GH-&#8203;1 <span>&#36;</span>1 \
                 \\[&#8203;vulnerability:1\\] :&#8203;tada: a5c378&#8203;5e a/b#&#8203;1";
    let pair = Pair::after(|o| {
        o.rename_role("eng", name);
        o.give("sup", "Ann");
        o.person("Bob").display_name = name.into();
        o.seat("Bob", 15);
        o.evidence.as_mut().unwrap().organization.name = Some(name.into());
    });
    let text = pair.text(1, &["-o", "markdown"]);
    assert_eq!(text.matches(shown).count(), 5, "{text}");
    assert!(!text.contains(&name[..6]), "{text}");
}

#[test]
fn names_do_nothing_to_a_terminal() {
    let text = nasty().text(1, &["--ids"]);
    assert!(
        !text.contains('\x1b') && !text.contains('\u{202e}'),
        "{text}"
    );
    let json: Value = nasty().json(&[]);
    let names: Vec<_> = json["changes"].as_array().unwrap().iter().collect();
    assert!(
        names
            .iter()
            .any(|change| change["subject"]["name"] == NASTY)
    );
}

/// Thousands of changes of every kind, with long names.
fn large() -> Pair {
    let mut old = Organization::new();
    for n in 0..300 {
        old.add_role(&format!("r{n}"), &format!("Role {n} {}", "ü|".repeat(40)));
        old.join(&format!("P{n}"), 1);
        old.give(&format!("r{n}"), &format!("P{n}"));
    }
    let mut new = old.a_week_later();
    for n in 0..300 {
        let name = format!("P{n}");
        match n % 4 {
            0 => new.leave(&name),
            1 => new.seat(&name, 8),
            2 => new.give("eng", &name),
            _ => new.set(&name, "note", Some("x@y ".repeat(200).as_str().into())),
        }
        if n % 3 == 0 {
            new.rename_role(&format!("r{n}"), &format!("Renamed {n}"));
        }
    }
    Pair::of(&old, &new)
}

#[test]
fn markdown_is_never_longer_than_asked_and_counts_what_it_leaves_out() {
    let pair = large();
    let json = pair.json(&[]);
    let folded = |change: &&Value| {
        // Told with the person who left.
        let id = change["subject"]["id"].as_str().unwrap();
        let number: usize = id.trim_start_matches("user:p").parse().unwrap_or(1);
        !(change["kind"] == "grant" && number.is_multiple_of(4) && change["action"] == "removed")
    };
    let entries = json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(folded)
        .count();
    for (args, max_bytes) in [
        (vec![], 65_536),
        (vec!["--max-bytes", "2048"], 2_048),
        (vec!["--max-bytes", "2500"], 2_500),
        (vec!["--max-bytes", "10000"], 10_000),
        (vec!["--max-bytes", "10000", "--ids"], 10_000),
        (vec!["--max-bytes", "1000000"], 1_000_000),
    ] {
        let text = pair.text(1, &[&["-o", "markdown"], &args[..]].concat());
        assert!(text.len() <= max_bytes, "{} > {max_bytes}", text.len());
        let is_entry = |line: &&str| {
            line.starts_with("| ")
                && !["| Who", "| old", "| new", "| | "]
                    .iter()
                    .any(|head| line.starts_with(head))
        };
        let told = text.lines().filter(is_entry).count();
        let more = text.lines().find_map(|line| line.strip_prefix("… and "));
        let more = more.map_or(0, |line| {
            assert!(line.ends_with(&format!(
                " more changes, left out to fit {max_bytes} bytes."
            )));
            line.split(' ').next().unwrap().parse().unwrap()
        });
        assert_eq!(told + more, entries, "{args:?}");
        assert_eq!(
            text.matches("<details>").count(),
            text.matches("</details>").count()
        );
        assert_eq!(more == 0, max_bytes == 1_000_000, "{more}");
    }
}

#[test]
fn head_fits_the_smallest_size_whatever_is_in_it() {
    let mut old = Organization::new();
    let evidence = old.evidence.as_mut().unwrap();
    evidence.organization.name = Some("@|<".repeat(2_000));
    for n in 0..50 {
        evidence.unproved.push(format!("{n} {}", "*".repeat(300)));
    }
    let mut new = old.a_week_later();
    new.seat("Ann", 8);
    let pair = Pair::of(&old, &new);
    let name = format!("{}.c1z", "|@".repeat(100));
    fs::copy(pair.shelf.path("new.c1z"), pair.shelf.path(&name)).unwrap();
    for stat in [false, true] {
        let mut args = vec![
            "diff",
            "old.c1z",
            &name,
            "-o",
            "markdown",
            "--max-bytes",
            "2048",
        ];
        args.extend(stat.then_some("--stat"));
        let run = pair.shelf.run(&args);
        let text = String::from_utf8(run.stdout).unwrap();
        assert_eq!(run.code, 1);
        assert!(text.len() <= 2_048, "{}", text.len());
        assert!(text.contains("**1 new admin, 1 seat raised**"), "{text}");
        assert!(text.contains(" more, left out to fit.\n"), "{text}");
        // The warnings do not take the place of what changed.
        assert!(stat || text.contains("member → administrator"), "{text}");
    }
}

/// Three thousand people join, two of them as owners, and something happens under every heading.
fn crowded() -> Pair {
    let mut old = Organization::new();
    old.join("Raised", 1);
    old.join("Lowered", 15);
    old.join("Careless", 1);
    old.join("Gone", 1);
    old.give("eng", "Gone");
    old.join("Unlisted", 1);
    old.unlist("Unlisted");
    old.join("Hidden", 1);
    old.unlist("Hidden");
    for n in 0..400 {
        old.join(&format!("Former{n:04}"), 1);
    }
    let mut new = old.a_week_later();
    for n in 0..3_000 {
        new.join(&format!("New{n:04}"), 1);
    }
    for name in ["New1234", "New2345"] {
        new.seat(name, 15);
    }
    new.seat("New0815", 8);
    new.second_factor("New0007", Some(false));
    new.seat("Raised", 15);
    new.seat("Lowered", 8);
    new.second_factor("Careless", Some(false));
    new.leave("Gone");
    new.leave("Unlisted");
    for n in 0..400 {
        new.leave(&format!("Former{n:04}"));
    }
    new.join("Bot", 15);
    new.unlist("Bot");
    new.second_factor("Bot", Some(false));
    new.seat("Hidden", 15);
    new.give("sup", "Ann");
    new.revoke("eng", "Ann");
    new.add_role("ops", "Operations");
    new.set("Cem", "team", Some("blue".into()));
    Pair::of(&old, &new)
}

#[test]
fn what_matters_most_is_the_last_to_be_left_out_of_markdown() {
    let pair = crowded();
    let risky = [
        // Owners.
        "Raised Archer",
        "Hidden Archer",
        "New1234 Archer",
        "New2345 Archer",
        "Bot Archer",
        // Administrators.
        "Lowered Archer",
        "New0815 Archer",
        // Without a second factor.
        "Careless Archer",
        "New0007 Archer",
    ];
    let headings = [
        "Seats raised (2)",
        "Seats lowered (1)",
        "2FA switched off (1)",
        "New in the member list (3000)",
        "New people who are not in the member list (1)",
        "Grants added (1)",
        "Grants revoked (1)",
        "No longer in the member list (401)",
        "People not in the member list who no longer appear (1)",
        "Roles (1)",
        "Other changes (1)",
    ];
    let mut shown_before = 0;
    for max_bytes in [2_048, 3_000, 4_096, 65_536, 1_000_000] {
        let size = max_bytes.to_string();
        let args = [
            "-o",
            "markdown",
            "--max-bytes",
            &size,
            "--fail-on",
            "owner-added,role-removed,2fa-disabled",
        ];
        let text = pair.text(1, &args);
        assert!(text.len() <= max_bytes, "{} > {max_bytes}", text.len());
        assert!(
            text.contains(
                "**5 new owners, 2 new admins, +3000 members, +1 person not in the member list, −401 members, "
            ),
            "{text}"
        );
        let verdict = "\nFailed by `--fail-on`: 5 owner-added, 1 2fa-disabled.\n";
        assert!(text.contains(verdict), "{text}");
        for heading in headings {
            let is_there = text.contains(&format!("\n### {heading}\n"))
                || text.contains(&format!("<summary>{heading}</summary>"));
            assert!(is_there, "{max_bytes}: no {heading}: {text}");
        }
        // As many of the risky ones as fit, in their order.
        let shown: Vec<_> = risky
            .iter()
            .map(|name| text.contains(&format!("| {name} |")))
            .collect();
        let count = shown.iter().filter(|is_shown| **is_shown).count();
        assert!(
            shown[..count].iter().all(|is_shown| *is_shown),
            "{max_bytes}: {shown:?}"
        );
        assert!(count >= shown_before, "{max_bytes}");
        shown_before = count;
        if max_bytes >= 4_096 {
            assert_eq!(count, risky.len(), "{max_bytes}: {text}");
        }
        // Not folded away.
        let open = text.split("<details>").next().unwrap();
        assert!(
            max_bytes < 4_096 || open.contains("| New1234 Archer |"),
            "{text}"
        );
    }
}

/// The names of those rows of a Markdown text whose name begins with one of these.
fn shown<'t>(text: &'t str, starts: &[&str]) -> Vec<&'t str> {
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    names
        .filter(|name| starts.iter().any(|start| name.starts_with(start)))
        .collect()
}

const SIZES: [&str; 5] = ["2048", "4096", "8192", "16384", "65536"];

#[test]
fn long_rows_of_people_who_matter_are_shortened_and_not_left_out() {
    type Case = (&'static str, String, String);
    let cases: [Case; 4] = [
        (
            "ordinary names of roles",
            "Everyone who may read dashboards ".repeat(5),
            String::new(),
        ),
        ("names that grow", "@".repeat(250), String::new()),
        ("own names that grow", "x".to_owned(), "@|".repeat(150)),
        (
            "all of them",
            "|".repeat(250),
            "Everyone who may ".repeat(15),
        ),
    ];
    for (what, role, own) in cases {
        let mut old = Organization::new();
        for n in 0..30 {
            old.add_role(&format!("r{n:02}"), &format!("{role}{n}"));
        }
        let mut new = old.a_week_later();
        for n in 0..300 {
            new.join(&format!("Plain{n:03}"), 1);
        }
        for name in ["Owner1", "Owner2", "Admin1", "Careless1"] {
            let level = match name {
                "Admin1" => 8,
                "Careless1" => 1,
                _ => 15,
            };
            new.join(name, level);
            new.person(name).display_name = format!("{name} {own}").as_str().into();
            if name == "Careless1" {
                new.second_factor(name, Some(false));
            }
            for n in 0..30 {
                new.give(&format!("r{n:02}"), name);
            }
        }
        let pair = Pair::of(&old, &new);
        for size in SIZES {
            for more in [&[][..], &["--ids"]] {
                let args = [&["-o", "markdown", "--max-bytes", size], more].concat();
                let text = pair.text(1, &args);
                assert!(text.len() <= size.parse().unwrap(), "{what} {size}");
                let risky = shown(&text, &["Owner", "Admin", "Careless"]);
                assert_eq!(risky.len(), 4, "{what} {size}: {text}");
                let longest = text.lines().map(str::len).max().unwrap();
                assert!(longest < 4_000, "{what} {size}: {longest}");
                let is_full = shown(&text, &["Plain"]).len() == 300;
                assert_eq!(!text.contains("left out"), is_full, "{what} {size}");
            }
        }
        // What does not fit into a cell is counted.
        let text = pair.text(1, &["-o", "markdown"]);
        let row = text.lines().find(|line| line.starts_with("| Owner1"));
        let row = row.unwrap();
        let is_counted = row.contains(" more |") || row.contains(", 30 roles |");
        assert!(is_counted, "{row}");
    }
}

#[test]
fn nobody_who_matters_is_left_out_while_anybody_else_is_shown() {
    let mut old = Organization::new();
    for name in ["OwnerLeft", "OwnerLowered", "OwnerUnlisted", "OwnerUnknown"] {
        old.join(name, 15);
    }
    old.second_factor("OwnerUnknown", None);
    old.join("AdminLeft", 8);
    for n in 0..100 {
        old.join(&format!("Plain{n:03}"), 1);
    }
    let mut new = old.a_week_later();
    for n in 0..50 {
        new.leave(&format!("Plain{n:03}"));
        new.set(&format!("Plain{:03}", n + 50), "team", Some("x".into()));
        new.join(&format!("PlainNew{n:03}"), 1);
        new.join(&format!("OwnerAgreed{n:03}"), 15);
    }
    new.leave("OwnerLeft");
    new.leave("AdminLeft");
    new.seat("OwnerLowered", 1);
    new.unlist("OwnerUnlisted");
    new.second_factor("OwnerUnknown", Some(false));
    let pair = Pair::of(&old, &new);
    let lines = pair.text(1, &["--print-accept"]);
    let agreed = lines.lines().filter(|line| line.contains("owneragreed"));
    // None of the others is of use.
    let unused = (0..40).map(|n| format!("member-removed user:x{n} seat member → none"));
    let accept: String = agreed
        .map(ToOwned::to_owned)
        .chain(unused)
        .map(|line| line + "\n")
        .collect();
    fs::write(pair.shelf.path("accept.txt"), accept).unwrap();
    for size in SIZES {
        for more in [&[][..], &["--accept", "accept.txt"]] {
            let args = [&["-o", "markdown", "--max-bytes", size], more].concat();
            let text = pair.text(1, &args);
            assert!(text.len() <= size.parse().unwrap(), "{size}");
            let owners = shown(&text, &["Owner"]).len();
            let admins = shown(&text, &["Admin"]).len();
            let others = shown(&text, &["Plain"]).len();
            assert!(admins == 0 || owners == 54, "{size}: {text}");
            assert!(others == 0 || (owners, admins) == (54, 1), "{size}: {text}");
            if !["2048", "4096"].contains(&size) {
                assert_eq!((owners, admins), (54, 1), "{size}: {text}");
            }
        }
    }
}

#[test]
fn a_line_to_write_instead_can_be_copied_from_markdown() {
    let pair = Pair::after(|o| {
        o.email(
            "Ann",
            &format!("{}``` @team #1@example.com", "a".repeat(300)),
        );
        o.give("sup", "Bob");
    });
    let older = "other-changed user:ann\ngrant-added role:sup:member:user:bob\n";
    let path = pair.shelf.path("accept.txt");
    fs::write(&path, older).unwrap();
    let args = ["-o", "markdown", "--accept", "accept.txt"];
    let text = pair.text(1, &args);
    let mut lines = text.lines();
    let mut copied = String::new();
    while let Some(line) = lines.next() {
        if let Some(fence) = line.strip_prefix("> ").and_then(|l| l.strip_suffix("text")) {
            let line = lines.next().unwrap().strip_prefix("> ").unwrap();
            assert!(!line.contains(fence), "{line}");
            assert_eq!(lines.next().unwrap(), format!("> {fence}"));
            copied += &format!("{line}\n");
        }
    }
    assert_eq!(copied.lines().count(), 2, "{text}");
    fs::write(&path, copied).unwrap();
    pair.text(0, &args);
    fs::write(&path, older).unwrap();
    // Where they do not fit, it says where they are.
    let run = pair.diff(&[&args[..], &["--max-bytes", "2048"]].concat());
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(text.len() <= 2_048);
    let pointer =
        "> **Warning:** 2 more about lines of accepted changes, left out; see `--print-accept`.\n";
    assert!(text.contains(pointer), "{text}");
}

#[test]
fn a_job_says_in_one_line_why_it_failed_or_not() {
    let pair = Pair::after(|o| {
        o.seat("Ann", 15);
        o.seat("Cem", 8);
        o.give("sup", "Bob");
        o.add_role("ops", "Operations");
    });
    for (fail_on, code, verdict, failed_on) in [
        (
            "grant-revoked",
            0,
            "Passed: no change is of a kind listed in `--fail-on`.",
            json!([]),
        ),
        (
            "owner-added,grant-added",
            1,
            "Failed by `--fail-on`: 1 owner-added, 1 grant-added.",
            json!(["owner-added", "grant-added"]),
        ),
        (
            "any",
            1,
            "Failed by `--fail-on`: 1 seat-raised, 1 seat-lowered, 1 owner-added, 1 admin-added, 1 grant-added, \
             and 1 more kind.",
            json!([
                "seat-raised",
                "seat-lowered",
                "owner-added",
                "admin-added",
                "grant-added",
                "role-added"
            ]),
        ),
    ] {
        let args = ["--fail-on", fail_on];
        for format in ["console", "markdown"] {
            let text = pair.text(code, &[&args[..], &["-o", format]].concat());
            let found = text
                .lines()
                .find(|line| line.starts_with("Passed") || line.starts_with("Failed"));
            assert_eq!(found, Some(verdict), "{fail_on}");
        }
        let document = pair.json(&args);
        assert_eq!(document["failed_on"], failed_on);
        assert_eq!(document["not_judged"], json!([]));
    }
    let without = pair.json(&[]);
    assert_eq!(
        (&without["failed_on"], &without["not_judged"]),
        (&Value::Null, &Value::Null)
    );
    assert!(!pair.text(1, &[]).contains("--fail-on"));
    // What was agreed on does not fail.
    let lines = pair.text(1, &["--print-accept"]);
    fs::write(pair.shelf.path("accept.txt"), lines).unwrap();
    let args = ["--fail-on", "owner-added", "--accept", "accept.txt"];
    assert!(pair.text(0, &args).contains("\nPassed: "));
}

#[test]
fn the_head_and_every_heading_fit_the_smallest_size() {
    let mut old = Organization::new();
    old.evidence.as_mut().unwrap().organization.name = Some("@|<".repeat(2_000));
    for n in 0..110 {
        let name = |of: &str| format!("{of}{n}");
        for of in [
            "Raised", "Lowered", "Careless", "Gone", "Unlisted", "Changed",
        ] {
            old.join(&name(of), 8);
        }
        old.give("eng", &name("Gone"));
        old.unlist(&name("Unlisted"));
        old.add_role(&name("gone"), "x");
        old.add_role(&name("renamed"), "x");
        old.add_other("group", &name("gone"), "x", "member");
        old.give("sup", &name("Changed"));
    }
    let mut new = old.a_week_later();
    for n in 0..110 {
        let name = |of: &str| format!("{of}{n}");
        new.join(&name("New"), 15);
        new.give("eng", &name("New"));
        new.join(&name("Bot"), 8);
        new.unlist(&name("Bot"));
        new.seat(&name("Raised"), 15);
        new.seat(&name("Lowered"), 1);
        new.second_factor(&name("Careless"), Some(false));
        new.rename_role(&name("renamed"), "y");
        new.add_role(&name("new"), "x");
        new.add_other("group", &name("new"), "x", "member");
        new.give("eng", &name("Changed"));
    }
    new.resources.retain(|row| {
        let id = row.id.to_string();
        !(id.starts_with("user:gone") || id.starts_with("user:unlisted") || id.contains(":gone"))
    });
    new.entitlements
        .retain(|row| !row.id.as_str().contains(":gone"));
    new.grants.retain(|row| {
        let id = row.id().into_owned();
        !(id.contains("user:gone") || id.starts_with("role:sup:member:user:changed"))
    });
    let pair = Pair::of(&old, &new);
    let name = format!("{}.c1z", "|@".repeat(100));
    fs::copy(pair.shelf.path("new.c1z"), pair.shelf.path(&name)).unwrap();
    // All but one of those who came or went are accepted, so that their grants have headings of their own.
    let lines = pair.text(1, &["--print-accept"]);
    let is_accepted = |line: &&str| {
        let is_of_list = line.contains("member-") && line.contains("listed_as_member");
        let is_left = ["user:new0 ", "user:gone0 ", "none → false", "false → none"];
        is_of_list && !is_left.iter().any(|left| line.contains(left))
    };
    let people: String = lines
        .lines()
        .filter(is_accepted)
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(pair.shelf.path("accept.txt"), people).unwrap();
    let kinds = "seat-raised,seat-lowered,owner-added,admin-added,member-added,member-removed,grant-added,2fa-disabled";
    let run = pair.shelf.run(&[
        "diff",
        "old.c1z",
        &name,
        "-o",
        "markdown",
        "--max-bytes",
        "2048",
        "--accept",
        "accept.txt",
        "--fail-on",
        kinds,
    ]);
    let text = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(text.len() <= 2_048, "{}: {text}", text.len());
    assert_eq!(text.matches("\n### ").count(), 14, "{text}");
    assert!(text.contains(", and 3 more kinds.\n"), "{text}");
}
