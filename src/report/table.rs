//! Tables for people: as wide as their cells, never wider than the terminal, and written while rows come in.
//!
//! Column widths are computed from the first rows, so that a million rows need no memory. No column is wider than
//! [`MAX_WIDTH`]. On a terminal a cell that does not fit is cut with `…`; in a pipe without a known width it is not cut, and
//! moves the rest of its line. A wide table has neither limit.

use std::io::{self, Read, Write};

use unicode_width::UnicodeWidthStr;

use super::{Page, printable, style};

/// The number of rows that the widths are computed from.
const SAMPLE: usize = 500;
/// Fewer rows are enough if their cells have this many bytes.
const SAMPLE_BYTES: usize = 1 << 20;
/// The narrowest a column gets, in terminal columns.
const MIN_WIDTH: usize = 6;
/// The widest a column gets, so that one long name does not lengthen every line.
const MAX_WIDTH: usize = 60;
const GAP: &str = "  ";

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    head: &'static str,
    shrinks: Shrinks,
}

/// When a column becomes narrower because the terminal is too narrow for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shrinks {
    First,
    Later,
    Never,
}

impl Column {
    /// A column that is cut where the terminal is too narrow.
    pub const fn new(head: &'static str) -> Self {
        Self {
            head,
            shrinks: Shrinks::Later,
        }
    }

    /// A column that is cut before others: ids, of which people need the names.
    pub const fn id(head: &'static str) -> Self {
        Self {
            head,
            shrinks: Shrinks::First,
        }
    }

    /// Its name.
    pub fn head(&self) -> &'static str {
        self.head
    }

    /// A column that is short and of no use when cut: numbers, times, shortened ids.
    pub const fn whole(head: &'static str) -> Self {
        Self {
            head,
            shrinks: Shrinks::Never,
        }
    }
}

/// A table that is being written.
pub struct Table<'w> {
    out: &'w mut dyn Write,
    width: Option<usize>,
    /// The widest that a column gets.
    max_width: usize,
    styled: bool,
    columns: &'static [Column],
    sample: Vec<Vec<String>>,
    sample_bytes: usize,
    widths: Option<Vec<usize>>,
}

impl<'w> Table<'w> {
    /// A table with these column heads.
    pub fn new(out: &'w mut dyn Write, page: Page, columns: &'static [Column]) -> Self {
        Self {
            out,
            width: page.width.filter(|_| !page.wide),
            max_width: if page.wide { usize::MAX } else { MAX_WIDTH },
            styled: page.styled,
            columns,
            sample: Vec::new(),
            sample_bytes: 0,
            widths: None,
        }
    }

    /// Adds a row; its cells are made harmless here.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn push(&mut self, cells: Vec<String>) -> io::Result<()> {
        let cells: Vec<String> = cells
            .iter()
            .map(|cell| printable(cell).into_owned())
            .collect();
        match &self.widths {
            Some(widths) => write_row(self.out, self.width.is_some(), self.columns, widths, &cells),
            None => {
                self.sample_bytes += cells.iter().map(String::len).sum::<usize>();
                self.sample.push(cells);
                if self.sample.len() < SAMPLE && self.sample_bytes < SAMPLE_BYTES {
                    Ok(())
                } else {
                    self.write_sample()
                }
            }
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        if self.widths.is_none() {
            self.write_sample()
        } else {
            Ok(())
        }
    }

    fn write_sample(&mut self) -> io::Result<()> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .map(|column| column.head.width())
            .collect();
        for row in &self.sample {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width().min(self.max_width));
            }
        }
        if let Some(available) = self.width {
            let gaps = GAP.len() * (self.columns.len() - 1);
            shrink(&mut widths, self.columns, available.saturating_sub(gaps));
        }
        let heads: Vec<String> = self
            .columns
            .iter()
            .map(|column| column.head.to_owned())
            .collect();
        let heading = style::wanted(style::HEADING, self.styled);
        write!(self.out, "{heading}")?;
        write_row(
            self.out,
            self.width.is_some(),
            self.columns,
            &widths,
            &heads,
        )?;
        write!(self.out, "{heading:#}")?;
        for row in std::mem::take(&mut self.sample) {
            write_row(self.out, self.width.is_some(), self.columns, &widths, &row)?;
        }
        self.widths = Some(widths);
        Ok(())
    }
}

/// Narrows the columns that shrink first, then those that shrink later, always the widest of them, until all fit or none
/// can become narrower.
fn shrink(widths: &mut [usize], columns: &[Column], available: usize) {
    for when in [Shrinks::First, Shrinks::Later] {
        while widths.iter().sum::<usize>() > available {
            let widest = widths
                .iter_mut()
                .zip(columns)
                .filter(|(width, column)| column.shrinks == when && **width > MIN_WIDTH)
                .max_by_key(|(width, _)| **width);
            let Some((width, _)) = widest else { break };
            *width -= 1;
        }
    }
}

fn write_row(
    out: &mut dyn Write,
    cuts: bool,
    columns: &[Column],
    widths: &[usize],
    cells: &[String],
) -> io::Result<()> {
    let last = widths.len() - 1;
    for (at, (width, cell)) in widths.iter().zip(cells).enumerate() {
        // Of some columns, a part is of no use; a later row may be wider than the sample.
        let is_cut = cuts && columns[at].shrinks != Shrinks::Never;
        let shown = if is_cut {
            cut(cell, *width)
        } else {
            cell.into()
        };
        out.write_all(shown.as_bytes())?;
        if at < last {
            // Not by a format string, whose width is limited to 65,535.
            let padding = width.saturating_sub(shown.width()) as u64;
            io::copy(&mut io::repeat(b' ').take(padding), out)?;
            out.write_all(GAP.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

/// The text in at most `width` terminal columns.
fn cut(text: &str, width: usize) -> std::borrow::Cow<'_, str> {
    if text.width() <= width {
        return text.into();
    }
    // A sequence may be wider than its characters.
    let mut shown = String::new();
    for c in text.chars() {
        shown.push(c);
        if shown.width() >= width {
            shown.pop();
            break;
        }
    }
    shown.push('…');
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<usize>, rows: &[[&str; 2]]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(
            &mut out,
            Page {
                is_terminal: width.is_some(),
                width,
                styled: false,
                wide: false,
            },
            &[const { Column::new("Name") }, const { Column::id("ID") }],
        );
        for row in rows {
            table.push(row.map(str::to_owned).to_vec()).unwrap();
        }
        table.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_on_the_screen() {
        let shown = table(None, &[["王小明", "1"], ["Ann", "22"]]);
        assert_eq!(shown, "Name    ID\n王小明  1\nAnn     22\n");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = "x".repeat(200);
        let shown = table(Some(40), &[[&long, &long], ["王".repeat(50).as_str(), "1"]]);
        assert!(shown.lines().all(|line| line.width() <= 40), "{shown}");
        assert!(shown.contains('…'));
    }

    #[test]
    fn a_long_cell_in_a_pipe_stays_whole_and_does_not_lengthen_other_lines() {
        let long = "x".repeat(70_000);
        let shown = table(None, &[[&long, "1"], ["Ann", "2"], ["Bob", &long]]);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[1], format!("{long}  1"));
        assert_eq!(lines[2].len(), MAX_WIDTH + GAP.len() + 1);
        assert!(lines[3].ends_with(&long));
    }

    #[test]
    fn cells_cannot_steer_the_terminal() {
        let shown = table(None, &[["a\x1b[2Jb\nc", "1"]]);
        assert!(!shown.contains('\x1b'), "{shown:?}");
        assert_eq!(shown.lines().count(), 2, "{shown:?}");
    }
}
