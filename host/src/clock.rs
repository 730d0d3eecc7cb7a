//! What time it is: the system's, or one that a test moves by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use interlock_core::time::Timestamp;

/// A clock. Cheap to clone; clones of a hand-moved one move together.
///
/// The system's one is read once, when it is made, and then carried on by the monotonic clock: a machine whose clock is
/// set anew while the host runs, by a year or by a second, ends no hold early and keeps none for ever.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System {
        /// What the machine's clock said when the host started.
        start: Timestamp,
        /// When that was on the clock that is never set.
        since: Instant,
    },
    Manual(Arc<AtomicU64>),
}

/// Moves a clock by hand.
#[derive(Debug, Clone)]
pub struct Hand(Arc<AtomicU64>);

impl Clock {
    /// The machine's clock from now on. A machine that believes it is before 1970 is told 1970.
    pub fn system() -> Self {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Source::System { start: Timestamp(millis(start)), since: Instant::now() })
    }

    /// The machine's clock, but not before `earliest`: a machine that lost its time while it was off goes on from the
    /// journal's, instead of standing still until it has caught up.
    pub fn system_not_before(earliest: Timestamp) -> Self {
        match Self::system().0 {
            Source::System { start, since } => Self(Source::System { start: start.max(earliest), since }),
            manual @ Source::Manual(_) => Self(manual),
        }
    }

    /// A clock that stands at `start` until its hand is moved.
    pub fn manual(start: Timestamp) -> (Self, Hand) {
        let now = Arc::new(AtomicU64::new(start.0));
        (Self(Source::Manual(Arc::clone(&now))), Hand(now))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System { start, since } => start.after(millis(since.elapsed())),
            Source::Manual(now) => Timestamp(now.load(Ordering::Acquire)),
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Hand {
    /// Moves the clock forward by so many milliseconds; the time then.
    pub fn advance(&self, ms: u64) -> Timestamp {
        Timestamp(self.0.fetch_add(ms, Ordering::AcqRel) + ms)
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let (clock, hand) = Clock::manual(Timestamp(1_000));
        let other = clock.clone();
        assert_eq!(hand.advance(250), Timestamp(1_250));
        assert_eq!((clock.now(), other.now()), (Timestamp(1_250), Timestamp(1_250)));
        hand.set(Timestamp(10));
        assert_eq!(other.now(), Timestamp(10));
    }

    #[test]
    fn the_system_clock_is_past_2020() {
        assert!(Clock::system().now() > Timestamp(1_577_836_800_000));
    }
}
