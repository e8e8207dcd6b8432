//! Help, completions, the manual page, and what a mistyped command line is answered with.

use std::collections::BTreeSet;

use crate::support::{Run, Sandbox, Shelf};

const COMMANDS: [&str; 18] = [
    "sync",
    "check",
    "stats",
    "users",
    "roles",
    "grants",
    "access",
    "resources",
    "resource-types",
    "entitlements",
    "principals",
    "verify",
    "diff",
    "prune",
    "export",
    "completions",
    "man",
    "export csv",
];

/// A usage error, which clap prints in several lines.
#[track_caller]
fn assert_misuse(run: &Run, says: &[&str]) {
    assert_eq!(run.code, 2, "{}", run.stderr);
    for part in says {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
}

fn help(command: &str) -> String {
    let words: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
    let run = Sandbox::new().program(&words).env("COLUMNS", "100").run();
    String::from_utf8(run.succeeds().stdout).unwrap()
}

/// The long names of the options under a heading of a help text.
fn options_under(text: &str, heading: &str) -> BTreeSet<String> {
    let section = text.split(&format!("\n{heading}:\n")).nth(1);
    let lines = section.unwrap_or_default().lines();
    lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.trim_start().split_once("--"))
        .filter(|(before, _)| before.is_empty() || before.ends_with(", "))
        .filter_map(|(_, rest)| rest.split([' ', '[', '.']).next())
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn help_of_the_program_fits_two_screens_and_leaves_the_crawl_to_sync() {
    let text = help("");
    assert!(text.lines().count() <= 2 * 30, "{text}");
    for command in COMMANDS.iter().filter(|name| !name.contains(' ')) {
        assert!(text.contains(&format!("\n  {command} ")), "{command}");
    }
    assert!(!text.contains("--base-url <URL>"), "{text}");
    assert!(text.contains("`posthog-c1z sync --help`"), "{text}");

    let headings = [
        ("Organization and key", "base-url"),
        ("Crawl", "requests-per-minute"),
        ("Output file", "file"),
        ("Guards", "max-shrink"),
        ("Retention", "keep-last"),
        ("Global options", "log-level"),
    ];
    let sync = help("sync");
    let places: Vec<_> = headings
        .iter()
        .map(|(heading, option)| {
            assert!(options_under(&sync, heading).contains(*option), "{heading}");
            sync.find(&format!("\n{heading}:\n"))
        })
        .collect();
    assert!(places.is_sorted(), "{sync}");
}

#[test]
fn help_of_a_command_has_its_own_options_first_and_then_examples() {
    for command in COMMANDS {
        let text = help(command);
        let global = text.find("\nGlobal options:\n").unwrap();
        if let Some(own) = text.find("\nOptions:\n") {
            assert!(own < global, "{command}: {text}");
        }
        if command == "export csv" {
            continue;
        }
        let examples = text
            .find("\nExamples:\n")
            .unwrap_or_else(|| panic!("{command}"));
        assert!(global < examples, "{command}: {text}");
        let lines = text[examples..].lines();
        let count = lines
            .filter(|line| line.starts_with("    posthog-c1z "))
            .count();
        assert!((2..=5).contains(&count), "{command}: {count} examples");
    }
}

#[test]
fn output_formats_are_those_that_the_command_has() {
    let both = "[possible values: console, json]";
    let of_lists = "[possible values: console, json, csv]";
    for (command, formats) in [
        ("stats", both),
        ("users", of_lists),
        ("roles", of_lists),
        ("grants", of_lists),
        ("resources", of_lists),
        ("resource-types", of_lists),
        ("entitlements", of_lists),
        ("principals", of_lists),
        ("access", both),
        ("verify", both),
        ("check", both),
        ("prune", both),
        ("diff", "[possible values: console, json, ndjson, markdown]"),
        ("sync", ""),
        ("export csv", ""),
        ("man", ""),
    ] {
        let text = help(command);
        let has_option = text.contains("--output-format");
        assert_eq!(has_option, !formats.is_empty(), "{command}: {text}");
        assert!(text.contains(formats), "{command}: {text}");
    }
    for (command, format, formats) in [
        ("stats", "markdown", both),
        ("grants", "markdown", of_lists),
        ("verify", "csv", both),
        ("access", "csv", both),
    ] {
        let run = Sandbox::new().program(&[command, "-o", format]).run();
        assert_misuse(&run, &[&format!("invalid value '{format}'"), formats]);
    }
    // Before the command, nobody knows which it will be.
    for args in [
        &["-o", "markdown", "stats"][..],
        &["-o", "markdown", "users"],
        &["-o", "csv", "stats"],
        &["-o", "csv", "diff", "a", "b"],
    ] {
        let run = Sandbox::new().program(args).run();
        assert_misuse(&run, &["this command does not have this output format"]);
    }
}

#[test]
fn kinds_of_changes_are_listed_in_help_and_completions() {
    let text = help("diff");
    let completions = Sandbox::new().program(&["completions", "bash"]).run();
    let completions = String::from_utf8(completions.succeeds().stdout).unwrap();
    for kind in [
        "any",
        "owner-added",
        "seat-raised",
        "2fa-disabled",
        "grant-added",
    ] {
        assert!(text.contains(kind), "{kind}: {text}");
        assert!(completions.contains(kind), "{kind}");
    }
    let run = Sandbox::new()
        .program(&["diff", "a", "b", "--fail-on", "owners"])
        .run();
    assert_misuse(&run, &["invalid value 'owners'", "owner-added"]);
}

#[test]
fn manual_page_has_the_sections_that_people_look_for() {
    let run = Sandbox::new().program(&["man"]).run();
    let page = String::from_utf8(run.succeeds().stdout).unwrap();
    for section in ["\"EXIT STATUS\"", "ENVIRONMENT", "FILES", "EXAMPLES"] {
        let times = page.matches(&format!(".SH {section}\n")).count();
        assert_eq!(times, 1, "{section}");
    }
    for code in [
        "0", "1", "2", "3", "4", "5", "7", "9", "10", "13", "14", "15", "16",
    ] {
        assert!(
            page.contains(&format!("\\fB{code}\\fR\n")),
            "exit code {code}"
        );
    }
    assert!(page.contains("POSTHOG_API_KEY"));
}

#[test]
fn mistaken_arguments_are_answered_with_what_to_type() {
    let shelf = Shelf::with_demo();
    for (args, says) in [
        (&["demo.c1z"][..], "run `posthog-c1z stats demo.c1z`"),
        (&["missing.c1z"], "run `posthog-c1z stats missing.c1z`"),
        (
            &["access", "demo.c1z", "henrik@example.com"],
            "`posthog-c1z access henrik@example.com demo.c1z`",
        ),
        (
            &["access", "demo.c1z", "Henrik Lindqvist"],
            "`posthog-c1z access 'Henrik Lindqvist' demo.c1z`",
        ),
        (
            &["access", "demo.c1z"],
            "`posthog-c1z access PERSON demo.c1z`",
        ),
        (&["access", "", "demo.c1z"], "a value is required"),
        (
            &["--workers", "2", "stats"],
            "`--workers` belongs after the command",
        ),
        (
            &["stats", "-q", "-v"],
            "'--quiet' cannot be used with '--verbose",
        ),
    ] {
        assert_misuse(&shelf.run(args), &[says]);
    }
}

#[test]
fn quiet_leaves_the_exit_code_to_speak() {
    let shelf = Shelf::with_demo();
    let demo = "demo.c1z";
    for (args, code) in [
        (&["stats", "-q", demo][..], 0),
        (&["stats", "-q", "-o", "json", demo], 0),
        (&["verify", "-q", demo], 0),
        (&["-q", "verify", demo], 0),
        (&["diff", "-q", demo, demo], 0),
        (&["sync", "--demo", "-q", "-f", "again.c1z"], 0),
    ] {
        let run = shelf.run(args);
        assert_eq!((run.code, &*run.stderr), (code, ""), "{args:?}");
        assert!(run.stdout.is_empty(), "{args:?}");
    }
    // A list is an answer, and an export a product: neither is chatter.
    for args in [
        &["users", "-q", demo][..],
        &["export", "ndjson", "-q", demo],
    ] {
        assert!(!shelf.run(args).succeeds().stdout.is_empty(), "{args:?}");
    }
}
