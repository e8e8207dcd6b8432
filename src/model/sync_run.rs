//! Sync runs: one crawl each.

use std::fmt;

use super::{Evidence, RecordedTime, SyncId, Timestamp, Zone};

/// What a sync run covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncType {
    /// Everything.
    Full,
    /// Resource types and resources alone.
    ResourcesOnly,
    /// A part, or a stored difference of additions.
    Partial,
    /// One half of a stored difference: what came or changed.
    PartialUpserts,
    /// The other half: what went.
    PartialDeletions,
    /// A text we have no name for.
    Other(String),
}

impl SyncType {
    /// From the file's text; case matters there.
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

/// One crawl, as its file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRun {
    /// Its id.
    pub id: SyncId,
    /// What it covers.
    pub sync_type: SyncType,
    /// When it began, by the clock of [`Self::zone`].
    pub started_at: Timestamp,
    /// When it was complete, by the same clock; `None` if it never was.
    pub ended_at: Option<Timestamp>,
    /// Whether the file's texts of these times state their offset from UTC. Those that the SDK and this program write do
    /// not.
    pub states_offset: bool,
    /// The sync run it builds on; empty without one.
    pub parent_id: String,
}

impl SyncRun {
    /// A finished sync run of everything.
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
