//! The content digest of a sync run and the number of its rows, from one pass over them unless they were summarized when the
//! snapshot was opened.

use super::columns::Readable;
use super::counts::Counts;
use super::open::Snapshot;
use super::query::Filter;
use crate::model::{Entitlement, Grant, Resource, ResourceType, SyncId};
use crate::snapshot::error::Error;
use crate::snapshot::table::{ContentDigest, Digester};

impl Snapshot {
    /// Computes the content digest of a sync run.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn content_digest(&self, sync: &SyncId) -> Result<ContentDigest, Error> {
        Ok(self.counts_and_digest(sync)?.1)
    }

    /// The content digest of a sync run, if it was computed when the snapshot was opened.
    pub fn known_digest(&self, sync: &SyncId) -> Option<ContentDigest> {
        Some(self.totals(sync)?.digest.clone())
    }

    /// Counts the rows of a sync run by type and computes their content digest, in one pass.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn counts_and_digest(&self, sync: &SyncId) -> Result<(Counts, ContentDigest), Error> {
        if let Some(totals) = self.totals(sync) {
            return Ok((totals.counts.clone(), totals.digest.clone()));
        }
        let mut digester = Digester::new();
        let mut counts = Counts::default();
        self.count_kind::<ResourceType>(sync, &mut digester, &mut counts)?;
        self.count_kind::<Resource>(sync, &mut digester, &mut counts)?;
        self.count_kind::<Entitlement>(sync, &mut digester, &mut counts)?;
        self.count_kind::<Grant>(sync, &mut digester, &mut counts)?;
        Ok((counts, digester.finish()))
    }

    fn count_kind<K: Readable>(
        &self,
        sync: &SyncId,
        digester: &mut Digester,
        counts: &mut Counts,
    ) -> Result<(), Error> {
        self.batches::<K, _, _>(
            sync,
            Filter::EVERYTHING,
            |_| {
                Ok(Box::new(|rows| {
                    let mut counts = Counts::default();
                    let mut records = Vec::new();
                    while let Some(row) = rows.next_row(records.len()) {
                        counts.add(&row);
                        row.record(&mut records);
                    }
                    Ok((counts, records))
                }))
            },
            |(some, records)| {
                *counts += some;
                digester.record(&records);
                counts.check().map_err(|damage| self.damaged(damage))
            },
        )
    }
}
