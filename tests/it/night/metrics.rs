//! The metrics file: written whatever becomes of a run, with what is known and nothing else, and never at the run's expense.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use posthog_c1z::model::Timestamp;
use regex::Regex;

use super::{ALWAYS, CALM_REQUESTS, as_usual, at, calm};
use crate::support::{
    Answer, KEY, Night, Program, Reply, Run, SURROUNDINGS, Sandbox, assert_without_key, member,
    organization_id, refusal,
};

const LAST_SUCCESS: &str = "last_success_timestamp_seconds";
const LAST_FAILURE: &str = "last_failure_timestamp_seconds";

/// Figures by name, without the prefix, and severity.
type Figures = BTreeMap<String, f64>;

/// Reads a metrics file as strictly as Prometheus' own tools do, and more: all must be gauges of this program with the same
/// organization. Returns that, and the figures.
#[track_caller]
fn parsed(text: &str) -> (String, Figures) {
    let name = "posthog_c1z_[a-z0-9]+(?:_[a-z0-9]+)*";
    let sample = format!(
        r#"^({name})(?:\{{organization="((?:[^"\\\n]|\\[\\"n])*)"(?:,severity="(high|medium|low)")?\}})? ([0-9]+(?:\.[0-9]+)?)$"#
    );
    let help = Regex::new(&format!(r"^# HELP ({name}) ([A-Z][^\\]*\.)$")).unwrap();
    let kind = Regex::new(&format!("^# TYPE ({name}) gauge$")).unwrap();
    let sample = Regex::new(&sample).unwrap();
    assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text}");
    assert!(!text.contains('\r'), "{text}");

    let mut described: Vec<String> = Vec::new();
    let mut organizations: Vec<String> = Vec::new();
    let mut figures = Figures::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        // The description comes first and once, then the type, then every sample.
        let of = help.captures(line).unwrap_or_else(|| panic!("{line}"))[1].to_owned();
        assert!(!described.contains(&of), "{of} twice:\n{text}");
        // Only a counter ends so.
        for ending in ["_total", "_count", "_sum", "_bucket"] {
            assert!(!of.ends_with(ending), "{of}");
        }
        let line = lines.next().unwrap();
        assert_eq!(kind.captures(line).unwrap()[1], of, "{text}");
        let mut samples = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let found = sample.captures(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(found[1], of, "{text}");
            let label = |at| found.get(at).map_or("", |label| label.as_str());
            organizations.push(label(2).to_owned());
            let mut name = of.strip_prefix("posthog_c1z_").unwrap().to_owned();
            assert_eq!(name == "findings", found.get(3).is_some(), "{line}");
            if let Some(severity) = found.get(3) {
                name = severity.as_str().to_owned();
            }
            let value: f64 = found[4].parse().unwrap();
            assert_eq!(figures.insert(name, value), None, "{line} twice");
            samples += 1;
        }
        assert!(samples > 0, "no {of}:\n{text}");
        described.push(of);
    }
    organizations.dedup();
    assert_eq!(organizations.len(), 1, "{text}");
    ask_promtool(text);
    (organizations.remove(0), figures)
}

/// What Prometheus' own checker has to say, where it is installed. [`parsed`] is there everywhere.
#[track_caller]
fn ask_promtool(text: &str) {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        return;
    };
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A folder in which crawls write `sync.prom`.
struct Watched {
    sandbox: Sandbox,
}

impl Watched {
    fn new() -> Self {
        Self {
            sandbox: Sandbox::new(),
        }
    }

    fn program(&self, night: &Night, args: &[&str]) -> Program {
        let args = [&["--metrics-file", "sync.prom"], args].concat();
        self.sandbox.crawl_at(&night.base_url(), &args)
    }

    /// Crawls [`calm`].
    fn crawl(&self, args: &[&str]) -> Run {
        self.program(&calm().serve_by(as_usual), args).run()
    }

    /// Crawls [`calm`] without success: the key is rejected.
    fn fail(&self) {
        self.program(&refusing(), &[]).run().fails(16, &[]);
    }

    fn text(&self) -> String {
        fs::read_to_string(self.sandbox.path("sync.prom")).unwrap()
    }

