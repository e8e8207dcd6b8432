//! Sync runs: one crawl each.

use std::fmt;

use super::{SyncId, Timestamp};

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
    /// When it began.
    pub started_at: Timestamp,
    /// When it was complete; `None` if it never was.
    pub ended_at: Option<Timestamp>,
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
            parent_id: String::new(),
        }
    }
}
