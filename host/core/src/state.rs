//! What a policy remembers: a bounded map of text, with entries that may end.

use std::collections::BTreeMap;

use crate::evaluation::{StateEntry, StateWrite};

/// The state of one policy as of its last decision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyState {
    entries: BTreeMap<String, StateEntry>,
}

impl PolicyState {
    /// A state from stored entries.
    pub fn from_entries(entries: impl IntoIterator<Item = (String, StateEntry)>) -> Self {
        Self { entries: entries.into_iter().collect() }
    }

    /// The entries in key order, ended ones included: the reader compares with the event's time.
    pub const fn entries(&self) -> &BTreeMap<String, StateEntry> {
        &self.entries
    }

    /// Carries out the writes of a decision, in order.
    pub fn apply(&mut self, writes: &[StateWrite]) {
        for write in writes {
            match &write.entry {
                Some(entry) => self.entries.insert(write.key.clone(), entry.clone()),
                None => self.entries.remove(&write.key),
            };
        }
    }
}
