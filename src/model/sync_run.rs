//! Sync runs: each is the record of one crawl.

use std::fmt;

use super::{SyncId, Timestamp};

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
    /// When it started.
    pub started_at: Timestamp,
    /// When it finished; `None` if it never did.
    pub ended_at: Option<Timestamp>,
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
            parent_id: String::new(),
        }
    }
}
