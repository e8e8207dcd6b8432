//! The previous snapshot: what an existing file says about itself.

use std::fs;
use std::io;
use std::path::Path;

use crate::model::{Evidence, Inventory, OrganizationEvidence, Timestamp};
use crate::snapshot::{Counts, Error, Overview, ReadOptions};

/// What the previous snapshot says about itself.
#[derive(Debug)]
pub(in crate::commands) struct Previous {
    /// When its crawl ended. This is in UTC if there is evidence, and snapshots without evidence are not compared.
    pub(super) captured_at: Timestamp,
    counts: Counts,
    evidence: Option<Evidence>,
}

impl Previous {
    /// Reads the snapshot at `path`, if the file exists.
    ///
    /// # Errors
    /// When it is not a snapshot, or cannot be read.
    pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Option<Self>, Error> {
        // Anything but a file, such as a pipe, could block forever.
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
        let overview = Overview::read(path, options, None)?;
        let run = &overview.run;
        Ok(Some(Self {
            captured_at: run.ended_at.unwrap_or(run.started_at),
            evidence: overview.evidence(&run.id)?,
            counts: overview.counts,
        }))
    }

    /// Returns its organization, if it says which.
    pub(super) fn organization(&self) -> Option<&OrganizationEvidence> {
        Some(&self.evidence.as_ref()?.organization)
    }

    /// Whether this program wrote it, and it is of `organization`.
    pub(super) fn is_own(&self, organization: &str) -> bool {
        self.evidence
            .as_ref()
            .is_some_and(|evidence| evidence.is_own() && evidence.organization.id == organization)
    }

    /// Whether roles were left out.
    pub(super) fn lacks_roles(&self) -> bool {
        self.evidence.as_ref().is_some_and(Evidence::lacks_roles)
    }

    /// Returns its number of resources of a type.
    pub(super) fn count(&self, resource_type: &str) -> u64 {
        let count = self.counts.resources.get(resource_type);
        count.copied().unwrap_or_default()
    }

    /// Returns its number of grants.
    pub(super) fn grants(&self) -> u64 {
        self.counts.grants.values().sum()
    }

    /// Compares people: the listed members, which every crawl reads, and all users if both crawls read roles.
    pub(super) fn people_compared_with(
        &self,
        inventory: &Inventory,
        evidence: &Evidence,
    ) -> Vec<Compared> {
        let own = self.evidence.as_ref();
        let unlisted = own.map_or(0, |own| own.unlisted_principals);
        let (before, now) = (self.count("user"), inventory.count_of_type("user") as u64);
        let members = Compared {
            what: "members",
            before: before.saturating_sub(unlisted),
            now: now.saturating_sub(evidence.unlisted_principals),
        };
        if self.lacks_roles() || evidence.lacks_roles() {
            return vec![members];
        }
        let users = Compared {
            what: "users",
            before,
            now,
        };
        vec![users, members]
    }

    /// Compares roles and role memberships.
    pub(super) fn roles_compared_with(&self, inventory: &Inventory) -> Vec<Compared> {
        vec![
            Compared {
                what: "roles",
                before: self.count("role"),
                now: inventory.count_of_type("role") as u64,
            },
            Compared {
                what: "grants",
                before: self.grants(),
                now: inventory.grants().len() as u64,
            },
        ]
    }
}

/// How many rows of one kind two crawls found.
pub(super) struct Compared {
    pub(super) what: &'static str,
    pub(super) before: u64,
    pub(super) now: u64,
}
