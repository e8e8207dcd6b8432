//! What is in a file: sync runs, counts, content digest, and what our own crawl could prove.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use super::input::{Input, LACKS_ROLES};
use super::{Outcome, World};
use crate::model::{Evidence, SyncRun, SyncType, Timestamp};
use crate::progress::Event;
use crate::report::{Column, Format, Table, duration, moment, printable, size};
use crate::snapshot::{Counts, Snapshot};

/// What to tell of which snapshot.
#[derive(Clone, Debug)]
pub struct StatsArgs {
    /// The snapshot.
    pub input: Input,
    /// In which form.
    pub format: Format,
    /// How much.
    pub scope: StatsScope,
    /// How old the newest finished full sync run may be.
    pub max_age: Option<Duration>,
}

/// How much to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsScope {
    /// Everything, the evidence in brief.
    Overview,
    /// The evidence alone, whole.
    Evidence,
}

const SYNC_RUN_COLUMNS: &[Column] = &[
    Column::id("Sync run"),
    Column::new("Type"),
    Column::whole("Started (UTC)"),
    Column::whole("Ended (UTC)"),
    Column::whole("Took"),
];

const COUNT_COLUMNS: &[Column] = &[
    Column::new("Resource type"),
    Column::whole("Resources"),
    Column::whole("Entitlements"),
    Column::whole("Grants"),
];

pub(super) fn run(args: &StatsArgs, world: &mut World<'_>) -> Result<Outcome> {
    let (snapshot, run) = args.input.open_sync()?;
    let evidence = snapshot.evidence(&run.id)?;
    if args.scope == StatsScope::Evidence {
        let Some(evidence) = evidence else {
            bail!(
                "`{}` holds no evidence: another program made it",
                args.input.path.display()
            )
        };
        writeln!(world.out, "{}", serde_json::to_string_pretty(&evidence)?)?;
        return Ok(Outcome::Done);
    }
    let stats = Stats::gather(args, &snapshot, run, evidence)?;
    match args.format {
        Format::Json => writeln!(
            world.out,
            "{}",
            serde_json::to_string_pretty(&stats.document())?
        )?,
        Format::Console => stats.write(world)?,
    }
    stats.age(args, world)
}

struct Stats<'a> {
    args: &'a StatsArgs,
    bytes: u64,
    decoded_bytes: u64,
    runs: Vec<SyncRun>,
    shown: SyncRun,
    counts: Counts,
    content_digest: String,
    /// What the file says of its own counts and should not.
    wrong_stats: Option<String>,
    evidence: Option<Evidence>,
}

impl<'a> Stats<'a> {
    fn gather(
        args: &'a StatsArgs,
        snapshot: &Snapshot,
        shown: SyncRun,
        evidence: Option<Evidence>,
    ) -> Result<Self> {
        let (counts, content_digest) = snapshot.counts_and_digest(&shown.id)?;
        let stated = snapshot.stats_column(&shown.id)?;
        Ok(Self {
            args,
            bytes: snapshot.bytes,
            decoded_bytes: snapshot.decoded_bytes,
            runs: snapshot.sync_runs()?,
            content_digest: content_digest.to_string(),
            wrong_stats: stated.and_then(|stated| {
                counts.differs_from(&stated, &shown.sync_type, evidence.as_ref())
            }),
            counts,
            shown,
            evidence,
        })
    }

    fn types(&self) -> BTreeSet<&String> {
        let Counts {
            resources,
            entitlements,
            grants,
            ..
        } = &self.counts;
        resources
            .keys()
            .chain(entitlements.keys())
            .chain(grants.keys())
            .collect()
    }

