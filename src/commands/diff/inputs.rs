//! The two snapshots to compare: which they are, whether they can be compared, and what one of them did not read.

use std::rc::Rc;
use std::thread::{Builder, Scope};

use anyhow::{Context, Result, bail};

use crate::commands::catalog::Catalog;
use crate::commands::input::{Input, LACKS_ROLES};
use crate::diff::{RolesCompared, has_fact};
use crate::model::{Evidence, RecordedTime, Side, SyncRun, SyncType};
use crate::snapshot::{BackgroundRows, ContentDigest, Filter, Readable, Snapshot};

/// The two inputs.
#[derive(Clone, Debug)]
pub enum DiffInputs {
    /// Two files.
    Files {
        /// What was.
        old: Input,
        /// What is.
        new: Input,
    },
    /// Two sync runs of one file; those that are not named are its two newest finished full ones.
    SyncRuns {
        /// The file.
        file: Input,
        /// What was.
        old: Option<String>,
        /// What is.
        new: Option<String>,
    },
}

/// Whether two organizations, or sync runs that are not full, may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparability {
    /// No.
    Required,
    /// The user said so.
    Forced,
}

/// Two inputs that cannot be compared.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotComparable(String);

/// One file that does not hold two sync runs to compare.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoSecondSync(String);

/// One input, open.
pub(super) struct Source<'s> {
    pub snapshot: Rc<Snapshot>,
    input: &'s Input,
    run: SyncRun,
    evidence: Option<Evidence>,
}

impl<'s> Source<'s> {
    pub(super) fn open(inputs: &'s DiffInputs) -> Result<(Self, Self)> {
        match inputs {
            DiffInputs::Files { old, new } => {
                // Unpacking is most of the work where little has changed.
                let (opened, other) = std::thread::scope(|scope| {
                    match Builder::new().spawn_scoped(scope, || new.open_sync()) {
                        Ok(other) => (old.open_sync(), other.join()),
                        // Without a further thread, one after the other.
                        Err(_) => (old.open_sync(), Ok(new.open_sync())),
                    }
                });
                let (snapshot, run) = opened?;
                let old = Self::new(snapshot.into(), old, run)?;
                let (snapshot, run) = match other {
                    Ok(opened) => opened?,
                    Err(panic) => std::panic::resume_unwind(panic),
                };
                Ok((old, Self::new(snapshot.into(), new, run)?))
            }
            DiffInputs::SyncRuns { file, old, new } => {
                let snapshot = Rc::new(file.open()?);
                let (old, new) = two_runs(&snapshot, file, old.as_deref(), new.as_deref())?;
                Ok((
                    Self::new(snapshot.clone(), file, old)?,
                    Self::new(snapshot, file, new)?,
                ))
            }
        }
    }

    fn new(snapshot: Rc<Snapshot>, input: &'s Input, run: SyncRun) -> Result<Self> {
        let evidence = snapshot.evidence(&run.id)?;
        Ok(Self {
            snapshot,
            input,
            run,
            evidence,
        })
    }

    /// Drops the names that some row of a kind has a fact of.
    pub(super) fn drop_fields<K: Readable>(&self, names: &mut Vec<&str>) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let mut rows = self.snapshot.rows::<K>(&self.run.id, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            let facts = row.facts();
            names.retain(|name| !has_fact(&facts, name));
        }
        Ok(())
    }

    /// Whether it has a member list. Our own snapshots do; of others it is only known that they have users.
    pub(super) fn knows_members(&self) -> bool {
        self.evidence.is_some()
    }

    /// When it was complete.
    pub(super) fn captured_at(&self) -> RecordedTime {
        self.run.captured_at(self.run.zone(self.evidence.as_ref()))
    }

    /// Reads all rows on a thread of its own.
    pub(super) fn read_in_background<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
    ) -> Result<BackgroundRows<'scope>> {
        let rows = self.snapshot.read_in_background(scope, &self.run.id);
        rows.context("starting a thread that reads a snapshot")
    }

    pub(super) fn catalog(&self) -> Result<Catalog<'_>> {
        Catalog::new(&self.snapshot, &self.run)
    }

    fn lacks_roles(&self) -> bool {
        self.evidence.as_ref().is_some_and(Evidence::lacks_roles)
    }

    pub(super) fn side(&self, digest: ContentDigest) -> Side {
        let organization = self
            .evidence
            .as_ref()
            .map(|evidence| &evidence.organization);
        Side {
            file: self.input.path.display().to_string(),
            sync_id: self.run.id.to_string(),
            captured_at: self.captured_at(),
            organization: organization.map(|of| of.name.clone().unwrap_or_else(|| of.id.clone())),
            content_digest: digest.to_string(),
        }
    }
}

