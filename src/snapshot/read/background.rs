//! All rows of a sync run, read by another thread, with their content digest.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::open::Snapshot;
use super::parallel::{Batch, by_batch};
use super::query::{Filter, Rows};
use crate::model::SyncId;
use crate::snapshot::error::Error;
use crate::snapshot::table::{ContentDigest, Digester, Row, RowKind};

/// Batches of rows that may wait in [`BackgroundRows`].
const BATCHES_AHEAD: usize = 4;

impl Snapshot {
    /// Reads all rows of a sync run on a thread of its own, in the order of kinds and ids, and makes their digest.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn read_in_background<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        sync: &'scope SyncId,
    ) -> io::Result<BackgroundRows<'scope>> {
        let (sender, batches) = sync_channel(BATCHES_AHEAD);
        let reader = Builder::new().spawn_scoped(scope, move || {
            let mut digester = Digester::new();
            let read = send_all(self, sync, &mut digester, &sender);
            if let Err(error) = read {
                let _ = sender.send(Err(error));
            }
            digester.finish()
        })?;
        Ok(BackgroundRows {
            batches,
            rows: Vec::new().into_iter(),
            reader,
        })
    }
}

/// Rows that another thread reads, one at a time.
pub struct BackgroundRows<'scope> {
    batches: Receiver<Result<Vec<Row<'static>>, Error>>,
    rows: std::vec::IntoIter<Row<'static>>,
    reader: ScopedJoinHandle<'scope, ContentDigest>,
}

impl BackgroundRows<'_> {
    /// The content digest of all rows, once they are read to the end.
    pub fn digest(self) -> ContentDigest {
        drop(self.batches);
        match self.reader.join() {
            Ok(digest) => digest,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Iterator for BackgroundRows<'_> {
    type Item = Result<Row<'static>, Error>;

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

/// Sends all rows of a sync run, until they are no longer wanted.
fn send_all(
    snapshot: &Snapshot,
    sync: &SyncId,
    digester: &mut Digester,
    sender: &SyncSender<Result<Vec<Row<'static>>, Error>>,
) -> Result<(), Error> {
    let mut records = Vec::new();
    let mut wanted = true;
    for kind in RowKind::ALL {
        let mut make = |batch: &mut Batch<'_, '_>| {
            let mut rows = Vec::new();
            let mut bytes = 0;
            records.clear();
            while let Some(row) = batch.next_row(bytes) {
                row.record(&mut records);
                bytes += row.bytes();
                rows.push(row.into_owned());
            }
            digester.record(&records);
            Ok(rows)
        };
        let mut rows = Rows::of_chunks(snapshot, kind, sync, Filter::EVERYTHING)?;
        for chunk in snapshot.chunks(kind, sync)? {
            by_batch(&mut rows, *chunk, &mut make, |rows| {
                wanted = sender.send(Ok(rows)).is_ok();
                Ok::<_, Error>(wanted)
            })?;
            if !wanted {
                return Ok(());
            }
        }
    }
    Ok(())
}
