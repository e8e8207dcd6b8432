//! Files besides snapshots that people write and a command is given: the rules and the roster of `audit`, the decisions of
//! `diff`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::model::BadPlace;
use crate::snapshot::Error;

/// The largest file that is read, in bytes. A roster of a million people has about 100 MB.
const MAX_BYTES: u64 = 512 << 20;

/// What such a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// The rules of an audit.
    Rules,
    /// Who should be there.
    Roster,
    /// What an access review decided.
    Decisions,
}

impl Given {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "the rules file",
            Self::Roster => "the roster",
            Self::Decisions => "the decisions file",
        }
    }
}

/// Such a file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} `{}`: {problem}", .what.as_str(), path.display())]
pub(super) struct BadInput {
    what: Given,
    path: PathBuf,
    problem: String,
}

impl BadInput {
    /// How to fix it.
    pub(super) fn hint(&self) -> &'static str {
        match self.what {
            Given::Rules => "`posthog-c1z audit --print-rules` prints a rules file with every key",
            Given::Roster => {
                "a roster is CSV in UTF-8 with a head line; --roster-email, --roster-status and --roster-left name its columns"
            }
            Given::Decisions => {
                "decisions are the sheet `Review` of the workbook, saved as `CSV UTF-8` with its head line; a decision is Keep, \
                 Revoke or Change"
            }
        }
    }
}

/// Reads such a file.
pub(super) fn read(what: Given, path: &Path) -> Result<Vec<u8>> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.len() as u64 > MAX_BYTES => bad(
            what,
            path,
            format!("it has more than {} MiB", MAX_BYTES >> 20),
        ),
        Ok(bytes) => Ok(bytes),
        // What does not exist is a mistake in the configuration; anything else is the machine's.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bad(what, path, "it does not exist".to_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            bad(what, path, "it is a folder".to_owned())
        }
        Err(source) => Err(Error::Io {
            action: "reading",
            path: path.to_owned(),
            source,
        }
        .into()),
    }
}

/// Refuses such a file because of something at a place in it.
pub(super) fn bad_place<T>(what: Given, path: &Path, error: &BadPlace) -> Result<T> {
    bad(what, path, error.to_string())
}

/// Refuses such a file.
pub(super) fn bad<T>(what: Given, path: &Path, problem: String) -> Result<T> {
    bail!(BadInput {
        what,
        path: path.to_owned(),
        problem,
    })
}
