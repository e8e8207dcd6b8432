//! The workflow files in `scripts/ci/`: that they are sound, safe to copy, and that their commands do what they say.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use regex::Regex;
use serde_json::{Value, json};

use super::ends;
use crate::support::{KEY, Organization, PROGRAM, PostHog, Sandbox, member, script};

const GITHUB: &str = "github-actions.yml";
const GITLAB: &str = "gitlab-ci.yml";

fn read(name: &str) -> String {
    fs::read_to_string(script("ci").join(name)).unwrap()
}

fn parse(name: &str) -> Value {
    yaml_serde::from_str(&read(name)).unwrap()
}

/// Returns the steps of the one job on GitHub.
fn steps() -> Vec<Value> {
    let workflow = parse(GITHUB);
    let jobs = workflow["jobs"].as_object().unwrap();
    assert_eq!(jobs.len(), 1);
    jobs["access"]["steps"].as_array().unwrap().clone()
}

/// Returns the place of the first step that has this in its text.
#[track_caller]
fn place(steps: &[Value], part: &str) -> usize {
    let has = |step: &Value| step.to_string().contains(part);
    steps.iter().position(has).unwrap()
}

/// Returns the lines of the job on GitLab.
fn lines(job: &Value) -> Vec<&str> {
    let lines = job["script"].as_array().unwrap().iter();
    lines.map(|line| line.as_str().unwrap()).collect()
}

#[track_caller]
fn is_sound_shell(text: &str) {
    let run = ends(Sandbox::new().sh(&["-n", "-c", text]), 0);
    assert_eq!(run.stderr, "", "{text}");
}

#[test]
fn github_workflow_runs_daily_and_by_hand_and_may_do_nothing_else() {
    let workflow = parse(GITHUB);
    assert!(workflow["on"]["schedule"][0]["cron"].is_string());
    let input = &workflow["on"]["workflow_dispatch"]["inputs"]["accept_as_baseline"];
    assert_eq!(
        (&input["type"], &input["default"]),
        (&json!("boolean"), &json!(false))
    );
    assert_eq!(workflow["on"].as_object().unwrap().len(), 2);
    assert_eq!(workflow["permissions"], json!({}));
    assert_eq!(workflow["concurrency"]["cancel-in-progress"], json!(false));
    let job = &workflow["jobs"]["access"];
    assert_eq!(job["permissions"], json!({"contents": "read"}));
    assert!(job["timeout-minutes"].is_u64());
    assert_eq!(job["environment"], "posthog");
}

#[test]
fn github_actions_are_pinned_to_the_commits_that_this_repository_uses() {
    let pin = Regex::new(r"^uses: ([\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$").unwrap();
    let mut commits: BTreeMap<String, String> = BTreeMap::new();
    let own = fs::read_to_string(script("../.github/workflows/ci.yml")).unwrap();
    for text in [read(GITHUB), own] {
        let uses = text
            .lines()
            .map(|line| line.trim().trim_start_matches("- "));
        for line in uses.filter(|line| line.starts_with("uses:")) {
            let found = pin
                .captures(line)
                .unwrap_or_else(|| panic!("not pinned: {line}"));
            // The parts of one action are in one repository.
            let repository: Vec<_> = found[1].split('/').take(2).collect();
            let commit = commits.entry(repository.join("/"));
            let commit = commit.or_insert_with(|| found[2].to_owned());
            assert_eq!(commit, &found[2], "{line}");
        }
    }
    let pinned = steps()
        .iter()
        .filter(|step| step.get("uses").is_some())
        .count();
    assert_eq!(read(GITHUB).matches("uses: ").count(), pinned);
}

#[test]
fn github_commands_are_sound_shell_and_hold_no_expression() {
    for step in steps() {
        assert!(
            step.get("run").is_some() != step.get("uses").is_some(),
            "{step}"
        );
        if let Some(run) = step.get("run") {
            let run = run.as_str().unwrap();
            is_sound_shell(run);
            assert!(!run.contains("${{"), "{run}");
        }
        if step.to_string().contains("actions/checkout@") {
            assert_eq!(step["with"]["persist-credentials"], json!(false));
        }
    }
    // One step has the key.
    assert_eq!(read(GITHUB).matches("secrets.").count(), 1);
}

#[test]
fn github_keeps_the_reports_of_every_day_and_the_baseline_of_one_that_passed() {
    let steps = steps();
    let restore = place(&steps, "Restore the baseline");
    let review = place(&steps, "access-review.sh");
    let reports = place(&steps, "upload-artifact");
    let save = place(&steps, "Keep the baseline");
    assert!(restore < review && review < reports && reports < save);
    assert_eq!(save, steps.len() - 1);
    assert_eq!(steps[save]["if"], "${{ success() }}");
    assert_eq!(steps[reports]["if"], "${{ !cancelled() }}");
    let (saved, restored) = (&steps[save]["with"], &steps[restore]["with"]);
    assert_eq!(
        (&saved["key"], &saved["path"]),
        (&restored["key"], &restored["path"])
    );
    let prefix = restored["restore-keys"].as_str().unwrap();
    assert!(saved["key"].as_str().unwrap().starts_with(prefix));
    assert!(!steps[reports].to_string().contains("c1z"));
    assert!(place(&steps, "visibility") < restore);
}

