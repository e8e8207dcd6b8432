//! `audit`: judges a snapshot by rules, for people and for CI.

mod inputs;

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::input::Input;
use super::population::{Gathered, gather};
use super::{Outcome, World};
use crate::audit::{self, Acceptable, Facts, Roster, RosterColumns, Settings};
use crate::model::{
    Audit, FailOn, OlderSnapshot, RecordedTime, RuleCode, RunFigures, Seat, Severity, SyncRun,
    Timestamp,
};
use crate::progress::{Event, Findings, Reporter};
use crate::report::audit::{self as report, AuditFormat};
use crate::snapshot::Snapshot;
use inputs::read_rules;

pub(super) use inputs::read_roster;

/// Arguments of `audit`.
#[derive(Clone, Debug)]
pub struct AuditArgs {
    /// The snapshot.
    pub input: Input,
    /// By what it is judged.
    pub basis: Basis,
    /// Which findings lead to exit code 1; none if empty.
    pub fail_on: Vec<FailOn>,
    /// The output.
    pub output: AuditOutput,
}

/// By what a snapshot is judged.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    /// An older snapshot to compare findings with.
    pub since: Option<Input>,
    /// The rules file.
    pub rules: Option<PathBuf>,
    /// The roster, and how to read it.
    pub roster: Option<(PathBuf, RosterColumns)>,
    /// The moment as of which to judge; the capture time if `None`.
    pub as_of: Option<Timestamp>,
}

/// The output of `audit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditOutput {
    /// A report.
    Report(AuditFormat),
    /// Entries of a rules file that would accept every finding, to be completed by hand.
    AcceptEntries,
    /// Nothing but the exit code.
    Nothing,
}

/// A rule that `--fail-on` names and that could not be judged.
#[derive(Debug, thiserror::Error)]
#[error("the rule `{code}`, which --fail-on names, {why}")]
pub(super) struct UnjudgedGate {
    code: RuleCode,
    why: String,
}

/// Two snapshots of different organizations.
#[derive(Debug, thiserror::Error)]
#[error("`{old}` is of another organization than `{new}`")]
pub(super) struct OtherOrganization {
    old: String,
    new: String,
}

pub(super) fn run(args: &AuditArgs, world: &mut World<'_>) -> Result<Outcome> {
    let (snapshot, run) = args.input.open_checked()?;
    let gathered = gather(&snapshot, &run)?;
    let criteria = Criteria::read(&args.basis, world.reporter)?;
    let judged = Judged::of(
        &args.input,
        gathered,
        &args.basis,
        &criteria,
        world.reporter,
    )?;
    check_gates(args, &criteria.settings)?;
    let audit = Audit {
        fail_on: args.fail_on.clone(),
        ..judged.audit
    };
    report_limits(args, &audit, world);
    match args.output {
        AuditOutput::Report(format) => report::write(&audit, format, world.page, world.out)?,
        AuditOutput::AcceptEntries => print_accept(&audit, world)?,
        AuditOutput::Nothing => {}
    }
    for fail_on in &args.fail_on {
        let FailOn::Code(code) = *fail_on else {
            continue;
        };
        if let Some(rule) = audit.not_judged.iter().find(|rule| rule.code == code) {
            let why = format!("could not be judged: {}", rule.reason);
            bail!(UnjudgedGate { code, why });
        }
    }
    Ok(match audit.failing().next() {
        Some(_) => Outcome::Found,
        None => Outcome::Done,
    })
}

/// The content of the files that a basis names.
pub(super) struct Criteria {
    pub settings: Settings,
    roster: Option<Roster>,
}

impl Criteria {
    /// Reads the rules and the roster.
    pub(super) fn read(basis: &Basis, reporter: &dyn Reporter) -> Result<Self> {
        let settings = match &basis.rules {
            Some(path) => read_rules(path)?,
            None => Settings::default(),
        };
        let roster = match &basis.roster {
            Some((path, columns)) => Some(read_roster(path, columns, reporter)?),
            None => None,
        };
        Ok(Self { settings, roster })
    }
}

/// Counts the findings in a snapshot that are not accepted, as of its capture time.
pub(super) fn count_findings(input: &Input, criteria: &Criteria) -> Result<Findings> {
    let (snapshot, run) = input.open_sync()?;
    Ok(count(&gather(&snapshot, &run)?, criteria))
}

/// Counts the findings that are not accepted, as of the capture time.
fn count(gathered: &Gathered, criteria: &Criteria) -> Findings {
    let Gathered { facts, captured_at } = gathered;
    let Criteria { settings, roster } = criteria;
    let judged_at = captured_at.as_utc;
    let mut judgement = audit::judge(facts, settings, roster.as_ref(), judged_at);
    audit::accept(&mut judgement, settings, judged_at);
    let mut findings = Findings::default();
    for finding in judgement.findings.iter().filter(|f| f.accepted.is_none()) {
        match finding.severity {
            Severity::High => findings.high += 1,
            Severity::Medium => findings.medium += 1,
            Severity::Low => findings.low += 1,
        }
    }
    findings
}

