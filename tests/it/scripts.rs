//! What stands in `scripts/` for others to run: that a shell and systemd take it, and that it does what it says.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use crate::support::{KEY, Organization, PROGRAM, PostHog, Sandbox, member, script, skip};

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
    for name in ["ci/access-review.sh", "nightly.sh", "upload.sh"] {
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

#[test]
fn scripts_find_the_program_where_cargo_installs_it() {
    for (script, args, made) in [
        ("nightly.sh", &[".", "--demo"][..], "latest.c1z"),
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
        "nightly.sh",
        "upload.sh",
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
