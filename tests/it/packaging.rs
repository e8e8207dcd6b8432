//! What is in `packaging/` and in the packages: that two lists of the same files agree, and that what repeats exit codes and
//! versions repeats the right ones. `scripts/package-test.sh` installs a package.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::Value;

use crate::support::Sandbox;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The sources and modes of the files in a package.
fn files(manifest: &Value, package: &str) -> BTreeSet<(String, String)> {
    let assets = manifest["package"]["metadata"][package]["assets"].as_array();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let files = assets.unwrap().iter().map(|asset| match asset {
        Value::Array(parts) => (text(&parts[0]), text(&parts[2])),
        asset => (text(&asset["source"]), text(&asset["mode"])),
    });
    files.collect()
}

#[test]
fn deb_and_rpm_have_the_same_files_and_all_of_them_exist() {
    let manifest: Value = toml::from_str(&read("Cargo.toml")).unwrap();
    let [deb, rpm] = ["deb", "generate-rpm"].map(|package| files(&manifest, package));
    let differ: Vec<_> = deb.symmetric_difference(&rpm).collect();
    // cargo-deb puts the licence where Debian has it.
    let own = |(source, _): &&(String, String)| source != "LICENSE";
    assert_eq!(differ.into_iter().filter(own).count(), 0);
    for (source, _) in deb
        .union(&rpm)
        .filter(|(source, _)| !source.starts_with("target/"))
    {
        let path = root().join(source);
        let exists = match source.split_once('*') {
            None => path.exists(),
            Some((start, end)) => {
                let folder = root().join(start.rsplit_once('/').unwrap().0);
                let entries = fs::read_dir(folder).unwrap();
                let mut names = entries.map(|entry| entry.unwrap().file_name());
                names.any(|name| name.to_str().unwrap().ends_with(end))
            }
        };
        assert!(exists, "{source}");
    }
}

#[test]
fn kubernetes_fails_at_once_where_another_attempt_would_not_help() {
    let text = read("packaging/kubernetes/cronjob.yaml");
    let job = text.split("\n---\n").nth(1).unwrap();
    let job: serde_json::Value = yaml_serde::from_str(job).unwrap();
    let spec = &job["spec"]["jobTemplate"]["spec"];
    let mut actions = BTreeMap::new();
    for rule in spec["podFailurePolicy"]["rules"].as_array().unwrap() {
        for code in rule["onExitCodes"]["values"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let action = rule["action"].as_str().unwrap();
            assert_eq!(actions.insert(code.as_u64().unwrap(), action), None);
        }
    }
    // All codes of failures that `sync` has; Kubernetes takes the place of signals.
    let manual = Sandbox::new().program(&["man"]).run().succeeds().stdout;
    let manual = String::from_utf8(manual).unwrap();
    let section = manual.split(".SH \"EXIT STATUS\"\n").nth(1).unwrap();
    let section = section.split("\n.SH ").next().unwrap();
    let codes = section
        .lines()
        .filter_map(|line| line.strip_prefix("\\fB"))
        .filter_map(|line| line.split("\\f").next()?.parse().ok())
        .filter(|code| *code > 1);
    let codes: Vec<u64> = codes.collect();
    assert!(codes.len() > 9, "{section}");
    assert_eq!(actions.keys().copied().collect::<Vec<_>>(), codes);
    for passing in [4, 10, 14] {
        assert_eq!(actions.remove(&passing), Some("Count"));
    }
    assert!(
        actions.values().all(|action| *action == "FailJob"),
        "{actions:?}"
    );
    let image = spec["template"]["spec"]["containers"][0]["image"].as_str();
    assert!(
        image
            .unwrap()
            .ends_with(concat!(":", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn formula_is_filled_in_from_the_checksums_of_a_release() {
    let folder = tempfile::tempdir().unwrap();
    let sums: PathBuf = folder.path().join("SHA256SUMS");
    let fill = || {
        let script = root().join("packaging/homebrew/fill.sh");
        let mut command = Command::new("sh");
        command
            .arg(script)
            .arg("1.2.3")
            .arg(&sums)
            .output()
            .unwrap()
    };
    let targets = [
        "aarch64-apple-darwin",
        "x86_64-apple-darwin",
        "aarch64-unknown-linux-musl",
        "x86_64-unknown-linux-musl",
    ];
    let lines = targets
        .iter()
        .enumerate()
        .map(|(number, target)| format!("{number:064}  posthog-c1z-1.2.3-{target}.tar.gz\n"));
    let lines: Vec<_> = lines.collect();
    fs::write(&sums, lines.concat()).unwrap();
    let output = fill();
    assert!(output.status.success());
    let formula = String::from_utf8(output.stdout).unwrap();
    assert!(!formula.contains('@'), "{formula}");
    for (number, target) in targets.iter().enumerate() {
        let file =
            format!("/v1.2.3/posthog-c1z-1.2.3-{target}.tar.gz\"\n      sha256 \"{number:064}\"\n");
        assert!(formula.contains(&file), "{file}");
    }
    fs::write(&sums, lines[1..].concat()).unwrap();
    let output = fill();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("no checksum of `posthog-c1z-1.2.3-aarch64-apple-darwin"),
        "{said}"
    );
}
