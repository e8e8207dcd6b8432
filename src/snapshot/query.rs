//! Questions to a snapshot: rows of one kind in the order of their ids, rows by id, and counts.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use rusqlite::Statement;

use super::Error;
use super::digest::RowKind;
use super::reader::Snapshot;
use super::rows::{Columns, Recent, Row, RowColumns};
use crate::model::{ResourceId, ResourceTypeId, SyncId};

impl Snapshot {
    /// A question for the rows of one kind.
    ///
    /// # Errors
    /// When the table is missing or is not a table.
    pub fn query(&self, kind: RowKind, filter: &Filter) -> Result<Query<'_>, Error> {
        self.query_stretch(kind, filter, &Stretch::default())
    }

    /// The same, for a stretch of the ids.
    pub(super) fn query_stretch(
        &self,
        kind: RowKind,
        filter: &Filter,
        stretch: &Stretch,
    ) -> Result<Query<'_>, Error> {
        let select = self.select(kind)?;
        let (mut conditions, mut arguments) = filter.conditions(kind);
        for (id, order) in [(&stretch.from, ">="), (&stretch.to, "<")] {
            if let Some(id) = id {
                arguments.push(id.clone());
                conditions += &format!(" and {ID} {order} ?{}", arguments.len() + 1);
            }
        }
        // A stretch is found by the ids alone: by the sync run, an index of another's making may lead to all its rows.
        let plus = match *stretch == Stretch::default() {
            true => "",
            false => "+",
        };
        let sql = format!("{select} where {plus}sync_id = ?1{conditions} order by {ID}");
        Ok(Query {
            snapshot: self,
            kind,
            stretch: stretch.clone(),
            statement: self.prepare(&sql)?,
            arguments,
        })
    }

    /// How to select what a [`Row`] is made of.
    fn select(&self, kind: RowKind) -> Result<String, Error> {
        let table = kind.table();
        let columns = match kind {
            RowKind::ResourceType => "",
            RowKind::Resource => ", resource_type_id, parent_resource_type_id, parent_resource_id",
            RowKind::Entitlement => ", resource_type_id, resource_id",
            RowKind::Grant => {
                ", resource_type_id, resource_id, entitlement_id, principal_resource_type_id, \
                 principal_resource_id"
            }
        };
        let known = self.columns(table)?;
        let expansion = match kind {
            RowKind::Grant if known.iter().any(|name| name == "expansion") => ", expansion",
            RowKind::Grant => ", null",
            _ => "",
        };
        Ok(format!(
            "select external_id, data{columns}{expansion} from {table}"
        ))
    }

    /// The principals of the grants that fit `filter`, each once, ordered by the bytes of `<type>:<id>`.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn principals(&self, sync: &SyncId, filter: &Filter) -> Result<Vec<ResourceId>, Error> {
        const TABLE: &str = "v1_grants";
        self.columns(TABLE)?;
        let (conditions, arguments) = filter.conditions(RowKind::Grant);
        let mut statement = self.prepare(&format!(
            "select distinct principal_resource_type_id, principal_resource_id from {TABLE} \
             where sync_id = ?1{conditions}"
        ))?;
        let arguments = std::iter::once(sync.as_str()).chain(arguments.iter().map(String::as_str));
        let mut rows = statement
            .query(rusqlite::params_from_iter(arguments))
            .map_err(|e| self.sqlite(e))?;
        let mut principals = Vec::new();
        while let Some(row) = rows.next().map_err(|e| self.sqlite(e))? {
            let columns = RowColumns {
                snapshot: self,
                table: TABLE,
                row,
            };
            let resource_type = ResourceTypeId::new(columns.text(0)?);
            principals.push(ResourceId::new(&resource_type, columns.text(1)?));
        }
        principals.sort_unstable();
        Ok(principals)
    }

    /// How many resources of each type a sync run has, counted.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn count_resources(&self, sync: &SyncId) -> Result<BTreeMap<String, u64>, Error> {
        let table = RowKind::Resource.table();
        self.columns(table)?;
        let mut statement = self.prepare(&format!(
            "select resource_type_id, count(*) from {table} where sync_id = ?1 group by resource_type_id"
        ))?;
        let mut rows = statement
            .query([sync.as_str()])
            .map_err(|e| self.sqlite(e))?;
        let mut counts = BTreeMap::new();
        while let Some(row) = rows.next().map_err(|e| self.sqlite(e))? {
            let columns = RowColumns {
                snapshot: self,
                table,
                row,
            };
            let name = columns.text(0)?.to_owned();
            counts.insert(name, row.get(1).map_err(|e| self.sqlite(e))?);
        }
        Ok(counts)
    }

    /// How many rows of a kind a sync run has, counted. An index answers that without the rows.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn count(&self, kind: RowKind, sync: &SyncId) -> Result<u64, Error> {
        let table = kind.table();
        self.columns(table)?;
        self.prepare(&format!("select count(*) from {table} where sync_id = ?1"))?
            .query_row([sync.as_str()], |row| row.get(0))
            .map_err(|e| self.sqlite(e))
    }

    /// A way to find rows of one kind by their id.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn lookup(&self, kind: RowKind, sync: &SyncId) -> Result<Lookup<'_>, Error> {
        Lookup::new(self, kind, sync)
    }
}

