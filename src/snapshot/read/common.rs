//! The rows that two sync runs have in common, which a comparison need not read.

use super::open::Snapshot;
use super::stored::Chunk;
use crate::model::{RowKind, SyncId};

/// The hashes of the blocks that are in two sync runs, sorted.
pub struct CommonRows(Vec<u128>);

impl Snapshot {
    /// The rows that a sync run has in common with one of another snapshot, apart from noise. `None` if they are not known:
    /// both snapshots must have been opened for a comparison.
    pub fn rows_in_common(
        &self,
        sync: &SyncId,
        other: &Self,
        other_sync: &SyncId,
    ) -> Option<CommonRows> {
        let blocks = self.totals(sync)?.blocks.as_ref()?.all();
        let others = other.totals(other_sync)?.blocks.as_ref()?.all();
        let mut others: Vec<u128> = others.iter().map(|block| block.hash).collect();
        others.sort_unstable();
        let own = blocks.iter().map(|block| block.hash);
        let mut common: Vec<u128> = own
            .filter(|hash| others.binary_search(hash).is_ok())
            .collect();
        common.sort_unstable();
        Some(CommonRows(common))
    }

    /// Where the rows of one kind are that are not in common; `None` if the sync run is not in blocks.
    pub(super) fn other_chunks(
        &self,
        kind: RowKind,
        sync: &SyncId,
        common: &CommonRows,
    ) -> Option<Vec<Chunk>> {
        let blocks = self.totals(sync)?.blocks.as_ref()?.all().iter();
        let others = blocks
            .filter(|block| block.kind == kind && common.0.binary_search(&block.hash).is_err());
        Some(others.map(|block| block.rows).collect())
    }
}
