//! Rows by their id.

use std::collections::HashMap;

use super::columns::Readable;
use super::open::Snapshot;
use super::order::Position;
use super::query::{Filter, Rows};
use crate::model::SyncId;
use crate::snapshot::error::Error;
use crate::snapshot::table::Row;

impl Snapshot {
    /// Creates a lookup of rows of one kind by id.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn lookup<K: Readable>(&self, sync: &SyncId) -> Result<Lookup<'_, K>, Error> {
        Lookup::new(self, sync)
    }
}

/// Finds rows by id. Keeps the ids in memory, plus a few bytes for each row.
pub struct Lookup<'s, K> {
    rows: Rows<'s, K>,
    found: HashMap<String, Found>,
}

/// The position of a row.
struct Found {
    position: Position,
    /// Whether it has been looked up before and found valid.
    is_checked: bool,
}

impl<'s, K: Readable> Lookup<'s, K> {
    fn new(snapshot: &'s Snapshot, sync: &SyncId) -> Result<Self, Error> {
        let mut rows = snapshot.rows(sync, Filter::EVERYTHING)?;
        let mut found = HashMap::new();
        while let Some(position) = rows.next_position()? {
            let id = rows.cursor.columns_at(position)?.text(0)?.to_owned();
            let unchecked = Found {
                position,
                is_checked: false,
            };
            found.insert(id, unchecked);
        }
        Ok(Self { rows, found })
    }

    /// Returns the row with this id.
    ///
    /// # Errors
    /// When the row is damaged.
    pub fn get(&mut self, id: &str) -> Result<Option<Row<'static, K>>, Error> {
        let Some(found) = self.found.get_mut(id) else {
            return Ok(None);
        };
        let row = if found.is_checked {
            self.rows.unchecked_row_at(found.position)
        } else {
            self.rows.row_at(found.position)
        }?;
        found.is_checked = true;
        Ok(Some(row.into_owned()))
    }
}
