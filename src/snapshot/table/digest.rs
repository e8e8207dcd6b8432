//! The content digest: says whether two snapshots hold the same access. FORMAT.md describes it for others to
//! recompute.

use std::fmt;

use sha2::{Digest, Sha256};

use super::record::push_record;
use crate::model::RowKind;
use crate::snapshot::hex::hex;

/// SHA-256 over the canonical form of all rows of a sync run, written `v1:` and 64 hexadecimal digits.
///
/// Equal digests mean that `diff` finds no differences, and the other way round. It is no proof against tampering:
/// who can change the rows can recompute it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentDigest(String);

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes rows in the order of the file and makes their digest.
pub struct Digester {
    hash: Sha256,
    scratch: Vec<u8>,
}

impl Default for Digester {
    fn default() -> Self {
        Self::new()
    }
}

impl Digester {
    /// Nothing taken yet.
    pub fn new() -> Self {
        let mut hash = Sha256::new();
        hash.update(b"posthog-c1z content v1\n");
        Self {
            hash,
            scratch: Vec::with_capacity(1024),
        }
    }

    /// Takes the records of rows, as [`Row::record`](super::Row::record) makes them.
    pub fn record(&mut self, records: &[u8]) {
        self.hash.update(records);
    }

    /// Takes a row as it is written: its kind, the parts that identify it, and its message.
    pub(in crate::snapshot) fn row(&mut self, kind: RowKind, parts: &[&[u8]], data: &[u8]) {
        self.scratch.clear();
        push_record(kind, parts, data, &mut self.scratch);
        self.hash.update(&self.scratch);
    }

    /// The digest of all that was taken.
    pub fn finish(self) -> ContentDigest {
        ContentDigest(format!("v1:{}", hex(&self.hash.finalize())))
    }
}
