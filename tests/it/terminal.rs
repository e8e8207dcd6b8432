//! What reaches the screen or a pipe: no complaint of a reader who has seen enough, and the texts that the command line
//! makes of itself. What outside text may not do there is in `harmless.rs`.

use std::fs;
use std::process::Command;

use crate::support::{Edited, Sandbox, Shelf, golden, skip};

const SMALL: &str = "small.c1z";

/// Every command that reads, in each of its forms.
const COMMANDS: [&[&str]; 17] = [
    &["stats"],
    &["stats", "-o", "json"],
    &["resource-types"],
    &["resources"],
    &["entitlements"],
    &["grants"],
    &["principals"],
    &["grants", "-o", "json"],
    &["access", "henrik@example.com"],
    &["access", "henrik@example.com", "-o", "json"],
    &["verify"],
    &["export", "csv"],
    &["export", "csv", "--table", "users"],
    &["export", "csv", "--table", "roles"],
    &["export", "csv", "--table", "grants"],
    &["export", "json"],
    &["export", "ndjson"],
];

#[test]
fn output_in_a_pipe_has_no_escape_sequences() {
    let shelf = Shelf::with_demo();
    // But for CSV, where values stay as they are: one of the sample's names is hostile.
    for command in COMMANDS.iter().filter(|words| !words.contains(&"csv")) {
        let text = shelf.text(&[command, &["-f", "demo.c1z"][..]].concat());
        assert!(!text.contains('\x1b'), "{command:?}");
    }
    let run = shelf.run(&["grants", "missing.c1z"]);
    assert!(!run.stderr.contains('\x1b'), "{}", run.stderr);
}

#[test]
fn lines_in_a_pipe_are_not_cut() {
    let shelf = Shelf::with_demo();
    for list in ["grants", "resources", "entitlements"] {
        assert!(
            !shelf.text(&[list, "-f", "demo.c1z"]).contains('…'),
            "{list}"
        );
    }
}

/// What the program ends with when the reader of its pipe has gone before it writes.
fn code_without_reader(shelf: &Shelf, args: &[&str]) -> (i32, String) {
    let run = shelf.sandbox.program(args).run_with_stdout_closed();
    shelf.sandbox.assert_no_litter();
    (run.code, run.stderr)
}

#[test]
fn an_exit_code_survives_the_reader_of_the_answer() {
    let shelf = Shelf::with_demo()
        .with_golden("invalid-time-text.c1z")
        .with_golden("corrupt-truncated.c1z");
    let later = ["sync", "--demo=later", "-f", "later.c1z"];
    shelf.sandbox.program(&later).run().succeeds();
    Edited::of(&shelf.path("demo.c1z"))
        .sql("update v1_sync_runs set started_at = '2001-01-01 00:00:00', ended_at = '2001-01-01 00:00:00'")
        .pack(&shelf.path("old.c1z"));
    const NOT_ARRIVED: &str = "error: standard output was closed before everything was written\n";
    let cases: [(&[&str], i32, &str); 26] = [
        // Verdicts.
        (&["diff", "demo.c1z", "later.c1z"], 1, ""),
        (&["diff", "-o", "json", "demo.c1z", "later.c1z"], 1, ""),
        (&["diff", "-o", "ndjson", "demo.c1z", "later.c1z"], 1, ""),
        (&["diff", "-o", "markdown", "demo.c1z", "later.c1z"], 1, ""),
        (&["diff", "--print-accept", "demo.c1z", "later.c1z"], 1, ""),
        (&["diff", "demo.c1z", "demo.c1z"], 0, ""),
        (&["verify", "demo.c1z"], 0, ""),
        (&["verify", "invalid-time-text.c1z"], 1, ""),
        (&["verify", "-o", "json", "invalid-time-text.c1z"], 1, ""),
        (&["verify", "corrupt-truncated.c1z", "demo.c1z"], 15, ""),
        (&["stats", "--max-age", "26h", "demo.c1z"], 0, ""),
        (&["stats", "--max-age", "26h", "old.c1z"], 1, "`old.c1z`: "),
        (&["check", "--demo"], 0, ""),
        (
            &["check", "--demo", "-f", "invalid-time-text.c1z"],
            9,
            "error: ",
        ),
        // Lists.
        (&["grants", "demo.c1z"], 0, ""),
        (&["grants", "-o", "json", "demo.c1z"], 0, ""),
        (&["stats", "demo.c1z"], 0, ""),
        (&["access", "henrik@example.com", "demo.c1z"], 0, ""),
        (&["grants", "corrupt-truncated.c1z"], 15, "error: "),
        (&["man"], 0, ""),
        (&["completions", "bash"], 0, ""),
        // Products.
        (&["sync", "--demo", "-f", "-"], 2, NOT_ARRIVED),
        (&["export", "csv", "demo.c1z"], 2, NOT_ARRIVED),
        (&["export", "json", "demo.c1z"], 2, NOT_ARRIVED),
        (&["export", "ndjson", "demo.c1z"], 2, NOT_ARRIVED),
        (&["export", "csv", "demo.c1z", "--out", "out.csv"], 0, ""),
    ];
    for (args, code, says) in cases {
        let (ended, stderr) = code_without_reader(&shelf, args);
        assert_eq!(ended, code, "{args:?}: {stderr}");
        assert!(stderr.starts_with(says), "{args:?}: {stderr}");
        assert_eq!(stderr.is_empty(), says.is_empty(), "{args:?}: {stderr}");
    }
}

