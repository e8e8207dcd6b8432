//! Why the content of a v3 snapshot cannot be read.

use std::fmt::Display;
use std::io;

use crate::snapshot::error::{Damage, V3Part, shortened};

#[derive(Debug)]
pub(in crate::snapshot) enum Fault {
    /// The snapshot or the temporary file cannot be read; neither is damage.
    Io(io::Error),
    /// The file uses something that this program does not know, such as "table format 8; this program knows 7".
    Unknown(String),
    /// The file is damaged, or exceeds a limit.
    Damage(Damage),
}

impl Fault {
    /// Damage to one part.
    pub(crate) fn damage(part: V3Part, problem: impl Display) -> Self {
        Self::Damage(Damage::V3 {
            part,
            problem: problem.to_string(),
        })
    }

    /// More than this program reads.
    pub(super) fn limit(problem: impl Display) -> Self {
        Self::Damage(Damage::Limit(problem.to_string()))
    }

    /// A version or kind that this program does not know.
    pub(crate) fn version(what: &str, found: impl Display, known: impl Display) -> Self {
        Self::Unknown(format!("{what} {found}; this program knows {known}"))
    }
}

/// A name from the file, for a message.
pub(super) fn shown(name: &[u8]) -> String {
    format!("`{}`", shortened(name).escape_debug())
}
