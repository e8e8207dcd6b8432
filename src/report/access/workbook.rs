//! The access report as a workbook. Rows are written as they come, so memory does not grow with them.
//!
//! Text is text: nothing in a cell runs, whatever it begins with, and no character is put before it. Times are dates in UTC, to
//! the second; those before March 1900, which spreadsheets do not have, are text. The same report gives the same bytes.

use std::io::{self, Write};
use std::path::Path;

use rust_xlsxwriter::{
    DataValidation, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Worksheet,
    XlsxError,
};

use super::columns::{Cell, Context};
use super::tables::{self, Detail, Head, Table, Which};
use super::{AccessReport, Holder, PersonRow, RoleRow, glance};
use crate::model::{Decision, ReviewColumn, ReviewedKind, Timestamp};

/// The most rows of a sheet, with the head.
const MAX_SHEET_ROWS: u32 = 1_048_576;
/// The most characters of a cell, in UTF-16 code units.
const MAX_CELL_UNITS: usize = 32_767;
/// The first moment that every spreadsheet counts in the same way: 1900-03-01.
const FIRST_SECOND: i64 = -2_203_891_200;
/// The days from the beginning of a spreadsheet's calendar to 1970.
const DAYS_BEFORE_1970: f64 = 25_569.0;

/// An access report that is being written as a workbook. Everything but memberships is in the report; those come from
/// [`Self::membership`].
pub struct Workbook<'r> {
    book: rust_xlsxwriter::Workbook,
    report: &'r AccessReport,
    styles: Styles,
    memberships: Sheet,
    review: Sheet,
    review_columns: Vec<ReviewColumn>,
}

/// How cells look.
struct Styles {
    head: Format,
    title: Format,
    label: Format,
    heading: Format,
    value: Format,
    time: Format,
    line: Format,
}

impl Styles {
    fn new() -> Self {
        let top = Format::new().set_align(FormatAlign::Top);
        Self {
            head: Format::new()
                .set_bold()
                .set_background_color("#E8ECF0")
                .set_border_bottom(FormatBorder::Thin)
                .set_align(FormatAlign::Top)
                .set_text_wrap(),
            title: Format::new().set_bold().set_font_size(16),
            label: Format::new().set_bold().set_align(FormatAlign::Top),
            time: top.clone().set_num_format("yyyy-mm-dd hh:mm:ss"),
            heading: Format::new().set_bold().set_font_size(12),
            value: top.set_align(FormatAlign::Left),
            line: Format::new().set_border_bottom(FormatBorder::Thin),
        }
    }
}

