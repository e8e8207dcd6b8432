//! Decides whether a new snapshot may replace the previous one.

use std::fmt;
use std::path::{Path, PathBuf};

use super::archive;
use super::previous::{Compared, Previous};
use super::settings::{FileOutput, GuardSettings, Replace};
use crate::model::{Evidence, Inventory, Timestamp};
use crate::snapshot::{self, ReadOptions};

/// How many rows may always disappear, whatever their percentage.
const ALWAYS_ALLOWED: u64 = 10;

/// Why a new snapshot may not replace the previous one.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Refusal {
    baseline: PathBuf,
    reason: Reason,
    /// Whether the new snapshot was saved elsewhere.
    pub(super) copy: RefusedCopy,
}

/// Whether a refused snapshot was saved next to its target.
#[derive(Debug)]
pub(super) enum RefusedCopy {
    /// It was not written.
    NotSaved,
    /// It was saved here.
    Saved(PathBuf),
    /// It could not be saved because another file has that name.
    Blocked(Box<Refusal>),
}

#[derive(Debug)]
enum Reason {
    /// The file is not a readable c1z.
    Unreadable(String),
    /// The previous snapshot is of another organization.
    OtherOrganization(String),
    /// The previous snapshot does not say which organization it is of.
    UnknownOrganization,
    /// The file is a link, and its name was generated.
    Link,
    /// All snapshots to compare with are dated in the future.
    Ahead {
        captured_at: Timestamp,
        now: Timestamp,
    },
    /// The new snapshot has far fewer rows.
    Shrunk {
        what: &'static str,
        before: u64,
        now: u64,
    },
    /// The new snapshot may be incomplete.
    Incomplete(String),
}

impl Refusal {
    fn of(path: &Path, reason: Reason) -> Self {
        Self {
            baseline: path.to_owned(),
            reason,
            copy: RefusedCopy::NotSaved,
        }
    }

    /// Refuses a snapshot that may be incomplete, which never replaces `target`.
    pub(super) fn incomplete(target: &Path, doubt: String, copy: RefusedCopy) -> Self {
        Self {
            copy,
            ..Self::of(target, Reason::Incomplete(doubt))
        }
    }

    pub(in crate::commands) fn hint(&self) -> String {
        let fix = match &self.reason {
            Reason::Unreadable(_) | Reason::OtherOrganization(_) | Reason::UnknownOrganization => {
                "move that file, choose another name with -f, or replace it with --force"
            }
            Reason::Link => "remove the link, or give its target with -f",
            Reason::Ahead { .. } => {
                "correct the clock of this machine; if it is right, replace the old snapshot once with --force"
            }
            Reason::Shrunk { .. } => {
                "if that is expected, allow it once with a higher --max-shrink; --keep-rejected saves the new snapshot \
                 next to the old one, so that you can compare them"
            }
            Reason::Incomplete(_) => "try again at a quieter time",
        };
        match &self.copy {
            RefusedCopy::NotSaved => fix.to_owned(),
            RefusedCopy::Saved(path) => {
                format!("{fix}; the new snapshot was saved as `{}`", path.display())
            }
            RefusedCopy::Blocked(refusal) => {
                format!("{fix}; the new snapshot was not saved: {refusal}")
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.baseline.display();
        match &self.reason {
            Reason::Unreadable(problem) => write!(f, "`{path}` already exists and {problem}"),
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
                    "`{path}` does not say which organization it is of: another program wrote it"
                )
            }
            Reason::Link => write!(
                f,
                "`{path}` is a link, which is not followed because this program chose the file name"
            ),
            Reason::Ahead { captured_at, now } => write!(
                f,
                "`{path}` was taken at {} UTC, but the clock of this machine shows {} UTC",
                captured_at.to_seconds(),
                now.to_seconds()
            ),
            Reason::Shrunk { what, before, now } => {
                write!(
                    f,
                    "{what} fell from {before} to {now} since `{path}`, which was not replaced"
                )
            }
            Reason::Incomplete(doubt) => write!(
                f,
                "`{path}` was not written: the crawl could not determine {doubt}"
            ),
        }
    }
}

/// Why a snapshot may not be written: the guard refuses it, or could not read an existing file.
pub(in crate::commands) enum Objection {
    Refusal(Refusal),
    Failure(anyhow::Error),
}

