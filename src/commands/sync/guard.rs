//! Whether a new snapshot may take the place of the one before.

use std::fmt;
use std::path::{Path, PathBuf};

use super::archive;
use super::before::{Before, Compared};
use super::settings::{FileOutput, GuardSettings, Replace};
use crate::model::{Evidence, Inventory, Timestamp};
use crate::snapshot::{self, ReadOptions};

/// Rows that may always go, however large a part that is.
const ALWAYS_ALLOWED: u64 = 10;

/// Why a new snapshot may not take the place of the one before.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Refusal {
    baseline: PathBuf,
    reason: Reason,
    /// What became of the new snapshot.
    pub(super) kept: Kept,
}

/// What became of a snapshot that was refused.
#[derive(Debug)]
pub(super) enum Kept {
    /// It was not written.
    No,
    /// It is beside the old one.
    At(PathBuf),
    /// It would have been, but something else is there.
    InTheWay(Box<Refusal>),
}

#[derive(Debug)]
enum Reason {
    /// It is not a c1z that can be read.
    Unreadable(String),
    /// It is of another organization.
    OtherOrganization(String),
    /// It does not say which organization it is of.
    UnknownOrganization,
    /// It is a link at a name that this program makes up.
    Link,
    /// The clock has not reached it yet, nor any other that the new one could be compared with.
    Ahead {
        captured_at: Timestamp,
        now: Timestamp,
    },
    /// Too much of it is gone.
    Shrunk {
        what: &'static str,
        before: u64,
        now: u64,
    },
    /// The new one may not be whole.
    Incomplete(String),
}

impl Refusal {
    fn of(path: &Path, reason: Reason) -> Self {
        Self {
            baseline: path.to_owned(),
            reason,
            kept: Kept::No,
        }
    }

    /// A snapshot that may not be whole never takes the place of `target`.
    pub(super) fn incomplete(target: &Path, doubt: String, kept: Kept) -> Self {
        Self {
            kept,
            ..Self::of(target, Reason::Incomplete(doubt))
        }
    }

    pub(in crate::commands) fn hint(&self) -> String {
        let fix = match &self.reason {
            Reason::Unreadable(_) | Reason::OtherOrganization(_) | Reason::UnknownOrganization => {
                "move that file away, name another with -f, or replace it with --force"
            }
            Reason::Link => "remove the link, or name the file that it leads to with -f",
            Reason::Ahead { .. } => {
                "set the clock of this machine; if it is right, replace the old snapshot once with --force"
            }
            Reason::Shrunk { .. } => {
                "if that is right, allow it once with a higher --max-shrink; --keep-rejected keeps the new snapshot \
                 beside the old one, to compare them"
            }
            Reason::Incomplete(_) => "try again at a quieter time",
        };
        match &self.kept {
            Kept::No => fix.to_owned(),
            Kept::At(path) => format!("{fix}; the new snapshot is in `{}`", path.display()),
            Kept::InTheWay(refusal) => format!("{fix}; the new snapshot was not kept: {refusal}"),
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
                    "`{path}` does not say which organization it is of: another program wrote it"
                )
            }
            Reason::Link => write!(
                f,
                "`{path}` is in the way and is a link, which is not followed at a name that is filled in or marked"
            ),
            Reason::Ahead { captured_at, now } => write!(
                f,
                "`{path}` was taken at {} UTC, but the clock shows {} UTC",
                captured_at.to_seconds(),
                now.to_seconds()
            ),
            Reason::Shrunk { what, before, now } => {
                write!(
                    f,
                    "{what} fell from {before} to {now} since `{path}`, which stays as it is"
                )
            }
            Reason::Incomplete(doubt) => write!(
                f,
                "`{path}` stays as it is: the crawl could not determine {doubt}"
            ),
        }
    }
}

/// Why a snapshot may not be written: the guard refuses it, or could not look at what is there.
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

