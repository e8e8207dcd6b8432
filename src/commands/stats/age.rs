//! `stats --max-age`: checks the age of the newest finished full sync run, even if the file does not record its time
//! zone.

use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use super::Stats;
use crate::commands::input::Input;
use crate::commands::{Outcome, World};
use crate::model::{RecordedTime, SyncRun, SyncType, Timestamp, UtcOffset, Zone};
use crate::progress::Event;
use crate::report::duration;

/// Rejects an offset from UTC for a file whose times all have a known zone.
pub(super) fn check_offset(stats: &Stats<'_>) -> Result<()> {
    match stats.args.utc_offset {
        Some(offset) if offset != UtcOffset::UTC && stats.are_zones_known() => {
            let path = stats.args.input.path.display();
            if stats.runs.iter().all(|(run, _)| run.states_offset) {
                bail!(
                    "the times in `{path}` state their own offset: leave out `--utc-offset {offset}`"
                );
            }
            bail!(
                "the evidence in `{path}` shows that its times are in UTC: leave out `--utc-offset {offset}`"
            )
        }
        _ => Ok(()),
    }
}

/// The newest finished full sync run, and when it ended.
pub(super) struct Newest<'a> {
    run: &'a SyncRun,
    recorded: RecordedTime,
    /// The time in UTC that is used for it.
    ended_at: Timestamp,
    /// The offset from UTC that is used for its clock.
    offset: UtcOffset,
    basis: Basis,
    /// Whether an assumption was needed to decide which sync run is the newest.
    is_assumed: bool,
}

/// The source of an offset from UTC.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Basis {
    /// The file.
    Recorded,
    /// `--utc-offset`.
    Given,
    /// An assumption: the offset that makes the run as old as possible.
    Assumed,
}

impl<'a> Newest<'a> {
    /// Finds the newest finished full sync run. Others do not count, since they do not cover everything.
    pub(super) fn of(runs: &'a [(SyncRun, Zone)], given: Option<UtcOffset>) -> Option<Self> {
        let full = || {
            let is_full = |run: &SyncRun| run.sync_type == SyncType::Full && run.ended_at.is_some();
            runs.iter().filter(move |(run, _)| is_full(run))
        };
        let is_assumed = given.is_none() && full().any(|(_, zone)| *zone == Zone::Unknown);
        full()
            .map(|(run, zone)| {
                let recorded = run.captured_at(*zone);
                let (offset, basis) = match (zone, given) {
                    (Zone::Known, _) => (UtcOffset::UTC, Basis::Recorded),
                    (Zone::Unknown, Some(offset)) => (offset, Basis::Given),
                    (Zone::Unknown, None) => (UtcOffset::EASTERNMOST, Basis::Assumed),
                };
                Self {
                    run,
                    recorded,
                    ended_at: recorded.moment(offset),
                    offset,
                    basis,
                    is_assumed,
                }
            })
            .max_by_key(|newest| newest.ended_at)
    }

    /// Checks its age, and describes it.
    fn judge(&self, max_age: Duration, now: Timestamp) -> (Outcome, String) {
        let ended = match self.basis {
            Basis::Given => format!("{} {}", self.recorded.as_utc.to_seconds(), self.offset),
            Basis::Recorded | Basis::Assumed => self.recorded.to_string(),
        };
        let age = now.millis_since(self.ended_at);
        let (ahead, ago) = match (self.basis, duration(age)) {
            (Basis::Assumed, age) => (
                "which is in the future in every time zone",
                format!("up to {age} ago"),
            ),
            (_, age) => ("which is in the future", format!("{age} ago")),
        };
        let (outcome, age) = match u128::from(age) <= max_age.as_millis() {
            _ if self.ended_at.is_future(now) => (Outcome::Found, ahead.to_owned()),
            true => (Outcome::Done, ago),
            false => (
                Outcome::Found,
                format!("{ago}, more than `--max-age` allows"),
            ),
        };
        let found = format!("the newest full sync run ended at {ended}, {age}");
        (outcome, found)
    }

    pub(super) fn document(&self) -> AgeDocument<'a> {
        AgeDocument {
            sync_id: self.run.id.as_str(),
            ended_at: self.ended_at.to_string(),
            utc_offset: self.offset.to_string(),
            basis: self.basis,
        }
    }
}

/// Checks the age of the newest finished full sync run, and reports it.
pub(super) fn judge(
    input: &Input,
    newest: Option<Newest<'_>>,
    max_age: Duration,
    world: &World<'_>,
) -> Outcome {
    let path = input.path.display();
    let (outcome, found) = match newest {
        None => (
            Outcome::Found,
            "there is no finished full sync run".to_owned(),
        ),
        Some(newest) => {
            if newest.is_assumed {
                world.reporter.report(Event::Limited {
                    message: format!(
                        "`{path}` does not record the time zone of its times; its age is computed for UTC+14, which is the \
                         greatest it can be; if you know the zone, pass `--utc-offset`"
                    ),
                });
            }
            newest.judge(max_age, (world.now)())
        }
    };
    let message = format!("`{path}`: {found}");
    world.reporter.report(match outcome {
        Outcome::Done => Event::Noted { message },
        _ => Event::Found { message },
    });
    outcome
}

/// The time from which the age is counted.
#[derive(Serialize)]
pub(super) struct AgeDocument<'a> {
    sync_id: &'a str,
    /// In UTC.
    ended_at: String,
    utc_offset: String,
    basis: Basis,
}
