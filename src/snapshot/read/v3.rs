//! Turns the records of a v3 snapshot into the tables of a v1 database, so that only this file knows both formats. The database
//! is temporary, has no indexes, and is never written to a snapshot.
//!
//! The first byte of every key is 3, and the second says what the value is.

use std::io;
use std::path::Path;

use crate::model::{SyncType, Timestamp};
use crate::snapshot::container;
use crate::snapshot::container::v3::{Database, Fault, Row, Tables};
use crate::snapshot::container::{Builder, IN_MEMORY, Keep, Pages, Value, check_space};
use crate::snapshot::error::{Damage, Error, UNPACKING, V3Part};
use crate::snapshot::limits::{Limits, MAX_ASSET, MAX_ROW};
use crate::snapshot::message::Malformed;
use crate::snapshot::message::records::{
    AssetRecord, EntitlementRecord, GrantRecord, ResourceRecord, ResourceTypeRecord, SyncRunRecord,
};
use crate::snapshot::table::schema;

const VERSION: u8 = 3;
/// The second byte of keys.
const RESOURCE_TYPE: u8 = 1;
const RESOURCE: u8 = 2;
const ENTITLEMENT: u8 = 3;
const GRANT: u8 = 4;
const ASSET: u8 = 5;
const SYNC_RUN: u8 = 6;
const INDEX: u8 = 7;
const SESSION: u8 = 9;
const DIGEST: u8 = 10;
const ENGINE: u8 = 255;

/// The tables of the rows, in the order of their keys.
const TABLES: [(u8, &str); 5] = [
    (RESOURCE_TYPE, "v1_resource_types"),
    (RESOURCE, "v1_resources"),
    (ENTITLEMENT, "v1_entitlements"),
    (GRANT, "v1_grants"),
    (ASSET, "v1_assets"),
];

/// What the engine notes about the form of keys and ids, and the only value that this program knows.
const KEY_VERSION: (&[u8], u32) = (b"\x03\xffkeyspace_version", 2);
const ID_VERSION: (&[u8], u32) = (b"\x03\xffgrant_entitlement_id_format", 2);

/// Bytes written between two checks of limits and free space.
const CHECK_INTERVAL: u64 = 64 << 20;

/// Converts a database to the pages of another.
///
/// # Errors
/// When it is damaged, exceeds the limits, or has something that this program does not know.
pub(super) fn convert(
    database: &Database,
    dir: &Path,
    limits: &Limits,
    keep: Keep,
) -> Result<Pages, Error> {
    let of_fault = |fault| database.error(fault);
    let tables = database.tables().map_err(of_fault)?;
    check_engine(&tables).map_err(of_fault)?;
    let mut converter = Converter {
        database,
        dir,
        limits,
        out: Builder::new(IN_MEMORY, dir),
        next_check: CHECK_INTERVAL,
        sync_id: Vec::new(),
        data: Vec::new(),
    };
    converter.sync_run(&tables)?;
    converter.rows(&tables)?;
    if keep == Keep::Everything {
        // From the first key, since a wrong entry in the index of a table could hide what comes before a later one.
        let mut rows = tables.rows(&[], None);
        while let Some(Row { key, .. }) = rows.next().map_err(of_fault)? {
            if !matches!(
                key,
                [
                    VERSION,
                    RESOURCE_TYPE..=INDEX | SESSION | DIGEST | ENGINE,
                    ..
                ]
            ) {
                return Err(of_fault(unknown_key(key)));
            }
        }
    }
    let bytes = converter.out.bytes();
    limits.check_decoded(database.path(), database.bytes, bytes)?;
    let built = converter.out.finish().map_err(Error::io(UNPACKING, dir))?;
    Pages::whole(built, bytes).map_err(|fault| container::of_fault(database.path(), fault))
}

/// Checks the engine's notes, and that there are no rows of unknown kinds.
fn check_engine(tables: &Tables<'_>) -> Result<(), Fault> {
    let mut found = [
        (KEY_VERSION, "keys of version"),
        (ID_VERSION, "ids of version"),
    ]
    .map(|((key, known), what)| (key, known, what, None));
    let mut rows = tables.rows(&[VERSION, INDEX + 1], None);
    while let Some(Row { key, value }) = rows.next()? {
        match key {
            [VERSION, SESSION | DIGEST, ..] => {}
            [VERSION, ENGINE, ..] => {
                if let Some(found) = found.iter_mut().find(|found| found.0 == key) {
                    found.3 = value.try_into().ok().map(u32::from_be_bytes);
                }
            }
            _ => return Err(unknown_key(key)),
        }
    }
    for (_, known, what, version) in found {
        match version {
            Some(version) if version == known => {}
            Some(version) => return Err(Fault::version(what, version, known)),
            // The first version did not state it.
            None => return Err(Fault::version(what, "not stated", known)),
        }
    }
    Ok(())
}

