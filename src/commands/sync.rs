//! Crawl one organization and leave one finished snapshot, or leave everything as it was.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::guard::{self, GuardSettings, Kept, Refusal};
use super::lock::{self, Lock, Locked};
use super::target::{self, Template};
use super::{Outcome, World, archive};
use crate::crawl::posthog::{self, Completeness, Config, Incomplete, Memberships};
use crate::crawl::{ApiKey, BaseUrl, HttpSettings, PlainHttp};
use crate::demo::{self, Demo, Week};
use crate::files;
use crate::model::{Defect, Evidence, SyncRun, Timestamp};
use crate::progress::{Event, SyncSummary};
use crate::report::printable;
use crate::snapshot::{self, ContentDigest, Contents, ReadOptions, Target, Written};

/// What to crawl, and where to put it.
pub struct SyncArgs {
    /// What to crawl.
    pub source: Source,
    /// How to crawl it.
    pub crawl: CrawlSettings,
    /// Where to put it.
    pub output: Output,
    /// The folder for the database while it is built; beside the output if none is named.
    pub temp_dir: Option<PathBuf>,
}

/// How to crawl.
#[derive(Clone)]
pub struct CrawlSettings {
    /// How requests are made.
    pub http: HttpSettings,
    /// Where role memberships are read from.
    pub memberships: Memberships,
    /// How many roles are read at a time.
    pub workers: usize,
    /// What becomes of a list that cannot be proved to be whole.
    pub incomplete: Incomplete,
}

/// What to crawl.
pub enum Source {
    /// An organization.
    Organization {
        /// Its address.
        base_url: BaseUrl,
        /// The key to read it with.
        key: ApiKey,
    },
    /// The sample organization that the program carries in itself.
    Demo(Week),
}

/// Where a snapshot goes.
pub enum Output {
    /// A file.
    File(FileOutput),
    /// Standard output.
    Stdout,
}

/// A snapshot in a file, and what else is to be done about files.
pub struct FileOutput {
    /// Where.
    pub template: Template,
    /// Permission bits.
    pub mode: u32,
    /// A copy under a name that stays the same.
    pub latest: Option<PathBuf>,
    /// How many snapshots of the template stay; all if it is `None`.
    pub keep_last: Option<NonZeroUsize>,
    /// Whether to crawl, or only to tell what pruning would remove.
    pub pruning: Pruning,
    /// What a new snapshot must be to take the old one's place.
    pub guard: GuardSettings,
    /// Whether a snapshot that the guard refuses is kept beside the old one.
    pub rejected: Rejected,
    /// Limits on reading the old one.
    pub read: ReadOptions,
    /// How long to wait for another run to end.
    pub wait: Duration,
}

/// Whether pruning is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruning {
    /// After the new snapshot stands.
    Done,
    /// It is only told; nothing is crawled.
    Told,
}

/// What becomes of a snapshot that the guard refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// It is not written.
    Dropped,
    /// It is written beside the old one.
    Kept,
}

/// What was crawled does not hold together. The crawl sees to it that this cannot be; it is checked all the same.
#[derive(Debug)]
pub struct NotWhole(Vec<Defect>);

impl fmt::Display for NotWhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what was read does not hold together")?;
        if let Some(first) = self.0.first() {
            write!(f, ": {first}")?;
        }
        match self.0.len() {
            0 | 1 => Ok(()),
            more => write!(f, " (and {} more)", more - 1),
        }
    }
}

impl std::error::Error for NotWhole {}

pub(super) fn run(args: &SyncArgs, world: &mut World<'_>) -> Result<Outcome> {
    with_config(args, |config| sync(args, config, world))
}

/// Does `work` with what a crawl needs to know; the sample organization is served as long as that takes.
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

impl CrawlSettings {
    /// The whole of what a crawl needs to know.
    fn config(&self, base_url: BaseUrl, key: ApiKey, public_base_url: Option<BaseUrl>) -> Config {
        Config {
            base_url,
            public_base_url,
            key,
            http: self.http.clone(),
            memberships: self.memberships,
            workers: self.workers,
            incomplete: self.incomplete,
        }
    }
}

