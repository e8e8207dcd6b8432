//! A roster: who should be there, as an HR system exports it.
//!
//! CSV with a comma, semicolon or tab between fields; columns are found by their heads. Nothing of a roster is ever part of a
//! message: it is about people, most of whom have no finding.

use std::collections::HashMap;
use std::str::FromStr;

use super::place::BadPlace;
use crate::model::{Timestamp, folded, folded_address};

/// The names of the columns, if they are not the usual ones, and the form of dates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosterColumns {
    /// The head of the column with the address.
    pub email: Option<String>,
    /// The head of the column with the status.
    pub status: Option<String>,
    /// The head of the column with the last day.
    pub left: Option<String>,
    /// The form of dates that are not ISO 8601.
    pub dates: Option<DateForm>,
}

/// A form of dates other than ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateForm {
    /// `31.12.2026`
    DayMonthDots,
    /// `31/12/2026`
    DayMonthSlashes,
    /// `12/31/2026`
    MonthDaySlashes,
}

impl DateForm {
    /// All of them.
    pub const ALL: [Self; 3] = [
        Self::DayMonthDots,
        Self::DayMonthSlashes,
        Self::MonthDaySlashes,
    ];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DayMonthDots => "dd.mm.yyyy",
            Self::DayMonthSlashes => "dd/mm/yyyy",
            Self::MonthDaySlashes => "mm/dd/yyyy",
        }
    }

    /// Parses a date; its end in UTC.
    fn parse(self, text: &str) -> Option<Timestamp> {
        let separator = match self {
            Self::DayMonthDots => '.',
            Self::DayMonthSlashes | Self::MonthDaySlashes => '/',
        };
        let parts: Vec<&str> = text.split(separator).collect();
        let [first, second, year] = parts[..] else {
            return None;
        };
        let (day, month) = match self {
            Self::MonthDaySlashes => (second, first),
            Self::DayMonthDots | Self::DayMonthSlashes => (first, second),
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_short = |text: &str| (1..=2).contains(&text.len()) && is_number(text);
        if !(is_short(day) && is_short(month) && year.len() == 4 && is_number(year)) {
            return None;
        }
        Timestamp::parse_day_or_time(&format!("{year}-{month:0>2}-{day:0>2}")).ok()
    }
}

impl FromStr for DateForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|form| form.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| "expected dd.mm.yyyy, dd/mm/yyyy or mm/dd/yyyy".to_owned())
    }
}

/// The usual heads, in the form of [`head`].
const EMAIL_HEADS: &[&str] = &[
    "email",
    "e mail",
    "email address",
    "work email",
    "mail",
    "user principal name",
];
const STATUS_HEADS: &[&str] = &["status", "employment status", "account status"];
const LEFT_HEADS: &[&str] = &[
    "left",
    "left at",
    "end date",
    "termination date",
    "last day",
];

/// The statuses of people who have left.
const GONE: [&str; 5] = ["terminated", "left", "inactive", "offboarded", "former"];

/// A roster.
pub struct Roster {
    /// By folded address.
    rows: HashMap<String, Vec<Row>>,
    knows_leavers: bool,
    /// Rows without an address, which match nobody.
    without_address: usize,
}

/// What one row says.
#[derive(Clone)]
struct Row {
    left_at: Option<Timestamp>,
    /// The status, if it is that of somebody who has left.
    gone: Option<&'static str>,
}

/// Where somebody is, according to a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Not in it.
    Unknown,
    /// In it.
    Present,
    /// In it, and gone.
    Gone {
        /// The last end date.
        left_at: Option<Timestamp>,
        /// The status, where no date decides.
        status: Option<String>,
    },
}