#[test]
fn gitlab_job_runs_daily_and_by_hand_on_the_default_branch_alone() {
    let file = parse(GITLAB);
    let variable = &file["variables"]["ACCEPT_AS_BASELINE"];
    assert_eq!(variable["value"], "false");
    assert_eq!(variable["options"], json!(["false", "true"]));
    let job = &file["posthog-access"];
    assert_eq!(file.as_object().unwrap().len(), 2);
    for (rule, source) in job["rules"]
        .as_array()
        .unwrap()
        .iter()
        .zip(["schedule", "web"])
    {
        let condition = format!(
            "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE == \"{source}\""
        );
        assert_eq!(rule, &json!({"if": condition}));
    }
    assert!(job["resource_group"].is_string());
    assert_eq!(job["environment"]["name"], "posthog");
    for line in lines(job) {
        is_sound_shell(line);
    }
}

#[test]
fn gitlab_keeps_the_reports_of_every_day_and_the_baseline_of_one_that_passed() {
    let file = parse(GITLAB);
    let job = &file["posthog-access"];
    let baseline = &job["cache"][1];
    assert_eq!(
        (&baseline["paths"], &baseline["when"]),
        (&json!(["baseline/"]), &json!("on_success"))
    );
    let artifacts = &job["artifacts"];
    assert_eq!(
        (&artifacts["when"], &artifacts["access"]),
        (&json!("always"), &json!("developer"))
    );
    assert!(!artifacts["paths"].to_string().contains("c1z"));
    assert!(lines(job)[0].contains("$CI_PROJECT_VISIBILITY"));
}

#[test]
fn both_build_the_same_commit_and_fail_for_the_same_reasons() {
    let (github, gitlab) = (parse(GITHUB), parse(GITLAB));
    let steps = steps();
    let of_step = &steps[place(&steps, "access-review.sh")]["env"];
    let of_job = &gitlab["posthog-access"]["variables"];
    for name in ["DIFF_FAIL_ON", "AUDIT_FAIL_ON", "POSTHOG_C1Z"] {
        assert_eq!(of_step[name], of_job[name], "{name}");
        // Without a value, the script's own is the same.
        let value = of_job[name].as_str().unwrap();
        let own = format!("${{{name}:-{value}}}");
        let review = fs::read_to_string(script("ci/access-review.sh")).unwrap();
        assert!(name == "POSTHOG_C1Z" || review.contains(&own), "{own}");
    }
    for name in ["POSTHOG_C1Z_REVISION", "BATON_BASE_URL"] {
        assert_eq!(github["env"][name], of_job[name], "{name}");
    }
}

/// Runs the commands of a workflow that review, in a folder as the steps before leave it; returns the exit code.
fn run_review(
    sandbox: &Sandbox,
    posthog: &PostHog,
    commands: &str,
    env: &Value,
    is_accepted: bool,
) -> i32 {
    let mut program = sandbox
        // As both run them.
        .sh(&["-e", "-c", commands])
        .env("BATON_BASE_URL", &posthog.base_url())
        .env(
            "GITHUB_STEP_SUMMARY",
            sandbox.path("summary").to_str().unwrap(),
        );
    for (name, value) in env.as_object().unwrap() {
        let value = value.as_str().unwrap();
        if name != "BATON_BASE_URL" && !value.contains("${{") {
            program = program.env(name, value);
        }
    }
    program
        .env("BATON_API_TOKEN", KEY)
        .env("ACCEPT_AS_BASELINE", &is_accepted.to_string())
        .run()
        .code
}

#[test]
fn commands_of_both_review_an_organization_and_keep_its_baseline() {
    let posthog = Organization::new().members((1..=3).map(member)).serve();
    let steps = steps();
    let step = &steps[place(&steps, "access-review.sh")];
    let gitlab = parse(GITLAB);
    let job = &gitlab["posthog-access"];
    let last = *lines(job).last().unwrap();
    for (commands, env) in [
        (step["run"].as_str().unwrap(), &step["env"]),
        (last, &job["variables"]),
    ] {
        let sandbox = Sandbox::new();
        symlink(script(".."), sandbox.path("posthog-c1z")).unwrap();
        fs::create_dir_all(sandbox.path("program/bin")).unwrap();
        symlink(PROGRAM, sandbox.path("program/bin/posthog-c1z")).unwrap();
        for (is_accepted, code) in [(false, 5), (true, 0), (false, 0)] {
            let ended = run_review(&sandbox, &posthog, commands, env, is_accepted);
            assert_eq!(ended, code, "{commands}");
            assert_eq!(sandbox.path("baseline/posthog.c1z").exists(), code == 0);
        }
        if commands.contains("GITHUB_STEP_SUMMARY") {
            let summary = fs::read_to_string(sandbox.path("summary")).unwrap();
            assert_eq!(summary.matches("## Access review: ").count(), 3);
        }
    }
}