/// What could not be written into a workbook.
fn io_error(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// Rows under a head, on as many sheets as they need.
struct Sheet {
    name: &'static str,
    heads: Vec<Head>,
    full: Vec<Worksheet>,
    current: Worksheet,
    /// The next row of the current sheet.
    row: u32,
}

impl Sheet {
    fn new(
        book: &mut rust_xlsxwriter::Workbook,
        name: &'static str,
        heads: Vec<Head>,
        styles: &Styles,
    ) -> io::Result<Self> {
        let mut sheet = Self {
            name,
            heads,
            full: Vec::new(),
            current: new_sheet(book)?,
            row: 0,
        };
        sheet.begin(styles)?;
        Ok(sheet)
    }

    /// Writes the head.
    fn begin(&mut self, styles: &Styles) -> io::Result<()> {
        let name = match self.full.len() {
            0 => self.name.to_owned(),
            n => format!("{} {}", self.name, n + 1),
        };
        let (sheet, heads) = (&mut self.current, &self.heads);
        let write = || -> Result<(), XlsxError> {
            sheet.set_name(name)?;
            sheet.set_freeze_panes(1, 1)?;
            sheet.set_repeat_rows(0, 0)?;
            sheet.set_landscape();
            sheet.set_print_fit_to_pages(1, 0);
            for (at, head) in heads.iter().enumerate() {
                let column = at as u16;
                sheet.set_column_width(column, head.width)?;
                sheet.write_string_with_format(0, column, head.text, &styles.head)?;
            }
            Ok(())
        };
        write().map_err(io_error)?;
        self.row = 1;
        Ok(())
    }

    fn push(
        &mut self,
        book: &mut rust_xlsxwriter::Workbook,
        cells: &[Cell<'_>],
        styles: &Styles,
    ) -> io::Result<()> {
        if self.row == MAX_SHEET_ROWS {
            self.end()?;
            let next = new_sheet(book)?;
            self.full.push(std::mem::replace(&mut self.current, next));
            self.begin(styles)?;
        }
        for (at, cell) in cells.iter().enumerate() {
            write_cell(&mut self.current, self.row, at as u16, cell, styles).map_err(io_error)?;
        }
        self.row += 1;
        Ok(())
    }

    /// Adds the filter, which needs to know the last row.
    fn end(&mut self) -> io::Result<()> {
        let last = self.row.saturating_sub(1).max(1);
        let columns = self.heads.len().saturating_sub(1) as u16;
        let filtered = self.current.autofilter(0, 0, last, columns);
        filtered.map(|_| ()).map_err(io_error)
    }

    fn finish(mut self) -> io::Result<Vec<Worksheet>> {
        self.end()?;
        self.full.push(self.current);
        Ok(self.full)
    }
}

fn new_sheet(book: &mut rust_xlsxwriter::Workbook) -> io::Result<Worksheet> {
    book.new_worksheet_with_constant_memory().map_err(io_error)
}

fn write_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let written = match cell {
        Cell::Empty => return Ok(()),
        Cell::Number(n) => sheet.write_number(row, column, *n as f64),
        Cell::Time(at) | Cell::Day(at) => match serial(*at) {
            Some(serial) => sheet.write_number_with_format(row, column, serial, &styles.time),
            None => sheet.write_string(row, column, at.to_seconds()),
        },
        Cell::Text(_) | Cell::Flag(_) | Cell::Severity(_) => {
            sheet.write_string(row, column, text(&tables::words(cell)))
        }
    };
    written.map(|_| ())
}

/// A time as spreadsheets count it, in days; `None` if they do not have it.
fn serial(at: Timestamp) -> Option<f64> {
    let seconds = at.unix_seconds();
    (seconds >= FIRST_SECOND).then(|| seconds as f64 / 86_400.0 + DAYS_BEFORE_1970)
}

/// A text as a cell takes it: control characters, and what XML does not have, are blanks; what is too long is cut.
fn text(text: &str) -> String {
    let is_long = text.len() > MAX_CELL_UNITS && text.encode_utf16().count() > MAX_CELL_UNITS;
    let mut room = if is_long {
        MAX_CELL_UNITS - 1
    } else {
        MAX_CELL_UNITS
    };
    let fitting = text.chars().take_while(|c| {
        let fits = c.len_utf16() <= room;
        room = room.saturating_sub(c.len_utf16());
        fits
    });
    let is_blank = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    let mut cell: String = fitting.map(|c| if is_blank(c) { ' ' } else { c }).collect();
    if is_long {
        cell.push('…');
    }
    cell
}

impl<'r> Workbook<'r> {
    /// Begins a workbook, with its rows about people. Temporary files are created in `temp_dir`.
    ///
    /// # Errors
    /// When a temporary file cannot be written.
    pub fn begin(report: &'r AccessReport, temp_dir: &Path) -> io::Result<Self> {
        let mut book = rust_xlsxwriter::Workbook::new();
        book.set_tempdir(temp_dir).map_err(io_error)?;
        book.set_properties(&properties(report)?);
        let styles = Styles::new();
        let has_type = !report.has_plain_roles();
        let memberships = Sheet::new(
            &mut book,
            "Memberships",
            membership_heads(has_type),
            &styles,
        )?;
        let review_columns = review_columns(report);
        let heads = review_columns.iter().map(|column| Head {
            text: column.head(),
            width: width(*column),
        });
        let review = Sheet::new(&mut book, "Review", heads.collect(), &styles)?;
        let mut workbook = Self {
            book,
            report,
            styles,
            memberships,
            review,
            review_columns,
        };
        let context = Context::new(report);
        for person in &report.people {
            workbook.review_person(person, &context.findings_about(person))?;
        }
        Ok(workbook)
    }

    /// Adds a grant on a role: a membership, and a row to review.
    ///
    /// # Errors
    /// When a temporary file cannot be written.
    pub fn membership(&mut self, role: &RoleRow, holder: &Holder) -> io::Result<()> {
        let person = self.report.person(holder);
        let name = self.report.holder_name(holder);
        let mut cells = vec![Cell::text(&*role.name)];
        if !self.report.has_plain_roles() {
            cells.extend([
                Cell::text(&*role.type_name),
                Cell::text(&*holder.entitlement),
            ]);
        }
        let email = Cell::text(person.map_or("", |person| &person.email));
        cells.extend([Cell::text(name), email.clone(), Cell::time(holder.since)]);
        cells.extend([
            Cell::text(&*role.id.resource),
            Cell::text(self.report.holder_id(holder)),
            Cell::text(&*holder.grant_id),
        ]);
        self.memberships
            .push(&mut self.book, &cells, &self.styles)?;
        self.review(|column| match column {
            ReviewColumn::Kind => Cell::text(ReviewedKind::Grant.as_str()),
            ReviewColumn::Name => Cell::text(name),
            ReviewColumn::Email => email.clone(),
            ReviewColumn::Seat => Cell::text(person.map_or("", |person| &person.seat_word)),
            ReviewColumn::Role => Cell::text(&*role.name),
            ReviewColumn::Entitlement => Cell::text(&*holder.entitlement),
            ReviewColumn::Since => Cell::time(holder.since),
            ReviewColumn::LastLogin => Cell::time(person.and_then(|person| person.last_login)),
            ReviewColumn::Id => Cell::text(&*holder.grant_id),
            ReviewColumn::Findings
            | ReviewColumn::Decision
            | ReviewColumn::Reviewer
            | ReviewColumn::Date
            | ReviewColumn::Comment => Cell::Empty,
        })
    }

    fn review_person(&mut self, person: &PersonRow, findings: &str) -> io::Result<()> {
        self.review(|column| match column {
            ReviewColumn::Kind => Cell::text(ReviewedKind::Person.as_str()),
            ReviewColumn::Name => Cell::text(&*person.name),
            ReviewColumn::Email => Cell::text(&*person.email),
            ReviewColumn::Seat => Cell::text(&*person.seat_word),
            ReviewColumn::Since => Cell::time(person.joined_at),
            ReviewColumn::LastLogin => Cell::time(person.last_login),
            ReviewColumn::Findings => Cell::text(findings),
            ReviewColumn::Id => Cell::text(person.id.to_string()),
            ReviewColumn::Role
            | ReviewColumn::Entitlement
            | ReviewColumn::Decision
            | ReviewColumn::Reviewer
            | ReviewColumn::Date
            | ReviewColumn::Comment => Cell::Empty,
        })
    }

    /// Adds a row to review.
    fn review<'c>(&mut self, cell: impl Fn(ReviewColumn) -> Cell<'c>) -> io::Result<()> {
        let columns = self.review_columns.iter().copied();
        let cells: Vec<_> = columns.map(cell).collect();
        self.review.push(&mut self.book, &cells, &self.styles)
    }

    /// Completes the workbook and writes it.
    ///
    /// # Errors
    /// When the output or a temporary file cannot be written.
    pub fn finish(self, out: impl Write + Send) -> io::Result<()> {
        let Self {
            mut book,
            report,
            styles,
            memberships,
            review,
            review_columns,
            ..
        } = self;
        let context = Context::new(report);
        let mut sheets = vec![evidence_sheet(&mut book, report, &styles)?];
        let mut add = |name, table| -> io::Result<Vec<Worksheet>> {
            let Table { heads, rows, .. } = table;
            let mut sheet = Sheet::new(&mut book, name, heads, &styles)?;
            for row in rows {
                sheet.push(&mut book, &row.cells, &styles)?;
            }
            sheet.finish()
        };
        sheets.extend(add("Findings", tables::findings(report, Which::All))?);
        sheets.extend(add("People", tables::people(&context, Detail::Workbook))?);
        sheets.extend(add("Roles", tables::roles(&context))?);
        sheets.extend(memberships.finish()?);
        let mut review = review.finish()?;
        add_choices(&mut review, &review_columns).map_err(io_error)?;
        sheets.extend(review);
        if let Some(table) = tables::invitations(report) {
            sheets.extend(add("Invitations", table)?);
        }
        if let Some(table) = tables::surroundings(report) {
            sheets.extend(add("Settings", table)?);
        }
        if let Some(table) = tables::changes(report) {
            sheets.extend(add("Changes", table)?);
        }
        if let Some(table) = tables::history(report) {
            sheets.extend(add("History", table)?);
        }
        let header = header(report);
        for mut sheet in sheets {
            sheet.set_header(&header);
            sheet.set_footer("&L&A&R&P / &N");
            book.push_worksheet(sheet);
        }
        book.save_to_writer(out).map_err(io_error)
    }
}

