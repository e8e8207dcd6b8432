//! Outside text in every medium: names, ids, files and arguments that hold what steers a terminal, forges a line or
//! runs in a spreadsheet; and outputs that cannot be written.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{
    Answer, Edited, Night, Organization, PostHog, Reply, Sandbox, Shelf, field, golden, member,
    membership, refusal, role, with,
};

const SMALL: &str = "small.c1z";

/// Control characters, among them a whole escape sequence, and characters that reverse a line or hide in it.
const HARM: &str = "\x1b[2J\x07\x08\r\n\t\x7f\u{85}\u{9b}31m\u{202e}\u{2066}\u{200f}\u{061c}\u{feff}\u{2028}\
                    \u{ad}\u{200b}\u{2060}\u{fff9}\u{e0041}";

/// Fails if `text` holds a character that steers a terminal, but for the ends of lines.
#[track_caller]
fn assert_harmless(what: &str, text: &str) {
    let harm = text.chars().find(|c| {
        *c != '\n' && !c.is_ascii_graphic() && *c != ' ' && (c.is_control() || HARM.contains(*c))
    });
    assert_eq!(harm, None, "{what}: {text:?}");
}

/// `small.c1z` with this name in every resource, entitlement and slug.
fn named(name: &str) -> Edited {
    let name = name.as_bytes();
    Edited::golden(SMALL)
        .append("v1_resources", "true", &field(3, name))
        .append(
            "v1_entitlements",
            "true",
            &[field(3, name), field(4, name), field(8, name)].concat(),
        )
}

/// `small.c1z` with such characters in every name.
fn evil() -> Edited {
    let name = format!("evil{HARM}");
    named(&name).append("v1_resource_types", "true", &field(2, name.as_bytes()))
}

/// A name with such characters.
fn evil_name() -> String {
    format!("evil{HARM}")
}

/// A PostHog where such characters are in every name, and where a role's own list has fewer members than the list of
/// roles, which is a warning that names the role.
fn evil_posthog() -> PostHog {
    let person = |n| {
        let user = with(
            member(n)["user"].clone(),
            json!({"first_name": evil_name()}),
        );
        with(member(n), json!({"user": user}))
    };
    let people = [person(1), person(2)];
    let embedded: Vec<Value> = people.iter().map(|one| membership(1, one)).collect();
    let evil_role = with(role(1), json!({"name": evil_name(), "members": embedded}));
    Organization::new()
        .itself(json!({"name": evil_name()}))
        .role(evil_role, [membership(1, &people[0])])
        .members(people)
        .serve()
}

/// What a terminal shows of colours and progress bars, which are the program's own, taken away.
fn without_bars(sent: &str) -> String {
    let mut shown = String::new();
    let mut rest = sent;
    while let Some(at) = rest.find("\x1b[") {
        shown.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        let end = after
            .find(|c: char| !c.is_ascii_digit() && c != ';')
            .unwrap();
        assert!(after[end..].starts_with(['m', 'K', 'A', 'B']), "{sent:?}");
        rest = &after[end + 1..];
    }
    (shown + rest).replace('\r', "\n")
}

/// Without the colours of the program.
fn without_colours(sent: &str) -> String {
    let colours = [
        "0m", "1m", "4m", "31m", "32m", "33m", "36m", "1;31m", "1;33m",
    ];
    let mut shown = sent.to_owned();
    for colour in colours {
        shown = shown.replace(&format!("\x1b[{colour}"), "");
    }
    shown
}

