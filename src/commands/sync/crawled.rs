//! What one crawl brought, ready to be written.

use anyhow::Result;

use crate::commands::World;
use crate::crawl::posthog::{self, Completeness, Config};
use crate::model::{Defect, Evidence, Inventory, SyncRun};
use crate::progress::Event;
use crate::snapshot::Contents;

/// What one crawl brought.
pub(super) struct Crawled {
    pub(super) sync_run: SyncRun,
    pub(super) inventory: Inventory,
    pub(super) evidence: Evidence,
    pub(super) completeness: Completeness,
}

impl Crawled {
    /// Crawls an organization.
    ///
    /// # Errors
    /// What kept it from being read; [`NotWhole`].
    pub(super) fn crawl(config: &Config, world: &World<'_>) -> Result<Self> {
        let started_at = (world.now)();
        let posthog::Crawled {
            found,
            evidence,
            completeness,
        } = posthog::crawl(config, world.now, world.reporter)?;
        let inventory = found.finish().map_err(NotWhole)?;
        let sync_run = SyncRun::full((world.new_sync_id)(started_at), started_at, (world.now)());
        for message in &evidence.warnings {
            world.reporter.report(Event::Warned {
                message: message.clone(),
            });
        }
        Ok(Self {
            sync_run,
            inventory,
            evidence,
            completeness,
        })
    }

    /// Returns the id of the organization.
    pub(super) fn organization(&self) -> &str {
        &self.evidence.organization.id
    }

    /// Returns what a snapshot of it holds.
    pub(super) fn contents(&self) -> Contents<'_> {
        Contents {
            sync_run: &self.sync_run,
            inventory: &self.inventory,
            evidence: Some(&self.evidence),
        }
    }
}

/// What was crawled does not hold together. The crawl sees to it that this cannot be; it is checked all the same.
#[derive(Debug, thiserror::Error)]
#[error("what was read does not hold together{}", in_words(.0))]
pub(crate) struct NotWhole(Vec<Defect>);

/// The first defect, and how many more there are.
fn in_words(defects: &[Defect]) -> String {
    match defects {
        [] => String::new(),
        [only] => format!(": {only}"),
        [first, more @ ..] => format!(": {first} (and {} more)", more.len()),
    }
}