/// Sees to it that what is at `path` may go, and finds what a new snapshot of `organization` is to be compared with.
///
/// # Errors
/// [`Objection::Refusal`] if something else is at `path`, or nothing can be relied on; what keeps a file from being read.
pub(in crate::commands) fn find_baseline(
    file: &FileOutput,
    path: &Path,
    organization: &str,
    now: Timestamp,
) -> Result<Option<(PathBuf, Before)>, Objection> {
    if !file.template.is_plain() {
        check_unlinked(path)?;
    }
    let target = identify(path, organization, file.guard, &file.read)?;
    baseline(file, path, target, organization, now)
}

/// Compares a new snapshot with the one before, which is at `path`. Where that one did not read roles, these are compared
/// with the newest one that did. Returns what a person should know about that, in words.
///
/// # Errors
/// [`Refusal`] if too much is gone; what keeps an older snapshot from being read.
pub(super) fn check_shrink(
    path: &Path,
    before: &Before,
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
                let has_roles = |before: &Before| !before.lacks_roles();
                let newest =
                    archive::newest(&file.template, organization, now, &file.read, has_roles)?;
                if let Some(older) = newest.reached {
                    check(&older.path, older.before.roles_compared_with(inventory))?;
                    return Ok(None);
                }
            }
            Ok(Some(format!(
                "`{shown}` was made without reading roles: roles and grants were not compared with it"
            )))
        }
        (false, true) => Ok(Some(format!(
            "roles were not read: the new snapshot does not have the {} roles and {} grants of `{shown}`, and they were \
             not compared",
            before.count("role"),
            before.grants()
        ))),
        (true, true) => Ok(None),
    }
}

/// What a snapshot of `organization` must be like that is taken `now`: the one at `latest`, else the newest that a name
/// which varies made, else `target`, the one at `path`. Those that the clock has not reached yet are passed over. `None`
/// if there is nothing to compare with, or only what the caller gave up.
///
/// # Errors
/// [`Objection::Refusal`] if what is there is not a snapshot of the organization, or the clock has reached none of them;
/// what keeps a file from being read.
fn baseline(
    file: &FileOutput,
    path: &Path,
    target: Option<Before>,
    organization: &str,
    now: Timestamp,
) -> Result<Option<(PathBuf, Before)>, Objection> {
    let options = &file.read;
    let mut ahead: Option<(PathBuf, Timestamp)> = None;
    let mut is_reached = |path: &Path, before: &Before| {
        let is_future = before.captured_at.is_future(now);
        if is_future && ahead.is_none() {
            ahead = Some((path.to_owned(), before.captured_at));
        }
        !is_future
    };
    if let Some(latest) = &file.latest
        && let Some(before) = identify(latest, organization, file.guard, options)?
        && is_reached(latest, &before)
    {
        return Ok(Some((latest.clone(), before)));
    }
    if file.template.varies() {
        let newest = archive::newest(&file.template, organization, now, options, |_| true)?;
        if let Some(own) = newest.reached {
            return Ok(Some((own.path, own.before)));
        }
        if let Some(own) = newest.ahead {
            is_reached(&own.path, &own.before);
        }
    } else if let Some(before) = target
        && is_reached(path, &before)
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

/// The snapshot of `organization` that is at `path`. `None` if nothing is, or what the caller gave up.
///
/// # Errors
/// [`Objection::Refusal`] if something else is there; what keeps it from being read.
pub(super) fn identify(
    path: &Path,
    organization: &str,
    settings: GuardSettings,
    options: &ReadOptions,
) -> Result<Option<Before>, Objection> {
    let reason = match Before::read(path, options) {
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

/// Refuses a link at a name that this program makes up: another user who predicts the name could lead it elsewhere.
///
/// # Errors
/// [`Refusal`] if there is one.
pub(super) fn check_unlinked(path: &Path) -> Result<(), Refusal> {
    if path.is_symlink() {
        return Err(Refusal::of(path, Reason::Link));
    }
    Ok(())
}

/// Whether too much is gone: more than `max_percent` and more than a handful, or all there was.
fn is_shrunk(before: u64, now: u64, max_percent: u8) -> bool {
    let gone = before.saturating_sub(now);
    let percent_is_over = u128::from(gone) * 100 > u128::from(before) * u128::from(max_percent);
    (percent_is_over && gone > ALWAYS_ALLOWED) || (before > 0 && now == 0 && max_percent < 100)
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
