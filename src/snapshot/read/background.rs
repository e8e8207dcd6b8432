//! Reads all rows of a sync run on another thread, and computes their content digest.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::columns::Readable;
use super::common::CommonRows;
use super::open::Snapshot;
use super::parallel::{BATCH_BYTES, Batch, by_batch};
use super::query::{Filter, Rows};
use crate::model::{Entitlement, Grant, Resource, ResourceType, SyncId};
use crate::snapshot::error::Error;
use crate::snapshot::table::{ContentDigest, Digester, Row};

/// Rows from which on a batch is sent.
const ROWS_TO_SEND: usize = 256;
/// Batches of rows of one kind that may be queued in [`BackgroundRows`].
const BATCHES_AHEAD: usize = 4;

impl Snapshot {
    /// Reads the rows of a sync run on another thread, in the order of kinds and ids. Computes their digest unless it is known; if
    /// it is, leaves out the rows in `common`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn read_in_background<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        sync: &'scope SyncId,
        known: Option<ContentDigest>,
        common: Option<&'scope CommonRows>,
    ) -> io::Result<BackgroundRows<'scope>> {
        // A digest is of all rows.
        let common = common.filter(|_| known.is_some());
        let (to_resource_types, resource_types) = channel();
        let (to_resources, resources) = channel();
        let (to_entitlements, entitlements) = channel();
        let (to_grants, grants) = channel();
        let reader = Builder::new().spawn_scoped(scope, move || {
            let mut digester = Digester::new();
            let mut to = known.is_none().then_some(&mut digester);
            // The sender of a kind is dropped before the next kind is read, which ends its rows.
            let _ = send_kind::<ResourceType>(self, sync, common, &mut to, to_resource_types)
                && send_kind::<Resource>(self, sync, common, &mut to, to_resources)
                && send_kind::<Entitlement>(self, sync, common, &mut to, to_entitlements)
                && send_kind::<Grant>(self, sync, common, &mut to, to_grants);
            known.unwrap_or_else(|| digester.finish())
        })?;
        Ok(BackgroundRows {
            resource_types,
            resources,
            entitlements,
            grants,
            reader,
        })
    }
}

/// Rows that another thread reads. They must be taken in the order of the fields, in which they are read.
pub struct BackgroundRows<'scope> {
    /// Its resource types.
    pub resource_types: RowsOfKind<ResourceType>,
    /// Its resources.
    pub resources: RowsOfKind<Resource>,
    /// Its entitlements.
    pub entitlements: RowsOfKind<Entitlement>,
    /// Its grants.
    pub grants: RowsOfKind<Grant>,
    reader: ScopedJoinHandle<'scope, ContentDigest>,
}

impl BackgroundRows<'_> {
    /// The content digest of all rows, once they are read to the end.
    pub fn digest(self) -> ContentDigest {
        let Self {
            resource_types,
            resources,
            entitlements,
            grants,
            reader,
        } = self;
        // Otherwise a thread whose rows are not taken would wait forever.
        drop((resource_types, resources, entitlements, grants));
        match reader.join() {
            Ok(digest) => digest,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

type BatchOf<K> = Result<Vec<Row<'static, K>>, Error>;

/// The rows of one kind that another thread reads, in the order of their ids.
pub struct RowsOfKind<K: Readable> {
    batches: Receiver<BatchOf<K>>,
    rows: std::vec::IntoIter<Row<'static, K>>,
}

fn channel<K: Readable>() -> (SyncSender<BatchOf<K>>, RowsOfKind<K>) {
    let (sender, batches) = sync_channel(BATCHES_AHEAD);
    let rows = Vec::new().into_iter();
    (sender, RowsOfKind { batches, rows })
}

impl<K: Readable> Iterator for RowsOfKind<K> {
    type Item = Result<Row<'static, K>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.rows.next() {
                return Some(Ok(row));
            }
            match self.batches.recv().ok()? {
                Ok(rows) => self.rows = rows.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Sends all rows of one kind of a sync run, or the error that ends them. Returns whether to continue with the next
/// kind.
fn send_kind<K: Readable>(
    snapshot: &Snapshot,
    sync: &SyncId,
    common: Option<&CommonRows>,
    digester: &mut Option<&mut Digester>,
    sender: SyncSender<BatchOf<K>>,
) -> bool {
    match send_rows(snapshot, sync, common, digester, &sender) {
        Ok(are_wanted) => are_wanted,
        Err(error) => {
            let _ = sender.send(Err(error));
            false
        }
    }
}

/// Sends rows until there are no more or the receiver is gone. Returns whether it is still there.
fn send_rows<K: Readable>(
    snapshot: &Snapshot,
    sync: &SyncId,
    common: Option<&CommonRows>,
    digester: &mut Option<&mut Digester>,
    sender: &SyncSender<BatchOf<K>>,
) -> Result<bool, Error> {
    let mut records = Vec::new();
    let mut make = |batch: &mut Batch<'_, '_, K>| {
        let mut rows = Vec::new();
        let mut bytes = 0;
        records.clear();
        while let Some(row) = batch.next_row(bytes) {
            if digester.is_some() {
                row.record(&mut records);
            }
            bytes += row.bytes();
            rows.push(row.into_owned());
        }
        if let Some(digester) = digester {
            digester.record(&records);
        }
        Ok(rows)
    };
    let mut rows = Rows::of_chunks(snapshot, sync, Filter::EVERYTHING)?;
    let others = common.and_then(|common| snapshot.other_chunks(K::KIND, sync, common));
    let chunks = match &others {
        Some(chunks) => chunks,
        None => snapshot.chunks(K::KIND, sync)?,
    };
    // Chunks of few rows are sent together.
    let mut unsent: Vec<Row<'static, K>> = Vec::new();
    let mut bytes = 0;
    let mut are_wanted = true;
    for chunk in chunks {
        let read = by_batch(&mut rows, *chunk, &mut make, |rows| {
            bytes += rows.iter().map(Row::bytes).sum::<usize>();
            unsent.extend(rows);
            if unsent.len() >= ROWS_TO_SEND || bytes >= BATCH_BYTES {
                bytes = 0;
                are_wanted = sender.send(Ok(std::mem::take(&mut unsent))).is_ok();
            }
            Ok::<_, Error>(are_wanted)
        });
        if read.is_err() && !unsent.is_empty() {
            // The rows before the damaged one count.
            let _ = sender.send(Ok(std::mem::take(&mut unsent)));
        }
        read?;
        if !are_wanted {
            return Ok(false);
        }
    }
    Ok(unsent.is_empty() || sender.send(Ok(unsent)).is_ok())
}
