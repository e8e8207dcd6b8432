//! `prune`: removes the snapshots in a folder that no rule of retention keeps, and says which rule keeps each of the others.
//!
//! What is in doubt is left as it is. It is not counted either, which never costs another snapshot (see
//! [`Retention::kept`]). Some snapshots are counted and left although no rule keeps them: one that has a copy, which may be
//! that of `--latest`, one that a link leads to, and one that could not be removed.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::archived::{Archived, in_words};
use super::folder::{file_name, mark_of, snapshots_in};
use super::sync::{Lock, Pruning, RunInProgress, path_of_pruning, runs_in_progress};
use super::{Outcome, World};
use crate::model::{OrganizationEvidence, Retention, RetentionRule, SyncId};
use crate::report::{Column, Format, Table, labeled};
use crate::snapshot::ReadOptions;

/// Arguments of `prune`.
#[derive(Clone, Debug)]
pub struct PruneArgs {
    /// The folder.
    pub folder: PathBuf,
    /// Which snapshots to keep. At least one rule is used.
    pub retention: Retention,
    /// Whether to remove the others, or only to print which.
    pub pruning: Pruning,
    /// The format.
    pub format: Format,
    /// Limits on reading.
    pub options: ReadOptions,
}

/// Why a folder cannot be pruned.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderProblem {
    #[error("the folder `{}` does not exist", .0.display())]
    Missing(PathBuf),
    #[error("`{}` is not a folder", .0.display())]
    NotAFolder(PathBuf),
    #[error("`{}` has no finished snapshot that this program took", .0.display())]
    NoSnapshot(PathBuf),
}

pub(super) fn run(args: &PruneArgs, world: &mut World<'_>) -> Result<Outcome> {
    check_folder(&args.folder)?;
    let _lock = match args.pruning {
        Pruning::DryRun => None,
        Pruning::Remove => {
            let path = path_of_pruning(&args.folder);
            Some(Lock::take(&path, Duration::ZERO, (world.now)())?)
        }
    };
    let mut folder = Folder::read(args, world)?;
    let failure = folder.prune(args)?;
    match args.format {
        Format::Json => {
            let document = folder.document(args);
            writeln!(world.out, "{}", serde_json::to_string_pretty(&document)?)?;
        }
        Format::Console => folder.write(args, world)?,
    }
    world.out.flush()?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    if folder.organization.is_none() {
        return Err(FolderProblem::NoSnapshot(args.folder.clone()).into());
    }
    Ok(Outcome::Done)
}

fn check_folder(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(FolderProblem::NotAFolder(path.to_owned()).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(FolderProblem::Missing(path.to_owned()).into())
        }
        Err(error) => Err(error).with_context(|| reading(path)),
    }
}

fn reading(folder: &Path) -> String {
    format!("reading the folder `{}`", folder.display())
}

/// A snapshot that was counted.
struct Judged {
    own: Archived,
    /// The rules that keep it.
    kept_by: Vec<RetentionRule>,
}

/// What is in a folder, and what becomes of it.
struct Folder {
    /// That of the newest snapshot; `None` if there is none.
    organization: Option<OrganizationEvidence>,
    /// Those that were counted, oldest first.
    judged: Vec<Judged>,
    /// Files that are left as they are, and why.
    left: BTreeMap<PathBuf, String>,
    /// Files that a link in the folder leads to, and the name of the link.
    linked: Vec<(Metadata, String)>,
}

