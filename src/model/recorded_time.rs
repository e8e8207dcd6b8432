//! A time as a c1z records it. The text states no zone: files with our evidence are in UTC, those of other connectors show
//! the wall clock of the machine that wrote them. See "Times" in `snapshot/FORMAT.md`.

use std::fmt;
use std::str::FromStr;

use super::Timestamp;

/// Whether the zone of a sync run's times is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// They are moments: in UTC, or their text states the offset.
    Known,
    /// They are the wall clock of a machine somewhere.
    Unknown,
}

/// How far the clock of a machine is ahead of UTC: from -12:00 to +14:00, which no place on Earth exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcOffset {
    minutes: i16,
}

/// Not an offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UtcOffsetError {
    /// Of another form.
    #[error("expected +HH:MM or -HH:MM, such as +05:30 or -08:00, or Z")]
    Form,
    /// An hour has fewer minutes.
    #[error("expected minutes from 00 to 59")]
    Minutes,
    /// No clock shows such a time.
    #[error("expected an offset from -12:00 to +14:00")]
    Range,
}

impl UtcOffset {
    /// UTC itself.
    pub const UTC: Self = Self { minutes: 0 };
    /// The clock that shows the latest time of all. Read by it, a time is the oldest it can be.
    pub const EASTERNMOST: Self = Self { minutes: 14 * 60 };
    /// The clock that shows the earliest time of all. Read by it, a time is the newest it can be.
    pub const WESTERNMOST: Self = Self { minutes: -12 * 60 };
}

impl FromStr for UtcOffset {
    type Err = UtcOffsetError;

    /// Reads `+HH:MM`, `-HH:MM` or `Z`.
    fn from_str(text: &str) -> Result<Self, UtcOffsetError> {
        let (sign, hours, minutes) = match *text.as_bytes() {
            [b'Z'] => return Ok(Self::UTC),
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2]
                if [h1, h2, m1, m2].iter().all(u8::is_ascii_digit) =>
            {
                let number =
                    |tens: u8, ones: u8| i16::from(tens - b'0') * 10 + i16::from(ones - b'0');
                (sign, number(h1, h2), number(m1, m2))
            }
            _ => return Err(UtcOffsetError::Form),
        };
        if minutes > 59 {
            return Err(UtcOffsetError::Minutes);
        }
        let ahead = hours * 60 + minutes;
        let minutes = if sign == b'-' { -ahead } else { ahead };
        if !(Self::WESTERNMOST.minutes..=Self::EASTERNMOST.minutes).contains(&minutes) {
            return Err(UtcOffsetError::Range);
        }
        Ok(Self { minutes })
    }
}

impl fmt::Display for UtcOffset {
    /// `+HH:MM` or `-HH:MM`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minutes < 0 { '-' } else { '+' };
        let ahead = self.minutes.abs();
        write!(f, "{sign}{:02}:{:02}", ahead / 60, ahead % 60)
    }
}

/// A time of a sync run, and whether its zone is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedTime {
    /// The time, read as UTC where the zone is not known.
    pub as_utc: Timestamp,
    /// Whether that is what it means.
    pub zone: Zone,
}

impl RecordedTime {
    /// Returns the moment that it means: where the zone is not known, on a clock that is `offset` ahead of UTC.
    pub fn moment(self, offset: UtcOffset) -> Timestamp {
        match self.zone {
            Zone::Known => self.as_utc,
            Zone::Unknown => {
                let seconds = self.as_utc.unix_seconds() - i64::from(offset.minutes) * 60;
                // At either end of the calendar there is no room to move.
                Timestamp::from_unix(seconds, self.as_utc.subsec_nanos()).unwrap_or(self.as_utc)
            }
        }
    }

    /// Whether it is later than `other`, whichever zones they are in.
    pub fn is_certainly_after(self, other: Self) -> bool {
        self.moment(UtcOffset::EASTERNMOST) > other.moment(UtcOffset::WESTERNMOST)
    }
}

impl fmt::Display for RecordedTime {
    /// For people, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = match self.zone {
            Zone::Known => "UTC",
            Zone::Unknown => "(time zone not recorded)",
        };
        write!(f, "{} {zone}", self.as_utc.to_seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_in_one_form_and_between_the_zones_of_the_earth() {
        use UtcOffsetError::{Form, Minutes, Range};
        for (text, expected) in [
            ("Z", Ok("+00:00")),
            ("+00:00", Ok("+00:00")),
            ("-00:00", Ok("+00:00")),
            ("+09:00", Ok("+09:00")),
            ("-08:00", Ok("-08:00")),
            ("-03:30", Ok("-03:30")),
            ("+05:45", Ok("+05:45")),
            ("-00:30", Ok("-00:30")),
            ("+14:00", Ok("+14:00")),
            ("-12:00", Ok("-12:00")),
            ("+14:01", Err(Range)),
            ("-12:01", Err(Range)),
            ("-14:00", Err(Range)),
            ("+99:59", Err(Range)),
            ("+05:60", Err(Minutes)),
            ("+14:99", Err(Minutes)),
            ("", Err(Form)),
            ("z", Err(Form)),
            ("UTC", Err(Form)),
            ("JST", Err(Form)),
            ("9", Err(Form)),
            ("+9", Err(Form)),
            ("+9:00", Err(Form)),
            ("+0900", Err(Form)),
            ("09:00", Err(Form)),
            ("+09:00:00", Err(Form)),
            ("+09-00", Err(Form)),
            ("+-9:00", Err(Form)),
            (" +09:00", Err(Form)),
            ("−08:00", Err(Form)),
            ("+٠٩:00", Err(Form)),
        ] {
            let read = text.parse().map(|offset: UtcOffset| offset.to_string());
            assert_eq!(read, expected.map(ToOwned::to_owned), "{text}");
        }
    }

    #[test]
    fn times_without_a_zone_are_in_order_only_beyond_all_zones() {
        let at = |text: &str, zone| RecordedTime {
            as_utc: Timestamp::parse(text).unwrap(),
            zone,
        };
        const NOON: &str = "2026-01-05T12:00:00Z";
        for (later, zone, other, expected) in [
            ("2026-01-05T12:00:01Z", Zone::Known, Zone::Known, true),
            (NOON, Zone::Known, Zone::Known, false),
            // It may be of UTC+14, and the other of UTC.
            ("2026-01-06T02:00:00Z", Zone::Unknown, Zone::Known, false),
            ("2026-01-06T02:00:01Z", Zone::Unknown, Zone::Known, true),
            // The other may be of UTC-12.
            ("2026-01-06T00:00:00Z", Zone::Known, Zone::Unknown, false),
            ("2026-01-06T00:00:01Z", Zone::Known, Zone::Unknown, true),
            ("2026-01-06T14:00:00Z", Zone::Unknown, Zone::Unknown, false),
            ("2026-01-06T14:00:01Z", Zone::Unknown, Zone::Unknown, true),
        ] {
            let (later, earlier) = (at(later, zone), at(NOON, other));
            assert_eq!(
                later.is_certainly_after(earlier),
                expected,
                "{later} {other:?}"
            );
            assert!(!earlier.is_certainly_after(later));
        }
        // Where the calendar ends, a time stays as it is.
        for end in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
            let end = at(end, Zone::Unknown);
            for offset in [UtcOffset::EASTERNMOST, UtcOffset::WESTERNMOST] {
                let apart = end.moment(offset).millis_since(end.as_utc)
                    + end.as_utc.millis_since(end.moment(offset));
                assert!(apart <= 14 * 3_600_000);
            }
        }
    }
}
