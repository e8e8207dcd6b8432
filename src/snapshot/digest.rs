//! The content digest: says whether two snapshots hold the same access. FORMAT.md describes it for others to
//! recompute.

use std::fmt;

use sha2::{Digest, Sha256};

use super::canonical::canonical;
use super::messages::{self, Descriptor};

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

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The four tables that a snapshot's content is in, in the order of the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKind {
    /// `v1_resource_types`
    ResourceType,
    /// `v1_resources`
    Resource,
    /// `v1_entitlements`
    Entitlement,
    /// `v1_grants`
    Grant,
}

impl RowKind {
    /// All four, in the order of the digest.
    pub const ALL: [Self; 4] = [
        Self::ResourceType,
        Self::Resource,
        Self::Entitlement,
        Self::Grant,
    ];

    /// The table's name.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::ResourceType => "v1_resource_types",
            Self::Resource => "v1_resources",
            Self::Entitlement => "v1_entitlements",
            Self::Grant => "v1_grants",
        }
    }

    /// The message in its `data` column.
    pub(super) fn descriptor(self) -> &'static Descriptor {
        match self {
            Self::ResourceType => &messages::RESOURCE_TYPE,
            Self::Resource => &messages::RESOURCE,
            Self::Entitlement => &messages::ENTITLEMENT,
            Self::Grant => &messages::GRANT,
        }
    }

    /// Fields that say the same as the row's columns.
    pub(super) fn column_fields(self) -> &'static [u32] {
        match self {
            Self::ResourceType => &[1],
            Self::Resource | Self::Entitlement => &[1, 2],
            Self::Grant => &[1, 2, 3],
        }
    }

    fn tag(self) -> u8 {
        match self {
            Self::ResourceType => b't',
            Self::Resource => b'r',
            Self::Entitlement => b'e',
            Self::Grant => b'g',
        }
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
    pub(super) fn row(&mut self, kind: RowKind, parts: &[&[u8]], data: &[u8]) {
        self.scratch.clear();
        push_record(kind, parts, data, &mut self.scratch);
        self.hash.update(&self.scratch);
    }

    /// The digest of all that was taken.
    pub fn finish(self) -> ContentDigest {
        ContentDigest(format!("v1:{}", hex(&self.hash.finalize())))
    }
}

/// Appends the record of a row: its kind, the parts that identify it, and the canonical form of the rest of its
/// message. Rows with equal records are the same but for noise.
pub(super) fn push_record(kind: RowKind, parts: &[&[u8]], data: &[u8], out: &mut Vec<u8>) {
    out.push(kind.tag());
    for part in parts {
        push_length(out, part.len());
        out.extend_from_slice(part);
    }
    let at = out.len();
    push_length(out, 0);
    push_canonical(kind, data, out);
    let length = out.len() - at - LENGTH_BYTES;
    out[at..at + LENGTH_BYTES].copy_from_slice(&(length as u64).to_be_bytes());
}

const LENGTH_BYTES: usize = 8;

fn push_length(record: &mut Vec<u8>, length: usize) {
    record.extend_from_slice(&(length as u64).to_be_bytes());
}

/// The canonical form of a row's message without what its columns say. A blob that is no message stands as it is, so
/// that a damaged row still counts.
fn push_canonical(kind: RowKind, data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if canonical(kind.descriptor(), data, kind.column_fields(), out).is_err() {
        out.truncate(start);
        out.extend_from_slice(data);
    }
}
