//! Decodes rows to the model: one by one, or all rows of a sync run as an [`Inventory`].

use super::columns::{Readable, row_damage};
use super::open::Snapshot;
use super::query::Filter;
use crate::model::{Defect, Inventory, InventoryBuilder, SyncId};
use crate::snapshot::error::{Damage, Error};
use crate::snapshot::table::{Kind, Row};

impl Snapshot {
    /// Decodes a row of this file to the model.
    ///
    /// # Errors
    /// When its blob is not a valid message.
    pub fn decode<K: Kind>(&self, row: &Row<'_, K>) -> Result<K, Error> {
        row.decode().map_err(|problem| {
            row_damage(&self.path, K::KIND.table(), &row.id, problem.to_string())
        })
    }

    /// All rows of a sync run.
    ///
    /// # Errors
    /// When a row is damaged or a reference dangles.
    pub fn inventory(&self, sync: &SyncId) -> Result<Inventory, Error> {
        let mut found = InventoryBuilder::default();
        self.each_decoded(sync, |row| found.add_resource_type(row))?;
        self.each_decoded(sync, |row| {
            found.add_resource(row);
        })?;
        self.each_decoded(sync, |row| found.add_entitlement(row))?;
        self.each_decoded(sync, |row| found.add_grant(row))?;
        found.finish().map_err(|defects| {
            let first = defects.first().map(Defect::to_string).unwrap_or_default();
            Error::damaged(&self.path, Damage::Schema(first))
        })
    }

    fn each_decoded<K: Readable>(
        &self,
        sync: &SyncId,
        mut each: impl FnMut(K),
    ) -> Result<(), Error> {
        let mut rows = self.rows(sync, Filter::EVERYTHING)?;
        while let Some(row) = rows.next_row()? {
            each(self.decode(&row)?);
        }
        Ok(())
    }
}
