//! Work on several files at once.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, available_parallelism};

/// The most threads that read snapshots at once. Each holds two of them open.
const MAX_THREADS: usize = 4;

/// The number of threads that read snapshots at once.
pub(super) fn threads() -> usize {
    available_parallelism()
        .map_or(1, NonZero::get)
        .min(MAX_THREADS)
}

/// Maps every item on [`threads`] threads; the results are in the order of the items.
pub(super) fn map<T: Sync, R: Send>(items: &[T], map: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            let result = map(item);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results[at] = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads().min(items.len()) {
            // Fewer threads than wanted are only slower.
            if Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    // A thread that panicked has ended the scope.
    results.into_iter().flatten().collect()
}
