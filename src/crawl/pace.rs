//! Decides when a request may be sent: within the rate limits, not during a pause that the server asked for, and not after
//! the deadline.
//!
//! All workers share one budget and one pause, so that none of them sends a request after another has received a 429.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::progress::{Event, Hold, Reporter};

/// Limits on the rate of requests and on the duration of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceSettings {
    /// Requests in any minute. PostHog allows 480 for a key.
    pub per_minute: u32,
    /// Requests in any hour. PostHog allows 4,800 for a key.
    pub per_hour: u32,
    /// Time limit of the whole run; `None` for no limit.
    pub max_duration: Option<Duration>,
}

impl Default for PaceSettings {
    fn default() -> Self {
        Self {
            per_minute: 450,
            per_hour: 4_500,
            max_duration: None,
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The time limit of the whole run has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfTime;

/// Spaces out requests.
pub(super) struct Pace {
    settings: PaceSettings,
    deadline: Option<Instant>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the requests of the last hour were sent, oldest first.
    sent: VecDeque<Instant>,
    /// Until when no request may be sent, and why.
    pause: Option<(Instant, Hold)>,
    /// The end of the last wait that was reported.
    reported_until: Option<Instant>,
}

/// Shorter waits are not reported: at the limit, every request has one.
const SHORT: Duration = Duration::from_secs(1);

impl Pace {
    pub(super) fn new(settings: PaceSettings) -> Self {
        // A duration beyond the clock's range means no deadline.
        let deadline = settings
            .max_duration
            .and_then(|limit| Instant::now().checked_add(limit));
        Self {
            settings,
            deadline,
            state: Mutex::default(),
        }
    }

    /// Waits until a request may be sent, and counts it.
    pub(super) fn wait(&self, reporter: &dyn Reporter) -> Result<(), OutOfTime> {
        loop {
            let now = Instant::now();
            let (length, report) = {
                let mut state = self.state();
                match state.wait_from(now, &self.settings) {
                    None => {
                        self.check(now)?;
                        state.sent.push_back(now);
                        return Ok(());
                    }
                    Some(wait) => (wait.length, state.reported(now, wait)),
                }
            };
            self.sleep_after(length, || {
                if let Some(Wait { length, hold }) = report {
                    reporter.report(Event::Waiting { hold, length });
                }
            })?;
        }
    }

    /// Keeps all workers from sending for this long. The caller reports it.
    pub(super) fn pause(&self, length: Duration, hold: Hold) {
        // Beyond the clock's range. Cannot happen, since the caller limits what a server may ask for.
        let Some(until) = Instant::now().checked_add(length) else {
            return;
        };
        let mut state = self.state();
        if state.pause.is_none_or(|(known, _)| known < until) {
            state.pause = Some((until, hold));
            state.reported_until = state.reported_until.max(Some(until));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for this long, or fails at once if the deadline is earlier.
    pub(super) fn sleep(&self, length: Duration) -> Result<(), OutOfTime> {
        self.sleep_after(length, || {})
    }

    /// Calls `begin` and waits for this long, or does neither if the deadline is earlier.
    fn sleep_after(&self, length: Duration, begin: impl FnOnce()) -> Result<(), OutOfTime> {
        if let Some(deadline) = self.deadline
            && Instant::now()
                .checked_add(length)
                .is_none_or(|end| end >= deadline)
        {
            return Err(OutOfTime);
        }
        begin();
        std::thread::sleep(length);
        Ok(())
    }

    /// Returns how long a request that starts now may take.
    pub(super) fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn check(&self, at: Instant) -> Result<(), OutOfTime> {
        match self.deadline {
            Some(deadline) if at >= deadline => Err(OutOfTime),
            _ => Ok(()),
        }
    }
}

/// How long a request must wait, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wait {
    length: Duration,
    hold: Hold,
}

impl State {
    /// Returns how long a request that is ready at `now` has to wait, if at all.
    fn wait_from(&mut self, now: Instant, settings: &PaceSettings) -> Option<Wait> {
        while self
            .sent
            .front()
            .is_some_and(|sent| now.duration_since(*sent) >= HOUR)
        {
            self.sent.pop_front();
        }
        let PaceSettings {
            per_minute,
            per_hour,
            ..
        } = *settings;
        let limits = [
            (per_minute, MINUTE, Hold::PerMinute(per_minute)),
            (per_hour, HOUR, Hold::PerHour(per_hour)),
        ];
        let ends = limits.into_iter().filter_map(|(limit, window, hold)| {
            // The request that must leave the window before another may be sent.
            let blocking = self.sent.len().checked_sub(limit as usize)?;
            Some((*self.sent.get(blocking)? + window, hold))
        });
        let (until, hold) = ends.chain(self.pause).max_by_key(|(until, _)| *until)?;
        let length = until.saturating_duration_since(now);
        (!length.is_zero()).then_some(Wait { length, hold })
    }

    /// Returns `wait` if it is long enough to report and no worker has reported it yet.
    fn reported(&mut self, now: Instant, wait: Wait) -> Option<Wait> {
        let is_known = self.reported_until.is_some_and(|until| now < until);
        if is_known || wait.length < SHORT {
            return None;
        }
        self.reported_until = now.checked_add(wait.length);
        Some(wait)
    }
}

/// Returns the least time that this many requests take within the limits, if none were sent before.
pub(super) fn least_duration(requests: u64, settings: &PaceSettings) -> Duration {
    let before_last = requests.saturating_sub(1);
    let (per_hour, per_minute) = (
        u64::from(settings.per_hour.max(1)),
        u64::from(settings.per_minute.max(1)),
    );
    let times = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let hours = HOUR.saturating_mul(times(before_last / per_hour));
    hours.saturating_add(MINUTE.saturating_mul(times(before_last % per_hour / per_minute)))
}

/// Names the limit that determines how long this many requests take.
pub(super) fn binding_limit(requests: u64, settings: &PaceSettings) -> String {
    let PaceSettings {
        per_minute,
        per_hour,
        ..
    } = *settings;
    if requests > u64::from(per_hour) {
        format!("{per_hour} an hour")
    } else {
        format!("{per_minute} a minute")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(per_minute: u32, per_hour: u32) -> PaceSettings {
        PaceSettings {
            per_minute,
            per_hour,
            max_duration: None,
        }
    }

    /// Simulates `count` requests, each sent as soon as the limits allow. Returns the times.
    fn send_all(count: usize, settings: &PaceSettings) -> Vec<Duration> {
        let start = Instant::now();
        let mut now = start;
        let mut state = State::default();
        (0..count)
            .map(|_| {
                now += state
                    .wait_from(now, settings)
                    .map_or(Duration::ZERO, |wait| wait.length);
                assert_eq!(state.wait_from(now, settings), None);
                state.sent.push_back(now);
                now - start
            })
            .collect()
    }

    #[test]
    fn no_window_ever_exceeds_its_limit() {
        let settings = settings(5, 12);
        let sent = send_all(40, &settings);
        for (at, first) in sent.iter().enumerate() {
            let within = |window| {
                sent[at..]
                    .iter()
                    .filter(|later| **later - *first < window)
                    .count()
            };
            assert!(within(MINUTE) <= 5 && within(HOUR) <= 12, "{sent:?}");
        }
    }

    #[test]
    fn least_duration_is_how_long_sending_takes() {
        for (count, per_minute, per_hour) in [
            (1, 5, 50),
            (6, 5, 50),
            (5, 5, 50),
            (60, 10, 20),
            (451, 450, 4_500),
        ] {
            let settings = settings(per_minute, per_hour);
            let last = send_all(count, &settings).pop().unwrap_or_default();
            assert_eq!(
                least_duration(count as u64, &settings),
                last,
                "{count} at {per_minute}, {per_hour}"
            );
        }
    }

    #[test]
    fn limit_that_binds_is_named() {
        let settings = settings(450, 4_500);
        for (requests, limit) in [
            (451, "450 a minute"),
            (4_500, "450 a minute"),
            (4_501, "4500 an hour"),
        ] {
            assert_eq!(binding_limit(requests, &settings), limit);
        }
    }

    #[test]
    fn shorter_pause_does_not_end_a_longer_one() {
        let pace = Pace::new(settings(450, 4_500));
        pace.pause(Duration::from_secs(3600), Hold::RetryAfter);
        pace.pause(Duration::from_secs(1), Hold::TooManyRequests);
        let wait = pace.state().wait_from(Instant::now(), &pace.settings);
        let wait = wait.unwrap();
        assert!(wait.length > Duration::from_secs(3500), "{wait:?}");
        assert_eq!(wait.hold, Hold::RetryAfter);
    }

    #[test]
    fn wait_names_the_limit_that_ends_last() {
        let start = Instant::now();
        for (per_minute, per_hour, hold, seconds) in [
            (2, 100, Hold::PerMinute(2), 60),
            (100, 2, Hold::PerHour(2), 3600),
            (2, 2, Hold::PerHour(2), 3600),
        ] {
            let mut state = State::default();
            state.sent.extend([start, start]);
            let length = Duration::from_secs(seconds);
            let wait = state.wait_from(start, &settings(per_minute, per_hour));
            assert_eq!(wait, Some(Wait { length, hold }));
        }
    }

    #[test]
    fn wait_is_reported_once_for_all_workers_and_a_short_one_not_at_all() {
        let mut state = State::default();
        let start = Instant::now();
        let wait = |seconds| Wait {
            length: Duration::from_secs_f64(seconds),
            hold: Hold::PerMinute(450),
        };
        assert_eq!(state.reported(start, wait(0.5)), None);
        assert_eq!(state.reported(start, wait(40.0)), Some(wait(40.0)));
        let soon = start + Duration::from_secs(1);
        assert_eq!(state.reported(soon, wait(39.0)), None);
        let later = start + Duration::from_secs(41);
        assert_eq!(state.reported(later, wait(20.0)), Some(wait(20.0)));
    }
}