/// The sync runs to compare in one file.
fn two_runs(
    snapshot: &Snapshot,
    file: &Input,
    old: Option<&str>,
    new: Option<&str>,
) -> Result<(SyncRun, SyncRun)> {
    let mut full: Vec<SyncRun> = snapshot
        .sync_runs()?
        .into_iter()
        .filter(|run| run.ended_at.is_some() && run.sync_type == SyncType::Full)
        .collect();
    full.sort_by(|a, b| (a.ended_at, &a.id).cmp(&(b.ended_at, &b.id)));
    let path = file.path.display();
    let no_second = |beside: &SyncRun| {
        NoSecondSync(format!(
            "`{path}` holds no second finished full sync run to compare with, only `{}`",
            beside.id
        ))
    };
    let named = |id: &str| snapshot.sync_run(Some(id));
    Ok(match (old, new) {
        (Some(old), Some(new)) => (named(old)?, named(new)?),
        // The newest one, unless that is the one to compare from.
        (Some(old), None) => {
            let old = named(old)?;
            let newest = full
                .pop()
                .filter(|run| run.id != old.id && run.ended_at >= old.ended_at);
            let new = newest.ok_or_else(|| {
                NoSecondSync(format!(
                    "`{path}` holds no finished full sync run newer than `{}`",
                    old.id
                ))
            })?;
            (old, new)
        }
        (None, new) => {
            let new = match new {
                Some(id) => named(id)?,
                None => match full.pop() {
                    Some(newest) => newest,
                    None => {
                        // Says so if there is no finished one at all.
                        let other = snapshot.sync_run(None)?;
                        bail!(NoSecondSync(format!(
                            "`{path}` holds no finished full sync run; its newest, `{}`, is `{}`",
                            other.id, other.sync_type
                        )));
                    }
                },
            };
            let before = |run: &SyncRun| (run.ended_at, &run.id) < (new.ended_at, &new.id);
            let old = full.into_iter().rev().find(before);
            (old.ok_or_else(|| no_second(&new))?, new)
        }
    })
}

/// Refuses what cannot be compared, and warns of what should not be trusted blindly.
pub(super) fn comparable(
    old: &Source<'_>,
    new: &Source<'_>,
    comparability: Comparability,
) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let mut refuse = |problem: String| match comparability {
        Comparability::Forced => {
            warnings.push(problem);
            Ok(())
        }
        Comparability::Required => Err(NotComparable(problem)),
    };
    for source in [old, new] {
        if source.run.sync_type != SyncType::Full {
            refuse(format!(
                "sync run `{}` of `{}` is `{}`, not full: what it leaves out would look removed",
                source.run.id,
                source.input.path.display(),
                source.run.sync_type
            ))?;
        }
    }
    match (&old.evidence, &new.evidence) {
        (Some(a), Some(b)) if a.organization.id != b.organization.id => {
            let (a, b) = (organization(a), organization(b));
            refuse(format!(
                "the snapshots are of two organizations, {a} and {b}"
            ))?;
        }
        // A copy of an organization on another server keeps its id.
        (Some(a), Some(b)) if host(&a.base_url) != host(&b.base_url) => {
            refuse(format!(
                "the snapshots are of organization {} on two servers, `{}` and `{}`",
                organization(b),
                host(&a.base_url),
                host(&b.base_url)
            ))?;
        }
        (Some(known), None) => warnings.push(of_unknown_organization(new, known)),
        (None, Some(known)) => warnings.push(of_unknown_organization(old, known)),
        _ => {}
    }
    warnings.extend(wrong_order(old.captured_at(), new.captured_at()).map(ToOwned::to_owned));
    for source in [old, new] {
        for unproved in source
            .evidence
            .iter()
            .flat_map(|evidence| &evidence.unproved)
        {
            warnings.push(format!(
                "`{}` leaves something unproved: {unproved}",
                source.input.path.display()
            ));
        }
    }
    Ok(warnings)
}

/// What to say of two times that are in the wrong order, or may be: without their zones, times may be more than a day
/// apart and still in the other order.
fn wrong_order(old: RecordedTime, new: RecordedTime) -> Option<&'static str> {
    if old.is_certainly_after(new) {
        Some(
            "the old snapshot is younger than the new one: what was gained looks lost, and the other way round",
        )
    } else if old.as_utc > new.as_utc {
        Some(
            "the old snapshot may be younger than the new one (their time zones are not both recorded): if it is, what was \
             gained looks lost, and the other way round",
        )
    } else {
        None
    }
}

/// An organization's name and id.
fn organization(evidence: &Evidence) -> String {
    let of = &evidence.organization;
    match &of.name {
        Some(name) => format!("`{name}` ({})", of.id),
        None => format!("`{}`", of.id),
    }
}

/// The server in an address. PostHog's US region goes by two names.
fn host(base_url: &str) -> &str {
    let rest = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    match rest.split(['/', '?']).next().unwrap_or(rest) {
        "app.posthog.com" => "us.posthog.com",
        host => host,
    }
}

fn of_unknown_organization(source: &Source<'_>, other: &Evidence) -> String {
    format!(
        "`{}` does not say which organization it is of; the other snapshot is of {}",
        source.input.path.display(),
        organization(other)
    )
}

/// Whether roles are compared, and if not, why, in words.
pub(super) fn roles_compared(
    old: &Source<'_>,
    new: &Source<'_>,
) -> (RolesCompared, Option<String>) {
    let one = |source: &Source<'_>| format!("`{}` was", source.input.path.display());
    let without = match (old.lacks_roles(), new.lacks_roles()) {
        (true, true) => "both snapshots were".to_owned(),
        (true, false) => one(old),
        (false, true) => one(new),
        (false, false) => return (RolesCompared::Yes, None),
    };
    let warning = format!("{without} made without reading roles: {LACKS_ROLES} are not compared");
    (RolesCompared::No, Some(warning))
}
