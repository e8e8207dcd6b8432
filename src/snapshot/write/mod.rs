//! Writes an inventory to a file: first its rows to a SQLite database, in one transaction and in the order of the ids,
//! then the database to a c1z, which replaces the target in one step. `batches.rs` encodes the rows on other threads.

mod batches;

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Statement, params};
use serde::Serialize;
use svix_ksuid::Ksuid;

use batches::{Batch, encode_all};

use super::container::{self, Written};
use super::error::{BUILDING, Error};
use super::message::encode;
use super::table::schema::{self, DOCUMENT_CONTENT_TYPE, EVIDENCE_ASSET, ORGANIZATION_ASSET};
use super::table::{ContentDigest, Digester};
use crate::files::{self, Temporary};
use crate::model::{
    EntitlementId, Evidence, Inventory, OrganizationDocument, ResourceId, ResourceType, RowKind,
    SyncId, SyncRun, Timestamp,
};
use crate::progress::{Event, Phase, Reporter};

/// Seconds from 1970 to the KSUID epoch.
const KSUID_EPOCH: i64 = 1_400_000_000;

/// Creates an id for a sync run that starts at `at`: a KSUID, whose first characters sort by time.
pub fn new_sync_id(at: Timestamp) -> SyncId {
    let seconds = (at.unix_seconds() - KSUID_EPOCH).clamp(0, i64::from(u32::MAX));
    SyncId::new(Ksuid::new_raw(u32::try_from(seconds).unwrap_or(u32::MAX), None).to_string())
}

/// The contents of a snapshot.
#[derive(Clone, Copy)]
pub struct Contents<'a> {
    /// The one sync run of the file.
    pub sync_run: &'a SyncRun,
    /// Its rows.
    pub inventory: &'a Inventory,
    /// The evidence document; the writer adds the content digest.
    pub evidence: Option<&'a Evidence>,
    /// The organization document, outside the content digest.
    pub organization: Option<&'a OrganizationDocument>,
}

/// The target of a snapshot.
pub enum Target<'a> {
    /// A file, which is replaced in one step.
    File {
        /// Its path.
        path: &'a Path,
        /// Permission bits, such as `0o600`.
        mode: u32,
    },
    /// A stream.
    Stream(&'a mut dyn Write),
}

/// Writes one finished snapshot, or leaves everything as it was. The database is built in an unnamed file in `temp_dir`
/// (else beside the target, else in the system's folder), so nothing is left behind however the run ends.
///
/// # Errors
/// Errors of the file system and of SQLite.
pub fn write(
    target: Target<'_>,
    contents: &Contents<'_>,
    temp_dir: Option<&Path>,
    reporter: &dyn Reporter,
) -> Result<(Written, ContentDigest), Error> {
    let system = std::env::temp_dir();
    let dir = match (&target, temp_dir) {
        (_, Some(dir)) => dir,
        (Target::File { path, .. }, None) => files::folder(path),
        (Target::Stream(_), None) => &system,
    };
    let database = Temporary::create_in(dir).map_err(Error::io(BUILDING, dir))?;
    let building = Error::building(dir);
    let connection = open(database.path(), dir).map_err(&building)?;
    let mut database = database.into_unnamed();
    let digest = write_database(connection, contents, reporter).map_err(&building)?;
    let written = match target {
        Target::File { path, mode } => files::replace(path, mode, |file| {
            container::compress(&mut database, file, reporter).map_err(Error::io("writing", path))
        }),
        Target::Stream(out) => container::compress(&mut database, out, reporter)
            .map_err(Error::io("writing", Path::new("standard output"))),
    }?;
    Ok((written, digest))
}

/// Copies a finished snapshot to `to`, replacing what is there in one step.
///
/// # Errors
/// Errors of the file system.
pub fn copy(from: &Path, to: &Path, mode: u32) -> Result<(), Error> {
    let mut source = std::fs::File::open(from).map_err(Error::io("reading", from))?;
    files::replace(to, mode, |file| {
        std::io::copy(&mut source, file).map_err(Error::io("writing", to))?;
        Ok(())
    })
}

