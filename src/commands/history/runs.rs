//! Which runs belong to a history: each once, of one organization, in the order of their captures.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::names::AllNames;
use super::survey::{FoundRun, Survey, Wanted};
use super::{NoRuns, Unrecorded, UnrecordedOrganization, sources, unreadable};
use crate::commands::input::Input;
use crate::history::{Doubt, Times, doubts, gaps};
use crate::model::{History, HistoryAnswer, HistoryRun, OrganizationEvidence, Timestamp, Zone};
use crate::progress::{Event, Reporter};
use crate::snapshot::ReadOptions;

/// The runs of a history, in order.
pub(super) struct Runs {
    pub(super) organization: Option<OrganizationEvidence>,
    pub(super) runs: Vec<FoundRun>,
    pub(super) survey: Survey,
    pub(super) names: AllNames,
    pub(super) warnings: Vec<String>,
}

impl Runs {
    /// Reads files, and reports those that are not part of the history.
    pub(super) fn read(
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

    /// The history with this answer.
    pub(super) fn history(&mut self, wanted: Wanted<'_>, answer: HistoryAnswer) -> Result<History> {
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

/// Puts runs in the order of their captures. A run that is in several files counts once.
fn each_once(mut runs: Vec<FoundRun>, warnings: &mut Vec<String>) -> Vec<FoundRun> {
    runs.sort_by(|a, b| {
        let of_a = (a.captured_at.as_utc, &a.run.id, &a.input.path);
        of_a.cmp(&(b.captured_at.as_utc, &b.run.id, &b.input.path))
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
        let files: BTreeSet<_> = runs.iter().map(|run| &run.input.path).collect();
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
                of.shown_name()
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
