//! The seat of a person in an organization: PostHog's membership level, as a number and by name.

use std::fmt;
use std::str::FromStr;

use super::{Text, literal};

/// A seat. Numbers other than PostHog's three are kept, since the server may have levels that this program does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seat {
    /// Level 1.
    Member,
    /// Level 8.
    Administrator,
    /// Level 15.
    Owner,
    /// Any other level.
    Unknown(i64),
}

/// Whole numbers up to this are exact in a double, the number type of a profile.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl Seat {
    /// Returns the seat in a profile: by its level, or by its name if the level is absent or not a whole number.
    pub fn stated(level: Option<f64>, word: Option<&str>) -> Option<Self> {
        match level.and_then(Self::from_number) {
            Some(seat) => Some(seat),
            None => word?.parse().ok(),
        }
    }

    /// Returns the seat of a level.
    pub fn from_level(level: i64) -> Self {
        match level {
            1 => Self::Member,
            8 => Self::Administrator,
            15 => Self::Owner,
            other => Self::Unknown(other),
        }
    }

    /// Returns the seat of a level stored as a double; `None` if that is not a whole number.
    fn from_number(level: f64) -> Option<Self> {
        let is_whole = level.fract() == 0.0 && level.abs() <= MAX_EXACT;
        is_whole.then(|| Self::from_level(level as i64))
    }

    /// Returns PostHog's number.
    pub fn level(self) -> i64 {
        match self {
            Self::Member => 1,
            Self::Administrator => 8,
            Self::Owner => 15,
            Self::Unknown(level) => level,
        }
    }

    /// Returns its name. The names of PostHog's three seats take no memory of their own.
    pub fn word(self) -> Text {
        match self {
            Self::Member => literal!("member"),
            Self::Administrator => literal!("administrator"),
            Self::Owner => literal!("owner"),
            Self::Unknown(level) => format!("unknown ({level})").into(),
        }
    }

    /// Whether this seat is higher than `other`. PostHog compares levels by number, and nobody is above an owner.
    pub fn is_above(self, other: Self) -> bool {
        let rank = |seat: Self| (seat == Self::Owner, seat.level());
        rank(self) > rank(other)
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word())
    }
}

/// The text is not the name of a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASeat;

impl FromStr for Seat {
    type Err = NotASeat;

    fn from_str(word: &str) -> Result<Self, NotASeat> {
        match word {
            "member" => Ok(Self::Member),
            "administrator" | "admin" => Ok(Self::Administrator),
            "owner" => Ok(Self::Owner),
            _ => word
                .strip_prefix("unknown (")
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|level| level.parse().ok())
                .map(Self::from_level)
                .ok_or(NotASeat),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_takes_precedence_over_the_name() {
        use Seat::{Administrator, Member, Owner, Unknown};
        for (level, word, seat) in [
            (Some(1.0), None, Some(Member)),
            (Some(8.0), None, Some(Administrator)),
            (Some(15.0), Some("member"), Some(Owner)),
            (Some(3.0), Some("owner"), Some(Unknown(3))),
            (Some(-4.0), None, Some(Unknown(-4))),
            (None, Some("member"), Some(Member)),
            (None, Some("administrator"), Some(Administrator)),
            (None, Some("owner"), Some(Owner)),
            (None, Some("unknown (3)"), Some(Unknown(3))),
            (None, Some("unknown (15)"), Some(Owner)),
            (None, Some("unknown (many)"), None),
            (None, Some("Owner"), None),
            (None, Some(""), None),
            (None, None, None),
            // What is not a whole number is not a level.
            (Some(15.9), Some("owner"), Some(Owner)),
            (Some(1.5), Some("Owner"), None),
            (Some(f64::NAN), None, None),
            (Some(f64::INFINITY), None, None),
            (Some(1e300), None, None),
        ] {
            assert_eq!(Seat::stated(level, word), seat, "{level:?} {word:?}");
        }
    }

    #[test]
    fn seats_are_ranked_by_number_and_nobody_is_above_an_owner() {
        let ranked = [-1, 0, 1, 3, 8, 14, 16, 99, i64::MAX, 15].map(Seat::from_level);
        for (at, seat) in ranked.into_iter().enumerate() {
            for (other_at, other) in ranked.into_iter().enumerate() {
                assert_eq!(seat.is_above(other), at > other_at, "{seat} {other}");
            }
        }
    }

    #[test]
    fn names_can_be_parsed() {
        for level in [i64::MIN, -1, 0, 1, 8, 10, 15, i64::MAX] {
            let seat = Seat::from_level(level);
            assert_eq!(seat.to_string().parse(), Ok(seat));
            assert_eq!(seat.level(), level);
        }
    }
}
