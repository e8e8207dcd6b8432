//! What goes to standard error: progress as one line on a terminal, a log in a pipe, and why a run failed or was
//! interrupted. Standard output is for answers.
//!
//! All that is written to standard error is written here, so here it is made harmless: each message stays on its line.
//! A standard error that is full or closed changes nothing about the run.

mod bar;
mod log;
mod summary;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use indicatif::HumanCount;

use self::bar::Bar;
use crate::cli::{self, ColorChoice, LogFormat, LogLevel, Speech};
use crate::commands::{ExitCode, Failure};
use crate::files::LeftBehind;
use crate::progress::{Event, Hold, Phase, Reporter};
use crate::report::{Medium, Outlet, Page, duration, printable, style, wrap};

/// Takes events, for a person at a terminal or for a log.
pub struct Terminal {
    speech: Speech,
    manner: Manner,
}

enum Manner {
    /// A line of progress, and a summary at the end.
    Bar(Bar),
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
            Manner::Bar(Bar::new())
        } else {
            log::subscribe(speech.format, speech.level.unwrap_or(LogLevel::Error));
            Manner::Lines
        };
        Self { speech, manner }
    }

    /// Reports why the run failed.
    pub fn fail(&self, failure: &Failure) {
        self.clear();
        fail(self.speech, failure);
    }

    /// Reports that a signal ends the run, and what it leaves behind; nothing if the run was not to replace any file.
    pub fn interrupted(&self, how: &str, exit_code: i32, left: &LeftBehind) {
        self.clear();
        let mut files = Vec::new();
        for (paths, state) in [
            (&left.replaced, "is complete"),
            (&left.untouched, "is as it was before this run"),
            (&left.missing, "was not written"),
        ] {
            files.extend(
                paths
                    .iter()
                    .map(|path| format!("`{}` {state}", path.display())),
            );
        }
        if files.is_empty() {
            return;
        }
        let files = files.join("; ");
        match self.speech.format {
            LogFormat::Json => tracing::error!(exit_code, "{how}: {files}"),
            LogFormat::Console => say(&format!("{how}: {}\n", printable(&files)), false),
        }
    }

    /// Takes the line of progress off the screen.
    fn clear(&self) {
        if let Manner::Bar(bar) = &self.manner {
            bar.clear();
        }
    }

    /// Writes one message, above the line of progress.
    fn print(&self, message: &str) {
        let message = wrap(&printable(message), terminal_width(io::stderr()), 2);
        let print = || say(&format!("{message}\n"), false);
        match &self.manner {
            Manner::Bar(bar) => bar.above(print),
            Manner::Lines => print(),
        }
    }

    /// Shows what a person at a terminal sees of `event`.
    fn show(&self, bar: &Bar, event: Event) {
        if let Some(line) = bar.follow(&event) {
            self.print(&line);
        }
        match event {
            Event::Retrying {
                reading,
                problem,
                wait_ms,
                ..
            } => {
                let wait = duration(wait_ms);
                self.print(&format!("{reading}: {problem}; trying again in {wait}"));
            }
            Event::Noted { message } => self.print(&message),
            Event::Warned { message } => self.print(&format!("warning: {message}")),
            Event::Synced(summary) => {
                bar.clear();
                say(
                    &summary::in_words(&summary, terminal_width(io::stderr())),
                    false,
                );
            }
            Event::Started { .. }
            | Event::Advanced { .. }
            | Event::Finished { .. }
            | Event::Requested(_)
            | Event::Waiting { .. }
            | Event::Paced { .. }
            // Shown wherever messages go, before it is asked where that is.
            | Event::Found { .. }
            | Event::Limited { .. }
            | Event::Unmatched { .. }
            | Event::Unmonitored { .. } => {}
        }
    }

    /// Writes the lines that a log has of `event`.
    fn log(&self, event: Event) {
        let Speech { level, format, .. } = self.speech;
        match &event {
            // A person asked for the sample organization, and wants to see what came of it.
            Event::Synced(summary)
                if summary.is_demo && level.is_none_or(|level| level >= LogLevel::Info) =>
            {
                match format {
                    LogFormat::Console => {
                        let width = terminal_width(io::stderr());
                        say(&summary::in_words(summary, width), false);
                    }
                    LogFormat::Json => log::write_anyway(format, event),
                }
            }
            _ => log::write(event),
        }
    }

    /// What standard output is.
    pub fn page(&self) -> Page {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let width = if is_terminal {
            terminal_width(&stdout)
        } else {
            let columns = std::env::var("COLUMNS").ok();
            columns.and_then(|columns| columns.trim().parse().ok())
        };
        Page {
            is_terminal,
            width: width.filter(|width| *width > 0),
            wide: false,
            styled: styles(self.speech.color, is_terminal),
        }
    }
}