/// Counts what a report shows over time.
pub(super) fn figures(
    snapshot: &Snapshot,
    run: &SyncRun,
    criteria: &Criteria,
) -> Result<RunFigures> {
    let gathered = gather(snapshot, run)?;
    let listed = || {
        gathered
            .facts
            .people
            .iter()
            .filter(|person| person.is_listed)
    };
    let is_privileged =
        |seat: Option<Seat>| matches!(seat, Some(Seat::Owner | Seat::Administrator));
    let findings = count(&gathered, criteria);
    Ok(RunFigures {
        members: listed().count() as u64,
        privileged: listed().filter(|person| is_privileged(person.seat)).count() as u64,
        findings: findings.high + findings.medium + findings.low,
    })
}

/// A judged snapshot.
pub(super) struct Judged {
    /// Its audit, which fails on nothing.
    pub audit: Audit,
    /// What was judged.
    pub facts: Facts,
}

impl Judged {
    /// Judges what was gathered from `input`.
    pub(super) fn of(
        input: &Input,
        gathered: Gathered,
        basis: &Basis,
        criteria: &Criteria,
        reporter: &dyn Reporter,
    ) -> Result<Self> {
        let Criteria { settings, roster } = criteria;
        let Gathered { facts, captured_at } = gathered;
        let judged_at = basis.as_of.unwrap_or(captured_at.as_utc);
        let mut judgement = audit::judge(&facts, settings, roster.as_ref(), judged_at);
        let since = match &basis.since {
            None => None,
            Some(older_input) => {
                let (snapshot, run) = older_input.open_sync()?;
                let older = gather(&snapshot, &run)?;
                let newer = (input, &facts, captured_at);
                check_older(newer, older_input, &older, reporter)?;
                let at = older.captured_at.as_utc;
                let judged = audit::judge(&older.facts, settings, roster.as_ref(), at);
                audit::compare(&mut judgement.findings, &judged);
                Some(OlderSnapshot {
                    file: older_input.path.display().to_string(),
                    captured_at: older.captured_at,
                })
            }
        };
        let unmatched_acceptances = audit::accept(&mut judgement, settings, judged_at);
        let organization = facts
            .evidence
            .as_ref()
            .map(|evidence| &evidence.organization);
        let audit = Audit {
            file: input.path.display().to_string(),
            sync_id: facts.sync_id.clone(),
            organization: organization.map(|of| of.shown_name().to_owned()),
            organization_id: organization.map(|of| of.id.clone()),
            captured_at,
            judged_at,
            since,
            rules: judgement.rules,
            findings: judgement.findings,
            not_judged: judgement.not_judged,
            unmatched_acceptances,
            fail_on: Vec::new(),
            is_of_posthog: facts.evidence.is_some(),
        };
        Ok(Self { audit, facts })
    }
}

/// Refuses `--fail-on` for a rule that is off: it would never fail.
fn check_gates(args: &AuditArgs, settings: &Settings) -> Result<()> {
    for fail_on in &args.fail_on {
        if let FailOn::Code(code) = *fail_on
            && settings.severity(code).is_none()
        {
            let why = "is off in the rules file".to_owned();
            bail!(UnjudgedGate { code, why });
        }
    }
    Ok(())
}

/// Refuses an older snapshot of another organization, and warns if it is not older.
fn check_older(
    (input, facts, captured_at): (&Input, &Facts, RecordedTime),
    older_input: &Input,
    older: &Gathered,
    reporter: &dyn Reporter,
) -> Result<()> {
    let id = |facts: &Facts| {
        let evidence = facts.evidence.as_ref();
        evidence.map(|evidence| evidence.organization.id.clone())
    };
    if let (Some(old), Some(new)) = (id(&older.facts), id(facts))
        && old != new
    {
        bail!(OtherOrganization {
            old: older_input.path.display().to_string(),
            new: input.path.display().to_string(),
        });
    }
    if older.captured_at.as_utc > captured_at.as_utc {
        reporter.report(Event::Limited {
            message: format!(
                "`{}`, which --since names, was taken after `{}`",
                older_input.path.display(),
                input.path.display()
            ),
        });
    }
    Ok(())
}

/// Reports what forms without room for it do not say: rules that could not be judged.
fn report_limits(args: &AuditArgs, audit: &Audit, world: &World<'_>) {
    let is_silent = !matches!(
        args.output,
        AuditOutput::Report(
            AuditFormat::Console | AuditFormat::Json | AuditFormat::Markdown { .. }
        )
    );
    // A roster is something to ask for.
    let missed: Vec<&str> = audit
        .not_judged
        .iter()
        .filter(|rule| args.basis.roster.is_some() || !needs_roster(rule.code))
        .map(|rule| rule.code.as_str())
        .collect();
    if is_silent && !missed.is_empty() {
        let message = format!("not judged: {}", missed.join(", "));
        world.reporter.report(Event::Limited { message });
    }
}

fn needs_roster(code: RuleCode) -> bool {
    matches!(code, RuleCode::NotInRoster | RuleCode::LeftButPresent)
}

/// Prints the entries that would accept every finding that is not accepted yet.
fn print_accept(audit: &Audit, world: &mut World<'_>) -> Result<()> {
    for finding in audit.findings.iter().filter(|f| f.accepted.is_none()) {
        let mut entry = String::new();
        Acceptable::write_entry(finding, &mut entry);
        writeln!(world.out, "{entry}")?;
    }
    Ok(())
}