impl Folder {
    /// Reads every `*.c1z`, and applies the rules.
    fn read(args: &PruneArgs, world: &World<'_>) -> Result<Self> {
        let context = || reading(&args.folder);
        // Before the files, so that a run that ends in between counts as in progress.
        let runs = runs_in_progress(&args.folder).with_context(context)?;
        let linked = links_in(&args.folder).with_context(context)?;
        let paths = snapshots_in(&args.folder).with_context(context)?;
        let mut left = BTreeMap::new();
        let mut found = Vec::new();
        for path in paths {
            match Archived::open(&path, (world.now)(), &args.options)? {
                Ok(own) => found.push(own),
                Err(reason) => {
                    left.insert(path, reason);
                }
            }
        }
        let organization = found
            .iter()
            .filter(|own| mark_of(&own.path).is_none())
            .max_by_key(|own| (own.captured_at, &own.path))
            .map(|newest| newest.organization.clone());
        let mut groups: BTreeMap<Option<&str>, Vec<Archived>> = BTreeMap::new();
        for own in found {
            let run = runs
                .iter()
                .find(|run| run.concerns(&own.path, &own.organization.id));
            let reason = match (&organization, run) {
                (None, _) => {
                    Some("no finished snapshot says which organization to prune".to_owned())
                }
                (Some(organization), _) if organization.id != own.organization.id => Some(format!(
                    "it is of another organization, `{}`",
                    own.organization.shown_name()
                )),
                (_, Some(run)) => Some(in_use(run)),
                _ => None,
            };
            match reason {
                Some(reason) => {
                    left.insert(own.path, reason);
                }
                None => groups.entry(mark_of(&own.path)).or_default().push(own),
            }
        }
        let groups = groups.into_values();
        let mut judged: Vec<_> = groups.flat_map(|own| judge(own, &args.retention)).collect();
        judged.sort_by(|a, b| {
            (a.own.captured_at, &a.own.path).cmp(&(b.own.captured_at, &b.own.path))
        });
        Ok(Self {
            organization,
            judged,
            left,
            linked,
        })
    }

    /// Removes what no rule keeps, oldest first. What cannot be removed does not keep the others. Returns the first failure.
    fn prune(&mut self, args: &PruneArgs) -> Result<Option<anyhow::Error>> {
        let mut failure = None;
        // Reading may have taken long.
        let runs = runs_in_progress(&args.folder).with_context(|| reading(&args.folder))?;
        let judged = std::mem::take(&mut self.judged);
        let mut copies: HashMap<(Option<&str>, SyncId), Vec<PathBuf>> = HashMap::new();
        for one in &judged {
            let key = (mark_of(&one.own.path), one.own.sync_id.clone());
            copies.entry(key).or_default().push(one.own.path.clone());
        }
        for one in judged {
            let own = &one.own;
            let key = (mark_of(&own.path), own.sync_id.clone());
            let copy = copies
                .get(&key)
                .into_iter()
                .flatten()
                .find(|path| **path != own.path);
            let link = self.linked.iter().find(|(target, _)| own.is(target));
            let run = runs
                .iter()
                .find(|run| run.concerns(&own.path, &own.organization.id));
            let reason = if !one.kept_by.is_empty() {
                None
            } else if let Some(run) = run {
                Some(in_use(run))
            } else if let Some(copy) = copy {
                Some(format!("the same sync run is in `{}`", file_name(copy)))
            } else if let Some((_, link)) = link {
                Some(format!("`{link}` is a link to it"))
            } else if args.pruning == Pruning::DryRun {
                None
            } else {
                match own.remove() {
                    Ok(true) => None,
                    Ok(false) => Some("it was changed in the meantime".to_owned()),
                    Err(error) => {
                        let reason = format!("it could not be removed: {}", error.root_cause());
                        failure.get_or_insert(error);
                        Some(reason)
                    }
                }
            };
            match reason {
                Some(reason) => {
                    self.left.insert(own.path.clone(), reason);
                }
                None => self.judged.push(one),
            }
        }
        Ok(failure)
    }

    fn document<'a>(&'a self, args: &'a PruneArgs) -> PruneDocument<'a> {
        let organization = self.organization.as_ref();
        PruneDocument {
            schema: "posthog-c1z.prune",
            schema_version: 1,
            folder: args.folder.display().to_string(),
            organization: organization.and_then(|organization| organization.name.as_deref()),
            organization_id: organization.map(|organization| &*organization.id),
            dry_run: args.pruning == Pruning::DryRun,
            files: self
                .judged
                .iter()
                .map(|one| FileDocument {
                    file: file_name(&one.own.path),
                    mark: mark_of(&one.own.path),
                    captured_at: one.own.captured_at.to_string(),
                    sync_id: one.own.sync_id.as_str(),
                    kept_by: one.kept_by.iter().map(|rule| rule.name()).collect(),
                    removed: one.kept_by.is_empty(),
                })
                .collect(),
            left: self
                .left
                .iter()
                .map(|(path, reason)| LeftDocument {
                    file: file_name(path),
                    reason,
                })
                .collect(),
        }
    }

