//! A written snapshot, taken apart: through the library, and as the SQLite database inside.

use std::fs;
use std::path::Path;

use posthog_c1z::model::{Evidence, Grant, Inventory, Resource, SyncRun};
use posthog_c1z::snapshot::{ContentDigest, ReadOptions, Snapshot};
use rusqlite::Connection;
use tempfile::NamedTempFile;

use super::{role_id, user_id};

/// The finished sync run of a file, decoded.
pub struct Written {
    pub snapshot: Snapshot,
    pub sync_run: SyncRun,
    pub inventory: Inventory,
    pub evidence: Evidence,
    pub digest: ContentDigest,
}

impl Written {
    #[track_caller]
    pub fn open(path: &Path) -> Self {
        let snapshot = Snapshot::open(path, &ReadOptions::default()).unwrap();
        let sync_run = snapshot.sync_run(None).unwrap();
        Self {
            inventory: snapshot.inventory(&sync_run.id).unwrap(),
            evidence: snapshot.evidence(&sync_run.id).unwrap().unwrap(),
            digest: snapshot.content_digest(&sync_run.id).unwrap(),
            sync_run,
            snapshot,
        }
    }

    /// The resource under `<type>:<id>`.
    #[track_caller]
    pub fn resource(&self, id: &str) -> &Resource {
        let resources = self.inventory.resources();
        let found = resources.iter().find(|row| row.id.to_string() == id);
        found.unwrap_or_else(|| panic!("no resource {id}"))
    }

    /// The user of number `n`.
    #[track_caller]
    pub fn user(&self, n: u16) -> &Resource {
        self.resource(&format!("user:{}", user_id(n)))
    }

    /// The role of number `n`.
    #[track_caller]
    pub fn role(&self, n: u16) -> &Resource {
        self.resource(&format!("role:{}", role_id(n)))
    }

    /// The grant of role `role` to user `user`.
    #[track_caller]
    pub fn grant(&self, role: u16, user: u16) -> &Grant {
        let id = format!("role:{}:member:user:{}", role_id(role), user_id(user));
        let found = self.inventory.grants().iter().find(|row| row.id() == id);
        found.unwrap_or_else(|| panic!("no grant {id}"))
    }

    /// Ids of the grants, in the order of the file.
    pub fn grant_ids(&self) -> Vec<String> {
        let grants = self.inventory.grants().iter();
        grants.map(|row| row.id().into_owned()).collect()
    }
}

/// The database inside a c1z, open.
pub struct Database {
    pub connection: Connection,
    pub bytes: Vec<u8>,
    _file: NamedTempFile,
}

impl Database {
    /// Unpacks with zstd alone, so that nothing of ours stands between the file and the test.
    #[track_caller]
    pub fn of(path: &Path) -> Self {
        let whole = fs::read(path).unwrap();
        let bytes = zstd::decode_all(whole.strip_prefix(b"C1ZF\0").unwrap()).unwrap();
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), &bytes).unwrap();
        Self {
            connection: Connection::open(file.path()).unwrap(),
            bytes,
            _file: file,
        }
    }

    /// All rows of a query, each value as SQLite shows it with its type.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<Vec<rusqlite::types::Value>> {
        let mut statement = self.connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The text of each row of a query with one column.
    #[track_caller]
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let mut statement = self.connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The number that a query answers with.
    #[track_caller]
    pub fn number(&self, sql: &str) -> i64 {
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }
}
