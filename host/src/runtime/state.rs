//! A policy's state during one evaluation: what it had, and what it has written since.
//!
//! Writes stay in an overlay until the decision that made them is recorded. The overlay holds at most one entry for a
//! key, so a policy cannot make the host remember more than its quota, however often it writes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use interlock_core::evaluation::{StateEntry, StateWrite};
use interlock_core::policy::Limits;
use interlock_core::state::PolicyState;
use interlock_core::time::Timestamp;

/// Longest key in bytes.
const MAX_KEY_BYTES: usize = 256;
/// Most keys one `list` answers with.
const MAX_LISTED: usize = 1_000;

/// Why a write was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// The quota of bytes or keys is used up; carries the quota.
    OverQuota(u64),
    /// Keys are 1 to 256 bytes long.
    BadKey,
    /// The current value is another.
    Changed,
}

/// The state as one evaluation sees it.
#[derive(Debug)]
pub(super) struct Overlay {
    base: Arc<PolicyState>,
    now: Timestamp,
    written: BTreeMap<String, Option<StateEntry>>,
    quota_bytes: u64,
    quota_keys: u64,
    /// Counted at the first write: most evaluations write nothing.
    used: Option<Used>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Used {
    bytes: u64,
    keys: u64,
}

impl Used {
    fn with(self, key: &str, entry: Option<&StateEntry>) -> Self {
        entry.map_or(self, |entry| Self {
            bytes: self.bytes.saturating_add(size(key, entry)),
            keys: self.keys.saturating_add(1),
        })
    }

    fn without(self, key: &str, entry: Option<&StateEntry>) -> Self {
        entry.map_or(self, |entry| Self {
            bytes: self.bytes.saturating_sub(size(key, entry)),
            keys: self.keys.saturating_sub(1),
        })
    }
}

fn size(key: &str, entry: &StateEntry) -> u64 {
    (key.len() + entry.value.len()) as u64
}

impl Overlay {
    /// The state `base` at the moment `now` on the events' clock.
    pub(super) const fn new(base: Arc<PolicyState>, now: Timestamp, limits: &Limits) -> Self {
        Self {
            base,
            now,
            written: BTreeMap::new(),
            quota_bytes: limits.state_bytes,
            quota_keys: limits.state_keys,
            used: None,
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.value.as_str())
    }

    /// Writes; with a time to live in milliseconds the entry ends by itself.
    pub(super) fn set(&mut self, key: String, value: String, ttl: Option<u64>) -> Result<(), Denied> {
        if !(1..=MAX_KEY_BYTES).contains(&key.len()) {
            return Err(Denied::BadKey);
        }
        let entry = StateEntry { value, expires: ttl.map(|ttl| self.now.after(ttl)) };
        let used = self.used();
        let after = used.without(&key, self.entry(&key)).with(&key, Some(&entry));
        // What makes the state smaller is always taken, so a quota that was lowered can be met again.
        if after.bytes > self.quota_bytes && after.bytes > used.bytes {
            return Err(Denied::OverQuota(self.quota_bytes));
        }
        if after.keys > self.quota_keys && after.keys > used.keys {
            return Err(Denied::OverQuota(self.quota_keys));
        }
        self.used = Some(after);
        self.written.insert(key, Some(entry));
        Ok(())
    }

    /// Removes a key.
    pub(super) fn delete(&mut self, key: String) {
        let after = self.used().without(&key, self.entry(&key));
        self.used = Some(after);
        if self.base.entries().contains_key(&key) {
            self.written.insert(key, None);
        } else {
            self.written.remove(&key);
        }
    }

    /// Writes if the current value is the expected one.
    pub(super) fn compare_and_set(&mut self, key: String, expected: Option<&str>, value: String) -> Result<(), Denied> {
        if self.get(&key) != expected {
            return Err(Denied::Changed);
        }
        self.set(key, value, None)
    }

    /// The keys that start with `prefix`, in order.
    pub(super) fn list(&self, prefix: &str) -> Vec<String> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let matching = |key: &&String| key.starts_with(prefix);
        let base = self.base.entries().range::<str, _>(from).map(|(key, _)| key).take_while(matching);
        let written = self.written.range::<str, _>(from).map(|(key, _)| key).take_while(matching);
        let mut keys: Vec<&String> = base.chain(written).filter(|key| self.entry(key).is_some()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().take(MAX_LISTED).cloned().collect()
    }

