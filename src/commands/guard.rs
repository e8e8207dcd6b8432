//! Whether a new snapshot may take the place of the one before.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::model::{Evidence, Inventory};
use crate::snapshot::{Counts, Error, ReadOptions, Snapshot};

/// Rows that may always go, however large a part that is.
const ALWAYS_ALLOWED: u64 = 10;

/// Why a new snapshot may not take the place of the one before.
#[derive(Debug)]
pub struct Refusal {
    baseline: PathBuf,
    reason: Reason,
    /// Where the new snapshot was kept, if it was.
    pub(super) kept: Option<PathBuf>,
}

#[derive(Debug)]
enum Reason {
    /// It is no c1z that can be read.
    Unreadable(String),
    /// It is of another organization.
    OtherOrganization(String),
    /// It does not tell of which organization it is.
    UnknownOrganization,
    /// Too much of it is gone.
    Shrunk {
        what: &'static str,
        before: u64,
        now: u64,
    },
    /// The new one is not surely whole.
    Incomplete(String),
}

impl Refusal {
    /// A snapshot that is not surely whole never takes the place of `target`.
    pub(super) fn incomplete(target: &Path, doubt: String, kept: Option<PathBuf>) -> Self {
        Self {
            baseline: target.to_owned(),
            reason: Reason::Incomplete(doubt),
            kept,
        }
    }