    /// The figures of the file, which must be of the organization that all tests crawl.
    #[track_caller]
    fn figures(&self) -> Figures {
        let (organization, figures) = parsed(&self.text());
        assert_eq!(organization, organization_id());
        figures
    }

    /// Puts a file of an earlier run in place.
    fn put(&self, text: impl AsRef<[u8]>) {
        fs::write(self.sandbox.path("sync.prom"), text).unwrap();
    }
}

/// A PostHog that rejects the key.
fn refusing() -> Night {
    let rejected = || {
        let body = refusal("authentication_error", "authentication_failed", "no");
        Reply::Give(Answer::json(401, &body))
    };
    calm().serve_by(move |_, _| rejected())
}

/// A line of a metrics file of the organization that all tests crawl.
fn line(name: &str, value: &str) -> String {
    let organization = organization_id();
    format!("posthog_c1z_{name}{{organization=\"{organization}\"}} {value}\n")
}

#[track_caller]
fn assert_now(time: Option<&f64>) {
    let now = Timestamp::now().unix_seconds() as f64;
    assert!(
        time.is_some_and(|time| (now - 60.0..=now).contains(time)),
        "{time:?} at {now}"
    );
}

/// The names of what is known.
fn names(figures: &Figures) -> Vec<&str> {
    figures.keys().map(String::as_str).collect()
}

/// Figures of every run.
const OF_RUN: [&str; 4] = ["duration_seconds", "exit_code", "requests", "retries"];

#[test]
fn success_leaves_its_time_and_the_figures_of_the_snapshot() {
    let watched = Watched::new();
    watched.crawl(&[]).succeeds_silently();
    let figures = watched.figures();
    assert_eq!(
        names(&figures),
        [
            "duration_seconds",
            "exit_code",
            "grants",
            LAST_SUCCESS,
            "requests",
            "retries",
            "roles",
            "snapshot_bytes",
            "users",
        ]
    );
    assert_now(figures.get(LAST_SUCCESS));
    let bytes = fs::metadata(watched.sandbox.path("sync.c1z"))
        .unwrap()
        .len();
    for (name, value) in [
        ("exit_code", 0),
        ("requests", (CALM_REQUESTS + SURROUNDINGS.len()) as u64),
        ("retries", 0),
        ("users", 7),
        ("roles", 2),
        ("grants", 3),
        ("snapshot_bytes", bytes),
    ] {
        assert_eq!(figures[name], value as f64, "{name}");
    }
    assert!(figures["duration_seconds"] < 60.0);
    let path = watched.sandbox.path("sync.prom");
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "the collector runs as another user");
    assert_eq!(watched.sandbox.files(), ["sync.c1z", "sync.prom"]);
    watched.sandbox.assert_no_litter();
}

#[test]
fn retries_are_counted() {
    let watched = Watched::new();
    let night = calm().serve_by(at("members/", 2, || Reply::Reset));
    watched.program(&night, &[]).run().succeeds_silently();
    let figures = watched.figures();
    assert_eq!(figures["retries"], 2.0);
    assert_eq!(
        figures["requests"],
        night.asked_for_everything().len() as f64
    );
}

#[test]
fn what_was_not_read_is_absent() {
    let watched = Watched::new();
    watched.crawl(&["--without-roles"]).succeeds_silently();
    let figures = watched.figures();
    assert_eq!(figures["users"], 7.0);
    assert!(!figures.contains_key("roles") && !figures.contains_key("grants"));
}

#[test]
fn failure_leaves_its_time_and_nothing_that_is_not_known() {
    let watched = Watched::new();
    watched.fail();
    let figures = watched.figures();
    assert_eq!(
        names(&figures),
        [OF_RUN[0], OF_RUN[1], LAST_FAILURE, OF_RUN[2], OF_RUN[3]]
    );
    assert_now(figures.get(LAST_FAILURE));
    assert_eq!(figures["exit_code"], 16.0);
    assert_eq!(figures["requests"], 1.0);
}

