//! The line that shows on a terminal how far a crawl is, for how long it has run, and what it waits for.
//!
//! [`Progress`] follows the events and makes the text, by a clock and for a width that it is given; [`Bar`] keeps that
//! text on the screen. There is one line, about the phase that began last.

use std::collections::VecDeque;
use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

use super::{hold_in_words, title};
use crate::progress::{Event, Hold, Phase};
use crate::report::{duration, size};

/// How often the line is drawn, for the sake of the clock on it.
const TICK: Duration = Duration::from_millis(200);
/// Columns of a terminal that does not say how many it has.
const DEFAULT_WIDTH: usize = 80;

/// The line on the screen.
pub(super) struct Bar {
    bar: ProgressBar,
    progress: Arc<Mutex<Progress>>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let progress = Arc::new(Mutex::new(Progress::default()));
        let shown = progress.clone();
        let line = move |_: &ProgressState, out: &mut dyn Write| {
            // A text of exactly the width makes some terminals begin another line.
            let line = lock(&shown).line(Instant::now(), width().saturating_sub(1));
            let _ = out.write_str(&line);
        };
        let style = ProgressStyle::with_template("{line}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .with_key("line", line);
        Self {
            bar: ProgressBar::new_spinner().with_style(style),
            progress,
        }
    }

    /// Follows `event`. Returns a line to print where none is kept on the screen: with `TERM=dumb`, or between phases.
    pub(super) fn follow(&self, event: &Event) -> Option<String> {
        // Drawing locks the bar and then the progress, so the bar is not asked while the progress is locked.
        let is_hidden = self.bar.is_hidden();
        let mut progress = lock(&self.progress);
        let line = progress.plain_line(event, Instant::now());
        progress.follow(event, Instant::now());
        let is_unseen = matches!(event, Event::Waiting { .. }) && progress.phases.is_empty();
        if is_hidden || is_unseen {
            return line;
        }
        drop(progress);
        if matches!(event, Event::Started { .. }) {
            self.bar.enable_steady_tick(TICK);
        }
        None
    }

