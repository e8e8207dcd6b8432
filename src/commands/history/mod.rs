//! `history`: many snapshots of one organization: what changed when, one person's or one role's access over time, who had what
//! at one moment, and when leavers lost access.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the question and its answer |
//! | `runs.rs` | which runs belong to a history, in their order |
//! | `sources.rs` | files, folders and patterns |
//! | `survey.rs` | every file read once: its runs, and how each differs from the one before |
//! | `names.rs` | what people and roles were ever called |
//! | `shown.rs` | what each run shows of some people or of one role |
//! | `stories.rs` | one person, one role, and leavers over time |
//! | `moment.rs` | who had what at one moment |

mod moment;
mod names;
mod runs;
mod shown;
mod sources;
mod stories;
mod survey;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use super::audit::{Criteria, read_roster};
use super::given::{Given, bad};
use super::search::{self, Candidate, Found, did_you_mean};
use super::{Outcome, World};
use crate::audit::{Roster, RosterColumns};
use crate::model::{History, HistoryAnswer, ResourceId, Timestamp};
use crate::progress::{Event, Reporter};
use crate::report::history::{self as report, Detail, HistoryFormat};
use crate::snapshot::ReadOptions;
use moment::Only;
use names::Names;
use runs::Runs;
use survey::Wanted;

pub(super) use moment::{BeforeFirst, RolesNotRead};
pub(super) use sources::NoFiles;

/// Arguments of `history`.
#[derive(Clone, Debug)]
pub struct HistoryArgs {
    /// Files, folders and patterns.
    pub paths: Vec<PathBuf>,
    /// What is asked.
    pub question: Question,
    /// What to do about files that cannot be read.
    pub unreadable: Unreadable,
    /// Whether files that do not record their organization are of the same one.
    pub unrecorded: Unrecorded,
    /// The format; `None` prints nothing.
    pub format: Option<HistoryFormat>,
    /// How much of a log to print, and in which order.
    pub detail: Detail,
    /// Limits on reading.
    pub options: ReadOptions,
}

/// What is asked of a history.
#[derive(Clone, Debug)]
pub enum Question {
    /// What changed when.
    Log,
    /// One person over time.
    Person(String),
    /// One role over time.
    Role(String),
    /// Who had what at one moment.
    AsOf {
        /// The moment.
        at: Timestamp,
        /// One person alone.
        person: Option<String>,
        /// One role alone.
        role: Option<String>,
    },
    /// When leavers lost access.
    Left {
        /// The roster.
        roster: PathBuf,
        /// Its columns.
        columns: RosterColumns,
        /// How long it may take.
        within: Option<Duration>,
    },
}

/// What to do about files that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Fail at the end.
    Fail,
    /// Only name them.
    Skip,
}

/// Whether files that do not record their organization are of the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecorded {
    /// The caller does not say.
    Unknown,
    /// `--force`: the caller says so.
    Same,
}

/// Files that could not be read, after everything else was printed.
#[derive(Debug, thiserror::Error)]
#[error("{}", of_unreadable(.0))]
pub(super) struct UnreadableFiles(Vec<PathBuf>);

fn of_unreadable(files: &[PathBuf]) -> String {
    match files {
        [only] => format!(
            "`{}` could not be read and is not part of the history",
            only.display()
        ),
        [first, ..] => format!(
            "{} files could not be read and are not part of the history, `{}` among them",
            files.len(),
            first.display()
        ),
        [] => "no files could be read".to_owned(),
    }
}

/// Files that may be of different organizations.
#[derive(Debug, thiserror::Error)]
#[error("the files do not record their organization, so they may be of different ones")]
pub(super) struct UnrecordedOrganization;

/// A history that is not that of the snapshot that a report is about.
#[derive(Debug, thiserror::Error)]
#[error("the snapshots that --history names are not known to be of the organization of `{}`", .0.display())]
pub(super) struct OtherHistory(pub(super) PathBuf);

/// Files of which none has a finished full sync run.
#[derive(Debug, thiserror::Error)]
#[error("none of the files has a finished full sync run")]
pub(super) struct NoRuns;

/// A person or role that no snapshot has.
#[derive(Debug, thiserror::Error)]
#[error("no snapshot that could be read has a {what} that matches `{}`", wanted.escape_debug())]
pub(super) struct NeverSeen {
    what: &'static str,
    wanted: String,
    nearest: Vec<String>,
}

impl NeverSeen {
    /// What may have been meant.
    pub(super) fn hint(&self) -> Option<String> {
        did_you_mean(&self.nearest)
    }
}