/// The token by which the SDK's sync engine knows that all four steps are done. An empty one would mean "start over".
const COMPLETED_SYNC_TOKEN: &str = r#"{"completed_actions_count":4,"version":1}"#;

/// Memory that SQLite may use for pages and for sorting index entries, in KiB.
const CACHE_KIB: i64 = 16 * 1024;

/// Opens the empty file at `path` for writing; SQLite sorts in `temp_dir`. The name is not needed after this returns:
/// there is no journal, since an incomplete database is thrown away.
fn open(path: &Path, temp_dir: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.pragma_update(None, "page_size", 4096)?;
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    connection.pragma_update(None, "journal_mode", "off")?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // SQLite accepts only a UTF-8 name; otherwise it uses the system's folder.
    if let Some(dir) = temp_dir.to_str() {
        connection.pragma_update(None, "temp_store_directory", dir)?;
    }
    for table in &schema::TABLES {
        connection.execute_batch(&table.create())?;
    }
    // None of our rows is in these partial indexes, so creating them now is free; later it would take a pass over the
    // table.
    for index in schema::INDEXES
        .iter()
        .filter(|index| index.condition.is_some())
    {
        connection.execute_batch(&index.create())?;
    }
    Ok(connection)
}

/// Writes all rows, the evidence and the indexes, and closes the database.
fn write_database(
    mut connection: Connection,
    contents: &Contents<'_>,
    reporter: &dyn Reporter,
) -> rusqlite::Result<ContentDigest> {
    let inventory = contents.inventory;
    let rows =
        inventory.resources().len() + inventory.entitlements().len() + inventory.grants().len();
    reporter.report(Event::Started {
        phase: Phase::Rows,
        of: Some(rows as u64),
    });

    let transaction = connection.transaction()?;
    let mut writer = Writer {
        connection: &transaction,
        sync_id: contents.sync_run.id.as_str(),
        discovered_at: contents.sync_run.started_at.to_sqlite(),
        digester: Digester::new(),
        reporter,
    };
    writer.resource_types(inventory)?;
    writer.resources(inventory)?;
    writer.entitlements(inventory)?;
    writer.grants(inventory)?;
    let digest = std::mem::take(&mut writer.digester).finish();
    writer.documents(contents, &digest)?;
    writer.sync_run(contents)?;
    // After the rows: sorting once gives a smaller index in less time than inserting row by row.
    for index in schema::INDEXES
        .iter()
        .filter(|index| index.condition.is_none())
    {
        transaction.execute_batch(&index.create())?;
    }
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)?;
    reporter.report(Event::Finished { phase: Phase::Rows });
    Ok(digest)
}

struct Writer<'a> {
    connection: &'a Connection,
    sync_id: &'a str,
    discovered_at: String,
    digester: Digester,
    reporter: &'a dyn Reporter,
}

