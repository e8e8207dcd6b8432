//! Reads all rows of one kind on several threads. Each thread processes chunks of rows, and the results are returned in
//! the order of the ids. The size of queued results is limited, whatever the rows contain.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, ScopedJoinHandle};

use super::columns::Readable;
use super::open::Snapshot;
use super::query::{Filter, Rows};
use super::stored::Chunk;
use crate::model::SyncId;
use crate::snapshot::error::Error;
use crate::snapshot::table::Row;

/// A batch ends once its output has this many bytes.
pub(super) const BATCH_BYTES: usize = 1 << 20;
/// Turns each batch of rows that one thread reads into a value.
pub type Mapper<'m, K, T, E> = Box<dyn FnMut(&mut Batch<'_, '_, K>) -> Result<T, E> + 'm>;

/// A chunk to read, and the channel for its results.
struct Job<T, E> {
    chunk: Chunk,
    results: SyncSender<Result<Message<T>, E>>,
}

/// A message from a worker about its chunk.
enum Message<T> {
    /// The result of a batch of its rows.
    Batch(T),
    /// There are no more batches.
    End,
}

impl Snapshot {
    /// Maps all rows of one kind that fit `filter`, in batches, on several threads. `new_mapper` is called once on
    /// every thread; `take` receives the results of the mappers in the order of the ids, on the calling thread. Memory
    /// does not grow with the number of rows.
    ///
    /// # Errors
    /// The first error in the order of the ids, of a row, a mapper or `take`.
    pub fn batches<'s, K: Readable, T: Send, E: From<Error> + Send>(
        &'s self,
        sync: &SyncId,
        filter: &'s Filter,
        new_mapper: impl Fn(&'s Self) -> Result<Mapper<'s, K, T, E>, E> + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let chunks = self.chunks(K::KIND, sync)?;
        if chunks.len() < 2 {
            return self.batches_here(sync, filter, &new_mapper, &mut take);
        }
        let threads = threads();
        let (jobs, queue) = channel::<Job<T, E>>();
        // Only the workers own it: if all of them panic, it is dropped, and so is every sender of results.
        let queue = Arc::new(Mutex::new(queue));
        let new_mapper = &new_mapper;
        let ran = std::thread::scope(|scope| {
            let mut workers = Vec::new();
            for _ in 0..threads {
                let queue = queue.clone();
                let worker = move || work(self, &queue, sync, filter, new_mapper);
                // Fewer threads than wanted are only slower.
                let Ok(worker) = Builder::new().spawn_scoped(scope, worker) else {
                    break;
                };
                workers.push(worker);
            }
            drop(queue);
            if workers.is_empty() {
                return None;
            }
            let taken = dispatch(jobs, chunks, 2 * workers.len(), &mut take);
            join_all(workers);
            Some(taken)
        });
        match ran {
            Some(taken) => taken,
            None => self.batches_here(sync, filter, new_mapper, &mut take),
        }
    }

    /// Does the same on the calling thread.
    fn batches_here<'s, K: Readable, T, E: From<Error>>(
        &'s self,
        sync: &SyncId,
        filter: &'s Filter,
        new_mapper: &impl Fn(&'s Self) -> Result<Mapper<'s, K, T, E>, E>,
        take: &mut impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut mapper = new_mapper(self)?;
        let mut rows = Rows::of_chunks(self, sync, filter)?;
        for chunk in self.chunks(K::KIND, sync)? {
            by_batch(&mut rows, *chunk, &mut mapper, |result| {
                take(result).map(|()| true)
            })?;
        }
        Ok(())
    }
}

/// The number of threads that read one snapshot. More than four would only wait for the thread that takes their
/// results.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4))
}

