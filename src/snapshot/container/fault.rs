//! Why the database in a c1z cannot be read.

use std::fmt::Display;
use std::io;

/// Why pages cannot be read.
#[derive(Debug)]
pub(in crate::snapshot) enum Fault {
    /// The temporary file cannot be read, which is not the snapshot's fault.
    Io(io::Error),
    /// The database is damaged.
    Damage(String),
}

impl Fault {
    /// Damage to one page.
    pub(crate) fn page(number: u32, problem: impl Display) -> Self {
        Self::Damage(format!("page {number} {problem}"))
    }
}