#[test]
fn no_command_sends_harm_to_a_terminal() {
    let shelf = Shelf::with_demo();
    evil().pack(&shelf.path("small.c1z"));
    let posthog = evil_posthog();
    let sync = shelf.sandbox.crawl(&posthog, &["-f", "evil.c1z"]);
    let (code, sent) = sync.run_on_terminal();
    assert_eq!(code, 0, "{sent}");
    let shown = without_bars(&sent);
    assert_harmless("sync", &shown);
    for part in [
        "organization  evil\\u{1b}[2J",
        "warning: role `evil\\u{1b}[2J",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let check = shelf.sandbox.crawl(&posthog, &["check", "-f", "new.c1z"]);
    let (code, sent) = check.run_on_terminal();
    assert_eq!(code, 0, "{sent}");
    assert_harmless("check", &without_bars(&sent));

    let ada = "ada.lovelace.1@example.com";
    for (command, file) in [
        ("stats", "evil.c1z"),
        ("stats -o json", "evil.c1z"),
        ("stats --evidence", "evil.c1z"),
        ("resource-types", "small.c1z"),
        ("resources", "small.c1z"),
        ("resources -t user", "small.c1z"),
        ("entitlements", "small.c1z"),
        ("grants", "small.c1z"),
        ("grants -o json", "small.c1z"),
        ("principals", "small.c1z"),
        ("resource-types -o csv", "small.c1z"),
        ("resources -o csv", "small.c1z"),
        ("users -o csv", "small.c1z"),
        ("roles -o csv", "small.c1z"),
        ("entitlements -o csv", "small.c1z"),
        ("grants -o csv", "small.c1z"),
        ("principals -o csv", "small.c1z"),
        (&format!("access {ada}"), "small.c1z"),
        (&format!("access {ada} -o json"), "small.c1z"),
        ("verify", "small.c1z"),
        ("verify -o json", "small.c1z"),
        ("export csv", "small.c1z"),
        ("export csv --safe", "small.c1z"),
        ("export csv --table users", "small.c1z"),
        ("export csv --table roles", "small.c1z"),
        ("export csv --table grants", "small.c1z"),
        ("export csv --table grants --raw", "small.c1z"),
        ("export json", "small.c1z"),
        ("export ndjson", "small.c1z"),
        ("diff demo.c1z --force", "evil.c1z"),
        ("diff demo.c1z --force --ids", "small.c1z"),
        ("diff demo.c1z --force --stat", "evil.c1z"),
        ("diff demo.c1z --force --print-accept", "evil.c1z"),
        ("diff demo.c1z --force -o json", "evil.c1z"),
        ("diff demo.c1z --force -o ndjson", "evil.c1z"),
        ("diff demo.c1z --force -o markdown", "evil.c1z"),
    ] {
        let args: Vec<_> = command.split(' ').chain([file]).collect();
        let (code, sent) = shelf.sandbox.program(&args).run_on_terminal();
        assert!(code <= 1, "{command}: {sent}");
        // CSV ends its lines with both.
        assert_harmless(command, &without_colours(&sent).replace("\r\n", "\n"));
        let names_nobody =
            command.starts_with("verify") || command == "diff demo.c1z --force -o json";
        assert!(names_nobody || sent.contains("evil"), "{command}: {sent}");
    }
}

/// A snapshot with such characters in every text that surrounds the roles, and in why one list was not read.
fn evil_surroundings() -> Night {
    let evil = |fields: &[&str]| {
        let fields = fields
            .iter()
            .map(|field| ((*field).to_owned(), json!(evil_name())));
        Value::Object(fields.collect())
    };
    let sender = with(member(1)["user"].clone(), evil(&["first_name", "email"]));
    Organization::new()
        .members([member(1)])
        .itself(json!({
            "default_role_id": evil_name(), "available_product_features": [evil_name(), {"key": evil_name() + "2"}],
        }))
        .invitations([
            with(evil(&["id", "target_email", "first_name", "created_at"]), json!({"level": 8, "created_by": sender})),
        ])
        .references([evil(&[
            "id",
            "role",
            "provider",
            "provider_organization_id",
            "provider_role_id",
            "provider_role_slug",
            "provider_role_name",
            "created_at",
        ])])
        .domains([evil(&["id", "domain", "verified_at", "sso_enforcement"])])
        .serve_by(|_, _| Reply::AsUsual)
}

#[test]
fn what_surrounds_the_roles_cannot_steer_a_terminal_or_forge_a_line() {
    let shelf = Shelf::new();
    let night = evil_surroundings();
    let crawl = |night: &Night, file| {
        let sync = shelf.sandbox.crawl_at(&night.base_url(), &["-f", file]);
        let (code, sent) = sync.run_on_terminal();
        assert_eq!(code, 0, "{sent}");
        let shown = without_bars(&sent);
        assert_harmless("sync", &shown);
        shown
    };
    crawl(&night, "evil.c1z");
    let refusing = Organization::new()
        .members([member(1)])
        .serve_by(|_, asked| match asked.path {
            "domains/" => Reply::Give(Answer::json(403, &refusal("x", "x", &evil_name()))),
            "invites/" => Reply::Give(Answer::json(
                200,
                &json!({"results": [{"id": evil_name(), "level": evil_name()}]}),
            )),
            _ => Reply::AsUsual,
        });
    let shown = crawl(&refusing, "refused.c1z");
    assert!(shown.contains("domains (answered 403: evil"), "{shown}");
    let warnings = shown.lines().filter(|line| line.starts_with("warning: "));
    assert_eq!(warnings.count(), 1, "{shown}");
    // And in what only somebody who forges a file can put there.
    Edited::of(&shelf.path("refused.c1z"))
        .with_blob(
            "update v1_assets set data = ?1 where external_id = 'posthog-c1z:organization'",
            json!({
                "schema": "posthog-c1z.organization", "schema_version": 1,
                "invitations": [{"id": evil_name(), "level": 8, "seat": evil_name()}],
                "not_read": [{"list": evil_name(), "status": 403, "reason": evil_name()}],
            })
            .to_string()
            .as_bytes(),
        )
        .pack(&shelf.path("forged.c1z"));
    for (file, schema) in [
        ("schema.c1z", json!(evil_name())),
        ("type.c1z", json!("posthog-c1z.organization")),
    ] {
        let document = json!({"schema": schema, "schema_version": 1, "settings": {"enforce_2fa": evil_name()}, "not_read": []});
        Edited::of(&shelf.path("refused.c1z"))
            .with_blob(
                "update v1_assets set data = ?1 where external_id = 'posthog-c1z:organization'",
                document.to_string().as_bytes(),
            )
            .pack(&shelf.path(file));
    }
    for file in [
        "evil.c1z",
        "refused.c1z",
        "forged.c1z",
        "schema.c1z",
        "type.c1z",
    ] {
        for command in [
            "organization",
            "organization -o json",
            "stats",
            "stats -o json --evidence",
            "verify",
            "verify -o json",
            "export json",
            "export ndjson",
        ] {
            let args: Vec<_> = command.split(' ').chain([file]).collect();
            let (code, sent) = shelf.sandbox.program(&args).run_on_terminal();
            assert!(matches!(code, 0 | 1 | 15), "{command} {file}: {sent}");
            assert_harmless(&format!("{command} {file}"), &without_colours(&sent));
            let shows_it = command.starts_with("organization");
            assert!(
                !shows_it || sent.contains("evil"),
                "{command} {file}: {sent}"
            );
        }
        let errors = |args: &[&str]| {
            let (_, sent) = shelf.sandbox.program(args).run_on_terminal();
            without_colours(&sent)
                .lines()
                .filter(|line| line.starts_with("error:"))
                .count()
        };
        assert!(errors(&["organization", file]) <= 1);
    }
}

#[test]
fn warnings_reach_a_terminal_that_draws_no_bars() {
    let shelf = Shelf::with_demo();
    shelf
        .sandbox
        .crawl(&evil_posthog(), &["-f", "evil.c1z"])
        .run()
        .succeeds();
    for terminal in ["dumb", "xterm", ""] {
        let args = ["diff", "demo.c1z", "evil.c1z", "--force", "--print-accept"];
        let (code, sent) = shelf
            .sandbox
            .program(&args)
            .env("TERM", terminal)
            .run_on_terminal();
        assert_eq!(code, 1, "{sent}");
        let is_warning = |line: &&str| line.starts_with("warning: the snapshots are of different");
        let warnings = sent.lines().filter(is_warning).count();
        assert_eq!(warnings, 1, "{terminal}: {sent}");
        assert!(sent.ends_with('\n'), "{terminal}: {sent:?}");
    }
}

#[test]
fn colours_go_where_they_are_shown_or_asked_for() {
    let sandbox = Sandbox::new();
    for args in [
        &["stats", "missing.c1z"][..],
        &["--no-such-option"],
        &["--help"],
    ] {
        let program = |variables: &[(&str, &str)]| {
            let program = sandbox.program(args);
            variables
                .iter()
                .fold(program, |program, (name, value)| program.env(name, value))
        };
        for (variables, on_terminal, in_pipe) in [
            (&[("TERM", "xterm")][..], true, false),
            (&[("TERM", "dumb")], false, false),
            (&[("TERM", "dumb"), ("CI", "true")], false, false),
            (&[("NO_COLOR", "1")], false, false),
            (&[("NO_COLOR", "")], true, false),
            (&[("CLICOLOR", "0")], false, false),
            (&[("CLICOLOR", "1")], true, false),
            (&[("CLICOLOR_FORCE", "1")], true, true),
            (&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], true, true),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false, false),
        ] {
            let (_, sent) = program(variables).run_on_terminal();
            let coloured = sent.contains('\x1b');
            assert_eq!(coloured, on_terminal, "{variables:?} {args:?}: {sent}");
            let run = program(variables).run();
            let coloured = run.stdout.contains(&b'\x1b') || run.stderr.contains('\x1b');
            assert_eq!(coloured, in_pipe, "{variables:?} {args:?}: {run:?}");
        }
    }
    for (option, variable, coloured) in [
        ("always", "NO_COLOR", true),
        ("never", "CLICOLOR_FORCE", false),
    ] {
        let run = sandbox
            .program(&["stats", "missing.c1z", "--color", option])
            .env(variable, "1")
            .run();
        assert_eq!(run.stderr.contains('\x1b'), coloured, "{option}");
    }
}

