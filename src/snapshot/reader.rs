//! Rows and blobs of any v1 file into the model, whichever connector wrote it.
//!
//! The file is untrusted: it is unpacked within limits into a file without a name, opened read-only, and nothing in
//! it is run. Columns and fields we do not know are passed over; what an older writer left out is taken as absent.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};

use super::digest::{ContentDigest, Digester, RowKind};
use super::pages::PageReferences;
use super::query::{Counts, Filter};
use super::rows::{Decoded, Row, RowColumns};
use super::{Damage, EVIDENCE_ASSET, Error, ReadOptions, container, private_file};
use crate::model::{Defect, Evidence, Inventory, InventoryBuilder, SyncId, SyncRun, SyncType};

/// Largest text or blob that is taken from a file, in bytes.
const MAX_VALUE_BYTES: i32 = 8 << 20;

/// An open snapshot file. Nothing is ever written to it.
pub struct Snapshot {
    connection: Connection,
    /// Further connections to the same database, for other threads: its file has no name by which more could be opened.
    others: Mutex<Vec<Connection>>,
    pub(super) path: PathBuf,
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
        let mut pages = PageReferences::default();
        let (bytes, decoded_bytes) =
            container::decompress(path, &mut database, &options.limits, &mut pages)?;
        let open = || open_untrusted(&database_path, decoded_bytes).map_err(|e| sqlite(path, e));
        let connection = open()?;
        let others = (0..threads()).map(|_| open()).collect::<Result<_, _>>()?;
        drop(database_path);
        let snapshot = Self {
            connection,
            others: Mutex::new(others),
            path: path.to_owned(),
            bytes,
            decoded_bytes,
        };
        if pages.seem_repeated() {
            snapshot.refuse_repeated_pages()?;
        }
        Ok(snapshot)
    }

    /// The same snapshot once more, for another thread; `None` when all its connections are taken.
    pub(super) fn another(&self) -> Option<Self> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Self {
            connection: others.pop()?,
            others: Mutex::default(),
            path: self.path.clone(),
            ..*self
        })
    }

    /// Takes back what [`Self::another`] gave.
    pub(super) fn give_back(&self, other: Self) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.push(other.connection);
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
            "select sync_id, started_at, ended_at, {}, {} from {TABLE}",
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
        runs.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
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

    /// The text of a sync run's `stats` column, which readers of the SDK believe; `None` if the column or its value
    /// is absent.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn stats_column(&self, sync: &SyncId) -> Result<Option<String>, Error> {
        const TABLE: &str = "v1_sync_runs";
        if !self.columns(TABLE)?.iter().any(|name| name == "stats") {
            return Ok(None);
        }
        let mut statement = self.prepare("select stats from v1_sync_runs where sync_id = ?1")?;
        let mut rows = statement
            .query([sync.as_str()])
            .map_err(|e| self.sqlite(e))?;
        let Some(row) = rows.next().map_err(|e| self.sqlite(e))? else {
            return Ok(None);
        };
        Ok(RowColumns {
            snapshot: self,
            table: TABLE,
            row,
        }
        .optional_text(0)?
        .map(ToOwned::to_owned))
    }

    /// All rows of a sync run.
    ///
    /// # Errors
    /// When a row is damaged or a reference dangles.
    pub fn inventory(&self, sync: &SyncId) -> Result<Inventory, Error> {
        let mut found = InventoryBuilder::default();
        for kind in RowKind::ALL {
            let mut query = self.query(kind, &Filter::default())?;
            let mut rows = query.rows(sync)?;
            while let Some(row) = rows.next_row()? {
                self.add(&row, &mut found)?;
            }
        }
        found.finish().map_err(|defects| {
            let first = defects.first().map(Defect::to_string).unwrap_or_default();
            Error::damaged(&self.path, Damage::Schema(first))
        })
    }

    /// A row of this file in the words of the model.
    ///
    /// # Errors
    /// When its blob is no message.
    pub fn decode(&self, row: &Row<'_>) -> Result<Decoded, Error> {
        row.decode()
            .map_err(|problem| self.row_damage(row.table, &row.id, problem.to_string()))
    }

    fn add(&self, row: &Row<'_>, found: &mut InventoryBuilder) -> Result<(), Error> {
        match self.decode(row)? {
            Decoded::ResourceType(decoded) => found.add_resource_type(decoded),
            Decoded::Resource(decoded) => {
                found.add_resource(*decoded);
            }
            Decoded::Entitlement(decoded) => found.add_entitlement(decoded),
            Decoded::Grant(decoded) => found.add_grant(decoded),
        }
        Ok(())
    }

    /// The content digest of a sync run, from its rows.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn content_digest(&self, sync: &SyncId) -> Result<ContentDigest, Error> {
        Ok(self.survey(sync)?.1)
    }

    /// How many rows of which type a sync run has, and their content digest, in one pass over all of them.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn survey(&self, sync: &SyncId) -> Result<(Counts, ContentDigest), Error> {
        let mut counts = Counts::default();
        let mut digester = Digester::new();
        for kind in RowKind::ALL {
            self.batches(
                kind,
                sync,
                &Filter::default(),
                |_| {
                    Ok(Box::new(|rows| {
                        let (mut counts, mut records) = (Counts::default(), Vec::new());
                        while let Some(row) = rows.next_row() {
                            counts.add(&row);
                            row.record(&mut records);
                        }
                        Ok((counts, records))
                    }))
                },
                |(some, records): (Counts, Vec<u8>)| {
                    counts += some;
                    digester.record(&records);
                    Ok::<_, Error>(())
                },
            )?;
        }
        Ok((counts, digester.finish()))
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
            .filter(Evidence::is_understood))
    }

    /// The names of a table's columns.
    pub(super) fn columns(&self, table: &'static str) -> Result<Vec<String>, Error> {
        if !self.has_table(table)? {
            return Err(Error::damaged(
                &self.path,
                Damage::Schema(format!("it has no plain table `{table}`")),
            ));
        }
        let mut statement = self.prepare("select name from pragma_table_info(?1)")?;
        let names = statement
            .query_map([table], |row| row.get(0))
            .map_err(|e| self.sqlite(e))?;
        names.collect::<Result<_, _>>().map_err(|e| self.sqlite(e))
    }

    /// Whether there is a real table of this name: a view, a virtual table or a computed column would run what the
    /// file says.
    pub(super) fn has_table(&self, table: &str) -> Result<bool, Error> {
        let mut statement = self.prepare(
            "select 1 from sqlite_schema where name = ?1 and type = 'table' and rootpage > 0 \
             and not exists (select 1 from pragma_table_xinfo(?1) where hidden <> 0)",
        )?;
        statement.exists([table]).map_err(|e| self.sqlite(e))
    }

    pub(super) fn prepare(&self, sql: &str) -> Result<Statement<'_>, Error> {
        self.connection.prepare(sql).map_err(|e| self.sqlite(e))
    }

    pub(super) fn sqlite(&self, error: rusqlite::Error) -> Error {
        sqlite(&self.path, error)
    }

    pub(super) fn row_damage(&self, table: &'static str, id: &str, problem: String) -> Error {
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
    let damage = match error.sqlite_error_code() {
        // Nobody but `limit_steps` interrupts.
        Some(ErrorCode::OperationInterrupted) => Damage::Endless,
        _ => Damage::Sqlite(error),
    };
    Error::damaged(path, damage)
}

