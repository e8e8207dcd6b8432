//! Parse, run, print the failure, exit: nothing worth testing on its own.

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
    end_on_bugs(invocation.speech);
    let mut out = BufWriter::new(io::stdout());
    let result = invocation.command.and_then(|command| {
        let mut world = World {
            now: &Timestamp::now,
            new_sync_id: &snapshot::new_sync_id,
            reporter: &*terminal,
            out: &mut out,
            page: terminal.page(),
            quiet: invocation.speech.quiet,
            arrived: &|| files::arrived(io::stdout()),
        };
        commands::run(&command, &mut world)
    });
    match result {
        Ok(outcome) => outcome.exit_code().into(),
        Err(error) => {
            let failure = Failure::of(&error);
            terminal.fail(&failure);
            failure.exit_code.into()
        }
    }
}

/// How long a standard error that takes nothing may keep a signal from ending the process.
const PATIENCE: Duration = Duration::from_millis(500);

/// Ends the process within a moment of SIGHUP, SIGINT or SIGTERM, removes what it would leave, and reports which files are
/// as they were.
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
                terminal.interrupted(in_words(signal), exit_code, &left);
                let _ = reported.send(());
            };
            if std::thread::Builder::new().spawn(report).is_ok() {
                let _ = is_reported.recv_timeout(PATIENCE);
            }
            std::process::exit(exit_code);
        }
    };
    // Without a thread there is no handler either, and a signal ends the process all the same, if less tidily.
    if std::thread::Builder::new().spawn(handle).is_ok() {
        let _ = is_ready.recv();
    }
}

fn in_words(signal: i32) -> &'static str {
    match signal {
        SIGINT => "interrupted",
        SIGTERM => "terminated",
        _ => "terminated by a hangup",
    }
}

/// Whether the process was started with a signal ignored, as `nohup` does; where the system does not say, it was not.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// Ends the process on a panic of any thread, with the exit code of a bug, and removes what it would leave.
fn end_on_bugs(speech: Speech) {
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