    pub(super) fn hint(&self) -> String {
        let way_out = match &self.reason {
            Reason::Unreadable(_) | Reason::OtherOrganization(_) | Reason::UnknownOrganization => {
                "move that file away, name another with -f, or replace it with --force"
            }
            Reason::Shrunk { .. } => {
                "if that is right, allow it once with a higher --max-shrink; --keep-rejected keeps the new snapshot \
                 beside the old one, to compare them"
            }
            Reason::Incomplete(_) => "try again at a quieter time",
        };
        match &self.kept {
            Some(path) => format!("{way_out}; the new snapshot is in `{}`", path.display()),
            None => way_out.to_owned(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.baseline.display();
        match &self.reason {
            Reason::Unreadable(problem) => write!(f, "`{path}` is in the way and {problem}"),
            Reason::OtherOrganization(name) => {
                write!(
                    f,
                    "`{path}` is a snapshot of another organization, `{}`",
                    name.escape_debug()
                )
            }
            Reason::UnknownOrganization => {
                write!(
                    f,
                    "`{path}` does not tell of which organization it is: another program made it"
                )
            }
            Reason::Shrunk { what, before, now } => {
                write!(
                    f,
                    "{what} fell from {before} to {now} since `{path}`, which stays as it is"
                )
            }
            Reason::Incomplete(doubt) => write!(
                f,
                "`{path}` stays as it is: the crawl could not tell {doubt}"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// What a guard goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// How many percent of users, roles or grants may go.
    pub max_shrink: u8,
    /// Whether a target is replaced that is no readable snapshot of the same organization.
    pub replace: Replace,
}

/// What may be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replace {
    /// A snapshot of the same organization.
    #[default]
    SameOrganization,
    /// Anything: the user said so.
    Anything,
}

/// Holds a new snapshot against the one at `baseline`, if there is one, and sees to it that what stands at `target` may
/// go.
///
/// # Errors
/// [`Refusal`] in the outer result's value; what keeps a file from being looked at, such as missing permission, as an
/// error.
pub(super) fn check(
    baseline: &Path,
    target: &Path,
    inventory: &Inventory,
    evidence: &Evidence,
    settings: GuardSettings,
    options: &ReadOptions,
) -> Result<Result<(), Refusal>> {
    if target != baseline
        && let Err(refusal) = identify(target, &evidence.organization.id, settings, options)?
    {
        return Ok(Err(refusal));
    }
    Ok(
        match identify(baseline, &evidence.organization.id, settings, options)? {
            Err(refusal) => Err(refusal),
            Ok(None) => Ok(()),
            Ok(Some(before)) => before.check_shrink(baseline, inventory, settings.max_shrink),
        },
    )
}

/// The snapshot of `organization` that stands at `path`. `None` if nothing does, or what the user gave up.
///
/// # Errors
/// As of [`check`].
pub(super) fn identify(
    path: &Path,
    organization: &str,
    settings: GuardSettings,
    options: &ReadOptions,
) -> Result<Result<Option<Before>, Refusal>> {
    let reason = match Before::read(path, options) {
        Ok(None) => return Ok(Ok(None)),
        Ok(Some(before)) => match before.evidence.as_ref().map(|old| &old.organization) {
            None => Reason::UnknownOrganization,
            Some(old) if old.id != organization => {
                Reason::OtherOrganization(old.name.clone().unwrap_or_else(|| old.id.clone()))
            }
            Some(_) => return Ok(Ok(Some(before))),
        },
        Err(error @ Error::Io { .. }) => return Err(error.into()),
        Err(error) => Reason::Unreadable(error.predicate()),
    };
    if settings.replace == Replace::Anything {
        return Ok(Ok(None));
    }
    Ok(Err(Refusal {
        baseline: path.to_owned(),
        reason,
        kept: None,
    }))
}

/// Whether too much is gone: more than so many percent and more than a handful, or all there was.
fn is_shrunk(before: u64, now: u64, max_percent: u8) -> bool {
    let gone = before.saturating_sub(now);
    let percent_is_over = u128::from(gone) * 100 > u128::from(before) * u128::from(max_percent);
    (percent_is_over && gone > ALWAYS_ALLOWED) || (before > 0 && now == 0 && max_percent < 100)
}

/// What the snapshot before says of itself.
pub(super) struct Before {
    counts: Counts,
    evidence: Option<Evidence>,
}

impl Before {
    fn read(path: &Path, options: &ReadOptions) -> Result<Option<Self>, Error> {
        // What is no file, such as a pipe, could keep whoever opens it waiting for ever.
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(found) if !found.is_file() => {
                let kind = io::ErrorKind::InvalidInput;
                return Err(Error::Io {
                    action: "replacing",
                    path: path.to_owned(),
                    source: io::Error::new(kind, "it is no file"),
                });
            }
            _ => {}
        }
        let snapshot = Snapshot::open(path, options)?;
        let run = snapshot.sync_run(None)?;
        Ok(Some(Self {
            counts: snapshot.counts(&run.id)?,
            evidence: snapshot.evidence(&run.id)?,
        }))
    }

    /// Whether nothing fell by too much since.
    fn check_shrink(
        &self,
        path: &Path,
        inventory: &Inventory,
        max_percent: u8,
    ) -> Result<(), Refusal> {
        let resources = &self.counts.resources;
        let before = |name: &str| resources.get(name).copied().unwrap_or_default();
        let grants = self.counts.grants.values().sum();
        let now = |name: &str| inventory.count_of_type(name) as u64;
        for (what, before, now) in [
            ("users", before("user"), now("user")),
            ("roles", before("role"), now("role")),
            ("grants", grants, inventory.grants().len() as u64),
        ] {
            if is_shrunk(before, now, max_percent) {
                return Err(Refusal {
                    baseline: path.to_owned(),
                    reason: Reason::Shrunk { what, before, now },
                    kept: None,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_is_refused_by_percent_and_a_handful_or_down_to_none() {
        for (before, now, expected) in [
            (100, 70, false),
            (100, 69, true),
            (20, 10, false),
            (20, 9, true),
            (1, 0, true),
            (0, 0, false),
            (10, 20, false),
            (u64::MAX, 0, true),
        ] {
            assert_eq!(is_shrunk(before, now, 30), expected, "{before} to {now}");
        }
        assert!(!is_shrunk(100, 0, 100));
    }
}
