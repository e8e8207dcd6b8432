//! When people who left lost access: the least and the most time that it can have taken.

use crate::model::{Leaver, Punctuality, Timestamp};

/// Whether each run shows access of one person, in the order of the captures; `None` where a run did not read that.
pub type AccessSeen = [(Timestamp, Option<bool>)];

/// A person who left, according to a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The address.
    pub email: String,
    /// The end of the last day, if the roster has it.
    pub left_at: Option<Timestamp>,
    /// The id without its type; `None` if no run shows the address.
    pub id: Option<String>,
}

/// Judges when a person lost access, by what each run shows of it. `within` is the limit in seconds.
///
/// The access that was lost is the one held when the person left or, if it was lost before, the last one before that. Without
/// a date it is the last one of all.
pub fn judge_leaver(left: Left, seen: &AccessSeen, within: Option<u64>) -> Leaver {
    let Left { email, left_at, id } = left;
    let known: Vec<(Timestamp, bool)> = seen
        .iter()
        .filter_map(|(at, has_access)| Some((*at, (*has_access)?)))
        .collect();
    let mut loss = Loss::of(&known, left_at);
    let newest = seen.last().map(|(at, _)| *at);
    let verdict = within.map(|within| loss.verdict(&known, left_at, newest, within));
    if id.is_none() {
        // There was nothing to lose.
        loss.first_without = None;
    }
    let millis = |at: Option<Timestamp>| Some(at?.millis_since(left_at?));
    let at_most = millis(loss.first_without);
    let at_least = match loss.first_without {
        // Without access in any capture, nothing says when it ended.
        Some(_) => millis(loss.last_with).or(left_at.and(Some(0))),
        None => millis(loss.last_with),
    };
    Leaver {
        email,
        left_at,
        id,
        last_with: loss.last_with,
        first_without: loss.first_without,
        back_at: loss.back_at,
        at_least_seconds: at_least.map(|millis| millis / 1_000),
        at_most_seconds: at_most.map(|millis| millis.div_ceil(1_000)),
        verdict,
    }
}

/// The loss of access that a leaver is judged by.
struct Loss {
    last_with: Option<Timestamp>,
    first_without: Option<Timestamp>,
    back_at: Option<Timestamp>,
}

impl Loss {
    /// Whether it was in time. `newest` is the newest capture, whatever it read.
    fn verdict(
        &self,
        known: &[(Timestamp, bool)],
        left_at: Option<Timestamp>,
        newest: Option<Timestamp>,
        within: u64,
    ) -> Punctuality {
        if self.back_at.is_some() {
            return Punctuality::Late;
        }
        let Some(last_with) = self.last_with else {
            // Only a capture after the last day proves that there is no access.
            let is_proved = known
                .iter()
                .any(|(at, _)| left_at.is_none_or(|left| left <= *at));
            return if is_proved {
                Punctuality::InTime
            } else {
                Punctuality::NotProved
            };
        };
        let Some(left_at) = left_at else {
            return Punctuality::NotProved;
        };
        let within = within.saturating_mul(1_000);
        let is_within = |at: Timestamp| at.millis_since(left_at) <= within;
        match (self.first_without, newest) {
            _ if !is_within(last_with) => Punctuality::Late,
            (Some(first_without), _) if is_within(first_without) => Punctuality::InTime,
            (None, Some(newest)) if is_within(newest) => Punctuality::Pending,
            _ => Punctuality::NotProved,
        }
    }