impl Roster {
    /// Reads a roster.
    ///
    /// # Errors
    /// With line and field, if the address column is not found, a date cannot be read, or the text is not CSV in UTF-8.
    pub fn parse(bytes: &[u8], columns: &RosterColumns) -> Result<Self, BadPlace> {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            let problem = "the file is UTF-16; save it as CSV in UTF-8";
            return Err(BadPlace::new(1, 1, problem));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator(bytes))
            .from_reader(bytes);
        let mut record = csv::ByteRecord::new();
        let bad_csv = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            BadPlace::new(line, 1, "it is not CSV")
        };
        if !reader.read_byte_record(&mut record).map_err(bad_csv)? {
            return Err(BadPlace::new(1, 1, "the file is empty"));
        }
        let places = Places::of(&record, columns)?;
        let mut roster = Self {
            rows: HashMap::new(),
            knows_leavers: places.status.is_some() || places.left.is_some(),
            without_address: 0,
        };
        let mut last = record.clone();
        while reader.read_byte_record(&mut record).map_err(bad_csv)? {
            let bad = |(field, problem): (usize, String)| {
                BadPlace::new(line_of(bytes, &record), field as u64 + 1, problem)
            };
            roster.add(&record, &places, columns.dates).map_err(bad)?;
            last.clone_from(&record);
        }
        // A quote that is never closed swallows the rest of the file.
        let spans_lines = last.iter().any(|field| field.contains(&b'\n'));
        if spans_lines && bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
            let problem = "a quotation mark is not closed";
            return Err(BadPlace::new(line_of(bytes, &last), 1, problem));
        }
        Ok(roster)
    }

    /// Adds a row. An error is the field and what is wrong with it.
    fn add(
        &mut self,
        record: &csv::ByteRecord,
        places: &Places,
        dates: Option<DateForm>,
    ) -> Result<(), (usize, String)> {
        let text = |at: Option<usize>| -> Result<&str, (usize, String)> {
            let field = at.and_then(|at| record.get(at)).unwrap_or_default();
            let not_utf8 = |_| (at.unwrap_or_default(), "the text is not UTF-8".to_owned());
            Ok(std::str::from_utf8(field).map_err(not_utf8)?.trim())
        };
        let address = text(Some(places.email))?;
        if address.is_empty() {
            let is_blank = record.iter().all(|field| field.trim_ascii().is_empty());
            self.without_address += usize::from(!is_blank);
            return Ok(());
        }
        let left = text(places.left)?;
        let left_at = if left.is_empty() {
            None
        } else {
            let place = |problem| (places.left.unwrap_or_default(), problem);
            Some(date(left, dates).map_err(place)?)
        };
        let status = text(places.status)?.to_lowercase();
        let gone = GONE.into_iter().find(|gone| *gone == status);
        let rows = self.rows.entry(folded_address(address)).or_default();
        rows.push(Row { left_at, gone });
        Ok(())
    }

    /// Whether it says who has left.
    pub fn knows_leavers(&self) -> bool {
        self.knows_leavers
    }

    /// Returns the number of rows without an address, which match nobody.
    pub fn rows_without_address(&self) -> usize {
        self.without_address
    }

    /// Returns where somebody with these addresses is as of `at`: gone only if every row says so.
    pub(super) fn presence<'a>(
        &self,
        addresses: impl Iterator<Item = &'a str>,
        at: Timestamp,
    ) -> Presence {
        let mut found = false;
        let (mut last, mut status) = (None, None);
        for address in addresses {
            for row in self
                .rows
                .get(&folded_address(address))
                .into_iter()
                .flatten()
            {
                found = true;
                match row {
                    Row {
                        left_at: Some(left_at),
                        ..
                    } if *left_at < at => {
                        last = last.max(Some(*left_at));
                    }
                    Row {
                        left_at: None,
                        gone: Some(gone),
                    } => status = Some(*gone),
                    Row { .. } => return Presence::Present,
                }
            }
        }
        if !found {
            return Presence::Unknown;
        }
        Presence::Gone {
            status: status.filter(|_| last.is_none()).map(ToOwned::to_owned),
            left_at: last,
        }
    }
}

/// The line that a record starts in. The position that csv gives is before the blank lines that it skips.
fn line_of(bytes: &[u8], record: &csv::ByteRecord) -> u64 {
    let at = record.position().map_or(0, csv::Position::byte);
    let at = usize::try_from(at).unwrap_or(bytes.len()).min(bytes.len());
    let (before, after) = bytes.split_at(at);
    let blank = after
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let ends = before.iter().chain(blank).filter(|byte| **byte == b'\n');
    ends.count() as u64 + 1
}

/// The fields that matter.
struct Places {
    email: usize,
    status: Option<usize>,
    left: Option<usize>,
}

