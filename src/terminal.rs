//! Events drawn as bars on a terminal, written as lines in a pipe. Standard error only: standard output is for answers.
//!
//! All that is written to standard error is written here, so here it is made harmless: each message stays on its line.
//! A standard error that is full or closed changes nothing about the run.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::Level;

use crate::cli::{self, ColorChoice, LogFormat, LogLevel, Speech};
use crate::commands::{ExitCode, Failure};
use crate::progress::{Event, Phase, Reporter, SyncSummary};
use crate::report::{Medium, Outlet, Page, duration, escaped_json, printable, size, style};

/// Whoever watches: a person at a terminal, or a log.
pub struct Terminal {
    speech: Speech,
    manner: Manner,
}

enum Manner {
    /// Bars, and a summary at the end.
    Bars {
        all: MultiProgress,
        open: Mutex<HashMap<Phase, ProgressBar>>,
    },
    /// Lines of what is important enough.
    Lines,
}

impl Terminal {
    /// Looks at where standard error goes. Installs the subscriber that writes the lines; call it once.
    pub fn new(speech: Speech) -> Self {
        let draws = io::stderr().is_terminal()
            && speech.level.is_none()
            && speech.format == LogFormat::Console;
        let manner = if draws {
            Manner::Bars {
                all: MultiProgress::new(),
                open: Mutex::default(),
            }
        } else {
            subscribe(speech);
            Manner::Lines
        };
        Self { speech, manner }
    }

    /// Reports why the run failed.
    pub fn fail(&self, failure: &Failure) {
        fail(self.speech, failure);
    }

    /// What standard output is.
    pub fn page(&self) -> Page {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let width = if is_terminal {
            terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0))
        } else {
            None
        };
        Page {
            is_terminal,
            width,
            styled: styles(self.speech.color, is_terminal),
        }
    }
}

/// Reports why the run failed, also while it panics.
pub fn fail(speech: Speech, failure: &Failure) {
    let Failure {
        message,
        hint,
        exit_code,
    } = failure;
    if speech.format == LogFormat::Json {
        let hint = hint.as_deref().unwrap_or_default();
        tracing::error!(exit_code = *exit_code as u8, hint, "{message}");
        return;
    }
    let styled = styles(speech.color, io::stderr().is_terminal());
    let error = style::wanted(style::ERROR, styled);
    let mut text = format!("{error}error:{error:#} {}\n", printable(message));
    if let Some(hint) = hint {
        // A hint may have several lines. Indented, none of them passes for a message of its own.
        let lines: Vec<_> = hint.lines().map(|line| printable(line.trim())).collect();
        let hint = style::wanted(style::HINT, styled);
        text.push_str(&format!("{hint}hint:{hint:#} {}\n", lines.join("\n      ")));
    }
    say(&text, styled);
}

/// Prints where a bug was met, if `RUST_BACKTRACE` asks for it.
pub fn trace(backtrace: &Backtrace) {
    if backtrace.status() == BacktraceStatus::Captured {
        say(&format!("{backtrace}\n"), false);
    }
}

/// Prints what clap has to say instead of a command: help, the version, or what is wrong with the command line.
pub fn print(message: &cli::Message) -> ExitCode {
    if message.is_error {
        let styled = styles(ColorChoice::Auto, io::stderr().is_terminal());
        say(&message.text(styled), styled);
        return ExitCode::Usage;
    }
    let styled = styles(ColorChoice::Auto, io::stdout().is_terminal());
    let mut out = Outlet::new(io::stdout().lock(), Medium::Text { styled });
    let printed = out
        .write_all(message.text(styled).as_bytes())
        .and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::Usage,
        _ => ExitCode::Done,
    }
}

/// Whether to use colour. A variable that forbids it is stronger than one that asks for it, and an option than both.
fn styles(color: ColorChoice, is_terminal: bool) -> bool {
    match color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if anstyle_query::no_color() => false,
        ColorChoice::Auto if anstyle_query::clicolor_force() => true,
        ColorChoice::Auto => {
            is_terminal
                && anstyle_query::clicolor() != Some(false)
                && anstyle_query::term_supports_color()
        }
    }
}

