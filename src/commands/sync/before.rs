//! What a snapshot that is already there says of itself.

use std::fs;
use std::io;
use std::path::Path;

use crate::model::{Evidence, Inventory, OrganizationEvidence, Timestamp};
use crate::snapshot::{Counts, Error, ReadOptions, Snapshot};

/// What a snapshot says of itself.
#[derive(Debug)]
pub(in crate::commands) struct Before {
    /// When its crawl ended. It is in UTC where there is evidence, and nothing is compared with a snapshot without.
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

    /// Whether roles were left out.
    pub(super) fn lacks_roles(&self) -> bool {
        self.evidence.as_ref().is_some_and(Evidence::lacks_roles)
    }

    /// Returns how many resources of a type there were.
    pub(super) fn count(&self, resource_type: &str) -> u64 {
        let count = self.counts.resources.get(resource_type);
        count.copied().unwrap_or_default()
    }

    /// Returns how many grants there were.
    pub(super) fn grants(&self) -> u64 {
        self.counts.grants.values().sum()
    }

    /// Compares people: the listed members, whom every crawl reads, and all users where both crawls read roles too.
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

    /// Compares roles, and who holds them.
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

/// What two crawls counted.
pub(super) struct Compared {
    /// What was counted.
    pub(super) what: &'static str,
    /// How many there were.
    pub(super) before: u64,
    /// How many there are now.
    pub(super) now: u64,
}
