//! Tables for people: as wide as what is in them, never wider than the terminal, and written while rows come in.
//!
//! Widths are settled from the first rows, so that a million rows need no memory. On a terminal a cell that does not
//! fit is cut with `…`; in a pipe nothing is cut, and a cell that is wider than its column moves the rest of its line.

use std::io::{self, Read, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Page, printable, style};

/// Rows that settle the widths.
const SAMPLE: usize = 500;
/// Bytes of cells that settle them if they come first.
const SAMPLE_BYTES: usize = 1 << 20;
/// Narrowest a column gets, in terminal columns.
const MIN_WIDTH: usize = 8;
/// Widest a column gets in a pipe, so that one long text does not lengthen every line.
const MAX_WIDTH: usize = 200;
const GAP: &str = "  ";

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    head: &'static str,
    give: Give,
}

/// Which columns become narrower where a terminal is too narrow for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Give {
    First,
    Some,
    Nothing,
}

impl Column {
    /// A column that is cut where the terminal is too narrow.
    pub const fn new(head: &'static str) -> Self {
        Self {
            head,
            give: Give::Some,
        }
    }

    /// A column that is cut before others: ids, of which people need the names.
    pub const fn id(head: &'static str) -> Self {
        Self {
            head,
            give: Give::First,
        }
    }

    /// A column that is short and means nothing when cut: numbers, times.
    pub const fn whole(head: &'static str) -> Self {
        Self {
            head,
            give: Give::Nothing,
        }
    }
}

/// A table that is being written.
pub struct Table<'w> {
    out: &'w mut dyn Write,
    page: Page,
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
            page,
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
            Some(widths) => write_row(self.out, self.page, widths, &cells),
            None => {
                self.sample_bytes += cells.iter().map(String::len).sum::<usize>();
                self.sample.push(cells);
                if self.sample.len() < SAMPLE && self.sample_bytes < SAMPLE_BYTES {
                    Ok(())
                } else {
                    self.settle()
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
            self.settle()
        } else {
            Ok(())
        }
    }

    fn settle(&mut self) -> io::Result<()> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .map(|column| column.head.width())
            .collect();
        for row in &self.sample {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        match self.page.width {
            Some(available) => shrink(
                &mut widths,
                self.columns,
                available.saturating_sub(GAP.len() * (self.columns.len() - 1)),
            ),
            None => widths
                .iter_mut()
                .for_each(|width| *width = (*width).min(MAX_WIDTH)),
        }
        let heads: Vec<String> = self
            .columns
            .iter()
            .map(|column| column.head.to_owned())
            .collect();
        let heading = style::wanted(style::HEADING, self.page.styled);
        write!(self.out, "{heading}")?;
        write_row(self.out, self.page, &widths, &heads)?;
        write!(self.out, "{heading:#}")?;
        for row in std::mem::take(&mut self.sample) {
            write_row(self.out, self.page, &widths, &row)?;
        }
        self.widths = Some(widths);
        Ok(())
    }
}

/// Takes from the columns that give first, then from those that give at all, always from the widest of them, until
/// all fit or none can give more.
fn shrink(widths: &mut [usize], columns: &[Column], available: usize) {
    for giving in [Give::First, Give::Some] {
        while widths.iter().sum::<usize>() > available {
            let widest = widths
                .iter_mut()
                .zip(columns)
                .filter(|(width, column)| column.give == giving && **width > MIN_WIDTH)
                .max_by_key(|(width, _)| **width);
            let Some((width, _)) = widest else { break };
            *width -= 1;
        }
    }
}

fn write_row(
    out: &mut dyn Write,
    page: Page,
    widths: &[usize],
    cells: &[String],
) -> io::Result<()> {
    let last = widths.len() - 1;
    for (at, (width, cell)) in widths.iter().zip(cells).enumerate() {
        let shown = match page.width {
            Some(_) => cut(cell, *width),
            None => cell.into(),
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
    let mut shown = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= width {
            break;
        }
        shown.push(c);
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