    fn of(known: &[(Timestamp, bool)], left_at: Option<Timestamp>) -> Self {
        // The state when the person left: that of the last capture until then, else of the first one after.
        let until = match left_at {
            Some(left_at) => known.partition_point(|(at, _)| *at <= left_at).max(1),
            None => known.len(),
        };
        let until = until.min(known.len());
        let had_access = until.checked_sub(1).is_some_and(|at| known[at].1);
        let end = if had_access {
            let lost = known[until..].iter().position(|(_, has)| !has);
            lost.map(|lost| until + lost)
        } else {
            // It was lost before: the capture after the last one with access.
            let last_with = known[..until].iter().rposition(|(_, has)| *has);
            Some(last_with.map_or(0, |at| at + 1)).filter(|end| *end < known.len())
        };
        let before = &known[..end.unwrap_or(known.len())];
        let with = before.iter().rfind(|(_, has)| *has);
        let back = end.and_then(|end| known[end..].iter().find(|(_, has)| *has));
        Self {
            last_with: with.map(|(at, _)| *at),
            first_without: end.map(|end| known[end].0),
            back_at: back.map(|(at, _)| *at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_unix(1_780_000_000 + hours * 3_600, 0).unwrap()
    }

    /// One capture a day: `+` shows access, `-` shows none, `?` did not read it.
    fn judged(nights: &str, left_hour: Option<i64>, within: u64) -> String {
        let seen: Vec<_> = nights
            .chars()
            .enumerate()
            .map(|(day, shown)| {
                let shown = match shown {
                    '+' => Some(true),
                    '-' => Some(false),
                    _ => None,
                };
                (at(day as i64 * 24), shown)
            })
            .collect();
        let left = Left {
            email: "ada@example.com".to_owned(),
            left_at: left_hour.map(at),
            id: Some("1".to_owned()),
        };
        let leaver = judge_leaver(left, &seen, Some(within * 3_600));
        let day = |time: Option<Timestamp>| {
            time.map_or("none".to_owned(), |time| {
                (time.millis_since(at(0)) / 86_400_000).to_string()
            })
        };
        let hours = |seconds: Option<u64>| {
            seconds.map_or("none".to_owned(), |seconds| (seconds / 3_600).to_string())
        };
        let verdict = leaver.verdict.unwrap().as_str();
        format!(
            "{} {} {}, {} to {}, {verdict}",
            day(leaver.last_with),
            day(leaver.first_without),
            day(leaver.back_at),
            hours(leaver.at_least_seconds),
            hours(leaver.at_most_seconds),
        )
    }

    #[test]
    fn leavers_are_judged_by_the_captures_around_the_loss() {
        for (nights, left, within, expected) in [
            // Left on day 1 at 20:00, gone in the next capture.
            ("++--", Some(44), 24, "1 2 none, 0 to 4, in-time"),
            ("+++-", Some(44), 24, "2 3 none, 4 to 28, not-proved"),
            ("+++-", Some(44), 28, "2 3 none, 4 to 28, in-time"),
            ("++++-", Some(44), 24, "3 4 none, 28 to 52, late"),
            // Still there.
            ("+++", Some(44), 24, "2 none none, 4 to none, pending"),
            ("++++", Some(44), 24, "3 none none, 28 to none, late"),
            // Lost before the last day.
            ("+-----", Some(44), 24, "0 1 none, 0 to 0, in-time"),
            // It came back.
            ("++-+", Some(44), 24, "1 2 3, 0 to 4, late"),
            ("+--+", Some(44), 24, "0 1 3, 0 to 0, late"),
            // Lost and regained before the last day does not count.
            ("+-+--", Some(52), 24, "2 3 none, 0 to 20, in-time"),
            // What was not read neither ends nor continues access.
            ("++?-", Some(44), 24, "1 3 none, 0 to 28, not-proved"),
            ("++?", Some(44), 24, "1 none none, 0 to none, pending"),
            ("++???", Some(44), 24, "1 none none, 0 to none, not-proved"),
            (
                "??",
                Some(20),
                24,
                "none none none, none to none, not-proved",
            ),
            ("-?", Some(20), 24, "none 0 none, 0 to 0, not-proved"),
            // Left before the first capture.
            ("--", Some(-10), 24, "none 0 none, 0 to 10, in-time"),
            ("+-", Some(-10), 24, "0 1 none, 10 to 34, not-proved"),
            ("-+", Some(-10), 24, "none 0 1, 0 to 10, late"),
            // Without a date.
            ("++--", None, 24, "1 2 none, none to none, not-proved"),
            ("++", None, 24, "1 none none, none to none, not-proved"),
            ("--", None, 24, "none 0 none, none to none, in-time"),
            // No run at all.
            ("", Some(44), 24, "none none none, none to none, not-proved"),
        ] {
            assert_eq!(judged(nights, left, within), expected, "{nights} {left:?}");
        }
    }
}