    /// What was written, one entry for each key, in order of the keys. Where anything was written, entries that ended
    /// are cleared away as well.
    pub(super) fn into_writes(mut self) -> Vec<StateWrite> {
        if self.used.is_some() {
            for (key, entry) in self.base.entries() {
                if ended(entry, self.now) && !self.written.contains_key(key) {
                    self.written.insert(key.clone(), None);
                }
            }
        }
        self.written.into_iter().map(|(key, entry)| StateWrite { key, entry }).collect()
    }

    fn entry(&self, key: &str) -> Option<&StateEntry> {
        match self.written.get(key) {
            Some(written) => written.as_ref(),
            None => self.base.entries().get(key),
        }
        .filter(|entry| !ended(entry, self.now))
    }

    fn used(&self) -> Used {
        self.used.unwrap_or_else(|| {
            let living = self.base.entries().iter().filter(|(_, entry)| !ended(entry, self.now));
            living.fold(Used::default(), |used, (key, entry)| used.with(key, Some(entry)))
        })
    }
}

fn ended(entry: &StateEntry, now: Timestamp) -> bool {
    entry.expires.is_some_and(|expires| expires <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn overlay(entries: &[(&str, &str, Option<u64>)], limits: Limits) -> Overlay {
        let entries = entries.iter().map(|(key, value, expires)| {
            let entry = StateEntry { value: (*value).to_owned(), expires: expires.map(Timestamp) };
            ((*key).to_owned(), entry)
        });
        Overlay::new(Arc::new(PolicyState::from_entries(entries)), NOW, &limits)
    }

    fn small() -> Limits {
        Limits { state_bytes: 10, state_keys: 2, ..Limits::default() }
    }

    #[test]
    fn own_writes_are_seen_at_once() {
        let mut state = overlay(&[("a", "1", None)], Limits::default());
        state.set("a".into(), "2".into(), None).unwrap();
        state.set("b".into(), "3".into(), None).unwrap();
        state.delete("b".into());
        assert_eq!((state.get("a"), state.get("b")), (Some("2"), None));
        assert_eq!(state.list(""), ["a"]);
        let writes = state.into_writes();
        assert_eq!(writes.len(), 1, "a key that never was needs no deletion: {writes:?}");
    }

    #[test]
    fn entries_end_on_the_events_clock_and_are_cleared_away_with_the_next_write() {
        let mut state = overlay(&[("gone", "x", Some(1_000)), ("here", "y", Some(1_001))], Limits::default());
        assert_eq!((state.get("gone"), state.get("here")), (None, Some("y")));
        assert_eq!(state.list(""), ["here"]);
        state.set("new".into(), "z".into(), Some(500)).unwrap();
        let writes = state.into_writes();
        let expires = writes.iter().find(|write| write.key == "new").and_then(|write| write.entry.as_ref()?.expires);
        assert_eq!(expires, Some(Timestamp(1_500)));
        assert!(writes.contains(&StateWrite { key: "gone".into(), entry: None }));
    }

    #[test]
    fn the_quota_counts_what_is_there_and_lets_go_of_what_is_replaced() {
        let mut state = overlay(&[("a", "12345678", None)], small());
        assert_eq!(state.set("b".into(), "1".into(), None), Err(Denied::OverQuota(10)));
        state.set("a".into(), "1".into(), None).unwrap();
        state.set("b".into(), "1".into(), None).unwrap();
        assert_eq!(state.set("c".into(), String::new(), None), Err(Denied::OverQuota(2)));
        state.delete("a".into());
        state.set("c".into(), String::new(), None).unwrap();
    }

    #[test]
    fn a_lowered_quota_can_be_met_again() {
        let mut state = overlay(&[("a", "123456789012345", None)], small());
        state.set("a".into(), "12345678901234".into(), None).unwrap();
        assert_eq!(state.set("a".into(), "1234567890123456".into(), None), Err(Denied::OverQuota(10)));
    }

    #[test]
    fn compare_and_set_writes_only_over_the_expected_value() {
        let mut state = overlay(&[("a", "1", None)], Limits::default());
        assert_eq!(state.compare_and_set("a".into(), None, "2".into()), Err(Denied::Changed));
        assert_eq!(state.compare_and_set("a".into(), Some("1"), "2".into()), Ok(()));
        assert_eq!(state.compare_and_set("b".into(), None, "2".into()), Ok(()));
    }

    #[test]
    fn keys_are_bounded() {
        let mut state = overlay(&[], Limits::default());
        assert_eq!(state.set(String::new(), String::new(), None), Err(Denied::BadKey));
        assert_eq!(state.set("k".repeat(257), String::new(), None), Err(Denied::BadKey));
    }
}
