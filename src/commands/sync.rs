//! Crawl one organization and leave one finished snapshot, or leave everything as it was.

use std::fmt;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::guard::{self, GuardSettings, Refusal};
use super::lock::{self, Lock};
use super::target::{self, Template, TemplateError};
use super::{Outcome, World};
use crate::crawl::posthog::{self, Completeness, Config, Incomplete, Memberships};
use crate::crawl::{ApiKey, BaseUrl, HttpSettings, PlainHttp};
use crate::demo::{self, Demo, Week};
use crate::model::{Defect, Evidence, SyncRun};
use crate::progress::{Event, SyncSummary};
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
            let key = ApiKey::parse(demo::API_KEY)?;
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
    let file = match &args.output {
        Output::Stdout => None,
        Output::File(file) if file.pruning == Pruning::Told => {
            return tell_pruning(file, config, world);
        }
        Output::File(file) => Some(file),
    };
    let _lock = file.map(|file| take_lock(file, world)).transpose()?;
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
                return Err(Refusal::incomplete(&target, doubt, None).into());
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
            let write = |path: &Path| write_file(path, file.mode, &contents, args, world);
            let path = file.template.path(started_at, &evidence.organization.id);
            if let Completeness::Doubtful(doubt) = crawled.completeness {
                let kept = Template::marked(&path, target::INCOMPLETE);
                write(&kept)?;
                return Err(Refusal::incomplete(&path, doubt, Some(kept)).into());
            }
            let baseline = baseline(file, &path, &evidence.organization.id)?;
            if let Err(mut refusal) = guard::check(
                &baseline, &path, &inventory, &evidence, file.guard, &file.read,
            )? {
                if file.rejected == Rejected::Kept {
                    let kept = Template::marked(&path, target::REJECTED);
                    write(&kept)?;
                    refusal.kept = Some(kept);
                }
                return Err(refusal.into());
            }
            let written = write(&path)?;
            if let Some(latest) = &file.latest {
                snapshot::copy(&path, latest, file.mode)?;
            }
            prune(file, &path, &evidence.organization.id)?;
            (Some(path), written)
        }
    };
    if written.decoded_bytes > OLDER_READERS_LIMIT {
        let message =
            "the snapshot decodes to more than 3 GiB, which older readers (SDK v0.7) refuse"
                .to_owned();
        world.reporter.report(Event::Warned { message });
    }
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
        elapsed_ms: (world.now)().millis_since(started_at),
        unproved,
    })));
    Ok(Outcome::Done)
}

/// Decoded size that readers built on SDK v0.7 take, in bytes.
const OLDER_READERS_LIMIT: u64 = 3 << 30;

fn write_file(
    path: &Path,
    mode: u32,
    contents: &Contents<'_>,
    args: &SyncArgs,
    world: &World<'_>,
) -> Result<(Written, ContentDigest)> {
    let target = Target::File { path, mode };
    Ok(snapshot::write(
        target,
        contents,
        args.temp_dir.as_deref(),
        world.reporter,
    )?)
}

/// Takes the lock of a file's template, and sees before the crawl that there are folders to write into.
pub(super) fn take_lock(file: &FileOutput, world: &World<'_>) -> Result<Lock> {
    for path in std::iter::once(file.template.lock_path()).chain(file.latest.clone()) {
        let dir = path
            .parent()
            .filter(|dir| !dir.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        ensure!(
            dir.is_dir(),
            "the folder `{}` does not exist",
            dir.display()
        );
    }
    let holder = lock::holder(&(world.now)().to_seconds());
    Lock::take(&file.template.lock_path(), file.wait, &holder)
}

/// The snapshot that the new one is held against: the copy under the fixed name, else the newest that the template
/// made, else what stands at the target.
pub(super) fn baseline(file: &FileOutput, path: &Path, organization: &str) -> Result<PathBuf> {
    if let Some(latest) = file.latest.as_ref().filter(|latest| latest.exists()) {
        return Ok(latest.clone());
    }
    let made = match file.template.varies() {
        true => file.template.made(organization)?,
        false => Vec::new(),
    };
    Ok(made.into_iter().next().unwrap_or_else(|| path.to_owned()))
}

/// Removes the oldest snapshots of the template, but never the newest, nor the one just written: a clock that once went
/// wrong may have left names of days to come.
fn prune(file: &FileOutput, written: &Path, organization: &str) -> Result<()> {
    let name = written.file_name();
    let superfluous = superfluous(file, organization)?.into_iter();
    for path in superfluous.filter(|path| path.file_name() != name) {
        fs::remove_file(&path)
            .with_context(|| format!("removing the old snapshot `{}`", path.display()))?;
    }
    Ok(())
}

fn superfluous(file: &FileOutput, organization: &str) -> Result<Vec<PathBuf>> {
    let Some(keep_last) = file.keep_last else {
        return Ok(Vec::new());
    };
    if !file.template.varies() {
        return Err(TemplateError::NothingToPrune.into());
    }
    let mut made = file.template.made(organization)?;
    Ok(made.split_off(keep_last.get().min(made.len())))
}

/// What pruning would remove now, were a new snapshot written: one more than there are too many.
fn tell_pruning(file: &FileOutput, config: &Config, world: &mut World<'_>) -> Result<Outcome> {
    let organization = config.base_url.organization();
    let mut made = file.template.made(organization)?;
    let keep = file
        .keep_last
        .map_or(made.len(), |keep_last| keep_last.get() - 1);
    for path in made.split_off(keep.min(made.len())) {
        writeln!(world.out, "would remove {}", path.display())?;
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
