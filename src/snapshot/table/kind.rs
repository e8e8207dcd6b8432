//! The four kinds of rows, each in a table of its own.

use crate::snapshot::message::descriptors::{self, Descriptor};

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
    pub(in crate::snapshot) fn table(self) -> &'static str {
        match self {
            Self::ResourceType => "v1_resource_types",
            Self::Resource => "v1_resources",
            Self::Entitlement => "v1_entitlements",
            Self::Grant => "v1_grants",
        }
    }

    /// The message in its `data` column.
    pub(in crate::snapshot) fn descriptor(self) -> &'static Descriptor {
        match self {
            Self::ResourceType => &descriptors::RESOURCE_TYPE,
            Self::Resource => &descriptors::RESOURCE,
            Self::Entitlement => &descriptors::ENTITLEMENT,
            Self::Grant => &descriptors::GRANT,
        }
    }

    /// Fields that say the same as the row's columns.
    pub(in crate::snapshot) fn column_fields(self) -> &'static [u32] {
        match self {
            Self::ResourceType => &[1],
            Self::Resource | Self::Entitlement => &[1, 2],
            Self::Grant => &[1, 2, 3],
        }
    }

    /// What a row's record begins with.
    pub(super) fn tag(self) -> u8 {
        match self {
            Self::ResourceType => b't',
            Self::Resource => b'r',
            Self::Entitlement => b'e',
            Self::Grant => b'g',
        }
    }
}
