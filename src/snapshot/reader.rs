//! Rows and blobs of any v1 file into the model, whichever connector wrote it.
//!
//! The file is untrusted: it is unpacked within limits into a file without a name, opened read-only, and nothing in
//! it is run. Columns and fields we do not know are passed over; what an older writer left out is taken as absent.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Statement};

use super::digest::{ContentDigest, Digester, RowKind};
use super::json::write_json;
use super::{Damage, EVIDENCE_ASSET, Error, ReadOptions, container, decode, private_file};
use crate::model::{
    Defect, EntitlementId, Evidence, Inventory, InventoryBuilder, ResourceId, ResourceTypeId,
    SyncId, SyncRun, SyncType, Text, Timestamp,
};

/// Largest text or blob that is taken from a file, in bytes.
const MAX_VALUE_BYTES: i32 = 64 << 20;

/// An open snapshot file. Nothing is ever written to it.
pub struct Snapshot {
    connection: Connection,
    path: PathBuf,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Size of the database inside, in bytes.
    pub decoded_bytes: u64,
}

impl Snapshot {
    /// Unpacks and opens the c1z at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is no c1z of format v1, exceeds the limits, or is damaged.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, Error> {
        let system = std::env::temp_dir();
        let (mut database, database_path) =
            private_file(options.temp_dir.as_deref().unwrap_or(&system))?;
        let (bytes, decoded_bytes) = container::decompress(path, &mut database, &options.limits)?;
        let connection = open_untrusted(&database_path).map_err(|e| sqlite(path, e))?;
        drop(database_path);
        Ok(Self {
            connection,
            path: path.to_owned(),
            bytes,
            decoded_bytes,
        })
    }

    /// All sync runs, in the order they began.
    ///
    /// # Errors
    /// When the table is missing or a time in it is none.
    pub fn sync_runs(&self) -> Result<Vec<SyncRun>, Error> {
        const TABLE: &str = "v1_sync_runs";
        let known = self.columns(TABLE)?;
        let column = |name: &str, default: &str| match known.iter().any(|k| k == name) {
            true => name.to_owned(),
            false => default.to_owned(),
        };
        let sql = format!(
            "select sync_id, started_at, ended_at, {}, {} from {TABLE} order by started_at, sync_id",
            column("sync_type", "'full'"),
            column("parent_sync_id", "''"),
        );
        let mut statement = self.prepare(&sql)?;
        let mut rows = statement.query([]).map_err(|e| self.sqlite(e))?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next().map_err(|e| self.sqlite(e))? {
            let columns = RowColumns {
                snapshot: self,
                table: TABLE,
                row,
            };
            let ended_at = match columns.value(2)? {
                ValueRef::Null => None,
                _ => Some(columns.time(2, "ended_at")?),
            };
            runs.push(SyncRun {
                id: SyncId::new(columns.text(0)?),
                sync_type: SyncType::from_text(columns.text(3)?),
                started_at: columns.time(1, "started_at")?,
                ended_at,
                parent_id: columns.text(4)?.to_owned(),
            });
        }
        Ok(runs)
    }

    /// The sync run to show: the one of this id, else the latest finished full one, else the latest finished one of
    /// any type. An unfinished one is never shown.
    ///
    /// # Errors
    /// When there is none.
    pub fn sync_run(&self, id: Option<&str>) -> Result<SyncRun, Error> {
        let runs = self.sync_runs()?;
        let unfinished = runs.iter().filter(|run| run.ended_at.is_none()).count();
        let finished = runs.into_iter().filter(|run| run.ended_at.is_some());
        match id {
            Some(id) => finished
                .into_iter()
                .find(|run| run.id.as_str() == id)
                .ok_or_else(|| Error::NoSuchSync {
                    path: self.path.clone(),
                    id: id.to_owned(),
                }),
            None => finished
                .max_by_key(|run| {
                    (
                        run.sync_type == SyncType::Full,
                        run.ended_at,
                        run.id.clone(),
                    )
                })
                .ok_or_else(|| Error::NoFinishedSync {
                    path: self.path.clone(),
                    unfinished,
                }),
        }
    }

    /// A question for the rows of one kind.
    ///
    /// # Errors
    /// When the table is missing or is not a table.
    pub fn query(&self, kind: RowKind) -> Result<Query<'_>, Error> {
        let (table, columns) = match kind {
            RowKind::ResourceType => ("v1_resource_types", ""),
            RowKind::Resource => (
                "v1_resources",
                ", resource_type_id, parent_resource_type_id, parent_resource_id",
            ),
            RowKind::Entitlement => ("v1_entitlements", ", resource_type_id, resource_id"),
            RowKind::Grant => (
                "v1_grants",
                ", resource_type_id, resource_id, entitlement_id, principal_resource_type_id, \
                 principal_resource_id",
            ),
        };
        let known = self.columns(table)?;
        let expansion = match kind {
            RowKind::Grant if known.iter().any(|name| name == "expansion") => ", expansion",
            RowKind::Grant => ", null",
            _ => "",
        };
        let sql = format!(
            "select external_id, data{columns}{expansion} from {table} where sync_id = ?1 \
             order by external_id"
        );
        Ok(Query {
            snapshot: self,
            kind,
            table,
            statement: self.prepare(&sql)?,
        })
    }

    /// All rows of a sync run.
    ///
    /// # Errors
    /// When a row is damaged or a reference dangles.
    pub fn inventory(&self, sync: &SyncId) -> Result<Inventory, Error> {
        let mut found = InventoryBuilder::default();
        for kind in RowKind::ALL {
            for row in self.query(kind)?.rows(sync)? {
                self.add(row?, &mut found)?;
            }
        }
        found.finish().map_err(|defects| {
            let first = defects.first().map(Defect::to_string).unwrap_or_default();
            Error::damaged(&self.path, Damage::Schema(first))
        })
    }

    fn add(&self, row: Row, found: &mut InventoryBuilder) -> Result<(), Error> {
        let table = row.table;
        let blob = |error: prost::DecodeError| {
            self.row_damage(table, &row.id, format!("its blob is no message: {error}"))
        };
        match row.columns {
            Columns::ResourceType => found.add_resource_type(
                decode::resource_type(ResourceTypeId::new(row.id.as_str()), &row.data)
                    .map_err(blob)?,
            ),
            Columns::Resource { id, parent } => {
                found.add_resource(decode::resource(id, parent, &row.data).map_err(blob)?);
            }
            Columns::Entitlement { resource } => found.add_entitlement(
                decode::entitlement(EntitlementId::new(row.id.as_str()), resource, &row.data)
                    .map_err(blob)?,
            ),
            Columns::Grant {
                entitlement,
                principal,
                ..
            } => found.add_grant(
                decode::grant(&row.id, entitlement, principal, &row.data).map_err(blob)?,
            ),
        }
        Ok(())
    }

    /// The content digest of a sync run, from its rows.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn content_digest(&self, sync: &SyncId) -> Result<ContentDigest, Error> {
        let mut digester = Digester::new();
        for kind in RowKind::ALL {
            for row in self.query(kind)?.rows(sync)? {
                row?.digest(&mut digester);
            }
        }
        Ok(digester.finish())
    }

    /// What the crawl wrote about itself, in files of our own.
    ///
    /// # Errors
    /// When the row cannot be read. A document that we cannot understand is `None`.
    pub fn evidence(&self, sync: &SyncId) -> Result<Option<Evidence>, Error> {
        const TABLE: &str = "v1_assets";
        if !self.has_table(TABLE)? {
            return Ok(None);
        }
        let mut statement =
            self.prepare("select data from v1_assets where external_id = ?1 and sync_id = ?2")?;
        let mut rows = statement
            .query([EVIDENCE_ASSET, sync.as_str()])
            .map_err(|e| self.sqlite(e))?;
        let Some(row) = rows.next().map_err(|e| self.sqlite(e))? else {
            return Ok(None);
        };
        let data = RowColumns {
            snapshot: self,
            table: TABLE,
            row,
        }
        .blob(0)?;
        Ok(serde_json::from_slice(data)
            .ok()
            .filter(Evidence::is_evidence))
    }

    /// The names of a table's columns.
    fn columns(&self, table: &'static str) -> Result<Vec<String>, Error> {
        if !self.has_table(table)? {
            return Err(Error::damaged(
                &self.path,
                Damage::Schema(format!("it has no table `{table}`")),
            ));
        }
        let mut statement = self.prepare("select name from pragma_table_info(?1)")?;
        let names = statement
            .query_map([table], |row| row.get(0))
            .map_err(|e| self.sqlite(e))?;
        names.collect::<Result<_, _>>().map_err(|e| self.sqlite(e))
    }

    /// Whether there is a real table of this name: a view or virtual table would run what the file says.
    fn has_table(&self, table: &str) -> Result<bool, Error> {
        let mut statement = self.prepare(
            "select 1 from sqlite_schema where name = ?1 and type = 'table' and rootpage > 0",
        )?;
        statement.exists([table]).map_err(|e| self.sqlite(e))
    }

    fn prepare(&self, sql: &str) -> Result<Statement<'_>, Error> {
        self.connection.prepare(sql).map_err(|e| self.sqlite(e))
    }

    fn sqlite(&self, error: rusqlite::Error) -> Error {
        sqlite(&self.path, error)
    }

    fn row_damage(&self, table: &'static str, id: &str, problem: String) -> Error {
        Error::damaged(
            &self.path,
            Damage::Row {
                table,
                id: id.to_owned(),
                problem,
            },
        )
    }
}

