//! How long to wait before the next attempt: twice as long each time, up to a bound, with jitter so that a thousand
//! clients of a broker that comes back do not come back together.

use std::time::Duration;

/// Shortest wait.
const LEAST: Duration = Duration::from_millis(500);
/// Longest wait.
const MOST: Duration = Duration::from_secs(30);

/// The waits of one connection.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        // Without randomness the jitter falls away; the waits stay right.
        let random = getrandom::u32().unwrap_or(u32::MAX);
        self.after_failure(f64::from(random) / f64::from(u32::MAX))
    }

    /// It worked: the next failure is a first one.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait for a random number from 0 to 1: from half to the whole of the doubled span.
    fn after_failure(&mut self, random: f64) -> Duration {
        let span = LEAST.saturating_mul(2u32.saturating_pow(self.failures.min(16).saturating_add(1))).min(MOST);
        self.failures = self.failures.saturating_add(1);
        span.mul_f64(0.5 + random / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_start_over() {
        let mut least = Backoff::default();
        let waits: Vec<u128> = (0..8).map(|_| least.after_failure(0.0).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
        let mut most = Backoff::default();
        let waits: Vec<u128> = (0..6).map(|_| most.after_failure(1.0).as_millis()).collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
        most.reset();
        assert_eq!(most.after_failure(1.0), Duration::from_secs(1));
    }

    #[test]
    fn every_wait_is_within_bounds() {
        let mut backoff = Backoff::default();
        for _ in 0..1_000 {
            let wait = backoff.next();
            assert!((LEAST..=MOST).contains(&wait));
        }
    }
}
