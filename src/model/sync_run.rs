//! Sync runs: each is the record of one crawl.

use std::fmt;

use super::{Evidence, RecordedTime, SyncId, Timestamp, Zone};

/// What a sync run covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncType {
    /// Everything.
    Full,
    /// Only resource types and resources.
    ResourcesOnly,
    /// A part, or a stored difference with additions.
    Partial,
    /// One half of a stored difference: additions and changes.
    PartialUpserts,
    /// The other half: deletions.
    PartialDeletions,
    /// An unknown type.
    Other(String),
}

impl SyncType {
    /// Parses the type as in a file, where case matters.
    pub fn from_text(text: &str) -> Self {
        match text {
            "full" => Self::Full,
            "resources_only" => Self::ResourcesOnly,
            "partial" => Self::Partial,
            "partial_upserts" => Self::PartialUpserts,
            "partial_deletions" => Self::PartialDeletions,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for SyncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::ResourcesOnly => "resources_only",
            Self::Partial => "partial",
            Self::PartialUpserts => "partial_upserts",
            Self::PartialDeletions => "partial_deletions",
            Self::Other(text) => text,
        })
    }
}

/// A sync run, as recorded in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRun {
    /// Its id.
    pub id: SyncId,
    /// What it covers.
    pub sync_type: SyncType,
    /// When it started, by the clock of [`Self::zone`].
    pub started_at: Timestamp,
    /// When it finished, by the same clock; `None` if it never did.
    pub ended_at: Option<Timestamp>,
    /// Whether the file's texts of these times state their offset from UTC. Those that the SDK and this program write do
    /// not.
    pub states_offset: bool,
    /// The sync run it builds on; empty without one.
    pub parent_id: String,
}

impl SyncRun {
    /// Creates a finished full sync run.
    pub fn full(id: SyncId, started_at: Timestamp, ended_at: Timestamp) -> Self {
        Self {
            id,
            sync_type: SyncType::Full,
            started_at,
            ended_at: Some(ended_at.max(started_at)),
            states_offset: false,
            parent_id: String::new(),
        }
    }

    /// Whether the zone of its times is known, given its evidence. Where there is evidence, they are in UTC.
    pub fn zone(&self, evidence: Option<&Evidence>) -> Zone {
        if self.states_offset || evidence.is_some() {
            Zone::Known
        } else {
            Zone::Unknown
        }
    }

    /// Returns when it was complete, else when it began, in its [`Self::zone`].
    pub fn captured_at(&self, zone: Zone) -> RecordedTime {
        RecordedTime {
            as_utc: self.ended_at.unwrap_or(self.started_at),
            zone,
        }
    }
}
