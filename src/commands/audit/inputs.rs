//! The files that an audit is given besides snapshots: the rules and the roster.

use std::path::Path;

use anyhow::Result;

use crate::audit::{Roster, RosterColumns, Settings};
use crate::commands::given::{Given, bad, bad_place, read};
use crate::progress::{Event, Reporter};

/// Reads the rules.
pub(super) fn read_rules(path: &Path) -> Result<Settings> {
    let bytes = read(Given::Rules, path)?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return bad(Given::Rules, path, "it is not UTF-8".to_owned());
    };
    Settings::parse(text).or_else(|error| bad_place(Given::Rules, path, &error))
}

/// Reads the roster, and reports how many of its rows match nobody.
pub(in crate::commands) fn read_roster(
    path: &Path,
    columns: &RosterColumns,
    reporter: &dyn Reporter,
) -> Result<Roster> {
    let bytes = read(Given::Roster, path)?;
    let roster =
        Roster::parse(&bytes, columns).or_else(|error| bad_place(Given::Roster, path, &error))?;
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
