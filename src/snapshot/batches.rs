//! All rows of one kind, worked on by several threads: each reads stretches of the ids through a connection of its own,
//! and what it makes of them comes back in the order of the ids.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use rusqlite::types::ValueRef;

use super::Error;
use super::digest::{ContentDigest, Digester, RowKind};
use super::query::{Filter, Rows, Stretch};
use super::reader::Snapshot;
use super::rows::Row;
use crate::model::SyncId;

/// Rows that are handed over at a time at the most.
const BATCH: usize = 512;
/// Bytes of blobs, about, with which a batch ends before it has so many rows.
const BATCH_BYTES: usize = 1 << 20;
/// Batches of one stretch that may wait to be taken.
const BATCHES_AHEAD: usize = 4;
/// Rows in a stretch, about: as many as may wait. A table with fewer than two stretches is read by the calling thread.
const STRETCH: i128 = (BATCHES_AHEAD * BATCH) as i128;
/// Stretches into which a table is cut at the most.
const MAX_STRETCHES: i128 = 16 * 1024;

/// Makes something of each batch of rows that one thread reads; it must take them all.
pub type Maker<'m, T, E> = Box<dyn FnMut(&mut Batch<'_, '_>) -> Result<T, E> + 'm>;

/// A stretch to read, and where to send what is made of it.
struct Job<'s, T, E> {
    stretch: &'s Stretch,
    results: SyncSender<Result<Made<T>, E>>,
}

/// What comes of a stretch.
enum Made<T> {
    /// Of a batch.
    Batch(T),
    /// Nothing more.
    End,
}

