//! `scripts/nightly.sh` and `scripts/upload.sh`: which steps are run, what is uploaded, what is said, and how it ends. The
//! tools for uploads are stand-ins that note their arguments.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{
    Answer, KEY, Organization, PROGRAM, PostHog, Program, Run, Sandbox, assert_without_key, member,
    refusal, script, skip,
};

const SNAPSHOTS: &str = "snapshots";
const UPLOADERS: [&str; 4] = ["aws", "gcloud", "az", "rclone"];
/// Notes its arguments, keeps what it was given to upload under the name of its target, and exits as it is told to.
const UPLOADER: &str = "#!/bin/sh
echo \"${0##*/} $*\" >>uploads
env >>environment
for word; do
    case $word in
        */tmp/*) from=$word ;;
        *posthog.c1z*) to=${word##*[/:]} ;;
    esac
done
mkdir -p store
[ \"${UPLOAD_EXITS:-0}\" -ne 0 ] || cp \"$from\" \"store/$to\"
echo progress
exit \"${UPLOAD_EXITS:-0}\"
";

fn posthog() -> PostHog {
    Organization::new().members((1..=3).map(member)).serve()
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A folder with an empty archive and stand-ins for every tool.
struct Field {
    sandbox: Sandbox,
}

impl Field {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        for name in [SNAPSHOTS, "bin"] {
            fs::create_dir(sandbox.path(name)).unwrap();
        }
        for name in UPLOADERS {
            write_program(&sandbox.path("bin").join(name), UPLOADER);
        }
        Self { sandbox }
    }

    fn path(&self, name: &str) -> String {
        self.sandbox.path(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.sandbox.path(name)).unwrap_or_default()
    }

    /// The names in a folder, and whether there is such a folder.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.sandbox.path(folder));
        let entries = entries.into_iter().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A script with the stand-ins on its `PATH`.
    fn script(&self, name: &str, args: &[&str]) -> Program {
        let program = Path::new(PROGRAM).parent().unwrap();
        let tools = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{tools}", self.path("bin"), program.display());
        self.sandbox.script(name, args).env("PATH", &path)
    }

    fn nightly(&self, args: &[&str]) -> Program {
        self.script("nightly.sh", args)
            .env("METRICS_FILE", &self.path("acme.prom"))
    }

    fn demo(&self, week: &str) -> Program {
        self.nightly(&[SNAPSHOTS, week])
    }

    /// Runs the program in its place, but for one command, which exits with a code and says something.
    fn failing(&self, command: &str, code: i32) -> String {
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = {command} ]; then echo \"{command} says no\"; exit {code}; fi\nexec {PROGRAM} \"$@\"\n"
        );
        write_program(&self.sandbox.path("bin/failing"), &text);
        self.path("bin/failing")
    }

    /// The exit codes in the metrics: that of the run, and those of its steps in their order.
    fn recorded(&self) -> (String, String) {
        let metrics = self.read("acme-nightly.prom");
        let values = |name: &str| {
            let lines = metrics.lines().filter(|line| !line.starts_with('#'));
            let values =
                lines.filter_map(|line| line.strip_prefix(&format!("{name}{{name=\"acme\"")));
            let values = values.map(|rest| {
                let rest = rest
                    .trim_start_matches([',', '}', ' '])
                    .replace("step=", "");
                rest.replace('"', "").replace("} ", "=")
            });
            values.collect::<Vec<_>>().join(" ")
        };
        (
            values("posthog_c1z_nightly_exit_code"),
            values("posthog_c1z_nightly_step_exit_code"),
        )
    }
}

/// Said one message that begins as it should and holds `parts`, and ended with this code.
#[track_caller]
fn fails(run: &Run, code: i32, parts: &[&str]) {
    assert_eq!(run.code, code, "{}", run.stderr);
    assert_eq!(String::from_utf8_lossy(&run.stdout), "");
    let first = run.stderr.lines().next().unwrap();
    assert!(first.starts_with("posthog-c1z on "), "{first}");
    let ending = format!(": the nightly run ended with exit code {code}");
    assert!(first.ends_with(&ending), "{first}");
    assert_eq!(run.stderr.matches(&ending).count(), 1);
    for part in parts {
        assert!(run.stderr.contains(part), "no `{part}` in:\n{}", run.stderr);
    }
}

fn key_file(field: &Field, mode: u32) {
    let path = field.sandbox.path("key");
    fs::write(&path, format!("{KEY}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn nights_without_trouble_are_silent_and_keep_an_archive_with_the_snapshot_before() {
    let field = Field::new();
    field.demo("--demo").run().succeeds_silently();
    let all = "check=0 sync=0 verify=0 diff=0 audit=0";
    // There is nothing to compare with yet.
    assert_eq!(field.recorded(), ("0".into(), all.replace(" diff=0", "")));
    let first = field.names(SNAPSHOTS);
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(first[0], "latest.c1z");
    assert!(first[1].starts_with("posthog-2"), "{first:?}");
    let latest = fs::read(field.sandbox.path("snapshots/latest.c1z")).unwrap();

    field.demo("--demo=later").run().succeeds_silently();
    assert_eq!(field.recorded(), ("0".into(), all.into()));
    let previous = fs::read(field.sandbox.path("snapshots/previous.c1z")).unwrap();
    assert_eq!(previous, latest);
    assert_ne!(
        fs::read(field.sandbox.path("snapshots/latest.c1z")).unwrap(),
        latest
    );
    assert!(field.read("acme.prom").contains("posthog_c1z_exit_code"));
    field.sandbox.assert_no_litter();
}

#[test]
fn night_with_an_empty_environment_works_in_every_shell() {
    for shell in ["sh", "dash", "bash"] {
        let field = Field::new();
        let mut command = Command::new("env");
        command
            .args(["-i", &format!("POSTHOG_C1Z={PROGRAM}"), shell])
            .args([script("nightly.sh").to_str().unwrap(), SNAPSHOTS, "--demo"])
            .current_dir(field.sandbox.path(""));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(127) {
            skip(&format!("{shell} is not installed"));
            continue;
        }
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{shell}");
        assert_eq!(field.names(SNAPSHOTS).len(), 2, "{shell}");
    }
}

#[test]
fn night_takes_the_key_from_a_file_and_keeps_it_from_everything_else() {
    let field = Field::new();
    let posthog = posthog();
    key_file(&field, 0o600);
    field
        .nightly(&["-k", "key", "-l", "log", SNAPSHOTS, "-vv"])
        .env("BATON_BASE_URL", &posthog.base_url())
        .env("UPLOAD_TO", "s3://bucket/posthog.c1z")
        .run()
        .succeeds_silently();
    let mut names = field.names("");
    names.retain(|name| !["bin", "key", SNAPSHOTS, "store"].contains(&&**name));
    assert_eq!(
        names,
        [
            "acme-nightly.prom",
            "acme.prom",
            "environment",
            "log",
            "uploads"
        ]
    );
    for name in names {
        assert_without_key(field.read(&name).as_bytes());
    }

    // The key in the environment is for the crawl alone.
    let field = Field::new();
    field
        .nightly(&[SNAPSHOTS])
        .env("BATON_BASE_URL", &posthog.base_url())
        .env("BATON_API_TOKEN", KEY)
        .env("UPLOAD_TO", "s3://bucket/posthog.c1z")
        .run()
        .succeeds_silently();
    let environment = field.read("environment");
    assert!(environment.contains("PATH="), "{environment}");
    assert_without_key(environment.as_bytes());
}

#[test]
fn night_that_cannot_begin_says_why_and_leaves_metrics() {
    let no_settings = [
        "check: exit code 3",
        "error: neither an address nor a key is set",
        "its environment is missing",
    ];
    let usage = ["usage: "];
    for (args, code, parts) in [
        (
            &["-k", "key", SNAPSHOTS][..],
            3,
            &["error: everybody", "hint: chmod 600 key"][..],
        ),
        (
            &["-k", "nothing", SNAPSHOTS],
            3,
            &["the key file `nothing` cannot be read"],
        ),
        (&["-k"], 2, &["error: -k needs the name of a file"]),
        (&["-l"], 2, &["error: -l needs the name of a file"]),
        (
            &["-l", SNAPSHOTS, SNAPSHOTS],
            2,
            &["error: the log file `snapshots` cannot be written: "],
        ),
        (&[], 2, &usage),
        (&["--demo"], 2, &usage),
        (&[SNAPSHOTS], 3, &no_settings),
        (
            &["missing", "--demo"],
            2,
            &["check: exit code 2", "error: "],
        ),
        (
            &[SNAPSHOTS, "--no-such-option"],
            2,
            &["check: exit code 2", "--no-such-option"],
        ),
    ] {
        let field = Field::new();
        key_file(&field, 0o644);
        fails(&field.nightly(args).run(), code, parts);
        assert_eq!(field.recorded().0, code.to_string(), "{args:?}");
        assert!(field.names(SNAPSHOTS).is_empty(), "{args:?}");
        field.sandbox.assert_no_litter();
    }
    let field = Field::new();
    let run = field
        .demo("--demo")
        .env("POSTHOG_C1Z", "/nowhere/posthog-c1z");
    fails(
        &run.run(),
        3,
        &["error: `/nowhere/posthog-c1z` was not found", "hint: "],
    );
}

#[test]
fn metrics_that_cannot_be_written_are_a_warning() {
    let field = Field::new();
    let run = field
        .demo("--demo")
        .env("METRICS_FILE", "missing/acme.prom")
        .run();
    fails(&run, 0, &["warning: the metrics could not be written: "]);
    assert_eq!(field.names(SNAPSHOTS).len(), 2);
}

#[test]
fn night_without_a_crawl_leaves_archive_and_store_as_they_are() {
    let mut posthog = posthog();
    let refused = refusal(
        "authentication_error",
        "permission_denied",
        "API key missing required scope 'organization_member:read'",
    );
    posthog.answers("members/", Answer::json(403, &refused));
    let field = Field::new();
    field.demo("--demo").run().succeeds_silently();
    let before = field.names(SNAPSHOTS);
    key_file(&field, 0o600);
    let run = field
        .nightly(&["-k", "key", SNAPSHOTS])
        .env("BATON_BASE_URL", &posthog.base_url())
        .env("UPLOAD_TO", "s3://bucket/posthog.c1z")
        .run();
    fails(
        &run,
        7,
        &["check: exit code 7\nerror: reading members", "\nhint: "],
    );
    run.assert_keeps_the_key();
    assert_eq!(field.recorded(), ("7".into(), "check=7".into()));

    // A check that passed, and a crawl that did not.
    let run = field
        .demo("--demo")
        .env("POSTHOG_C1Z", &field.failing("sync", 9))
        .run();
    fails(&run, 9, &["sync: exit code 9\nsync says no"]);
    assert_eq!(field.recorded(), ("9".into(), "check=0 sync=9".into()));
    let mut names = field.names(SNAPSHOTS);
    names.retain(|name| name != "previous.c1z");
    assert_eq!((names, field.read("uploads")), (before, String::new()));

    // The night after that compares with the last snapshot that there is.
    let next = field
        .demo("--demo=later")
        .env("DIFF_FAIL_ON", "seat-raised")
        .run();
    fails(&next, 1, &["diff: exit code 1\n1 new admin"]);
}

#[test]
fn upload_depends_on_verify_alone_and_the_highest_code_counts() {
    let upload = "s3://bucket/posthog.c1z";
    // The command that fails, its code; that of the run, its steps, and whether there was an upload.
    for (command, code, ended, steps, uploaded) in [
        ("verify", 1, 15, "check=0 sync=0 verify=15", false),
        ("verify", 2, 2, "check=0 sync=0 verify=2", false),
        (
            "diff",
            1,
            1,
            "check=0 sync=0 verify=0 diff=1 audit=0 upload=0",
            true,
        ),
        (
            "diff",
            15,
            15,
            "check=0 sync=0 verify=0 diff=15 audit=0 upload=0",
            true,
        ),
        (
            "audit",
            2,
            2,
            "check=0 sync=0 verify=0 diff=0 audit=2 upload=0",
            true,
        ),
    ] {
        let field = Field::new();
        field.demo("--demo").run().succeeds_silently();
        let program = field.failing(command, code);
        let night = field.demo("--demo=later").env("POSTHOG_C1Z", &program);
        let run = night.env("UPLOAD_TO", upload).run();
        let code = steps.rsplit_once(command).unwrap().1;
        let code = code[1..].split(' ').next().unwrap();
        fails(
            &run,
            ended,
            &[&format!("{command}: exit code {code}\n{command} says no")],
        );
        assert_eq!(field.recorded(), (ended.to_string(), steps.to_owned()));
        assert_eq!(!field.names("store").is_empty(), uploaded, "{command}");
    }
    // A failed upload is reported, and is worse than a finding.
    let field = Field::new();
    let night = field
        .demo("--demo")
        .env("UPLOAD_TO", upload)
        .env("UPLOAD_EXITS", "1");
    let run = night.env("AUDIT_FAIL_ON", "new-high").run();
    let upload = "upload: exit code 14\nerror: `s3://bucket/posthog.c1z` could not be uploaded: `aws` failed with exit code 1";
    fails(&run, 14, &["audit: exit code 1\n5 high, ", upload]);
}

#[test]
fn changes_and_findings_fail_only_if_the_environment_names_them() {
    let field = Field::new();
    let night = |week: &str, changes: &str, findings: &str| {
        let night = field.demo(week).env("DIFF_FAIL_ON", changes);
        night.env("AUDIT_FAIL_ON", findings).run()
    };
    // In the first night, every finding is new.
    fails(
        &night("--demo", "seat-raised", "new-high"),
        1,
        &["audit: exit code 1"],
    );
    night("--demo", "any", "new-high").succeeds_silently();
    night("--demo=later", "owner-added", "new-high").succeeds_silently();
    night("--demo", "none", "none").succeeds_silently();
    let run = night("--demo=later", "seat-raised", "new-medium");
    fails(
        &run,
        1,
        &["diff: exit code 1\n1 new admin", "audit: exit code 1\n"],
    );

    night("--demo", "", "").succeeds_silently();
    let accepted = field.path("snapshots/accepted.txt");
    let accept =
        "posthog-c1z diff --print-accept snapshots/latest.c1z later.c1z >snapshots/accepted.txt";
    let demo = "posthog-c1z sync -q --demo=later -f later.c1z";
    field
        .sandbox
        .sh(&["-c", &format!("{demo}; {accept}")])
        .run();
    assert!(Path::new(&accepted).exists());
    night("--demo=later", "any", "none").succeeds_silently();
    fs::write(field.sandbox.path("snapshots/rules.toml"), "no = rules").unwrap();
    fails(
        &night("--demo=later", "any", "none"),
        3,
        &["audit: exit code 3\nerror: "],
    );
}

#[test]
fn night_keeps_30_snapshots_and_two_hours_unless_told_otherwise() {
    // What it runs, by a stand-in for the program.
    let field = Field::new();
    let program = field.path("bin/noting");
    let text = "#!/bin/sh\necho \"$*\" >>commands\nexit 0\n";
    write_program(Path::new(&program), text);
    let commands = |args: &[&str], name: &str, value: &str| {
        fs::write(field.sandbox.path("commands"), "").unwrap();
        let args = [&[SNAPSHOTS], args].concat();
        let night = field.nightly(&args).env("POSTHOG_C1Z", &program);
        night.env(name, value).run().succeeds_silently();
        field.read("commands").lines().nth(1).unwrap().to_owned()
    };
    let usual = commands(&["--demo"], "X", "");
    assert!(
        usual.starts_with(
            "sync -f snapshots/posthog-{date}-{time}.c1z --latest snapshots/latest.c1z "
        )
    );
    for part in [
        "--metrics-file",
        "--keep-last 30",
        "--max-duration 2h",
        "--demo",
    ] {
        assert!(usual.contains(part), "{usual}");
    }
    for (args, name, value, there, absent) in [
        (
            &["--keep-daily", "7"][..],
            "X",
            "",
            "--keep-daily 7",
            "--keep-last",
        ),
        (
            &["--keep-yearly=1"],
            "X",
            "",
            "--keep-yearly=1",
            "--keep-last",
        ),
        (&["--max-duration=1h"], "X", "", "--max-duration=1h", "2h"),
        (
            &[],
            "POSTHOG_C1Z_MAX_DURATION",
            "3h",
            "--max-duration 3h",
            "2h",
        ),
    ] {
        let line = commands(args, name, value);
        assert!(line.contains(there) && !line.contains(absent), "{line}");
    }
}

#[test]
fn log_has_every_step_of_every_night_and_the_message_only_what_failed() {
    let field = Field::new();
    let night =
        |more: &[&str]| field.nightly(&[&["-l", "log", SNAPSHOTS, "--demo"], more].concat());
    night(&[]).run().succeeds_silently();
    let first = field.read("log");
    for part in [
        "ok       members",
        " posthog-c1z check: exit code 0\n",
        "77 grants",
        " posthog-c1z sync: exit code 0\n",
        "latest.c1z: ok\n",
        " posthog-c1z audit: exit code 0\n",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    let mode = fs::metadata(field.sandbox.path("log"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);

    let run = night(&["--max-duration", "0s"]).run();
    fails(&run, 4, &["check: exit code 4\nerror: ", "\nhint: "]);
    assert_eq!(run.stderr.lines().count(), 4, "{}", run.stderr);
    let both = field.read("log");
    let added = both.strip_prefix(&first).unwrap();
    assert!(added.contains("error: "), "{added}");
    assert!(
        added.ends_with(" posthog-c1z check: exit code 4\n"),
        "{added}"
    );
}

#[test]
fn signal_ends_the_step_that_is_running_and_leaves_metrics() {
    let field = Field::new();
    let program = field.path("bin/waiting");
    // Says that it waits, and waits for ever.
    let text = "#!/bin/sh\necho $$ >pipe\nexec tail -f /dev/null\n";
    write_program(Path::new(&program), text);
    let pipe = field.sandbox.sh(&["-c", "mkfifo pipe"]);
    pipe.run().succeeds_silently();
    let night = field.demo("--demo").env("POSTHOG_C1Z", &program).start();
    let waiting = field.read("pipe");
    night.signal("TERM");
    fails(&night.wait(), 143, &["check: exit code 143"]);
    assert_eq!(field.recorded(), ("143".into(), "check=143".into()));
    assert!(field.names(SNAPSHOTS).is_empty());
    let mut kill = Command::new("kill");
    let alive = kill
        .args(["-0", waiting.trim()])
        .stderr(Stdio::null())
        .status();
    assert!(!alive.unwrap().success());
    field.sandbox.assert_no_litter();
}

/// A folder with a sound snapshot `sync.c1z` to upload.
fn with_snapshot() -> Field {
    let field = Field::new();
    let sync = field
        .sandbox
        .program(&["sync", "--demo", "-q", "-f", "sync.c1z"]);
    sync.run().succeeds_silently();
    field
}

#[test]
fn snapshot_and_its_sha256_are_uploaded_by_the_tool_of_the_store() {
    let azure = "https://acct.blob.core.windows.net/c/d/posthog.c1z";
    for (target, command) in [
        ("s3://bucket/d/posthog.c1z", "aws s3 cp --only-show-errors"),
        ("gs://bucket/posthog.c1z", "gcloud storage cp --quiet"),
        (azure, "az storage blob upload --auth-mode login --blob-url"),
        ("remote:bucket/posthog.c1z", "rclone copyto"),
        ("remote:posthog.c1z", "rclone copyto"),
    ] {
        let field = with_snapshot();
        let upload = field.script("upload.sh", &["sync.c1z", target]);
        upload.run().succeeds_silently();
        let uploads = field.read("uploads");
        let uploads: Vec<_> = uploads.lines().collect();
        assert_eq!(uploads.len(), 2, "{uploads:?}");
        for (line, target) in uploads.iter().zip([target, &format!("{target}.sha256")]) {
            assert!(line.starts_with(command) && line.contains(target), "{line}");
        }
        // As in the store, and as it is kept here.
        let check = "cd store && sha256sum -c --quiet posthog.c1z.sha256 && cd .. && sha256sum -c --quiet sync.c1z.sha256";
        field.sandbox.sh(&["-c", check]).run().succeeds_silently();
        field.sandbox.assert_no_litter();
    }
    let field = with_snapshot();
    let upload = field.script("upload.sh", &["sync.c1z", azure]);
    upload
        .env("AZURE_STORAGE_AUTH_MODE", "key")
        .run()
        .succeeds_silently();
    assert!(field.read("uploads").contains("--auth-mode key"));
}

#[test]
fn what_cannot_be_uploaded_is_said_under_the_codes_of_the_program() {
    let store = "s3://bucket/posthog.c1z";
    for (args, code, part) in [
        (&[][..], 2, "usage: "),
        (&["sync.c1z"], 2, "usage: "),
        (&["sync.c1z", ""], 2, "usage: "),
        (
            &["sync.c1z", "s3://bucket"],
            3,
            "`s3://bucket` is not the name of an object",
        ),
        (
            &["sync.c1z", "s3://bucket/"],
            3,
            "is not the name of an object",
        ),
        (
            &["sync.c1z", "ftp://host/posthog.c1z"],
            3,
            "is not the name of an object",
        ),
        (
            &["sync.c1z", "posthog.c1z"],
            3,
            "is not the name of an object",
        ),
        (
            &["sync.c1z", "--remote:x"],
            3,
            "is not the name of an object",
        ),
        (
            &["sync.c1z", "https://a/b/posthog.c1z?sig=hunter2"],
            3,
            "AZURE_STORAGE_SAS_TOKEN",
        ),
        (&["none.c1z", store], 5, "there is no file `./none.c1z`"),
        (
            &["bad.c1z", store],
            15,
            "`./bad.c1z` was not uploaded, because `verify` rejects it\n",
        ),
    ] {
        let field = with_snapshot();
        fs::write(field.sandbox.path("bad.c1z"), "no snapshot").unwrap();
        let run = field.script("upload.sh", args).run();
        assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{args:?}: {}", run.stderr);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
        assert_eq!(field.read("uploads"), "", "{args:?}");
        assert!(!field.sandbox.path("sync.c1z.sha256").exists());
        field.sandbox.assert_no_litter();
    }
}

#[test]
fn failed_upload_says_what_the_tool_said_and_keeps_no_sha256() {
    for code in ["1", "252"] {
        let field = with_snapshot();
        let upload = field.script("upload.sh", &["sync.c1z", "remote:posthog.c1z"]);
        let run = upload.env("UPLOAD_EXITS", code).run();
        assert_eq!(run.code, 14, "{}", run.stderr);
        let said = format!(
            "error: `remote:posthog.c1z` could not be uploaded: `rclone` failed with exit code {code}\nprogress\n"
        );
        assert_eq!(run.stderr, said);
        assert!(!field.sandbox.path("sync.c1z.sha256").exists());
        field.sandbox.assert_no_litter();
    }
    let field = with_snapshot();
    let upload = field.script("upload.sh", &["sync.c1z", "gs://bucket/posthog.c1z"]);
    let run = upload.env("POSTHOG_C1Z", "/nowhere/posthog-c1z").run();
    assert_eq!(run.code, 3, "{}", run.stderr);
    let said = "error: `/nowhere/posthog-c1z` was not found; PATH is ";
    assert!(run.stderr.starts_with(said), "{}", run.stderr);
}
