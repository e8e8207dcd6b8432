//! `history`: many snapshots of one organization: what changed when, one person's or one role's access over time, who had what
//! at one moment, and when leavers lost access.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | selects the runs and answers the question |
//! | `sources.rs` | files, folders and patterns |
//! | `survey.rs` | every file read once: its runs, and how each differs from the one before |
//! | `nights.rs` | what each run shows of some people or of one role |
//! | `stories.rs` | one person, one role, and leavers over time |
//! | `moment.rs` | who had what at one moment |

mod moment;
mod nights;
mod sources;
mod stories;
mod survey;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use super::audit::{Criteria, read_roster};
use super::given::{Given, bad};
use super::input::Input;
use super::search::{self, Candidate, Found, did_you_mean};
use super::{Outcome, World};
use crate::audit::{Roster, RosterColumns};
use crate::history::{Doubt, Times, doubts, gaps};
use crate::model::{
    History, HistoryAnswer, HistoryRun, OrganizationEvidence, ResourceId, Timestamp, Zone,
};
use crate::progress::{Event, Reporter};
use crate::report::history::{self as report, Detail, HistoryFormat};
use crate::snapshot::ReadOptions;
use moment::Only;
use survey::{AllNames, FoundRun, Names, Survey, Wanted};

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
    let mut read = Read::of(
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
    let mut read = Read::of(paths, options, wanted, Unrecorded::Unknown, reporter)?;
    let unread = read.survey.unreadable.iter();
    let unread = unread.map(|(path, why)| format!("`{}` could not be read: {why}", path.display()));
    read.warnings.extend(unread);
    read.history(wanted, HistoryAnswer::Log)
}

/// The runs of a history, in order.
struct Read {
    organization: Option<OrganizationEvidence>,
    runs: Vec<FoundRun>,
    survey: Survey,
    names: AllNames,
    warnings: Vec<String>,
}

impl Read {
    /// Reads files, and reports those that are not part of the history.
    fn of(
        paths: &[PathBuf],
        options: &ReadOptions,
        wanted: Wanted<'_>,
        unrecorded: Unrecorded,
        reporter: &dyn Reporter,
    ) -> Result<Self> {
        let (files, empty) = sources::files(paths)?;
        let inputs: Vec<Input> = files
            .into_iter()
            .map(|path| Input {
                path,
                sync_id: None,
                options: options.clone(),
            })
            .collect();
        let mut survey = Survey::of(&inputs, wanted)?;
        let empty = empty.into_iter();
        let why = "the folder has no snapshots (*.c1z)";
        let empty = empty.map(|folder| (folder, why.to_owned()));
        survey.unreadable.extend(empty);
        for (path, why) in survey.unreadable.iter().chain(&survey.without_runs) {
            reporter.report(Event::Limited {
                message: format!("`{}` is not part of the history: {why}", path.display()),
            });
        }
        let mut warnings = Vec::new();
        let runs = std::mem::take(&mut survey.runs);
        let runs = each_once(runs, &mut warnings);
        let (organization, runs) = of_one_organization(runs, unrecorded, reporter)?;
        if runs.is_empty() {
            if survey.unreadable.is_empty() {
                bail!(NoRuns);
            }
            bail!(unreadable(survey.unreadable));
        }
        warnings.extend(warnings_about(&runs));
        Ok(Self {
            names: survey.names(&runs),
            organization,
            runs,
            survey,
            warnings,
        })
    }

