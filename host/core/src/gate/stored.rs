//! What survives a restart, per actuator, and how it comes back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::array::Slot;
use super::effect::Told;
use super::envelope::Envelope;
use super::interlock::Rest;
use super::point::{Point, resting};
use super::words::{Effects, Scope, Why, Writer};
use super::{Gate, range};
use crate::time::Timestamp;

/// What survives a restart, per actuator. Opaque JSON to everyone else; see [`Gate::restore`].
///
/// The wire and the safe value are kept as well, so that an actuator that left the configuration while the host was
/// down can still be told to go safe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    actuator: String,
    device: String,
    channel: String,
    safe: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default)]
    dead_time_ms: u64,
    /// All groups that rest. Every actuator keeps them, since a group may have lost all of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rests: BTreeMap<String, Rest>,
    effective: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_by: Option<Writer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    slots: Vec<Slot>,
}

impl Stored {
    /// The actuator's name.
    pub fn actuator(&self) -> &str {
        &self.actuator
    }

    fn of(actuator: &str, envelope: &Envelope, point: &Point, rests: BTreeMap<String, Rest>) -> Self {
        Self {
            actuator: actuator.to_owned(),
            device: envelope.device.clone(),
            channel: envelope.channel.clone(),
            safe: resting(envelope),
            group: envelope.group.clone(),
            dead_time_ms: envelope.dead_time_ms,
            rests,
            effective: point.effective,
            held_by: point.held_by.clone(),
            changed: point.changed,
            on_since: point.on_since,
            slots: point.array.slots().to_vec(),
        }
    }

    fn is_wired_as(&self, envelope: &Envelope) -> bool {
        self.device == envelope.device && self.channel == envelope.channel
    }

    /// Fills a new point; whether its value had to be left for the safe one. Slots that ended are left out. A moment after
    /// `now` counts as `now`: the clock was put back, and waiting longer is safer.
    fn fill(&self, point: &mut Point, envelope: &Envelope, now: Timestamp) -> bool {
        point.changed = self.changed.map(|changed| changed.min(now));
        point.on_since = self.on_since.map(|since| since.min(now));
        // Weakest first: among equals the one put last is the strongest.
        self.slots.iter().rev().cloned().for_each(|slot| point.array.put(slot));
        point.array.end(now);
        point.held_by = self.held_by.clone();
        point.keep_allowed(envelope, now);
        let allowed = range::allows(envelope, self.effective);
        if allowed {
            point.effective = self.effective;
        } else {
            point.held_by = None;
            point.changed = Some(now);
        }
        point.keep_on_since(resting(envelope), now);
        !allowed
    }
}

impl Gate {
    /// Puts back what was stored before a restart. Slots that ended meanwhile are gone. Says every effective value anew,
    /// the safe ones first.
    ///
    /// An actuator that is gone from the table, or is wired elsewhere now, is told its safe value on its old wire. What
    /// is stopped comes back empty and safe, and nothing is said to it.
    pub fn restore(&mut self, stored: Vec<Stored>, stopped: &BTreeSet<Scope>, now: Timestamp) -> Effects {
        let now = self.tick(now);
        let mut out = Effects::default();
        self.stopped.extend(stopped.iter().cloned());
        for row in stored {
            let known = self.table.actuators.get(&row.actuator).filter(|envelope| row.is_wired_as(envelope));
            match (known, self.points.get_mut(&row.actuator)) {
                (Some(envelope), Some(point)) if point.bar.is_none() => {
                    if row.fill(point, envelope, now) {
                        // First of all, so that no other of its group is told to go on before it is told to go off.
                        self.tell(&row.actuator, row.effective, Why::Asserted, now, &mut out);
                    }
                }
                _ => self.forget(&row, now, &mut out),
            }
            self.rest_for(&row, now);
            out.dirty.insert(row.actuator);
        }
        let names: Vec<_> = self.table.actuators.keys().cloned().collect();
        for name in &names {
            self.silence_if_stopped(name, now, &mut out);
        }
        for name in &names {
            self.assert_safe(name, now, &mut out);
        }
        for name in &names {
            self.settle(name, Why::Asserted, Told::Changes, now, &mut out);
        }
        for name in &names {
            self.assert(name, now, &mut out);
        }
        out
    }

    /// What must be stored for this actuator; none if there is no such actuator any more.
    pub fn stored(&self, actuator: &str) -> Option<Stored> {
        let envelope = self.table.actuators.get(actuator)?;
        self.points.get(actuator).map(|point| Stored::of(actuator, envelope, point, self.rests.clone()))
    }

    /// The last word to an actuator that left the table while the host was down. Whoever is on its wire now starts from
    /// the time of its last change.
    fn forget(&mut self, row: &Stored, now: Timestamp, out: &mut Effects) {
        let on = row.effective != row.safe;
        let changed = if on { Some(now) } else { row.changed.map(|changed| changed.min(now)) };
        for (name, _) in self.table.actuators.iter().filter(|(_, envelope)| row.is_wired_as(envelope)) {
            if let Some(point) = self.points.get_mut(name) {
                point.changed = if row.safe == point.effective { point.changed.max(changed) } else { Some(now) };
            }
        }
        if on && row.safe.is_finite() {
            self.dismiss(&row.actuator, (&row.device, &row.channel), row.effective, row.safe, now, out);
        }
    }

    /// Lets a group rest for what was part of it and is not any more.
    fn rest_for(&mut self, row: &Stored, now: Timestamp) {
        for (group, rest) in &row.rests {
            self.rest(group, rest.dead_ms, Some(rest.off.min(now)));
        }
        let Some(group) = &row.group else { return };
        let stays = self.table.group(group).contains(&row.actuator)
            && self.table.actuators.get(&row.actuator).is_some_and(|envelope| row.is_wired_as(envelope));
        if !stays {
            let off = if row.effective == row.safe { row.changed.map(|changed| changed.min(now)) } else { Some(now) };
            self.rest(group, row.dead_time_ms, off);
        }
    }
}
