//! The inputs of `diff`: opens both sides, and checks whether they are comparable and what they did not read.

use std::path::Display;
use std::rc::Rc;
use std::thread::{Builder, Scope};

use anyhow::{Context, Result, bail};

use crate::commands::catalog::Catalog;
use crate::commands::input::{Input, LACKS_ROLES};
use crate::diff::{Reach, RolesCompared, has_fact};
use crate::model::{Evidence, FoundDocument, RecordedTime, Side, SyncRun, SyncType};
use crate::snapshot::{BackgroundRows, CommonRows, ContentDigest, Filter, Readable, Snapshot};

/// The two sides to compare.
#[derive(Clone, Debug)]
pub enum DiffInputs {
    /// Two files.
    Files {
        /// The old side.
        old: Input,
        /// The new side.
        new: Input,
    },
    /// Two sync runs of one file; by default its two newest finished full ones.
    SyncRuns {
        /// The file.
        file: Input,
        /// The id of the old sync run.
        old: Option<String>,
        /// The id of the new sync run.
        new: Option<String>,
    },
}

/// Whether the inputs must be comparable: of the same organization, and from full sync runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparability {
    /// They must be.
    Required,
    /// `--force`: compare them anyway.
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

/// One open input.
pub(in crate::commands) struct Source<'s> {
    pub(super) snapshot: Rc<Snapshot>,
    input: &'s Input,
    run: SyncRun,
    evidence: Option<Evidence>,
}

impl<'s> Source<'s> {
    pub(super) fn open(inputs: &'s DiffInputs) -> Result<(Self, Self)> {
        match inputs {
            DiffInputs::Files { old, new } => {
                // If little has changed, unpacking is most of the work, so do both at once.
                let open = |input: &Input| -> Result<_> {
                    let snapshot = input.open_for_comparison()?;
                    let run = snapshot.sync_run(input.sync_id.as_deref())?;
                    Ok((snapshot, run))
                };
                let (opened, other) = std::thread::scope(|scope| {
                    match Builder::new().spawn_scoped(scope, || open(new)) {
                        Ok(other) => (open(old), other.join()),
                        // No thread could be started: open one after the other.
                        Err(_) => (open(old), Ok(open(new))),
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

    /// A sync run of a snapshot that is open.
    pub(in crate::commands) fn new(
        snapshot: Rc<Snapshot>,
        input: &'s Input,
        run: SyncRun,
    ) -> Result<Self> {
        let evidence = snapshot.evidence(&run.id)?;
        Ok(Self {
            snapshot,
            input,
            run,
            evidence,
        })
    }

    /// Removes the names for which some row of a kind has a fact.
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

    /// Whether it has a member list. Only our own snapshots do; those of other programs just have users.
    pub(super) fn knows_members(&self) -> bool {
        self.evidence.is_some()
    }

    /// When it was completed.
    pub(super) fn captured_at(&self) -> RecordedTime {
        self.run.captured_at(self.run.zone(self.evidence.as_ref()))
    }

    /// Reads all rows on another thread, and computes their digest unless it is known.
    pub(super) fn read_in_background<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        digest: Option<ContentDigest>,
        common: Option<&'scope CommonRows>,
    ) -> Result<BackgroundRows<'scope>> {
        let rows = self
            .snapshot
            .read_in_background(scope, &self.run.id, digest, common);
        rows.context("starting a thread to read a snapshot")
    }

    /// The rows that it has in common with another input, apart from noise, if they are known.
    pub(super) fn rows_in_common(&self, other: &Self) -> Option<CommonRows> {
        self.snapshot
            .rows_in_common(&self.run.id, &other.snapshot, &other.run.id)
    }

    /// Its content digest, if it is known already.
    pub(super) fn known_digest(&self) -> Option<ContentDigest> {
        self.snapshot.known_digest(&self.run.id)
    }

    pub(super) fn catalog(&self) -> Result<Catalog<'_>> {
        Catalog::new(&self.snapshot, &self.run)
    }

    /// The document about what surrounds the roles.
    pub(super) fn organization(&self) -> Result<FoundDocument> {
        Ok(self.snapshot.organization(&self.run.id)?)
    }

    /// Its evidence, if it has any.
    pub(super) fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }

    /// The file name as given by the user.
    pub(super) fn path(&self) -> Display<'_> {
        self.input.path.display()
    }

    /// How far it reaches.
    pub(super) fn reach(&self) -> Reach {
        Reach {
            knows_members: self.knows_members(),
            roles: !self.lacks_roles(),
            is_full: self.run.sync_type == SyncType::Full,
        }
    }

    /// Why it may lack something that is there.
    pub(super) fn unread(&self) -> Option<String> {
        let path = self.input.path.display();
        let Reach { roles, is_full, .. } = self.reach();
        if !is_full {
            let of_type = &self.run.sync_type;
            Some(format!(
                "the sync run of `{path}` is of type `{of_type}`, not `full`"
            ))
        } else if !roles {
            Some(format!("`{path}` was made without reading roles"))
        } else {
            None
        }
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
            organization: organization.map(|of| of.shown_name().to_owned()),
            organization_id: organization.map(|of| of.id.clone()),
            content_digest: digest.to_string(),
        }
    }
}

