//! Whether the newest finished full sync run of a file is young enough, also where the file does not record the zone of its
//! times.

use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use super::StatsArgs;
use crate::commands::input::Input;
use crate::commands::{Outcome, World};
use crate::model::{RecordedTime, SyncRun, SyncType, Timestamp, UtcOffset, Zone};
use crate::progress::Event;
use crate::report::duration;

/// Refuses an offset from UTC for a file whose times all have a known zone.
pub(super) fn check_offset(args: &StatsArgs, runs: &[(SyncRun, Zone)]) -> Result<()> {
    let is_known = runs.iter().all(|(_, zone)| *zone == Zone::Known);
    match args.utc_offset {
        Some(offset) if offset != UtcOffset::UTC && is_known => {
            let path = args.input.path.display();
            if runs.iter().all(|(run, _)| run.states_offset) {
                bail!(
                    "the times in `{path}` state their own offset: leave out --utc-offset {offset}"
                );
            }
            bail!(
                "the evidence in `{path}` shows that its times are in UTC: leave out --utc-offset {offset}"
            )
        }
        _ => Ok(()),
    }
}

/// The newest finished full sync run, and when it ended.
pub(super) struct Newest<'a> {
    run: &'a SyncRun,
    recorded: RecordedTime,
    /// The moment that this is taken for.
    ended_at: Timestamp,
    /// How far ahead of UTC its clock is taken to have been.
    offset: UtcOffset,
    basis: Basis,
    /// Whether it is the newest by an assumption about some sync run, perhaps another one.
    is_assumed: bool,
}

/// What an offset from UTC rests on.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Basis {
    /// The file.
    Recorded,
    /// `--utc-offset`.
    Given,
    /// Nothing: it is the one that makes the run the oldest it can be.
    Assumed,
}

impl<'a> Newest<'a> {
    /// Finds it. Sync runs that are not full do not count: a part of yesterday's people is not a snapshot of today's.
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

    /// Judges its age, and says how old it is.
    fn judge(&self, max_age: Duration, now: Timestamp) -> (Outcome, String) {
        let ended = match self.basis {
            Basis::Given => format!("{} {}", self.recorded.as_utc.to_seconds(), self.offset),
            Basis::Recorded | Basis::Assumed => self.recorded.to_string(),
        };
        let age = now.millis_since(self.ended_at);
        let (ahead, ago) = match (self.basis, duration(age)) {
            (Basis::Assumed, age) => (
                "ahead of the clock in every time zone",
                format!("up to {age} ago"),
            ),
            (_, age) => ("ahead of the clock", format!("{age} ago")),
        };
        let (outcome, age) = match u128::from(age) <= max_age.as_millis() {
            _ if self.ended_at.is_future(now) => (Outcome::Found, ahead.to_owned()),
            true => (Outcome::Done, ago),
            false => (Outcome::Found, format!("{ago}, more than --max-age allows")),
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

/// Reports whether the newest finished full sync run of a file is young enough.
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
                        "`{path}` does not record the time zone of its times; its age is counted as if they were of \
                         UTC+14, which makes it the oldest it can be; give the zone with --utc-offset"
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

/// What the age of the newest finished full sync run is counted from.
#[derive(Serialize)]
pub(super) struct AgeDocument<'a> {
    sync_id: &'a str,
    /// The moment, in UTC.
    ended_at: String,
    utc_offset: String,
    basis: Basis,
}