fn sync(args: &SyncArgs, config: &Config, world: &mut World<'_>) -> Result<Outcome> {
    ensure!(
        matches!(args.output, Output::File(_)) || !world.page.is_terminal,
        "a snapshot is not text, and is not written to a terminal: name a file with -f, or redirect standard output"
    );
    let file = match &args.output {
        Output::Stdout => None,
        Output::File(file) if file.pruning == Pruning::Told => {
            return tell_pruning(file, config, world);
        }
        Output::File(file) => Some(file),
    };
    let _lock = match file {
        Some(file) => Some(prepare(file, args, config, world)?),
        None => None,
    };
    let begun = Instant::now();
    let started_at = (world.now)();
    let crawled = posthog::crawl(config, world.now, world.reporter)?;
    let inventory = crawled.found.finish().map_err(NotWhole)?;
    let evidence = crawled.evidence;
    let sync_run = SyncRun::full((world.new_sync_id)(started_at), started_at, (world.now)());
    let contents = Contents {
        sync_run: &sync_run,
        inventory: &inventory,
        evidence: Some(&evidence),
    };
    for message in &evidence.warnings {
        world.reporter.report(Event::Warned {
            message: message.clone(),
        });
    }

    let (path, (written, digest)) = match file {
        None => {
            if let Completeness::Doubtful(doubt) = crawled.completeness {
                let target = PathBuf::from("standard output");
                return Err(Refusal::incomplete(&target, doubt, Kept::No).into());
            }
            (
                None,
                snapshot::write(
                    Target::Stream(world.out),
                    &contents,
                    args.temp_dir.as_deref(),
                    world.reporter,
                )?,
            )
        }
        Some(file) => {
            let organization = &evidence.organization.id;
            let write = |path: &Path| write_file(path, file, &contents, args, world);
            let path = file.template.path(started_at, organization)?;
            if let Completeness::Doubtful(doubt) = crawled.completeness {
                let kept = keep(&path, target::INCOMPLETE, file, organization, write)?;
                return Err(Refusal::incomplete(&path, doubt, kept).into());
            }
            let now = (world.now)();
            let guarded =
                guard::find_baseline(file, &path, organization, now).and_then(|baseline| {
                    guard::check_shrink(baseline, file, now, &inventory, &evidence)
                });
            match guarded {
                Ok(None) => {}
                Ok(Some(message)) => world.reporter.report(Event::Warned { message }),
                Err(error) => {
                    return Err(match error.downcast::<Refusal>() {
                        Ok(mut refusal) if file.rejected == Rejected::Kept => {
                            refusal.kept =
                                keep(&path, target::REJECTED, file, organization, write)?;
                            refusal.into()
                        }
                        Ok(refusal) => refusal.into(),
                        Err(error) => error,
                    });
                }
            }
            let written = write(&path)?;
            if let Some(latest) = &file.latest {
                update_latest(file, latest, &path, organization, &sync_run, world)?;
            }
            prune(file, &path, organization, (world.now)())?;
            (Some(path), written)
        }
    };
    if written.decoded_bytes > OLDER_READERS_LIMIT {
        let message =
            "the snapshot decodes to more than 3 GiB, which older readers (SDK v0.7) refuse"
                .to_owned();
        world.reporter.report(Event::Warned { message });
    }
    let lacks_roles = evidence.lacks_roles();
    let Evidence {
        organization,
        base_url,
        requests,
        unlisted_principals,
        unproved,
        ..
    } = evidence;
    world.reporter.report(Event::Synced(Box::new(SyncSummary {
        organization: organization.name.unwrap_or(organization.id),
        base_url,
        users: inventory.count_of_type("user") as u64,
        unlisted: unlisted_principals,
        roles: inventory.count_of_type("role") as u64,
        grants: inventory.grants().len() as u64,
        requests,
        next_steps: next_steps(args, path.as_deref()),
        file: path,
        bytes: written.bytes,
        sha256: written.sha256,
        content_digest: digest.to_string(),
        elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        unproved,
        lacks_roles,
    })));
    Ok(Outcome::Done)
}

/// Decoded size that readers built on SDK v0.7 take, in bytes.
const OLDER_READERS_LIMIT: u64 = 3 << 30;

fn write_file(
    path: &Path,
    file: &FileOutput,
    contents: &Contents<'_>,
    args: &SyncArgs,
    world: &World<'_>,
) -> Result<(Written, ContentDigest)> {
    let mode = file.mode;
    let target = Target::File { path, mode };
    Ok(snapshot::write(
        target,
        contents,
        args.temp_dir.as_deref(),
        world.reporter,
    )?)
}

/// Stands for an organization's id before `@current` is resolved: all ids of PostHog are this long.
const SOME_ORGANIZATION: &str = "00000000-0000-0000-0000-000000000000";

