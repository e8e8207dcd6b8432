//! Where a file that a person wrote is wrong.

use std::fmt;

/// A place in a text file, both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column: a character in a rules file, a field in a table.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct BadPlace {
    /// Where.
    pub place: Place,
    /// What, without anything personal from the file.
    pub problem: String,
}

impl BadPlace {
    /// Creates a description of a problem, which must not repeat anything personal from the file.
    pub fn new(line: u64, column: u64, problem: impl Into<String>) -> Self {
        Self {
            place: Place { line, column },
            problem: problem.into(),
        }
    }
}
