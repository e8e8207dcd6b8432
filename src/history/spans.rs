//! From what each run shows of one fact to the spans in which it was true.

use crate::model::{Interval, Timestamp};

/// What one run shows of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It is true, with this value.
    Present {
        /// The value.
        value: T,
        /// When it began, by the source's own record.
        since: Option<Timestamp>,
    },
    /// It is not true.
    Absent,
    /// The run did not read it.
    Unknown,
}

impl<T> Seen<T> {
    /// A fact whose start the source does not record; unknown if there is no value.
    pub fn known(value: Option<T>) -> Self {
        match value {
            Some(value) => Self::Present { value, since: None },
            None => Self::Unknown,
        }
    }
}

/// The spans of one fact, from what successive runs show of it.
#[derive(Clone, Debug)]
pub struct Spans<T> {
    finished: Vec<(T, Interval, Option<Interval>)>,
    current: Option<(T, Interval)>,
    /// The last capture that shows whether it is true.
    last_known: Option<Timestamp>,
    /// The last such capture at an earlier time than that.
    known_before: Option<Timestamp>,
}

impl<T> Default for Spans<T> {
    fn default() -> Self {
        Self::unknown_until(None)
    }
}

impl<T> Spans<T> {
    /// Starts with a fact that was not true in the capture at `last_absent`, nor in any before it that shows it.
    pub fn unknown_until(last_absent: Option<Timestamp>) -> Self {
        Self {
            finished: Vec::new(),
            current: None,
            last_known: last_absent,
            known_before: None,
        }
    }

    /// Takes what the run captured at `at` shows. Runs must be in the order of their captures. `continues` says whether a
    /// value is of the same span as the one so far, to which it may add what it knows.
    pub fn observe(
        &mut self,
        at: Timestamp,
        seen: Seen<T>,
        continues: impl Fn(&mut T, &T) -> bool,
    ) {
        match seen {
            Seen::Unknown => return,
            Seen::Absent => self.end(Interval {
                after: self.after(at),
                by: at,
            }),
            Seen::Present { value, since } => {
                let from = self.start(at, since);
                let current = self.current.as_mut();
                if !current.is_some_and(|(current, _)| continues(current, &value)) {
                    // The old value ended before the new one began.
                    self.end(Interval {
                        after: self.after(at),
                        by: from.by,
                    });
                    self.current = Some((value, from));
                }
            }
        }
        if self.last_known < Some(at) {
            self.known_before = self.last_known;
        }
        self.last_known = Some(at);
    }