impl From<Refusal> for Objection {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<snapshot::Error> for Objection {
    fn from(error: snapshot::Error) -> Self {
        Self::Failure(error.into())
    }
}

impl From<anyhow::Error> for Objection {
    fn from(error: anyhow::Error) -> Self {
        Self::Failure(error)
    }
}

impl From<Objection> for anyhow::Error {
    fn from(objection: Objection) -> Self {
        match objection {
            Objection::Refusal(refusal) => refusal.into(),
            Objection::Failure(error) => error,
        }
    }
}

/// Checks that the file at `path` may be replaced, and finds the snapshot to compare a new one of `organization` with.
///
/// # Errors
/// [`Objection::Refusal`] when another kind of file is at `path`, or no snapshot is reliable; [`Objection::Failure`] when a
/// file cannot be read.
pub(in crate::commands) fn find_baseline(
    file: &FileOutput,
    path: &Path,
    organization: &str,
    now: Timestamp,
) -> Result<Option<(PathBuf, Previous)>, Objection> {
    if !file.template.is_plain() {
        check_unlinked(path)?;
    }
    let target = identify(path, organization, file.guard, &file.read)?;
    baseline(file, path, target, organization, now)
}

/// Compares a new snapshot with the previous one, which is at `path`. If that one has no roles, they are compared with the
/// newest snapshot that has. Returns a warning about roles that were not compared.
///
/// # Errors
/// [`Objection::Refusal`] when too many rows are missing; [`Objection::Failure`] when an older snapshot cannot be read.
pub(super) fn check_shrink(
    path: &Path,
    before: &Previous,
    file: &FileOutput,
    now: Timestamp,
    inventory: &Inventory,
    evidence: &Evidence,
) -> Result<Option<String>, Objection> {
    let check = |path: &Path, compared: Vec<Compared>| {
        let is_shrunk = |of: &Compared| is_shrunk(of.before, of.now, file.guard.max_shrink);
        match compared.into_iter().find(is_shrunk) {
            Some(Compared { what, before, now }) => {
                Err(Refusal::of(path, Reason::Shrunk { what, before, now }))
            }
            None => Ok(()),
        }
    };
    check(path, before.people_compared_with(inventory, evidence))?;
    let shown = path.display();
    match (before.lacks_roles(), evidence.lacks_roles()) {
        (false, false) => {
            check(path, before.roles_compared_with(inventory))?;
            Ok(None)
        }
        (true, false) => {
            if file.template.varies() {
                let organization = &evidence.organization.id;
                let has_roles = |before: &Previous| !before.lacks_roles();
                let newest =
                    archive::newest(&file.template, organization, now, &file.read, has_roles)?;
                if let Some(older) = newest.past {
                    check(&older.path, older.before.roles_compared_with(inventory))?;
                    return Ok(None);
                }
            }
            Ok(Some(format!(
                "`{shown}` was written without reading roles: roles and grants were not compared with it"
            )))
        }
        (false, true) => Ok(Some(format!(
            "roles were not read: the new snapshot lacks the {} roles and {} grants of `{shown}`, which were not compared",
            before.count("role"),
            before.grants()
        ))),
        (true, true) => Ok(None),
    }
}

/// Finds the snapshot to compare a new one of `organization` with: the one at `latest`, else the newest one under a name
/// with a date, else `target`, the one at `path`. Snapshots that are dated in the future are skipped. `None` if there is
/// nothing to compare with, or only files that `--force` replaces.
///
/// # Errors
/// [`Objection::Refusal`] when a file is not a snapshot of the organization, or all are dated in the future;
/// [`Objection::Failure`] when a file cannot be read.
fn baseline(
    file: &FileOutput,
    path: &Path,
    target: Option<Previous>,
    organization: &str,
    now: Timestamp,
) -> Result<Option<(PathBuf, Previous)>, Objection> {
    let options = &file.read;
    let mut ahead: Option<(PathBuf, Timestamp)> = None;
    let mut is_usable = |path: &Path, before: &Previous| {
        let is_future = before.captured_at.is_future(now);
        if is_future && ahead.is_none() {
            ahead = Some((path.to_owned(), before.captured_at));
        }
        !is_future
    };
    if let Some(latest) = &file.latest
        && let Some(before) = identify(latest, organization, file.guard, options)?
        && is_usable(latest, &before)
    {
        return Ok(Some((latest.clone(), before)));
    }
    if file.template.varies() {
        let newest = archive::newest(&file.template, organization, now, options, |_| true)?;
        if let Some(own) = newest.past {
            return Ok(Some((own.path, own.before)));
        }
        if let Some(own) = newest.future {
            is_usable(&own.path, &own.before);
        }
    } else if let Some(before) = target
        && is_usable(path, &before)
    {
        return Ok(Some((path.to_owned(), before)));
    }
    match ahead {
        Some((path, captured_at)) if file.guard.replace != Replace::Anything => {
            Err(Refusal::of(&path, Reason::Ahead { captured_at, now }).into())
        }
        _ => Ok(None),
    }
}

/// Reads the snapshot of `organization` at `path`. `None` if there is no file, or one that `--force` replaces.
///
/// # Errors
/// [`Objection::Refusal`] when it is something else; [`Objection::Failure`] when it cannot be read.
pub(super) fn identify(
    path: &Path,
    organization: &str,
    settings: GuardSettings,
    options: &ReadOptions,
) -> Result<Option<Previous>, Objection> {
    let reason = match Previous::read(path, options) {
        Ok(None) => return Ok(None),
        Ok(Some(before)) => match before.organization() {
            None => Reason::UnknownOrganization,
            Some(old) if old.id != organization => {
                Reason::OtherOrganization(old.name.clone().unwrap_or_else(|| old.id.clone()))
            }
            Some(_) => return Ok(Some(before)),
        },
        Err(error) if error.is_of_machine() => return Err(error.into()),
        Err(error) => Reason::Unreadable(error.predicate()),
    };
    match settings.replace {
        Replace::Anything => Ok(None),
        Replace::SameOrganization => Err(Refusal::of(path, reason).into()),
    }
}

/// Refuses a link at a generated file name: another user who predicts the name could point it elsewhere.
///
/// # Errors
/// [`Refusal`] when there is one.
pub(super) fn check_unlinked(path: &Path) -> Result<(), Refusal> {
    if path.is_symlink() {
        return Err(Refusal::of(path, Reason::Link));
    }
    Ok(())
}

/// Whether too many rows are missing: more than `max_percent` and more than a handful, or all of them.
fn is_shrunk(before: u64, now: u64, max_percent: u8) -> bool {
    let gone = before.saturating_sub(now);
    let percent_is_over = u128::from(gone) * 100 > u128::from(before) * u128::from(max_percent);
    (percent_is_over && gone > ALWAYS_ALLOWED) || (before > 0 && now == 0 && max_percent < 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_is_refused_above_the_percentage_and_a_handful_or_down_to_zero() {
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
