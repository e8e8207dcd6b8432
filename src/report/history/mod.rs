//! The report of `history`, for people (console, CSV) and for programs (JSON, NDJSON).

mod console;
mod json;
mod spreadsheet;

use std::io::{self, Write};

use super::{Medium, Page};
use crate::model::{Gap, History, HistoryRun};

/// The formats of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryFormat {
    /// Text for a terminal.
    Console,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Ndjson,
    /// One row per run, span, person or leaver.
    Csv,
}

impl HistoryFormat {
    /// How a terminal or a file takes it.
    pub fn medium(self, page: Page) -> Medium {
        match self {
            Self::Console => Medium::Text {
                styled: page.styled,
            },
            Self::Json | Self::Ndjson => Medium::Json,
            Self::Csv if page.is_terminal => Medium::Csv,
            Self::Csv => Medium::Raw,
        }
    }
}

/// How much of a log to print, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Whether runs without changes get an entry of their own in text for a terminal. All other formats have every run.
    pub every_run: bool,
    /// Whether the newest run comes first.
    pub newest_first: bool,
}

/// Writes a history.
///
/// # Errors
/// When the output cannot be written.
pub fn write(
    history: &History,
    format: HistoryFormat,
    detail: Detail,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        HistoryFormat::Console => console::write(history, detail, page, out),
        HistoryFormat::Json => json::write_document(history, detail, out),
        HistoryFormat::Ndjson => json::write_lines(history, detail, out),
        HistoryFormat::Csv => spreadsheet::write(history, detail, page, out),
    }
}

/// The runs in the order that is asked for, each with the gap between it and the run before.
fn in_order(
    history: &History,
    detail: Detail,
) -> Box<dyn Iterator<Item = (&HistoryRun, Option<Gap>)> + '_> {
    let runs = history.runs.iter().enumerate().map(|(at, run)| {
        let before = at.checked_sub(1).map(|at| &history.runs[at]);
        let is_between = |gap: &&Gap| {
            before.is_some_and(|before| gap.after == before.captured_at.as_utc)
                && gap.by == run.captured_at.as_utc
        };
        (run, history.gaps.iter().find(is_between).copied())
    });
    if detail.newest_first {
        Box::new(runs.rev())
    } else {
        Box::new(runs)
    }
}
