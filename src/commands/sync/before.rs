//! What a snapshot that is already there says of itself.

use std::fs;
use std::io;
use std::path::Path;

use crate::model::{Evidence, Inventory, OrganizationEvidence, Timestamp};
use crate::snapshot::{Counts, Error, ReadOptions, Snapshot};

/// What a snapshot says of itself.
#[derive(Debug)]
pub(in crate::commands) struct Before {
    /// When its crawl ended.
    pub(super) captured_at: Timestamp,
    counts: Counts,
    evidence: Option<Evidence>,
}

impl Before {
    /// Reads the snapshot at `path`, if anything is there.
    ///
    /// # Errors
    /// When it is not a snapshot, or cannot be read.
    pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Option<Self>, Error> {
        // What is not a file, such as a pipe, could make its reader wait for ever.
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(found) if !found.is_file() => {
                let kind = io::ErrorKind::InvalidInput;
                return Err(Error::Io {
                    action: "replacing",
                    path: path.to_owned(),
                    source: io::Error::new(kind, "it is not a regular file"),
                });
            }
            _ => {}
        }
        let snapshot = Snapshot::open(path, options)?;
        let run = snapshot.sync_run(None)?;
        Ok(Some(Self {
            captured_at: run.ended_at.unwrap_or(run.started_at),
            counts: snapshot.counts(&run.id)?,
            evidence: snapshot.evidence(&run.id)?,
        }))
    }

    /// Returns the organization that it is of, if it says so.
    pub(super) fn organization(&self) -> Option<&OrganizationEvidence> {
        Some(&self.evidence.as_ref()?.organization)
    }

    /// Whether this program took it, of `organization`.
    pub(super) fn is_own(&self, organization: &str) -> bool {
        self.evidence
            .as_ref()
            .is_some_and(|evidence| evidence.is_own() && evidence.organization.id == organization)
    }

    fn count(&self, resource_type: &str) -> u64 {
        let count = self.counts.resources.get(resource_type);
        count.copied().unwrap_or_default()
    }

    fn grants(&self) -> u64 {
        self.counts.grants.values().sum()
    }

    /// Roles and grants that the new snapshot does not have because they were not read, in words.
    pub(super) fn roles_left_out(&self, evidence: &Evidence) -> Option<String> {
        let roles = self.count("role");
        (evidence.lacks_roles() && roles > 0)
            .then(|| format!("{roles} roles and {} grants", self.grants()))
    }

    /// Lists what both crawls counted: its name, how many there were, and how many there are now. What either crawl was
    /// asked not to read cannot be compared: then it is the listed members alone that count.
    pub(super) fn compared_with(
        &self,
        inventory: &Inventory,
        evidence: &Evidence,
    ) -> Vec<(&'static str, u64, u64)> {
        let now = |name: &str| inventory.count_of_type(name) as u64;
        let own = self.evidence.as_ref();
        if own.is_some_and(Evidence::lacks_roles) || evidence.lacks_roles() {
            let unlisted = own.map_or(0, |own| own.unlisted_principals);
            return vec![(
                "members",
                self.count("user").saturating_sub(unlisted),
                now("user").saturating_sub(evidence.unlisted_principals),
            )];
        }
        vec![
            ("users", self.count("user"), now("user")),
            ("roles", self.count("role"), now("role")),
            ("grants", self.grants(), inventory.grants().len() as u64),
        ]
    }
}