pub(super) fn run(args: &HistoryArgs, world: &mut World<'_>) -> Result<Outcome> {
    let wants_changes = match args.format {
        Some(HistoryFormat::Json) => true,
        Some(_) => matches!(args.question, Question::Log),
        None => false,
    };
    let wanted = Wanted {
        changes: wants_changes,
        names: match &args.question {
            Question::Log => false,
            Question::AsOf { person, role, .. } => person.is_some() || role.is_some(),
            Question::Person(_) | Question::Role(_) | Question::Left { .. } => true,
        },
        figures: None,
    };
    // Before a year of files is read.
    let roster = match &args.question {
        Question::Left {
            roster, columns, ..
        } => Some(read_leavers(roster, columns, world.reporter)?),
        _ => None,
    };
    let mut read = Runs::read(
        &args.paths,
        &args.options,
        wanted,
        args.unrecorded,
        world.reporter,
    )?;
    let answer = answer(args, roster.as_ref(), &read, world.reporter)?;
    let history = read.history(wanted, answer)?;
    for message in &history.warnings {
        world.reporter.report(Event::Limited {
            message: message.clone(),
        });
    }
    if let Some(format) = args.format {
        report::write(&history, format, args.detail, world.page, world.out)?;
    }
    if args.unreadable == Unreadable::Fail && !read.survey.unreadable.is_empty() {
        bail!(unreadable(read.survey.unreadable));
    }
    let is_late = match &history.answer {
        HistoryAnswer::Left(leavers) => leavers
            .iter()
            .any(|leaver| leaver.verdict.is_some_and(|verdict| verdict.fails())),
        _ => false,
    };
    Ok(if is_late {
        Outcome::Found
    } else {
        Outcome::Done
    })
}

/// Reads a history for a report, with findings by `criteria`. Files that cannot be read are reported, and named in its
/// warnings.
pub(super) fn for_report(
    paths: &[PathBuf],
    options: &ReadOptions,
    criteria: &Criteria,
    reporter: &dyn Reporter,
) -> Result<History> {
    let wanted = Wanted {
        changes: true,
        names: false,
        figures: Some(criteria),
    };
    let mut read = Runs::read(paths, options, wanted, Unrecorded::Unknown, reporter)?;
    let unread = read.survey.unreadable.iter();
    let unread = unread.map(|(path, why)| format!("`{}` could not be read: {why}", path.display()));
    read.warnings.extend(unread);
    read.history(wanted, HistoryAnswer::Log)
}

/// The error for files that could not be read.
fn unreadable(files: Vec<(PathBuf, String)>) -> UnreadableFiles {
    UnreadableFiles(files.into_iter().map(|(path, _)| path).collect())
}

/// Reads a roster that says who has left.
fn read_leavers(path: &Path, columns: &RosterColumns, reporter: &dyn Reporter) -> Result<Roster> {
    let roster = read_roster(path, columns, reporter)?;
    if !roster.knows_leavers() {
        let problem = "none of its columns says who has left".to_owned();
        return bad(Given::Roster, path, problem);
    }
    Ok(roster)
}

fn answer(
    args: &HistoryArgs,
    roster: Option<&Roster>,
    read: &Runs,
    reporter: &dyn Reporter,
) -> Result<HistoryAnswer> {
    let Runs { runs, names, .. } = read;
    let person = |wanted: &str| one_of(wanted, ["person", "people"], &names.people, reporter);
    let role = |wanted: &str| one_of(wanted, ["role", "roles"], &names.roles, reporter);
    Ok(match &args.question {
        Question::Log => HistoryAnswer::Log,
        Question::Person(wanted) => {
            HistoryAnswer::Person(stories::person(&person(wanted)?, runs, names)?)
        }
        Question::Role(wanted) => HistoryAnswer::Role(stories::role(&role(wanted)?, runs, names)?),
        Question::AsOf {
            at,
            person: one_person,
            role: one_role,
        } => {
            let person = one_person.as_deref().map(person).transpose()?;
            let role = one_role.as_deref().map(role).transpose()?;
            let only = match (&person, &role) {
                (Some(person), _) => Only::Person(person),
                (None, Some(role)) => Only::Role(role),
                (None, None) => Only::Everyone,
            };
            HistoryAnswer::AsOf(moment::as_of(*at, only, runs)?)
        }
        Question::Left { within, .. } => {
            let newest = runs.last().map(|run| run.captured_at.as_utc);
            let left = roster.zip(newest);
            let left = left.map_or_else(Vec::new, |(roster, newest)| roster.leavers(newest));
            let within = within.map(|within| within.as_secs());
            HistoryAnswer::Left(stories::leavers(left, within, runs, names)?)
        }
    })
}

/// The one person or role that `wanted` means, by every id, name and address that it ever had.
fn one_of(
    wanted: &str,
    [what, many]: [&'static str; 2],
    names: &Names,
    reporter: &dyn Reporter,
) -> Result<ResourceId> {
    let mut ids: Vec<&ResourceId> = names.keys().collect();
    ids.sort();
    let candidates = ids.into_iter().map(|id| {
        let known = &names[id];
        Candidate {
            id,
            names: known
                .names
                .iter()
                .chain(&known.addresses)
                .map(String::as_str),
            shown: [known.name(id), known.email().unwrap_or_default()],
        }
    });
    match search::among(wanted, many, candidates)? {
        Found::One(hit) => Ok(hit.reported(reporter)),
        Found::Nothing(nearest) => bail!(NeverSeen {
            what,
            wanted: wanted.to_owned(),
            nearest,
        }),
    }
}
