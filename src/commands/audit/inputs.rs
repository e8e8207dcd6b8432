//! The files that an audit is given besides snapshots: the rules and the roster.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::audit::{BadPlace, Roster, RosterColumns, Settings};
use crate::progress::{Event, Reporter};
use crate::snapshot::Error;

/// The largest file that is read, in bytes. A roster of a million people has about 100 MB.
const MAX_BYTES: u64 = 512 << 20;

/// A rules file or roster that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", describe(.what, .path))]
pub(in crate::commands) struct BadInput {
    what: &'static str,
    path: PathBuf,
    problem: String,
}

fn describe(what: &str, path: &Path) -> String {
    format!("{what} `{}`", path.display())
}

impl BadInput {
    /// How to fix it.
    pub(in crate::commands) fn hint(&self) -> &'static str {
        match self.what {
            RULES => "`posthog-c1z audit --print-rules` prints a rules file with every key",
            _ => {
                "a roster is CSV in UTF-8 with a head line; --roster-email, --roster-status and --roster-left name its columns"
            }
        }
    }
}

const RULES: &str = "the rules file";
const ROSTER: &str = "the roster";

/// Reads the rules.
pub(super) fn read_rules(path: &Path) -> Result<Settings> {
    let bytes = read(RULES, path)?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return bad(RULES, path, "it is not UTF-8".to_owned());
    };
    Settings::parse(text).or_else(|error| at_place(RULES, path, &error))
}

/// Reads the roster, and reports how many of its rows match nobody.
pub(super) fn read_roster(
    path: &Path,
    columns: &RosterColumns,
    reporter: &dyn Reporter,
) -> Result<Roster> {
    let bytes = read(ROSTER, path)?;
    let roster = Roster::parse(&bytes, columns).or_else(|error| at_place(ROSTER, path, &error))?;
    let without = match roster.rows_without_address() {
        0 => return Ok(roster),
        1 => "1 row".to_owned(),
        n => format!("{n} rows"),
    };
    reporter.report(Event::Limited {
        message: format!(
            "{without} of `{}` without an address match nobody",
            path.display()
        ),
    });
    Ok(roster)
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>> {
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

fn at_place<T>(what: &'static str, path: &Path, error: &BadPlace) -> Result<T> {
    bad(what, path, error.to_string())
}

fn bad<T>(what: &'static str, path: &Path, problem: String) -> Result<T> {
    bail!(BadInput {
        what,
        path: path.to_owned(),
        problem,
    })
}