impl Snapshot {
    /// Reads all rows of `kind` that fit, in batches. `maker` is called once on every thread, with the snapshot through
    /// which that reads; `take` gets what the makers made, in the order of the ids, on the calling thread. Memory does
    /// not grow with the rows.
    ///
    /// # Errors
    /// The first error in the order of the ids, whoever had it.
    pub fn batches<T: Send, E: From<Error> + Send>(
        &self,
        kind: RowKind,
        sync: &SyncId,
        filter: &Filter,
        maker: impl for<'m> Fn(&'m Snapshot) -> Result<Maker<'m, T, E>, E> + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let stretches = self.stretches(kind, filter)?;
        let workers = match stretches.as_slice() {
            [_] => Vec::new(),
            _ => std::iter::from_fn(|| self.another()).collect(),
        };
        if workers.is_empty() {
            let mut make = maker(self)?;
            let mut query = self.query(kind, filter)?;
            return by_batch(query.rows(sync)?, &mut make, |made| {
                take(made).map(|()| true)
            });
        }
        let ahead = 2 * workers.len();
        let (jobs, queue) = channel::<Job<'_, T, E>>();
        // Only the workers hold it: should all of them panic, it goes, and whoever waits for their results is told.
        let queue = Arc::new(Mutex::new(queue));
        let maker = &maker;
        std::thread::scope(|scope| {
            let workers: Vec<_> = workers
                .into_iter()
                .map(|worker| {
                    let queue = queue.clone();
                    scope.spawn(move || {
                        work(&worker, &queue, kind, sync, filter, maker);
                        worker
                    })
                })
                .collect();
            drop(queue);
            let taken = hand_out(jobs, &stretches, ahead, &mut take);
            for worker in workers {
                match worker.join() {
                    Ok(worker) => self.give_back(worker),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            taken
        })
    }

    /// Reads all rows of a sync run on a thread of its own, in the order of kinds and ids, and makes their digest. A
    /// snapshot can be read so twice at a time.
    ///
    /// # Panics
    /// When it is read so twice already.
    pub fn read_beside<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        sync: &'scope SyncId,
    ) -> RowsBeside<'scope> {
        let snapshot = self
            .another()
            .expect("a snapshot has connections for two further threads");
        let (sender, batches) = sync_channel(BATCHES_AHEAD);
        let reader = scope.spawn(move || {
            let mut digester = Digester::new();
            let read = send_all(&snapshot, sync, &mut digester, &sender);
            if let Err(error) = read {
                let _ = sender.send(Err(error));
            }
            (snapshot, digester.finish())
        });
        RowsBeside {
            of: self,
            batches,
            rows: Vec::new().into_iter(),
            reader,
        }
    }

    /// How the ids of a table are cut into stretches: by those that stand at even distances in the table. Where they are
    /// cut changes nothing but how well the work is spread.
    fn stretches(&self, kind: RowKind, filter: &Filter) -> Result<Vec<Stretch>, Error> {
        let table = kind.table();
        let columns = self.columns(table)?;
        let whole = || Ok(vec![Stretch::default()]);
        // Anything else is not answered by way of the index on the ids, and would be read anew for every stretch.
        if *filter != Filter::default() || !self.is_cut_by_id(table, &columns)? {
            return whole();
        }
        let ends: (Option<i64>, Option<i64>) = self
            .prepare(&format!(
                "select (select min(rowid) from {table}), (select max(rowid) from {table})"
            ))?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(|e| self.sqlite(e))?;
        let (Some(first), Some(last)) = ends else {
            return whole();
        };
        let (first, span) = (i128::from(first), i128::from(last) - i128::from(first));
        let count = ((span + 1) / STRETCH).min(MAX_STRETCHES);
        let mut cuts = Vec::new();
        let mut statement = self.prepare(&format!(
            "select external_id from {table} where rowid >= ?1 order by rowid limit 1"
        ))?;
        for at in 1..count {
            let rowid = i64::try_from(first + span * at / count).unwrap_or(i64::MAX);
            let mut rows = statement.query([rowid]).map_err(|e| self.sqlite(e))?;
            let row = rows.next().map_err(|e| self.sqlite(e))?;
            // Whoever reads what is no text says so.
            if let Some(Ok(ValueRef::Text(id))) = row.map(|row| row.get_ref(0)) {
                cuts.extend(String::from_utf8(id.to_vec()).ok());
            }
        }
        cuts.sort_unstable();
        cuts.dedup();
        Ok(Stretch::between(cuts))
    }

    /// Whether stretches of ids can be found by row id and read by themselves: by way of an index, and with no row outside
    /// of all of them.
    fn is_cut_by_id(&self, table: &str, columns: &[String]) -> Result<bool, Error> {
        // Then the name does not mean the row id.
        if columns
            .iter()
            .any(|name| name.eq_ignore_ascii_case("rowid"))
        {
            return Ok(false);
        }
        let is_indexed = self
            .prepare(
                "select 1 from pragma_table_list(?1) t, pragma_index_list(?1) l, pragma_index_xinfo(l.name) c \
                 where not t.wr and not l.partial and c.seqno = 0 and c.name = 'external_id' \
                 and c.coll = 'BINARY'",
            )?
            .exists([table])
            .map_err(|e| self.sqlite(e))?;
        if !is_indexed {
            return Ok(false);
        }
        let has_null = self
            .prepare(&format!(
                "select 1 from {table} where external_id is null limit 1"
            ))?
            .exists([])
            .map_err(|e| self.sqlite(e))?;
        Ok(!has_null)
    }
}

/// Lets `ahead` stretches be read at a time, and takes what comes of them in their order. The workers end with it,
/// whichever way it ends.
fn hand_out<'s, T, E>(
    jobs: Sender<Job<'s, T, E>>,
    stretches: &'s [Stretch],
    ahead: usize,
    take: &mut impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut waiting = stretches.iter();
    let mut begun: VecDeque<Receiver<Result<Made<T>, E>>> = VecDeque::new();
    loop {
        for stretch in waiting.by_ref().take(ahead - begun.len()) {
            let (results, receiver) = sync_channel(BATCHES_AHEAD);
            let _ = jobs.send(Job { stretch, results });
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
                // The worker panicked, which is told when it is joined.
                Err(_) => return Ok(()),
            }
        }
    }
}