fn sqlite(path: &Path, error: rusqlite::Error) -> Error {
    Error::damaged(path, Damage::Sqlite(error))
}

/// Opens a database that somebody else made: read-only, without journals, and with nothing in it run.
fn open_untrusted(path: &Path) -> rusqlite::Result<Connection> {
    let name = path
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    let connection = Connection::open_with_flags(
        format!("file:{name}?immutable=1"),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        connection.set_db_config(setting, value)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// A prepared question for rows, to be asked with [`Query::rows`].
pub struct Query<'s> {
    snapshot: &'s Snapshot,
    kind: RowKind,
    table: &'static str,
    statement: Statement<'s>,
}

impl Query<'_> {
    /// The rows of one sync run, ordered by the bytes of their id.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn rows(&mut self, sync: &SyncId) -> Result<Rows<'_>, Error> {
        let snapshot = self.snapshot;
        let rows = self
            .statement
            .query([sync.as_str()])
            .map_err(|e| snapshot.sqlite(e))?;
        Ok(Rows {
            snapshot,
            kind: self.kind,
            table: self.table,
            rows,
            last: None,
        })
    }
}

/// Rows, one at a time; memory does not grow with their number.
pub struct Rows<'q> {
    snapshot: &'q Snapshot,
    kind: RowKind,
    table: &'static str,
    rows: rusqlite::Rows<'q>,
    last: Option<String>,
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.rows.next() {
            Ok(Some(row)) => {
                let columns = RowColumns {
                    snapshot: self.snapshot,
                    table: self.table,
                    row,
                };
                let row = match columns.row(self.kind) {
                    Ok(row) => row,
                    Err(error) => return Some(Err(error)),
                };
                // An index that lies about the order would make two walks miss each other.
                if self.last.as_ref().is_some_and(|last| *last >= row.id) {
                    let problem = "it comes twice or out of order".to_owned();
                    return Some(Err(self.snapshot.row_damage(self.table, &row.id, problem)));
                }
                self.last = Some(row.id.clone());
                Some(Ok(row))
            }
            Ok(None) => None,
            Err(error) => Some(Err(self.snapshot.sqlite(error))),
        }
    }
}

