//! Checks in advance whether a sync would work. Sends a handful of requests and leaves no files behind.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::audit::Criteria;
use super::sync::{
    FileOutput, MetricsFile, Output, SyncArgs, find_baseline, ignored_setting, prepare, with_config,
};
use super::{Failure, Outcome, World};
use crate::crawl::posthog::{self, Config, Cost, Costs, Memberships, Probe};
use crate::model::{CrawlKey, OrganizationEvidence};
use crate::progress::Silent;
use crate::report::{Format, duration, printable};

/// The arguments of `check`.
pub struct CheckArgs {
    /// The sync to check.
    pub sync: SyncArgs,
    /// The file that the key was read from, if any.
    pub key_file: Option<PathBuf>,
    /// The metrics file that the sync would write.
    pub metrics: Option<MetricsFile>,
    /// The output format.
    pub format: Format,
    /// The command line to run after a check that found nothing in the way.
    pub next: String,
}

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warning,
    Note,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

#[derive(Serialize)]
struct Line {
    level: Level,
    about: &'static str,
    message: String,
}

#[derive(Default)]
struct Report {
    lines: Vec<Line>,
}

impl Report {
    fn add(&mut self, level: Level, about: &'static str, message: impl Into<String>) {
        self.lines.push(Line {
            level,
            about,
            message: message.into(),
        });
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    schema_version: u32,
    would_work: bool,
    findings: &'a [Line],
    failure: Option<FailureDocument<'a>>,
    next: Option<&'a str>,
}

#[derive(Serialize)]
struct FailureDocument<'a> {
    message: &'a str,
    hint: Option<&'a str>,
    exit_code: u8,
}

pub(super) fn run(args: &CheckArgs, world: &mut World<'_>) -> Result<Outcome> {
    let mut report = Report::default();
    let result = with_config(&args.sync, |config| check(args, config, &mut report, world));
    // After a failure, the hint says what to do next.
    let next = result.is_ok().then_some(&*args.next);
    // Results from before a failure are printed too.
    match args.format {
        Format::Json => {
            let failure = result.as_ref().err().map(Failure::of);
            let document = Document {
                schema: "posthog-c1z.check",
                schema_version: 1,
                would_work: result.is_ok(),
                findings: &report.lines,
                failure: failure.as_ref().map(|failure| FailureDocument {
                    message: &failure.message,
                    hint: failure.hint.as_deref(),
                    exit_code: failure.exit_code as u8,
                }),
                next,
            };
            writeln!(world.out, "{}", serde_json::to_string_pretty(&document)?)?;
        }
        Format::Console => {
            for Line {
                level,
                about,
                message,
            } in &report.lines
            {
                writeln!(world.out, "{level:8} {about:13} {}", printable(message))?;
            }
            if let Some(next) = next {
                writeln!(world.out, "next     {}", printable(next))?;
            }
        }
    }
    world.out.flush()?;
    result.map(|()| Outcome::Done)
}

fn check(args: &CheckArgs, config: &Config, report: &mut Report, world: &World<'_>) -> Result<()> {
    report.add(
        Level::Ok,
        "address",
        config
            .public_base_url
            .as_ref()
            .unwrap_or(&config.base_url)
            .to_string(),
    );
    for name in &args.sync.ignored {
        report.add(Level::Note, "settings", ignored_setting(name));
    }
    if let Some(path) = &args.key_file {
        check_key_file(path, report);
    }
    if let Output::File(file) = &args.sync.output {
        check_output(file, &args.sync, config, report, world)?;
    }
    check_monitoring(args, report);
    let mut probe = Probe::default();
    let probed = posthog::probe(config, world.reporter, &mut probe);
    // The scopes of a key are known even if it may not read members.
    if probe.key.is_some() || probed.is_ok() {
        check_key(probe.key.as_ref(), report);
    }
    check_organization(&probe, report);
    probed?;
    check_costs(&probe, config, report);
    if let (Output::File(file), Some(organization)) = (&args.sync.output, &probe.organization) {
        check_baseline(file, &organization.id, report, world)?;
    }
    Ok(())
}

/// Warns about a key file that all users of the machine can read. `scripts/nightly.sh` refuses such a file.
fn check_key_file(path: &Path, report: &mut Report) {
    const OTHERS_MAY_READ: u32 = 0o004;
    let mode = path.metadata().map(|metadata| metadata.mode());
    if mode.is_ok_and(|mode| mode & OTHERS_MAY_READ != 0) {
        let path = path.display();
        let message = format!(
            "all users of this machine can read the key file `{path}`; run `chmod 600 {path}`"
        );
        report.add(Level::Warning, "key", message);
    }
}

fn check_output(
    file: &FileOutput,
    args: &SyncArgs,
    config: &Config,
    report: &mut Report,
    world: &World<'_>,
) -> Result<()> {
    drop(prepare(file, args, config, world)?);
    report.add(
        Level::Ok,
        "output",
        format!(
            "`{}` is writable and can be locked",
            file.template.dir().display()
        ),
    );
    Ok(())
}

