//! Events as lines of a log, as text or as JSON.

use std::io::{self, Write};

use tracing::{Dispatch, Level, dispatcher};

use super::{hold_in_words, say, title};
use crate::cli::{LogFormat, LogLevel};
use crate::progress::{Event, Request, SyncSummary};
use crate::report::{escaped_json, printable};

/// Takes the lines of the log.
struct Log(LogFormat);

impl Write for Log {
    /// Writes one line: the subscriber hands over each event as a whole.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = match self.0 {
            LogFormat::Console => printable(line),
            LogFormat::Json => escaped_json(line),
        };
        say(&format!("{line}\n"), false);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets all lines down to `level` be written from here on. Call it once.
pub(super) fn subscribe(format: LogFormat, level: LogLevel) {
    // A second subscriber in one process is refused; the first then hears everything.
    let _ = dispatcher::set_global_default(dispatch(format, level));
}

/// Writes one event as a line, also where [`subscribe`] leaves lines of its level out.
pub(super) fn write_anyway(format: LogFormat, event: Event) {
    dispatcher::with_default(&dispatch(format, LogLevel::Debug), || write(event));
}

fn dispatch(format: LogFormat, level: LogLevel) -> Dispatch {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    let lines = tracing_subscriber::fmt()
        .with_writer(move || Log(format))
        // It would report them with `eprintln!`, which panics where standard error cannot be written.
        .log_internal_errors(false)
        .with_max_level(level)
        .with_target(false);
    match format {
        LogFormat::Json => Dispatch::new(lines.json().flatten_event(true).finish()),
        LogFormat::Console => Dispatch::new(lines.with_ansi(false).finish()),
    }
}

/// Writes one event as a line, if its level is wanted.
pub(super) fn write(event: Event) {
    match event {
        Event::Started { phase, of } => tracing::debug!(phase = title(phase), of, "started"),
        // What crawling has got is in the lines of its requests.
        Event::Advanced { phase, steps, of } => tracing::trace!(phase = title(phase), steps, of),
        Event::Finished { phase } => tracing::debug!(phase = title(phase), "finished"),
        Event::Requested(request) => log_request(&request),
        Event::Waiting { hold, length } => {
            let reason = hold_in_words(hold);
            let wait_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(reason, wait_ms, "waiting");
        }
        // Said in words too.
        Event::Paced { .. } => {}
        Event::Retrying {
            reading,
            problem,
            attempt,
            hold: _,
            wait_ms,
        } => {
            tracing::info!(reading, problem, attempt, wait_ms, "trying again");
        }
        Event::Noted { message } => tracing::info!("{message}"),
        Event::Warned { message }
        | Event::Limited { message }
        | Event::Unmatched { message }
        | Event::Unmonitored { message } => {
            tracing::warn!("{message}");
        }
        Event::Found { message } => tracing::error!("{message}"),
        Event::Synced(summary) => log_summary(&summary),
    }
}

fn log_request(request: &Request) {
    let Request {
        method,
        path,
        status,
        rows,
        elapsed_ms,
    } = request;
    tracing::debug!(method, path, status, rows, elapsed_ms, "request");
}

fn log_summary(summary: &SyncSummary) {
    let SyncSummary {
        organization,
        base_url,
        users,
        unlisted,
        roles,
        grants,
        requests,
        lacks_roles,
        ..
    } = summary;
    let SyncSummary {
        bytes,
        sha256,
        content_digest,
        elapsed_ms,
        findings,
        ..
    } = summary;
    let file = summary.file.as_ref().map(|path| path.display().to_string());
    let findings_high = findings.map(|found| found.high);
    let findings_medium = findings.map(|found| found.medium);
    let findings_low = findings.map(|found| found.low);
    tracing::info!(
        organization,
        base_url,
        users,
        unlisted,
        roles,
        grants,
        lacks_roles,
        requests,
        file,
        bytes,
        sha256,
        content_digest,
        elapsed_ms,
        findings_high,
        findings_medium,
        findings_low,
        "snapshot written"
    );
    for unproved in &summary.unproved {
        tracing::warn!("not proved: {unproved}");
    }
}