#[test]
fn every_failure_is_recorded_with_its_exit_code() {
    let as_ever = || calm().serve_by(as_usual);
    let watched = Watched::new();
    watched.crawl(&[]).succeeds_silently();
    let run = |program: Program, code: i32| {
        let before = watched.figures();
        program.run().fails(code, &[]).assert_keeps_the_key();
        let figures = watched.figures();
        assert_eq!(figures["exit_code"], f64::from(code));
        for name in [LAST_SUCCESS, "users", "roles", "grants", "snapshot_bytes"] {
            assert_eq!(figures[name], before[name], "{code}: {name}");
        }
    };
    // No key, a time limit, a guard, a setting, a folder that does not exist.
    let keyless = watched.program(&as_ever(), &[]);
    run(keyless.without_env("BATON_API_TOKEN"), 3);
    let short = watched.program(&as_ever(), &["--max-duration", "0s"]);
    run(short, 4);
    let fewer = crate::support::Organization::new()
        .members([member(1)])
        .serve_by(as_usual);
    run(watched.program(&fewer, &["--max-shrink", "0"]), 9);
    run(watched.program(&as_ever(), &["-f", "{month}.c1z"]), 2);
    run(watched.program(&as_ever(), &["-f", "none/sync.c1z"]), 2);
    assert_eq!(watched.sandbox.files(), ["sync.c1z", "sync.prom"]);
}

#[test]
fn last_success_and_last_failure_are_carried_over() {
    let watched = Watched::new();
    watched.crawl(&[]).succeeds_silently();
    let old = watched.text().replace(
        &line(LAST_SUCCESS, &watched.figures()[LAST_SUCCESS].to_string()),
        &line(LAST_SUCCESS, "1700000000"),
    );
    watched.put(&old);
    watched.fail();
    let failed = watched.figures();
    assert_eq!(failed[LAST_SUCCESS], 1_700_000_000.0);
    assert_now(failed.get(LAST_FAILURE));
    assert_eq!(failed["users"], 7.0);

    watched.crawl(&[]).succeeds_silently();
    let figures = watched.figures();
    assert_now(figures.get(LAST_SUCCESS));
    assert_eq!(figures[LAST_FAILURE], failed[LAST_FAILURE]);
}

#[test]
fn run_without_an_address_keeps_the_label_of_the_old_file() {
    let watched = Watched::new();
    let nowhere = |watched: &Watched| {
        let program = watched.program(&refusing(), &[]);
        let run = program.without_env("BATON_BASE_URL").run();
        run.fails(3, &["no address given"]);
    };
    nowhere(&watched);
    let (organization, figures) = parsed(&watched.text());
    assert_eq!((&*organization, figures["exit_code"]), ("", 3.0));

    watched.crawl(&[]).succeeds_silently();
    nowhere(&watched);
    assert!(watched.figures().contains_key(LAST_SUCCESS));
}

#[test]
fn current_organization_is_labeled_with_its_id() {
    let watched = Watched::new();
    let night = calm().serve_by(as_usual);
    let address = night.base_url().replace(organization_id(), "@current");
    let args = ["--metrics-file", "sync.prom"];
    let crawl = || watched.sandbox.crawl_at(&address, &args);
    crawl().run().succeeds_silently();
    watched.figures();
    crawl()
        .env("BATON_API_TOKEN", "phx_another")
        .run()
        .fails(16, &[]);
    assert_eq!(watched.figures()["exit_code"], 16.0);
}

#[test]
fn run_that_finds_another_in_progress_leaves_the_file_to_that() {
    let watched = Watched::new();
    for old in [None, Some("whatever is there")] {
        if let Some(old) = old {
            watched.put(old);
        }
        let lock = File::create(watched.sandbox.path(".sync.c1z.lock")).unwrap();
        lock.lock().unwrap();
        watched.crawl(&[]).fails(10, &["is held by another run"]);
        let path = watched.sandbox.path("sync.prom");
        assert_eq!(fs::read_to_string(path).ok().as_deref(), old);
    }
}

#[test]
fn run_that_a_signal_ends_leaves_the_file_as_it_was() {
    let watched = Watched::new();
    watched.crawl(&[]).succeeds_silently();
    let before = watched.text();
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let night = calm().serve_by(at("members/", ALWAYS, || Reply::Hang(vec![])));
        let running = watched.program(&night, &[]).start();
        night.wait_for("members/");
        running.signal(signal);
        assert_eq!(running.wait().code, code);
        assert_eq!(watched.text(), before);
    }
    assert_eq!(watched.sandbox.files(), ["sync.c1z", "sync.prom"]);
}