/// One row of the four tables of content.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The table's name.
    pub table: &'static str,
    /// Which of the four.
    pub kind: RowKind,
    /// The column `external_id`.
    pub id: String,
    /// The columns that say what it belongs to.
    pub columns: Columns,
    /// Its message.
    pub data: Vec<u8>,
}

/// What a row's columns say besides its id.
#[derive(Clone, Debug, PartialEq)]
pub enum Columns {
    /// Nothing more.
    ResourceType,
    /// Of a resource.
    Resource {
        /// Type and bare id.
        id: ResourceId,
        /// What it is part of.
        parent: Option<ResourceId>,
    },
    /// Of an entitlement.
    Entitlement {
        /// What it is granted on.
        resource: ResourceId,
    },
    /// Of a grant.
    Grant {
        /// What the entitlement is on.
        resource: ResourceId,
        /// What is held.
        entitlement: EntitlementId,
        /// Who holds it.
        principal: ResourceId,
        /// A serialized `GrantExpandable`, if the grant is one.
        expansion: Option<Vec<u8>>,
    },
}

impl Row {
    /// Appends the row's message as JSON, in the shape of the `baton` CLI. A blob that is no message is `null`.
    pub fn push_json(&self, out: &mut Vec<u8>) {
        let start = out.len();
        if write_json(self.kind.descriptor(), &self.data, out).is_err() {
            out.truncate(start);
            out.extend_from_slice(b"null");
        }
    }

