//! Rows of one kind, in the order of their ids.

use std::marker::PhantomData;
use std::sync::PoisonError;

use super::columns::{Places, Readable, RowColumns, TextCache, columns_at, row_damage};
use super::judgement::judge;
use super::open::{EntitlementResources, Snapshot};
use super::order::Position;
use super::stored::{Chunk, ChunkPositions, StoredTable};
use crate::model::{Entitlement, EntitlementId, ResourceId, RowKind, SyncId};
use crate::snapshot::container::RowReader;
use crate::snapshot::error::{Damage, Error};
use crate::snapshot::table::Row;

/// Selects rows. `None` matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The resource type; for entitlements and grants, that of the entitlement's resource.
    pub resource_type: Option<String>,
    /// The resource, as `<type>:<id>` or the bare id; for grants, the entitlement's resource.
    pub resource: Option<String>,
    /// The entitlement.
    pub entitlement: Option<String>,
    /// The principal.
    pub principal: Option<ResourceId>,
}

impl Filter {
    /// All rows.
    pub const EVERYTHING: &'static Self = &Self {
        resource_type: None,
        resource: None,
        entitlement: None,
        principal: None,
    };

    /// Whether a row matches, judged by its columns.
    ///
    /// # Errors
    /// When one of these columns is not text.
    fn fits(&self, kind: RowKind, row: &RowColumns<'_>) -> Result<bool, Error> {
        let Self {
            resource_type,
            resource,
            entitlement,
            principal,
        } = self;
        let is = |at: usize, wanted: &Option<String>| match wanted {
            Some(wanted) => row.text(at).map(|text| text == wanted),
            None => Ok(true),
        };
        let is_id = |wanted: &str, resource_type: &str, id: &str| {
            wanted == id
                || wanted
                    .strip_prefix(resource_type)
                    .and_then(|rest| rest.strip_prefix(':'))
                    == Some(id)
        };
        Ok(match kind {
            RowKind::ResourceType => is(0, resource_type)?,
            RowKind::Resource => {
                is(2, resource_type)?
                    && match resource {
                        // The column contains `<type>:<id>`, in some files the bare id.
                        Some(wanted) => {
                            let (resource_type, id) = (row.text(2)?, row.text(0)?);
                            wanted == id || is_id(id, resource_type, wanted)
                        }
                        None => true,
                    }
            }
            RowKind::Entitlement | RowKind::Grant => {
                let of_entitlement = if kind == RowKind::Grant { 4 } else { 0 };
                is(2, resource_type)?
                    && match resource {
                        Some(wanted) => is_id(wanted, row.text(2)?, row.text(3)?),
                        None => true,
                    }
                    && is(of_entitlement, entitlement)?
                    && match principal {
                        Some(wanted) if kind == RowKind::Grant => {
                            row.text(5)? == wanted.resource_type.as_str()
                                && row.text(6)? == &*wanted.resource
                        }
                        _ => true,
                    }
            }
        })
    }
}

impl Snapshot {
    /// The rows of one kind that match `filter`, ordered by the bytes of their ids.
    ///
    /// # Errors
    /// When the table is missing or not a plain table, or its rows cannot be relied on.
    pub fn rows<'s, K: Readable>(
        &'s self,
        sync: &SyncId,
        filter: &'s Filter,
    ) -> Result<Rows<'s, K>, Error> {
        let mut rows = Rows::of_chunks(self, sync, filter)?;
        rows.chunks = self.chunks(K::KIND, sync)?.iter();
        Ok(rows)
    }

    /// The resource in an entitlement's own row; `None` if the entitlement has no row.
    ///
    /// # Errors
    /// When a row of the entitlements is damaged.
    pub(in crate::snapshot) fn resource_of(
        &self,
        entitlement: &EntitlementId,
        sync: &SyncId,
    ) -> Result<Option<ResourceId>, Error> {
        let mut known = self
            .entitlement_resources
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|(run, _)| run == sync) {
            // Keeps two, since `diff` may compare two runs of one file.
            known.truncate(1);
            known.insert(0, (sync.clone(), self.read_entitlement_resources(sync)?));
        }
        let resources = known.iter().find(|(run, _)| run == sync);
        match resources {
            Some((_, Ok(resources))) => Ok(resources.get(entitlement).cloned()),
            Some((_, Err(damage))) => Err(self.damaged(damage.clone())),
            None => Ok(None),
        }
    }

    /// The resource of every entitlement of a sync run, or the damage to one of them.
    fn read_entitlement_resources(
        &self,
        sync: &SyncId,
    ) -> Result<Result<EntitlementResources, Damage>, Error> {
        let mut resources = EntitlementResources::new();
        let mut rows = self.rows::<Entitlement>(sync, Filter::EVERYTHING)?;
        loop {
            match rows.next_row() {
                Ok(None) => return Ok(Ok(resources)),
                Ok(Some(row)) => {
                    resources.insert(EntitlementId::new(&*row.id), row.columns.resource);
                }
                Err(Error::Damaged { damage, .. }) => return Ok(Err(damage)),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads rows one at a time, so memory does not grow with their number. Ends at a damaged row.
pub struct Rows<'s, K> {
    pub(super) cursor: Cursor<'s>,
    kind: PhantomData<fn() -> K>,
    sync: SyncId,
    /// Whether all rows of the sync run are known to be valid.
    are_checked: bool,
    filter: &'s Filter,
    chunks: std::slice::Iter<'s, Chunk>,
    chunk: Option<ChunkPositions>,
    recent: TextCache,
}

/// Reads the rows of one table at any position.
pub(super) struct Cursor<'s> {
    snapshot: &'s Snapshot,
    table: &'s StoredTable,
    places: Places,
    reader: RowReader<'s>,
}

impl Cursor<'_> {
    pub(super) fn columns_at(&mut self, position: Position) -> Result<RowColumns<'_>, Error> {
        let path = &self.snapshot.path;
        columns_at(path, position, self.table, &self.places, &mut self.reader)
    }
}