#[test]
fn what_cannot_be_read_of_an_old_file_is_ignored_with_a_warning() {
    let now = Timestamp::now().unix_seconds();
    let ahead = line(LAST_SUCCESS, &(now + 86_400).to_string());
    let of_another = line(LAST_SUCCESS, "1700000000").replace(organization_id(), "another");
    let cases: [(&str, &[u8], &str); 6] = [
        ("bytes", b"\xff\xfe\0\0{", "1 line of"),
        ("words", b"once\nupon\na time", "3 lines of"),
        ("ahead of the clock", ahead.as_bytes(), "1 line of"),
        ("another organization", of_another.as_bytes(), "1 line of"),
        ("another program", b"node_load1 5\n", "1 line of"),
        ("long", &[b'x'; 100_000], "1 line of"),
    ];
    for (what, old, says) in cases {
        let watched = Watched::new();
        watched.put(old);
        let run = watched.program(&refusing(), &[]).run();
        assert_eq!(run.code, 16, "{what}: {}", run.stderr);
        let warning = run.stderr.lines().next().unwrap();
        assert_eq!(
            warning,
            format!(
                "warning: {says} the old metrics file `sync.prom` cannot be used and are not carried over"
            ),
            "{what}"
        );
        assert!(!watched.figures().contains_key(LAST_SUCCESS), "{what}");
        // Once.
        watched.fail();
    }
    // Beside what cannot be read, the rest counts.
    let watched = Watched::new();
    watched.put(format!("?\n{}", line(LAST_SUCCESS, "1.7e9")));
    assert_eq!(watched.program(&refusing(), &[]).run().code, 16);
    assert_eq!(watched.figures()[LAST_SUCCESS], 1_700_000_000.0);
    // Nothing is wrong with an empty file.
    watched.put("");
    watched.fail();
}

#[test]
fn file_that_cannot_be_written_is_a_warning() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("shelf")).unwrap();
    sandbox.sync_to("other.c1z");
    symlink("other.c1z", sandbox.path("link.prom")).unwrap();
    let snapshot = fs::read(sandbox.path("other.c1z")).unwrap();
    let night = calm().serve_by(as_usual);
    for (path, says) in [
        ("none/x.prom", "`none`"),
        ("shelf", "directory"),
        ("/dev/null", "not a regular file"),
        ("link.prom", "it is a snapshot"),
    ] {
        let crawl = |args: &[&str]| {
            let args = [&["--metrics-file", path], args].concat();
            sandbox.crawl_at(&night.base_url(), &args)
        };
        let run = crawl(&[]).run().succeeds();
        assert!(run.stdout.is_empty());
        let begins = format!("warning: the metrics file `{path}` cannot be written: ");
        assert!(run.stderr.starts_with(&begins), "{}", run.stderr);
        assert!(run.stderr.contains(says), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        crawl(&["-q"]).run().succeeds_silently();
        let logged = crawl(&["--log-format", "json"]).run().succeeds();
        assert_eq!(logged.json_lines()[0]["level"], "WARN");
        // Nor does it hide how a run failed.
        let run = crawl(&["--max-duration", "0s"]).run();
        assert_eq!(run.code, 4, "{}", run.stderr);
    }
    assert_eq!(fs::read(sandbox.path("other.c1z")).unwrap(), snapshot);
    assert_eq!(
        sandbox.files(),
        ["link.prom", "other.c1z", "shelf", "sync.c1z"]
    );
    sandbox.assert_no_litter();
}

impl Sandbox {
    /// Crawls [`calm`] to a file of this name.
    fn sync_to(&self, name: &str) {
        let night = calm().serve_by(as_usual);
        let program = self.crawl_at(&night.base_url(), &["-f", name]);
        program.run().succeeds_silently();
    }
}