/// What is recorded in the file about itself. The moment of capture is that of its creation, so that the same report gives the
/// same bytes.
fn properties(report: &AccessReport) -> io::Result<DocProperties> {
    let captured = report.source.captured_at.as_utc.unix_seconds();
    let created = ExcelDateTime::from_timestamp(captured.max(FIRST_SECOND)).map_err(io_error)?;
    Ok(DocProperties::new()
        .set_title(text(report.title()))
        .set_subject(text(report.organization().unwrap_or_default()))
        .set_author(concat!("posthog-c1z ", env!("CARGO_PKG_VERSION")))
        .set_creation_datetime(&created))
}

/// The header of printed sheets: what they are about.
fn header(report: &AccessReport) -> String {
    // An ampersand begins a code.
    let of = text(&report.subject()).replace('&', "&&");
    let source = &report.source;
    format!("&L{of}, {}&R{}", source.captured_at, source.content_digest)
}

fn membership_heads(has_type: bool) -> Vec<Head> {
    let typed: &[_] = if has_type {
        &[("Type", 16.0), ("Entitlement", 18.0)]
    } else {
        &[]
    };
    let heads = [("Role", 30.0)].iter().chain(typed).chain(&[
        ("Name", 28.0),
        ("E-mail", 34.0),
        ("Since (UTC)", 19.0),
        ("Role ID", 38.0),
        ("User ID", 38.0),
        ("Grant ID", 60.0),
    ]);
    heads
        .map(|(text, width)| Head {
            text,
            width: *width,
        })
        .collect()
}

