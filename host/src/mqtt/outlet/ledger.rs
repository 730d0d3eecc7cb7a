//! What the outlet has to send, has handed over, and has under way. Pure bookkeeping.
//!
//! ```text
//! outbox, channel -> waiting -> handed over -> under way (by packet id) -> settled
//! ```

use std::collections::{HashSet, VecDeque};

use interlock_core::command::Command;
use interlock_core::time::{Seq, Timestamp};

use crate::mqtt::numbering::Numbering;

/// Commands that may wait here; what does not fit is read from the outbox again.
pub(super) const WAITING: usize = 4_096;
/// Settled commands that are remembered until the outbox has forgotten them too.
const SETTLED: usize = 16_384;

/// A command and whether it may have been sent before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Due {
    pub(super) command: Command,
    pub(super) repeat: bool,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    waiting: VecDeque<Due>,
    /// Not later than the first end of what waits.
    earliest: Option<Timestamp>,
    under_way: Numbering<Command>,
    /// What the outbox had up to this record was seen.
    read_to: Seq,
    /// Handed to a client that is gone: whether the broker has them, nobody knows.
    perhaps_sent: HashSet<String>,
    /// Delivered or given up, newest last; the outbox may not know yet.
    settled: VecDeque<String>,
}

impl Ledger {
    /// Puts the command of this record at the end, unless the outbox brought it already; false if there is no room.
    pub(super) fn push(&mut self, seq: Seq, command: &Command) -> bool {
        if seq <= self.read_to {
            return true;
        }
        if self.waiting.len() >= WAITING {
            return false;
        }
        self.watch_for(command.valid_until);
        self.waiting.push_back(Due { command: command.clone(), repeat: false });
        true
    }

    /// Whether reading the outbox is worth its while.
    pub(super) fn has_space(&self) -> bool {
        self.waiting.len() <= WAITING / 2
    }

    /// Replaces what waits by the outbox, in the order of its records. True if all of it had room. `all_repeats` marks
    /// everything as possibly sent before: after a start nobody knows.
    pub(super) fn reload(&mut self, mut rows: Vec<(Seq, Command)>, all_repeats: bool) -> bool {
        rows.sort_by_key(|(seq, _)| *seq);
        let present: HashSet<&str> = rows.iter().map(|(_, command)| command.id.as_str()).collect();
        self.settled.retain(|id| present.contains(id.as_str()));
        self.perhaps_sent.retain(|id| present.contains(id.as_str()));
        if all_repeats {
            self.perhaps_sent.extend(rows.iter().map(|(_, command)| command.id.clone()));
        }
        self.read_to = rows.last().map_or(self.read_to, |(seq, _)| self.read_to.max(*seq));
        let busy = self.under_way.iter().map(|command| &command.id);
        let skip: HashSet<String> = busy.chain(&self.settled).cloned().collect();
        let mut rows = rows.into_iter().map(|(_, command)| command).filter(|command| !skip.contains(&command.id));
        let due = |command: Command| Due { repeat: self.perhaps_sent.contains(&command.id), command };
        self.waiting = rows.by_ref().take(WAITING).map(due).collect();
        self.earliest = self.waiting.iter().map(|due| due.command.valid_until).min();
        rows.next().is_none()
    }

    /// The next command to hand over, if fewer than `window` are under way.
    pub(super) fn next(&mut self, window: usize) -> Option<Due> {
        if self.under_way.len() < window { self.waiting.pop_front() } else { None }
    }

    /// It was not taken after all.
    pub(super) fn put_back(&mut self, due: Due) {
        self.watch_for(due.command.valid_until);
        self.waiting.push_front(due);
    }

    /// A command was handed to the client.
    pub(super) fn handed_over(&mut self, command: Command) {
        self.under_way.push(command);
    }

    /// The oldest command handed over was written under this packet id.
    pub(super) fn sent(&mut self, id: u16) {
        self.under_way.sent(id);
    }

    /// The oldest command of this packet id has its last answer.
    pub(super) fn answered(&mut self, id: u16) -> Option<Command> {
        let command = self.under_way.answered(id)?;
        self.settle(&command.id);
        Some(command)
    }

    /// A command is done with, delivered or not.
    pub(super) fn settle(&mut self, id: &str) {
        if self.settled.len() >= SETTLED {
            self.settled.pop_front();
        }
        self.perhaps_sent.remove(id);
        self.settled.push_back(id.to_owned());
    }

    /// The client is gone with everything it had.
    pub(super) fn lost(&mut self) {
        self.perhaps_sent.extend(self.under_way.drain().map(|command| command.id));
    }

