//! The entry point: parses the command line, runs the command, prints failures and sets the exit code.

use std::backtrace::Backtrace;
use std::io::{self, BufWriter};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use posthog_c1z::cli::{self, Speech};
use posthog_c1z::commands::{self, ExitCode, Failure, World};
use posthog_c1z::model::Timestamp;
use posthog_c1z::terminal::{self, Terminal};
use posthog_c1z::{files, snapshot};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

fn main() -> std::process::ExitCode {
    let invocation = match cli::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(message) => return terminal::print(&message).into(),
    };
    let terminal = Arc::new(Terminal::new(invocation.speech));
    end_on_signals(terminal.clone());
    end_on_panics(invocation.speech);
    let mut out = BufWriter::new(io::stdout());
    let mut world = World {
        now: &Timestamp::now,
        new_sync_id: &snapshot::new_sync_id,
        reporter: &*terminal,
        out: &mut out,
        page: terminal.page(),
        quiet: invocation.speech.quiet,
        arrived: &|| files::arrived(io::stdout()),
    };
    let metrics = invocation.metrics.as_ref();
    match commands::run_recorded(invocation.command, metrics, &mut world) {
        Ok(outcome) => outcome.exit_code().into(),
        Err(error) => {
            let failure = Failure::of(&error);
            terminal.fail(&failure);
            failure.exit_code.into()
        }
    }
}

/// How long to wait for a blocked standard error before a signal ends the process.
const REPORT_TIMEOUT: Duration = Duration::from_millis(500);

/// On SIGHUP, SIGINT or SIGTERM, removes temporary files, reports which files are unchanged, and ends the process.
fn end_on_signals(terminal: Arc<Terminal>) {
    let (ready, is_ready) = mpsc::channel();
    let handle = move || {
        let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup)) else {
            return;
        };
        let _ = ready.send(());
        if let Some(signal) = signals.forever().next() {
            let left = files::remove_all();
            let exit_code = 128 + signal;
            let (reported, is_reported) = mpsc::channel();
            let report = move || {
                terminal.interrupted(signal_name(signal), exit_code, &left);
                let _ = reported.send(());
            };
            if std::thread::Builder::new().spawn(report).is_ok() {
                let _ = is_reported.recv_timeout(REPORT_TIMEOUT);
            }
            std::process::exit(exit_code);
        }
    };
    // If no thread can be started there is no handler, and a signal ends the process without cleanup.
    if std::thread::Builder::new().spawn(handle).is_ok() {
        let _ = is_ready.recv();
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        SIGINT => "interrupted",
        SIGTERM => "terminated",
        _ => "terminated by a hangup",
    }
}

/// Whether the process was started with this signal ignored, as with `nohup`; `false` if the system does not say.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// On a panic of any thread, removes temporary files and ends the process with the exit code of a bug.
fn end_on_panics(speech: Speech) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(|place| format!(" at {place}"));
        let reason = panic.payload_as_str().unwrap_or("no reason given");
        let failure = Failure::of_panic(&place.unwrap_or_default(), reason);
        terminal::fail(speech, &failure);
        if failure.exit_code == ExitCode::Bug {
            terminal::trace(&Backtrace::capture());
        }
        files::remove_all();
        std::process::exit(failure.exit_code as i32);
    }));
}