/// Writes to standard error. A failure to do so does not end the run, and there is no other place to report it.
fn say(text: &str, styled: bool) {
    let mut out = Outlet::new(io::stderr().lock(), Medium::Text { styled });
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

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

fn subscribe(speech: Speech) {
    let level = match speech.level.unwrap_or(LogLevel::Error) {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    let lines = tracing_subscriber::fmt()
        .with_writer(move || Log(speech.format))
        // It would report them with `eprintln!`, which panics where standard error cannot be written.
        .log_internal_errors(false)
        .with_max_level(level)
        .with_target(false);
    // A second subscriber in one process is refused; the first then hears everything.
    let _ = match speech.format {
        LogFormat::Json => {
            tracing::subscriber::set_global_default(lines.json().flatten_event(true).finish())
        }
        LogFormat::Console => {
            tracing::subscriber::set_global_default(lines.with_ansi(false).finish())
        }
    };
}

impl Reporter for Terminal {
    fn report(&self, event: Event) {
        // The reader learns why a run exits 1, and what an answer does not know, wherever the answer goes.
        let always = match &event {
            Event::Found { message } => Some(message.clone()),
            Event::Limited { message } => Some(format!("note: {message}")),
            _ => None,
        };
        if let Some(message) = always
            && self.speech.format == LogFormat::Console
        {
            return say(&format!("{}\n", printable(&message)), false);
        }
        match &self.manner {
            Manner::Bars { all, open } => draw(all, open, event),
            Manner::Lines => log(event),
        }
    }
}

fn title(phase: Phase) -> &'static str {
    match phase {
        Phase::Organization => "organization",
        Phase::Members => "members",
        Phase::Roles => "roles",
        Phase::RoleMemberships => "role memberships",
        Phase::Rows => "writing rows",
        Phase::Compression => "compressing",
    }
}

fn draw(all: &MultiProgress, open: &Mutex<HashMap<Phase, ProgressBar>>, event: Event) {
    let Ok(mut open) = open.lock() else { return };
    // A terminal that cannot draw bars, such as `TERM=dumb`, would lose the line.
    let print_above = |line: &str| {
        if all.is_hidden() || open.is_empty() {
            say(&format!("{}\n", printable(line)), false);
        } else {
            drop(all.println(printable(line)));
        }
    };
    match event {
        Event::Started { phase, of } => {
            let bar = all.add(
                ProgressBar::no_length()
                    .with_style(spinner())
                    .with_message(title(phase)),
            );
            set_length(&bar, phase, of);
            if let Some(stale) = open.insert(phase, bar) {
                stale.finish_and_clear();
            }
        }
        Event::Advanced { phase, steps, of } => {
            if let Some(bar) = open.get(&phase) {
                set_length(bar, phase, of);
                bar.inc(steps);
            }
        }
        Event::Finished { phase } => {
            if let Some(bar) = open.remove(&phase) {
                bar.finish_and_clear();
            }
        }
        Event::Retrying {
            reading,
            problem,
            wait_ms,
            ..
        } => {
            let wait = duration(wait_ms);
            print_above(&format!("{reading}: {problem}; trying again in {wait}"));
        }
        Event::Noted { message } | Event::Found { message } | Event::Limited { message } => {
            print_above(&message);
        }
        Event::Warned { message } => print_above(&format!("warning: {message}")),
        Event::Synced(summary) => {
            let _ = all.clear();
            say(&in_words(&summary), false);
        }
    }
}

fn set_length(bar: &ProgressBar, phase: Phase, of: Option<u64>) {
    if let Some(of) = of
        && bar.length() != Some(of)
    {
        bar.set_length(of);
        bar.set_style(match phase {
            Phase::Compression => bar_style("{msg:18} {wide_bar} {bytes}/{total_bytes}"),
            _ => bar_style("{msg:18} {wide_bar} {human_pos}/{human_len}"),
        });
    }
}

fn spinner() -> ProgressStyle {
    bar_style("{msg:18} {spinner} {human_pos}")
}

fn bar_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn log(event: Event) {
    match event {
        Event::Started { phase, of } => tracing::debug!(phase = title(phase), of, "started"),
        Event::Advanced {
            phase: phase @ (Phase::Rows | Phase::Compression),
            steps,
            ..
        } => {
            tracing::trace!(phase = title(phase), steps);
        }
        Event::Advanced { phase, steps, of } => {
            tracing::debug!(phase = title(phase), steps, of, "read");
        }
        Event::Finished { phase } => tracing::debug!(phase = title(phase), "finished"),
        Event::Retrying {
            reading,
            problem,
            attempt,
            wait_ms,
        } => {
            tracing::info!(reading, problem, attempt, wait_ms, "trying again");
        }
        Event::Noted { message } => tracing::info!("{message}"),
        Event::Warned { message } | Event::Limited { message } => tracing::warn!("{message}"),
        Event::Found { message } => tracing::error!("{message}"),
        Event::Synced(summary) => log_summary(&summary),
    }
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
        ..
    } = summary;
    let file = summary.file.as_ref().map(|path| path.display().to_string());
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
        "snapshot written"
    );
    for unproved in &summary.unproved {
        tracing::warn!("not proved: {unproved}");
    }
}

fn in_words(summary: &SyncSummary) -> String {
    let SyncSummary {
        organization,
        base_url,
        users,
        unlisted,
        roles,
        grants,
        requests,
        file,
        bytes,
        sha256,
        content_digest,
        elapsed_ms,
        unproved,
        lacks_roles,
        next_steps,
    } = summary;
    let file = match file {
        Some(path) => path.display().to_string(),
        None => "standard output".to_owned(),
    };
    let unlisted = match unlisted {
        0 => String::new(),
        n => format!(" ({n} of them hold a role but are not in the member list)"),
    };
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        text.push_str(&format!("{label:14}{}\n", printable(value)));
    };
    line("organization", organization);
    line("", base_url);
    line("found", &format!("{users} users{unlisted}"));
    if *lacks_roles {
        line("", "roles, and who holds them, were not read");
    } else {
        line("", &format!("{roles} roles"));
        line("", &format!("{grants} grants"));
    }
    line("file", &format!("{file} ({})", size(*bytes)));
    line("sha-256", sha256);
    line("digest", content_digest);
    let took = duration(*elapsed_ms);
    line("took", &format!("{took}, {requests} requests"));
    for unproved in unproved {
        line("not proved", unproved);
    }
    if !next_steps.is_empty() {
        text.push_str("\ntry next\n");
        for step in next_steps {
            text.push_str(&format!("  {}\n", printable(step)));
        }
    }
    text
}
