//! Output formats: values as text, tables, CSV, JSON, Markdown, HTML, workbooks and metrics, each escaped for the medium that shows it.

pub mod access;
pub mod audit;
pub mod diff;
pub mod flat;
pub mod history;
mod json;
mod markdown;
pub mod metrics;
mod outlet;
mod printable;
pub mod sheet;
pub mod style;
pub mod surroundings;
mod table;
mod words;
mod wrap;

pub use json::{JsonDocument, JsonItem, JsonSequence, Layout};
pub use outlet::{Medium, Outlet, escaped_json};
pub use printable::printable;
pub use table::{Column, Table};
pub use words::{day, duration, moment, quoted, shell_word, size};
pub use wrap::{labeled, wrap};

/// The terminal, file or pipe that output is written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// Width in columns, of the terminal or from `COLUMNS`; `None` if unknown.
    pub width: Option<usize>,
    /// Whether tables show every cell whole.
    pub wide: bool,
    /// Whether to print bold text and colours.
    pub styled: bool,
}

impl Page {
    /// The width of a terminal. Prose is wrapped for a terminal only, which would break lines in the middle of words.
    pub fn terminal_width(self) -> Option<usize> {
        self.width.filter(|_| self.is_terminal)
    }
}

/// The output format of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Text and tables, for people.
    #[default]
    Console,
    /// JSON, for programs.
    Json,
}
