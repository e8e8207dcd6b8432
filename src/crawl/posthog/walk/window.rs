//! One page of a list: its rows with their indexes, and the span of times of which it has every row.

use std::collections::HashMap;

use super::super::list::ListRow;
use crate::model::{Text, Timestamp};

/// A page with each row once, at its last index in the server's list.
pub(super) struct Window<T> {
    pub rows: Vec<(u64, T)>,
    /// How many rows repeat a person on the page.
    pub repeats: u64,
}

impl<T: ListRow> Window<T> {
    pub(super) fn new(offset: u64, page: Vec<T>) -> Self {
        let received = page.len();
        let mut known: HashMap<Text, usize> = HashMap::new();
        let mut rows: Vec<(u64, T)> = Vec::with_capacity(received);
        for (index, row) in (offset..).zip(page) {
            match known.get(row.key()) {
                Some(first) => rows[*first].0 = index,
                None => {
                    known.insert(row.key().clone(), rows.len());
                    rows.push((index, row));
                }
            }
        }
        Self {
            repeats: (received - rows.len()) as u64,
            rows,
        }
    }

    pub(super) fn first_time(&self) -> Option<Timestamp> {
        self.rows.first().and_then(|(_, row)| row.joined_at())
    }

    /// Returns the span of times of which the page has every row: after its first row, and before its last one unless the
    /// list ends there.
    pub(super) fn times(&self, is_last: bool) -> Times {
        let last = self.rows.last().and_then(|(_, row)| row.joined_at());
        Times {
            after: self.first_time(),
            before: last.filter(|_| !is_last),
        }
    }

    pub(super) fn into_rows(self) -> Vec<T> {
        self.rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// A span of times, excluding its ends.
#[derive(Clone, Copy)]
pub(super) struct Times {
    after: Option<Timestamp>,
    /// `None` for no end.
    before: Option<Timestamp>,
}

impl Times {
    pub(super) fn include(&self, time: Option<Timestamp>) -> bool {
        time > self.after && self.before.is_none_or(|before| time < Some(before))
    }
}
