//! The live rows of all tables in the order of their keys: of several rows with one key the newest counts, unless it, or
//! its whole range, was deleted later.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::fault::Fault;
use super::manifest::TableFile;
use super::table::{Cursor, Head, Span, Table};
use crate::snapshot::error::V3Part;

/// A table and the part of it that counts.
pub(super) struct Source<'s> {
    pub(super) table: Table<'s>,
    pub(super) file: TableFile,
}

impl Source<'_> {
    /// Whether a key is after those of this table.
    fn is_before(&self, key: &[u8]) -> bool {
        match self.file.largest.as_slice().cmp(key) {
            Ordering::Less => true,
            Ordering::Equal => self.file.excludes_largest,
            Ordering::Greater => false,
        }
    }

    /// Limits a deletion to the part that counts; `None` if nothing is left.
    pub(super) fn clip(&self, mut span: Span) -> Option<Span> {
        if self.file.is_virtual {
            if span.start < self.file.smallest {
                span.start.clone_from(&self.file.smallest);
            }
            let mut end = self.file.largest.clone();
            if !self.file.excludes_largest {
                // The key after the largest.
                end.push(0);
            }
            if end < span.end {
                span.end = end;
            }
        }
        (span.start < span.end).then_some(span)
    }
}

/// The next row of an open cursor; the smallest key comes first, and of equal keys the newest row.
struct Next {
    head: Head,
    cursor: usize,
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        let (own, other) = (&self.head, &other.head);
        // `BinaryHeap` returns the greatest.
        other
            .key
            .cmp(&own.key)
            .then(own.sequence.cmp(&other.sequence))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Next {}

/// A walk over the live rows with keys from `from` up to `to`, which is not included.
pub(in crate::snapshot) struct Rows<'s> {
    /// In the order of their smallest keys.
    sources: &'s [Source<'s>],
    /// In the order of their starts.
    spans: &'s [Span],
    from: Vec<u8>,
    to: Option<Vec<u8>>,
    /// The first source and the first span that are still to come.
    next_source: usize,
    next_span: usize,
    cursors: Vec<Option<(Cursor<'s>, &'s Source<'s>)>>,
    heap: BinaryHeap<Next>,
    /// Sequence number and index of each deletion that may cover the current key.
    deletions: BinaryHeap<(u64, Reverse<usize>)>,
    /// The cursor of the row that was returned last, and its position.
    current: Option<Next>,
    /// Key and sequence number of the newest row of the current key.
    newest: Option<(Vec<u8>, u64)>,
}

/// A key and its value, borrowed until the next row is read.
pub(in crate::snapshot) struct Row<'r> {
    pub key: &'r [u8],
    pub value: &'r [u8],
}

impl<'s> Rows<'s> {
    pub(super) fn new(
        sources: &'s [Source<'s>],
        spans: &'s [Span],
        from: &[u8],
        to: Option<&[u8]>,
    ) -> Self {
        Self {
            sources,
            spans,
            from: from.to_vec(),
            to: to.map(<[u8]>::to_vec),
            next_source: 0,
            next_span: 0,
            cursors: Vec::new(),
            heap: BinaryHeap::new(),
            deletions: BinaryHeap::new(),
            current: None,
            newest: None,
        }
    }

    /// The next live row.
    ///
    /// # Errors
    /// When a table is damaged, or cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>, Fault> {
        loop {
            if let Some(next) = self.current.take() {
                self.advance(next)?;
            }
            self.open_sources()?;
            let Some(next) = self.heap.pop() else {
                return Ok(None);
            };
            let is_end = self.to.as_ref().is_some_and(|to| next.head.key >= *to);
            if is_end {
                return Ok(None);
            }
            let head = &next.head;
            let is_live = match &mut self.newest {
                Some((key, sequence)) if *key == head.key => {
                    if *sequence == head.sequence {
                        let problem = "two tables have the same key with one sequence number";
                        return Err(Fault::damage(V3Part::KeyOrder, problem));
                    }
                    false
                }
                newest => {
                    let (key, sequence) = newest.get_or_insert_default();
                    key.clone_from(&head.key);
                    *sequence = head.sequence;
                    !head.is_deleted && !self.is_covered(&next.head)
                }
            };
            let at = next.cursor;
            self.current = Some(next);
            if is_live {
                let (Some(next), Some(Some((cursor, _)))) = (&self.current, self.cursors.get(at))
                else {
                    return Ok(None);
                };
                return Ok(Some(Row {
                    key: &next.head.key,
                    value: cursor.value()?,
                }));
            }
        }
    }

    /// Opens the tables that can hold the next key.
    fn open_sources(&mut self) -> Result<(), Fault> {
        while let Some(source) = self.sources.get(self.next_source) {
            let first = self.heap.peek().map(|next| next.head.key.as_slice());
            let is_due = first.is_none_or(|key| source.file.smallest.as_slice() <= key);
            let is_after = self
                .to
                .as_ref()
                .is_some_and(|to| source.file.smallest >= *to);
            if !is_due || is_after {
                return Ok(());
            }
            self.next_source += 1;
            if source.is_before(&self.from) {
                continue;
            }
            // A part starts at its own smallest key. In a whole table nothing may come before it.
            let from = if source.file.is_virtual {
                self.from.as_slice().max(&source.file.smallest)
            } else {
                &self.from
            };
            let cursor = Cursor::new(source.table.clone(), source.file.sequence, from)?;
            let place = self.cursors.iter().position(Option::is_none);
            let place = place.unwrap_or(self.cursors.len());
            if place == self.cursors.len() {
                self.cursors.push(None);
            }
            self.cursors[place] = Some((cursor, source));
            self.advance(Next {
                head: Head::default(),
                cursor: place,
            })?;
        }
        Ok(())
    }

    /// Moves a cursor to its next row, or closes it.
    fn advance(&mut self, mut next: Next) -> Result<(), Fault> {
        let place = &mut self.cursors[next.cursor];
        let Some((cursor, source)) = place else {
            return Ok(());
        };
        let has_row = cursor.advance(&mut next.head)?;
        let is_outside =
            has_row && (source.is_before(&next.head.key) || next.head.key < source.file.smallest);
        if is_outside && !source.file.is_virtual {
            let problem = "a table has keys outside the bounds in the manifest";
            return Err(Fault::damage(V3Part::KeyOrder, problem));
        }
        if has_row && !is_outside {
            self.heap.push(next);
        } else {
            *place = None;
        }
        Ok(())
    }

    /// Whether a newer deletion covers a row.
    fn is_covered(&mut self, head: &Head) -> bool {
        while let Some(span) = self.spans.get(self.next_span)
            && span.start <= head.key
        {
            self.deletions
                .push((span.sequence, Reverse(self.next_span)));
            self.next_span += 1;
        }
        while let Some((sequence, Reverse(at))) = self.deletions.peek() {
            if self.spans[*at].end > head.key {
                return *sequence > head.sequence;
            }
            self.deletions.pop();
        }
        false
    }
}
