//! Events drawn as bars on a terminal, told as lines in a pipe. Standard error only: standard output is for answers.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::Level;

use crate::cli::{ColorChoice, LogFormat, LogLevel, Speech};
use crate::commands::Failure;
use crate::progress::{Event, Phase, Reporter, SyncSummary};
use crate::report::{Page, duration, printable, size};

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
        let manner = match draws {
            true => Manner::Bars {
                all: MultiProgress::new(),
                open: Mutex::default(),
            },
            false => {
                subscribe(speech);
                Manner::Lines
            }
        };
        Self { speech, manner }
    }

    /// Tells why the run failed.
    pub fn fail(&self, failure: &Failure) {
        let Failure {
            message,
            hint,
            exit_code,
        } = failure;
        if self.speech.format == LogFormat::Json {
            let hint = hint.as_deref().unwrap_or_default();
            tracing::error!(exit_code = *exit_code as u8, hint, "{message}");
            return;
        }
        let (red, bold, reset) = match self.styles(io::stderr().is_terminal()) {
            true => ("\x1b[1;31m", "\x1b[1m", "\x1b[0m"),
            false => ("", "", ""),
        };
        // It may quote a file's name or what stands in it. Hints do their own: theirs may have several lines.
        let message = printable(message);
        let mut text = format!("{red}error:{reset} {message}\n");
        if let Some(hint) = hint {
            text.push_str(&format!("{bold}hint:{reset} {hint}\n"));
        }
        say(&text);
    }

    /// What standard output is.
    pub fn page(&self) -> Page {
        let stdout = io::stdout();
        let width = match stdout.is_terminal() {
            true => terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0)),
            false => None,
        };
        Page {
            width,
            styled: self.styles(stdout.is_terminal()),
        }
    }

    fn styles(&self, is_terminal: bool) -> bool {
        match self.speech.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                is_terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
            }
        }
    }
}

/// Standard error may be closed; nobody is left to tell that to.
fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn subscribe(speech: Speech) {
    let level = match speech.level.unwrap_or(LogLevel::Error) {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    let lines = tracing_subscriber::fmt()
        .with_writer(io::stderr)
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
        match &self.manner {
            Manner::Bars { all, open } => draw(all, open, event),
            Manner::Lines => tell(event),
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
            let _ = all.println(format!(
                "{reading}: {problem}; trying again in {}",
                duration(wait_ms)
            ));
        }
        Event::Noted { message } => {
            let _ = all.println(message);
        }
        Event::Warned { message } => {
            let _ = all.println(format!("warning: {message}"));
        }
        Event::Synced(summary) => {
            let _ = all.clear();
            say(&in_words(&summary));
        }
    }
}

fn set_length(bar: &ProgressBar, phase: Phase, of: Option<u64>) {
    if let Some(of) = of
        && bar.length() != Some(of)
    {
        bar.set_length(of);
        bar.set_style(match phase {
            Phase::Compression => style("{msg:18} {wide_bar} {bytes}/{total_bytes}"),
            _ => style("{msg:18} {wide_bar} {human_pos}/{human_len}"),
        });
    }
}

fn spinner() -> ProgressStyle {
    style("{msg:18} {spinner} {human_pos}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn tell(event: Event) {
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
            tracing::debug!(phase = title(phase), steps, of, "read")
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
        Event::Warned { message } => tracing::warn!("{message}"),
        Event::Synced(summary) => tell_summary(&summary),
    }
}

fn tell_summary(summary: &SyncSummary) {
    let SyncSummary {
        organization,
        base_url,
        users,
        unlisted,
        roles,
        grants,
        requests,
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
        ..
    } = summary;
    let file = match &summary.file {
        Some(path) => path.display().to_string(),
        None => "standard output".to_owned(),
    };
    let unlisted = match unlisted {
        0 => String::new(),
        n => format!(" ({n} of them hold a role but are no listed members)"),
    };
    let mut text = format!(
        "\
organization  {}
              {base_url}
found         {users} users{unlisted}
              {roles} roles
              {grants} grants
file          {file} ({})
sha-256       {}
digest        {}
took          {}, {requests} requests
",
        printable(organization),
        size(summary.bytes),
        summary.sha256,
        summary.content_digest,
        duration(summary.elapsed_ms),
    );
    for unproved in &summary.unproved {
        text.push_str(&format!("not proved    {unproved}\n"));
    }
    if !summary.next_steps.is_empty() {
        text.push_str("\ntry next\n");
        for step in &summary.next_steps {
            text.push_str(&format!("  {step}\n"));
        }
    }
    text
}
