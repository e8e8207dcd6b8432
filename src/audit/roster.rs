//! A roster: who should be there, as an HR system exports it.
//!
//! CSV, as [`SheetReader`] reads it; columns are found by their heads. Nothing of a roster is ever part of a
//! message: it is about people, most of whom have no finding.

use std::collections::HashMap;
use std::str::FromStr;

use crate::model::{BadPlace, SheetReader, SheetRow, Timestamp, folded_address};

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

/// The usual heads.
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
        let mut sheet = SheetReader::new(bytes)?;
        let places = Places::of(&sheet, columns)?;
        let mut roster = Self {
            rows: HashMap::new(),
            knows_leavers: places.status.is_some() || places.left.is_some(),
            without_address: 0,
        };
        while let Some(row) = sheet.next_row()? {
            roster.add(&row, &places, columns.dates)?;
        }
        Ok(roster)
    }

    fn add(
        &mut self,
        row: &SheetRow<'_>,
        places: &Places,
        dates: Option<DateForm>,
    ) -> Result<(), BadPlace> {
        let address = row.text(Some(places.email))?;
        if address.is_empty() {
            self.without_address += usize::from(!row.is_blank());
            return Ok(());
        }
        let left = row.text(places.left)?;
        let left_at = if left.is_empty() {
            None
        } else {
            let bad = |problem| row.bad(places.left.unwrap_or_default(), problem);
            Some(date(left, dates).map_err(bad)?)
        };
        let status = row.text(places.status)?.to_lowercase();
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

    /// Returns the addresses of people who have left as of `at`, in order, each with the last end date if there is one.
    pub fn leavers(&self, at: Timestamp) -> Vec<(&str, Option<Timestamp>)> {
        let addresses = self.rows.keys().map(String::as_str);
        let mut leavers: Vec<_> = addresses
            .filter_map(|address| match self.presence([address].into_iter(), at) {
                Presence::Gone { left_at, .. } => Some((address, left_at)),
                Presence::Unknown | Presence::Present => None,
            })
            .collect();
        leavers.sort_unstable();
        leavers
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

/// The fields that matter.
struct Places {
    email: usize,
    status: Option<usize>,
    left: Option<usize>,
}

impl Places {
    fn of(sheet: &SheetReader<'_>, columns: &RosterColumns) -> Result<Self, BadPlace> {
        let email = place(
            sheet,
            columns.email.as_deref(),
            EMAIL_HEADS,
            "--roster-email",
        )?;
        let Some(email) = email else {
            let problem = format!(
                "none of the {} columns is recognized as the address: name it `{}`, or say which one it is with \
                 --roster-email",
                sheet.columns(),
                EMAIL_HEADS.join("`, `")
            );
            return Err(BadPlace::new(1, 1, problem));
        };
        Ok(Self {
            email,
            status: place(
                sheet,
                columns.status.as_deref(),
                STATUS_HEADS,
                "--roster-status",
            )?,
            left: place(sheet, columns.left.as_deref(), LEFT_HEADS, "--roster-left")?,
        })
    }
}

/// Finds the one column that was named, or that has one of the usual heads.
fn place(
    sheet: &SheetReader<'_>,
    named: Option<&str>,
    usual: &[&str],
    option: &str,
) -> Result<Option<usize>, BadPlace> {
    let found = match named {
        Some(named) => sheet.columns_named(&[named]),
        None => sheet.columns_named(usual),
    };
    match (found.as_slice(), named) {
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
