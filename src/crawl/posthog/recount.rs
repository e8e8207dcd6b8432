//! Two counts of the same people, read one after the other while people come and go; pure.

use std::fmt;

/// Readings during which nothing moved, before a difference is taken for one.
const QUIET_READINGS: u32 = 2;

/// A list, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Rows it had when its end was read, from those of different people to all.
    pub rows: Span,
    /// Whether its rows are surely whole, whatever its number: it then differs from a count only by those who came or
    /// went in between.
    pub is_proved: bool,
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
    fn including(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    fn meets(self, other: Self) -> bool {
        self.least <= other.most && other.least <= self.most
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { least, most } if least == most => write!(f, "{least}"),
            Self { least, most } => write!(f, "{least} to {most}"),
        }
    }
}

/// What the readings so far show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Nothing but people who come and go.
    Agree,
    /// A difference, which may still be due to people who came or went.
    Differ,
    /// A difference that stayed the same while nothing moved.
    Confirmed,
}

/// The readings of a list of people and of a count of them.
#[derive(Debug)]
pub(super) struct Recount {
    /// What the list had, in all readings.
    pub listed: Span,
    /// What was counted, in all readings.
    pub counted: Span,
    last_listed: Listed,
    last_counted: u64,
    quiet: u32,
}

impl Recount {
    /// A list, and what was counted before it, if that is known, and after it.
    pub(super) fn new(before: Option<u64>, listed: Listed, after: u64) -> Self {
        Self {
            listed: listed.rows,
            counted: after.into(),
            last_listed: listed,
            last_counted: after,
            quiet: u32::from(before == Some(after)),
        }
    }

    /// The list was read again, and counted after it. Two counts in a row keep a steady rhythm of people who come and
    /// go from being taken for a difference.
    pub(super) fn add(&mut self, listed: Listed, counted: [u64; 2]) {
        let is_quiet = listed == self.last_listed && counted == [self.last_counted; 2];
        self.quiet = if is_quiet { self.quiet + 1 } else { 0 };
        self.listed = self.listed.including(listed.rows);
        for counted in counted {
            self.counted = self.counted.including(counted.into());
            self.last_counted = counted;
        }
        self.last_listed = listed;
    }

    /// What was counted last.
    pub(super) fn last_counted(&self) -> u64 {
        self.last_counted
    }

    /// What the readings show. The list and the count are never read at one moment: where the list is proved, it is
    /// enough that at some time they may have been the same.
    pub(super) fn comparison(&self) -> Comparison {
        let agree = if self.last_listed.is_proved {
            self.listed.meets(self.counted)
        } else {
            self.last_listed.rows.meets(self.last_counted.into())
        };
        if agree {
            Comparison::Agree
        } else if self.quiet >= QUIET_READINGS {
            Comparison::Confirmed
        } else {
            Comparison::Differ
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proved(rows: u64) -> Listed {
        Listed {
            rows: rows.into(),
            is_proved: true,
        }
    }

    #[test]
    fn counts_of_a_quiet_organization_agree_at_once() {
        let recount = Recount::new(Some(7), proved(7), 7);
        assert_eq!(recount.comparison(), Comparison::Agree);
    }

    #[test]
    fn difference_is_confirmed_by_two_quiet_readings() {
        let mut recount = Recount::new(Some(9), proved(7), 9);
        assert_eq!(recount.comparison(), Comparison::Differ);
        recount.add(proved(7), [9, 9]);
        assert_eq!(recount.comparison(), Comparison::Confirmed);
    }

    #[test]
    fn difference_that_moves_is_never_confirmed() {
        let mut recount = Recount::new(Some(90), proved(7), 91);
        for step in 1..10 {
            recount.add(proved(7), [91 + step, 91 + step]);
            assert_eq!(recount.comparison(), Comparison::Differ);
        }
    }

    #[test]
    fn people_who_join_all_the_time_are_no_difference() {
        let mut recount = Recount::new(Some(950), proved(952), 954);
        assert_eq!(recount.comparison(), Comparison::Differ);
        recount.add(proved(956), [958, 960]);
        assert_eq!(recount.comparison(), Comparison::Agree);
    }

    /// Between two requests somebody joins, between the next two somebody leaves, and so on.
    #[test]
    fn rhythm_of_joins_and_leaves_is_no_difference() {
        let mut recount = Recount::new(Some(9), proved(8), 9);
        recount.add(proved(8), [9, 8]);
        assert_eq!(recount.comparison(), Comparison::Agree);
    }

    #[test]
    fn list_in_an_unknown_order_must_have_the_number_that_is_counted_after_it() {
        let unproved = |rows: u64| Listed {
            is_proved: false,
            ..proved(rows)
        };
        let mut recount = Recount::new(Some(950), unproved(952), 954);
        recount.add(unproved(956), [958, 958]);
        assert_eq!(recount.comparison(), Comparison::Differ);
        recount.add(unproved(958), [958, 958]);
        assert_eq!(recount.comparison(), Comparison::Agree);
    }

    /// Of somebody whom the server lists twice, the count may hold one or two.
    #[test]
    fn repeats_count_once_or_as_often_as_they_come() {
        let rows = Span { least: 7, most: 8 };
        for (counted, comparison) in [
            (7, Comparison::Agree),
            (8, Comparison::Agree),
            (9, Comparison::Differ),
        ] {
            let listed = Listed {
                rows,
                is_proved: true,
            };
            assert_eq!(Recount::new(None, listed, counted).comparison(), comparison);
        }
    }
}
