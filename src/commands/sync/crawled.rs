//! The result of one crawl, ready to be written.

use anyhow::Result;

use crate::commands::World;
use crate::crawl::posthog::{self, Completeness, Config};
use crate::model::{Defect, Evidence, Inventory, OrganizationDocument, SyncRun};
use crate::progress::Event;
use crate::snapshot::Contents;

/// The result of one crawl.
pub(super) struct Crawled {
    pub(super) sync_run: SyncRun,
    pub(super) inventory: Inventory,
    pub(super) organization: Option<OrganizationDocument>,
    pub(super) evidence: Evidence,
    pub(super) completeness: Completeness,
}

impl Crawled {
    /// Crawls an organization.
    ///
    /// # Errors
    /// When it cannot be read; [`InconsistentData`] when the data is inconsistent.
    pub(super) fn crawl(config: &Config, world: &World<'_>) -> Result<Self> {
        let started_at = (world.now)();
        let posthog::Crawled {
            inventory,
            organization,
            evidence,
            completeness,
        } = posthog::crawl(config, world.now, world.reporter)?;
        let inventory = inventory.finish().map_err(InconsistentData)?;
        let sync_run = SyncRun::full((world.new_sync_id)(started_at), started_at, (world.now)());
        for message in &evidence.warnings {
            world.reporter.report(Event::Warned {
                message: message.clone(),
            });
        }
        Ok(Self {
            sync_run,
            inventory,
            organization,
            evidence,
            completeness,
        })
    }

    /// Returns the organization's id.
    pub(super) fn organization(&self) -> &str {
        &self.evidence.organization.id
    }

    /// Returns the contents of its snapshot.
    pub(super) fn contents(&self) -> Contents<'_> {
        Contents {
            sync_run: &self.sync_run,
            inventory: &self.inventory,
            evidence: Some(&self.evidence),
            organization: self.organization.as_ref(),
        }
    }
}

/// The data that was read is inconsistent. The crawl prevents that, so this would be a bug.
#[derive(Debug, thiserror::Error)]
#[error("the data that was read is inconsistent{}", in_words(.0))]
pub(crate) struct InconsistentData(Vec<Defect>);

/// Formats the first defect and the number of the others.
fn in_words(defects: &[Defect]) -> String {
    match defects {
        [] => String::new(),
        [only] => format!(": {only}"),
        [first, more @ ..] => format!(": {first} (and {} more)", more.len()),
    }
}