/// The width of a terminal, in columns; `None` for anything else.
fn terminal_width(stream: impl AsFd) -> Option<usize> {
    terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0))
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
    let width = terminal_width(io::stderr());
    // Wrapped with its label, which is styled afterwards.
    let wrapped = |label: &str, line: &str| {
        let line = wrap(
            &format!("{label} {}", printable(line)),
            width,
            label.len() + 1,
        );
        line[label.len()..].to_owned()
    };
    let mut text = format!("{error}error:{error:#}{}\n", wrapped("error:", message));
    if let Some(hint) = hint {
        // A hint may have several lines. Indented, none of them passes for a message of its own.
        let lines: Vec<_> = hint
            .lines()
            .map(|line| wrapped("hint:", line.trim()))
            .collect();
        let hint = style::wanted(style::HINT, styled);
        text.push_str(&format!("{hint}hint:{hint:#}{}\n", lines.join("\n     ")));
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

impl Reporter for Terminal {
    fn report(&self, event: Event) {
        // The reader learns why a run exits 1, and what an answer does not know, wherever the answer goes.
        let always = match &event {
            Event::Found { message } => Some(message.clone()),
            Event::Limited { message } => Some(format!("note: {message}")),
            Event::Unmatched { message } => Some(format!("warning: {message}")),
            // A broken monitoring is noticed by nobody else, but `--quiet` also leaves out warnings.
            Event::Unmonitored { .. } if self.speech.quiet => return,
            Event::Unmonitored { message } => Some(format!("warning: {message}")),
            _ => None,
        };
        match (always, self.speech.format) {
            (Some(message), LogFormat::Console) => return self.print(&message),
            (Some(_), format @ LogFormat::Json) => return log::write_anyway(format, event),
            (None, _) => {}
        }
        match &self.manner {
            Manner::Bar(bar) => self.show(bar, event),
            Manner::Lines => self.log(event),
        }
    }
}

fn title(phase: Phase) -> &'static str {
    match phase {
        Phase::Organization => "organization",
        Phase::Members => "members",
        Phase::Roles => "roles",
        Phase::RoleMemberships => "role memberships",
        Phase::Surroundings => "domains and invitations",
        Phase::Rows => "writing rows",
        Phase::Compression => "compressing",
    }
}

/// Why requests are held back, after "waiting 42 s: ".
fn hold_in_words(hold: Hold) -> String {
    let pacing = |limit: u32, window| {
        let requests = if limit == 1 { "request" } else { "requests" };
        format!("pacing at {} {requests} {window}", HumanCount(limit.into()))
    };
    match hold {
        Hold::PerMinute(limit) => pacing(limit, "a minute"),
        Hold::PerHour(limit) => pacing(limit, "an hour"),
        Hold::RetryAfter => "the server asks for it (Retry-After)".to_owned(),
        Hold::TooManyRequests => "the server answered 429, too many requests".to_owned(),
        Hold::Backoff => "a request failed and is sent again".to_owned(),
    }
}