#[test]
fn file_of_a_snapshot_is_refused() {
    let sandbox = Sandbox::new();
    let night = calm().serve_by(as_usual);
    for args in [
        &["--metrics-file", "sync.c1z"][..],
        &["-f", "x", "--metrics-file", "x"],
        &["--latest", "x", "--metrics-file", "x"],
        &["check", "-f", "x", "--metrics-file", "x"],
    ] {
        let run = sandbox.crawl_at(&night.base_url(), args).run();
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains("--metrics-file"), "{}", run.stderr);
    }
    assert_eq!(sandbox.files(), [""; 0]);
    assert_eq!(night.asked_for_everything(), [""; 0]);
}

#[test]
fn dry_run_writes_no_metrics() {
    let sandbox = Sandbox::new();
    let args = ["-f", "{date}.c1z", "--keep-last", "3", "--dry-run"];
    let args = [&args[..], &["--metrics-file", "x.prom", "--audit"]].concat();
    let night = calm().serve_by(as_usual);
    sandbox.crawl_at(&night.base_url(), &args).run().succeeds();
    assert_eq!(sandbox.files(), [""; 0]);
}

#[test]
fn snapshot_on_standard_output_has_metrics_too() {
    let watched = Watched::new();
    let run = watched.crawl(&["-f", "-"]).succeeds();
    assert_eq!(watched.figures()["snapshot_bytes"], run.stdout.len() as f64);
    // What did not arrive is a failure.
    let night = calm().serve_by(as_usual);
    let run = watched
        .program(&night, &["-f", "-"])
        .run_with_stdout_closed();
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert_eq!(watched.figures()["exit_code"], 2.0);
}

#[test]
fn audit_adds_its_findings_by_severity() {
    let watched = Watched::new();
    watched.crawl(&["--audit"]).succeeds_silently();
    let figures = watched.figures();
    let listed = watched
        .sandbox
        .program(&["audit", "-o", "json", "sync.c1z", "--fail-on", "none"])
        .run()
        .succeeds();
    let audit: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    for severity in ["high", "medium", "low"] {
        let count = audit["summary"][severity].as_f64().unwrap();
        assert_eq!(figures[severity], count, "{severity}");
    }
    assert!(figures["low"] + figures["medium"] > 0.0, "{figures:?}");

    // They are of the snapshot, which is still there after a failure.
    watched.fail();
    let failed = watched.figures();
    assert_eq!(failed["low"], figures["low"]);
    // Without an audit, nothing is known of a new one.
    watched.crawl(&[]).succeeds_silently();
    assert!(!watched.figures().contains_key("low"));
}

#[test]
fn audit_takes_rules_and_a_roster() {
    let watched = Watched::new();
    let (rules, roster) = (
        "dormant_days = 1\n[rules]\ndormant-member = \"high\"\n[[accept]]\ncode = \"dormant-member\"\nsubject = \"user1@example.com\"\nreason = \"known\"\n",
        "Mail;Gone\nuser1@example.com;\n;\nuser2@example.com;01.02.2020\n",
    );
    fs::write(watched.sandbox.path("rules.toml"), rules).unwrap();
    fs::write(watched.sandbox.path("hr.csv"), roster).unwrap();
    let by_rules = ["--audit", "--rules", "rules.toml"];
    watched.crawl(&by_rules).succeeds_silently();
    // Of seven, all dormant, one is accepted.
    assert_eq!(watched.figures()["high"], 6.0);
    let by_roster = [
        &by_rules[..],
        &["--roster", "hr.csv", "--roster-left", "Gone"],
        &["--roster-date-format", "dd.mm.yyyy"],
    ];
    watched.crawl(&by_roster.concat()).succeeds_silently();
    // Five are not in it, one has left.
    assert_eq!(watched.figures()["high"], 12.0);
}