#[test]
fn arguments_that_are_refused_cannot_steer_the_terminal_or_forge_a_line() {
    let shelf = Shelf::new();
    for args in [
        &["--no\x1b[31m\u{202e}such"][..],
        &["-\u{9b}"],
        &["no\nerror: such"],
        &["stats", "--max-age", "\x1b[2J\nerror: x"],
        &["diff", "a", "b", "--fail-on", "x\x1b]0;y\x07\nerror: x"],
        &["completions", "\u{9b}2J\nerror: x"],
        &["stats", "-o", "\x1b[2J\rerror: x"],
        &["sync", "--memberships", "\u{202e}\nerror: x"],
        &["stats", "a\x1b[2J", "b\nerror: x"],
        &["sync", "--mode", "\nerror: x"],
    ] {
        let run = shelf.run(args);
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert_harmless(&format!("{args:?}"), &run.stderr);
        let errors = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("error:"))
            .count();
        assert_eq!(errors, 1, "{args:?}: {}", run.stderr);
        let (code, sent) = shelf.sandbox.program(args).run_on_terminal();
        assert_eq!(code, 2, "{sent}");
        let shown = without_colours(&sent);
        assert_eq!(shown, run.stderr, "{args:?}");
    }
}

#[test]
fn names_cannot_forge_or_reverse_a_line_of_the_log() {
    for (command, code) in [
        (&["sync", "-f", "evil.c1z"][..], 0),
        (&["check", "-f", "evil.c1z"], 0),
        (
            &["sync", "-f", "no-such-folder/evil\x1b[2J\n\u{202e}.c1z"],
            2,
        ),
    ] {
        for level in ["error", "info", "debug"] {
            let sandbox = Sandbox::new();
            let posthog = evil_posthog();
            let text = [command, &["--log-level", level]].concat();
            let run = sandbox.crawl(&posthog, &text).run();
            assert_eq!(run.code, code, "{text:?}: {}", run.stderr);
            assert_harmless(&format!("{text:?}"), &run.stderr);
            for line in run.stderr.lines() {
                let is_log = line.starts_with("20") && line.as_bytes()[10] == b'T';
                assert!(is_log || line.starts_with("error: "), "{line}");
            }

            let json = [command, &["--log-level", level, "--log-format", "json"]].concat();
            let run = sandbox.crawl(&posthog, &json).run();
            assert_eq!(run.code, code, "{json:?}: {}", run.stderr);
            assert_harmless(&format!("{json:?}"), &run.stderr);
            let lines = run.json_lines();
            if (command[0], level) == ("sync", "info") && code == 0 {
                let has = |key: &str, text: &str| {
                    lines
                        .iter()
                        .any(|line| line[key].as_str().is_some_and(|value| value.contains(text)))
                };
                assert!(has("message", &evil_name()), "{}", run.stderr);
                let written = lines
                    .iter()
                    .find(|line| line["message"] == "snapshot written");
                assert_eq!(written.unwrap()["organization"], evil_name());
            }
        }
    }
}

