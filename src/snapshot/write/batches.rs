//! Rows that are encoded in batches: several threads encode, and the batches come back in the order of the rows. One thread
//! alone would take longer to encode them than SQLite takes to insert them.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, Builder, Scope};

use crate::model::RowKind;
use crate::snapshot::table::push_record;

/// Rows in a batch.
const ROWS: usize = 128;
/// Batches that a thread encodes ahead.
const AHEAD: usize = 2;
/// With this many threads, encoding is faster than inserting.
const MAX_THREADS: usize = 4;

/// Consecutive rows, encoded. Their bytes share buffers, which go back to the worker: memory that another thread frees is
/// slow to free.
#[derive(Default)]
pub(super) struct Batch {
    ids: String,
    blobs: Vec<u8>,
    /// Records for the content digest.
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
/// Stops at the first error of `take` and returns it.
pub(super) fn encode_all<T: Sync, E>(
    rows: &[T],
    encode: impl Fn(&T, &mut Batch) + Sync,
    mut take: impl FnMut(&[T], &Batch) -> Result<(), E>,
) -> Result<(), E> {
    let threads = match rows.len().div_ceil(ROWS) {
        // Not worth starting a thread.
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
                    // Rows must never be missing silently.
                    Err(_) => panic!("the thread that encodes these rows has ended early"),
                },
                None => encode_rows(chunk, Batch::default()),
            };
            take(chunk, &batch)?;
            if let Some(worker) = worker {
                // A worker that has finished takes no more buffers.
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
    /// Starts a worker; `None` if no thread can be started.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(row: &usize, batch: &mut Batch) {
        batch.add(RowKind::Grant, &row.to_string(), &[], |out| {
            out.push(*row as u8);
        });
    }

    #[test]
    fn rows_come_back_in_order_however_many_there_are() {
        for count in [0, 1, ROWS - 1, ROWS, ROWS + 1, 20 * ROWS + 3] {
            let rows: Vec<usize> = (0..count).collect();
            let mut taken = Vec::new();
            let all: Result<(), ()> = encode_all(&rows, encode, |rows, batch| {
                assert_eq!(batch.rows().count(), rows.len());
                for (row, (id, blob)) in rows.iter().zip(batch.rows()) {
                    assert_eq!((id, blob), (&*row.to_string(), &[*row as u8][..]));
                }
                taken.extend_from_slice(rows);
                Ok(())
            });
            assert_eq!((all, taken), (Ok(()), rows));
        }
    }

    #[test]
    fn first_error_ends_it() {
        let rows: Vec<usize> = (0..20 * ROWS).collect();
        let mut calls = 0;
        let ended = encode_all(&rows, encode, |rows, _| {
            calls += 1;
            if rows.contains(&(5 * ROWS)) {
                Err(rows[0])
            } else {
                Ok(())
            }
        });
        assert_eq!((ended, calls), (Err(5 * ROWS), 6));
    }

    #[test]
    #[should_panic(expected = "ended early")]
    fn thread_that_panics_does_not_leave_rows_out() {
        let rows: Vec<usize> = (0..20 * ROWS).collect();
        let fails = |row: &usize, batch: &mut Batch| {
            assert_ne!(*row, 7 * ROWS);
            encode(row, batch);
        };
        let _ = encode_all(&rows, fails, |_, _| Ok::<_, ()>(()));
    }
}
