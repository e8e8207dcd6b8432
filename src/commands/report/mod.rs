//! `report`: writes a snapshot as a document that people read, sign and file: one HTML page, or a workbook.

mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{Builder, ScopedJoinHandle};

use anyhow::{Context, Result, bail};

use super::audit::{Basis, Criteria, Judged};
use super::diff::{self, Comparability, DiffArgs, DiffInputs, DiffOutput};
use super::folder::file_name;
use super::history::OtherHistory;
use super::input::Input;
use super::population::why_roles_unknown;
use super::product::ProductFile;
use super::{Outcome, Product, World};
use crate::audit;
use crate::diff::FieldFilter;
use crate::files;
use crate::model::{Comparison, Evidence, History, OrganizationEvidence, RecordedTime, SyncRun};
use crate::progress::Event;
use crate::report::access::{AccessReport, Source, Workbook, write_page};
use crate::report::audit::headline;
use crate::report::{Medium, labeled, size};
use crate::snapshot::Snapshot;
use rows::{Places, Rows};

/// Arguments of `report`.
#[derive(Clone, Debug)]
pub struct ReportArgs {
    /// The snapshot.
    pub input: Input,
    /// By what it is judged. The older snapshot is also what changes are shown since.
    pub basis: Basis,
    /// The heading; a general one if `None`.
    pub title: Option<String>,
    /// Who reviews the access.
    pub reviewer: Option<String>,
    /// Files, folders and patterns of snapshots of the same organization, to show over time; empty for none.
    pub history: Vec<PathBuf>,
    /// The form.
    pub form: ReportForm,
    /// The output file.
    pub out: Product,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportForm {
    /// One HTML page.
    Page,
    /// A workbook.
    Workbook,
}

pub(super) fn run(args: &ReportArgs, world: &mut World<'_>) -> Result<Outcome> {
    let (snapshot, run) = args.input.open_summarized()?;
    let (report, places) = gather(args, &snapshot, &run, world)?;
    match args.form {
        ReportForm::Page => args.out.write(
            &args.input.path,
            |_| Medium::Text { styled: false },
            |_, out| Ok(write_page(&report, out)?),
        )?,
        ReportForm::Workbook => args.out.write(
            &args.input.path,
            |_| Medium::Raw,
            |_, out| write_workbook(args, &report, &places, (&snapshot, &run), out),
        )?,
    }
    if !world.quiet {
        summarize(args, &report, world)?;
    }
    Ok(Outcome::Done)
}

/// Everything that the report shows.
fn gather(
    args: &ReportArgs,
    snapshot: &Snapshot,
    run: &SyncRun,
    world: &World<'_>,
) -> Result<(AccessReport, Places)> {
    let path = &args.input.path;
    let evidence = snapshot.evidence(&run.id)?;
    let comparison = match &args.basis.since {
        Some(old) => Some(compared(old, &args.input, world)?),
        None => None,
    };
    let roles_unknown = why_roles_unknown(evidence.as_ref(), run);
    let has_grants = roles_unknown.is_none();
    // Hashing is a third of the work, and has nothing to do with the rest.
    let (rows, identity) = std::thread::scope(|scope| {
        let identify = || Identity::of(path, snapshot, run);
        let identity = Builder::new().spawn_scoped(scope, identify);
        let rows = rows::read(snapshot, run, args.form, has_grants);
        let identity = match identity.map(ScopedJoinHandle::join) {
            Ok(Ok(identity)) => identity,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // No thread could be started.
            Err(_) => identify(),
        };
        (rows, identity)
    });
    let Rows {
        people,
        roles,
        places,
        gathered,
    } = rows?;
    let Identity {
        bytes,
        sha256,
        content_digest,
    } = identity?;
    let criteria = Criteria::read(&args.basis, world.reporter)?;
    let Judged { audit, facts } = Judged::of(
        &args.input,
        gathered,
        &args.basis,
        &criteria,
        world.reporter,
    )?;
    let settings = &criteria.settings;
    let history = history(args, evidence.as_ref(), &criteria, world)?;
    let zone = run.zone(evidence.as_ref());
    let started_at = RecordedTime {
        as_utc: run.started_at,
        zone,
    };
    let report = AccessReport {
        title: args.title.clone(),
        reviewer: args.reviewer.clone(),
        source: Source {
            file: file_name(path),
            bytes,
            sha256,
            sync_id: run.id.to_string(),
            started_at,
            captured_at: run.captured_at(zone),
            content_digest,
        },
        dormant: audit::dormant_members(&facts, settings, audit.judged_at),
        dormant_days: settings.dormant_days,
        document: facts.document,
        why_no_document: facts.why_no_document,
        evidence,
        audit,
        people,
        roles,
        roles_unknown,
        comparison,
        history,
    };
    Ok((report, places))
}

/// The organization over time, if that is wanted.
fn history(
    args: &ReportArgs,
    evidence: Option<&Evidence>,
    criteria: &Criteria,
    world: &World<'_>,
) -> Result<Option<History>> {
    if args.history.is_empty() {
        return Ok(None);
    }
    let options = &args.input.options;
    let history = super::history::for_report(&args.history, options, criteria, world.reporter)?;
    let id = |organization: Option<&OrganizationEvidence>| organization.map(|of| of.id.clone());
    let reported = id(evidence.map(|evidence| &evidence.organization));
    if reported.is_none() || id(history.organization.as_ref()) != reported {
        bail!(OtherHistory(args.input.path.clone()));
    }
    for message in &history.warnings {
        world.reporter.report(Event::Warned {
            message: message.clone(),
        });
    }
    Ok(Some(history))
}

/// What identifies a snapshot.
struct Identity {
    bytes: u64,
    sha256: String,
    content_digest: String,
}

impl Identity {
    fn of(path: &Path, snapshot: &Snapshot, run: &SyncRun) -> Result<Self> {
        let read = || format!("reading `{}`", path.display());
        Ok(Self {
            bytes: fs::metadata(path).with_context(read)?.len(),
            sha256: files::sha256(path).with_context(read)?,
            content_digest: snapshot.content_digest(&run.id)?.to_string(),
        })
    }
}

/// What changed since the older snapshot.
fn compared(old: &Input, new: &Input, world: &World<'_>) -> Result<Comparison> {
    let comparison = diff::compared(&DiffArgs {
        inputs: DiffInputs::Files {
            old: old.clone(),
            new: new.clone(),
        },
        fields: FieldFilter::default(),
        fail_on: None,
        accept: None,
        decisions: None,
        comparability: Comparability::Required,
        output: DiffOutput::Nothing,
    })?;
    for message in comparison.all_warnings() {
        world.reporter.report(Event::Warned { message });
    }
    Ok(comparison)
}

fn write_workbook(
    args: &ReportArgs,
    report: &AccessReport,
    places: &Places,
    (snapshot, run): (&Snapshot, &SyncRun),
    out: &mut ProductFile<'_>,
) -> Result<()> {
    let temp_dir = match &args.input.options.temp_dir {
        Some(dir) => dir,
        None => files::folder(&args.out.path),
    };
    let mut workbook = Workbook::begin(report, temp_dir)?;
    if report.roles_unknown.is_none() {
        places.for_each_grant(snapshot, run, |role, holder| {
            Ok(workbook.membership(&report.roles[role], &holder)?)
        })?;
    }
    Ok(workbook.finish(out)?)
}

/// Reports what was written.
fn summarize(args: &ReportArgs, report: &AccessReport, world: &mut World<'_>) -> Result<()> {
    let path = &args.out.path;
    let bytes = fs::metadata(path).map_or(0, |found| found.len());
    let width = world.page.terminal_width();
    let out = &mut *world.out;
    let mut line = |label: &str, value: &str| writeln!(out, "{}", labeled(label, value, width));
    line("report", &format!("{} ({})", path.display(), size(bytes)))?;
    line("findings", &headline(&report.audit))?;
    if let Some(comparison) = &report.comparison {
        line("changes", &crate::report::diff::headline(comparison))?;
    }
    Ok(())
}