#[test]
fn audit_that_fails_is_a_warning_before_the_first_request() {
    let watched = Watched::new();
    fs::write(watched.sandbox.path("wrong.toml"), "no_such_key = 1").unwrap();
    fs::write(watched.sandbox.path("wrong.csv"), "Name\nAnn\n").unwrap();
    for (args, says) in [
        (["--rules", "none.toml"], "the rules file `none.toml`"),
        (["--rules", "wrong.toml"], "no_such_key"),
        (["--roster", "wrong.csv"], "the roster `wrong.csv`"),
    ] {
        let args = [&["--audit"], &args[..]].concat();
        let run = watched.crawl(&args).succeeds();
        assert!(run.stdout.is_empty());
        assert!(
            run.stderr
                .starts_with("warning: the snapshot is not audited: "),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains(says), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        let figures = watched.figures();
        assert_eq!((figures["exit_code"], figures.get("high")), (0.0, None));

        // Before the crawl, which fails.
        let run = watched.program(&refusing(), &args).run();
        assert_eq!(run.code, 16, "{}", run.stderr);
        assert!(run.stderr.starts_with("warning: "), "{}", run.stderr);
    }
}

#[test]
fn findings_are_shown_on_a_terminal_and_in_the_log() {
    let watched = Watched::new();
    let night = calm().serve_by(as_usual);
    let program = watched.sandbox.crawl_at(&night.base_url(), &["--audit"]);
    let (code, shown) = program.run_on_terminal();
    assert_eq!(code, 0, "{shown}");
    let line = Regex::new(r"(?m)^audit +\d+ high, \d+ medium, \d+ low findings$").unwrap();
    assert!(line.is_match(&shown), "{shown}");

    for (args, is_logged) in [(&["--audit"][..], true), (&[], false)] {
        let args = [&["-v", "--log-format", "json"], args].concat();
        let program = watched.sandbox.crawl_at(&night.base_url(), &args);
        let lines = program.run().succeeds().json_lines();
        let written = { lines }
            .into_iter()
            .find(|line| line["message"] == "snapshot written");
        assert_eq!(written.unwrap().contains_key("findings_low"), is_logged);
    }
}

#[test]
fn options_of_the_audit_need_it_and_it_needs_a_file() {
    let sandbox = Sandbox::new();
    for (args, says) in [
        (&["--rules", "x"][..], "`--rules` needs `--audit`"),
        (&["sync", "--roster", "x"], "`--roster` needs `--audit`"),
        (&["check", "--rules", "x"], "`--rules` needs `--audit`"),
        (&["--roster-email", "x", "--audit"], "--roster"),
        (&["--audit", "-f", "-"], "`--audit` needs a file"),
    ] {
        let run = sandbox.crawl_at("http://localhost:1/", args).run();
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains(says), "{}", run.stderr);
    }
}

#[test]
fn check_reports_what_would_be_missing() {
    let watched = Watched::new();
    let night = calm().serve_by(as_usual);
    let check = |args: &[&str]| {
        let args = [&["check"], args].concat();
        let run = watched.sandbox.crawl_at(&night.base_url(), &args).run();
        String::from_utf8(run.succeeds().stdout).unwrap()
    };
    let said = check(&["--metrics-file", "x.prom", "--audit"]);
    for line in [
        "\nok       metrics       `x.prom` can be written\n",
        "\nok       audit         the new snapshot can be audited\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let said = check(&["--metrics-file", "none/x", "--audit", "--rules", "none"]);
    for line in [
        "\nwarning  metrics       `none/x` cannot be written: creating a file in `none`",
        "\nwarning  metrics       node_exporter only reads files that end in `.prom`",
        "\nwarning  audit         the rules file `none`: it does not exist\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    // A check is not a run.
    assert_eq!(watched.sandbox.files(), [""; 0]);
}

#[test]
fn neither_the_key_nor_a_person_is_in_the_file() {
    let watched = Watched::new();
    watched.crawl(&["--audit"]).succeeds_silently();
    let succeeded = watched.text();
    // A server that sends the key back, and a key that was typed as an organization.
    let body = refusal("x", "y", &format!("{KEY} of user1@example.com"));
    let night = calm().serve_by(move |_, _| Reply::Give(Answer::json(403, &body)));
    watched.program(&night, &[]).run().assert_keeps_the_key();
    let failed = watched.text();
    let address = night.base_url().replace(organization_id(), KEY);
    let mistyped = watched
        .sandbox
        .crawl_at(&address, &["--metrics-file", "sync.prom"])
        .run();
    mistyped.assert_keeps_the_key();
    for text in [succeeded, failed, watched.text()] {
        assert_without_key(text.as_bytes());
        for word in ["First1", "example.com", "user", "phx_"] {
            let found = text.replace("posthog_c1z_users", "").replace("Users", "");
            assert!(!found.contains(word), "{word}: {text}");
        }
        parsed(&text);
    }
}
