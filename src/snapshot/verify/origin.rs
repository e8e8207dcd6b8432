//! Who made a sync run and what it covers, which decides what may be expected of it.

use crate::model::{Evidence, SyncRun, SyncType};

/// Whose a sync run is, or a file that holds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This program's; its evidence is there. It keeps promises that the format does not make.
    Ours,
    /// Another program's, of any version of the SDK.
    Others,
}

impl Origin {
    /// Of the sync run with this evidence.
    pub(super) fn of(evidence: Option<&Evidence>) -> Self {
        match evidence {
            Some(_) => Self::Ours,
            None => Self::Others,
        }
    }
}

/// Which references must lead to a row of the same sync run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coverage {
    /// All: the sync run covers everything.
    Everything,
    /// That of a resource to its type.
    Resources,
    /// None: the sync run is a part or a difference, or never ended.
    Part,
}

impl Coverage {
    pub(super) fn of(run: &SyncRun) -> Self {
        match run.sync_type {
            _ if run.ended_at.is_none() => Self::Part,
            SyncType::Full => Self::Everything,
            SyncType::ResourcesOnly => Self::Resources,
            SyncType::Partial
            | SyncType::PartialUpserts
            | SyncType::PartialDeletions
            | SyncType::Other(_) => Self::Part,
        }
    }
}