    fn history(&mut self, wanted: Wanted<'_>, answer: HistoryAnswer) -> Result<History> {
        let runs = &self.runs;
        let changes = if wanted.changes {
            self.survey.changes(runs)?
        } else {
            runs.iter().map(|_| None).collect()
        };
        let captured: Vec<Timestamp> = runs.iter().map(|run| run.captured_at.as_utc).collect();
        let runs_in_order = runs.iter().zip(changes).map(|(run, change)| HistoryRun {
            file: run.file(),
            sync_id: run.run.id.to_string(),
            captured_at: run.captured_at,
            content: run.content.clone(),
            change,
            figures: run.figures,
        });
        Ok(History {
            organization: self.organization.clone(),
            gaps: gaps(&captured),
            runs: runs_in_order.collect(),
            warnings: std::mem::take(&mut self.warnings),
            answer,
        })
    }
}

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
    read: &Read,
    reporter: &dyn Reporter,
) -> Result<HistoryAnswer> {
    let Read { runs, names, .. } = read;
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

/// Puts runs in the order of their captures. A run that is in several files counts once.
fn each_once(mut runs: Vec<FoundRun>, warnings: &mut Vec<String>) -> Vec<FoundRun> {
    runs.sort_by(|a, b| {
        let key = |run: &FoundRun| (run.captured_at.as_utc, run.run.id.clone());
        (key(a), &a.input.path).cmp(&(key(b), &b.input.path))
    });
    let mut kept: Vec<FoundRun> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for run in runs {
        match places.get(run.run.id.as_str()) {
            None => {
                places.insert(run.run.id.to_string(), kept.len());
                kept.push(run);
            }
            Some(place) if kept[*place].digest != run.digest => warnings.push(format!(
                "the sync run `{}` is in `{}` and in `{}` with different rows; the first is used",
                run.run.id,
                kept[*place].file(),
                run.file()
            )),
            Some(_) => {}
        }
    }
    kept
}

/// Returns the organization of the newest run that records one, and the runs that are of it; reports the others.
fn of_one_organization(
    runs: Vec<FoundRun>,
    unrecorded: Unrecorded,
    reporter: &dyn Reporter,
) -> Result<(Option<OrganizationEvidence>, Vec<FoundRun>)> {
    let Some(newest) = runs.iter().rfind(|run| run.organization.is_some()) else {
        let files: std::collections::BTreeSet<_> = runs.iter().map(|run| &run.input.path).collect();
        if files.len() > 1 && unrecorded == Unrecorded::Unknown {
            bail!(UnrecordedOrganization);
        }
        return Ok((None, runs));
    };
    let wanted = newest.organization.clone().unwrap_or_default();
    let mut kept = Vec::new();
    let mut left: HashMap<PathBuf, String> = HashMap::new();
    for run in runs {
        let why = match &run.organization {
            Some(of) if of.id == wanted.id => None,
            Some(of) => Some(format!(
                "it is of another organization, `{}`",
                shown_name(of)
            )),
            None if unrecorded == Unrecorded::Same => None,
            None => Some(
                "it does not record its organization; --force counts it as the same one".to_owned(),
            ),
        };
        match why {
            None => kept.push(run),
            Some(why) => {
                left.insert(run.input.path.clone(), why);
            }
        }
    }
    let mut left: Vec<_> = left.into_iter().collect();
    left.sort();
    for (path, why) in left {
        reporter.report(Event::Limited {
            message: format!("`{}` is not part of the history: {why}", path.display()),
        });
    }
    Ok((Some(wanted), kept))
}

fn shown_name(organization: &OrganizationEvidence) -> &str {
    organization.name.as_deref().unwrap_or(&organization.id)
}

/// What may mislead about runs that are in order.
fn warnings_about(runs: &[FoundRun]) -> Vec<String> {
    let mut warnings = Vec::new();
    let times: Vec<Times> = runs
        .iter()
        .map(|run| Times {
            started_at: run.run.started_at,
            captured_at: run.captured_at.as_utc,
        })
        .collect();
    for (pair, doubt) in doubts(&times) {
        let name = |at: usize| format!("`{}` of `{}`", runs[at].run.id, runs[at].file());
        let [before, after] = pair.map(name);
        warnings.push(match doubt {
            Doubt::SameTime => format!(
                "the sync runs {before} and {after} ended at the same time, so which is newer is not known"
            ),
            Doubt::Overlap => format!(
                "the sync runs {before} and {after} overlap, so changes between them may appear in the wrong order"
            ),
        });
    }
    if runs.iter().any(|run| run.captured_at.zone == Zone::Unknown) {
        warnings.push(
            "the time zone of some captures is not recorded; their times are read as UTC"
                .to_owned(),
        );
    }
    let is_without = |run: &FoundRun| !run.reach.knows_roles;
    for some in runs.chunk_by(|a, b| is_without(a) == is_without(b)) {
        if let (true, [first, others @ ..]) = (is_without(&some[0]), some) {
            let others = match others.len() {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            warnings.push(format!(
                "`{}`{others} did not read roles, so nothing is known about roles and their holders there",
                first.file()
            ));
        }
    }
    for run in runs.iter().filter(|run| !run.reach.is_complete) {
        warnings.push(format!(
            "`{}` may be incomplete: what it does not show ends no span, but counts as removed in the log",
            run.file()
        ));
    }
    let moved = runs.windows(2).find_map(|pair| {
        let hosts = pair[0].host.as_deref().zip(pair[1].host.as_deref())?;
        (hosts.0 != hosts.1).then_some((pair, hosts))
    });
    if let Some((pair, hosts)) = moved {
        warnings.push(format!(
            "`{}` and `{}` were read from different servers, `{}` and `{}`",
            pair[0].file(),
            pair[1].file(),
            hosts.0,
            hosts.1
        ));
    }
    warnings
}
