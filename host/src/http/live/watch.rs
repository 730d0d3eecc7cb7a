//! What one client sees: its topics, its place in the journal, and how it goes back.
//!
//! INVARIANT (each once): per topic, events come in the order of the journal, each once. A topic that is subscribed with
//! `after` takes the whole client back in the journal; what the other topics have seen already is not told again.

use std::collections::VecDeque;
use std::sync::Arc;

use interlock_core::time::Seq;

use super::events::{self, LiveEvent};
use super::topics::Pattern;
use crate::feed::{Feed, Follow, Item};
use crate::http::error::Problem;
use crate::http::state::Edge;
use crate::journal::Journal;
use crate::journal::record::{Body, Record};

/// Topics of one client at most.
const MAX_TOPICS: usize = 128;
/// Events that are kept at hand for the decisions that answer them.
const RECENT: usize = 64;

/// One step of what a client sees.
#[derive(Debug)]
pub(super) enum Step {
    /// The wanted events of one record; there is at least one.
    Events(Seq, Vec<LiveEvent>),
    /// Records it cannot have.
    Gap {
        /// The first of them.
        from: Seq,
        /// The last of them.
        to: Seq,
        /// How many.
        missed: u64,
    },
}

/// What one client sees.
pub(super) struct Watch {
    feed: Feed,
    journal: Journal,
    follow: Follow,
    topics: Topics,
    recent: Recent,
}

impl Watch {
    /// A client that sees what is new from now on, on no topic yet.
    pub(super) fn new(edge: &Edge) -> Self {
        let (feed, journal) = (edge.api.feed.clone(), edge.api.journal.clone());
        let head = journal.head().seq;
        // Beginning after the head that was read here, not at whatever the head is a moment later.
        let follow = feed.follow(journal.clone(), Some(head));
        Self { follow, topics: Topics::after(head), recent: Recent::default(), feed, journal }
    }

    /// The last record it has seen.
    pub(super) const fn place(&self) -> Seq {
        self.topics.seen
    }

    /// Adds a topic; with `after`, what was on it after that record comes first.
    ///
    /// # Errors
    /// When the topic cannot be read, or there are too many.
    pub(super) fn subscribe(&mut self, topic: &str, after: Option<Seq>) -> Result<(), Problem> {
        if let Some(after) = self.topics.add(topic.parse().map_err(Problem::invalid)?, after)? {
            self.follow = self.feed.follow(self.journal.clone(), Some(after));
        }
        Ok(())
    }

    /// Removes a topic. Unknown ones are gone already.
    pub(super) fn unsubscribe(&mut self, topic: &str) {
        self.topics.wanted.retain(|wanted| wanted.pattern.as_str() != topic);
    }

    /// The next step; none when the host has stopped. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Step>, Problem> {
        loop {
            let item = self.follow.next().await.map_err(|error| Problem::unreadable(&error))?;
            match item {
                None => return Ok(None),
                Some(Item::Gap { from, to, missed }) => {
                    self.topics.pass(to);
                    return Ok(Some(Step::Gap { from, to, missed }));
                }
                Some(Item::Record(record)) => {
                    let told = self.see(&record);
                    if !told.is_empty() {
                        return Ok(Some(Step::Events(record.seq, told)));
                    }
                }
            }
        }
    }

    fn see(&mut self, record: &Arc<Record>) -> Vec<LiveEvent> {
        let trigger = match &record.body {
            Body::Decision(decision) => self.recent.find(decision.event),
            Body::Fault(fault) => self.recent.find(fault.event),
            _ => None,
        };
        let wants = |topic: &str, everyone: bool| self.topics.want(record.seq, topic, everyone);
        let told = events::of(record, trigger, &wants);
        self.recent.keep(record);
        self.topics.pass(record.seq);
        told
    }
}

/// The topics of a client, and how far each has been told.
#[derive(Debug)]
struct Topics {
    wanted: Vec<Wanted>,
    /// The last record that was passed.
    place: Seq,
    /// The last record that was ever passed: going back does not change it.
    seen: Seq,
}

#[derive(Debug)]
struct Wanted {
    pattern: Pattern,
    /// Told up to here.
    after: Seq,
}

impl Topics {
    const fn after(head: Seq) -> Self {
        Self { wanted: Vec::new(), place: head, seen: head }
    }

