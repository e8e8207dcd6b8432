//! The metrics file: what monitoring learns of a run, whether it succeeded or failed. Nothing here changes how a run ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, bail};

use crate::commands::{ExitCode, Failure, Outcome, World};
use crate::files;
use crate::model::{Severity, Timestamp};
use crate::progress::{Event, Reporter, SyncSummary};
use crate::report::metrics::{Metric, Metrics};
use crate::snapshot;

/// Permissions of the file. The collector runs as another user, and the file names nobody.
const MODE: u32 = 0o644;

/// Longest part of an old file that is read, in bytes. Ours are far shorter.
const MAX_OLD: u64 = 64 << 10;

/// The metrics file of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsFile {
    /// Where it is.
    pub path: PathBuf,
    /// The organization's id, as far as the settings say it.
    pub organization: Option<String>,
}

impl MetricsFile {
    /// Calls `work`, which runs a sync, and writes what came of it. If another run holds the lock (exit code 10), the file is
    /// that run's to write.
    pub(in crate::commands) fn record(
        &self,
        world: &mut World<'_>,
        work: impl FnOnce(&mut World<'_>) -> Result<Outcome>,
    ) -> Result<Outcome> {
        let begun = Instant::now();
        let checked = self.check();
        if let Err(error) = &checked {
            self.warn(error, world.reporter);
        }
        let observer = Observer::of(world.reporter);
        let result = work(&mut World {
            now: world.now,
            new_sync_id: world.new_sync_id,
            reporter: &observer,
            out: &mut *world.out,
            page: world.page,
            quiet: world.quiet,
            arrived: world.arrived,
        });
        let exit_code = match &result {
            Ok(outcome) => outcome.exit_code(),
            Err(error) => Failure::of(error).exit_code,
        };
        if exit_code != ExitCode::Locked {
            let run = Run {
                ended_at: (world.now)(),
                exit_code,
                seconds: begun.elapsed().as_millis() as f64 / 1000.0,
                seen: observer.seen(),
            };
            match self.write(&run, world.reporter) {
                // Reported in advance already.
                Err(error) if checked.is_ok() => self.warn(&error, world.reporter),
                _ => {}
            }
        }
        result
    }

    /// Checks whether the file could be written now.
    ///
    /// # Errors
    /// When it could not.
    pub(in crate::commands) fn check(&self) -> Result<()> {
        files::check_replaceable(&self.path, MODE)?;
        self.old().map(drop)
    }

    fn warn(&self, error: &anyhow::Error, reporter: &dyn Reporter) {
        let problem = Failure::of(error).message;
        let path = self.path.display();
        reporter.report(Event::Unmonitored {
            message: format!("the metrics file `{path}` cannot be written: {problem}"),
        });
    }

    /// Writes the figures of a run, and those of the old file that still hold.
    fn write(&self, run: &Run, reporter: &dyn Reporter) -> Result<()> {
        // What it checks may have changed in hours of crawling, and a pipe would block.
        files::check_replaceable(&self.path, MODE)?;
        let (old, ignored) = match self.old()? {
            Some(bytes) => Metrics::parse(&String::from_utf8_lossy(&bytes)),
            None => (Metrics::default(), 0),
        };
        let (metrics, dropped) = run.metrics(self.organization.clone(), old);
        let ignored = match ignored + dropped {
            0 => None,
            1 => Some("1 line".to_owned()),
            n => Some(format!("{n} lines")),
        };
        if let Some(lines) = ignored {
            let path = self.path.display();
            let message = format!(
                "{lines} of the old metrics file `{path}` cannot be used and are not carried over"
            );
            reporter.report(Event::Unmonitored { message });
        }
        files::replace(&self.path, MODE, |file| {
            file.write_all(metrics.to_string().as_bytes())
                .map_err(|source| files::Error {
                    action: "writing",
                    path: self.path.clone(),
                    source,
                })
        })?;
        Ok(())
    }

    /// Reads the file of an earlier run; `None` if there is none. One that exists and cannot be read is as good as empty, but
    /// a snapshot is never taken for one.
    fn old(&self) -> Result<Option<Vec<u8>>> {
        let mut old = Vec::new();
        let read = File::open(&self.path).and_then(|file| file.take(MAX_OLD).read_to_end(&mut old));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // One line that cannot be used.
            Err(_) => Ok(Some(b"?".to_vec())),
            Ok(_) if snapshot::is_c1z(&old) => bail!("it is a snapshot"),
            Ok(_) => Ok(Some(old)),
        }
    }
}

