//! The audit of a new snapshot. It never changes how a sync ends: what goes wrong is a warning.

use std::path::Path;

use crate::commands::audit::{Basis, Criteria, count_findings};
use crate::commands::{Failure, Input, World};
use crate::progress::{Event, Findings, Silent};
use crate::snapshot::ReadOptions;

/// Reads the files of `basis`, before hours of crawling; `None` if they cannot be used, which is reported.
pub(super) fn read_criteria(basis: &Basis, world: &World<'_>) -> Option<Criteria> {
    // `audit` reports rows of the roster without an address. A nightly run that succeeds prints nothing.
    match Criteria::read(basis, &Silent) {
        Ok(criteria) => Some(criteria),
        Err(error) => {
            warn(&error, world);
            None
        }
    }
}

/// Judges the snapshot at `path`; `None` if that fails, which is reported.
pub(super) fn judge(
    path: &Path,
    criteria: &Criteria,
    options: &ReadOptions,
    world: &World<'_>,
) -> Option<Findings> {
    let input = Input {
        path: path.to_owned(),
        sync_id: None,
        options: options.clone(),
    };
    match count_findings(&input, criteria) {
        Ok(findings) => Some(findings),
        Err(error) => {
            warn(&error, world);
            None
        }
    }
}

fn warn(error: &anyhow::Error, world: &World<'_>) {
    let problem = Failure::of(error).message;
    world.reporter.report(Event::Unmonitored {
        message: format!("the snapshot is not audited: {problem}"),
    });
}
