//! When a request may go out: below the server's limits, not during a pause it asked for, not past the deadline.
//!
//! Shared by all workers: one budget, one pause. So nobody runs into a 429 that another worker has seen already.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How many requests may go out, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceSettings {
    /// In any minute. PostHog allows 480 to a key.
    pub per_minute: u32,
    /// In any hour. PostHog allows 4,800 to a key.
    pub per_hour: u32,
    /// For everything; `None` is without end.
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

/// The time allowed for the whole run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfTime;

/// Lets requests out one by one.
pub(super) struct Pace {
    settings: PaceSettings,
    deadline: Option<Instant>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When requests of the last hour went out, the oldest first.
    sent: VecDeque<Instant>,
    paused_until: Option<Instant>,
}

impl Pace {
    pub(super) fn new(settings: PaceSettings) -> Self {
        // A length of time beyond what the clock can say is without end.
        let deadline = settings
            .max_duration
            .and_then(|limit| Instant::now().checked_add(limit));
        Self {
            settings,
            deadline,
            state: Mutex::default(),
        }
    }

    /// Waits until a request may go out, and counts it.
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

    /// Keeps everybody from sending for so long.
    pub(super) fn pause(&self, length: Duration) {
        // A length of time beyond what the clock can say has no end; the server's is bounded before.
        let Some(until) = Instant::now().checked_add(length) else {
            return;
        };
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        state.paused_until = Some(state.paused_until.map_or(until, |known| known.max(until)));
    }

    /// Waits for so long; not at all if that is past the deadline.
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

    /// How long a request that begins now may take.
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
    /// How long a request must wait that is ready at `now`.
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
            // The request that must have left the window before another may go out.
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

/// How long so many requests take at least, sent as fast as the limits allow, when none went out before.
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

/// The limit that makes this many requests take as long as they do, in words.
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

    /// Sends as soon as it may, for `count` requests, by the clock that it makes itself.
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
    fn no_window_ever_holds_more_than_its_limit() {
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
    fn least_duration_is_what_sending_takes() {
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
    fn pause_holds_until_its_end_and_a_shorter_one_does_not_cut_it() {
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