    /// Adds a topic; says where to go back to, where that is needed.
    fn add(&mut self, pattern: Pattern, after: Option<Seq>) -> Result<Option<Seq>, Problem> {
        self.wanted.retain(|wanted| wanted.pattern != pattern);
        if self.wanted.len() >= MAX_TOPICS {
            return Err(Problem::invalid(format!("one client has at most {MAX_TOPICS} topics; wildcards help")));
        }
        let after = after.map_or(self.seen, |after| after.min(self.seen));
        let back = (after < self.place).then_some(after);
        if back.is_some() {
            for wanted in &mut self.wanted {
                wanted.after = wanted.after.max(self.place);
            }
            self.place = after;
        }
        self.wanted.push(Wanted { pattern, after });
        Ok(back)
    }

    fn want(&self, seq: Seq, topic: &str, everyone: bool) -> bool {
        (everyone && seq > self.seen)
            || self.wanted.iter().any(|wanted| seq > wanted.after && wanted.pattern.matches(topic))
    }

    fn pass(&mut self, seq: Seq) {
        self.place = self.place.max(seq);
        self.seen = self.seen.max(seq);
    }
}

/// The newest events, for the decisions that answer them.
#[derive(Debug, Default)]
struct Recent(VecDeque<Arc<Record>>);

impl Recent {
    fn keep(&mut self, record: &Arc<Record>) {
        if matches!(record.body, Body::Event(_)) {
            if self.0.len() >= RECENT {
                self.0.pop_front();
            }
            self.0.push_back(Arc::clone(record));
        }
    }

    fn find(&self, seq: Seq) -> Option<&Record> {
        self.0.iter().rev().find(|record| record.seq == seq).map(Arc::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(head: Seq) -> Topics {
        Topics::after(head)
    }

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    /// Passes records `from..=to` on topic `a` and `b`; what was told of each.
    fn pass(topics: &mut Topics, from: Seq, to: Seq) -> (Vec<Seq>, Vec<Seq>) {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for seq in from..=to {
            a.extend(topics.want(seq, "a", false).then_some(seq));
            b.extend(topics.want(seq, "b", false).then_some(seq));
            topics.pass(seq);
        }
        (a, b)
    }

    #[test]
    fn a_new_topic_is_told_what_is_new() {
        let mut topics = topics(10);
        assert_eq!(topics.add(pattern("a"), None).unwrap(), None);
        assert_eq!(pass(&mut topics, 11, 12), (vec![11, 12], vec![]));
    }

    #[test]
    fn going_back_for_one_topic_tells_the_others_nothing_twice() {
        let mut topics = topics(10);
        topics.add(pattern("a"), None).unwrap();
        pass(&mut topics, 11, 12);
        assert_eq!(topics.add(pattern("b"), Some(9)).unwrap(), Some(9));
        assert_eq!(pass(&mut topics, 10, 11), (vec![], vec![10, 11]));
        // Going back once more in the middle of going back.
        assert_eq!(topics.add(pattern("c"), Some(5)).unwrap(), Some(5));
        assert_eq!(pass(&mut topics, 6, 14), (vec![13, 14], vec![12, 13, 14]));
    }

    #[test]
    fn what_goes_to_everyone_goes_once() {
        let mut topics = topics(10);
        assert!(topics.want(11, "system_event/stop", true));
        pass(&mut topics, 11, 11);
        topics.add(pattern("a"), Some(3)).unwrap();
        assert!(!topics.want(11, "system_event/stop", true));
        assert!(topics.want(12, "system_event/stop", true));
    }

    #[test]
    fn a_place_in_the_future_is_now() {
        let mut topics = topics(10);
        assert_eq!(topics.add(pattern("a"), Some(1_000)).unwrap(), None);
        assert_eq!(pass(&mut topics, 11, 11).0, [11]);
    }

    #[test]
    fn topics_are_bounded() {
        let mut topics = topics(10);
        for n in 0..MAX_TOPICS {
            topics.add(pattern(&format!("t/{n}")), None).unwrap();
        }
        assert!(topics.add(pattern("one/more"), None).is_err());
        assert!(topics.add(pattern("t/0"), None).is_ok(), "a known one is replaced");
    }
}