/// Whether a text in the JSON holds `wanted`, as a value or as a name.
fn holds(json: &Value, wanted: &str) -> bool {
    match json {
        Value::String(text) => text.contains(wanted),
        Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains(wanted) || holds(value, wanted)),
        _ => false,
    }
}

#[test]
fn json_says_every_name_exactly_and_in_harmless_characters() {
    let shelf = Shelf::with_demo();
    evil().pack(&shelf.path("small.c1z"));
    let posthog = evil_posthog();
    shelf
        .sandbox
        .crawl(&posthog, &["-f", "evil.c1z"])
        .run()
        .succeeds();
    for args in [
        &["stats", "-o", "json", "evil.c1z"][..],
        &["stats", "--evidence", "evil.c1z"],
        &["resource-types", "-o", "json", "small.c1z"],
        &["resources", "-o", "json", "small.c1z"],
        &["entitlements", "-o", "json", "small.c1z"],
        &["grants", "-o", "json", "small.c1z"],
        &["principals", "-o", "json", "small.c1z"],
        &[
            "access",
            "ada.lovelace.1@example.com",
            "-o",
            "json",
            "small.c1z",
        ],
        &["diff", "demo.c1z", "evil.c1z", "--force", "-o", "json"],
        &["diff", "demo.c1z", "evil.c1z", "--force", "-o", "ndjson"],
        &["export", "json", "small.c1z"],
        &["export", "ndjson", "small.c1z"],
        &["export", "json", "small.c1z", "--out", "out"],
        &["export", "ndjson", "small.c1z", "--out", "out"],
        &["verify", "-o", "json", &evil_name()],
        &["check", "-o", "json", "-f", "new.c1z"],
    ] {
        let run = shelf.sandbox.crawl(&posthog, args).run();
        let text = if args.contains(&"--out") {
            fs::read_to_string(shelf.path("out")).unwrap()
        } else {
            String::from_utf8(run.stdout).unwrap()
        };
        assert_harmless(&format!("{args:?}"), &text);
        let documents = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        let documents: Vec<Value> = documents.map(Result::unwrap).collect();
        assert!(holds(&json!(documents), &evil_name()), "{args:?}: {text}");
    }
}