impl<'s, K: Readable> Rows<'s, K> {
    /// Rows without a chunk yet; see [`enter`](Self::enter).
    pub(super) fn of_chunks(
        snapshot: &'s Snapshot,
        sync: &SyncId,
        filter: &'s Filter,
    ) -> Result<Self, Error> {
        let table = snapshot.table(K::KIND.table())?;
        Ok(Self {
            cursor: Cursor {
                snapshot,
                table,
                places: Places::of::<K>(table).map_err(|damage| snapshot.damaged(damage))?,
                reader: table.reader(&snapshot.pages),
            },
            kind: PhantomData,
            sync: sync.clone(),
            are_checked: snapshot.summary(sync).is_some(),
            filter,
            chunks: [].iter(),
            chunk: None,
            recent: TextCache::default(),
        })
    }

    /// Continues with the rows of a chunk.
    pub(super) fn enter(&mut self, chunk: Chunk) {
        self.chunk = Some(self.cursor.table.positions(chunk));
    }

    /// The next row.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn next_row(&mut self) -> Result<Option<Row<'_, K>>, Error> {
        match self.next_position()? {
            Some(position) => self.row_at(position).map(Some),
            None => Ok(None),
        }
    }

    /// The next row without checking its blob, for `verify`. The inner error is about this row alone.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(in crate::snapshot) fn next_unchecked(
        &mut self,
    ) -> Result<Option<Result<Row<'_, K>, Error>>, Error> {
        match self.next_position()? {
            Some(position) => Ok(Some(self.unchecked_row_at(position))),
            None => Ok(None),
        }
    }

    pub(super) fn unchecked_row_at(&mut self, position: Position) -> Result<Row<'_, K>, Error> {
        let columns = self.cursor.columns_at(position)?;
        columns.row(&mut self.recent)
    }

    /// The position of the next row that matches.
    pub(super) fn next_position(&mut self) -> Result<Option<Position>, Error> {
        let Cursor {
            snapshot, table, ..
        } = self.cursor;
        loop {
            let Some(chunk) = &mut self.chunk else {
                match self.chunks.next() {
                    Some(chunk) => self.enter(*chunk),
                    None => return Ok(None),
                }
                continue;
            };
            let next = chunk
                .next(table, &mut self.cursor.reader)
                .map_err(|fault| snapshot.fault(fault))?;
            let Some(position) = next else {
                self.chunk = None;
                continue;
            };
            if self.filter == Filter::EVERYTHING
                || self
                    .filter
                    .fits(K::KIND, &self.cursor.columns_at(position)?)?
            {
                return Ok(Some(position));
            }
        }
    }

    pub(super) fn row_at(&mut self, position: Position) -> Result<Row<'_, K>, Error> {
        if self.are_checked {
            return self.unchecked_row_at(position);
        }
        let snapshot = self.cursor.snapshot;
        let columns = self.cursor.columns_at(position)?;
        let mut row = columns.row::<K>(&mut self.recent)?;
        let judged = judge(&row, |entitlement| {
            snapshot.resource_of(entitlement, &self.sync)
        })?;
        match judged.problem() {
            None => {
                row.own_form = judged.own_form;
                Ok(row)
            }
            Some(problem) => Err(row_damage(
                &snapshot.path,
                K::KIND.table(),
                &row.id,
                problem,
            )),
        }
    }
}

/// Yields owned rows.
impl<K: Readable> Iterator for Rows<'_, K> {
    type Item = Result<Row<'static, K>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_row().transpose()?;
        Some(row.map(Row::into_owned))
    }
}