/// Threads that may read one snapshot besides the calling one. More than a few would wait for the one that takes what
/// they make; two sync runs of one snapshot are compared with one thread for each.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4))
}

/// Steps of SQLite's that one connection may take for each byte of the database. `verify`, which asks most, needs 0.05 for
/// rows of common size, 0.5 for the shortest, and some of it again for each further sync run.
const STEPS_PER_BYTE: u64 = 16;
/// Steps that even the smallest database may take.
const STEPS: u64 = 1_000_000;
/// Steps between two looks at the budget.
const STEPS_AT_A_TIME: i32 = 10_000;

/// Interrupts the connection once it has taken more steps than a sound database of this size can need: a second barrier
/// behind [`PageReferences`], and the only one around SQLite's own check of what that suspects.
fn limit_steps(connection: &mut Connection, decoded_bytes: u64) -> rusqlite::Result<()> {
    let mut left = decoded_bytes
        .saturating_mul(STEPS_PER_BYTE)
        .saturating_add(STEPS);
    connection.progress_handler(
        STEPS_AT_A_TIME,
        Some(move || {
            left = left.saturating_sub(STEPS_AT_A_TIME as u64);
            left == 0
        }),
    )
}

/// Opens a database that somebody else made: read-only, without journals, and with nothing in it run.
fn open_untrusted(path: &Path, decoded_bytes: u64) -> rusqlite::Result<Connection> {
    let name = path
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    let mut connection = Connection::open_with_flags(
        format!("file:{name}?immutable=1"),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    limit_steps(&mut connection, decoded_bytes)?;
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
    connection.pragma_update(None, "ignore_check_constraints", true)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}