#[test]
fn csv_for_programs_is_exact_in_a_pipe_and_in_a_file() {
    let shelf = Shelf::new();
    evil().pack(&shelf.path("small.c1z"));
    for form in [&["csv"][..], &["csv", "--table", "roles", "--raw"]] {
        let args = [&["export"], form, &["small.c1z"]].concat();
        let piped = shelf.text(&args);
        assert!(piped.contains(&evil_name()), "{piped:?}");
        shelf
            .run(&[&args[..], &["--out", "out.csv"]].concat())
            .succeeds();
        assert_eq!(fs::read_to_string(shelf.path("out.csv")).unwrap(), piped);
    }
}

#[test]
fn accept_lines_of_hostile_ids_are_harmless_and_are_read_back() {
    let shelf = Shelf::new().with_golden(SMALL);
    Edited::golden(SMALL)
        .sql("update v1_grants set data = x'', external_id = external_id || char(155) || char(8238) || char(127)")
        .pack(&shelf.path("evil.c1z"));
    let diff = |args: &[&str]| shelf.run(&[&["diff", SMALL, "evil.c1z"], args].concat());
    let lines = String::from_utf8(diff(&["--print-accept"]).stdout).unwrap();
    assert_harmless("--print-accept", &lines);
    fs::write(shelf.path("accept"), lines).unwrap();
    let run = diff(&["--accept", "accept"]);
    assert_eq!((run.code, &*run.stderr), (0, ""));
}