impl Places {
    fn of(heads: &csv::ByteRecord, columns: &RosterColumns) -> Result<Self, BadPlace> {
        let heads: Vec<String> = heads
            .iter()
            .map(|field| head(&String::from_utf8_lossy(field)))
            .collect();
        let email = place(
            &heads,
            columns.email.as_deref(),
            EMAIL_HEADS,
            "--roster-email",
        )?;
        let Some(email) = email else {
            let problem = format!(
                "none of the {} columns is recognized as the address: name it `{}`, or say which one it is with \
                 --roster-email",
                heads.len(),
                EMAIL_HEADS.join("`, `")
            );
            return Err(BadPlace::new(1, 1, problem));
        };
        Ok(Self {
            email,
            status: place(
                &heads,
                columns.status.as_deref(),
                STATUS_HEADS,
                "--roster-status",
            )?,
            left: place(&heads, columns.left.as_deref(), LEFT_HEADS, "--roster-left")?,
        })
    }
}

/// Finds the one column that was named, or that has one of the usual heads.
fn place(
    heads: &[String],
    named: Option<&str>,
    usual: &[&str],
    option: &str,
) -> Result<Option<usize>, BadPlace> {
    let named = named.map(head);
    let is_it = |found: &String| match &named {
        Some(named) => found == named,
        None => usual.contains(&found.as_str()),
    };
    let found: Vec<usize> = (0..heads.len()).filter(|at| is_it(&heads[*at])).collect();
    match (found.as_slice(), &named) {
        ([], Some(_)) => Err(BadPlace::new(
            1,
            1,
            format!("no column has the head that {option} names"),
        )),
        ([], None) => Ok(None),
        ([at], _) => Ok(Some(*at)),
        ([_, second, ..], _) => Err(BadPlace::new(
            1,
            *second as u64 + 1,
            format!("another column was recognized for the same; choose one with {option}"),
        )),
    }
}

/// A head in the form in which heads are compared: case does not matter, and a space, `_` and `-` are alike.
fn head(text: &str) -> String {
    let folded = folded(text);
    let words = folded.split(|c: char| c.is_whitespace() || matches!(c, '_' | '-'));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The separator: whichever of the three is most frequent in the first line, outside quotes.
fn separator(bytes: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut is_quoted = false;
    for byte in bytes {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => break,
            _ if is_quoted => {}
            _ => {
                for (separator, count) in &mut counts {
                    *count += usize::from(separator == byte);
                }
            }
        }
    }
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    most.map_or(b',', |(separator, _)| separator)
}

