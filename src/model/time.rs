//! Timestamps in UTC and their three text formats: PostHog's, SQLite's and RFC 3339.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// A time to the nanosecond between the years 1 and 9999, the range of protobuf's JSON. An `Option` of it takes no more
/// memory, since every grant has one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds since 1970, rounded down.
    seconds: i64,
    /// Nanoseconds after them, plus one.
    nanos_and_one: NonZeroU32,
}

/// A text that is not a timestamp: malformed, or outside the years 1 to 9999.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a time", .0.escape_debug())]
pub struct TimestampError(String);

/// 0001-01-01T00:00:00Z, the first time in protobuf's JSON. The last one is also the last of jiff's civil times.
const FIRST_SECOND: i64 = -62_135_596_800;
/// The time from which seconds are counted, in UTC.
const EPOCH: jiff::civil::DateTime = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Timestamp {
    /// Returns the current time of this machine.
    ///
    /// # Panics
    /// When its clock shows a year after 9999 or before 1.
    pub fn now() -> Self {
        let moment = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now());
        Self::checked(moment).expect("the clock shows a year that has four digits")
    }

    /// Parses RFC 3339 with any offset and up to nine fractional digits.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let error = || TimestampError(text.chars().take(64).collect());
        let moment = match text.parse::<jiff::Timestamp>() {
            Ok(moment) => jiff::tz::TimeZone::UTC.to_datetime(moment),
            // The last hours of the year 9999 are out of its range.
            Err(_) => last_hours(text).ok_or_else(error)?,
        };
        Self::checked(moment).ok_or_else(error)
    }

    /// Parses a time in a c1z, `YYYY-MM-DD HH:MM:SS[.fraction]` in UTC. RFC 3339 is accepted too, as in the official
    /// readers.
    pub fn parse_sqlite(text: &str) -> Result<Self, TimestampError> {
        match text.parse::<jiff::civil::DateTime>() {
            Ok(civil) if !Self::states_offset(text) => {
                Self::checked(civil).ok_or_else(|| TimestampError(text.to_owned()))
            }
            _ => Self::parse(text),
        }
    }

    /// Whether the time text of a c1z states its offset from UTC after the time of day: `Z`, `+hh:mm` or `-hh:mm`.
    pub fn states_offset(text: &str) -> bool {
        text.get(10..)
            .is_some_and(|time| time.contains(['Z', 'z', '+', '-']))
    }

    /// Converts protobuf's two numbers. `None` outside the years 1 to 9999, or if the nanoseconds exceed a second.
    pub fn from_unix(seconds: i64, nanos: i32) -> Option<Self> {
        if !(0..1_000_000_000).contains(&nanos) {
            return None;
        }
        let since = jiff::SignedDuration::new(seconds, nanos);
        Self::checked(EPOCH.checked_add(since).ok()?)
    }

    /// Converts a civil time in UTC.
    fn checked(moment: jiff::civil::DateTime) -> Option<Self> {
        let since = moment.duration_since(EPOCH);
        let nanos = since.subsec_nanos();
        let seconds = since.as_secs() - i64::from(nanos < 0);
        let nanos = u32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?;
        (seconds >= FIRST_SECOND).then_some(Self {
            seconds,
            nanos_and_one: NonZeroU32::MIN.saturating_add(nanos),
        })
    }

    fn moment(self) -> jiff::civil::DateTime {
        EPOCH
            .checked_add(jiff::SignedDuration::new(self.seconds, self.subsec_nanos()))
            .expect("it was made from such a moment")
    }

    /// Returns whole seconds since 1970, rounded down, so that the nanoseconds are never negative.
    pub fn unix_seconds(self) -> i64 {
        self.seconds
    }

    /// Returns the nanoseconds after [`Self::unix_seconds`], 0 to 999,999,999.
    pub fn subsec_nanos(self) -> i32 {
        // Less than a billion.
        (self.nanos_and_one.get() - 1) as i32
    }

    /// Formats the time as in a c1z: UTC without a suffix, the fraction without trailing zeros and only if not zero.
    pub fn to_sqlite(self) -> String {
        let text = self.moment().strftime("%Y-%m-%d %H:%M:%S").to_string();
        match self.subsec_nanos() {
            0 => text,
            nanos => format!("{text}.{}", format!("{nanos:09}").trim_end_matches('0')),
        }
    }

    /// Formats RFC 3339 as in protobuf's JSON, with 0, 3, 6 or 9 fractional digits.
    pub fn to_protobuf_json(self) -> String {
        match self.subsec_nanos() {
            nanos if nanos != 0 && nanos % 1_000_000 == 0 => {
                format!("{:.0}.{:03}Z", self.moment(), nanos / 1_000_000)
            }
            _ => self.to_string(),
        }
    }

    /// Formats the time for people, in UTC without the fraction: `2024-05-06 07:08:09`.
    pub fn to_seconds(self) -> String {
        self.moment().strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Formats the day in UTC: `2024-05-06`.
    pub fn to_day(self) -> String {
        self.moment().strftime("%Y-%m-%d").to_string()
    }

    /// Formats the ISO week in UTC, which begins on Monday: `2024-W19`.
    pub fn to_iso_week(self) -> String {
        let week = self.moment().date().iso_week_date();
        format!("{:04}-W{:02}", week.year(), week.week())
    }

    /// Returns the time since `earlier`; none if that is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        let since = self.moment().duration_since(earlier.moment());
        since.try_into().unwrap_or_default()
    }

    /// Returns the milliseconds since `earlier`; 0 if that is not earlier.
    pub fn millis_since(self, earlier: Self) -> u64 {
        // All of the years are fewer.
        self.since(earlier).as_millis() as u64
    }

    /// Returns the same time of day this many days before; the first time there is, if that is later.
    pub fn days_before(self, days: u32) -> Self {
        let seconds = self.seconds - i64::from(days) * 86_400;
        Self {
            seconds: seconds.max(FIRST_SECOND),
            ..self
        }
    }

    /// Returns the last moment of its second, if it is the first one: what a time means that is stated to the second.
    pub fn end_of_second(self) -> Self {
        let end = Self::from_unix(self.unix_seconds(), 999_999_999);
        end.filter(|_| self.subsec_nanos() == 0).unwrap_or(self)
    }

    /// Parses a time as people write it: a day, which means its end in UTC, or a day and a time of day (in UTC unless it
    /// states an offset).
    pub fn parse_day_or_time(text: &str) -> Result<Self, TimestampError> {
        let is_day = !text.contains(['T', 't', ' ', ':']);
        match text.parse::<jiff::civil::Date>() {
            Ok(day) if is_day => Self::checked(day.at(23, 59, 59, 999_999_999))
                .ok_or_else(|| TimestampError(text.to_owned())),
            _ => Self::parse_sqlite(text),
        }
    }

    /// Whether this is later than `now` by more than clocks normally differ, so that one of the clocks is wrong.
    pub fn is_future(self, now: Self) -> bool {
        self.millis_since(now) > CLOCK_TOLERANCE_MS
    }
}

