//! The four kinds of rows in a snapshot, and their names in files and documents.

/// A kind of row, in the order of the file, of the digest and of every export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKind {
    /// A resource type.
    ResourceType,
    /// A user, a role, or another connector's resource.
    Resource,
    /// An entitlement.
    Entitlement,
    /// A grant of an entitlement to a principal.
    Grant,
}

/// The names of a kind.
struct Names {
    table: &'static str,
    one: &'static str,
    many: &'static str,
    many_in_list: &'static str,
}

impl RowKind {
    /// Every kind, in order: each is at the place `kind as usize`.
    pub const ALL: [Self; 4] = [
        Self::ResourceType,
        Self::Resource,
        Self::Entitlement,
        Self::Grant,
    ];

    const fn names(self) -> &'static Names {
        match self {
            Self::ResourceType => &Names {
                table: "v1_resource_types",
                one: "resource_type",
                many: "resource_types",
                many_in_list: "resourceTypes",
            },
            Self::Resource => &Names {
                table: "v1_resources",
                one: "resource",
                many: "resources",
                many_in_list: "resources",
            },
            Self::Entitlement => &Names {
                table: "v1_entitlements",
                one: "entitlement",
                many: "entitlements",
                many_in_list: "entitlements",
            },
            Self::Grant => &Names {
                table: "v1_grants",
                one: "grant",
                many: "grants",
                many_in_list: "grants",
            },
        }
    }

    /// Returns its table in a c1z.
    pub const fn table(self) -> &'static str {
        self.names().table
    }

    /// Returns its singular in our own JSON documents.
    pub const fn one(self) -> &'static str {
        self.names().one
    }

    /// Returns its plural in our own JSON documents and in the `stats` column.
    pub const fn many(self) -> &'static str {
        self.names().many
    }

    /// Returns its plural in the `baton` CLI's lists.
    pub const fn many_in_list(self) -> &'static str {
        self.names().many_in_list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_at_its_own_place() {
        for (at, kind) in RowKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }
}