/// What is known of a run that has ended.
struct Run {
    ended_at: Timestamp,
    exit_code: ExitCode,
    seconds: f64,
    seen: Seen,
}

impl Run {
    /// Returns its figures, and the number of old ones that are wrong.
    fn metrics(&self, organization: Option<String>, mut old: Metrics) -> (Metrics, usize) {
        let summary = match self.exit_code {
            ExitCode::Done => self.seen.summary.as_deref(),
            _ => None,
        };
        // A run that does not know its organization belongs to that of the old file.
        let organization = organization
            .or_else(|| summary.map(|summary| summary.organization_id.clone()))
            .or_else(|| old.organization.clone());
        let mut dropped = 0;
        if old.organization.is_some() && old.organization != organization {
            dropped += old.values.len();
            old.values.clear();
        }
        let before = old.values.len();
        old.values.retain(|metric, value| match metric {
            // A time ahead of the clock would hide for as long that runs fail.
            Metric::LastSuccess | Metric::LastFailure => {
                let time = Timestamp::from_unix(*value as i64, 0);
                time.is_some_and(|time| !time.is_future(self.ended_at))
            }
            _ => true,
        });
        dropped += before - old.values.len();

        let (ended, carried) = match self.exit_code {
            ExitCode::Done => (Metric::LastSuccess, Metric::LastFailure),
            _ => (Metric::LastFailure, Metric::LastSuccess),
        };
        let mut values = old.values;
        // After a failure, the last snapshot is still the old one.
        values.retain(|metric, _| {
            *metric == carried || self.exit_code != ExitCode::Done && metric.is_of_snapshot()
        });
        let at = self.ended_at.unix_seconds().max(0);
        values.extend([
            (ended, at as f64),
            (Metric::ExitCode, f64::from(self.exit_code as u8)),
            (Metric::Duration, self.seconds),
            (Metric::Requests, self.seen.requests as f64),
            (Metric::Retries, self.seen.retries as f64),
        ]);
        if let Some(summary) = summary {
            values.extend(of_snapshot(summary));
        }
        let metrics = Metrics {
            organization,
            values,
        };
        (metrics, dropped)
    }
}

/// Returns the figures of a snapshot, as far as they are known.
fn of_snapshot(summary: &SyncSummary) -> impl Iterator<Item = (Metric, f64)> {
    let role_figure = |value: u64| (!summary.lacks_roles).then_some(value);
    let findings = summary.findings;
    [
        (Metric::Users, Some(summary.users)),
        (Metric::Roles, role_figure(summary.roles)),
        (Metric::Grants, role_figure(summary.grants)),
        (Metric::SnapshotBytes, Some(summary.bytes)),
        (
            Metric::Findings(Severity::High),
            findings.map(|found| found.high),
        ),
        (
            Metric::Findings(Severity::Medium),
            findings.map(|found| found.medium),
        ),
        (
            Metric::Findings(Severity::Low),
            findings.map(|found| found.low),
        ),
    ]
    .into_iter()
    .filter_map(|(metric, value)| Some((metric, value? as f64)))
}

/// Passes events on, and keeps what the metrics are made of.
struct Observer<'a> {
    reporter: &'a dyn Reporter,
    seen: Mutex<Seen>,
}

/// What a run reported of itself.
#[derive(Default)]
struct Seen {
    requests: u64,
    retries: u64,
    summary: Option<Box<SyncSummary>>,
}

impl<'a> Observer<'a> {
    fn of(reporter: &'a dyn Reporter) -> Self {
        Self {
            reporter,
            seen: Mutex::default(),
        }
    }

    fn seen(self) -> Seen {
        self.seen
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Observer<'_> {
    fn report(&self, event: Event) {
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            match &event {
                Event::Requested(_) => seen.requests += 1,
                Event::Retrying { .. } => seen.retries += 1,
                Event::Synced(summary) => seen.summary = Some(summary.clone()),
                _ => {}
            }
        }
        self.reporter.report(event);
    }
}
