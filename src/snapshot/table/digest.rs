//! The content digest, which says whether two snapshots contain the same access. FORMAT.md describes how to recompute
//! it.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::snapshot::hex::hex;

/// SHA-256 over the canonical form of all rows of a sync run, written `v1:` and 64 hexadecimal digits.
///
/// Digests are equal exactly when `diff` finds no differences. They do not detect tampering: anyone who can change the
/// rows can recompute the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentDigest(String);

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Computes the digest of rows, which must be added in the order of the file.
pub struct Digester {
    hash: Sha256,
}

impl Default for Digester {
    fn default() -> Self {
        Self::new()
    }
}

impl Digester {
    /// Creates a digester without rows.
    pub fn new() -> Self {
        let mut hash = Sha256::new();
        hash.update(b"posthog-c1z content v1\n");
        Self { hash }
    }

    /// Adds records of rows, as written by [`Row::record`](super::Row::record).
    pub fn record(&mut self, records: &[u8]) {
        self.hash.update(records);
    }

    /// Returns the digest of all rows added.
    pub fn finish(self) -> ContentDigest {
        ContentDigest(format!("v1:{}", hex(&self.hash.finalize())))
    }
}
