//! Values into text for people and for programs, harmless in the medium that shows it.

pub mod diff;
mod json;
mod outlet;
mod printable;
pub mod sheet;
pub mod style;
mod table;
mod words;

pub use json::{JsonDocument, JsonItem, JsonSequence, Layout};
pub use outlet::{Medium, Outlet, escaped_json};
pub use printable::printable;
pub use table::{Column, Table};
pub use words::{day, duration, moment, size};

/// What output is written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// Columns of the terminal; `None` if they are not known, or it is not a terminal.
    pub width: Option<usize>,
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
