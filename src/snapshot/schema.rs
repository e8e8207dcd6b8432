//! Every table and index of a c1z, under the names the SDK gives them, and what a reader may find instead.

/// Tables and their columns: name and declaration. `datetime` is a declared type that the official readers look at.
pub(super) const TABLES: [Table; 7] = [
    Table {
        name: "v1_resource_types",
        columns: &[
            ("id", "integer primary key"),
            ("external_id", "text not null"),
            ("data", "blob not null"),
            ("sync_id", "text not null"),
            ("discovered_at", "datetime not null"),
        ],
    },
    Table {
        name: "v1_resources",
        columns: &[
            ("id", "integer primary key"),
            ("resource_type_id", "text not null"),
            ("external_id", "text not null"),
            ("parent_resource_type_id", "text"),
            ("parent_resource_id", "text"),
            ("data", "blob not null"),
            ("sync_id", "text not null"),
            ("discovered_at", "datetime not null"),
        ],
    },
    Table {
        name: "v1_entitlements",
        columns: &[
            ("id", "integer primary key"),
            ("resource_type_id", "text not null"),
            ("resource_id", "text not null"),
            ("external_id", "text not null"),
            ("data", "blob not null"),
            ("sync_id", "text not null"),
            ("discovered_at", "datetime not null"),
        ],
    },
    Table {
        name: "v1_sync_runs",
        columns: &[
            ("id", "integer primary key"),
            ("sync_id", "text not null"),
            ("started_at", "datetime not null"),
            ("ended_at", "datetime"),
            ("sync_token", "text not null"),
            ("sync_type", "text not null default 'full'"),
            ("parent_sync_id", "text not null default ''"),
            ("linked_sync_id", "text not null default ''"),
            ("supports_diff", "integer not null default 0"),
            ("grants_backfilled", "integer not null default 0"),
            ("stats", "text"),
            ("ingest_invariant_generation", "text not null default ''"),
            ("ingest_invariant_coverage", "text not null default ''"),
            ("ingest_invariant_mode", "text not null default ''"),
        ],
    },
    Table {
        name: "v1_grants",
        columns: &[
            ("id", "integer primary key"),
            ("resource_type_id", "text not null"),
            ("resource_id", "text not null"),
            ("entitlement_id", "text not null"),
            ("principal_resource_type_id", "text not null"),
            ("principal_resource_id", "text not null"),
            ("external_id", "text not null"),
            ("expansion", "blob"),
            ("needs_expansion", "integer not null default 0"),
            ("data", "blob not null"),
            ("sync_id", "text not null"),
            ("discovered_at", "datetime not null"),
        ],
    },
    Table {
        name: "v1_assets",
        columns: &[
            ("id", "integer primary key"),
            ("external_id", "text not null"),
            ("content_type", "text not null"),
            ("data", "blob not null"),
            ("sync_id", "text not null"),
            ("discovered_at", "datetime not null"),
        ],
    },
    Table {
        name: "v1_connector_sessions",
        columns: &[
            ("id", "integer primary key"),
            ("sync_id", "text not null"),
            ("key", "text not null"),
            ("value", "blob not null"),
        ],
    },
];

/// All sixteen indexes. The two on `v1_resources` named `…_external_sync_…` and `…_parent_resource_id_…` have each
/// other's columns in the SDK itself. They must stay so: the SDK creates by name, and appends through the unique one.
pub(super) const INDEXES: [Index; 16] = [
    unique(
        "idx_resource_types_external_sync_v1",
        "v1_resource_types",
        "external_id, sync_id",
    ),
    plain(
        "idx_resources_resource_type_id_v1",
        "v1_resources",
        "resource_type_id",
    ),
    plain(
        "idx_resources_external_sync_v1",
        "v1_resources",
        "parent_resource_type_id, parent_resource_id",
    ),
    unique(
        "idx_resources_parent_resource_id_v1",
        "v1_resources",
        "external_id, sync_id",
    ),
    plain(
        "idx_entitlements_resource_id_v1",
        "v1_entitlements",
        "resource_type_id, resource_id",
    ),
    unique(
        "idx_entitlements_external_sync_v1",
        "v1_entitlements",
        "external_id, sync_id",
    ),
    unique("idx_sync_runs_sync_id_v1", "v1_sync_runs", "sync_id"),
    plain(
        "idx_grants_resource_type_id_resource_id_v1",
        "v1_grants",
        "resource_type_id, resource_id",
    ),
    plain(
        "idx_grants_principal_id_v1",
        "v1_grants",
        "principal_resource_type_id, principal_resource_id",
    ),
    plain(
        "idx_grants_entitlement_id_principal_id_v1",
        "v1_grants",
        "entitlement_id, principal_resource_type_id, principal_resource_id",
    ),
    unique(
        "idx_grants_external_sync_v1",
        "v1_grants",
        "external_id, sync_id",
    ),
    plain(
        "idx_grants_entitlement_sync_grant_v1",
        "v1_grants",
        "entitlement_id, sync_id, id",
    ),
    partial(
        "idx_grants_sync_expansion_v1",
        "v1_grants",
        "sync_id",
        "expansion is not null",
    ),
    partial(
        "idx_grants_sync_needs_expansion_v1",
        "v1_grants",
        "sync_id",
        "needs_expansion = 1",
    ),
    unique(
        "idx_assets_external_sync_v1",
        "v1_assets",
        "external_id, sync_id",
    ),
    unique(
        "idx_session_store_sync_key_v1",
        "v1_connector_sessions",
        "sync_id, key",
    ),
];

pub(super) struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, &'static str)],
}

impl Table {
    /// The statement that makes it.
    pub fn create(&self) -> String {
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|(name, kind)| format!("{name} {kind}"))
            .collect();
        format!("create table {} ({})", self.name, columns.join(", "))
    }
}

pub(super) struct Index {
    pub name: &'static str,
    pub table: &'static str,
    pub columns: &'static str,
    pub unique: bool,
    pub condition: Option<&'static str>,
}

impl Index {
    /// The statement that makes it.
    pub fn create(&self) -> String {
        let Self {
            name,
            table,
            columns,
            ..
        } = self;
        let unique = if self.unique { "unique " } else { "" };
        let condition = self
            .condition
            .map_or(String::new(), |condition| format!(" where {condition}"));
        format!("create {unique}index {name} on {table} ({columns}){condition}")
    }
}

const fn plain(name: &'static str, table: &'static str, columns: &'static str) -> Index {
    Index {
        name,
        table,
        columns,
        unique: false,
        condition: None,
    }
}

const fn unique(name: &'static str, table: &'static str, columns: &'static str) -> Index {
    Index {
        name,
        table,
        columns,
        unique: true,
        condition: None,
    }
}

const fn partial(
    name: &'static str,
    table: &'static str,
    columns: &'static str,
    condition: &'static str,
) -> Index {
    Index {
        name,
        table,
        columns,
        unique: false,
        condition: Some(condition),
    }
}
