//! Who wrote a sync run and what it covers, which decides what to expect of it.

use crate::model::{Evidence, SyncRun, SyncType};

/// Who wrote a sync run, or the file that contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This program: there is an evidence document. Stricter rules apply than the format requires.
    Ours,
    /// Another program, with any version of the SDK.
    Others,
}

impl Origin {
    /// The origin of a sync run with this evidence.
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
    /// All of them: the sync run covers everything.
    Everything,
    /// Only those from a resource to its type.
    Resources,
    /// None: the sync run is partial or unfinished.
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
