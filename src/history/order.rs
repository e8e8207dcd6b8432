//! Sync runs by capture time: where runs are missing, and where their order is in doubt.

use crate::model::{Gap, Timestamp};

/// The times of a sync run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, which is its capture time.
    pub captured_at: Timestamp,
}

/// Why the order of two successive runs is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// They ended at the same time.
    SameTime,
    /// The later one began before the earlier one ended.
    Overlap,
}

/// Returns the intervals that are more than 1.5 times as long as the median one; none with fewer than three runs. The times
/// must be in order.
pub fn gaps(captured: &[Timestamp]) -> Vec<Gap> {
    let lengths = captured
        .windows(2)
        .map(|pair| pair[1].millis_since(pair[0]));
    let mut sorted: Vec<u64> = lengths.collect();
    if sorted.len() < 2 {
        return Vec::new();
    }
    sorted.sort_unstable();
    // The sum of the two middle ones, or twice the one in the middle.
    let twice_median =
        u128::from(sorted[(sorted.len() - 1) / 2]) + u128::from(sorted[sorted.len() / 2]);
    let is_gap =
        |pair: &[Timestamp]| 4 * u128::from(pair[1].millis_since(pair[0])) > 3 * twice_median;
    captured
        .windows(2)
        .filter(|pair| is_gap(pair))
        .map(|pair| Gap {
            after: pair[0],
            by: pair[1],
        })
        .collect()
}

/// Returns pairs of runs whose order is in doubt, by their indexes: each run with the run after it that began first. Runs must
/// be in the order of their capture times.
pub fn doubts(runs: &[Times]) -> Vec<([usize; 2], Doubt)> {
    let mut doubts = Vec::new();
    let mut earliest: Option<usize> = None;
    for (at, run) in runs.iter().enumerate().rev() {
        if let Some(next) = runs.get(at + 1)
            && next.captured_at == run.captured_at
        {
            doubts.push(([at, at + 1], Doubt::SameTime));
        } else if let Some(other) = earliest
            && runs[other].started_at < run.captured_at
        {
            doubts.push(([at, other], Doubt::Overlap));
        }
        if earliest.is_none_or(|other| run.started_at < runs[other].started_at) {
            earliest = Some(at);
        }
    }
    doubts.reverse();
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_unix(1_780_000_000 + hours * 3_600, 0).unwrap()
    }

    #[test]
    fn gap_is_longer_than_one_and_a_half_times_the_median_interval() {
        for (hours, expected) in [
            (&[0, 24, 48, 72][..], &[][..]),
            (&[0, 24, 72, 96], &[(24, 72)]),
            // 36 hours are exactly 1.5 times the median.
            (&[0, 24, 48, 84], &[]),
            (&[0, 24, 48, 85], &[(48, 85)]),
            // The median of two intervals lies between them: 24 of 12 and 36.
            (&[0, 12, 48], &[]),
            (&[0, 1, 48], &[(1, 48)]),
            // With two runs nothing says what is usual.
            (&[0, 1_000], &[]),
            (&[0], &[]),
            (&[], &[]),
        ] {
            let times: Vec<_> = hours.iter().copied().map(at).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(after, by)| Gap {
                    after: at(*after),
                    by: at(*by),
                })
                .collect();
            assert_eq!(gaps(&times), expected, "{hours:?}");
        }
    }

    #[test]
    fn runs_that_overlap_or_end_together_are_in_doubt() {
        let times =
            [(0, 2), (2, 4), (3, 6), (5, 6), (7, 8)].map(|(started_at, captured_at)| Times {
                started_at: at(started_at),
                captured_at: at(captured_at),
            });
        let expected = [([1, 2], Doubt::Overlap), ([2, 3], Doubt::SameTime)];
        assert_eq!(doubts(&times), expected);
        // One long run overlaps with all that ended while it ran.
        let times = [(1, 2), (3, 4), (0, 10)].map(|(started_at, captured_at)| Times {
            started_at: at(started_at),
            captured_at: at(captured_at),
        });
        assert_eq!(
            doubts(&times),
            [([0, 2], Doubt::Overlap), ([1, 2], Doubt::Overlap)]
        );
    }
}