/// The exit code of the program in a pipe, and what is said on standard error.
fn piped(shelf: &Shelf, args: &str, reader: &str) -> (i32, String) {
    let script = format!("{{ \"$0\" {args}; echo $? >code; }} {reader}");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_posthog-c1z")])
        .current_dir(shelf.path(""))
        .output()
        .unwrap();
    let code = fs::read_to_string(shelf.path("code")).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (code.trim().parse().unwrap(), stderr)
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /dev/full")]
fn product_that_did_not_arrive_whole_is_a_failure() {
    let shelf = Shelf::with_demo();
    for product in [
        "sync --demo -f -",
        "export csv demo.c1z",
        "export json demo.c1z",
    ] {
        for (reader, code) in [
            ("| cat >out", 0),
            (">out", 0),
            (">/dev/null", 0),
            ("| true", 2),
            ("| head -c 100 >/dev/null", 2),
            (">&-", 2),
            (">/dev/full", 2),
        ] {
            let (ended, stderr) = piped(&shelf, product, reader);
            assert_eq!(ended, code, "{product} {reader}: {stderr}");
            let has_failed = stderr.contains("error: ");
            assert_eq!(has_failed, code != 0, "{product} {reader}: {stderr}");
        }
    }
    for list in [
        "grants demo.c1z",
        "resources -o json demo.c1z",
        "stats demo.c1z",
    ] {
        for (reader, code) in [
            ("| head -n 1", 0),
            ("| true", 0),
            (">&-", 0),
            (">/dev/full", 2),
        ] {
            let (ended, stderr) = piped(&shelf, list, reader);
            assert_eq!(ended, code, "{list} {reader}: {stderr}");
        }
    }
}

#[test]
fn a_snapshot_is_not_written_to_a_terminal() {
    let sandbox = Sandbox::new();
    let (code, text) = sandbox
        .program(&["sync", "--demo", "-f", "-"])
        .run_on_terminal();
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("is not written to a terminal"), "{text}");
}

#[test]
fn options_that_need_a_file_are_refused_where_there_is_none() {
    let sandbox = Sandbox::new();
    for options in [
        &["--latest", "latest.c1z"][..],
        &["--keep-last", "3"],
        &["--keep-last", "3", "--dry-run"],
        &["--keep-rejected"],
        &["--accept-incomplete"],
        &["--max-shrink", "50"],
        &["--force"],
        &["--mode", "0640"],
        &["--wait", "5"],
    ] {
        for command in [
            &["-f", "-"][..],
            &["sync", "-f", "-"],
            &["check", "-f", "-"],
        ] {
            let run = sandbox
                .program(&[command, &["--demo"], options].concat())
                .run();
            assert_eq!(run.code, 2, "{options:?}: {}", run.stderr);
            let says = format!("`{}` needs a file", options[0]);
            assert!(run.stderr.contains(&says), "{options:?}: {}", run.stderr);
        }
    }
    assert_eq!(sandbox.files(), [""; 0]);
}

#[test]
fn completions_know_every_command() {
    let shelf = Shelf::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = shelf.text(&["completions", shell]);
        for word in [
            "resource-types",
            "principals",
            "verify",
            "ndjson",
            "sync-id",
        ] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    let run = shelf.run(&["completions", "no-such-shell"]);
    assert_eq!(run.code, 2);
    assert!(run.stdout.is_empty());
}

#[test]
fn bash_takes_its_completions() {
    let shelf = Shelf::new();
    fs::write(
        shelf.path("done.bash"),
        shelf.text(&["completions", "bash"]),
    )
    .unwrap();
    let Ok(output) = Command::new("bash")
        .args([
            "--norc",
            "-c",
            "source ./done.bash && complete -p posthog-c1z",
        ])
        .current_dir(shelf.path(""))
        .output()
    else {
        skip("bash is not installed");
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("posthog-c1z"), "{text}");
}