    /// Forgets what waits; the outbox has it.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.earliest = None;
    }

    /// Takes out what waits and is over.
    pub(super) fn take_expired(&mut self, now: Timestamp) -> Vec<Command> {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return Vec::new();
        }
        let expired = self.take_if(|command| command.valid_until <= now);
        self.earliest = self.waiting.iter().map(|due| due.command.valid_until).min();
        expired
    }

    /// Takes out what waits and must not be sent.
    pub(super) fn take_if(&mut self, refused: impl Fn(&Command) -> bool) -> Vec<Command> {
        let mut taken = Vec::new();
        self.waiting.retain(|due| {
            let keep = !refused(&due.command);
            if !keep {
                taken.push(due.command.clone());
            }
            keep
        });
        for command in &taken {
            self.settle(&command.id);
        }
        taken
    }

    /// When to look for what is over.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.earliest.filter(|_| !self.waiting.is_empty())
    }

    fn watch_for(&mut self, end: Timestamp) {
        self.earliest = Some(self.earliest.map_or(end, |earliest| earliest.min(end)));
    }

    /// Whether nothing waits and nothing is under way.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.under_way.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(id: &str, valid_until: u64) -> Command {
        Command {
            id: id.to_owned(),
            actuator: "a".to_owned(),
            device: "d".to_owned(),
            channel: "c".to_owned(),
            value: 1.0,
            issued: Timestamp(0),
            valid_until: Timestamp(valid_until),
            hold_ms: None,
            source: "automation".to_owned(),
            reason: String::new(),
        }
    }

    fn row(seq: u64) -> (Seq, Command) {
        (seq, command(&seq.to_string(), 100))
    }

    fn hand_over(ledger: &mut Ledger, window: usize) -> Vec<(String, bool)> {
        let mut ids = Vec::new();
        while let Some(due) = ledger.next(window) {
            ids.push((due.command.id.clone(), due.repeat));
            ledger.handed_over(due.command);
        }
        ids
    }

    fn first(id: &str) -> (String, bool) {
        (id.to_owned(), false)
    }

    fn again(id: &str) -> (String, bool) {
        (id.to_owned(), true)
    }

    #[test]
    fn the_window_bounds_what_is_under_way() {
        let mut ledger = Ledger::default();
        assert!(ledger.reload(vec![row(2), row(1), row(3)], false));
        assert_eq!(hand_over(&mut ledger, 2), [first("1"), first("2")]);
        ledger.sent(1);
        assert_eq!(ledger.answered(1).unwrap().id, "1");
        assert_eq!(hand_over(&mut ledger, 2), [first("3")]);
        assert!(!ledger.is_done());
    }

    #[test]
    fn what_a_lost_client_had_is_sent_again_and_marked() {
        let mut ledger = Ledger::default();
        ledger.reload(vec![row(1), row(2), row(3)], false);
        hand_over(&mut ledger, 2);
        ledger.sent(1);
        ledger.sent(2);
        ledger.answered(1);
        ledger.lost();
        // The outbox has not heard yet that 1 was delivered.
        ledger.reload(vec![row(1), row(2), row(3)], false);
        assert_eq!(hand_over(&mut ledger, 9), [again("2"), first("3")]);
    }

    #[test]
    fn nothing_is_sent_twice_by_reading_twice() {
        let mut ledger = Ledger::default();
        ledger.reload(vec![row(1)], false);
        hand_over(&mut ledger, 9);
        ledger.reload(vec![row(1), row(2)], false);
        assert_eq!(hand_over(&mut ledger, 9), [first("2")]);
        // The channel brings what the outbox brought before.
        assert!(ledger.push(2, &command("2", 100)));
        assert_eq!(hand_over(&mut ledger, 9), []);
    }

    #[test]
    fn what_is_over_is_taken_out_once() {
        let mut ledger = Ledger::default();
        ledger.push(1, &command("old", 50));
        ledger.push(2, &command("new", 150));
        assert_eq!(ledger.next_expiry(), Some(Timestamp(50)));
        assert_eq!(ledger.take_expired(Timestamp(50)).len(), 1);
        assert!(ledger.take_expired(Timestamp(50)).is_empty());
        assert_eq!(hand_over(&mut ledger, 9), [first("new")]);
    }

    #[test]
    fn more_than_has_room_is_left_for_later() {
        let mut ledger = Ledger::default();
        let rows: Vec<_> = (0..WAITING as u64 + 1).map(row).collect();
        assert!(!ledger.reload(rows, false));
        assert!(!ledger.push(WAITING as u64 + 9, &command("x", 100)));
        ledger.clear();
        assert!(ledger.is_done());
    }
}
