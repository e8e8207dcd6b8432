//! Parse, run, print the failure, exit: nothing worth testing on its own.

use std::backtrace::Backtrace;
use std::io::{self, BufWriter, Write};

use posthog_c1z::cli::{self, Speech};
use posthog_c1z::commands::{self, ExitCode, Failure, Outcome, World};
use posthog_c1z::model::Timestamp;
use posthog_c1z::terminal::{self, Terminal};
use posthog_c1z::{leftover, snapshot};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

fn main() -> std::process::ExitCode {
    let invocation = match cli::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(message) => return terminal::print(&message).into(),
    };
    let terminal = Terminal::new(invocation.speech);
    end_on_signals();
    end_on_bugs(invocation.speech);
    let mut out = BufWriter::new(io::stdout());
    let result = invocation.command.and_then(|command| {
        let mut world = World {
            now: &Timestamp::now,
            new_sync_id: &snapshot::new_sync_id,
            reporter: &terminal,
            out: &mut out,
            page: terminal.page(),
        };
        let outcome = commands::run(&command, &mut world)?;
        out.flush()?;
        Ok(outcome)
    });
    match result {
        Ok(outcome) => outcome.exit_code().into(),
        Err(error) if commands::is_closed_pipe(&error) => Outcome::Done.exit_code().into(),
        Err(error) => {
            let failure = Failure::of(&error);
            terminal.fail(&failure);
            failure.exit_code.into()
        }
    }
}

/// Ends the process within a moment of SIGINT or SIGTERM, and leaves nothing behind. What was at the target stands.
fn end_on_signals() {
    let (ready, is_ready) = std::sync::mpsc::channel::<()>();
    // The handlers are set by the thread that serves them: set without it, they would swallow the signals. Without
    // handlers the default holds: the process ends all the same, if less tidily.
    let serving = std::thread::Builder::new().spawn(move || {
        let signals = Signals::new([SIGINT, SIGTERM]);
        drop(ready);
        if let Some(signal) = signals.ok().and_then(|mut all| all.forever().next()) {
            leftover::remove_all();
            std::process::exit(128 + signal);
        }
    });
    if serving.is_ok() {
        // Nothing is ever sent: this waits until the other end is dropped.
        let _ = is_ready.recv();
    }
}

/// Ends the process on a panic of whichever thread, with the exit code of a bug, and leaves nothing behind.
fn end_on_bugs(speech: Speech) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(|place| format!(" at {place}"));
        let reason = panic.payload_as_str().unwrap_or("no reason given");
        let message = format!("panicked{}: {reason}", place.unwrap_or_default());
        terminal::fail(speech, &Failure::bug(message));
        terminal::trace(&Backtrace::capture());
        leftover::remove_all();
        std::process::exit(ExitCode::Bug as i32);
    }));
}