#[test]
fn the_manual_is_roff_with_a_page_for_each_command() {
    let text = Shelf::new().text(&["man"]);
    let heads: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with(".TH "))
        .collect();
    assert!(heads[0].starts_with(".TH posthog-c1z 1"), "{heads:?}");
    for command in [
        "stats",
        "grants",
        "access",
        "verify",
        "export",
        "completions",
    ] {
        assert!(
            heads
                .iter()
                .any(|head| head.contains(&format!("-{command} "))),
            "{command} in {heads:?}"
        );
    }
    assert!(text.contains(".SH OPTIONS"));
    // A control line is a dot and a request; anything else would be lost.
    for line in text.lines().filter(|line| line.starts_with('.')) {
        let request = line[1..].split(' ').next().unwrap();
        assert!(
            [
                "TH", "SH", "SS", "TP", "PP", "IP", "RS", "RE", "br", "ie", "el", "B", "I"
            ]
            .contains(&request),
            "{line}"
        );
    }
}

#[test]
fn the_age_of_a_snapshot_goes_through_the_real_clock_and_the_exit_code() {
    let shelf = Shelf::with_demo();
    Edited::of(&shelf.path("demo.c1z"))
        .sql("update v1_sync_runs set started_at = '2001-01-01 00:00:00', ended_at = '2001-01-01 00:00:00'")
        .pack(&shelf.path("old.c1z"));
    let code = |args: &[&str]| shelf.run(args).code;
    assert_eq!(code(&["stats", "--max-age", "26h", "demo.c1z"]), 0);
    assert_eq!(code(&["stats", "--max-age", "26h", "old.c1z"]), 1);
    assert_eq!(code(&["stats", "old.c1z"]), 0);
    let unfinished = shelf.with_golden("unfinished.c1z");
    unfinished
        .run(&["stats", "--max-age", "26h", "unfinished.c1z"])
        .fails(15, &["unfinished.c1z"]);
    for nonsense in ["yesterday", "-1h", "", "26x"] {
        let run = unfinished.run(&["stats", "--max-age", nonsense, "old.c1z"]);
        assert_eq!(run.code, 2, "{nonsense}");
    }
}

#[test]
fn stats_counts_itself_and_tells_a_wrong_column() {
    let shelf = Shelf::new().with_golden(SMALL);
    Edited::golden(SMALL)
        .sql("update v1_sync_runs set stats = json_set(stats, '$.grants', 777)")
        .pack(&shelf.path("wrong.c1z"));
    let good = shelf.json(&["stats", "-o", "json", SMALL]);
    let wrong = shelf.json(&["stats", "-o", "json", "wrong.c1z"]);
    assert_eq!(good["wrong_stats"], serde_json::Value::Null);
    assert_eq!(wrong["counts"], good["counts"]);
    assert_eq!(wrong["counts"][0]["grants"], 4);
    let told = wrong["wrong_stats"].as_str().unwrap();
    assert!(
        told.contains("777") && told.contains("but there are 4"),
        "{told}"
    );

    let text = shelf.text(&["stats", "wrong.c1z"]);
    let warning = text.lines().find(|line| line.starts_with("warning "));
    assert!(warning.unwrap().contains("777"), "{text}");
    assert!(!shelf.text(&["stats", SMALL]).contains("warning"));
    let row = text.lines().last().unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["user", "3", "0", "0"], "{text}");
}

#[test]
fn stats_tells_format_sizes_digest_and_each_sync_run() {
    let shelf = Shelf::new().with_golden("two-syncs.c1z");
    let stats = shelf.json(&["stats", "-o", "json", "two-syncs.c1z"]);
    assert_eq!(stats["schema"], "posthog-c1z.stats");
    assert_eq!(stats["schema_version"], 1);
    assert_eq!(
        (&stats["format"], &stats["file"]),
        (&"v1".into(), &"two-syncs.c1z".into())
    );
    assert_eq!(stats["bytes"], 10_270);
    let decoded = crate::support::decoded(&fs::read(golden("two-syncs.c1z")).unwrap());
    assert_eq!(stats["decoded_bytes"], decoded.len());
    assert!(stats["content_digest"].as_str().unwrap().starts_with("v1:"));
    assert_eq!(
        stats["counts"],
        serde_json::json!([
            {"resource_type": "role", "resources": 3, "entitlements": 3, "grants": 20},
            {"resource_type": "user", "resources": 12, "entitlements": 0, "grants": 0},
        ])
    );
    let runs = stats["sync_runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert!(
        runs.iter()
            .all(|run| run["type"] == "full" && run["ended_at"].is_string())
    );
}