    /// Lets `print` write lines above this one.
    pub(super) fn above(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Takes the line off the screen, for good.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

fn width() -> usize {
    let width = terminal_size::terminal_size_of(io::stderr());
    width.map_or(DEFAULT_WIDTH, |(width, _)| width.0.into())
}

/// How far a crawl is.
#[derive(Default)]
struct Progress {
    /// When the first phase began.
    begun: Option<Instant>,
    /// Those that go on, in the order in which they began.
    phases: Vec<Running>,
    held: Option<Held>,
    /// How long reading takes at least, from the first request on.
    least: Option<Duration>,
    /// Events by which anything got further.
    advances: u64,
}

/// A phase that goes on.
struct Running {
    phase: Phase,
    begun: Instant,
    done: u64,
    of: Option<u64>,
    /// When how much was done, the oldest first; closer together the longer ago the phase had just begun.
    samples: VecDeque<(Instant, u64)>,
}

/// Requests that are held back.
struct Held {
    hold: Hold,
    until: Instant,
    /// What `Progress::advances` was.
    advances: u64,
}

impl Progress {
    fn follow(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Started { phase, of } => {
                self.begun.get_or_insert(now);
                self.phases.retain(|running| running.phase != *phase);
                self.phases.push(Running::new(*phase, *of, now));
            }
            Event::Advanced { phase, steps, of } => {
                self.advances += 1;
                let mut phases = self.phases.iter_mut();
                if let Some(running) = phases.find(|running| running.phase == *phase) {
                    running.advance(*steps, *of, now);
                }
            }
            Event::Finished { phase } => self.phases.retain(|running| running.phase != *phase),
            Event::Waiting { hold, length } => self.hold(*hold, *length, now),
            Event::Retrying { hold, wait_ms, .. } => {
                self.hold(*hold, Duration::from_millis(*wait_ms), now);
            }
            Event::Paced { least } => self.least = Some(*least),
            _ => {}
        }
    }

    fn hold(&mut self, hold: Hold, length: Duration, now: Instant) {
        let Some(until) = now.checked_add(length) else {
            return;
        };
        if self.held(now).is_none_or(|held| held.until < until) {
            self.held = Some(Held {
                hold,
                until,
                advances: self.advances,
            });
        }
    }

    /// What is waited for, unless other workers go on.
    fn held(&self, now: Instant) -> Option<&Held> {
        self.held.as_ref().filter(|held| {
            let is_for_all = held.hold != Hold::Backoff || held.advances == self.advances;
            now < held.until && is_for_all
        })
    }

    /// What a terminal shows that only takes whole lines, before the event is followed.
    fn plain_line(&self, event: &Event, now: Instant) -> Option<String> {
        match event {
            Event::Waiting { hold, length } => Some(waiting(*length, *hold)),
            Event::Finished { phase } => {
                let mut phases = self.phases.iter();
                let running = phases.find(|running| running.phase == *phase)?;
                let elapsed = clock(now.saturating_duration_since(running.begun));
                let done = running.count(running.done);
                (running.done > 0).then(|| format!("{}: {done} in {elapsed}", title(*phase)))
            }
            _ => None,
        }
    }

    /// The line, in at most `width` columns.
    fn line(&self, now: Instant, width: usize) -> String {
        let (Some(running), Some(begun)) = (self.phases.last(), self.begun) else {
            return String::new();
        };
        let title = title(running.phase);
        let counted = running.counted();
        let elapsed = clock(now.saturating_duration_since(begun));
        if let Some(held) = self.held(now) {
            let wait = waiting(held.until.saturating_duration_since(now), held.hold);
            return first_that_fits(
                width,
                &[
                    &[title, &counted, &elapsed, &wait],
                    &[&counted, &elapsed, &wait],
                    &[&counted, &wait],
                    &[&wait],
                ],
            );
        }
        let left = self.left(running, now).unwrap_or_default();
        let rest = joined(&[&counted, &elapsed, &left]);
        if let Some(bar) = running.bar(width.saturating_sub(TITLE + 2 + rest.len())) {
            return format!("{title:TITLE$}{bar}  {rest}");
        }
        first_that_fits(
            width,
            &[
                &[title, &counted, &elapsed, &left],
                &[title, &counted, &elapsed],
                &[title, &elapsed],
                &[title],
            ],
        )
    }

    /// How long the phase still takes, in words: at least, where only the limits on requests say it, and about, where
    /// its pace has been steady.
    fn left(&self, running: &Running, now: Instant) -> Option<String> {
        let by_pace = running.left(now)?;
        let by_limits = match (self.least, self.begun) {
            (Some(least), Some(begun)) if running.phase == Phase::RoleMemberships => {
                least.saturating_sub(now.saturating_duration_since(begun))
            }
            _ => Duration::ZERO,
        };
        match by_pace {
            Some(left) if left >= by_limits => Some(format!("about {} left", rounded(left))),
            _ if by_limits.is_zero() => None,
            _ => Some(format!("at least {} left", rounded(by_limits))),
        }
    }
}

impl Running {
    /// The time of a phase that says nothing about the rest of it.
    const TOO_EARLY: Duration = Duration::from_secs(5);
    /// How much faster or slower the last half and the last quarter of the time may be than all of it if the pace is steady.
    const STEADY: f64 = 1.5;

    fn new(phase: Phase, of: Option<u64>, begun: Instant) -> Self {
        Self {
            phase,
            begun,
            done: 0,
            of,
            samples: VecDeque::from([(begun, 0)]),
        }
    }

    fn advance(&mut self, steps: u64, of: Option<u64>, now: Instant) {
        self.done = self.done.saturating_add(steps);
        self.of = of.or(self.of);
        let elapsed = now.saturating_duration_since(self.begun);
        let is_apart = self
            .samples
            .back()
            .is_none_or(|(last, _)| now.saturating_duration_since(*last) > elapsed / 100);
        if is_apart {
            self.samples.push_back((now, self.done));
        }
    }

    /// How many steps there are, unless more than that were done: a list may be read twice.
    fn all(&self) -> Option<u64> {
        self.of.filter(|of| self.done <= *of)
    }

    /// What was done, and of how much; empty if that is nothing yet, of nobody knows how much.
    fn counted(&self) -> String {
        match self.all() {
            Some(all) => format!("{}/{}", self.count(self.done), self.count(all)),
            None if self.done == 0 => String::new(),
            None => self.count(self.done),
        }
    }

    fn count(&self, steps: u64) -> String {
        match self.phase {
            Phase::Compression => size(steps),
            _ => HumanCount(steps).to_string(),
        }
    }

    /// A bar for at most `room` columns; `None` if that is too few, or the number of steps is not known.
    fn bar(&self, room: usize) -> Option<String> {
        let all = self.all()?;
        let width = room.min(MAX_BAR);
        if width < MIN_BAR {
            return None;
        }
        let part = if all == 0 {
            1.0
        } else {
            self.done as f64 / all as f64
        };
        let full = ((part * width as f64) as usize).min(width);
        Some("█".repeat(full) + &"░".repeat(width - full))
    }

