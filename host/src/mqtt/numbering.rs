//! Which message got which packet id.
//!
//! The client library does not say. It numbers messages in the order they were handed over, so the oldest one without a
//! number is the one just numbered. A packet id may be used again before its last answer is in; answers come in order,
//! so the messages of one id form a queue too.

use std::collections::{HashMap, VecDeque};

/// Messages handed to a client and not yet answered for good.
#[derive(Debug)]
pub(super) struct Numbering<T> {
    handed_over: VecDeque<T>,
    under_way: HashMap<u16, VecDeque<T>>,
    count: usize,
}

impl<T> Default for Numbering<T> {
    fn default() -> Self {
        Self { handed_over: VecDeque::new(), under_way: HashMap::new(), count: 0 }
    }
}

impl<T> Numbering<T> {
    /// A message was handed over.
    pub(super) fn push(&mut self, message: T) {
        self.handed_over.push_back(message);
        self.count += 1;
    }

    /// The oldest message without a number was written under this one.
    pub(super) fn sent(&mut self, id: u16) {
        if let Some(message) = self.handed_over.pop_front() {
            self.under_way.entry(id).or_default().push_back(message);
        }
    }

    /// The oldest message of this number has its last answer.
    pub(super) fn answered(&mut self, id: u16) -> Option<T> {
        let queue = self.under_way.get_mut(&id)?;
        let message = queue.pop_front()?;
        if queue.is_empty() {
            self.under_way.remove(&id);
        }
        self.count -= 1;
        Some(message)
    }

    /// The client is gone: all that had no answer.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.count = 0;
        self.handed_over.drain(..).chain(self.under_way.drain().flat_map(|(_, queue)| queue))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.handed_over.iter().chain(self.under_way.values().flatten())
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_find_their_messages_even_when_used_twice() {
        let mut numbering = Numbering::default();
        for message in ["a", "b", "c"] {
            numbering.push(message);
        }
        numbering.sent(7);
        numbering.sent(7);
        assert_eq!(numbering.answered(7), Some("a"));
        assert_eq!(numbering.answered(7), Some("b"));
        assert_eq!((numbering.answered(7), numbering.answered(1), numbering.len()), (None, None, 1));
        numbering.sent(7);
        numbering.push("d");
        assert_eq!(numbering.drain().collect::<Vec<_>>(), ["d", "c"]);
        assert_eq!(numbering.len(), 0);
    }
}
