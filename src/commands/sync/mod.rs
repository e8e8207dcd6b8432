//! Crawls one organization and writes one finished snapshot, or leaves everything as it was.
//!
//! | file | for |
//! |---|---|
//! | `settings.rs` | the arguments, with every setting resolved |
//! | `target.rs` | file names and their placeholders |
//! | `lock.rs` | one run at a time |
//! | `crawled.rs` | the result of one crawl |
//! | `previous.rs` | the previous snapshot |
//! | `archive.rs` | the snapshots under a name with a date, and which of them the rules of retention keep |
//! | `guard.rs` | whether a new snapshot may replace the previous one |
//! | `store.rs` | guard, write, copy, prune |
//! | `findings.rs` | the audit of the new snapshot |
//! | `metrics.rs` | the metrics file, for monitoring |

mod archive;
mod crawled;
mod findings;
mod guard;
mod lock;
mod metrics;
mod previous;
mod settings;
mod store;
mod target;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use archive::{Archive, New};
use crawled::Crawled;
use guard::RefusedCopy;
use store::Store;

use super::archived::in_words;
use super::{Outcome, World};
use crate::crawl::posthog::{self, Completeness, Config, Incomplete};
use crate::crawl::{ApiKey, BaseUrl, PlainHttp};
use crate::demo::{self, Demo, Week};
use crate::files;
use crate::model::RetentionRule;
use crate::progress::{Event, SyncSummary};
use crate::report::printable;
use crate::snapshot::{self, ContentDigest, Target, Written};

pub(super) use crawled::InconsistentData;
pub(super) use guard::{Refusal, find_baseline};
pub(super) use lock::{Lock, Locked, RunInProgress, path_of_pruning, runs_in_progress};
pub use metrics::MetricsFile;
pub use settings::{
    Checksum, CrawlSettings, FileOutput, GuardSettings, NothingSet, Output, Pruning, Rejected,
    Replace, Source, SyncArgs,
};
pub(super) use target::mark;
pub use target::{Template, TemplateError};

pub(super) fn run(args: &SyncArgs, world: &mut World<'_>) -> Result<Outcome> {
    for name in &args.ignored {
        world.reporter.report(Event::Noted {
            message: ignored_setting(name),
        });
    }
    with_config(args, |config| sync(args, config, world))
}

/// What to say about a setting of the official connector's service mode.
pub(super) fn ignored_setting(name: &str) -> String {
    format!("{name} is set but ignored: this tool is offline and read-only")
}

/// Calls `work` with the settings of the crawl, while the sample organization is served if it is the source.
pub(super) fn with_config<T>(
    args: &SyncArgs,
    work: impl FnOnce(&Config) -> Result<T>,
) -> Result<T> {
    match &args.source {
        Source::Organization { base_url, key } => {
            work(&args.crawl.config(base_url.clone(), key.clone(), None))
        }
        Source::Demo(week) => {
            let server = Demo::serve(*week).context("serving the sample organization")?;
            let parse = |url: &str| BaseUrl::parse(url, None, PlainHttp::Refuse);
            let public = parse(demo::PUBLIC_BASE_URL)?;
            let key = ApiKey::parse(demo::API_KEY, "the sample organization")?;
            work(
                &args
                    .crawl
                    .config(parse(&server.base_url())?, key, Some(public)),
            )
        }
    }
}

fn sync(args: &SyncArgs, config: &Config, world: &mut World<'_>) -> Result<Outcome> {
    ensure!(
        matches!(args.output, Output::File(_)) || !world.page.is_terminal,
        "a snapshot is binary and is not written to a terminal: name a file with -f, or redirect standard output"
    );
    let file = match &args.output {
        Output::Stdout => None,
        Output::File(file) if file.pruning == Pruning::DryRun => {
            return print_dry_run(file, config, world);
        }
        Output::File(file) => Some(file),
    };
    let _lock = match file {
        Some(file) => {
            files::set_targets(file.targets(&path_in_advance(file, config, world)?));
            Some(prepare(file, args, config, world)?)
        }
        None => None,
    };
    let criteria = match &args.audit {
        Some(basis) => findings::read_criteria(basis, world),
        None => None,
    };
    let begun = Instant::now();
    let crawled = Crawled::crawl(config, world)?;
    let temp_dir = args.temp_dir.as_deref();
    let (path, written, digest) = match file {
        Some(file) => {
            let (path, written, digest) = Store::new(file, temp_dir, &crawled, world)?.run()?;
            (Some(path), written, digest)
        }
        None => {
            let (written, digest) = stream(&crawled, temp_dir, world)?;
            (None, written, digest)
        }
    };
    if written.decoded_bytes > OLDER_READERS_LIMIT {
        let message =
            "the snapshot has more than 3 GiB after decompression, which older readers (SDK v0.7) refuse"
                .to_owned();
        world.reporter.report(Event::Warned { message });
    }
    let findings = match (file, &path, &criteria) {
        (Some(file), Some(path), Some(criteria)) => {
            findings::judge(path, criteria, &file.read, world)
        }
        _ => None,
    };
    let Crawled {
        inventory,
        evidence,
        ..
    } = crawled;
    let lacks_roles = evidence.lacks_roles();
    world.reporter.report(Event::Synced(Box::new(SyncSummary {
        organization_id: evidence.organization.id.clone(),
        organization: evidence
            .organization
            .name
            .unwrap_or(evidence.organization.id),
        base_url: evidence.base_url,
        users: inventory.count_of_type("user") as u64,
        unlisted: evidence.unlisted_principals,
        roles: inventory.count_of_type("role") as u64,
        grants: inventory.grants().len() as u64,
        requests: evidence.requests,
        next_steps: next_steps(args, path.as_deref()),
        file: path,
        bytes: written.bytes,
        sha256: written.sha256,
        content_digest: digest.to_string(),
        elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        unproved: evidence.unproved,
        lacks_roles,
        findings,
        is_demo: matches!(args.source, Source::Demo(_)),
    })));
    Ok(Outcome::Done)
}