/// Warns about what would only be missing from monitoring: it does not fail a sync.
fn check_monitoring(args: &CheckArgs, report: &mut Report) {
    if let Some(metrics) = &args.metrics {
        let path = metrics.path.display();
        match metrics.check() {
            Ok(()) => report.add(Level::Ok, "metrics", format!("`{path}` can be written")),
            Err(error) => {
                let problem = Failure::of(&error).message;
                let message = format!("`{path}` cannot be written: {problem}");
                report.add(Level::Warning, "metrics", message);
            }
        }
        if metrics
            .path
            .extension()
            .is_none_or(|ending| ending != "prom")
        {
            let message =
                format!("node_exporter only reads files that end in `.prom`, unlike `{path}`");
            report.add(Level::Warning, "metrics", message);
        }
    }
    if let Some(basis) = &args.sync.audit {
        match Criteria::read(basis, &Silent) {
            Ok(_) => report.add(Level::Ok, "audit", "the new snapshot can be audited"),
            Err(error) => report.add(Level::Warning, "audit", Failure::of(&error).message),
        }
    }
}

fn check_baseline(
    file: &FileOutput,
    organization: &str,
    report: &mut Report,
    world: &World<'_>,
) -> Result<()> {
    let now = (world.now)();
    let path = file.template.path(now, organization)?;
    let message = match find_baseline(file, &path, organization, now)? {
        Some((baseline, _)) => format!(
            "`{}` is a snapshot of the same organization",
            baseline.display()
        ),
        None => "there is no earlier snapshot to compare the new one with".to_owned(),
    };
    report.add(Level::Ok, "before", message);
    Ok(())
}

/// The scopes that a crawl needs.
const NEEDED_SCOPES: [&str; 2] = ["organization:read", "organization_member:read"];

/// Whether scopes include the one that is needed: directly, through `:write`, or through `*`.
fn is_granted(needed: &str, scopes: &[String]) -> bool {
    let object = needed.trim_end_matches(":read");
    scopes.iter().any(|scope| {
        scope == "*" || scope == needed || scope.strip_suffix(":write") == Some(object)
    })
}

fn check_key(key: Option<&CrawlKey>, report: &mut Report) {
    let Some(key) = key else {
        report.add(
            Level::Warning,
            "key",
            "is accepted, but its scopes are not known",
        );
        return;
    };
    let label = key.label.as_deref().unwrap_or("without a label");
    let scopes = if key.scopes.is_empty() {
        "scopes are not known".to_owned()
    } else {
        key.scopes.join(", ")
    };
    report.add(Level::Ok, "key", format!("`{label}`: {scopes}"));
    let missing: Vec<_> = NEEDED_SCOPES
        .iter()
        .filter(|needed| !key.scopes.is_empty() && !is_granted(needed, &key.scopes))
        .map(|needed| format!("`{needed}`"))
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "lacks {}; edit the key under Settings > Personal API keys",
            missing.join(" and ")
        );
        report.add(Level::Warning, "key", message);
    }
    let writing = key.writing_scopes();
    if !writing.is_empty() {
        let message = format!(
            "can write ({}), but only needs `organization:read` and `organization_member:read`",
            writing.join(", ")
        );
        report.add(Level::Warning, "key", message);
    }
}

fn check_organization(probe: &Probe, report: &mut Report) {
    match &probe.organization {
        Some(OrganizationEvidence {
            name: Some(name), ..
        }) => report.add(Level::Ok, "organization", name),
        Some(_) => {
            let message =
                "its details could not be read, so whether all members are shown cannot be checked";
            report.add(Level::Warning, "organization", message);
        }
        None => {}
    }
    if let Some((members, all)) = probe.members {
        let all = if all == Some(true) {
            ", and the key's owner sees all of them"
        } else {
            ""
        };
        report.add(Level::Ok, "members", format!("{members}{all}"));
    }
    if let Some(roles) = probe.roles {
        report.add(Level::Ok, "roles", roles.to_string());
    }
}

fn check_costs(probe: &Probe, config: &Config, report: &mut Report) {
    let Some(Costs {
        endpoint,
        embedded,
        embedded_at_most,
    }) = probe.costs
    else {
        return;
    };
    let in_words = |cost: Cost| match cost.least {
        Duration::ZERO => format!("{} requests", cost.requests),
        least => {
            let least = duration(u64::try_from(least.as_millis()).unwrap_or(u64::MAX));
            format!("{} requests, which take {least},", cost.requests)
        }
    };
    let messages = match config.memberships {
        Memberships::WithoutRoles => vec![format!("at least {} without roles", in_words(embedded))],
        Memberships::Endpoint | Memberships::Embedded => vec![
            format!(
                "at least {} with --memberships endpoint",
                in_words(endpoint)
            ),
            format!(
                "{} with --memberships embedded, or about {} if the list of roles has several pages",
                in_words(embedded),
                in_words(embedded_at_most).trim_end_matches(',')
            ),
        ],
    };
    for message in messages {
        report.add(Level::Ok, "cost", message);
    }
}