fn unknown_key(key: &[u8]) -> Fault {
    match key {
        [VERSION, SYNC_RUN, ..] => Fault::Unknown("more than one sync run".to_owned()),
        [VERSION, RESOURCE_TYPE..=ASSET, ..] => Fault::damage(V3Part::Record, "a key has no ids"),
        [VERSION, kind, ..] => Fault::version("rows of kind", kind, "1 to 7, 9, 10 and 255"),
        _ => Fault::version(
            "keys that begin with",
            key.first().copied().unwrap_or_default(),
            VERSION,
        ),
    }
}

/// A database that is being converted.
struct Converter<'a> {
    database: &'a Database,
    dir: &'a Path,
    limits: &'a Limits,
    out: Builder,
    /// The size at which limits and free space are checked again.
    next_check: u64,
    sync_id: Vec<u8>,
    /// The message of the last row.
    data: Vec<u8>,
}

impl Converter<'_> {
    fn write_error(&self) -> impl Fn(io::Error) -> Error {
        Error::io(UNPACKING, self.dir)
    }

    /// Converts the sync run, of which there is one at most.
    fn sync_run(&mut self, tables: &Tables<'_>) -> Result<(), Error> {
        let mut rows = tables.rows(&[VERSION, SYNC_RUN], Some(&[VERSION, INDEX]));
        while let Some(Row { key, value }) =
            rows.next().map_err(|fault| self.database.error(fault))?
        {
            if key != [VERSION, SYNC_RUN] {
                return Err(self.database.error(unknown_key(key)));
            }
            let run = SyncRunRecord::read(value).map_err(|_| self.malformed("a sync run"))?;
            if run.id.is_empty() {
                return Err(self.malformed("a sync run"));
            }
            self.sync_id = run.id.to_vec();
            let sync_type = self.sync_type(run.sync_type)?;
            let started_at = self.time("started_at", run.started_at.unwrap_or_default())?;
            let ended_at = run
                .ended_at
                .map(|at| self.time("ended_at", at))
                .transpose()?;
            let ended_at = ended_at.as_ref();
            // In the order of the columns.
            let row = [
                Value::Null,
                Value::Text(run.id),
                Value::Text(started_at.as_bytes()),
                ended_at.map_or(Value::Null, |at| Value::Text(at.as_bytes())),
                Value::Text(run.token),
                Value::Text(sync_type.as_bytes()),
                Value::Text(run.parent_id),
                Value::Text(run.linked_id),
            ];
            self.out.insert(&row).map_err(self.write_error())?;
        }
        self.finish_table("v1_sync_runs")
    }

    fn sync_type(&self, number: u64) -> Result<String, Error> {
        let known = match number {
            0 => return Ok(String::new()),
            1 => SyncType::Full,
            2 => SyncType::Partial,
            3 => SyncType::ResourcesOnly,
            4 => SyncType::PartialUpserts,
            5 => SyncType::PartialDeletions,
            _ => {
                let fault = Fault::version("a sync run of type", number, "0 to 5");
                return Err(self.database.error(fault));
            }
        };
        Ok(known.to_string())
    }

    fn time(&self, column: &str, (seconds, nanos): (i64, i32)) -> Result<String, Error> {
        let time = Timestamp::from_unix(seconds, nanos).ok_or_else(|| {
            let problem =
                format!("`{column}` of its sync run is not a time between the years 1 and 9999");
            self.damage(problem)
        })?;
        // Unlike v1, v3 is certain to mean UTC.
        Ok(time.to_sqlite() + "Z")
    }

    /// Converts the rows.
    fn rows(&mut self, tables: &Tables<'_>) -> Result<(), Error> {
        let mut rows = tables.rows(&[], Some(&[VERSION, SYNC_RUN]));
        let mut remaining = TABLES.iter().peekable();
        while let Some(Row { key, value }) =
            rows.next().map_err(|fault| self.database.error(fault))?
        {
            let kind = match key {
                [VERSION, kind @ RESOURCE_TYPE..=ASSET, 0, ..] => *kind,
                _ => return Err(self.database.error(unknown_key(key))),
            };
            while let Some((_, name)) = remaining.next_if(|(own, _)| *own < kind) {
                self.finish_table(name)?;
            }
            let most = if kind == ASSET { MAX_ASSET } else { MAX_ROW };
            if value.len() as u64 > most {
                return Err(self.database.error(Fault::Damage(Damage::Limit(
                    "a record exceeds the limits".to_owned(),
                ))));
            }
            self.row(kind, value)?;
            self.check_size()?;
        }
        for (_, name) in remaining {
            self.finish_table(name)?;
        }
        Ok(())
    }

    fn row(&mut self, kind: u8, record: &[u8]) -> Result<(), Error> {
        let mut data = std::mem::take(&mut self.data);
        data.clear();
        let read = self.insert(kind, record, &mut data);
        self.data = data;
        match read {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.write_error()(error)),
            Err(Malformed) => {
                let name = TABLES.iter().find(|(own, _)| *own == kind);
                Err(self.malformed(name.map_or("a row", |(_, name)| name)))
            }
        }
    }

    /// Inserts a row, with its values in the order of the columns.
    fn insert(
        &mut self,
        kind: u8,
        record: &[u8],
        data: &mut Vec<u8>,
    ) -> Result<io::Result<()>, Malformed> {
        let sync_id = Value::Text(&self.sync_id);
        Ok(match kind {
            RESOURCE_TYPE => {
                let ResourceTypeRecord { id } = ResourceTypeRecord::read(record, data)?;
                let row = [Value::Null, Value::Text(id), Value::Blob(data), sync_id];
                self.out.insert(&row)
            }
            RESOURCE => {
                let ResourceRecord { id, parent } = ResourceRecord::read(record, data)?;
                let external_id = [id.resource_type, id.resource].join(&b':');
                self.out.insert(&[
                    Value::Null,
                    Value::Text(id.resource_type),
                    Value::Text(&external_id),
                    parent.map_or(Value::Null, |parent| Value::Text(parent.resource_type)),
                    parent.map_or(Value::Null, |parent| Value::Text(parent.resource)),
                    Value::Blob(data),
                    sync_id,
                ])
            }
            ENTITLEMENT => {
                let EntitlementRecord { id, resource } = EntitlementRecord::read(record, data)?;
                self.out.insert(&[
                    Value::Null,
                    Value::Text(resource.resource_type),
                    Value::Text(resource.resource),
                    Value::Text(id),
                    Value::Blob(data),
                    sync_id,
                ])
            }
            GRANT => {
                let grant = GrantRecord::read(record, data)?;
                let expansion = grant.expansion.as_deref();
                self.out.insert(&[
                    Value::Null,
                    Value::Text(grant.resource.resource_type),
                    Value::Text(grant.resource.resource),
                    Value::Text(grant.entitlement),
                    Value::Text(grant.principal.resource_type),
                    Value::Text(grant.principal.resource),
                    Value::Text(&grant.full_id()),
                    expansion.map_or(Value::Null, Value::Blob),
                    Value::Integer(0),
                    Value::Blob(data),
                    sync_id,
                ])
            }
            _ => {
                let AssetRecord {
                    id,
                    content_type,
                    data,
                } = AssetRecord::read(record)?;
                self.out.insert(&[
                    Value::Null,
                    Value::Text(id),
                    Value::Text(content_type),
                    Value::Blob(data),
                    sync_id,
                ])
            }
        })
    }

    fn finish_table(&mut self, name: &str) -> Result<(), Error> {
        let declaration = schema::table(name).map(schema::Table::create);
        self.out
            .finish_table(name, &declaration.unwrap_or_default())
            .map_err(self.write_error())
    }

    /// Fails before the database exceeds the limits or fills the file system.
    fn check_size(&mut self) -> Result<(), Error> {
        if self.out.bytes() < self.next_check {
            return Ok(());
        }
        self.next_check = self.out.bytes() + CHECK_INTERVAL;
        let path = self.database.path();
        self.limits
            .check_decoded(path, self.database.bytes, self.out.bytes())?;
        check_space(self.dir, CHECK_INTERVAL)
    }

    fn malformed(&self, what: &str) -> Error {
        self.damage(format!("a record of {what} is malformed"))
    }

    fn damage(&self, problem: String) -> Error {
        let part = V3Part::Record;
        Error::damaged(self.database.path(), Damage::V3 { part, problem })
    }
}
