//! All rows of one kind, read by several threads: each takes chunks of rows, and what it makes of them comes back in the
//! order of the ids. What waits to be taken is bounded by weight, whatever the rows hold.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, ScopedJoinHandle};

use super::columns::Readable;
use super::open::Snapshot;
use super::query::{Filter, Rows};
use super::survey::Chunk;
use crate::model::SyncId;
use crate::snapshot::error::Error;
use crate::snapshot::table::Row;

/// A batch ends once this many bytes were made of it.
const BATCH_BYTES: usize = 1 << 20;
/// Makes something of each batch of rows that one thread reads.
pub type Maker<'m, K, T, E> = Box<dyn FnMut(&mut Batch<'_, '_, K>) -> Result<T, E> + 'm>;

/// A chunk to read, and where to send what is made of it.
struct Job<T, E> {
    chunk: Chunk,
    results: SyncSender<Result<Made<T>, E>>,
}

/// What is made of a chunk.
enum Made<T> {
    /// Of some of its rows.
    Batch(T),
    /// Nothing more.
    End,
}

impl Snapshot {
    /// Reads all rows of one kind that fit, in batches. `maker` is called once on every thread; `take` gets what the makers
    /// made, in the order of the ids, on the calling thread. Memory does not grow with the rows.
    ///
    /// # Errors
    /// The first error in the order of the ids, of a row, a maker or `take`.
    pub fn batches<'s, K: Readable, T: Send, E: From<Error> + Send>(
        &'s self,
        sync: &SyncId,
        filter: &'s Filter,
        maker: impl Fn(&'s Self) -> Result<Maker<'s, K, T, E>, E> + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let chunks = self.chunks(K::KIND, sync)?;
        if chunks.len() < 2 {
            return self.batches_here(sync, filter, &maker, &mut take);
        }
        let threads = threads();
        let (jobs, queue) = channel::<Job<T, E>>();
        // Only the workers hold it: should all of them panic, it goes, and so does every sender of results.
        let queue = Arc::new(Mutex::new(queue));
        let maker = &maker;
        let ran = std::thread::scope(|scope| {
            let mut workers = Vec::new();
            for _ in 0..threads {
                let queue = queue.clone();
                let worker = move || work(self, &queue, sync, filter, maker);
                // Fewer threads than wanted are slower; that is all.
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
            None => self.batches_here(sync, filter, maker, &mut take),
        }
    }

    /// The same on the calling thread.
    fn batches_here<'s, K: Readable, T, E: From<Error>>(
        &'s self,
        sync: &SyncId,
        filter: &'s Filter,
        maker: &impl Fn(&'s Self) -> Result<Maker<'s, K, T, E>, E>,
        take: &mut impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut make = maker(self)?;
        let mut rows = Rows::of_chunks(self, sync, filter)?;
        for chunk in self.chunks(K::KIND, sync)? {
            by_batch(&mut rows, *chunk, &mut make, |made| {
                take(made).map(|()| true)
            })?;
        }
        Ok(())
    }
}

/// Threads that read one snapshot. Beyond four, they only wait for the thread that takes what they make.
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

/// Lets `ahead` chunks be read at a time, and takes what comes of them in their order. The workers end with it, whichever
/// way it ends.
fn dispatch<T, E>(
    jobs: Sender<Job<T, E>>,
    chunks: &[Chunk],
    ahead: usize,
    take: &mut impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut waiting = chunks.iter();
    let mut begun: VecDeque<Receiver<Result<Made<T>, E>>> = VecDeque::new();
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
                Ok(Ok(Made::Batch(made))) => take(made)?,
                Ok(Ok(Made::End)) => break,
                Ok(Err(error)) => return Err(error),
                // The worker panicked, which comes out when it is joined.
                Err(_) => return Ok(()),
            }
        }
    }
}

/// Reads chunk after chunk until there are no more, or their rows are no longer wanted.
fn work<'s, K: Readable, T, E: From<Error>>(
    snapshot: &'s Snapshot,
    queue: &Mutex<Receiver<Job<T, E>>>,
    sync: &SyncId,
    filter: &'s Filter,
    maker: &impl Fn(&'s Snapshot) -> Result<Maker<'s, K, T, E>, E>,
) {
    let next = || {
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.recv()
    };
    let mut tools: Option<(Maker<'s, K, T, E>, Rows<'s, K>)> = None;
    while let Ok(Job { chunk, results }) = next() {
        let mut read = || -> Result<(), E> {
            let (make, rows) = match &mut tools {
                Some(tools) => tools,
                None => {
                    let rows = Rows::of_chunks(snapshot, sync, filter)?;
                    tools.insert((maker(snapshot)?, rows))
                }
            };
            // After an error elsewhere nobody receives.
            by_batch(rows, chunk, make, |made| {
                Ok(results.send(Ok(Made::Batch(made))).is_ok())
            })
        };
        let _ = results.send(read().map(|()| Made::End));
    }
}

/// Makes something of every batch of rows of a chunk, until `take` wants no more. What came before an error comes first.
pub(super) fn by_batch<K: Readable, T, E: From<Error>>(
    rows: &mut Rows<'_, K>,
    chunk: Chunk,
    make: &mut dyn FnMut(&mut Batch<'_, '_, K>) -> Result<T, E>,
    mut take: impl FnMut(T) -> Result<bool, E>,
) -> Result<(), E> {
    rows.enter(chunk);
    loop {
        let mut batch = Batch {
            rows,
            count: 0,
            end: None,
        };
        let made = make(&mut batch)?;
        let Batch { count, end, .. } = batch;
        if count > 0 && !take(made)? {
            return Ok(());
        }
        match end {
            Some(end) => return end.map_err(E::from),
            None if count == 0 => return Ok(()),
            None => {}
        }
    }
}

/// Some rows that follow each other.
pub struct Batch<'b, 's, K> {
    rows: &'b mut Rows<'s, K>,
    count: usize,
    /// How the rows of the chunk end, once they do.
    end: Option<Result<(), Error>>,
}

impl<K: Readable> Batch<'_, '_, K> {
    /// The next row of the batch, or `None` at its end. A batch also ends once `made`, the number of bytes that were made
    /// of it so far, is large, and at a row that is damaged: that error is returned after the batch was taken.
    pub fn next_row(&mut self, made: usize) -> Option<Row<'_, K>> {
        if self.is_over(made) {
            None
        } else {
            Self::count(self.rows.next_row(), &mut self.count, &mut self.end)
        }
    }

    /// The next row as it is, for `verify`: see [`Rows::next_unchecked`].
    pub(in crate::snapshot) fn next_unchecked(
        &mut self,
        made: usize,
    ) -> Option<Result<Row<'_, K>, Error>> {
        if self.is_over(made) {
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

    fn is_over(&self, made: usize) -> bool {
        self.end.is_some() || (self.count > 0 && made >= BATCH_BYTES)
    }
}