/// Ids are ordered by their bytes, whatever order a column of another's making declares.
const ID: &str = "external_id collate binary";

/// Which rows are wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this resource type; for entitlements and grants it is the type of the entitlement's resource.
    pub resource_type: Option<String>,
    /// Of this resource, `<type>:<id>` or the bare id; for grants the entitlement's resource.
    pub resource: Option<String>,
    /// Of this entitlement.
    pub entitlement: Option<String>,
    /// Held by this principal.
    pub principal: Option<ResourceId>,
}

impl Filter {
    /// Conditions that begin with "and", with parameters from `?2` on, and the parameters.
    fn conditions(&self, kind: RowKind) -> (String, Vec<String>) {
        let mut sql = String::new();
        let mut arguments = Vec::new();
        let mut parameter = |value: &str| {
            arguments.push(value.to_owned());
            format!("?{}", arguments.len() + 1)
        };
        if let Some(wanted) = &self.resource_type {
            let column = if kind == RowKind::ResourceType {
                "external_id"
            } else {
                "resource_type_id"
            };
            sql += &format!(" and {column} = {}", parameter(wanted));
        }
        if let (Some(wanted), true) = (&self.resource, kind != RowKind::ResourceType) {
            let wanted = parameter(wanted);
            sql += &match kind {
                RowKind::Resource => {
                    format!(
                        " and (external_id = {wanted} or external_id = resource_type_id || ':' || {wanted})"
                    )
                }
                _ => {
                    format!(
                        " and (resource_id = {wanted} or resource_type_id || ':' || resource_id = {wanted})"
                    )
                }
            };
        }
        if let (Some(wanted), RowKind::Entitlement | RowKind::Grant) = (&self.entitlement, kind) {
            let column = if kind == RowKind::Grant {
                "entitlement_id"
            } else {
                "external_id"
            };
            sql += &format!(" and {column} = {}", parameter(wanted));
        }
        if let (Some(wanted), RowKind::Grant) = (&self.principal, kind) {
            sql += &format!(
                " and principal_resource_type_id = {} and principal_resource_id = {}",
                parameter(wanted.resource_type.as_str()),
                parameter(&wanted.resource)
            );
        }
        (sql, arguments)
    }
}

/// Ids from one on, and up to before another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stretch {
    from: Option<String>,
    to: Option<String>,
}

impl Stretch {
    /// The stretches that `cuts`, sorted and each once, make of all ids.
    pub fn between(cuts: Vec<String>) -> Vec<Self> {
        let mut stretches = Vec::with_capacity(cuts.len() + 1);
        let mut from = None;
        for cut in cuts {
            let to = Some(cut.clone());
            stretches.push(Self { from, to });
            from = Some(cut);
        }
        stretches.push(Self { from, to: None });
        stretches
    }
}

/// Rows of a sync run, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Resource types.
    pub resource_types: u64,
    /// Resources, by type.
    pub resources: BTreeMap<String, u64>,
    /// Entitlements, by the type of their resource.
    pub entitlements: BTreeMap<String, u64>,
    /// Grants, by the type of their entitlement's resource.
    pub grants: BTreeMap<String, u64>,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.resource_types += more.resource_types;
        for (counts, more) in [
            (&mut self.resources, more.resources),
            (&mut self.entitlements, more.entitlements),
            (&mut self.grants, more.grants),
        ] {
            for (resource_type, count) in more {
                *counts.entry(resource_type).or_default() += count;
            }
        }
    }
}

impl Counts {
    /// Counts one row.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        let one = |counts: &mut BTreeMap<String, u64>, of: &ResourceId| match counts
            .get_mut(of.resource_type.as_str())
        {
            Some(count) => *count += 1,
            None => {
                counts.insert(of.resource_type.to_string(), 1);
            }
        };
        match &row.columns {
            Columns::ResourceType => self.resource_types += 1,
            Columns::Resource { id, .. } => one(&mut self.resources, id),
            Columns::Entitlement { resource } => one(&mut self.entitlements, resource),
            Columns::Grant { resource, .. } => one(&mut self.grants, resource),
        }
    }

    /// What a `stats` column says that the rows do not, in words.
    pub fn differs_from(&self, stats: &str) -> Option<String> {
        let Ok(stats) = serde_json::from_str::<serde_json::Value>(stats) else {
            return Some("it is no JSON".to_owned());
        };
        let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
        let compare = |name: &str, stated: &serde_json::Value, counted: u64| {
            let stated = stated.as_u64().unwrap_or_default();
            (stated != counted).then(|| format!("`{name}` is {stated}, counted are {counted}"))
        };
        let mut found = Vec::new();
        for (name, total, by_type) in [
            ("resources", sum(&self.resources), &self.resources),
            ("entitlements", sum(&self.entitlements), &self.entitlements),
            ("grants", sum(&self.grants), &self.grants),
        ] {
            found.extend(compare(name, &stats[name], total));
            let stated = &stats[format!("{name}_by_resource_type")];
            for (resource_type, counted) in by_type {
                let name = format!("{name} of type {resource_type}");
                found.extend(compare(&name, &stated[resource_type], *counted));
            }
        }
        found.extend(compare(
            "resource_types",
            &stats["resource_types"],
            self.resource_types,
        ));
        (!found.is_empty()).then(|| found.join("; "))
    }
}