/// Selects the sync runs to compare in one file.
fn two_runs(
    snapshot: &Snapshot,
    file: &Input,
    old: Option<&str>,
    new: Option<&str>,
) -> Result<(SyncRun, SyncRun)> {
    let mut full = snapshot.finished_full_runs()?;
    let path = file.path.display();
    let none_before = |new: &SyncRun| {
        NoSecondSync(format!(
            "`{path}` has no finished full sync run before `{}` to compare it with",
            new.id
        ))
    };
    let named = |id: &str| snapshot.sync_run(Some(id));
    Ok(match (old, new) {
        (Some(old), Some(new)) => (named(old)?, named(new)?),
        // The newest one, unless that is the old one or precedes it.
        (Some(old), None) => {
            let old = named(old)?;
            let newest = full
                .pop()
                .filter(|run| run.id != old.id && run.ended_at >= old.ended_at);
            let new = newest.ok_or_else(|| {
                NoSecondSync(format!(
                    "`{path}` has no finished full sync run after `{}` to compare it with",
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
                        // Fails if there is no finished one at all.
                        let other = snapshot.sync_run(None)?;
                        bail!(NoSecondSync(format!(
                            "`{path}` has no finished full sync run; its newest finished one, `{}`, is of type `{}`",
                            other.id, other.sync_type
                        )));
                    }
                },
            };
            let before = |run: &SyncRun| (run.ended_at, &run.id) < (new.ended_at, &new.id);
            let old = full.into_iter().rev().find(before);
            (old.ok_or_else(|| none_before(&new))?, new)
        }
    })
}

/// Rejects inputs that cannot be compared, and returns warnings about inputs that may be misleading.
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
                "sync run `{}` of `{}` is of type `{}`, not `full`: everything it does not cover would look removed",
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
                "the snapshots are of different organizations, {a} and {b}"
            ))?;
        }
        // A copy of an organization on another server has the same id.
        (Some(a), Some(b)) if host(&a.base_url) != host(&b.base_url) => {
            refuse(format!(
                "the snapshots are of organization {} on different servers, `{}` and `{}`",
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
                "`{}` could not prove everything: {unproved}",
                source.input.path.display()
            ));
        }
    }
    Ok(warnings)
}

/// A warning if the capture times are, or may be, in the wrong order. Without time zones, times more than a day apart
/// may still be in the other order.
fn wrong_order(old: RecordedTime, new: RecordedTime) -> Option<&'static str> {
    if old.is_certainly_after(new) {
        Some(
            "the old snapshot was taken after the new one: additions are reported as removals and removals as additions",
        )
    } else if old.as_utc > new.as_utc {
        Some(
            "the old snapshot may have been taken after the new one (their time zones are not both recorded): if so, \
             additions are reported as removals and removals as additions",
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

/// The host in a URL. PostHog's US region has two host names.
pub(in crate::commands) fn host(base_url: &str) -> &str {
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
        "`{}` does not record its organization; the other snapshot is of {}",
        source.input.path.display(),
        organization(other)
    )
}

/// Returns whether roles are compared, and if not, a warning that says why.
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
