//! What `sync` and `check` are asked for, with every setting resolved.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::target::Template;
use crate::crawl::posthog::{Config, Incomplete, Memberships};
use crate::crawl::{ApiKey, BaseUrl, HttpSettings};
use crate::demo::Week;
use crate::snapshot::ReadOptions;

/// What to crawl, and where to put it.
pub struct SyncArgs {
    /// What to crawl.
    pub source: Source,
    /// How to crawl it.
    pub crawl: CrawlSettings,
    /// Where to put it.
    pub output: Output,
    /// The folder for the database while it is built; beside the output if none is named.
    pub temp_dir: Option<PathBuf>,
}

/// How to crawl.
#[derive(Clone)]
pub struct CrawlSettings {
    /// How requests are made.
    pub http: HttpSettings,
    /// Where role memberships are read from.
    pub memberships: Memberships,
    /// How many roles are read at a time.
    pub workers: usize,
    /// What becomes of a list that cannot be proved to be whole.
    pub incomplete: Incomplete,
}

/// What to crawl.
pub enum Source {
    /// An organization.
    Organization {
        /// Its address.
        base_url: BaseUrl,
        /// The key to read it with.
        key: ApiKey,
    },
    /// The sample organization that the program carries in itself.
    Demo(Week),
}

/// Where a snapshot goes.
pub enum Output {
    /// A file.
    File(FileOutput),
    /// Standard output.
    Stdout,
}

/// A snapshot in a file, and what else is to be done about files.
pub struct FileOutput {
    /// Where.
    pub template: Template,
    /// Permission bits.
    pub mode: u32,
    /// A copy under a name that stays the same.
    pub latest: Option<PathBuf>,
    /// How many snapshots of the template stay; all if it is `None`.
    pub keep_last: Option<NonZeroUsize>,
    /// Whether to crawl, or only to tell what pruning would remove.
    pub pruning: Pruning,
    /// What a new snapshot must be to take the old one's place.
    pub guard: GuardSettings,
    /// Whether a snapshot that the guard refuses is kept beside the old one.
    pub rejected: Rejected,
    /// Limits on reading the old one.
    pub read: ReadOptions,
    /// How long to wait for another run to end.
    pub wait: Duration,
}

impl FileOutput {
    /// The files that a run replaces which writes its snapshot to `path`.
    pub(super) fn targets(&self, path: &Path) -> Vec<PathBuf> {
        std::iter::once(path.to_owned())
            .chain(self.latest.clone())
            .collect()
    }
}

/// Whether pruning is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruning {
    /// After the new snapshot stands.
    Done,
    /// It is only told; nothing is crawled.
    Told,
}

/// What becomes of a snapshot that the guard refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// It is not written.
    Dropped,
    /// It is written beside the old one.
    Kept,
}

/// What a guard goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// How many percent of users, roles or grants may go.
    pub max_shrink: u8,
    /// Whether a target is replaced that is not a readable snapshot of the same organization.
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

impl CrawlSettings {
    /// The whole of what a crawl needs to know.
    pub(super) fn config(
        &self,
        base_url: BaseUrl,
        key: ApiKey,
        public_base_url: Option<BaseUrl>,
    ) -> Config {
        Config {
            base_url,
            public_base_url,
            key,
            http: self.http.clone(),
            memberships: self.memberships,
            workers: self.workers,
            incomplete: self.incomplete,
        }
    }
}
