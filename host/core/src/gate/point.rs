//! One actuator as the gate knows it. Building automation calls a thing with a priority array a point.

use super::array::Array;
use super::envelope::Envelope;
use super::limit::{Limit, Wait};
use super::words::Writer;
use super::{hours, lease, on_time, range};
use crate::time::Timestamp;

/// An actuator's array, what it is told to be, and since when.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// Who wants what.
    pub array: Array,
    /// What it is told to be.
    pub effective: f64,
    /// Whose slot the effective value comes from; none for the safe value that nobody asked for.
    pub held_by: Option<Writer>,
    /// When the effective value last changed.
    pub changed: Option<Timestamp>,
    /// Since when it is away from the safe value.
    pub on_since: Option<Timestamp>,
    /// What a change waits for.
    pub wait: Option<Wait>,
    /// Its place in the gate's deadlines.
    pub due: Option<Timestamp>,
    /// Why nothing may be written to it.
    pub bar: Option<Limit>,
}

impl Point {
    /// An actuator of which nothing is known: empty, and taken to be at its safe value.
    pub(super) fn new(envelope: &Envelope, bar: Option<Limit>) -> Self {
        Self {
            array: Array::default(),
            effective: resting(envelope),
            held_by: None,
            changed: None,
            on_since: None,
            wait: None,
            due: None,
            bar,
        }
    }

    /// Takes a value: keeps the two times that the rules look at.
    pub(super) fn take(&mut self, value: f64, safe: f64, now: Timestamp) {
        if value != self.effective {
            self.effective = value;
            self.changed = Some(now);
        }
        self.keep_on_since(safe, now);
    }

    /// Brings `on_since` in line with the effective value; the safe value may have moved under it.
    pub(super) fn keep_on_since(&mut self, safe: f64, now: Timestamp) {
        self.on_since = if self.effective == safe { None } else { self.on_since.or(Some(now)) };
    }

    /// Empties the array and takes the safe value; whether anything changed.
    pub(super) fn silence(&mut self, safe: f64, now: Timestamp) -> bool {
        let emptied = self.array.clear();
        let moved = self.effective != safe;
        self.take(safe, safe, now);
        self.held_by = None;
        self.wait = None;
        emptied || moved
    }

    /// Drops the slots that these envelope and lease do not allow, and shortens those that hold for too long.
    pub(super) fn keep_allowed(&mut self, envelope: &Envelope, now: Timestamp) {
        self.array.keep(|slot| {
            slot.until = lease::end(envelope, slot, now);
            range::allows(envelope, slot.value) && lease::allows(envelope, &slot.writer, slot.value)
        });
        self.keep_holder();
    }

    /// Forgets who holds the effective value if that writer has no slot any more.
    pub(super) fn keep_holder(&mut self) {
        if self.held_by.as_ref().is_some_and(|writer| self.array.of(writer).is_none()) {
            self.held_by = None;
        }
    }

    /// The moment until which the effective value may hold: the end of its slot, of its time on, of its hours.
    pub(super) fn holds_until(&self, envelope: &Envelope, now: Timestamp) -> Option<Timestamp> {
        let slot = self.held_by.as_ref().and_then(|writer| self.array.of(writer)).and_then(|slot| slot.until);
        let on = self.on_since.and_then(|since| on_time::end(envelope, since));
        let open = self.on_since.and_then(|_| hours::open_until(envelope, now));
        [slot, on, open].into_iter().flatten().min()
    }

    /// When there is next something to do.
    pub(super) fn deadline(&self, envelope: &Envelope, now: Timestamp) -> Option<Timestamp> {
        let retry = self.wait.as_ref().and_then(|wait| wait.until);
        [self.array.first_end(), self.holds_until(envelope, now), retry].into_iter().flatten().min()
    }
}

/// The safe value, or 0 where the envelope names no number; such an actuator is barred and never told anything.
pub(super) fn resting(envelope: &Envelope) -> f64 {
    if envelope.safe.is_finite() { envelope.safe + 0.0 } else { 0.0 }
}
