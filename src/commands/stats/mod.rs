//! `stats`: summarizes a file: sync runs, counts, content digest and evidence. `age.rs` checks `--max-age`.

mod age;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use super::input::{Input, LACKS_ROLES};
use super::organization::in_brief;
use super::{Outcome, World};
use crate::model::{Evidence, FoundDocument, SyncRun, Timestamp, UtcOffset, Zone};
use crate::report::{Column, Format, Table, duration, labeled, size};
use crate::snapshot::{Counts, Format as SnapshotFormat, Overview};
use age::{AgeDocument, Newest, check_offset, judge};

/// Arguments of `stats`.
#[derive(Clone, Debug)]
pub struct StatsArgs {
    /// The snapshot.
    pub input: Input,
    /// The format.
    pub format: Format,
    /// What to print.
    pub scope: StatsScope,
    /// How old the newest finished full sync run may be.
    pub max_age: Option<Duration>,
    /// The offset from UTC of times whose zone the file does not record.
    pub utc_offset: Option<UtcOffset>,
}

/// What `stats` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsScope {
    /// Everything, with a summary of the evidence.
    Overview,
    /// The whole evidence document and nothing else.
    Evidence,
}

const SYNC_RUN_COLUMNS: &[Column] = &[
    Column::whole("Sync run"),
    Column::new("Type"),
    Column::whole("Started (UTC)"),
    Column::whole("Ended (UTC)"),
    Column::whole("Took"),
];

/// The columns if the time zone of some sync run is unknown.
const SYNC_RUN_COLUMNS_WITHOUT_ZONE: &[Column] = &[
    Column::whole("Sync run"),
    Column::new("Type"),
    Column::whole("Started"),
    Column::whole("Ended"),
    Column::whole("Took"),
];

const COUNT_COLUMNS: &[Column] = &[
    Column::new("Resource type"),
    Column::whole("Resources"),
    Column::whole("Entitlements"),
    Column::whole("Grants"),
];

pub(super) fn run(args: &StatsArgs, world: &mut World<'_>) -> Result<Outcome> {
    if args.scope == StatsScope::Evidence {
        let (snapshot, run) = args.input.open_sync()?;
        let Some(evidence) = snapshot.evidence(&run.id)? else {
            bail!(
                "`{}` has no evidence document: it was written by another program",
                args.input.path.display()
            )
        };
        writeln!(world.out, "{}", serde_json::to_string_pretty(&evidence)?)?;
        return Ok(Outcome::Done);
    }
    let stats = Stats::gather(args, args.input.overview()?)?;
    check_offset(&stats)?;
    match args.format {
        Format::Json => writeln!(
            world.out,
            "{}",
            serde_json::to_string_pretty(&stats.document())?
        )?,
        Format::Console => stats.write(world)?,
    }
    match args.max_age {
        None => Ok(Outcome::Done),
        Some(max_age) => Ok(judge(&args.input, stats.newest(), max_age, world)),
    }
}

struct Stats<'a> {
    args: &'a StatsArgs,
    container: SnapshotFormat,
    bytes: u64,
    decoded_bytes: u64,
    runs: Vec<(SyncRun, Zone)>,
    shown: SyncRun,
    counts: Counts,
    content_digest: String,
    /// How the file's `stats` column differs from its rows.
    wrong_stats: Option<String>,
    evidence: Option<Evidence>,
    organization: FoundDocument,
}