    /// How long the rest takes at the pace so far; nothing inside if that was not steady, nothing at all if no rest is
    /// known.
    fn left(&self, now: Instant) -> Option<Option<Duration>> {
        let rest = self.all()? - self.done;
        if rest == 0 {
            return None;
        }
        let elapsed = now.saturating_duration_since(self.begun);
        if elapsed < Self::TOO_EARLY || self.done == 0 {
            return Some(None);
        }
        let whole = self.done as f64 / elapsed.as_secs_f64();
        let recent = [2, 4].map(|part| self.pace_since(now - elapsed / part, now));
        let is_steady = |pace| pace <= whole * Self::STEADY && whole <= pace * Self::STEADY;
        let slowest = recent.into_iter().fold(whole, f64::min);
        let left = Duration::try_from_secs_f64(rest as f64 / slowest).ok();
        Some(left.filter(|_| recent.into_iter().all(is_steady)))
    }

    /// Steps in a second since `moment`, or since shortly before it.
    fn pace_since(&self, moment: Instant, now: Instant) -> f64 {
        let before = self.samples.iter().rev().find(|(at, _)| *at <= moment);
        let (at, done) = before.copied().unwrap_or((self.begun, 0));
        let since = now.saturating_duration_since(at).as_secs_f64();
        (self.done - done) as f64 / since
    }
}

/// Columns of a phase's name before a bar.
const TITLE: usize = 18;
/// Columns of a bar that is worth drawing, and of one that is easy to read.
const MIN_BAR: usize = 10;
const MAX_BAR: usize = 60;

/// The first of several texts that fits; the beginning of the last one if none does.
fn first_that_fits(width: usize, texts: &[&[&str]]) -> String {
    let mut text = String::new();
    for parts in texts {
        text = joined(parts);
        if text.len() <= width {
            return text;
        }
    }
    text.chars().take(width).collect()
}

/// The parts that are not empty.
fn joined(parts: &[&str]) -> String {
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts.copied().collect::<Vec<_>>().join("  ")
}

fn waiting(length: Duration, hold: Hold) -> String {
    format!("waiting {}: {}", whole(length), hold_in_words(hold))
}

/// A length of time to the second, rounded up, such as `42 s` or `1 min 05 s`.
fn whole(length: Duration) -> String {
    match seconds_up(length) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => duration(seconds.saturating_mul(1000)),
    }
}

/// A length of time as an estimate has it, rounded up.
fn rounded(length: Duration) -> String {
    match seconds_up(length) {
        seconds @ 0..=50 => format!("{} s", seconds.next_multiple_of(10).max(10)),
        seconds @ 51..=3_540 => format!("{} min", seconds.div_ceil(60)),
        seconds => duration(seconds.div_ceil(60).saturating_mul(60_000)),
    }
}

fn seconds_up(length: Duration) -> u64 {
    length.as_secs() + u64::from(length.subsec_nanos() > 0)
}