    fn digest(&self, digester: &mut Digester) {
        let id = self.id.as_bytes();
        match &self.columns {
            Columns::ResourceType => digester.row(self.kind, &[id], &self.data),
            Columns::Resource { parent, .. } => {
                let parent = parent.as_ref().map(ToString::to_string).unwrap_or_default();
                digester.row(self.kind, &[id, parent.as_bytes()], &self.data);
            }
            Columns::Entitlement { resource } => {
                digester.row(
                    self.kind,
                    &[id, resource.to_string().as_bytes()],
                    &self.data,
                );
            }
            Columns::Grant {
                entitlement,
                principal,
                expansion,
                ..
            } => {
                let principal = principal.to_string();
                let expansion = expansion.as_deref().unwrap_or_default();
                let parts = [
                    id,
                    entitlement.as_str().as_bytes(),
                    principal.as_bytes(),
                    expansion,
                ];
                digester.row(self.kind, &parts, &self.data);
            }
        }
    }
}

/// The columns of one row, checked for their type as they are taken.
struct RowColumns<'r> {
    snapshot: &'r Snapshot,
    table: &'static str,
    row: &'r rusqlite::Row<'r>,
}

impl<'r> RowColumns<'r> {
    fn row(&self, kind: RowKind) -> Result<Row, Error> {
        let id = self.text(0)?.to_owned();
        let columns = match kind {
            RowKind::ResourceType => Columns::ResourceType,
            RowKind::Resource => {
                let resource_type = self.text(2)?;
                let bare = id
                    .strip_prefix(resource_type)
                    .and_then(|rest| rest.strip_prefix(':'))
                    .unwrap_or(&id);
                let parent = match (self.optional_text(3)?, self.optional_text(4)?) {
                    (Some(parent_type), Some(parent)) => Some(resource_id(parent_type, parent)),
                    _ => None,
                };
                Columns::Resource {
                    id: resource_id(resource_type, bare),
                    parent,
                }
            }
            RowKind::Entitlement => Columns::Entitlement {
                resource: resource_id(self.text(2)?, self.text(3)?),
            },
            RowKind::Grant => Columns::Grant {
                resource: resource_id(self.text(2)?, self.text(3)?),
                entitlement: EntitlementId::new(self.text(4)?),
                principal: resource_id(self.text(5)?, self.text(6)?),
                expansion: match self.value(7)? {
                    ValueRef::Null => None,
                    _ => Some(self.blob(7)?.to_owned()),
                },
            },
        };
        let data = self.blob(1)?.to_owned();
        Ok(Row {
            table: self.table,
            kind,
            id,
            columns,
            data,
        })
    }

    fn value(&self, at: usize) -> Result<ValueRef<'r>, Error> {
        self.row.get_ref(at).map_err(|e| self.snapshot.sqlite(e))
    }

    fn text(&self, at: usize) -> Result<&'r str, Error> {
        match self.value(at)? {
            ValueRef::Text(text) => std::str::from_utf8(text)
                .map_err(|_| self.wrong(at, "holds text that is not UTF-8")),
            _ => Err(self.wrong(at, "holds something else than text")),
        }
    }

    fn optional_text(&self, at: usize) -> Result<Option<&'r str>, Error> {
        match self.value(at)? {
            ValueRef::Null => Ok(None),
            _ => self.text(at).map(Some),
        }
    }

    fn blob(&self, at: usize) -> Result<&'r [u8], Error> {
        match self.value(at)? {
            ValueRef::Blob(bytes) => Ok(bytes),
            _ => Err(self.wrong(at, "holds something else than a blob")),
        }
    }

    fn time(&self, at: usize, column: &'static str) -> Result<Timestamp, Error> {
        let text = match self.value(at)? {
            ValueRef::Text(text) => String::from_utf8_lossy(text),
            ValueRef::Integer(number) => number.to_string().into(),
            ValueRef::Real(number) => number.to_string().into(),
            ValueRef::Blob(_) | ValueRef::Null => "".into(),
        };
        Timestamp::parse_sqlite(&text)
            .map_err(|source| Error::damaged(&self.snapshot.path, Damage::Time { column, source }))
    }

    fn wrong(&self, at: usize, what: &str) -> Error {
        let column = self.row.as_ref().column_name(at).unwrap_or("?").to_owned();
        let id = match self.row.get_ref(0) {
            Ok(ValueRef::Text(id)) => String::from_utf8_lossy(id).into_owned(),
            _ => String::new(),
        };
        self.snapshot
            .row_damage(self.table, &id, format!("column `{column}` {what}"))
    }
}

fn resource_id(resource_type: &str, resource: &str) -> ResourceId {
    ResourceId::new(&ResourceTypeId::new(resource_type), Text::from(resource))
}
