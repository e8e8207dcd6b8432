//! Crawl one organization and leave one finished snapshot, or leave everything as it was.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Outcome, World};
use crate::crawl::posthog::{self, Config};
use crate::crawl::{ApiKey, BaseUrl, HttpSettings, PlainHttp};
use crate::demo::{self, Demo, Week};
use crate::model::{Defect, Evidence, SyncRun};
use crate::progress::{Event, SyncSummary};
use crate::snapshot::{self, Contents, Target};

/// What to crawl, and where to put it.
pub struct SyncArgs {
    /// What to crawl.
    pub source: Source,
    /// Limits of a request.
    pub http: HttpSettings,
    /// Where to put it.
    pub output: Output,
    /// The folder for the database while it is built; beside the output if none is named.
    pub temp_dir: Option<PathBuf>,
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
    /// A file, with this Unix mode.
    File {
        /// Where.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
    },
    /// Standard output.
    Stdout,
}

/// What was crawled does not hold together. The crawl sees to it that this cannot be; it is checked all the same.
#[derive(Debug)]
pub struct NotWhole(Vec<Defect>);

impl std::fmt::Display for NotWhole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
    match &args.source {
        Source::Organization { base_url, key } => {
            let config = Config {
                base_url: base_url.clone(),
                public_base_url: None,
                key: key.clone(),
                http: args.http,
            };
            sync(args, &config, world)
        }
        Source::Demo(week) => {
            let server = Demo::serve(*week).context("serving the sample organization")?;
            let parse = |url: &str| BaseUrl::parse(url, None, PlainHttp::Refuse);
            let config = Config {
                base_url: parse(&server.base_url())?,
                public_base_url: Some(parse(demo::PUBLIC_BASE_URL)?),
                key: ApiKey::parse(demo::API_KEY)?,
                http: args.http,
            };
            sync(args, &config, world)
        }
    }
}

fn sync(args: &SyncArgs, config: &Config, world: &mut World<'_>) -> Result<Outcome> {
    let started_at = (world.now)();
    let (found, evidence) = posthog::crawl(config, world.now, world.reporter)?;
    let inventory = found.finish().map_err(NotWhole)?;
    let sync_run = SyncRun::full((world.new_sync_id)(started_at), started_at, (world.now)());
    let contents = Contents {
        sync_run: &sync_run,
        inventory: &inventory,
        evidence: Some(&evidence),
    };
    let (target, file) = match &args.output {
        Output::File { path, mode } => (Target::File { path, mode: *mode }, Some(path.clone())),
        Output::Stdout => (Target::Stream(&mut *world.out), None),
    };
    let (written, digest) =
        snapshot::write(target, &contents, args.temp_dir.as_deref(), world.reporter)?;

    for message in &evidence.warnings {
        world.reporter.report(Event::Warned {
            message: message.clone(),
        });
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
        next_steps: next_steps(args, file.as_deref()),
        file,
        bytes: written.bytes,
        sha256: written.sha256,
        content_digest: digest.to_string(),
        elapsed_ms: (world.now)().millis_since(started_at),
        unproved,
    })));
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
            "posthog-c1z sync --demo=later -f later.c1z".to_owned(),
            format!("baton -f {file} grants"),
        ],
        Week::Later => vec![format!("baton -f {file} grants")],
    }
}