impl Writer<'_> {
    fn resource_types(&mut self, inventory: &Inventory) -> rusqlite::Result<()> {
        self.rows(
            "insert into v1_resource_types (external_id, data, sync_id, discovered_at) values (?3, ?4, ?1, ?2)",
            inventory.resource_types(),
            |row, batch| {
                batch.add(RowKind::ResourceType, row.id.as_str(), &[], |out| {
                    encode::resource_type(row, out);
                });
            },
            |insert, _, id, data| {
                insert.raw_bind_parameter(3, id)?;
                insert.raw_bind_parameter(4, data)
            },
        )
    }

    fn resources(&mut self, inventory: &Inventory) -> rusqlite::Result<()> {
        let types: BTreeMap<_, &ResourceType> = inventory
            .resource_types()
            .iter()
            .map(|t| (&t.id, t))
            .collect();
        self.rows(
            "insert into v1_resources (resource_type_id, external_id, parent_resource_type_id, parent_resource_id, \
             data, sync_id, discovered_at) values (?3, ?4, ?5, ?6, ?7, ?1, ?2)",
            inventory.resources(),
            |row, batch| {
                let parent = row.parent.as_ref().map(ToString::to_string).unwrap_or_default();
                batch.add(RowKind::Resource, &row.id.to_string(), &[parent.as_bytes()], |out| {
                    encode::resource(row, types[&row.id.resource_type], out);
                });
            },
            |insert, row, id, data| {
                insert.raw_bind_parameter(3, row.id.resource_type.as_str())?;
                insert.raw_bind_parameter(4, id)?;
                insert.raw_bind_parameter(5, row.parent.as_ref().map(|parent| parent.resource_type.as_str()))?;
                insert.raw_bind_parameter(6, row.parent.as_ref().map(|parent| &*parent.resource))?;
                insert.raw_bind_parameter(7, data)
            },
        )
    }

    fn entitlements(&mut self, inventory: &Inventory) -> rusqlite::Result<()> {
        self.rows(
            "insert into v1_entitlements (resource_type_id, resource_id, external_id, data, sync_id, discovered_at) \
             values (?3, ?4, ?5, ?6, ?1, ?2)",
            inventory.entitlements(),
            |row, batch| {
                let resource = inventory.resource(&row.resource);
                let resource = resource.expect("an inventory has the resource of every entitlement");
                let resource_id = row.resource.to_string();
                batch.add(RowKind::Entitlement, row.id.as_str(), &[resource_id.as_bytes()], |out| {
                    encode::entitlement(row, resource, out);
                });
            },
            |insert, row, id, data| {
                insert.raw_bind_parameter(3, row.resource.resource_type.as_str())?;
                insert.raw_bind_parameter(4, &*row.resource.resource)?;
                insert.raw_bind_parameter(5, id)?;
                insert.raw_bind_parameter(6, data)
            },
        )
    }

    fn grants(&mut self, inventory: &Inventory) -> rusqlite::Result<()> {
        // An inventory has every entitlement its grants name.
        let resources: HashMap<&EntitlementId, &ResourceId> = inventory
            .entitlements()
            .iter()
            .map(|e| (&e.id, &e.resource))
            .collect();
        self.rows(
            "insert into v1_grants (resource_type_id, resource_id, entitlement_id, principal_resource_type_id, \
             principal_resource_id, external_id, data, sync_id, discovered_at) \
             values (?3, ?4, ?5, ?6, ?7, ?8, ?9, ?1, ?2)",
            inventory.grants(),
            |row, batch| {
                let (id, principal) = (row.id(), row.principal.to_string());
                let parts = [row.entitlement.as_str().as_bytes(), principal.as_bytes(), b""];
                batch.add(RowKind::Grant, &id, &parts, |out| {
                    encode::grant(row, &id, resources[&row.entitlement], out);
                });
            },
            |insert, row, id, data| {
                let resource = resources[&row.entitlement];
                insert.raw_bind_parameter(3, resource.resource_type.as_str())?;
                insert.raw_bind_parameter(4, &*resource.resource)?;
                insert.raw_bind_parameter(5, row.entitlement.as_str())?;
                insert.raw_bind_parameter(6, row.principal.resource_type.as_str())?;
                insert.raw_bind_parameter(7, &*row.principal.resource)?;
                insert.raw_bind_parameter(8, id)?;
                insert.raw_bind_parameter(9, data)
            },
        )
    }

    /// Inserts all `rows`, which `encode` adds to batches on other threads. `?1` is the sync run's id, `?2` the time; `bind`
    /// binds the rest, from a row, its id and its blob.
    fn rows<T: Sync>(
        &mut self,
        sql: &str,
        rows: &[T],
        encode: impl Fn(&T, &mut Batch) + Sync,
        bind: impl Fn(&mut Statement<'_>, &T, &str, &[u8]) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare(sql)?;
        insert.raw_bind_parameter(1, self.sync_id)?;
        insert.raw_bind_parameter(2, self.discovered_at.as_str())?;
        encode_all(rows, encode, |rows, batch| {
            self.digester.record(&batch.records);
            for (row, (id, data)) in rows.iter().zip(batch.rows()) {
                bind(&mut insert, row, id, data)?;
                insert.raw_execute()?;
            }
            self.reporter.report(Event::Advanced {
                phase: Phase::Rows,
                steps: rows.len() as u64,
                of: None,
            });
            Ok(())
        })
    }

    /// Writes the documents beside the rows: the evidence, and what surrounds the roles.
    fn documents(
        &mut self,
        contents: &Contents<'_>,
        digest: &ContentDigest,
    ) -> rusqlite::Result<()> {
        if let Some(evidence) = contents.evidence {
            let mut evidence = evidence.clone();
            evidence.content_digest = Some(digest.to_string());
            self.asset(EVIDENCE_ASSET, &evidence)?;
        }
        if let Some(organization) = contents.organization {
            self.asset(ORGANIZATION_ASSET, organization)?;
        }
        Ok(())
    }

    fn asset(&mut self, id: &str, document: &impl Serialize) -> rusqlite::Result<()> {
        self.connection.execute(
            "insert into v1_assets (external_id, content_type, data, sync_id, discovered_at) \
             values (?1, ?2, ?3, ?4, ?5)",
            params![
                id,
                DOCUMENT_CONTENT_TYPE,
                json(document).into_bytes(),
                self.sync_id,
                self.discovered_at,
            ],
        )?;
        Ok(())
    }

    fn sync_run(&mut self, contents: &Contents<'_>) -> rusqlite::Result<()> {
        let run = contents.sync_run;
        self.connection.execute(
            "insert into v1_sync_runs (sync_id, started_at, ended_at, sync_token, sync_type, parent_sync_id, \
             supports_diff, grants_backfilled, stats) values (?1, ?2, ?3, ?4, ?5, ?6, 1, 1, ?7)",
            params![
                self.sync_id,
                run.started_at.to_sqlite(),
                run.ended_at.map(Timestamp::to_sqlite),
                COMPLETED_SYNC_TOKEN,
                run.sync_type.to_string(),
                run.parent_id,
                json(&Stats::of(contents)),
            ],
        )?;
        Ok(())
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value)
        .expect("structs of text, numbers and text-keyed maps have a JSON form")
}