/// The columns of the Review sheet. What no person has is left out.
fn review_columns(report: &AccessReport) -> Vec<ReviewColumn> {
    let mut people = report.people.iter();
    let has_seats = people.any(|person| !person.seat_word.is_empty());
    let mut people = report.people.iter();
    let has_logins = people.any(|person| person.last_login.is_some());
    let is_there = |column: &ReviewColumn| match column {
        ReviewColumn::Seat => has_seats,
        ReviewColumn::LastLogin => has_logins,
        _ => true,
    };
    let all = ReviewColumn::ALL.iter().copied();
    all.filter(is_there).collect()
}

/// The width of a column of the Review sheet, in characters.
fn width(column: ReviewColumn) -> f64 {
    match column {
        ReviewColumn::Kind | ReviewColumn::Decision => 10.0,
        ReviewColumn::Seat | ReviewColumn::Entitlement => 14.0,
        ReviewColumn::Since | ReviewColumn::LastLogin => 19.0,
        ReviewColumn::Reviewer => 20.0,
        ReviewColumn::Date => 12.0,
        ReviewColumn::Name | ReviewColumn::Role => 28.0,
        ReviewColumn::Email | ReviewColumn::Findings => 34.0,
        ReviewColumn::Comment | ReviewColumn::Id => 40.0,
    }
}

/// Adds the lists of decisions to choose from.
fn add_choices(sheets: &mut [Worksheet], columns: &[ReviewColumn]) -> Result<(), XlsxError> {
    let decision = columns.iter().position(|c| *c == ReviewColumn::Decision);
    let Some(column) = decision else {
        return Ok(());
    };
    let words: Vec<&str> = Decision::ALL.iter().map(|word| word.as_str()).collect();
    let choices = DataValidation::new()
        .allow_list_strings(&words)?
        .set_error_title("Decision")?
        .set_error_message(format!("Choose one of {}.", words.join(", ")))?;
    for sheet in sheets {
        let column = column as u16;
        sheet.add_data_validation(1, column, MAX_SHEET_ROWS - 1, column, &choices)?;
    }
    Ok(())
}

/// The first sheet: the cover, what identifies the snapshot, and the sign-off.
fn evidence_sheet(
    book: &mut rust_xlsxwriter::Workbook,
    report: &AccessReport,
    styles: &Styles,
) -> io::Result<Worksheet> {
    let mut sheet = new_sheet(book)?;
    let mut cover = Cover {
        sheet: &mut sheet,
        styles,
        row: 0,
    };
    cover.write(report).map_err(io_error)?;
    Ok(sheet)
}

/// A sheet that is read from top to bottom.
struct Cover<'s> {
    sheet: &'s mut Worksheet,
    styles: &'s Styles,
    row: u32,
}

