//! `history`: what changed when, one person and one role over time, who had what at a moment, and when leavers lost access;
//! through the command line.

mod leavers;
mod log;
mod moment;
mod nights;
mod sources;
mod stories;

use std::fs;

use posthog_c1z::model::SyncRun;
use serde_json::Value;

use crate::diff::{Organization, sync_run};
use crate::support::{Run, Shelf};

/// A folder of snapshots, one for each night.
struct Archive {
    shelf: Shelf,
}

impl Archive {
    fn new() -> Self {
        let shelf = Shelf::new();
        fs::create_dir(shelf.path("nights")).unwrap();
        Self { shelf }
    }

    /// Captures the organization in the night of day `day` of September 2026.
    fn capture(&self, day: u32, organization: &Organization) {
        self.capture_as(&format!("posthog-{day:02}.c1z"), run_of(day), organization);
    }

    fn capture_as(&self, name: &str, sync_run: SyncRun, organization: &Organization) {
        let night = Organization {
            sync_run,
            ..organization.clone()
        };
        night.write(&self.shelf.path(&format!("nights/{name}")));
    }

    fn run(&self, args: &[&str]) -> Run {
        self.shelf.run(&[&["history", "nights"], args].concat())
    }

    /// A run that prints its answer and ends with 15, since files could not be read.
    #[track_caller]
    fn run_with_unreadable(&self, args: &[&str], part: &str) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, 15, "{}", run.stderr);
        assert!(run.stderr.contains(part), "no `{part}` in {}", run.stderr);
        assert!(run.hint().contains("--skip-unreadable"));
        run
    }

    fn text(&self, args: &[&str]) -> String {
        self.shelf.text(&[&["history", "nights"], args].concat())
    }

    fn json(&self, args: &[&str]) -> Value {
        let run = self.run(&[args, &["-o", "json"]].concat());
        assert!([0, 1, 15].contains(&run.code), "{}", run.stderr);
        serde_json::from_slice(&run.stdout).unwrap()
    }
}

/// The sync run of a night of September 2026. It takes five seconds.
fn run_of(day: u32) -> SyncRun {
    let id = format!("0ujsszwN8NRY24YaXiTIE2VWD{day:02}");
    let run = sync_run(&id, &captured(day));
    SyncRun {
        started_at: crate::diff::time(&format!("2026-09-{day:02}T02:00:00Z")).unwrap(),
        ..run
    }
}

/// What a crawl without roles has of the organization.
fn without_roles(of: &Organization) -> Organization {
    let mut without = of.clone();
    without.resources.retain(|row| row.user.is_some());
    without.entitlements.clear();
    without.grants.clear();
    let evidence = without.evidence.as_mut().unwrap();
    evidence.not_read = vec!["roles".to_owned()];
    without
}

/// When the run of that night ended.
fn captured(day: u32) -> String {
    format!("2026-09-{day:02}T02:00:05Z")
}

/// The spans of a story, one a line: what, name or value, start and end.
fn spans(story: &Value) -> Vec<String> {
    let interval = |of: &Value| match (&of["after"], &of["by"]) {
        (after, by) if after == by => by.as_str().unwrap().to_owned(),
        (Value::Null, by) => format!("by {}", by.as_str().unwrap()),
        (after, by) => format!("{}..{}", after.as_str().unwrap(), by.as_str().unwrap()),
    };
    let spans = story["spans"].as_array().unwrap().iter();
    spans
        .map(|span| {
            let subject = span.get("name").unwrap_or(&span["value"]);
            let subject = match subject {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let until = match &span["until"] {
                Value::Null => "open".to_owned(),
                until => interval(until),
            };
            let what = span["what"].as_str().unwrap();
            format!("{what} {subject}: {} - {until}", interval(&span["from"]))
        })
        .collect()
}