/// Time that has passed, as a clock shows it: `0:42`, `1:02:03`.
fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crawl that reads role memberships, and the moment it began.
    fn reading(of: u64) -> (Progress, Instant) {
        let (mut progress, begun) = (Progress::default(), Instant::now());
        let phase = Phase::RoleMemberships;
        progress.follow(
            &Event::Started {
                phase,
                of: Some(of),
            },
            begun,
        );
        (progress, begun)
    }

    fn advance(progress: &mut Progress, steps: u64, now: Instant) {
        let phase = Phase::RoleMemberships;
        let of = None;
        progress.follow(&Event::Advanced { phase, steps, of }, now);
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn line_shows_count_and_elapsed_time_and_fits_any_width() {
        let (mut progress, begun) = reading(1_200);
        advance(&mut progress, 600, begun + seconds(2));
        let now = begun + seconds(62);
        let bar = |width: usize| "█".repeat(width / 2) + &"░".repeat(width - width / 2);
        for (width, expected) in [
            (
                200,
                format!("role memberships  {}  600/1,200  1:02", bar(60)),
            ),
            (
                59,
                format!("role memberships  {}  600/1,200  1:02", bar(24)),
            ),
            (40, "role memberships  600/1,200  1:02".to_owned()),
            (25, "role memberships  1:02".to_owned()),
            (10, "role membe".to_owned()),
            (0, String::new()),
        ] {
            assert_eq!(progress.line(now, width), expected, "{width}");
        }
        let phase = Phase::Members;
        progress.follow(&Event::Started { phase, of: None }, now);
        assert_eq!(progress.line(now, 80), "members  1:02");
        progress.follow(&Event::Finished { phase }, now);
        assert!(progress.line(now, 80).starts_with("role memberships  █"));
    }

    #[test]
    fn wait_takes_the_place_of_the_bar_and_names_its_reason() {
        for (hold, width, expected) in [
            (
                Hold::PerMinute(450),
                199,
                "role memberships  450/1,200  0:20  waiting 42 s: pacing at 450 requests a minute",
            ),
            (
                Hold::PerMinute(450),
                59,
                "450/1,200  waiting 42 s: pacing at 450 requests a minute",
            ),
            (
                Hold::PerHour(4_500),
                59,
                "450/1,200  waiting 42 s: pacing at 4,500 requests an hour",
            ),
            (
                Hold::PerMinute(1),
                50,
                "waiting 42 s: pacing at 1 request a minute",
            ),
            (
                Hold::RetryAfter,
                59,
                "waiting 42 s: the server asks for it (Retry-After)",
            ),
            (
                Hold::TooManyRequests,
                59,
                "waiting 42 s: the server answered 429, too many requests",
            ),
            (
                Hold::Backoff,
                59,
                "450/1,200  waiting 42 s: a request failed and is sent again",
            ),
        ] {
            let (mut progress, begun) = reading(1_200);
            advance(&mut progress, 450, begun + seconds(19));
            let length = Duration::from_millis(42_500);
            progress.follow(&Event::Waiting { hold, length }, begun + seconds(19));
            let now = begun + seconds(20);
            assert_eq!(progress.line(now, width), expected);
            // It ends by the clock.
            let later = progress.line(begun + seconds(62), width);
            assert!(!later.contains("waiting"), "{later}");
        }
    }

    #[test]
    fn wait_of_one_worker_gives_way_to_what_others_do_and_a_wait_of_all_does_not() {
        for (hold, is_shown) in [(Hold::Backoff, false), (Hold::RetryAfter, true)] {
            let (mut progress, begun) = reading(10);
            let event = Event::Retrying {
                reading: "role memberships",
                problem: "answered 503".to_owned(),
                attempt: 2,
                hold,
                wait_ms: 60_000,
            };
            progress.follow(&event, begun);
            assert!(progress.line(begun, 99).contains("waiting 1 min 00 s: "));
            advance(&mut progress, 1, begun);
            let line = progress.line(begun, 99);
            assert_eq!(line.contains("waiting"), is_shown, "{line}");
        }
    }

    #[test]
    fn estimate_is_shown_only_while_the_pace_is_steady() {
        let (mut progress, begun) = reading(1_000);
        let mut line_after = |steps, at| {
            advance(&mut progress, steps, begun + seconds(at));
            let line = progress.line(begun + seconds(at), 120);
            let (_, rest) = line.split_once("/1,000  ").unwrap();
            rest.split_once("  ").map(|(_, left)| left.to_owned())
        };
        assert_eq!(line_after(30, 3), None, "too early");
        for at in 4..=29 {
            line_after(10, at);
        }
        assert_eq!(line_after(10, 30).unwrap(), "about 2 min left");
        assert_eq!(line_after(0, 45), None, "it has slowed down");
        assert_eq!(line_after(400, 46), None, "it has sped up");
        assert_eq!(line_after(300, 47), None, "it is done");
    }

    #[test]
    fn limits_on_requests_say_how_long_it_takes_at_least() {
        let (mut progress, begun) = reading(6_000);
        let least = seconds(3_660);
        progress.follow(&Event::Paced { least }, begun);
        for at in 1..=60 {
            advance(&mut progress, 5, begun + seconds(at));
        }
        let line = progress.line(begun + seconds(60), 120);
        assert!(line.ends_with("  1:00  at least 1 h 00 min left"), "{line}");
        // What is known of the pace says more than the limits do.
        for at in 61..=600 {
            advance(&mut progress, 1, begun + seconds(at));
        }
        let line = progress.line(begun + seconds(600), 120);
        assert!(line.ends_with("  10:00  about 1 h 26 min left"), "{line}");
    }

    #[test]
    fn terminal_that_takes_whole_lines_gets_phases_and_waits() {
        let (mut progress, begun) = reading(20);
        advance(&mut progress, 20, begun + seconds(3));
        let finished = Event::Finished {
            phase: Phase::RoleMemberships,
        };
        let shown = |event| progress.plain_line(event, begun + seconds(3));
        let waiting = Event::Waiting {
            hold: Hold::PerMinute(450),
            length: seconds(42),
        };
        assert_eq!(
            [shown(&finished), shown(&waiting)].map(Option::unwrap),
            [
                "role memberships: 20 in 0:03",
                "waiting 42 s: pacing at 450 requests a minute"
            ]
        );
        assert_eq!(
            progress.plain_line(&Event::Paced { least: seconds(1) }, begun),
            None
        );
    }
}