/// A device that is always full, which only Linux has.
fn always_full() -> Option<fs::File> {
    let open = || fs::File::options().write(true).open("/dev/full").unwrap();
    cfg!(target_os = "linux").then(open)
}

#[test]
fn a_standard_error_that_cannot_be_written_changes_nothing() {
    let posthog = evil_posthog();
    for (args, code) in [
        (&["sync"][..], 0),
        (&["sync", "-v"], 0),
        (&["sync", "-vv"], 0),
        (&["sync", "--log-level", "info"], 0),
        (&["sync", "--log-level", "debug"], 0),
        (&["sync", "--log-format", "json", "--log-level", "info"], 0),
        (&["sync", "-f", "no-such-folder/x.c1z"], 2),
        (
            &["sync", "-f", "no-such-folder/x.c1z", "--log-format", "json"],
            2,
        ),
        (&["check", "-v"], 0),
        (&["stats", "missing.c1z"], 5),
        (&["stats", "missing.c1z", "--log-format", "json"], 5),
        (&["diff", "two-syncs.c1z", SMALL, "--force", "-v"], 1),
        (&["--no-such-option"], 2),
        (&["stats", "a", "b"], 2),
    ] {
        let run_with = |stderr: Option<Stdio>| {
            let shelf = Shelf::new().with_golden(SMALL).with_golden("two-syncs.c1z");
            let program = shelf.sandbox.crawl(&posthog, args);
            let run = match stderr {
                Some(stderr) => program.run_with_stderr(stderr),
                None => program.run(),
            };
            (run.code, run.stdout, shelf.sandbox.files())
        };
        let usual = run_with(None);
        assert_eq!(usual.0, code, "{args:?}");
        let (reader, nobody_reads) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run_with(Some(nobody_reads.into())), usual, "{args:?}");
        if let Some(full) = always_full() {
            assert_eq!(run_with(Some(full.into())), usual, "{args:?}");
        }
    }
}

#[test]
fn help_that_does_not_arrive_is_a_failure_unless_its_reader_has_seen_enough() {
    let sandbox = Sandbox::new();
    let mut program = sandbox.program(&["--help"]);
    if let Some(full) = always_full() {
        let status = program.command().stdout(full).status().unwrap();
        assert_eq!(status.code(), Some(2));
    }
    for args in ["--help", "--version"] {
        let run = sandbox.program(&[args]).run_with_stdout_closed();
        assert_eq!((run.code, &*run.stderr), (0, ""), "{args}");
    }
}

/// One length-delimited field, of any length.
fn long_field(number: u8, content: &str) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend(content.as_bytes());
    field
}

