//! Values into text for people and for programs, harmless in the medium that shows it.

pub mod diff;
mod json;
mod outlet;
mod printable;
pub mod sheet;
pub mod style;
mod table;
mod words;
mod wrap;

pub use json::{JsonDocument, JsonItem, JsonSequence, Layout};
pub use outlet::{Medium, Outlet, escaped_json};
pub use printable::printable;
pub use table::{Column, Table};
pub use words::{day, duration, moment, size};
pub use wrap::wrap;

/// What output is written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// Columns of the terminal, or of `COLUMNS` where it is not one; `None` if they are not known.
    pub width: Option<usize>,
    /// Whether tables leave every cell whole.
    pub wide: bool,
    /// Whether bold and colour are wanted.
    pub styled: bool,
}

/// In which form an answer is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Console,
    /// For programs.
    Json,
}
