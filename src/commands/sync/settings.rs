//! The arguments of `sync` and `check`, with every setting resolved.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::target::Template;
use crate::commands::audit::Basis;
use crate::crawl::posthog::{Config, Incomplete, Memberships, Surroundings};
use crate::crawl::{ApiKey, BaseUrl, HttpSettings};
use crate::demo::Week;
use crate::files;
use crate::model::Retention;
use crate::snapshot::ReadOptions;

/// The arguments of `sync`.
pub struct SyncArgs {
    /// What to crawl.
    pub source: Source,
    /// How to crawl it.
    pub crawl: CrawlSettings,
    /// Where to write the snapshot.
    pub output: Output,
    /// The folder for the database while it is built; by default the folder of the output.
    pub temp_dir: Option<PathBuf>,
    /// By what to audit the new snapshot; not at all if `None`.
    pub audit: Option<Basis>,
    /// Settings of the official connector's service mode that are set; they are ignored.
    pub ignored: Vec<String>,
}

/// How to crawl.
#[derive(Clone)]
pub struct CrawlSettings {
    /// Settings of the HTTP client.
    pub http: HttpSettings,
    /// Where role memberships are read from.
    pub memberships: Memberships,
    /// How many roles are read in parallel.
    pub workers: usize,
    /// What to do about a list that may be incomplete.
    pub incomplete: Incomplete,
    /// Whether to read what surrounds the roles.
    pub surroundings: Surroundings,
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
    /// The built-in sample organization.
    Demo(Week),
}

/// There is neither an address nor a key, as before the first crawl, or where the environment is missing.
#[derive(Debug, thiserror::Error)]
#[error("neither an address nor a key is set")]
pub struct NothingSet;

/// Where a snapshot goes.
pub enum Output {
    /// A file.
    File(FileOutput),
    /// Standard output.
    Stdout,
}

/// A snapshot in a file, and what to do about other files.
pub struct FileOutput {
    /// The name of the file.
    pub template: Template,
    /// Permission bits.
    pub mode: u32,
    /// Whether to write the SHA-256 beside the snapshot.
    pub checksum: Checksum,
    /// A copy under a fixed name.
    pub latest: Option<PathBuf>,
    /// Which snapshots of the template to keep; all without a rule.
    pub retention: Retention,
    /// Whether to crawl and prune, or only to print what pruning would remove.
    pub pruning: Pruning,
    /// When a new snapshot may replace the previous one.
    pub guard: GuardSettings,
    /// What to do with a snapshot that the guard refuses.
    pub rejected: Rejected,
    /// Limits on reading existing snapshots.
    pub read: ReadOptions,
    /// How long to wait for another run to end.
    pub wait: Duration,
}

impl FileOutput {
    /// Returns the files that a run replaces if it writes its snapshot to `path`.
    pub(super) fn targets(&self, path: &Path) -> Vec<PathBuf> {
        let snapshots = std::iter::once(path.to_owned()).chain(self.latest.clone());
        match self.checksum {
            Checksum::Omitted => snapshots.collect(),
            Checksum::Written => snapshots
                .flat_map(|path| [files::checksum_path(&path), path])
                .collect(),
        }
    }
}

/// Whether the SHA-256 of a file is written beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It is not.
    Omitted,
    /// As `NAME.sha256`.
    Written,
}

/// Whether old snapshots are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruning {
    /// They are removed after the new snapshot was written.
    Remove,
    /// Only prints what would be removed; nothing is crawled.
    DryRun,
}

/// What to do with a snapshot that the guard refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// It is not written.
    Dropped,
    /// It is saved next to the old one.
    Kept,
}

/// The settings of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// The percentage of users, roles or grants that may disappear.
    pub max_shrink: u8,
    /// What may be replaced.
    pub replace: Replace,
}

/// What a new snapshot may replace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replace {
    /// A snapshot of the same organization.
    #[default]
    SameOrganization,
    /// Anything: the user allowed it.
    Anything,
}

impl CrawlSettings {
    /// Returns the settings of the crawl.
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
            surroundings: self.surroundings,
        }
    }
}