#[test]
fn a_name_of_66_000_letters_is_a_cell_of_every_table() {
    let shelf = Shelf::new().with_golden(SMALL);
    let wide = "W".repeat(66_000);
    let ada = "ada.lovelace.1@example.com";
    Edited::golden(SMALL)
        .append("v1_resource_types", "true", &long_field(2, &wide))
        .append("v1_resources", "true", &long_field(3, &wide))
        .append(
            "v1_entitlements",
            "true",
            &[long_field(3, &wide), long_field(8, &wide)].concat(),
        )
        .sql("update v1_grants set data = x''")
        .pack(&shelf.path("wide.c1z"));
    for command in [
        &["stats"][..],
        &["resource-types"],
        &["resources"],
        &["resources", "-t", "user"],
        &["entitlements"],
        &["grants"],
        &["principals"],
        &["access", ada],
        &["diff", SMALL],
        &["export", "csv", "--table", "grants"],
    ] {
        let args = [command, &["wide.c1z"]].concat();
        let run = shelf.run(&args);
        assert!(run.code <= 1, "{args:?}: {}", run.stderr);
        let (code, sent) = shelf.sandbox.program(&args).run_on_terminal();
        assert_eq!(code, run.code, "{args:?}: {sent}");
        // No line is longer than its own cells, so the output is not longer than the file.
        let decoded = Edited::of(&shelf.path("wide.c1z")).bytes().len();
        assert!(
            run.stdout.len() < 2 * decoded,
            "{args:?}: {}",
            run.stdout.len()
        );
    }
}

/// Names that a spreadsheet would run or show as others.
const DANGEROUS: [&str; 20] = [
    "=1+1",
    "+1",
    "-2+3+cmd|' /C calc'!D2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\"=1\"",
    "'=1",
    "＝1",
    "＋1",
    "－1",
    "＠1",
    "a;=cmd|' /C calc'!A0",
    "a\t=cmd|' /C calc'!A0",
    "x\n=cmd|' /C calc'!A0",
    "a,\"=1\"; \"\"=2\"",
    "a =1 +2\u{a0}-3",
    "\u{202e}\u{2066}=1",
];