/// Finds rows by their id. Keeps the ids in memory, so a file without indexes costs no more than one with them.
pub struct Lookup<'s> {
    snapshot: &'s Snapshot,
    kind: RowKind,
    rowids: HashMap<String, i64>,
    by_rowid: Statement<'s>,
}

impl<'s> Lookup<'s> {
    fn new(snapshot: &'s Snapshot, kind: RowKind, sync: &SyncId) -> Result<Self, Error> {
        let table = kind.table();
        let select = snapshot.select(kind)?;
        let by_rowid = snapshot.prepare(&format!("{select} where id = ?1"))?;
        let mut statement = snapshot.prepare(&format!(
            "select external_id, id from {table} where sync_id = ?1"
        ))?;
        let mut rows = statement
            .query([sync.as_str()])
            .map_err(|e| snapshot.sqlite(e))?;
        let mut rowids = HashMap::new();
        while let Some(row) = rows.next().map_err(|e| snapshot.sqlite(e))? {
            let id = RowColumns {
                snapshot,
                table,
                row,
            }
            .text(0)?
            .to_owned();
            rowids.insert(id, row.get(1).map_err(|e| snapshot.sqlite(e))?);
        }
        Ok(Self {
            snapshot,
            kind,
            rowids,
            by_rowid,
        })
    }

    /// The row under `id`.
    ///
    /// # Errors
    /// When it is there but cannot be read.
    pub fn get(&mut self, id: &str) -> Result<Option<Row<'static>>, Error> {
        let Some(rowid) = self.rowids.get(id) else {
            return Ok(None);
        };
        let mut rows = self
            .by_rowid
            .query([rowid])
            .map_err(|e| self.snapshot.sqlite(e))?;
        match rows.next().map_err(|e| self.snapshot.sqlite(e))? {
            Some(row) => RowColumns {
                snapshot: self.snapshot,
                table: self.kind.table(),
                row,
            }
            .row(self.kind, &mut Recent::default())
            .map(|row| Some(row.into_owned())),
            None => Ok(None),
        }
    }
}

/// A prepared question for rows, to be asked with [`Query::rows`].
pub struct Query<'s> {
    snapshot: &'s Snapshot,
    kind: RowKind,
    stretch: Stretch,
    statement: Statement<'s>,
    arguments: Vec<String>,
}

impl Query<'_> {
    /// The rows of one sync run, ordered by the bytes of their id.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn rows(&mut self, sync: &SyncId) -> Result<Rows<'_>, Error> {
        let snapshot = self.snapshot;
        let arguments =
            std::iter::once(sync.as_str()).chain(self.arguments.iter().map(String::as_str));
        let rows = self
            .statement
            .query(rusqlite::params_from_iter(arguments))
            .map_err(|e| snapshot.sqlite(e))?;
        Ok(Rows {
            snapshot,
            kind: self.kind,
            stretch: &self.stretch,
            rows,
            recent: Recent::default(),
            last: None,
        })
    }
}

/// Rows, one at a time; memory does not grow with their number.
pub struct Rows<'q> {
    snapshot: &'q Snapshot,
    kind: RowKind,
    stretch: &'q Stretch,
    rows: rusqlite::Rows<'q>,
    recent: Recent,
    last: Option<String>,
}

impl Rows<'_> {
    /// The next row, as SQLite holds it.
    ///
    /// # Errors
    /// When it cannot be read, or does not come in its place.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, Error> {
        let Some(row) = self.rows.next().map_err(|e| self.snapshot.sqlite(e))? else {
            return Ok(None);
        };
        let columns = RowColumns {
            snapshot: self.snapshot,
            table: self.kind.table(),
            row,
        };
        let row = columns.row(self.kind, &mut self.recent)?;
        let id = &*row.id;
        // An index that lies about the order would make two walks miss each other.
        let Stretch { from, to } = self.stretch;
        let comes_in_order = match &self.last {
            Some(last) => **last < *id,
            None => from.as_deref().is_none_or(|from| from <= id),
        };
        if !comes_in_order || to.as_deref().is_some_and(|to| to <= id) {
            let problem = "it comes twice or out of order".to_owned();
            return Err(self.snapshot.row_damage(row.table, id, problem));
        }
        let last = self.last.get_or_insert_default();
        last.clear();
        last.push_str(id);
        Ok(Some(row))
    }
}

/// Rows of their own, for whoever keeps them.
impl Iterator for Rows<'_> {
    type Item = Result<Row<'static>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_row().transpose()?;
        Some(row.map(Row::into_owned))
    }
}