/// The `stats` column: zero-valued members are left out, except in `resources_by_resource_type`, which names every
/// type of the sync run.
#[derive(Serialize)]
struct Stats<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    resource_types: u64,
    #[serde(skip_serializing_if = "is_zero")]
    resources: u64,
    #[serde(skip_serializing_if = "is_zero")]
    entitlements: u64,
    #[serde(skip_serializing_if = "is_zero")]
    grants: u64,
    #[serde(skip_serializing_if = "is_zero")]
    assets: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    resources_by_resource_type: BTreeMap<&'a str, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    entitlements_by_resource_type: BTreeMap<&'a str, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    grants_by_resource_type: BTreeMap<&'a str, u64>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl<'a> Stats<'a> {
    fn of(contents: &Contents<'a>) -> Self {
        let inventory = contents.inventory;
        let mut resources_by_resource_type: BTreeMap<_, _> = inventory
            .resource_types()
            .iter()
            .map(|t| (t.id.as_str(), 0))
            .collect();
        for resource in inventory.resources() {
            *resources_by_resource_type
                .entry(resource.id.resource_type.as_str())
                .or_default() += 1;
        }
        let mut type_of = BTreeMap::new();
        let mut entitlements_by_resource_type = BTreeMap::new();
        for entitlement in inventory.entitlements() {
            let resource_type = entitlement.resource.resource_type.as_str();
            type_of.insert(&entitlement.id, resource_type);
            *entitlements_by_resource_type
                .entry(resource_type)
                .or_default() += 1;
        }
        let mut grants_by_resource_type = BTreeMap::new();
        for run in inventory
            .grants()
            .chunk_by(|a, b| a.entitlement == b.entitlement)
        {
            *grants_by_resource_type
                .entry(type_of[&run[0].entitlement])
                .or_default() += run.len() as u64;
        }
        Self {
            resource_types: inventory.resource_types().len() as u64,
            resources: inventory.resources().len() as u64,
            entitlements: inventory.entitlements().len() as u64,
            grants: inventory.grants().len() as u64,
            assets: u64::from(contents.evidence.is_some())
                + u64::from(contents.organization.is_some()),
            resources_by_resource_type,
            entitlements_by_resource_type,
            grants_by_resource_type,
        }
    }
}