    fn document(&self) -> StatsDocument<'_> {
        let of = |counts: &BTreeMap<String, u64>, name: &str| {
            counts.get(name).copied().unwrap_or_default()
        };
        StatsDocument {
            schema: "posthog-c1z.stats",
            schema_version: 1,
            file: self.args.input.path.display().to_string(),
            format: "v1",
            bytes: self.bytes,
            decoded_bytes: self.decoded_bytes,
            content_digest: &self.content_digest,
            shown_sync_id: self.shown.id.as_str(),
            sync_runs: self.runs.iter().map(SyncRunDocument::of).collect(),
            resource_types: self.counts.resource_types.len() as u64,
            counts: self
                .types()
                .into_iter()
                .map(|name| CountDocument {
                    resource_type: name,
                    resources: of(&self.counts.resources, name),
                    entitlements: of(&self.counts.entitlements, name),
                    grants: of(&self.counts.grants, name),
                })
                .collect(),
            wrong_stats: self.wrong_stats.as_deref(),
            evidence: self.evidence.as_ref(),
        }
    }

    fn write(&self, world: &mut World<'_>) -> Result<()> {
        let out = &mut *world.out;
        let path = self.args.input.path.display().to_string();
        writeln!(
            out,
            "file      {} ({}, format v1, {} decoded)",
            printable(&path),
            size(self.bytes),
            size(self.decoded_bytes)
        )?;
        writeln!(out, "digest    {}", self.content_digest)?;
        if let Some(evidence) = &self.evidence {
            write_evidence(out, evidence)?;
        }
        if let Some(problem) = &self.wrong_stats {
            writeln!(
                out,
                "warning   its own stats column is wrong: {}",
                printable(problem)
            )?;
        }
        writeln!(out)?;
        let mut table = Table::new(out, world.page, SYNC_RUN_COLUMNS);
        for run in &self.runs {
            let took = run
                .ended_at
                .map(|ended| duration(ended.millis_since(run.started_at)));
            let ended = run
                .ended_at
                .map_or_else(|| "unfinished".to_owned(), Timestamp::to_seconds);
            let shown = if run.id == self.shown.id && self.runs.len() > 1 {
                " (shown)"
            } else {
                ""
            };
            table.push(vec![
                format!("{}{shown}", run.id),
                run.sync_type.to_string(),
                moment(Some(run.started_at)),
                ended,
                took.unwrap_or_default(),
            ])?;
        }
        table.finish()?;
        writeln!(out)?;
        let mut table = Table::new(out, world.page, COUNT_COLUMNS);
        let of = |counts: &BTreeMap<String, u64>, name: &str| {
            counts.get(name).copied().unwrap_or_default().to_string()
        };
        for name in self.types() {
            table.push(vec![
                name.clone(),
                of(&self.counts.resources, name),
                of(&self.counts.entitlements, name),
                of(&self.counts.grants, name),
            ])?;
        }
        Ok(table.finish()?)
    }

    /// Whether the newest finished full sync run of the file is young enough. Others do not count: a part of yesterday's
    /// people is not a snapshot of today's.
    fn age(&self, args: &StatsArgs, world: &World<'_>) -> Result<Outcome> {
        let Some(max_age) = args.max_age else {
            return Ok(Outcome::Done);
        };
        let full = |run: &&SyncRun| run.sync_type == SyncType::Full;
        let newest = self.runs.iter().filter(full).filter_map(|run| run.ended_at);
        let now = (world.now)();
        let (outcome, found) = match newest.max() {
            None => (
                Outcome::Found,
                "there is no finished full sync run".to_owned(),
            ),
            Some(ended) => {
                let age = now.millis_since(ended);
                let (outcome, age) = match u128::from(age) <= max_age.as_millis() {
                    _ if ended.is_future(now) => (Outcome::Found, "ahead of the clock".to_owned()),
                    true => (Outcome::Done, format!("{} ago", duration(age))),
                    false => (
                        Outcome::Found,
                        format!("{} ago, more than --max-age allows", duration(age)),
                    ),
                };
                let ended = ended.to_seconds();
                let found = format!("the newest full sync run ended at {ended} UTC, {age}");
                (outcome, found)
            }
        };
        let message = format!("`{}`: {found}", self.args.input.path.display());
        world.reporter.report(match outcome {
            Outcome::Done => Event::Noted { message },
            _ => Event::Found { message },
        });
        Ok(outcome)
    }
}

fn write_evidence(out: &mut dyn Write, evidence: &Evidence) -> Result<()> {
    let organization = &evidence.organization;
    let name = organization.name.as_deref().unwrap_or(&organization.id);
    writeln!(out, "of        {}", printable(name))?;
    writeln!(out, "from      {}", printable(&evidence.base_url))?;
    if let Some(key) = &evidence.key {
        let label = key.label.as_deref().unwrap_or("without a label");
        let owner = key.owner.as_ref().map_or_else(
            || "a person who was not found in the member list".to_owned(),
            |owner| match &owner.organization_role {
                Some(seat) => format!("{}, {seat}", owner.display_name),
                None => owner.display_name.clone(),
            },
        );
        writeln!(
            out,
            "key       {} of {}",
            printable(label),
            printable(&owner)
        )?;
    }
    let by = format!("{} {}", evidence.tool.name, evidence.tool.version);
    writeln!(
        out,
        "made by   {}, {} requests",
        printable(&by),
        evidence.requests
    )?;
    for text in &evidence.unproved {
        writeln!(out, "unproved  {}", printable(text))?;
    }
    if evidence.lacks_roles() {
        writeln!(out, "not read  {LACKS_ROLES}")?;
    }
    for text in &evidence.warnings {
        writeln!(out, "warning   {}", printable(text))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct StatsDocument<'a> {
    schema: &'static str,
    schema_version: u32,
    file: String,
    format: &'static str,
    bytes: u64,
    decoded_bytes: u64,
    content_digest: &'a str,
    shown_sync_id: &'a str,
    sync_runs: Vec<SyncRunDocument<'a>>,
    resource_types: u64,
    counts: Vec<CountDocument<'a>>,
    wrong_stats: Option<&'a str>,
    evidence: Option<&'a Evidence>,
}

/// A sync run in our own JSON documents.
#[derive(Serialize)]
pub(super) struct SyncRunDocument<'a> {
    id: &'a str,
    r#type: String,
    started_at: String,
    ended_at: Option<String>,
    parent_id: Option<&'a str>,
}

impl<'a> SyncRunDocument<'a> {
    pub(super) fn of(run: &'a SyncRun) -> Self {
        Self {
            id: run.id.as_str(),
            r#type: run.sync_type.to_string(),
            started_at: run.started_at.to_string(),
            ended_at: run.ended_at.map(|at| at.to_string()),
            parent_id: (!run.parent_id.is_empty()).then_some(&run.parent_id),
        }
    }
}

#[derive(Serialize)]
struct CountDocument<'a> {
    resource_type: &'a str,
    resources: u64,
    entitlements: u64,
    grants: u64,
}