impl Cover<'_> {
    fn write(&mut self, report: &AccessReport) -> Result<(), XlsxError> {
        self.sheet.set_name("Evidence")?;
        self.sheet.set_print_fit_to_pages(1, 0);
        for (column, width) in [
            (0, 44.0),
            (1, 50.0),
            (2, 16.0),
            (3, 12.0),
            (4, 12.0),
            (5, 10.0),
        ] {
            self.sheet.set_column_width(column, width)?;
        }
        let title = text(report.title());
        self.sheet
            .write_string_with_format(0, 0, title, &self.styles.title)?;
        self.row = 2;
        if let Some(reviewer) = &report.reviewer {
            self.fact("Reviewer", &Cell::text(&**reviewer))?;
        }
        for (label, cell) in tables::evidence(report) {
            self.fact(label, &cell)?;
        }
        if let Some(lists) = tables::lists(report) {
            self.heading("Lists that were read")?;
            self.rows(lists)?;
        }
        self.heading("What is not proved")?;
        match &report.evidence {
            None => self.line(tables::WITHOUT_EVIDENCE)?,
            Some(evidence) if evidence.unproved.is_empty() => self.line(tables::ALL_PROVED)?,
            Some(evidence) => {
                for sentence in &evidence.unproved {
                    self.line(sentence)?;
                }
            }
        }
        let warnings = report.evidence.iter().flat_map(|e| &e.warnings);
        for (at, warning) in warnings.enumerate() {
            if at == 0 {
                self.heading("Warnings of the crawl")?;
            }
            self.line(warning)?;
        }
        self.heading("At a glance")?;
        if let Some(why) = &report.roles_unknown {
            self.fact(
                "Roles and who holds them",
                &Cell::text(format!("not known: {why}")),
            )?;
        }
        for glance::Figure { label, value, note } in glance::figures(report) {
            self.fact(&label, &Cell::Number(value))?;
            if !note.is_empty() {
                let row = self.row - 1;
                self.sheet.write_string(row, 2, note)?;
            }
        }
        let rules = tables::not_judged(report);
        if rules.count > 0 {
            self.heading("Rules not judged, or only in part")?;
            self.rows(rules)?;
        }
        let unmatched = tables::unmatched(report);
        if unmatched.count > 0 {
            self.heading("Acceptances that accept nothing")?;
            self.rows(unmatched)?;
        }
        self.heading("Organization: not read")?;
        let not_read = tables::not_read(report);
        if not_read.is_empty() {
            self.line("Nothing.")?;
        }
        for (what, why) in not_read {
            self.fact(&what, &Cell::text(why))?;
        }
        self.heading("Sign-off")?;
        for label in ["Reviewer", "Date", "Decision", "Comment", "Signature"] {
            let value = match (&report.reviewer, label) {
                (Some(reviewer), "Reviewer") => text(reviewer),
                _ => String::new(),
            };
            self.label(label)?;
            self.sheet
                .write_string_with_format(self.row, 1, value, &self.styles.line)?;
            self.row += 1;
        }
        Ok(())
    }

    fn label(&mut self, label: &str) -> Result<(), XlsxError> {
        let styles = self.styles;
        self.sheet
            .write_string_with_format(self.row, 0, text(label), &styles.label)
            .map(|_| ())
    }

    fn fact(&mut self, label: &str, cell: &Cell<'_>) -> Result<(), XlsxError> {
        self.label(label)?;
        match cell {
            Cell::Number(n) => {
                self.sheet
                    .write_number_with_format(self.row, 1, *n as f64, &self.styles.value)?
            }
            other => self.sheet.write_string_with_format(
                self.row,
                1,
                text(&tables::words(other)),
                &self.styles.value,
            )?,
        };
        self.row += 1;
        Ok(())
    }

    fn heading(&mut self, heading: &str) -> Result<(), XlsxError> {
        self.row += 1;
        self.sheet
            .write_string_with_format(self.row, 0, heading, &self.styles.heading)?;
        self.row += 1;
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<(), XlsxError> {
        self.sheet.write_string(self.row, 0, text(line))?;
        self.row += 1;
        Ok(())
    }

    fn rows(&mut self, table: Table<'_>) -> Result<(), XlsxError> {
        for (at, head) in table.heads.iter().enumerate() {
            self.sheet.write_string_with_format(
                self.row,
                at as u16,
                head.text,
                &self.styles.head,
            )?;
        }
        self.row += 1;
        for row in table.rows {
            for (at, cell) in row.cells.iter().enumerate() {
                write_cell(self.sheet, self.row, at as u16, cell, self.styles)?;
            }
            self.row += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_what_a_cell_takes_and_has_no_control_characters() {
        assert_eq!(text("a\tb\n\u{0}c\u{ffff}"), "a b  c ");
        let long = text(&"𝄞".repeat(20_000));
        assert_eq!(long.encode_utf16().count(), MAX_CELL_UNITS);
        let whole = "x".repeat(MAX_CELL_UNITS);
        assert_eq!(text(&whole), whole);
        assert!(long.ends_with("𝄞…"));
    }

    #[test]
    fn times_are_days_since_1900_where_calendars_agree() {
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(serial(at("1900-03-01T00:00:00Z")), Some(61.0));
        assert_eq!(serial(at("1900-02-28T23:59:59Z")), None);
        assert_eq!(serial(at("2026-09-06T12:00:00.9Z")), Some(46_271.5));
    }
}
