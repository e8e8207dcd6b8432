//! Entitlements: what can be granted on a resource.

use super::{EntitlementId, ResourceId, ResourceTypeId, Text};

/// What an entitlement means to its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The source does not say.
    Unspecified,
    /// An assignment, such as a membership.
    Assignment,
    /// A permission.
    Permission,
    /// Ownership.
    Ownership,
}

/// Something that can be granted, such as being a member of a role.
#[derive(Clone, Debug, PartialEq)]
pub struct Entitlement {
    /// `<resource type>:<resource>:<slug>` by convention.
    pub id: EntitlementId,
    /// What it is granted on.
    pub resource: ResourceId,
    /// Its display name; at most 1,024 bytes when we write it.
    pub display_name: Text,
    /// Its description; at most 2,048 bytes when we write it.
    pub description: Text,
    /// Its short name on the resource, such as `member`.
    pub slug: Text,
    /// What it means.
    pub purpose: Purpose,
    /// The types of resources that may hold it.
    pub grantable_to: Vec<ResourceTypeId>,
}
