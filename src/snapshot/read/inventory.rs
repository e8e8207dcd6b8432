//! Rows of a snapshot in the words of the model: one by one, or all of a sync run as an [`Inventory`].

use super::columns::row_damage;
use super::open::Snapshot;
use super::query::Filter;
use crate::model::{Defect, Inventory, InventoryBuilder, SyncId};
use crate::snapshot::error::{Damage, Error};
use crate::snapshot::table::{Decoded, Row, RowKind};

impl Snapshot {
    /// A row of this file in the words of the model.
    ///
    /// # Errors
    /// When its blob is not a valid message.
    pub fn decode(&self, row: &Row<'_>) -> Result<Decoded, Error> {
        row.decode()
            .map_err(|problem| row_damage(&self.path, row.table, &row.id, problem.to_string()))
    }

    /// All rows of a sync run.
    ///
    /// # Errors
    /// When a row is damaged or a reference dangles.
    pub fn inventory(&self, sync: &SyncId) -> Result<Inventory, Error> {
        let mut found = InventoryBuilder::default();
        for kind in RowKind::ALL {
            let mut rows = self.rows(kind, sync, Filter::EVERYTHING)?;
            while let Some(row) = rows.next_row()? {
                self.add(&row, &mut found)?;
            }
        }
        found.finish().map_err(|defects| {
            let first = defects.first().map(Defect::to_string).unwrap_or_default();
            Error::damaged(&self.path, Damage::Schema(first))
        })
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
}