/// How much two clocks may differ, in milliseconds.
const CLOCK_TOLERANCE_MS: u64 = 10 * 60 * 1000;

/// Parses RFC 3339 in the last 26 hours of the year 9999, in UTC.
fn last_hours(text: &str) -> Option<jiff::civil::DateTime> {
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    let moment = jiff::civil::DateTime::from_parts(pieces.date(), pieces.time()?);
    let offset = jiff::SignedDuration::from_secs(pieces.to_numeric_offset()?.seconds().into());
    let moment = moment.checked_sub(offset).ok()?;
    (moment.year() == 9999).then_some(moment)
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Timestamp {
    /// Formats RFC 3339 in UTC with `Z`, as PostHog and protobuf's JSON do, with 0, 6 or 9 fractional digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.moment())?;
        match self.subsec_nanos() {
            0 => {}
            nanos if nanos % 1_000 == 0 => write!(f, ".{:06}", nanos / 1_000)?,
            nanos => write!(f, ".{nanos:09}")?,
        }
        f.write_str("Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fraction_is_absent_when_zero_and_six_digits_otherwise() {
        for text in [
            "2024-05-06T07:08:09Z",
            "2024-05-06T07:08:09.120000Z",
            "1969-12-31T23:59:59.999999Z",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn offsets_become_utc() {
        let moment = Timestamp::parse("2024-05-06T09:08:09+02:00").unwrap();
        assert_eq!(moment.to_string(), "2024-05-06T07:08:09Z");
    }

    #[test]
    fn sqlite_text_has_no_zone_and_no_trailing_zeros() {
        let moment = Timestamp::parse("2024-05-06T07:08:09.120000Z").unwrap();
        assert_eq!(moment.to_sqlite(), "2024-05-06 07:08:09.12");
        assert_eq!(
            Timestamp::parse_sqlite("2024-05-06 07:08:09.12").unwrap(),
            moment
        );
        assert_eq!(
            Timestamp::parse_sqlite("2024-05-06T09:08:09.12+02:00").unwrap(),
            moment
        );
    }

    #[test]
    fn times_before_1970_have_positive_nanoseconds() {
        let moment = Timestamp::parse("1969-12-31T23:59:59.250Z").unwrap();
        assert_eq!(
            (moment.unix_seconds(), moment.subsec_nanos()),
            (-1, 250_000_000)
        );
        assert_eq!(Timestamp::from_unix(-1, 250_000_000), Some(moment));
    }

    #[test]
    fn first_and_last_time_have_every_format() {
        for (text, seconds, nanos) in [
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
            (
                "9999-12-30T22:00:00.999999999Z",
                253_402_207_200,
                999_999_999,
            ),
            ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
            (
                "9999-12-31T23:59:59.999999999Z",
                253_402_300_799,
                999_999_999,
            ),
        ] {
            let moment = Timestamp::parse(text).unwrap();
            assert_eq!(
                (moment.unix_seconds(), moment.subsec_nanos()),
                (seconds, nanos)
            );
            assert_eq!(Timestamp::from_unix(seconds, nanos), Some(moment));
            assert_eq!(moment.to_string(), text);
            assert_eq!(
                Timestamp::parse_sqlite(&moment.to_sqlite()).unwrap(),
                moment
            );
            assert_eq!(moment.to_day(), text[..10]);
            assert_eq!(moment.to_seconds(), text[..19].replace('T', " "));
        }
        let last = Timestamp::parse("9999-12-31T23:59:59Z").unwrap();
        assert_eq!(Timestamp::parse("9999-12-31T22:59:59-01:00").unwrap(), last);
        assert_eq!(
            Timestamp::parse_sqlite("9999-12-31 22:59:59-01:00").unwrap(),
            last
        );
        for (seconds, nanos) in [
            (253_402_300_800, 0),
            (-62_135_596_801, 999_999_999),
            (i64::MAX, 999_999_999),
            (i64::MIN, 0),
        ] {
            assert_eq!(Timestamp::from_unix(seconds, nanos), None);
        }
        let first = Timestamp::parse("0001-01-01T00:00:00Z").unwrap();
        assert_eq!(last.millis_since(first), 315_537_897_599_000);
        assert!(last.is_future(first) && !first.is_future(last));
    }

    #[test]
    fn ten_minutes_of_clock_difference_are_tolerated() {
        let at = |text| Timestamp::parse(text).unwrap();
        let now = at("2026-11-23T04:00:00Z");
        for (text, expected) in [
            ("2026-11-23T03:00:00Z", false),
            ("2026-11-23T04:10:00Z", false),
            ("2026-11-23T04:10:00.001Z", true),
            ("9999-12-30T00:00:00Z", true),
        ] {
            assert_eq!(at(text).is_future(now), expected, "{text}");
        }
    }

    #[test]
    fn time_outside_protobufs_range_is_refused() {
        for text in [
            "",
            "yesterday",
            "0000-12-31T23:59:59Z",
            "-0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59-00:01",
            "9999-12-31",
            "9999-12-31T23:59:59",
            "+010000-01-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
        assert_eq!(Timestamp::from_unix(0, 1_000_000_000), None);
        assert_eq!(Timestamp::from_unix(0, -1), None);
        assert_eq!(Timestamp::from_unix(i64::MAX, 0), None);
    }
}