#[test]
fn evidence_is_printed_whole_where_there_is_some() {
    let shelf = Shelf::with_demo().with_golden(SMALL);
    let evidence = shelf.json(&["stats", "--evidence", "demo.c1z"]);
    let stats = shelf.json(&["stats", "-o", "json", "demo.c1z"]);
    assert_eq!(evidence, stats["evidence"]);
    assert_eq!(evidence["content_digest"], stats["content_digest"]);
    let run = shelf.run(&["stats", "--evidence", SMALL]);
    run.fails(2, &[SMALL, "no evidence"]);
    assert_eq!(
        shelf.json(&["stats", "-o", "json", SMALL])["evidence"],
        serde_json::Value::Null
    );
}

#[test]
fn address_in_the_environment_does_not_stand_in_the_way_of_the_demo() {
    let sandbox = Sandbox::new();
    let variables = |args: &[&str]| {
        sandbox
            .program(args)
            .env("BATON_BASE_URL", "http://127.0.0.1:1/api/organizations/o1")
            .env("BATON_API_TOKEN_FILE", "no-such-file")
    };
    for args in [&["--demo"][..], &["sync", "--demo"]] {
        variables(args).run().succeeds();
    }
    for option in ["--base-url", "--api-token-file"] {
        for args in [
            &["--demo", option, "x"][..],
            &["check", "--demo", option, "x"],
        ] {
            let run = variables(args).run();
            assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
            let conflict = format!("`{option}` cannot be used with `--demo`");
            assert!(run.stderr.contains(&conflict), "{args:?}: {}", run.stderr);
        }
    }
}

#[test]
fn two_organizations_at_once_are_refused() {
    let sandbox = Sandbox::new();
    let whole = "http://127.0.0.1:1/api/organizations/o1";
    let program = |args: &[&str]| sandbox.program(args).env("BATON_API_TOKEN", "phx_key");
    let both = program(&["--base-url", whole, "--organization", "o2"]).run();
    both.fails(2, &["`o1`", "--organization names `o2`"]);
    let address = program(&["--organization", "o2"]).env("BATON_BASE_URL", whole);
    address
        .run()
        .fails(2, &["`o1`", "--organization names `o2`"]);
    // One organization named twice, and a variable that is for other addresses: on to the server, which is not there.
    let same = program(&[
        "--base-url",
        whole,
        "--organization",
        "O1",
        "--retries",
        "0",
    ]);
    same.run().fails(14, &["refused"]);
    let variable =
        program(&["--base-url", whole, "--retries", "0"]).env("POSTHOG_ORGANIZATION_ID", "o2");
    variable.run().fails(14, &["refused"]);
}

#[test]
fn option_of_service_mode_is_named_and_its_value_is_not() {
    let sandbox = Sandbox::new();
    for option in ["--client-id", "--client-secret", "--host-id"] {
        for args in [
            &[option, "hunter2"][..],
            &["sync", option, "hunter2"],
            &["check", option, "hunter2"],
            &[option, "hunter2", "stats"],
        ] {
            let run = sandbox.program(args).run();
            assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
            let refusal =
                format!("error: {option} is not supported: this tool is offline and read-only\n");
            assert!(run.stderr.starts_with(&refusal), "{args:?}: {}", run.stderr);
            assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
        }
    }
}

#[test]
fn form_that_a_command_does_not_have_is_refused_and_not_ignored() {
    let shelf = Shelf::new().with_golden(SMALL);
    for command in [
        &["sync", "--demo"][..],
        &["--demo"],
        &["export", "csv", SMALL],
        &["completions", "bash"],
        &["man"],
    ] {
        for form in ["json", "ndjson", "markdown"] {
            for args in [
                [&["-o", form][..], command].concat(),
                [command, &["--output", form]].concat(),
            ] {
                let run = shelf.run(&args);
                assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
                let refusal = "takes no --output-format";
                assert!(run.stderr.contains(refusal), "{args:?}: {}", run.stderr);
                assert_eq!(run.stdout, b"");
            }
            // For other commands it may be set.
            let program = shelf.sandbox.program(command);
            program.env("BATON_OUTPUT_FORMAT", form).run().succeeds();
        }
        shelf
            .run(&[command, &["-o", "console"]].concat())
            .succeeds();
    }
}
