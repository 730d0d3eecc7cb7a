//! When which policy is told that time passed.

use std::collections::{BTreeMap, BTreeSet};

use interlock_core::time::Timestamp;

/// The policies that want ticks, and when each has its next.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    every_ms: BTreeMap<String, u64>,
    due: BTreeSet<(Timestamp, String)>,
}

impl Ticks {
    /// Takes over who wants ticks and how often. Who wanted them at the same pace before keeps the beat.
    pub fn set(&mut self, wanted: Vec<(String, u64)>, now: Timestamp) {
        let wanted: BTreeMap<_, _> = wanted.into_iter().collect();
        self.due.retain(|(_, policy)| wanted.get(policy) == self.every_ms.get(policy));
        for (policy, every) in &wanted {
            if self.every_ms.get(policy) != Some(every) {
                self.due.insert((now.after(*every), policy.clone()));
            }
        }
        self.every_ms = wanted;
    }

    /// When the next tick is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes a policy whose tick is due. A beat that was missed is not made up for.
    pub fn take(&mut self, now: Timestamp) -> Option<String> {
        let (at, _) = self.due.first()?;
        if *at > now {
            return None;
        }
        let (at, policy) = self.due.pop_first()?;
        if let Some(every) = self.every_ms.get(&policy) {
            let missed = now.since(at) / every;
            self.due.insert((at.after((missed + 1).saturating_mul(*every)), policy.clone()));
        }
        Some(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_beat_is_not_made_up_for_and_the_beat_is_kept() {
        let mut ticks = Ticks::default();
        ticks.set(vec![("a".into(), 100)], Timestamp(0));
        assert_eq!(ticks.take(Timestamp(99)), None);
        assert_eq!(ticks.take(Timestamp(350)).as_deref(), Some("a"));
        assert_eq!(ticks.take(Timestamp(350)), None);
        assert_eq!(ticks.next(), Some(Timestamp(400)));
    }

    #[test]
    fn an_unchanged_policy_keeps_its_beat_when_others_change() {
        let mut ticks = Ticks::default();
        ticks.set(vec![("a".into(), 100), ("b".into(), 100)], Timestamp(0));
        ticks.set(vec![("a".into(), 100), ("b".into(), 300)], Timestamp(50));
        assert_eq!(ticks.take(Timestamp(100)).as_deref(), Some("a"));
        assert_eq!(ticks.take(Timestamp(100)), None);
        assert_eq!(ticks.take(Timestamp(350)).as_deref(), Some("a"));
        assert_eq!(ticks.take(Timestamp(350)).as_deref(), Some("b"));
        ticks.set(Vec::new(), Timestamp(400));
        assert_eq!(ticks.next(), None);
    }
}
