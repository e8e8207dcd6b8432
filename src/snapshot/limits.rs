//! How much of a file is read at all. Honest files stay far below these limits; they keep memory and time in proportion to
//! honest data, whatever a file claims. FORMAT.md lists them for users.

use std::path::Path;

use super::error::{Damage, Error};

const MIB: u64 = 1 << 20;

/// Longest blob of a row of content, in bytes: no connector can send more in one message of the SDK's transport.
pub(super) const MAX_BLOB: usize = 4 << 20;
/// Longest text in a column, in bytes. The SDK's transport refuses ids over 1,024.
pub(super) const MAX_TEXT: usize = 4 << 10;
/// Longest row of content, in bytes: a blob, an expansion, and texts.
pub(super) const MAX_ROW: u64 = 2 * MAX_BLOB as u64 + 8 * MAX_TEXT as u64;
/// Longest asset or session value, in bytes; the evidence of a large organization is one.
pub(super) const MAX_ASSET: u64 = 64 * MIB;
/// Most values that one blob may hold, at any depth: a byte can stand for a name of 25 bytes in JSON.
pub(super) const MAX_VALUES: u32 = 100_000;
/// Most sync runs in a file. A year of nightly ones is 365.
pub(super) const MAX_SYNC_RUNS: usize = 10_000;
/// Longest id of a resource type or a sync run, in bytes: their number is limited, and all are held.
pub(super) const MAX_SHORT_TEXT: usize = 1 << 10;
/// Most resource types that rows of one sync run may be of.
pub(super) const MAX_TYPES: usize = 10_000;
/// Most bytes of resource types that one sync run may have, as all are held.
pub(super) const MAX_TYPE_BYTES: u64 = 4 * MIB;
/// Most values, and most sentences of one list, that an evidence document may hold. A crawl of 100,000 roles has five
/// values for each.
pub(super) const MAX_EVIDENCE_VALUES: usize = 2_000_000;
pub(super) const MAX_EVIDENCE_SENTENCES: usize = 10_000;
/// A database is not suspected of being a decompression bomb below this size, in bytes.
const MIN_BOMB: u64 = 64 * MIB;
/// From this ratio of decoded to compressed size on it is one. Honest files decode to 5 to 30 times their size.
const BOMB_RATIO: u64 = 1000;

/// Bounds on what is decoded. The official readers have the same, under the same environment variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest decoded database, in MiB.
    pub max_decoded_mib: u64,
    /// Largest zstd window, in MiB.
    pub max_window_mib: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_decoded_mib: 10 * 1024,
            max_window_mib: 128,
        }
    }
}

impl Limits {
    /// Whether a file of `compressed` bytes may decode to `decoded` bytes.
    pub(super) fn check_decoded(
        &self,
        path: &Path,
        compressed: u64,
        decoded: u64,
    ) -> Result<(), Error> {
        if decoded > self.max_decoded_mib.saturating_mul(MIB) {
            return Err(Error::TooLarge {
                path: path.to_owned(),
                max_decoded_mib: self.max_decoded_mib,
            });
        }
        if decoded > MIN_BOMB && decoded > compressed.saturating_mul(BOMB_RATIO) {
            Err(Error::damaged(path, Damage::Bomb))
        } else {
            Ok(())
        }
    }

    /// The largest power of two within the window, as zstd wants it: 10 to 31.
    pub(super) fn window_log(&self) -> u32 {
        self.max_window_mib
            .saturating_mul(MIB)
            .max(1)
            .ilog2()
            .clamp(10, 31)
    }
}
