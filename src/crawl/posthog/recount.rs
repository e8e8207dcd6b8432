//! Compares two counts of the same people that are read one after the other while people join and leave; pure.

use std::fmt;

/// The length of a list as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// How many rows it had: from the number of different people to the number of all rows.
    pub rows: Span,
    /// Equal for equal rows.
    pub fingerprint: u64,
}

/// The smallest and the largest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub least: u64,
    pub most: u64,
}

impl From<u64> for Span {
    fn from(number: u64) -> Self {
        Self {
            least: number,
            most: number,
        }
    }
}

impl Span {
    pub(super) fn including(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    /// Whether it is a single number.
    pub(super) fn is_one_number(self) -> bool {
        self.least == self.most
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.least <= other.most && other.least <= self.most
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { least, .. } if self.is_one_number() => write!(f, "{least}"),
            Self { least, most } => write!(f, "{least} to {most}"),
        }
    }
}

/// What the readings so far show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The list had as many rows as were counted before or after it, or a number in between.
    Agree,
    /// The numbers differ, perhaps because people joined or left.
    Differ,
    /// The numbers differ, and did not change when they were read again.
    Confirmed,
}

/// The readings of a list of people, and of a count of them that is read before and after each.
#[derive(Debug)]
pub(super) struct Recount {
    /// The length of the list in all readings.
    pub listed: Span,
    /// The counts of all readings.
    pub counted: Span,
    /// The counts around the last reading of the list.
    around: Span,
    last_listed: Listed,
    last_counted: u64,
    /// Whether the list and the counts around it were the same in the last two readings.
    is_stable: bool,
    /// Whether the length of the list was ever equal to the counts before and after it.
    was_equal: bool,
}

impl Recount {
    /// Starts with a list and the count after it. The count before it may be too old.
    pub(super) fn new(listed: Listed, after: u64) -> Self {
        let around = Span::from(after);
        Self {
            listed: listed.rows,
            counted: around,
            around,
            last_listed: listed,
            last_counted: after,
            is_stable: false,
            was_equal: listed.rows.meets(around),
        }
    }

    /// Adds a reading of the list and two counts after it. With only one, people who join and leave in a steady rhythm could
    /// make it look as if neither number changed.
    pub(super) fn add(&mut self, listed: Listed, counted: [u64; 2]) {
        let before = self.last_counted;
        self.around = counted
            .into_iter()
            .map(Span::from)
            .fold(before.into(), Span::including);
        self.is_stable = listed == self.last_listed && self.around.is_one_number();
        self.was_equal |= self.around.is_one_number() && listed.rows.meets(self.around);
        self.listed = self.listed.including(listed.rows);
        self.counted = self.counted.including(self.around);
        self.last_counted = counted[1];
        self.last_listed = listed;
    }

    /// Returns the length of the list in its last reading, and the counts before and after it.
    pub(super) fn last(&self) -> (Span, Span) {
        (self.last_listed.rows, self.around)
    }

    /// Returns the last count.
    pub(super) fn last_counted(&self) -> u64 {
        self.last_counted
    }

    /// Whether the numbers agreed only because people may have joined or left in between.
    pub(super) fn is_uncertain(&self) -> bool {
        !self.was_equal
    }

    /// Returns what the readings show.
    pub(super) fn comparison(&self) -> Comparison {
        if self.last_listed.rows.meets(self.around) {
            Comparison::Agree
        } else if self.is_stable {
            Comparison::Confirmed
        } else {
            Comparison::Differ
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of this many rows; `fingerprint` says which.
    fn listed(rows: u64, fingerprint: u64) -> Listed {
        Listed {
            rows: rows.into(),
            fingerprint,
        }
    }

    #[test]
    fn counts_of_a_quiet_organization_agree_at_once() {
        let recount = Recount::new(listed(7, 1), 7);
        assert_eq!(recount.comparison(), Comparison::Agree);
        assert!(!recount.is_uncertain());
    }

    #[test]
    fn difference_is_confirmed_by_two_readings_of_the_same_rows() {
        let mut recount = Recount::new(listed(7, 1), 9);
        assert_eq!(recount.comparison(), Comparison::Differ);
        recount.add(listed(7, 1), [9, 9]);
        assert_eq!(recount.comparison(), Comparison::Confirmed);
    }

    /// A member is deactivated before each reading of the list, and active again before each count.
    #[test]
    fn difference_is_not_confirmed_if_the_rows_change() {
        let mut recount = Recount::new(listed(49, 1), 50);
        for other in 2..10 {
            recount.add(listed(49, other), [50, 50]);
            assert_eq!(recount.comparison(), Comparison::Differ);
        }
    }

    #[test]
    fn difference_is_not_confirmed_if_the_counts_change() {
        let mut recount = Recount::new(listed(7, 1), 91);
        for step in 1..10 {
            recount.add(listed(7, 1), [91 + step, 91 + step]);
            assert_eq!(recount.comparison(), Comparison::Differ);
        }
    }

    #[test]
    fn people_who_join_or_leave_all_the_time_make_no_difference() {
        for (list, counts) in [([952, 956], [954, 958, 960]), ([954, 950], [952, 948, 946])] {
            let mut recount = Recount::new(listed(list[0], 1), counts[0]);
            assert_eq!(recount.comparison(), Comparison::Differ);
            recount.add(listed(list[1], 2), [counts[1], counts[2]]);
            assert_eq!(recount.comparison(), Comparison::Agree);
            assert!(recount.is_uncertain());
        }
    }

    /// Ten members are hidden, and one joins with each request: no reading comes near the counts around it.
    #[test]
    fn people_who_join_do_not_make_up_for_hidden_ones() {
        let mut recount = Recount::new(listed(90, 1), 101);
        for step in 0..5 {
            let at = 102 + 3 * step;
            recount.add(listed(at - 10, step), [at + 1, at + 2]);
            assert_eq!(recount.comparison(), Comparison::Differ);
        }
    }

    /// Between two requests a person joins, between the next two a person leaves, and so on.
    #[test]
    fn rhythm_of_joins_and_leaves_makes_no_difference() {
        let mut recount = Recount::new(listed(8, 1), 9);
        recount.add(listed(8, 1), [9, 8]);
        assert_eq!(recount.comparison(), Comparison::Agree);
    }

    /// The server lists a person twice; the count may include the person once or twice.
    #[test]
    fn repeated_person_may_be_counted_once_or_twice() {
        let rows = Span { least: 7, most: 8 };
        for (counted, comparison) in [
            (7, Comparison::Agree),
            (8, Comparison::Agree),
            (9, Comparison::Differ),
        ] {
            let listed = Listed {
                rows,
                fingerprint: 1,
            };
            assert_eq!(Recount::new(listed, counted).comparison(), comparison);
        }
    }
}
