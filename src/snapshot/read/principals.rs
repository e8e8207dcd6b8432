//! Who holds anything at all.

use std::collections::BTreeSet;

use super::open::Snapshot;
use super::query::Filter;
use crate::model::{ResourceId, SyncId};
use crate::snapshot::error::Error;
use crate::snapshot::table::{Columns, RowKind};

impl Snapshot {
    /// The principals of the grants that fit `filter`, each once, ordered by the bytes of `<type>:<id>`.
    ///
    /// # Errors
    /// When a grant cannot be read.
    pub fn principals(&self, sync: &SyncId, filter: &Filter) -> Result<Vec<ResourceId>, Error> {
        let mut principals = BTreeSet::new();
        self.batches(
            RowKind::Grant,
            sync,
            filter,
            |_| {
                Ok(Box::new(|rows| {
                    let mut some = BTreeSet::new();
                    while let Some(row) = rows.next_row(0) {
                        if let Columns::Grant { principal, .. } = &row.columns {
                            some.insert(principal.clone());
                        }
                    }
                    Ok(some)
                }))
            },
            |some| {
                principals.extend(some);
                Ok::<_, Error>(())
            },
        )?;
        Ok(principals.into_iter().collect())
    }
}