    /// The last capture before `at` that shows whether it is true. One at the same time says nothing about when.
    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        if self.last_known < Some(at) {
            self.last_known
        } else {
            self.known_before
        }
    }

    /// When a fact began that the run at `at` is the first to show: at `since`, if that lies between the captures.
    fn start(&self, at: Timestamp, since: Option<Timestamp>) -> Interval {
        let after = self.after(at);
        let lies_between =
            |since: &Timestamp| *since <= at && after.is_none_or(|after| after <= *since);
        match since.filter(lies_between) {
            Some(since) => Interval::at(since),
            None => Interval { after, by: at },
        }
    }

    fn end(&mut self, until: Interval) {
        if let Some((value, from)) = self.current.take() {
            self.finished.push((value, from, Some(until)));
        }
    }

    /// Returns all spans in order: value, start, and end unless no run shows it.
    pub fn finish(mut self) -> Vec<(T, Interval, Option<Interval>)> {
        if let Some((value, from)) = self.current.take() {
            self.finished.push((value, from, None));
        }
        self.finished
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What one night shows: unknown, absent, or a value and how many hours before the capture it began.
    type Night = Option<Option<(u8, Option<u8>)>>;

    const HOURS_BETWEEN: i64 = 24;

    fn capture(night: usize) -> Timestamp {
        Timestamp::from_unix(1_780_000_000 + night as i64 * HOURS_BETWEEN * 3_600, 0).unwrap()
    }

    fn before(night: usize, hours: u8) -> Timestamp {
        let at = capture(night).unix_seconds() - i64::from(hours) * 3_600;
        Timestamp::from_unix(at, 0).unwrap()
    }

    fn spans(nights: &[Night]) -> Vec<(u8, Interval, Option<Interval>)> {
        let mut spans = Spans::default();
        for (at, night) in nights.iter().enumerate() {
            let seen = match night {
                None => Seen::Unknown,
                Some(None) => Seen::Absent,
                Some(Some((value, hours))) => Seen::Present {
                    value: *value,
                    since: hours.map(|hours| before(at, hours)),
                },
            };
            spans.observe(capture(at), seen, |a, b| *a == *b);
        }
        spans.finish()
    }

    /// The same by brute force: each night that shows something else than the last one that shows anything is a change, and
    /// its interval is looked up in all nights.
    fn by_brute_force(nights: &[Night]) -> Vec<(u8, Interval, Option<Interval>)> {
        let known: Vec<usize> = (0..nights.len())
            .filter(|at| nights[*at].is_some())
            .collect();
        let value = |at: usize| nights[at].unwrap().map(|(value, _)| value);
        let start = |at: usize| {
            let previous = known.iter().copied().rfind(|other| *other < at);
            let after = previous.map(capture);
            let since = nights[at].unwrap().unwrap().1;
            let since = since.map(|hours| before(at, hours));
            match since {
                Some(since) if after.is_none_or(|after| since >= after) => Interval {
                    after: Some(since),
                    by: since,
                },
                _ => Interval {
                    after,
                    by: capture(at),
                },
            }
        };
        let mut found = Vec::new();
        for at in known.iter().copied() {
            let Some(shown) = value(at) else { continue };
            let before = known.iter().copied().rfind(|other| *other < at);
            if before.is_some_and(|before| value(before) == Some(shown)) {
                continue;
            }
            let end = known
                .iter()
                .copied()
                .find(|later| *later > at && value(*later) != Some(shown));
            let until = end.map(|end| {
                let last = known.iter().copied().rfind(|other| *other < end).unwrap();
                Interval {
                    after: Some(capture(last)),
                    by: match value(end) {
                        Some(_) => start(end).by,
                        None => capture(end),
                    },
                }
            });
            found.push((shown, start(at), until));
        }
        found
    }

    proptest! {
        #[test]
        fn spans_agree_with_a_reading_of_every_night(
            nights in proptest::collection::vec(
                proptest::option::weighted(
                    0.8,
                    proptest::option::weighted(0.7, (0..3_u8, proptest::option::of(0..60_u8))),
                ),
                0..20,
            ),
        ) {
            prop_assert_eq!(spans(&nights), by_brute_force(&nights));
        }

        #[test]
        fn nights_that_read_nothing_change_nothing(
            nights in proptest::collection::vec(
                proptest::option::weighted(0.7, proptest::option::weighted(0.7, (0..3_u8, Just(None)))),
                0..12,
            ),
        ) {
            let known: Vec<_> = nights.iter().enumerate().filter(|(_, night)| night.is_some()).collect();
            let mut alone = Spans::default();
            for (at, night) in known {
                let seen = match night.unwrap() {
                    None => Seen::Absent,
                    Some((value, _)) => Seen::Present { value, since: None },
                };
                alone.observe(capture(at), seen, |a, b| *a == *b);
            }
            prop_assert_eq!(spans(&nights), alone.finish());
        }
    }

    #[test]
    fn leaving_and_rejoining_makes_two_spans_and_a_night_without_knowledge_none() {
        let nights = [
            Some(Some((7, None))),
            None,
            Some(Some((7, Some(1)))),
            Some(None),
            None,
            Some(Some((7, Some(30)))),
        ];
        let between = |after: usize, by: usize| Interval {
            after: Some(capture(after)),
            by: capture(by),
        };
        let first = Interval {
            after: None,
            by: capture(0),
        };
        // The night between read nothing, so the 30 hours lie within the interval.
        let expected = [
            (7, first, Some(between(2, 3))),
            (7, Interval::at(before(5, 30)), None),
        ];
        assert_eq!(spans(&nights), expected);
    }
}
