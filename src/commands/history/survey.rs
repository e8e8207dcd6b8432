//! Reads every file once: its finished full sync runs, what is in them, and how each differs from the one before.
//!
//! The order of the runs is only known when all files have been read. Until then, names are taken as a guess: a run is compared
//! with the one that was read before it, while that is still open. Pairs that the guess missed are compared afterwards.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Result;

use super::names::AllNames;
use crate::commands::archived::why_unreadable;
use crate::commands::audit::{Criteria, figures};
use crate::commands::catalog::Catalog;
use crate::commands::diff::{Source, differences, host};
use crate::commands::input::Input;
use crate::commands::parallel;
use crate::commands::population::why_roles_unknown;
use crate::diff::FieldFilter;
use crate::history::Reach;
use crate::model::{
    OrganizationEvidence, RecordedTime, RunChange, RunContent, RunFigures, SyncId, SyncRun,
};
use crate::report::diff as report;
use crate::snapshot::{ContentDigest, Error, Snapshot};

/// Files that one thread reads in a row, so that each is compared with the one before while that is open.
const FILES_IN_A_ROW: usize = 16;

/// What to look at besides the content of every run.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted<'a> {
    /// How each run differs from the one before.
    pub(super) changes: bool,
    /// Every name and address that a person or role ever had.
    pub(super) names: bool,
    /// What a report shows over time, with findings by these criteria.
    pub(super) figures: Option<&'a Criteria>,
}

/// A finished full sync run.
#[derive(Clone, Debug)]
pub(super) struct FoundRun {
    pub(super) input: Input,
    pub(super) run: SyncRun,
    pub(super) captured_at: RecordedTime,
    /// Its organization, if it records one.
    pub(super) organization: Option<OrganizationEvidence>,
    /// The server that it was read from.
    pub(super) host: Option<String>,
    pub(super) reach: Reach,
    pub(super) content: RunContent,
    pub(super) digest: ContentDigest,
    pub(super) figures: Option<RunFigures>,
}

impl FoundRun {
    /// The file, as the caller named it or its folder.
    pub(super) fn file(&self) -> String {
        self.input.path.display().to_string()
    }

    /// The id of its organization, if it records one.
    pub(super) fn organization_id(&self) -> Option<String> {
        self.organization.as_ref().map(|of| of.id.clone())
    }
}

/// What is known about the files.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) runs: Vec<FoundRun>,
    /// Files that cannot be read, and why.
    pub(super) unreadable: Vec<(PathBuf, String)>,
    /// Files that can be read and have no finished full sync run, and what they have.
    pub(super) without_runs: Vec<(PathBuf, String)>,
    /// How a run differs from another one.
    changes: HashMap<Pair, RunChange>,
    /// By the id of the organization, if a file records one.
    names: HashMap<Option<String>, AllNames>,
}

impl Survey {
    /// Reads all files, in the order in which they are given.
    ///
    /// # Errors
    /// When the machine fails to read one.
    pub(super) fn of(inputs: &[Input], wanted: Wanted<'_>) -> Result<Self> {
        let in_a_row = inputs.len().div_ceil(parallel::threads());
        let rows: Vec<&[Input]> = inputs.chunks(in_a_row.clamp(1, FILES_IN_A_ROW)).collect();
        let mut all = Self::default();
        for one in parallel::map(&rows, |inputs| Self::of_row(inputs, wanted)) {
            all.add(one?);
        }
        Ok(all)
    }

    fn add(&mut self, other: Self) {
        self.runs.extend(other.runs);
        self.unreadable.extend(other.unreadable);
        self.without_runs.extend(other.without_runs);
        self.changes.extend(other.changes);
        for (organization, names) in other.names {
            self.names.entry(organization).or_default().add(names);
        }
    }

    /// Returns the names in the organizations of these runs.
    pub(super) fn names(&mut self, runs: &[FoundRun]) -> AllNames {
        let mut names = AllNames::default();
        for run in runs {
            if let Some(some) = self.names.remove(&run.organization_id()) {
                names.add(some);
            }
        }
        names
    }

    /// Reads files one after the other.
    fn of_row(inputs: &[Input], wanted: Wanted<'_>) -> Result<Self> {
        let mut survey = Self::default();
        let mut previous = None;
        for input in inputs {
            // Opening a pipe would wait for a writer.
            let why = match fs::metadata(&input.path) {
                Ok(found) if found.is_file() => None,
                Ok(_) => Some("it is not a regular file".to_owned()),
                Err(source) => Some(why_unreadable(
                    &input.path,
                    Error::Io {
                        action: "reading",
                        path: input.path.clone(),
                        source,
                    },
                )?),
            };
            if let Some(why) = why {
                survey.unreadable.push((input.path.clone(), why));
                continue;
            }
            // A file counts completely or not at all.
            let mut of_file = Self::default();
            match of_file.read(input, wanted, &mut previous) {
                Ok(()) => survey.add(of_file),
                Err(error) => {
                    let error = error.downcast::<Error>()?;
                    let why = why_unreadable(&input.path, error)?;
                    survey.unreadable.push((input.path.clone(), why));
                }
            }
        }
        Ok(survey)
    }