impl<'a> Stats<'a> {
    fn gather(args: &'a StatsArgs, overview: Overview) -> Result<Self> {
        let stated = overview.stats_column()?;
        let evidence = overview.evidence(&overview.run.id)?;
        let zoned = |run: SyncRun| {
            let zone = if run.id == overview.run.id {
                run.zone(evidence.as_ref())
            } else {
                run.zone(overview.evidence(&run.id)?.as_ref())
            };
            Ok((run, zone))
        };
        let runs = overview.sync_runs()?.into_iter().map(zoned);
        Ok(Self {
            args,
            container: overview.format(),
            bytes: overview.bytes(),
            decoded_bytes: overview.decoded_bytes(),
            runs: runs.collect::<Result<_>>()?,
            content_digest: overview.digest.to_string(),
            wrong_stats: stated.and_then(|stated| {
                let run = &overview.run;
                let counts = &overview.counts;
                counts.differs_from(&stated, &run.sync_type, evidence.as_ref())
            }),
            organization: overview.organization()?,
            counts: overview.counts,
            shown: overview.run,
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
            format: self.container.to_string(),
            bytes: self.bytes,
            decoded_bytes: self.decoded_bytes,
            content_digest: &self.content_digest,
            shown_sync_id: self.shown.id.as_str(),
            sync_runs: self
                .runs
                .iter()
                .map(|(run, zone)| SyncRunDocument::of(run, *zone))
                .collect(),
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
            age: self
                .args
                .max_age
                .and_then(|_| Some(self.newest()?.document())),
            evidence: self.evidence.as_ref(),
        }
    }

    fn write(&self, world: &mut World<'_>) -> Result<()> {
        let out = &mut *world.out;
        let width = world.page.terminal_width();
        let file = format!(
            "{} ({}, format {}, {} decoded)",
            self.args.input.path.display(),
            size(self.bytes),
            self.container,
            size(self.decoded_bytes)
        );
        writeln!(out, "{}", labeled("file", &file, width))?;
        writeln!(out, "{}", labeled("digest", &self.content_digest, width))?;
        if let Some(evidence) = &self.evidence {
            write_evidence(out, evidence, width)?;
        }
        match &self.organization {
            FoundDocument::Absent => {}
            FoundDocument::NotUnderstood(why) => {
                let text = format!("the organization document cannot be read: {why}");
                writeln!(out, "{}", labeled("warning", &text, width))?;
            }
            FoundDocument::Found(document) => {
                writeln!(out, "{}", labeled("settings", &in_brief(document), width))?;
            }
        }
        if let Some(problem) = &self.wrong_stats {
            let text = format!("the file's stats column is wrong: {problem}");
            writeln!(out, "{}", labeled("warning", &text, width))?;
        }
        let are_zones_known = self.are_zones_known();
        if !are_zones_known {
            let is_marked = self.runs.iter().any(|(_, zone)| *zone == Zone::Known);
            let text = format!(
                "local time of the machine that wrote the file{}; its time zone is not recorded",
                if is_marked { ", unless marked UTC" } else { "" }
            );
            writeln!(out, "{}", labeled("times", &text, width))?;
        }
        writeln!(out)?;
        let columns = if are_zones_known {
            SYNC_RUN_COLUMNS
        } else {
            SYNC_RUN_COLUMNS_WITHOUT_ZONE
        };
        let mut table = Table::new(out, world.page, columns);
        for (run, zone) in &self.runs {
            // A local clock may have been set back in between.
            let took = run.ended_at.map(|ended| {
                if ended < run.started_at {
                    "unknown".to_owned()
                } else {
                    duration(ended.millis_since(run.started_at))
                }
            });
            let shown_at = |at: Timestamp| match zone {
                Zone::Known if !are_zones_known => format!("{} UTC", at.to_seconds()),
                _ => at.to_seconds(),
            };
            let shown = if run.id == self.shown.id && self.runs.len() > 1 {
                " (shown)"
            } else {
                ""
            };
            table.push(vec![
                format!("{}{shown}", run.id),
                run.sync_type.to_string(),
                shown_at(run.started_at),
                run.ended_at
                    .map_or_else(|| "unfinished".to_owned(), shown_at),
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

    fn newest(&self) -> Option<Newest<'_>> {
        Newest::of(&self.runs, self.args.utc_offset)
    }

    fn are_zones_known(&self) -> bool {
        self.runs.iter().all(|(_, zone)| *zone == Zone::Known)
    }
}

fn write_evidence(out: &mut dyn Write, evidence: &Evidence, width: Option<usize>) -> Result<()> {
    let mut line = |label: &str, value: &str| writeln!(out, "{}", labeled(label, value, width));
    let organization = &evidence.organization;
    line("organization", organization.shown_name())?;
    line("server", &evidence.base_url)?;
    if let Some(key) = &evidence.key {
        let label = key.label.as_deref().unwrap_or("without a label");
        let owner = key.owner.as_ref().map_or_else(
            || "a user not found in the member list".to_owned(),
            |owner| match &owner.organization_role {
                Some(seat) => format!("{}, {seat}", owner.display_name),
                None => owner.display_name.clone(),
            },
        );
        line("key", &format!("{label}, owned by {owner}"))?;
    }
    let by = format!("{} {}", evidence.tool.name, evidence.tool.version);
    line(
        "written by",
        &format!("{by}, {} requests", evidence.requests),
    )?;
    for text in &evidence.unproved {
        line("not proven", text)?;
    }
    if evidence.lacks_roles() {
        line("not read", LACKS_ROLES)?;
    }
    for text in &evidence.warnings {
        line("warning", text)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct StatsDocument<'a> {
    schema: &'static str,
    schema_version: u32,
    file: String,
    format: String,
    bytes: u64,
    decoded_bytes: u64,
    content_digest: &'a str,
    shown_sync_id: &'a str,
    sync_runs: Vec<SyncRunDocument<'a>>,
    resource_types: u64,
    counts: Vec<CountDocument<'a>>,
    wrong_stats: Option<&'a str>,
    /// The age that `--max-age` checks; `null` without the option.
    age: Option<AgeDocument<'a>>,
    evidence: Option<&'a Evidence>,
}

/// A sync run in JSON output.
#[derive(Serialize)]
pub(super) struct SyncRunDocument<'a> {
    id: &'a str,
    r#type: String,
    started_at: String,
    ended_at: Option<String>,
    /// Whether both times are in UTC. Otherwise they are local times of the machine that wrote them.
    time_zone_known: bool,
    parent_id: Option<&'a str>,
}

impl<'a> SyncRunDocument<'a> {
    pub(super) fn of(run: &'a SyncRun, zone: Zone) -> Self {
        Self {
            id: run.id.as_str(),
            r#type: run.sync_type.to_string(),
            started_at: run.started_at.to_string(),
            ended_at: run.ended_at.map(|at| at.to_string()),
            time_zone_known: zone == Zone::Known,
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