    fn write(&self, args: &PruneArgs, world: &mut World<'_>) -> Result<()> {
        if self.judged.is_empty() && self.left.is_empty() {
            return Ok(());
        }
        let page = world.page;
        let width = page.terminal_width();
        let out = &mut *world.out;
        if let Some(organization) = &self.organization {
            let name = organization.shown_name();
            writeln!(out, "{}", labeled("organization", name, width))?;
        }
        let folder = args.folder.display().to_string();
        writeln!(out, "{}", labeled("folder", &folder, width))?;
        if !self.judged.is_empty() {
            writeln!(out)?;
            let mut table = Table::new(out, page, FILE_COLUMNS);
            for one in &self.judged {
                let kept_by = match one.kept_by[..] {
                    [] => "removed".to_owned(),
                    _ => in_words(&one.kept_by),
                };
                let captured_at = one.own.captured_at.to_seconds();
                table.push(vec![captured_at, file_name(&one.own.path), kept_by])?;
            }
            table.finish()?;
        }
        if !self.left.is_empty() {
            writeln!(out)?;
            let mut table = Table::new(out, page, LEFT_COLUMNS);
            for (path, reason) in &self.left {
                table.push(vec![file_name(path), reason.clone()])?;
            }
            table.finish()?;
        }
        let removed = self.judged.iter().filter(|one| one.kept_by.is_empty());
        let (removed, all) = (removed.count(), self.judged.len() + self.left.len());
        let files = if all == 1 { "file" } else { "files" };
        match args.pruning {
            Pruning::Remove => writeln!(out, "\n{removed} of {all} {files} removed")?,
            Pruning::DryRun => writeln!(out, "\n{removed} of {all} {files} would be removed")?,
        }
        Ok(())
    }
}

/// What each link in a folder leads to, and its name.
fn links_in(folder: &Path) -> io::Result<Vec<(Metadata, String)>> {
    let mut links = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_symlink()
            && let Ok(target) = fs::metadata(&path)
        {
            links.push((target, file_name(&path)));
        }
    }
    Ok(links)
}

/// Applies the rules to snapshots that are counted together. Copies of one sync run count once.
fn judge(own: Vec<Archived>, retention: &Retention) -> Vec<Judged> {
    let mut by_run: HashMap<SyncId, Vec<Archived>> = HashMap::new();
    for one in own {
        by_run.entry(one.sync_id.clone()).or_default().push(one);
    }
    let mut snapshots: Vec<_> = by_run
        .into_values()
        .filter_map(|copies| {
            let newest = copies
                .iter()
                .map(|copy| (copy.captured_at, copy.path.clone()));
            Some((newest.max()?, copies))
        })
        .collect();
    snapshots.sort_by(|(a, _), (b, _)| b.cmp(a));
    let times: Vec<_> = snapshots.iter().map(|((at, _), _)| *at).collect();
    let kept = retention.kept(&times);
    let mut judged = Vec::new();
    for ((_, copies), kept_by) in snapshots.into_iter().zip(kept) {
        judged.extend(copies.into_iter().map(|own| Judged {
            own,
            kept_by: kept_by.clone(),
        }));
    }
    judged
}

fn in_use(run: &RunInProgress) -> String {
    format!("a run is in progress: {}", run.holder)
}

const FILE_COLUMNS: &[Column] = &[
    Column::whole("Captured (UTC)"),
    Column::new("File"),
    Column::whole("Kept by"),
];

const LEFT_COLUMNS: &[Column] = &[Column::new("Left as it is"), Column::new("Because")];

#[derive(Serialize)]
struct PruneDocument<'a> {
    schema: &'static str,
    schema_version: u32,
    folder: String,
    organization: Option<&'a str>,
    organization_id: Option<&'a str>,
    dry_run: bool,
    files: Vec<FileDocument<'a>>,
    left: Vec<LeftDocument<'a>>,
}

#[derive(Serialize)]
struct FileDocument<'a> {
    file: String,
    mark: Option<&'static str>,
    captured_at: String,
    sync_id: &'a str,
    kept_by: Vec<&'static str>,
    removed: bool,
}

#[derive(Serialize)]
struct LeftDocument<'a> {
    file: String,
    reason: &'a str,
}
