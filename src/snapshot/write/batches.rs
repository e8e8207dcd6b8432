//! Rows that are encoded in batches: several threads encode, and the batches come back in the order of the rows. Encoding takes
//! longer than inserting.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, Builder, Scope};

use crate::model::RowKind;
use crate::snapshot::table::push_record;

/// Rows in a batch.
const ROWS: usize = 256;
/// Batches that a thread encodes ahead.
const AHEAD: usize = 4;
/// More threads would wait for the one that inserts.
const MAX_THREADS: usize = 4;

/// Consecutive rows, encoded. They share buffers, since one thread fills them and another one is done with them.
#[derive(Default)]
pub(super) struct Batch {
    ids: String,
    blobs: Vec<u8>,
    /// Of the content digest.
    pub(super) records: Vec<u8>,
    /// Where the id and the blob of each row end.
    ends: Vec<(usize, usize)>,
}

impl Batch {
    /// Adds a row: its id, the other parts that identify it, and the message that `encode` appends.
    pub(super) fn add(
        &mut self,
        kind: RowKind,
        id: &str,
        parts: &[&[u8]],
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        self.ids.push_str(id);
        let start = self.blobs.len();
        encode(&mut self.blobs);
        push_record(kind, id, parts, &self.blobs[start..], &mut self.records);
        self.ends.push((self.ids.len(), self.blobs.len()));
    }

    /// The id and the blob of each row.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut start = (0, 0);
        self.ends.iter().map(move |end| {
            let row = (&self.ids[start.0..end.0], &self.blobs[start.1..end.1]);
            start = *end;
            row
        })
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.blobs.clear();
        self.records.clear();
        self.ends.clear();
    }
}

/// Encodes all `rows` with `encode`, and passes each batch with its rows to `take`, in order.
///
/// # Errors
/// The first error of `take`, which ends it.
pub(super) fn encode_all<T: Sync, E>(
    rows: &[T],
    encode: impl Fn(&T, &mut Batch) + Sync,
    mut take: impl FnMut(&[T], &Batch) -> Result<(), E>,
) -> Result<(), E> {
    let threads = match rows.len().div_ceil(ROWS) {
        // Encoded before a thread would start.
        0 | 1 => 0,
        _ => thread::available_parallelism().map_or(2, |n| n.get().min(MAX_THREADS)),
    };
    let encode_rows = |rows: &[T], mut batch: Batch| {
        batch.clear();
        rows.iter().for_each(|row| encode(row, &mut batch));
        batch
    };
    let encode_rows = &encode_rows;
    thread::scope(|scope| {
        // Each encodes every nth batch.
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                Worker::start(
                    scope,
                    rows.chunks(ROWS).skip(first).step_by(threads),
                    encode_rows,
                )
            })
            .collect();
        for (at, chunk) in rows.chunks(ROWS).enumerate() {
            let worker = workers.get(at % threads.max(1)).and_then(Option::as_ref);
            let batch = match worker {
                Some(worker) => match worker.batches.recv() {
                    Ok(batch) => batch,
                    // It has panicked, which goes on when it is joined.
                    Err(_) => return Ok(()),
                },
                None => encode_rows(chunk, Batch::default()),
            };
            take(chunk, &batch)?;
            if let Some(worker) = worker {
                // If it has ended, it needs no more.
                let _ = worker.used.send(batch);
            }
        }
        Ok(())
    })
}

/// A thread that encodes batches.
struct Worker {
    batches: Receiver<Batch>,
    /// Takes batches back for their buffers.
    used: Sender<Batch>,
}

impl Worker {
    /// Starts one; `None` if that is not possible.
    fn start<'scope, 'e: 'scope, T: Sync + 'e>(
        scope: &'scope Scope<'scope, '_>,
        chunks: impl Iterator<Item = &'e [T]> + Send + 'scope,
        encode: &'e (impl Fn(&[T], Batch) -> Batch + Sync),
    ) -> Option<Self> {
        let (sender, batches) = sync_channel(AHEAD);
        let (used, free) = channel();
        let work = move || encode_chunks(chunks, encode, &sender, &free);
        Builder::new().spawn_scoped(scope, work).ok()?;
        Some(Self { batches, used })
    }
}

fn encode_chunks<'e, T: 'e>(
    chunks: impl Iterator<Item = &'e [T]>,
    encode: impl Fn(&[T], Batch) -> Batch,
    batches: &SyncSender<Batch>,
    free: &Receiver<Batch>,
) {
    for chunk in chunks {
        let batch = encode(chunk, free.try_recv().unwrap_or_default());
        // The receiver is gone once an insertion has failed.
        if batches.send(batch).is_err() {
            return;
        }
    }
}