/// The largest decompressed size that readers built on SDK v0.7 accept, in bytes.
const OLDER_READERS_LIMIT: u64 = 3 << 30;

/// Writes a snapshot to standard output, unless it may be incomplete.
fn stream(
    crawled: &Crawled,
    temp_dir: Option<&Path>,
    world: &mut World<'_>,
) -> Result<(Written, ContentDigest)> {
    if let Completeness::Doubtful(doubt) = &crawled.completeness {
        let target = Path::new("standard output");
        return Err(Refusal::incomplete(target, doubt.clone(), RefusedCopy::NotSaved).into());
    }
    let target = Target::Stream(world.out);
    Ok(snapshot::write(
        target,
        &crawled.contents(),
        temp_dir,
        world.reporter,
    )?)
}

/// A placeholder for the organization's id until `@current` is resolved. It has the length of PostHog's ids.
const SOME_ORGANIZATION: &str = "00000000-0000-0000-0000-000000000000";

/// Returns the path that a snapshot taken now would have.
fn path_in_advance(
    file: &FileOutput,
    config: &Config,
    world: &World<'_>,
) -> Result<PathBuf, TemplateError> {
    let organization = match config.base_url.organization() {
        alias if alias.starts_with('@') => SOME_ORGANIZATION,
        organization => organization,
    };
    file.template.path((world.now)(), organization)
}

/// Takes the lock of a file's template, and tries each step of writing in advance, so that a crawl is not wasted.
pub(super) fn prepare(
    file: &FileOutput,
    args: &SyncArgs,
    config: &Config,
    world: &World<'_>,
) -> Result<Lock> {
    let path = path_in_advance(file, config, world)?;
    for path in std::iter::once(&path).chain(&file.latest) {
        ensure!(
            file.checksum == Checksum::Omitted || !files::is_stream(path)?,
            "--checksum needs a regular file, and `{}` is not one",
            path.display()
        );
        let path = files::resolve(path)?;
        let dir = files::folder(&path);
        ensure!(
            dir.is_dir(),
            "the folder `{}` does not exist",
            dir.display()
        );
    }
    let lock = Lock::take(&file.template.lock_path()?, file.wait, (world.now)())?;
    files::check_replaceable(&path, file.mode)?;
    if let Some(latest) = &file.latest {
        files::check_replaceable(latest, file.mode)?;
        match Lock::take(&target::lock_path(latest)?, Duration::ZERO, (world.now)()) {
            // Another run only holds it for a moment.
            Err(error) if !error.is::<Locked>() => return Err(error),
            _ => {}
        }
    }
    if file.checksum == Checksum::Written {
        for path in std::iter::once(&path).chain(&file.latest) {
            files::check_replaceable(&files::checksum_path(path), file.mode)?;
        }
    }
    let rejected = (file.rejected == Rejected::Kept).then_some(target::REJECTED);
    let incomplete = (config.incomplete == Incomplete::Accept).then_some(target::INCOMPLETE);
    for mark in rejected.into_iter().chain(incomplete) {
        files::check_replaceable(&Template::marked(&path, mark), file.mode)?;
    }
    if let Some(dir) = &args.temp_dir {
        files::check_folder(dir)?;
    }
    Ok(lock)
}

/// Prints which files a run would write and remove now. Sends a request only to resolve `@current`.
fn print_dry_run(file: &FileOutput, config: &Config, world: &mut World<'_>) -> Result<Outcome> {
    let organization = posthog::resolve_organization(config, world.reporter)?;
    let now = (world.now)();
    let new = file.template.path(now, &organization)?;
    let archive = Archive {
        template: &file.template,
        organization: &organization,
        retention: file.retention,
        now,
        options: &file.read,
    };
    let judged = archive.judge(New {
        path: &new,
        captured_at: now,
    })?;
    let shown = |path: &Path| printable(&path.display().to_string()).into_owned();
    let rules: Vec<_> = file.retention.rules().collect();
    match rules[..] {
        [(RetentionRule::Last, keep)] => writeln!(
            world.out,
            "would write {}, which counts as one of the {keep} to keep",
            shown(&new)
        )?,
        _ => writeln!(
            world.out,
            "would write {}, which is kept by {}",
            shown(&new),
            in_words(&judged.new)
        )?,
    }
    for (own, by) in &judged.others {
        for path in own.files() {
            match by[..] {
                [] => writeln!(world.out, "would remove {}", shown(&path))?,
                _ => writeln!(
                    world.out,
                    "would keep {}, by {}",
                    shown(&path),
                    in_words(by)
                )?,
            }
        }
    }
    Ok(Outcome::Done)
}

/// Suggests commands to somebody who tries the program with the sample organization.
fn next_steps(args: &SyncArgs, file: Option<&Path>) -> Vec<String> {
    let (Source::Demo(week), Some(file)) = (&args.source, file) else {
        return Vec::new();
    };
    let file = file.display();
    match week {
        Week::First => vec![
            format!("posthog-c1z grants {file}"),
            format!("posthog-c1z access amara.okafor@example.com {file}"),
            "posthog-c1z sync --demo=later -f later.c1z".to_owned(),
            format!("posthog-c1z diff {file} later.c1z"),
        ],
        Week::Later => vec![
            format!("posthog-c1z diff demo.c1z {file}"),
            format!("posthog-c1z stats {file}"),
        ],
    }
}