    /// Reads one file. `previous` is the last run that was read and is still open.
    fn read<'i>(
        &mut self,
        input: &'i Input,
        wanted: Wanted<'_>,
        previous: &mut Option<(Source<'i>, FoundRun)>,
    ) -> Result<()> {
        let snapshot = Rc::new(if wanted.changes {
            input.open_for_comparison()?
        } else {
            input.open_summarized()?.0
        });
        // Fails if no sync run is finished.
        snapshot.sync_run(None)?;
        let runs = snapshot.finished_full_runs()?;
        if runs.is_empty() {
            let what = "it has no finished full sync run".to_owned();
            self.without_runs.push((input.path.clone(), what));
        }
        for run in runs {
            let found = self.read_run(input, &snapshot, &run, wanted)?;
            if wanted.changes {
                let source = Source::new(snapshot.clone(), input, run)?;
                if let Some((old, older)) = previous.as_ref()
                    && is_of_same(older, &found)
                    && older.run.id != found.run.id
                {
                    let digests = [older.digest.clone(), found.digest.clone()];
                    let change = change(old, &source, digests)?;
                    self.changes.insert(pair([older, &found]), change);
                }
                *previous = Some((source, found.clone()));
            }
            self.runs.push(found);
        }
        Ok(())
    }

    fn read_run(
        &mut self,
        input: &Input,
        snapshot: &Snapshot,
        run: &SyncRun,
        wanted: Wanted<'_>,
    ) -> Result<FoundRun> {
        let evidence = snapshot.evidence(&run.id)?;
        let (counts, digest) = snapshot.counts_and_digest(&run.id)?;
        let catalog = Catalog::new(snapshot, run)?;
        let count = |is_counted: &dyn Fn(&str) -> bool| {
            let counted = counts.resources.iter().filter(|(id, _)| is_counted(id));
            counted.map(|(_, count)| count).sum()
        };
        let captured_at = run.captured_at(run.zone(evidence.as_ref()));
        let reach = Reach {
            knows_roles: why_roles_unknown(evidence.as_ref(), run).is_none(),
            is_complete: !evidence.as_ref().is_some_and(|of| of.is_doubtful()),
        };
        let found = FoundRun {
            input: input.clone(),
            run: run.clone(),
            captured_at,
            reach,
            host: evidence.as_ref().map(|of| host(&of.base_url).to_owned()),
            organization: evidence.map(|of| of.organization),
            content: RunContent {
                users: count(&|id| catalog.is_user(id)),
                roles: reach.knows_roles.then(|| count(&|id| catalog.is_role(id))),
                grants: reach.knows_roles.then(|| counts.grants.values().sum()),
                content_digest: digest.to_string(),
            },
            digest,
            figures: match wanted.figures {
                Some(criteria) => Some(figures(snapshot, run, criteria)?),
                None => None,
            },
        };
        if wanted.names {
            let names = self.names.entry(found.organization_id()).or_default();
            names.read(snapshot, run, captured_at.as_utc, &catalog)?;
        }
        Ok(found)
    }

    /// How each run differs from the one before it, in the order of `runs`; `None` for the first.
    ///
    /// # Errors
    /// When a file cannot be read any more.
    pub(super) fn changes(&mut self, runs: &[FoundRun]) -> Result<Vec<Option<RunChange>>> {
        let pair = |runs: &[FoundRun]| pair([&runs[0], &runs[1]]);
        let missing: Vec<&[FoundRun]> = runs
            .windows(2)
            .filter(|runs| !self.changes.contains_key(&pair(runs)))
            .collect();
        let compared = parallel::map(&missing, |runs| compare(&runs[0], &runs[1]));
        for (runs, change) in missing.iter().zip(compared) {
            self.changes.insert(pair(runs), change?);
        }
        let first = runs.first().map(|_| None);
        let others = runs.windows(2).map(|runs| self.changes.remove(&pair(runs)));
        Ok(first.into_iter().chain(others).collect())
    }
}

/// Two runs by file and id: a run may be in several files, with different rows.
type Pair = [(PathBuf, SyncId); 2];

fn pair(runs: [&FoundRun; 2]) -> Pair {
    runs.map(|found| (found.input.path.clone(), found.run.id.clone()))
}

/// Whether two runs may be compared: of one organization, as far as they record it.
fn is_of_same(a: &FoundRun, b: &FoundRun) -> bool {
    a.organization_id() == b.organization_id()
}

fn compare(old: &FoundRun, new: &FoundRun) -> Result<RunChange> {
    let opened = Rc::new(old.input.open_for_comparison()?);
    let other = if old.input.path == new.input.path {
        opened.clone()
    } else {
        Rc::new(new.input.open_for_comparison()?)
    };
    let old_source = Source::new(opened, &old.input, old.run.clone())?;
    let new_source = Source::new(other, &new.input, new.run.clone())?;
    let digests = [old.digest.clone(), new.digest.clone()];
    change(&old_source, &new_source, digests)
}

fn change(old: &Source<'_>, new: &Source<'_>, digests: [ContentDigest; 2]) -> Result<RunChange> {
    let comparison = differences(old, new, &FieldFilter::default(), Some(digests))?;
    Ok(RunChange {
        headline: report::headline(&comparison),
        summary: report::counts(&comparison),
        not_compared: comparison.scope.not_compared,
    })
}
