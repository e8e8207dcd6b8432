//! Which snapshots of an archive to keep: the rules of `--keep-last`, `--keep-daily`, `--keep-weekly`, `--keep-monthly` and
//! `--keep-yearly`.
//!
//! The names are restic's, and so are the rules: each counts periods that have a snapshot, not periods of the calendar, and
//! keeps the newest snapshot of each. Unlike restic, a rule that has periods to spare does not also keep the oldest snapshot.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroUsize;

use super::Timestamp;

/// A rule that keeps snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionRule {
    /// Keeps the newest snapshots.
    Last,
    /// Keeps the newest snapshot of each day.
    Daily,
    /// Keeps the newest snapshot of each ISO week.
    Weekly,
    /// Keeps the newest snapshot of each month.
    Monthly,
    /// Keeps the newest snapshot of each year.
    Yearly,
}

impl RetentionRule {
    /// Returns its name, as in the option `--keep-daily`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }

    /// Returns the period that a snapshot taken at `at` belongs to, in UTC. `place` is the snapshot's place in the list.
    fn period(self, at: Timestamp, place: usize) -> String {
        match self {
            Self::Last => place.to_string(),
            Self::Daily => at.to_day(),
            Self::Weekly => at.to_iso_week(),
            Self::Monthly => at.to_day()[.."yyyy-mm".len()].to_owned(),
            Self::Yearly => at.to_day()[.."yyyy".len()].to_owned(),
        }
    }
}

impl fmt::Display for RetentionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many snapshots each rule keeps; `None` for a rule that is not used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The newest snapshots.
    pub last: Option<NonZeroUsize>,
    /// Days.
    pub daily: Option<NonZeroUsize>,
    /// ISO weeks.
    pub weekly: Option<NonZeroUsize>,
    /// Months.
    pub monthly: Option<NonZeroUsize>,
    /// Years.
    pub yearly: Option<NonZeroUsize>,
}

impl Retention {
    /// Returns the rules that are used, with their numbers.
    pub fn rules(&self) -> impl Iterator<Item = (RetentionRule, NonZeroUsize)> + use<> {
        [
            (RetentionRule::Last, self.last),
            (RetentionRule::Daily, self.daily),
            (RetentionRule::Weekly, self.weekly),
            (RetentionRule::Monthly, self.monthly),
            (RetentionRule::Yearly, self.yearly),
        ]
        .into_iter()
        .filter_map(|(rule, number)| Some((rule, number?)))
    }

    /// Whether no rule is used.
    pub fn is_empty(&self) -> bool {
        self.rules().next().is_none()
    }

