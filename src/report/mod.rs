//! Values into text for people and for programs.

pub mod diff;
mod json_list;
mod printable;
pub mod sheet;
mod table;
mod words;

pub use json_list::{JsonItem, JsonList};
pub use printable::printable;
pub use table::{Column, Table};
pub use words::{duration, size};

/// What output is written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Columns of the terminal; `None` if it is none.
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
