//! What stands in `scripts/` for others to run: that a shell and systemd take it, and that it does what it says.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use crate::support::{
    Answer, KEY, Organization, PROGRAM, PostHog, Run, Sandbox, member, refusal, script, skip,
};

fn posthog() -> PostHog {
    Organization::new().members((1..=3).map(member)).serve()
}

/// The files in `scripts/` and `scripts/ci/` that end so.
fn scripts_ending(ending: &str) -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["", "ci/"] {
        for entry in fs::read_dir(script(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            names.push(format!("{folder}{name}"));
        }
    }
    names.retain(|name| name.ends_with(ending));
    names.sort();
    names
}

#[test]
fn every_script_is_sound_shell_and_can_be_run() {
    let names = scripts_ending(".sh");
    for name in ["ci/access-review.sh", "cron.sh"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    for name in names {
        let path = script(&name);
        let output = Command::new("sh").arg("-n").arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        // Other scripts read it.
        let is_run = name != "ci-lib.sh";
        assert_eq!(mode & 0o111 == 0o111, is_run, "{name} has mode {mode:o}");
    }
}

/// Whether there is such a program here.
fn is_installed(name: &str) -> bool {
    let mut command = Command::new(name);
    command.arg("--version").stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs systemd")]
fn systemd_takes_the_services_and_the_timers() {
    if !is_installed("systemd-analyze") {
        skip("systemd-analyze is not installed");
        return;
    }
    systemd_takes("posthog-c1z", "posthog-c1z");
    systemd_takes("posthog-c1z@", "posthog-c1z@acme");
}

/// Has systemd check a service and its timer, installed as the unit of another name: a template as one of its instances.
#[track_caller]
fn systemd_takes(name: &str, unit: &str) {
    let service = fs::read_to_string(script(&format!("{name}.service"))).unwrap();
    let installed = "ExecStart=/usr/local/bin/posthog-c1z ";
    assert!(service.contains(installed));
    // It looks whether the program is there, which a machine that tests need not have installed.
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let built = service.replace(installed, &format!("ExecStart={PROGRAM} "));
    let [of_service, of_timer] = ["service", "timer"].map(|kind| path(&format!("{unit}.{kind}")));
    fs::write(&of_service, built).unwrap();
    fs::copy(script(&format!("{name}.timer")), &of_timer).unwrap();
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .args([of_service, of_timer])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // Unknown settings are only warned of.
    assert!(!said.contains("posthog-c1z"), "{said}");
}

/// The arguments in a service's `ExecStart`.
fn arguments_of(service: &str) -> Vec<String> {
    let service = fs::read_to_string(script(service)).unwrap();
    let start = service
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let words = start.unwrap().split(' ').skip(1);
    words.map(ToOwned::to_owned).collect()
}

#[test]
fn the_line_that_the_service_starts_takes_its_key_from_the_credentials() {
    let sandbox = Sandbox::new();
    let posthog = posthog();
    fs::create_dir(sandbox.path("credentials")).unwrap();
    fs::write(sandbox.path("credentials/api-token"), format!("{KEY}\n")).unwrap();
    let arguments = arguments_of("posthog-c1z.service");
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    sandbox
        .program(&arguments)
        .env("BATON_BASE_URL", &posthog.base_url())
        .env(
            "CREDENTIALS_DIRECTORY",
            sandbox.path("credentials").to_str().unwrap(),
        )
        .run()
        .succeeds_silently();
    let files = sandbox.files();
    assert!(files.contains(&"latest.c1z".to_owned()), "{files:?}");
    assert!(
        files.iter().any(|name| name.starts_with("posthog-2")),
        "{files:?}"
    );
    assert_eq!(files.len(), 3, "{files:?}");
}

#[test]
fn instances_of_the_template_share_no_file() {
    let template = fs::read_to_string(script("posthog-c1z@.service")).unwrap();
    for setting in [
        "StateDirectory=",
        "WorkingDirectory=",
        "LoadCredential=",
        "EnvironmentFile=",
        "ExecStart=",
    ] {
        let lines = template.lines();
        let line = { lines }.find(|line| line.starts_with(setting)).unwrap();
        assert!(line.contains("%i"), "{line}");
    }
    // But for that and the metrics, it is the other service.
    let alone = fs::read_to_string(script("posthog-c1z.service")).unwrap();
    let settings = |text: &str| {
        let unit = text.split("[Unit]").nth(1).unwrap().to_owned();
        let lines = unit.lines().filter(|line| !line.starts_with('#'));
        lines.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let of_template = settings(&template);
    let missing: Vec<_> = settings(&alone)
        .into_iter()
        .filter(|line| !of_template.contains(line))
        .map(|line| line.split('=').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        missing,
        [
            "Description",
            "StateDirectory",
            "WorkingDirectory",
            "LoadCredential",
            "EnvironmentFile",
            "ExecStart",
        ]
    );
}

#[test]
fn the_line_that_an_instance_starts_writes_metrics_to_a_writable_folder() {
    let sandbox = Sandbox::new();
    let template = fs::read_to_string(script("posthog-c1z@.service")).unwrap();
    let folder = "/var/lib/node_exporter/textfile_collector";
    assert!(template.contains(&format!("\nReadWritePaths=-{folder}\n")));
    let arguments: Vec<_> = arguments_of("posthog-c1z@.service")
        .into_iter()
        .map(|word| {
            word.replace(&format!("{folder}/"), "")
                .replace("%i", "acme")
        })
        .collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    sandbox
        .crawl(&posthog(), &arguments)
        .run()
        .succeeds_silently();
    let files = sandbox.files();
    assert!(
        files.contains(&"posthog-c1z-acme.prom".to_owned()),
        "{files:?}"
    );
}

/// Failed with this code, and said so in one message of these lines.
#[track_caller]
fn fails(run: &Run, code: i32, lines: &[&str]) {
    assert_eq!(run.code, code, "{}", run.stderr);
    assert!(run.stdout.is_empty());
    let said: Vec<_> = run.stderr.lines().collect();
    assert!(said[0].starts_with("posthog-c1z on "), "{}", run.stderr);
    assert!(
        said[0].ends_with(&format!(": sync failed with exit code {code}")),
        "{}",
        run.stderr
    );
    assert_eq!(said.len(), lines.len() + 1, "{}", run.stderr);
    for (said, begins) in said[1..].iter().zip(lines) {
        assert!(said.starts_with(begins), "{}", run.stderr);
    }
}

fn key_file(sandbox: &Sandbox, mode: u32) {
    let path = sandbox.path("key");
    fs::write(&path, format!("{KEY}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn cron_is_told_nothing_when_all_is_well() {
    let sandbox = Sandbox::new();
    sandbox
        .script("cron.sh", &["--demo", "-f", "demo.c1z"])
        .run()
        .succeeds_silently();
    assert_eq!(sandbox.files(), ["demo.c1z"]);
    sandbox.assert_no_litter();
}

#[test]
fn cron_takes_the_key_from_a_file() {
    let sandbox = Sandbox::new();
    let posthog = posthog();
    key_file(&sandbox, 0o600);
    sandbox
        .script("cron.sh", &["-k", "key", "-f", "sync.c1z"])
        .env("BATON_BASE_URL", &posthog.base_url())
        .run()
        .succeeds_silently();
    assert_eq!(sandbox.files(), ["key", "sync.c1z"]);
    sandbox.assert_no_litter();
}

#[test]
fn cron_is_told_once_what_failed_and_keeps_the_exit_code() {
    let sandbox = Sandbox::new();
    let refused = refusal(
        "authentication_error",
        "permission_denied",
        "API key missing required scope 'organization_member:read'",
    );
    let mut posthog = posthog();
    posthog.answers("members/", Answer::json(403, &refused));
    key_file(&sandbox, 0o600);
    let run = sandbox
        .script("cron.sh", &["-k", "key"])
        .env("BATON_BASE_URL", &posthog.base_url())
        .run();
    fails(&run, 7, &["error: reading members", "hint: "]);
    run.assert_keeps_the_key();
    assert_eq!(sandbox.files(), ["key"]);
    sandbox.assert_no_litter();
}

#[test]
fn cron_bounds_each_run_and_lets_the_bound_be_chosen() {
    let sandbox = Sandbox::new();
    let bounded = |name: &str, args: &[&str]| {
        let program = sandbox.script("cron.sh", args);
        program.env("POSTHOG_C1Z_MAX_DURATION", name).run()
    };
    fails(&bounded("0s", &["--demo"]), 4, &["error: ", "hint: "]);
    for args in [
        &["--demo", "--max-duration", "1h"][..],
        &["--demo", "--max-duration=1h"],
    ] {
        bounded("0s", args).succeeds_silently();
    }
}

#[test]
fn cron_refuses_a_key_file_that_everybody_can_read_or_nobody_has() {
    let sandbox = Sandbox::new();
    let with_key = || sandbox.script("cron.sh", &["-k", "key"]).run();
    fails(
        &with_key(),
        3,
        &["error: the key file `key` cannot be read"],
    );
    key_file(&sandbox, 0o644);
    fails(&with_key(), 3, &["error: everybody", "hint: chmod 600 key"]);
    fails(
        &sandbox.script("cron.sh", &["-k"]).run(),
        2,
        &["error: -k needs the name of a file"],
    );
    sandbox.assert_no_litter();
}

#[test]
fn cron_says_where_to_name_a_program_that_is_not_there() {
    let sandbox = Sandbox::new();
    let run = sandbox
        .script("cron.sh", &["--demo"])
        .env("POSTHOG_C1Z", "/nowhere/posthog-c1z")
        .run();
    fails(&run, 127, &["error: `/nowhere/posthog-c1z`", "hint: "]);
}

#[test]
fn cron_keeps_the_log_of_every_run_and_prints_only_what_failed() {
    let sandbox = Sandbox::new();
    let cron = |more: &[&str]| {
        let args = [&["-l", "cron.log", "--demo"], more].concat();
        sandbox.script("cron.sh", &args)
    };
    let log = || fs::read_to_string(sandbox.path("cron.log")).unwrap();
    cron(&[]).run().succeeds_silently();
    for part in ["77 grants", "demo.c1z", " posthog-c1z sync: exit code 0\n"] {
        assert!(log().contains(part), "{part}: {}", log());
    }
    let mode = fs::metadata(sandbox.path("cron.log"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);

    let first = log();
    fails(
        &cron(&["--max-duration", "0s"]).run(),
        4,
        &["error: ", "hint: "],
    );
    assert!(log().starts_with(&first), "{}", log());
    let added = log().split_off(first.len());
    assert!(added.contains("error: "), "{added}");
    assert!(
        added.ends_with(" posthog-c1z sync: exit code 4\n"),
        "{added}"
    );

    // A level that is asked for is kept.
    let second = log().len();
    cron(&["--log-level", "error"]).run().succeeds_silently();
    assert_eq!(log().split_off(second).lines().count(), 1);

    fs::create_dir(sandbox.path("folder")).unwrap();
    let run = sandbox.script("cron.sh", &["-l", "folder", "--demo"]).run();
    fails(
        &run,
        2,
        &["error: the log file `folder` cannot be written: "],
    );
    let run = sandbox.script("cron.sh", &["-l"]).run();
    fails(&run, 2, &["error: -l needs the name of a file"]);
    sandbox.assert_no_litter();
}

#[test]
fn scripts_find_the_program_where_cargo_installs_it() {
    for (script, args, made) in [
        ("cron.sh", &["--demo", "-f", "new.c1z"][..], "new.c1z"),
        ("ci-diff.sh", &["none.c1z", "demo.c1z", "new.md"], "new.md"),
        (
            "ci-audit.sh",
            &["demo.c1z", "new.md", "--fail-on", "none"],
            "new.md",
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.program(&["--demo"]).run().succeeds();
        fs::create_dir_all(sandbox.path("home/.cargo/bin")).unwrap();
        symlink(PROGRAM, sandbox.path("home/.cargo/bin/posthog-c1z")).unwrap();
        let program = sandbox
            .script(script, args)
            .env("HOME", sandbox.path("home").to_str().unwrap())
            .env("PATH", "/usr/bin:/bin");
        program.run().succeeds();
        assert!(sandbox.path(made).exists(), "{script}");
    }
}

#[test]
fn each_file_for_others_is_installed_by_the_line_in_its_first_lines() {
    for name in [
        "cron.sh",
        "ci-diff.sh",
        "ci-audit.sh",
        "posthog-c1z.service",
        "posthog-c1z.timer",
        "posthog-c1z@.service",
        "posthog-c1z@.timer",
    ] {
        let sandbox = Sandbox::new();
        let text = fs::read_to_string(script(name)).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix("#     "));
        let line = { lines }
            .find(|line| line.starts_with("install ") && line.contains(&format!(" {name}")))
            .unwrap();
        // systemd's own folder is there wherever systemd is.
        fs::create_dir_all(sandbox.path("etc/systemd/system")).unwrap();
        let root = sandbox.path("");
        let root = root.to_str().unwrap().trim_end_matches('/');
        let line = line
            .replace(" /usr/", &format!(" {root}/usr/"))
            .replace(" /etc/", &format!(" {root}/etc/"));
        let mut shell = Command::new("sh");
        let status = shell.args(["-c", &line]).current_dir(script("")).status();
        assert!(status.unwrap().success(), "{line}");
        let folder = if name.ends_with(".sh") {
            "usr/local/lib/posthog-c1z"
        } else {
            "etc/systemd/system"
        };
        let installed = format!("{folder}/{name}");
        let copy = fs::read_to_string(sandbox.path(&installed)).unwrap();
        assert_eq!(copy, text, "{line}");
        // With what it reads.
        let library = sandbox.path(&format!("{folder}/ci-lib.sh"));
        assert_eq!(library.exists(), text.contains("/ci-lib.sh\""), "{line}");
    }
}
