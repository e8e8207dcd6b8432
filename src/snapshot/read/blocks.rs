//! The rows of a sync run in blocks, so that two snapshots can be compared without reading the blocks that both have.
//!
//! Where a block ends depends on the ids alone. So a row that is new, gone or changed affects only its own block, and all others
//! are found again in the other snapshot.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use twox_hash::{XxHash3_128, XxHash64};

use super::stored::{Chunk, Start};
use crate::model::RowKind;

/// On average, one id in this many starts a block.
const ROWS_PER_BLOCK: u64 = 4;
/// Size limits of a block, whatever the ids are.
const MAX_ROWS: u32 = 256;
const MAX_BYTES: usize = 1 << 20;
/// Most blocks that are kept; those of about four million rows.
const MAX_BLOCKS: usize = 1 << 20;

/// Differs in every process, so that no file can be prepared such that a changed block has the hash of another.
static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

/// The blocks of a sync run, in the order of the file.
#[derive(Default)]
pub(super) struct Blocks {
    finished: Vec<Block>,
    /// The block that is being filled, and the records of its rows.
    open: Option<(RowKind, Chunk)>,
    records: Vec<u8>,
}

/// Consecutive rows.
pub(super) struct Block {
    pub kind: RowKind,
    /// Of the records of its rows.
    pub hash: u128,
    pub rows: Chunk,
}

impl Blocks {
    /// Adds the next row.
    pub(super) fn add(&mut self, kind: RowKind, id: &str, record: &[u8], start: Start) {
        match &mut self.open {
            Some((own, rows))
                if *own == kind
                    && rows.rows() < MAX_ROWS
                    && self.records.len() < MAX_BYTES
                    && !XxHash64::oneshot(0, id.as_bytes()).is_multiple_of(ROWS_PER_BLOCK) =>
            {
                rows.grow();
            }
            _ => {
                self.end_block();
                self.open = Some((kind, Chunk::at(start)));
            }
        }
        self.records.extend_from_slice(record);
    }

    fn end_block(&mut self) {
        if let Some((kind, rows)) = self.open.take() {
            if self.finished.len() <= MAX_BLOCKS {
                let hash = XxHash3_128::oneshot_with_seed(*SEED, &self.records);
                self.finished.push(Block { kind, hash, rows });
            }
            self.records.clear();
        }
    }

    /// Ends the last block; `None` if there are too many.
    pub(super) fn finished(mut self) -> Option<Self> {
        self.end_block();
        self.records = Vec::new();
        self.finished.shrink_to_fit();
        (self.finished.len() <= MAX_BLOCKS).then_some(self)
    }

    /// Every block.
    pub(super) fn all(&self) -> &[Block] {
        &self.finished
    }
}