/// Reads stretch after stretch until there are no more, or nobody wants them.
fn work<'w, T, E: From<Error>>(
    snapshot: &'w Snapshot,
    queue: &Mutex<Receiver<Job<'_, T, E>>>,
    kind: RowKind,
    sync: &SyncId,
    filter: &Filter,
    maker: &impl Fn(&'w Snapshot) -> Result<Maker<'w, T, E>, E>,
) {
    let next = || {
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.recv()
    };
    let mut make = None;
    while let Ok(Job { stretch, results }) = next() {
        let make = match &mut make {
            Some(make) => make,
            None => match maker(snapshot) {
                Ok(made) => make.insert(made),
                Err(error) => {
                    let _ = results.send(Err(error));
                    continue;
                }
            },
        };
        let mut each = || -> Result<(), E> {
            let mut query = snapshot.query_stretch(kind, filter, stretch)?;
            // Nobody wants it once something failed before.
            by_batch(query.rows(sync)?, make, |made| {
                Ok(results.send(Ok(Made::Batch(made))).is_ok())
            })
        };
        let _ = results.send(each().map(|()| Made::End));
    }
}

/// Sends all rows, until nobody wants them any more.
fn send_all(
    snapshot: &Snapshot,
    sync: &SyncId,
    digester: &mut Digester,
    sender: &SyncSender<Result<Vec<Row<'static>>, Error>>,
) -> Result<(), Error> {
    let mut records = Vec::new();
    let mut wanted = true;
    for kind in RowKind::ALL {
        let mut query = snapshot.query(kind, &Filter::default())?;
        let mut make = |batch: &mut Batch<'_, '_>| {
            let mut rows = Vec::with_capacity(BATCH);
            records.clear();
            while let Some(row) = batch.next_row() {
                row.record(&mut records);
                rows.push(row.into_owned());
            }
            digester.record(&records);
            Ok(rows)
        };
        by_batch(query.rows(sync)?, &mut make, |rows| {
            wanted = sender.send(Ok(rows)).is_ok();
            Ok::<_, Error>(wanted)
        })?;
        if !wanted {
            break;
        }
    }
    Ok(())
}

/// Rows that another thread reads, one at a time.
pub struct RowsBeside<'scope> {
    of: &'scope Snapshot,
    batches: Receiver<Result<Vec<Row<'static>>, Error>>,
    rows: std::vec::IntoIter<Row<'static>>,
    reader: ScopedJoinHandle<'scope, (Snapshot, ContentDigest)>,
}

impl RowsBeside<'_> {
    /// The content digest of all rows, once they are read to the end.
    pub fn digest(self) -> ContentDigest {
        drop(self.batches);
        match self.reader.join() {
            Ok((snapshot, digest)) => {
                self.of.give_back(snapshot);
                digest
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Iterator for RowsBeside<'_> {
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

/// Makes something of every batch of rows, until `take` wants no more. What came before an error comes first.
fn by_batch<T, E: From<Error>>(
    mut rows: Rows<'_>,
    make: &mut dyn FnMut(&mut Batch<'_, '_>) -> Result<T, E>,
    mut take: impl FnMut(T) -> Result<bool, E>,
) -> Result<(), E> {
    loop {
        let mut batch = Batch {
            rows: &mut rows,
            count: 0,
            bytes: 0,
            end: None,
        };
        let made = make(&mut batch)?;
        let Batch { count, end, .. } = batch;
        assert!(count > 0 || end.is_some(), "a maker must take its rows");
        if count > 0 && !take(made)? {
            return Ok(());
        }
        if let Some(end) = end {
            return end.map_err(E::from);
        }
    }
}

/// Some rows that come one after the other.
pub struct Batch<'b, 'q> {
    rows: &'b mut Rows<'q>,
    count: usize,
    bytes: usize,
    /// How the rows end, once they do.
    end: Option<Result<(), Error>>,
}

impl Batch<'_, '_> {
    /// The batch's next row. None too where one cannot be read, which whoever reads by batches is told after this one.
    pub fn next_row(&mut self) -> Option<Row<'_>> {
        if self.count == BATCH || self.bytes >= BATCH_BYTES || self.end.is_some() {
            return None;
        }
        match self.rows.next_row() {
            Ok(Some(row)) => {
                self.count += 1;
                self.bytes += row.bytes();
                Some(row)
            }
            Ok(None) => {
                self.end = Some(Ok(()));
                None
            }
            Err(error) => {
                self.end = Some(Err(error));
                None
            }
        }
    }
}