/// Parses an end date, without repeating it in the error.
fn date(text: &str, form: Option<DateForm>) -> Result<Timestamp, String> {
    if let Some(date) = form.and_then(|form| form.parse(text)) {
        return Ok(date);
    }
    Timestamp::parse_day_or_time(text).map_err(|_| {
        let is_ambiguous = DateForm::ALL.iter().any(|form| form.parse(text).is_some());
        match form {
            Some(form) => format!(
                "the date is neither of the form {} nor ISO 8601 (2026-12-31)",
                form.as_str()
            ),
            None if is_ambiguous => {
                "the date is ambiguous: name its form with --roster-date-format (dd.mm.yyyy, dd/mm/yyyy or mm/dd/yyyy)"
                    .to_owned()
            }
            None => "the date is not ISO 8601 (2026-12-31)".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn presence(roster: &str, dates: Option<DateForm>, address: &str, now: &str) -> Presence {
        let columns = RosterColumns {
            dates,
            ..RosterColumns::default()
        };
        let roster = Roster::parse(roster.as_bytes(), &columns).unwrap();
        roster.presence([address].into_iter(), at(now))
    }

    #[test]
    fn rosters_are_read_as_hr_systems_write_them() {
        for roster in [
            "email,status\nann@example.com,active\n",
            "\u{feff}Name;Work Email;Status\r\nAnn;Ann@Example.com;Active\r\n",
            "NAME\tE-Mail\nAnn\tANN@example.com\n",
            "name,\"user_principal-name\"\n\"Ann, Dr.\nHead\",\" ann@example.com \"\n",
            "Mail,x\n\nann@example.com\n",
        ] {
            let now = "2026-06-01T00:00:00Z";
            assert_eq!(
                presence(roster, None, "ann@example.com", now),
                Presence::Present,
                "{roster}"
            );
            assert_eq!(
                presence(roster, None, "bob@example.com", now),
                Presence::Unknown,
                "{roster}"
            );
        }
    }

    #[test]
    fn end_date_decides_and_a_status_only_without_one() {
        let columns = "email,status,end date\n";
        for (rows, now, is_gone) in [
            ("a@x.de,active,2026-05-31", "2026-06-01T00:00:00Z", true),
            ("a@x.de,active,2026-05-31", "2026-05-31T23:59:59Z", false),
            (
                "a@x.de,terminated,2026-07-31",
                "2026-06-01T00:00:00Z",
                false,
            ),
            ("a@x.de,Terminated,", "2026-06-01T00:00:00Z", true),
            ("a@x.de,FORMER,", "2026-06-01T00:00:00Z", true),
            ("a@x.de,on leave,", "2026-06-01T00:00:00Z", false),
            (
                "a@x.de,left,\nA@X.de,active,",
                "2026-06-01T00:00:00Z",
                false,
            ),
            (
                "a@x.de,left,\nA@X.de,,2026-01-01",
                "2026-06-01T00:00:00Z",
                true,
            ),
            (
                "a@x.de,,2026-05-31T12:00:00+02:00",
                "2026-05-31T10:00:01Z",
                true,
            ),
            ("a@x.de,,2026-05-31 12:00", "2026-05-31T12:00:01Z", true),
        ] {
            let roster = format!("{columns}{rows}\n");
            let found = presence(&roster, None, "a@x.de", now);
            assert_eq!(
                matches!(found, Presence::Gone { .. }),
                is_gone,
                "{rows}: {found:?}"
            );
        }
    }

    #[test]
    fn dates_of_another_form_are_read_only_if_it_is_named() {
        for (form, text) in [
            ("dd.mm.yyyy", "6.5.2026"),
            ("dd/mm/yyyy", "06/05/2026"),
            ("mm/dd/yyyy", "05/06/2026"),
            ("MM/DD/YYYY", "2026-05-06"),
        ] {
            let roster = format!("email;left\na@x.de;{text}\n");
            let form = Some(form.parse().unwrap());
            let found = presence(&roster, form, "a@x.de", "2026-05-07T00:00:00Z");
            let left_at = Some(at("2026-05-06T23:59:59.999999999Z"));
            assert_eq!(
                found,
                Presence::Gone {
                    left_at,
                    status: None
                },
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_has_line_and_field_and_nothing_personal() {
        for (roster, columns, line, column, problem) in [
            ("", RosterColumns::default(), 1, 1, "the file is empty"),
            (
                "name\nAnn\n",
                RosterColumns::default(),
                1,
                1,
                "none of the 1 columns",
            ),
            (
                "mail,email\n",
                RosterColumns::default(),
                1,
                2,
                "another column",
            ),
            (
                "mail\n",
                RosterColumns {
                    email: Some("login".to_owned()),
                    ..RosterColumns::default()
                },
                1,
                1,
                "no column has the head that --roster-email names",
            ),
            (
                "email,left\nann@x.de,06/05/2026\n",
                RosterColumns::default(),
                2,
                2,
                "the date is ambiguous",
            ),
            (
                "email,left\n\nann@x.de,soon\n",
                RosterColumns::default(),
                3,
                2,
                "the date is not ISO 8601",
            ),
            (
                "email,left\nann@x.de,31/12/2026\n",
                RosterColumns {
                    dates: Some(DateForm::MonthDaySlashes),
                    ..RosterColumns::default()
                },
                2,
                2,
                "the date is neither",
            ),
            (
                "email,name\nann@x.de,\"Ann\nbob@x.de,Bob\n",
                RosterColumns::default(),
                2,
                1,
                "a quotation mark",
            ),
        ] {
            let Err(error) = Roster::parse(roster.as_bytes(), &columns) else {
                panic!("{roster}");
            };
            assert_eq!(
                (error.place.line, error.place.column),
                (line, column),
                "{roster}: {error}"
            );
            assert!(error.problem.starts_with(problem), "{roster}: {error}");
            assert!(
                !error.to_string().contains("ann@x.de") && !error.to_string().contains("2026/")
            );
        }
        let utf16 = [0xff, 0xfe, b'e', 0];
        assert!(Roster::parse(&utf16, &RosterColumns::default()).is_err());
        let latin = b"email\nj\xf6rg@x.de\n";
        assert!(Roster::parse(latin, &RosterColumns::default()).is_err());
        let elsewhere = b"email,name\njoerg@x.de,J\xf6rg\n";
        assert!(Roster::parse(elsewhere, &RosterColumns::default()).is_ok());
    }
}
