//! Limits on what is read from a file. Valid files stay far below them. They keep memory and time in proportion to
//! plausible data, whatever a file claims. FORMAT.md lists them for users.

use std::path::Path;

use super::error::{Damage, Error};

const MIB: u64 = 1 << 20;

/// Longest blob of a row, in bytes: the SDK's transport does not accept a longer message from a connector.
pub(super) const MAX_BLOB: usize = 4 << 20;
/// Longest text in a column, in bytes. The SDK's transport refuses ids over 1,024.
pub(super) const MAX_TEXT: usize = 4 << 10;
/// Longest row, in bytes: a blob, an expansion, and texts.
pub(super) const MAX_ROW: u64 = 2 * MAX_BLOB as u64 + 8 * MAX_TEXT as u64;
/// Longest asset or session value, in bytes. The evidence of a large organization is such an asset.
pub(super) const MAX_ASSET: u64 = 64 * MIB;
/// Most values in one blob, at any depth: one byte can become a name of 25 bytes in JSON.
pub(super) const MAX_VALUES: u32 = 100_000;
/// Most sync runs in a file. A nightly sync makes 365 a year.
pub(super) const MAX_SYNC_RUNS: usize = 10_000;
/// Longest id of a resource type or sync run, in bytes. Their number is limited too, since all are kept in memory.
pub(super) const MAX_SHORT_TEXT: usize = 1 << 10;
/// Most resource types that the rows of one sync run may have.
pub(super) const MAX_TYPES: usize = 10_000;
/// Most bytes of resource types in one sync run, since all are kept in memory.
pub(super) const MAX_TYPE_BYTES: u64 = 4 * MIB;
/// Most values in a document among the assets, and most sentences in one list of the evidence. A crawl of 100,000 roles records five
/// values for each.
pub(super) const MAX_DOCUMENT_VALUES: usize = 2_000_000;
pub(super) const MAX_EVIDENCE_SENTENCES: usize = 10_000;
/// Format v3: most files of its database, longest name of one, and the largest head and index, in bytes. The SDK writes
/// 17 files for half a million grants.
pub(super) const MAX_V3_FILES: usize = 20_000;
pub(super) const MAX_V3_NAME: usize = 255;
pub(super) const MAX_V3_HEAD: u64 = 16 * MIB;
pub(super) const MAX_V3_INDEX: u64 = 16 * MIB;
/// Largest manifest, in bytes, and most tables that it may name.
pub(super) const MAX_V3_MANIFEST: u64 = 16 * MIB;
pub(super) const MAX_V3_TABLES: usize = 20_000;
/// Most deletions of ranges of keys. The SDK writes one or two.
pub(super) const MAX_V3_SPANS: usize = 100_000;
/// Largest block of a table, in bytes: one row with the largest asset, and what surrounds it.
pub(super) const MAX_V3_BLOCK: usize = MAX_ASSET as usize + (1 << 20);
/// Longest key, in bytes: five texts, each byte of which may take two.
pub(super) const MAX_V3_KEY: usize = 10 * MAX_TEXT + 64;
/// Most bytes of blocks in memory at a time.
pub(super) const MAX_V3_OPEN: u64 = 192 * MIB;
/// Size in bytes below which a database is never treated as a decompression bomb.
const MIN_BOMB: u64 = 64 * MIB;
/// Ratio of decoded to compressed size that makes it one. Valid files decode to 5 to 30 times their size.
const BOMB_RATIO: u64 = 1000;

/// Limits on decoding. The official readers have the same limits, set by the same environment variables.
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
    /// Checks that a file of `compressed` bytes may decode to `decoded` bytes.
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

    /// The window limit as zstd expects it: the exponent of a power of two, 10 to 31.
    pub(super) fn window_log(&self) -> u32 {
        self.max_window_mib
            .saturating_mul(MIB)
            .max(1)
            .ilog2()
            .clamp(10, 31)
    }
}