fn join_all<T>(threads: Vec<ScopedJoinHandle<'_, T>>) {
    for thread in threads {
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Keeps `ahead` chunks in progress and takes their results in order. The workers end when this function returns.
fn dispatch<T, E>(
    jobs: Sender<Job<T, E>>,
    chunks: &[Chunk],
    ahead: usize,
    take: &mut impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut waiting = chunks.iter();
    let mut begun: VecDeque<Receiver<Result<Message<T>, E>>> = VecDeque::new();
    loop {
        for chunk in waiting.by_ref().take(ahead - begun.len()) {
            let (results, receiver) = sync_channel(1);
            let _ = jobs.send(Job {
                chunk: *chunk,
                results,
            });
            begun.push_back(receiver);
        }
        let Some(results) = begun.pop_front() else {
            return Ok(());
        };
        loop {
            match results.recv() {
                Ok(Ok(Message::Batch(result))) => take(result)?,
                Ok(Ok(Message::End)) => break,
                Ok(Err(error)) => return Err(error),
                // The worker panicked; joining it resumes the panic.
                Err(_) => return Ok(()),
            }
        }
    }
}

/// Processes chunks until there are no more or the receiver is gone.
fn work<'s, K: Readable, T, E: From<Error>>(
    snapshot: &'s Snapshot,
    queue: &Mutex<Receiver<Job<T, E>>>,
    sync: &SyncId,
    filter: &'s Filter,
    new_mapper: &impl Fn(&'s Snapshot) -> Result<Mapper<'s, K, T, E>, E>,
) {
    let next = || {
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.recv()
    };
    let mut tools: Option<(Mapper<'s, K, T, E>, Rows<'s, K>)> = None;
    while let Ok(Job { chunk, results }) = next() {
        let mut read = || -> Result<(), E> {
            let (mapper, rows) = match &mut tools {
                Some(tools) => tools,
                None => {
                    let rows = Rows::of_chunks(snapshot, sync, filter)?;
                    tools.insert((new_mapper(snapshot)?, rows))
                }
            };
            // The receiver is gone after an error elsewhere.
            by_batch(rows, chunk, mapper, |result| {
                Ok(results.send(Ok(Message::Batch(result))).is_ok())
            })
        };
        let _ = results.send(read().map(|()| Message::End));
    }
}

/// Maps every batch of a chunk until `take` returns `false`. Batches before an error are taken before it is returned.
pub(super) fn by_batch<K: Readable, T, E: From<Error>>(
    rows: &mut Rows<'_, K>,
    chunk: Chunk,
    mapper: &mut dyn FnMut(&mut Batch<'_, '_, K>) -> Result<T, E>,
    mut take: impl FnMut(T) -> Result<bool, E>,
) -> Result<(), E> {
    rows.enter(chunk);
    loop {
        let mut batch = Batch {
            rows,
            count: 0,
            end: None,
        };
        let result = mapper(&mut batch)?;
        let Batch { count, end, .. } = batch;
        if count > 0 && !take(result)? {
            return Ok(());
        }
        match end {
            Some(end) => return end.map_err(E::from),
            None if count == 0 => return Ok(()),
            None => {}
        }
    }
}

/// Consecutive rows.
pub struct Batch<'b, 's, K> {
    rows: &'b mut Rows<'s, K>,
    count: usize,
    /// How the chunk ended, if it did.
    end: Option<Result<(), Error>>,
}

impl<K: Readable> Batch<'_, '_, K> {
    /// Returns the next row of the batch, or `None` at its end. `output_bytes` is the size of the output so far; a
    /// batch ends once it is large. A damaged row also ends the batch: its error is returned after the batch has been
    /// taken.
    pub fn next_row(&mut self, output_bytes: usize) -> Option<Row<'_, K>> {
        if self.is_over(output_bytes) {
            None
        } else {
            Self::count(self.rows.next_row(), &mut self.count, &mut self.end)
        }
    }

    /// Returns the next row unchecked, for `verify`: see [`Rows::next_unchecked`].
    pub(in crate::snapshot) fn next_unchecked(
        &mut self,
        output_bytes: usize,
    ) -> Option<Result<Row<'_, K>, Error>> {
        if self.is_over(output_bytes) {
            None
        } else {
            Self::count(self.rows.next_unchecked(), &mut self.count, &mut self.end)
        }
    }

    fn count<T>(
        next: Result<Option<T>, Error>,
        count: &mut usize,
        end: &mut Option<Result<(), Error>>,
    ) -> Option<T> {
        match next {
            Ok(Some(row)) => {
                *count += 1;
                return Some(row);
            }
            Ok(None) => *end = Some(Ok(())),
            Err(error) => *end = Some(Err(error)),
        }
        None
    }

    fn is_over(&self, output_bytes: usize) -> bool {
        self.end.is_some() || (self.count > 0 && output_bytes >= BATCH_BYTES)
    }
}
