//! Decides when a request may be sent: within the rate limits, not during a pause that the server asked for, and not after
//! the deadline.
//!
//! All workers share one budget and one pause, so that none of them sends a request after another has received a 429.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

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
    paused_until: Option<Instant>,
}

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
    pub(super) fn wait(&self) -> Result<(), OutOfTime> {
        loop {
            let now = Instant::now();
            let wait = {
                let mut state = self
                    .state
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner());
                match state.wait_from(now, &self.settings) {
                    Duration::ZERO => {
                        self.check(now)?;
                        state.sent.push_back(now);
                        return Ok(());
                    }
                    wait => wait,
                }
            };
            self.sleep(wait)?;
        }
    }

    /// Keeps all workers from sending for this long.
    pub(super) fn pause(&self, length: Duration) {
        // Beyond the clock's range. Cannot happen, since the caller limits what a server may ask for.
        let Some(until) = Instant::now().checked_add(length) else {
            return;
        };
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        state.paused_until = Some(state.paused_until.map_or(until, |known| known.max(until)));
    }

    /// Waits for this long, or fails at once if the deadline is earlier.
    pub(super) fn sleep(&self, length: Duration) -> Result<(), OutOfTime> {
        if let Some(deadline) = self.deadline
            && Instant::now()
                .checked_add(length)
                .is_none_or(|end| end >= deadline)
        {
            return Err(OutOfTime);
        }
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

impl State {
    /// Returns how long a request that is ready at `now` has to wait.
    fn wait_from(&mut self, now: Instant, settings: &PaceSettings) -> Duration {
        while self
            .sent
            .front()
            .is_some_and(|sent| now.duration_since(*sent) >= HOUR)
        {
            self.sent.pop_front();
        }
        let mut wait = self
            .paused_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        for (limit, window) in [(settings.per_minute, MINUTE), (settings.per_hour, HOUR)] {
            // The request that must leave the window before another may be sent.
            let blocking = self
                .sent
                .len()
                .checked_sub(limit as usize)
                .and_then(|at| self.sent.get(at));
            if let Some(sent) = blocking {
                wait = wait.max((*sent + window).saturating_duration_since(now));
            }
        }
        wait
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
                now += state.wait_from(now, settings);
                assert_eq!(state.wait_from(now, settings), Duration::ZERO);
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
        pace.pause(Duration::from_secs(3600));
        pace.pause(Duration::from_secs(1));
        let now = Instant::now();
        let mut state = pace
            .state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        assert!(state.wait_from(now, &pace.settings) > Duration::from_secs(3500));
    }
}