/// Takes the lock of a file's template, and tries each step of writing in advance, so that a crawl is not in vain.
pub(super) fn prepare(
    file: &FileOutput,
    args: &SyncArgs,
    config: &Config,
    world: &World<'_>,
) -> Result<Lock> {
    let organization = match config.base_url.organization() {
        alias if alias.starts_with('@') => SOME_ORGANIZATION,
        organization => organization,
    };
    let path = file.template.path((world.now)(), organization)?;
    for path in std::iter::once(&path).chain(&file.latest) {
        let path = files::resolve(path)?;
        let dir = files::folder(&path);
        ensure!(
            dir.is_dir(),
            "the folder `{}` does not exist",
            dir.display()
        );
    }
    let lock = Lock::take(&file.template.lock_path()?, file.wait, &holder(world))?;
    files::check_replaceable(&path, file.mode)?;
    if let Some(latest) = &file.latest {
        files::check_replaceable(latest, file.mode)?;
        match Lock::take(&target::lock_path(latest)?, Duration::ZERO, &holder(world)) {
            // Another run holds it only for a moment.
            Err(error) if !error.is::<Locked>() => return Err(error),
            _ => {}
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

fn holder(world: &World<'_>) -> String {
    lock::holder(&(world.now)().to_seconds())
}

/// Writes a snapshot that was refused beside its target, under a mark, if what is there may go.
fn keep(
    path: &Path,
    mark: &str,
    file: &FileOutput,
    organization: &str,
    write: impl FnOnce(&Path) -> Result<(Written, ContentDigest)>,
) -> Result<Kept> {
    let path = Template::marked(path, mark);
    let found = guard::check_unlinked(&path)
        .map_err(anyhow::Error::from)
        .and_then(|()| guard::identify(&path, organization, file.guard, &file.read));
    match found {
        Ok(_) => {
            write(&path)?;
            Ok(Kept::At(path))
        }
        Err(error) => Ok(Kept::InTheWay(Box::new(error.downcast()?))),
    }
}

/// How long to wait for another run that copies its snapshot to the same `--latest`.
const LATEST_WAIT: Duration = Duration::from_secs(60);

/// Copies the snapshot at `path` to `latest`, unless that is newer: another run may share it.
fn update_latest(
    file: &FileOutput,
    latest: &Path,
    path: &Path,
    organization: &str,
    run: &SyncRun,
    world: &World<'_>,
) -> Result<()> {
    if files::is_same_file(latest, path) {
        return Ok(());
    }
    let wait = LATEST_WAIT.max(file.wait);
    let _lock = Lock::take(&target::lock_path(latest)?, wait, &holder(world))?;
    let warn = |problem: &str| {
        let message = format!("`{}` {problem}", latest.display());
        world.reporter.report(Event::Warned { message });
    };
    let before = guard::identify(latest, organization, file.guard, &file.read)?;
    if let Some(before) = before
        && Some(before.captured_at) > run.ended_at
    {
        if !before.captured_at.is_future((world.now)()) {
            warn("is newer than this snapshot and stays as it is");
            return Ok(());
        }
        warn("is dated in the future; it is replaced");
    }
    Ok(snapshot::copy(path, latest, file.mode)?)
}

/// Removes the oldest snapshots of the template, but never the one just written.
fn prune(file: &FileOutput, written: &Path, organization: &str, now: Timestamp) -> Result<()> {
    let Some(keep) = file.keep_last else {
        return Ok(());
    };
    for own in archive::superfluous(&file.template, organization, keep, written, now, &file.read)? {
        own.remove()?;
    }
    Ok(())
}

/// Says what a run would write and remove now. Nothing is asked but what `@current` means.
fn tell_pruning(file: &FileOutput, config: &Config, world: &mut World<'_>) -> Result<Outcome> {
    let organization = posthog::resolve_organization(config, world.reporter)?;
    let now = (world.now)();
    let new = file.template.path(now, &organization)?;
    let Some(keep) = file.keep_last else {
        return Ok(Outcome::Done);
    };
    writeln!(
        world.out,
        "would write {}, which counts as one of the {keep} to keep",
        printable(&new.display().to_string())
    )?;
    for own in archive::superfluous(&file.template, &organization, keep, &new, now, &file.read)? {
        writeln!(
            world.out,
            "would remove {}",
            printable(&own.path.display().to_string())
        )?;
    }
    Ok(Outcome::Done)
}

/// What a person who has just met the program may want to see next.
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
