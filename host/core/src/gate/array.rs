//! The priority array of one actuator: who wants what, strongest first.

use serde::{Deserialize, Serialize};

use super::words::Writer;
use crate::time::Timestamp;

/// The weakest priority.
const WEAKEST: u8 = 16;

/// What one writer wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Slot {
    /// Whose.
    pub writer: Writer,
    /// 1 (strongest) to 16.
    pub priority: u8,
    /// What it wants; within the envelope and the lease when it was written.
    pub value: f64,
    /// The moment from which it no longer holds; none until replaced or released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// For people: why.
    pub reason: String,
}

/// The slots of one actuator, one per writer, strongest first and among equals the newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Array(Vec<Slot>);

impl Array {
    /// All slots, strongest first.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.0
    }

    /// The slot that decides.
    pub(super) fn top(&self) -> Option<&Slot> {
        self.0.first()
    }

    /// How strong the deciding slot is; weaker than every slot if there is none.
    pub(super) fn rank(&self) -> u8 {
        self.top().map_or(u8::MAX, |slot| slot.priority)
    }

    /// This writer's slot.
    pub(super) fn of(&self, writer: &Writer) -> Option<&Slot> {
        self.0.iter().find(|slot| slot.writer == *writer)
    }

    /// Puts a slot in its place, in the place of the writer's earlier one. A priority that does not exist is the
    /// weakest.
    pub(super) fn put(&mut self, mut slot: Slot) {
        if !(1..=WEAKEST).contains(&slot.priority) {
            slot.priority = WEAKEST;
        }
        self.remove(&slot.writer);
        let place = self.0.partition_point(|other| other.priority < slot.priority);
        self.0.insert(place, slot);
    }

    /// Gives back the writer's slot; whether there was one.
    pub(super) fn remove(&mut self, writer: &Writer) -> bool {
        self.keep(|slot| slot.writer != *writer)
    }

    /// Keeps only some slots, which may be changed but for their priority; whether any went.
    pub(super) fn keep(&mut self, wanted: impl FnMut(&mut Slot) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain_mut(wanted);
        self.0.len() < before
    }

    /// Ends the slots whose time is over; whether any went.
    pub(super) fn end(&mut self, now: Timestamp) -> bool {
        self.keep(|slot| slot.until.is_none_or(|until| now < until))
    }

    /// When the first slot ends.
    pub(super) fn first_end(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(|slot| slot.until).min()
    }

    /// Empties the array; whether there was anything in it.
    pub(super) fn clear(&mut self) -> bool {
        self.keep(|_| false)
    }
}
