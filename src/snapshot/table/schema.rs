//! Every table and index of a c1z, under the SDK's names.
//!
//! The schema has only grown. When an official reader opens a file, it creates every table and index that is missing,
//! by name, and adds the columns that are newer than their table, which are marked as [`added`]:
//!
//! | since SDK | |
//! |---|---|
//! | 0.3.0 | `v1_sync_runs`: `sync_type`, `parent_sync_id` |
//! | 0.5.0 | `v1_connector_sessions` and its index |
//! | 0.7.0 | `v1_sync_runs.linked_sync_id` |
//! | 0.7.22 | `v1_sync_runs.supports_diff`; `v1_grants`: `expansion`, `needs_expansion` and an index for each |
//! | 0.7.30 | `v1_sync_runs.grants_backfilled` |
//! | 0.9.10 | `idx_grants_entitlement_sync_grant_v1` |
//! | 0.10.0 | `v1_sync_runs.stats` |
//! | 0.20.3 | `v1_sync_runs.ingest_invariant_*` |
//!
//! No reader repairs a table, column or index that has one of these names but another declaration.

/// Tables and their columns: name and declaration. `datetime` is a declared type that the official readers look at.
pub(in crate::snapshot) const TABLES: [Table; 7] = [
    Table {
        name: "v1_resource_types",
        columns: &[
            column("id", "integer primary key"),
            column("external_id", "text not null"),
            column("data", "blob not null"),
            column("sync_id", "text not null"),
            column("discovered_at", "datetime not null"),
        ],
    },
    Table {
        name: "v1_resources",
        columns: &[
            column("id", "integer primary key"),
            column("resource_type_id", "text not null"),
            column("external_id", "text not null"),
            column("parent_resource_type_id", "text"),
            column("parent_resource_id", "text"),
            column("data", "blob not null"),
            column("sync_id", "text not null"),
            column("discovered_at", "datetime not null"),
        ],
    },
    Table {
        name: "v1_entitlements",
        columns: &[
            column("id", "integer primary key"),
            column("resource_type_id", "text not null"),
            column("resource_id", "text not null"),
            column("external_id", "text not null"),
            column("data", "blob not null"),
            column("sync_id", "text not null"),
            column("discovered_at", "datetime not null"),
        ],
    },
    Table {
        name: "v1_sync_runs",
        columns: &[
            column("id", "integer primary key"),
            column("sync_id", "text not null"),
            column("started_at", "datetime not null"),
            column("ended_at", "datetime"),
            column("sync_token", "text not null"),
            added("sync_type", "text not null default 'full'"),
            added("parent_sync_id", "text not null default ''"),
            added("linked_sync_id", "text not null default ''"),
            added("supports_diff", "integer not null default 0"),
            added("grants_backfilled", "integer not null default 0"),
            added("stats", "text"),
            added("ingest_invariant_generation", "text not null default ''"),
            added("ingest_invariant_coverage", "text not null default ''"),
            added("ingest_invariant_mode", "text not null default ''"),
        ],
    },
    Table {
        name: "v1_grants",
        columns: &[
            column("id", "integer primary key"),
            column("resource_type_id", "text not null"),
            column("resource_id", "text not null"),
            column("entitlement_id", "text not null"),
            column("principal_resource_type_id", "text not null"),
            column("principal_resource_id", "text not null"),
            column("external_id", "text not null"),
            added("expansion", "blob"),
            added("needs_expansion", "integer not null default 0"),
            column("data", "blob not null"),
            column("sync_id", "text not null"),
            column("discovered_at", "datetime not null"),
        ],
    },
    Table {
        name: "v1_assets",
        columns: &[
            column("id", "integer primary key"),
            column("external_id", "text not null"),
            column("content_type", "text not null"),
            column("data", "blob not null"),
            column("sync_id", "text not null"),
            column("discovered_at", "datetime not null"),
        ],
    },
    Table {
        name: "v1_connector_sessions",
        columns: &[
            column("id", "integer primary key"),
            column("sync_id", "text not null"),
            column("key", "text not null"),
            column("value", "blob not null"),
        ],
    },
];

/// All sixteen indexes. The two on `v1_resources` named `…_external_sync_…` and `…_parent_resource_id_…` have each
/// other's columns in the SDK itself. They must stay swapped: the SDK creates indexes by name, and appends through the
/// unique one.
pub(in crate::snapshot) const INDEXES: [Index; 16] = [
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

/// The table of this name; names in SQLite ignore case.
pub(in crate::snapshot) fn table(name: &str) -> Option<&'static Table> {
    TABLES
        .iter()
        .find(|table| table.name.eq_ignore_ascii_case(name))
}

/// The index of this name.
pub(in crate::snapshot) fn index(name: &str) -> Option<&'static Index> {
    INDEXES
        .iter()
        .find(|index| index.name.eq_ignore_ascii_case(name))
}

pub(in crate::snapshot) struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
}

impl Table {
    /// The `CREATE` statement.
    pub(crate) fn create(&self) -> String {
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|column| format!("{} {}", column.name, column.declaration))
            .collect();
        format!("create table {} ({})", self.name, columns.join(", "))
    }
}

pub(in crate::snapshot) struct Column {
    pub name: &'static str,
    pub declaration: &'static str,
    /// Whether official readers add it to a file without it.
    pub is_added_by_readers: bool,
}

impl Column {
    /// The first word of the declaration.
    pub(crate) fn declared_type(&self) -> &'static str {
        self.declaration.split(' ').next().unwrap_or_default()
    }
}

const fn column(name: &'static str, declaration: &'static str) -> Column {
    Column {
        name,
        declaration,
        is_added_by_readers: false,
    }
}

const fn added(name: &'static str, declaration: &'static str) -> Column {
    Column {
        name,
        declaration,
        is_added_by_readers: true,
    }
}

pub(in crate::snapshot) struct Index {
    pub name: &'static str,
    pub table: &'static str,
    pub columns: &'static str,
    pub unique: bool,
    pub condition: Option<&'static str>,
}

impl Index {
    /// The `CREATE` statement.
    pub(crate) fn create(&self) -> String {
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

/// The id of the evidence document among the assets.
pub(in crate::snapshot) const EVIDENCE_ASSET: &str = "posthog-c1z:evidence";
/// The id of the organization document among the assets.
pub(in crate::snapshot) const ORGANIZATION_ASSET: &str = "posthog-c1z:organization";
/// The content type of both.
pub(in crate::snapshot) const DOCUMENT_CONTENT_TYPE: &str = "application/json";
