//! The rows that two sync runs have in common, which a comparison need not read.

use std::collections::HashSet;

use super::open::Snapshot;
use super::stored::Chunk;
use crate::model::{RowKind, SyncId};

/// Blocks that are in two sync runs.
pub struct CommonRows(HashSet<u128>);

impl Snapshot {
    /// The rows that a sync run has in common with one of another snapshot, apart from noise. `None` if they are not known:
    /// both snapshots must have been opened for a comparison.
    pub fn rows_in_common(
        &self,
        sync: &SyncId,
        other: &Self,
        other_sync: &SyncId,
    ) -> Option<CommonRows> {
        let own = self.summary(sync)?.blocks.as_ref()?.all().iter();
        let others = other.summary(other_sync)?.blocks.as_ref()?.all().iter();
        let others: HashSet<u128> = others.map(|block| block.hash).collect();
        let common = own.map(|block| block.hash);
        Some(CommonRows(
            common.filter(|hash| others.contains(hash)).collect(),
        ))
    }

    /// Where the rows of one kind are that are not in common; `None` if the sync run is not in blocks.
    pub(super) fn other_chunks(
        &self,
        kind: RowKind,
        sync: &SyncId,
        common: &CommonRows,
    ) -> Option<Vec<Chunk>> {
        let blocks = self.summary(sync)?.blocks.as_ref()?.all().iter();
        let others = blocks.filter(|block| block.kind == kind && !common.0.contains(&block.hash));
        Some(others.map(|block| block.rows).collect())
    }
}