    /// Returns for each snapshot the rules that keep it: none for one to remove. The first, which is the newest, is always
    /// kept if any rule is used.
    ///
    /// Leaving a snapshot out of the list never removes another one, so whatever is in doubt can be left out.
    pub fn kept(&self, newest_first: &[Timestamp]) -> Vec<Vec<RetentionRule>> {
        let mut kept = vec![Vec::new(); newest_first.len()];
        for (rule, number) in self.rules() {
            let mut periods = HashSet::new();
            for (place, (at, by)) in newest_first.iter().zip(&mut kept).enumerate() {
                if periods.len() == number.get() {
                    break;
                }
                if periods.insert(rule.period(*at, place)) {
                    by.push(rule);
                }
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_sqlite(text).unwrap()
    }

    /// Parses rules such as `last 2, daily 7`.
    fn rules(text: &str) -> Retention {
        let mut rules = Retention::default();
        for rule in text.split(", ") {
            let (name, number) = rule.split_once(' ').unwrap();
            let place = match name {
                "last" => &mut rules.last,
                "daily" => &mut rules.daily,
                "weekly" => &mut rules.weekly,
                "monthly" => &mut rules.monthly,
                "yearly" => &mut rules.yearly,
                other => panic!("{other}"),
            };
            *place = Some(number.parse().unwrap());
        }
        rules
    }

    #[test]
    fn newest_of_each_period_is_kept_and_periods_without_snapshots_do_not_count() {
        let times = [
            "2026-01-05 09:00:00",
            "2026-01-04 23:59:59.999",
            "2026-01-04 00:00:00",
            "2026-01-01 12:00:00",
            "2025-12-31 12:00:00",
            "2025-12-29 12:00:00",
            "2025-12-28 12:00:00",
            "2024-12-30 12:00:00",
            "2024-02-29 12:00:00",
            "2020-02-29 12:00:00",
        ]
        .map(at);
        for (text, expected) in [
            ("last 3", "0 1 2"),
            ("last 99", "0 1 2 3 4 5 6 7 8 9"),
            ("daily 3", "0 1 3"),
            ("daily 7", "0 1 3 4 5 6 7"),
            // Sunday 4 January 2026 ends the week that began on Monday 29 December 2025; 30 December 2024 is in the first
            // week of 2025.
            ("weekly 1", "0"),
            ("weekly 2", "0 1"),
            ("weekly 3", "0 1 6"),
            ("weekly 4", "0 1 6 7"),
            ("monthly 2", "0 4"),
            ("monthly 4", "0 4 7 8"),
            ("yearly 2", "0 4"),
            ("yearly 9", "0 4 7 9"),
            ("last 1, yearly 2", "0 4"),
            (
                "last 2, daily 1, weekly 3, monthly 1, yearly 4",
                "0 1 4 6 7 9",
            ),
        ] {
            let kept = rules(text).kept(&times);
            let places: Vec<_> = (0..times.len())
                .filter(|place| !kept[*place].is_empty())
                .collect();
            let places: Vec<_> = places.iter().map(usize::to_string).collect();
            assert_eq!(places.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn every_rule_that_keeps_a_snapshot_is_named() {
        let times = ["2026-01-02 00:00:00", "2026-01-01 00:00:00"].map(at);
        let names = |text| {
            let kept = rules(text).kept(&times);
            kept.into_iter()
                .map(|by| {
                    by.iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" ")
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names("last 1, daily 2, weekly 1, monthly 1, yearly 1"),
            ["last daily weekly monthly yearly", "daily"]
        );
        assert_eq!(names("yearly 1"), ["yearly", ""]);
        assert!(Retention::default().is_empty());
        assert_eq!(Retention::default().kept(&times), [vec![], vec![]]);
    }

    /// The first and the last day of a year belong to the ISO week that has most of its days in one year.
    #[test]
    fn weeks_are_those_of_iso_8601() {
        for (day, week) in [
            ("2026-12-31 23:59:59", "2026-W53"),
            ("2027-01-03 23:59:59", "2026-W53"),
            ("2027-01-04 00:00:00", "2027-W01"),
            ("2024-12-29 23:59:59", "2024-W52"),
            ("2024-12-30 00:00:00", "2025-W01"),
            ("0001-01-01 00:00:00", "0001-W01"),
            ("9999-12-31 23:59:59", "9999-W52"),
        ] {
            assert_eq!(at(day).to_iso_week(), week, "{day}");
        }
    }

    const DAY: i64 = 86_400;

    /// Days from 1970 to a day, by counting, without a calendar library.
    fn year_and_month(days: i64) -> (i64, i64) {
        let (mut year, mut left) = (1970, days);
        let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        while left >= 365 + i64::from(is_leap(year)) {
            left -= 365 + i64::from(is_leap(year));
            year += 1;
        }
        let february = 28 + i64::from(is_leap(year));
        let mut month = 1;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if left < length {
                break;
            }
            left -= length;
            month += 1;
        }
        (year, month)
    }

    /// The period of a time in seconds since 1970, as a number that is the same within a period only.
    fn period(rule: RetentionRule, seconds: i64) -> i64 {
        let days = seconds / DAY;
        match rule {
            RetentionRule::Last => unreachable!("it has no periods"),
            RetentionRule::Daily => days,
            // 1 January 1970 was a Thursday.
            RetentionRule::Weekly => (days + 3) / 7,
            RetentionRule::Monthly => {
                let (year, month) = year_and_month(days);
                year * 12 + month
            }
            RetentionRule::Yearly => year_and_month(days).0,
        }
    }

    /// Whether a rule keeps the snapshot at `place`, by its definition: it is the newest of its period, and fewer than
    /// `number` later periods have a snapshot.
    fn is_kept(rule: RetentionRule, number: usize, seconds: &[i64], place: usize) -> bool {
        if rule == RetentionRule::Last {
            return place < number;
        }
        let own = period(rule, seconds[place]);
        let newer = || seconds[..place].iter().map(|at| period(rule, *at));
        let later: HashSet<_> = newer().filter(|other| *other != own).collect();
        newer().all(|other| other != own) && later.len() < number
    }

    fn any_rules() -> impl Strategy<Value = Retention> {
        let number =
            || proptest::option::of((1..9_usize).prop_map(|n| NonZeroUsize::new(n).unwrap()));
        (number(), number(), number(), number(), number()).prop_map(
            |(last, daily, weekly, monthly, yearly)| Retention {
                last,
                daily,
                weekly,
                monthly,
                yearly,
            },
        )
    }

    /// Times over three weeks or eight years, newest first.
    fn any_times() -> impl Strategy<Value = Vec<i64>> {
        prop_oneof![Just(21 * DAY), Just(8 * 366 * DAY)]
            .prop_flat_map(|span| {
                proptest::collection::vec(1_766_000_000..1_766_000_000 + span, 0..40)
            })
            .prop_map(|mut times| {
                times.sort_by(|a, b| b.cmp(a));
                times
            })
    }

    fn timestamps(seconds: &[i64]) -> Vec<Timestamp> {
        seconds
            .iter()
            .map(|at| Timestamp::from_unix(*at, 0).unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn rules_keep_what_their_definition_says(rules in any_rules(), seconds in any_times()) {
            let kept = rules.kept(&timestamps(&seconds));
            for (place, by) in kept.iter().enumerate() {
                let expected: Vec<_> = rules
                    .rules()
                    .filter(|(rule, number)| is_kept(*rule, number.get(), &seconds, place))
                    .map(|(rule, _)| rule)
                    .collect();
                prop_assert_eq!(by, &expected, "{}", place);
            }
            if let Some(newest) = kept.first() {
                prop_assert_eq!(newest.is_empty(), rules.is_empty());
            }
        }

        #[test]
        fn leaving_a_snapshot_out_removes_no_other(
            rules in any_rules(),
            seconds in any_times(),
            left_out in any::<proptest::sample::Index>(),
        ) {
            if !seconds.is_empty() {
                let left_out = left_out.index(seconds.len());
                let mut kept = rules.kept(&timestamps(&seconds));
                kept.remove(left_out);
                let mut rest = seconds;
                rest.remove(left_out);
                for (all, fewer) in kept.iter().zip(rules.kept(&timestamps(&rest))) {
                    prop_assert!(all.iter().all(|rule| fewer.contains(rule)));
                }
            }
        }

        #[test]
        fn pruning_again_removes_nothing(rules in any_rules(), seconds in any_times()) {
            let kept = rules.kept(&timestamps(&seconds));
            let rest: Vec<_> = (0..seconds.len())
                .filter(|place| !kept[*place].is_empty())
                .map(|place| seconds[place])
                .collect();
            let again = rules.kept(&timestamps(&rest));
            prop_assert!(again.iter().all(|by| !by.is_empty()));
        }
    }
}