#[test]
fn no_cell_of_a_table_for_people_runs_or_misleads_under_any_separator() {
    let shelf = Shelf::new();
    for name in DANGEROUS {
        named(name).pack(&shelf.path("evil.c1z"));
        for form in [
            &["--table", "users"][..],
            &["--table", "roles"],
            &["--table", "grants"],
            &["--safe"],
        ] {
            let text = shelf.text(&[&["export", "csv"], form, &["evil.c1z"]].concat());
            assert!(text.starts_with('\u{feff}'), "{form:?}");
            let text = text.trim_start_matches('\u{feff}');
            assert_harmless(&format!("{name:?}"), &text.replace("\r\n", "\n"));
            for separator in [b',', b';', b'\t', b'|', b' '] {
                let mut reader = csv::ReaderBuilder::new()
                    .delimiter(separator)
                    .has_headers(false)
                    .flexible(true)
                    .from_reader(text.as_bytes());
                let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
                for cell in rows.iter().flatten() {
                    let begins = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
                    let runs = begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
                    // A dash between two blanks is alone in its cell.
                    assert!(
                        !runs || begins.len() == 1,
                        "{name:?} {form:?}: {cell:?} in {rows:?}"
                    );
                }
                if separator == b',' {
                    assert!(
                        rows.iter().all(|row| row.len() == rows[0].len()),
                        "{name:?} {form:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn names_cannot_steer_the_terminal() {
    let shelf = Shelf::new();
    evil().pack(&shelf.path("evil.c1z"));
    let ada = "ada.lovelace.1@example.com";
    for command in [
        &["stats"][..],
        &["resource-types"],
        &["resources"],
        &["entitlements"],
        &["grants"],
        &["principals"],
        &["access", ada],
        &["verify"],
    ] {
        let text = shelf.text(&[command, &["-f", "evil.c1z"]].concat());
        assert_harmless(&format!("{command:?}"), &text);
    }
    let resources = shelf.text(&["resources", "evil.c1z"]);
    assert!(resources.contains("evil\\u{1b}[2J"), "{resources}");
    // One row stays one line.
    assert_eq!(resources.lines().count(), 6, "{resources}");
}

#[test]
fn ids_and_types_and_e_mails_cannot_steer_the_terminal() {
    let shelf = Shelf::new();
    let harm = format!("char(27) || '[2J' || char({})", 0x202e);
    // Both people get the same address: their ids are told on standard error.
    let user_trait = [
        field(1, b"type.googleapis.com/c1.connector.v2.UserTrait"),
        field(2, &field(1, &field(1, "a\x1b[2J@\u{202e}".as_bytes()))),
    ]
    .concat();
    let message = [field(3, b"Evil"), field(4, &user_trait)].concat();
    evil()
        .with_blob(
            "update v1_resources set data = ?1 where resource_type_id = 'user'",
            &message,
        )
        // Blobs that repeat nothing of the columns contradict nothing.
        .sql(&format!(
            "update v1_resources set data = x'' where resource_type_id = 'role'; \
             update v1_entitlements set data = x''; update v1_grants set data = x''; \
             update v1_resources set external_id = external_id || {harm}; \
             update v1_resources set resource_type_id = 'role' || {harm} where id = 1; \
             update v1_entitlements set external_id = external_id || {harm}; \
             update v1_grants set external_id = external_id || {harm}, resource_type_id = 'x' || {harm}; \
             update v1_sync_runs set sync_type = 'full' || {harm}, parent_sync_id = {harm}; \
             create view \"view\x1b[2J\u{202e}\" as select 1"
        ))
        .pack(&shelf.path("evil.c1z"));
    for command in [
        &["stats"][..],
        &["resource-types"],
        &["resources"],
        &["entitlements"],
        &["grants"],
        &["principals"],
        &["access", "A\x1b[2J@\u{202e}"],
        &["access", "nobody\x1b[2J"],
        &["grants", "--sync-id", "none\x1b[2J\u{202e}"],
        &["verify"],
    ] {
        let run = shelf.run(&[command, &["-f", "evil.c1z"]].concat());
        let text = String::from_utf8(run.stdout).unwrap();
        assert_harmless(&format!("{command:?}"), &text);
        assert_harmless(&format!("{command:?}"), &run.stderr);
    }
    let several = shelf.run(&["access", "A\x1b[2J@\u{202e}", "evil.c1z"]);
    assert_eq!(several.code, 2, "{}", several.stderr);
}

#[test]
fn what_is_said_of_a_hostile_schema_cannot_steer_the_terminal() {
    let shelf = Shelf::new();
    Edited::golden(SMALL)
        .sql(
            "pragma writable_schema = on; insert into sqlite_schema (type, name, tbl_name, rootpage, sql) \
             values ('table', 'x' || char(27) || '[2J', 'x' || char(27) || '[2J', 3, 'create nonsense')",
        )
        .pack(&shelf.path("hostile.c1z"));
    for (command, code) in [("grants", 0), ("stats", 0), ("verify", 1)] {
        let run = shelf.run(&[command, "hostile.c1z"]);
        assert_eq!(run.code, code, "{run:?}");
        assert_harmless(command, &run.stderr);
        assert_harmless(command, &String::from_utf8(run.stdout).unwrap());
    }
}

#[test]
fn the_name_of_the_file_cannot_steer_the_terminal() {
    let shelf = Shelf::new();
    let name = "evil\x1b[2J\u{202e}.c1z";
    fs::copy(golden(SMALL), shelf.path(name)).unwrap();
    fs::write(shelf.path("bad\x1b[2J.c1z"), "no").unwrap();
    for args in [
        ["stats", name],
        ["verify", name],
        ["verify", "bad\x1b[2J.c1z"],
        ["grants", "bad\x1b[2J.c1z"],
        ["grants", "missing\x1b[2J.c1z"],
    ] {
        let run = shelf.run(&args);
        assert_harmless(&format!("{args:?}"), &run.stderr);
        assert_harmless(
            &format!("{args:?}"),
            &String::from_utf8(run.stdout).unwrap(),
        );
    }
}
