//! What survives a restart, per actuator, and how it comes back.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::array::Slot;
use super::effect::Told;
use super::envelope::Envelope;
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

    pub(super) fn of(actuator: &str, envelope: &Envelope, point: &Point) -> Self {
        Self {
            actuator: actuator.to_owned(),
            device: envelope.device.clone(),
            channel: envelope.channel.clone(),
            safe: resting(envelope),
            group: envelope.group.clone(),
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

    /// Fills a new point. A moment after `now` counts as `now`: the clock was put back, and waiting longer is safer.
    fn fill(&self, point: &mut Point, envelope: &Envelope, now: Timestamp) {
        point.changed = self.changed.map(|changed| changed.min(now));
        point.on_since = self.on_since.map(|since| since.min(now));
        let allowed = range::allows(envelope, self.effective) || self.effective == envelope.safe;
        if allowed {
            point.effective = self.effective;
            point.held_by = self.held_by.clone();
            // Weakest first: among equals the one put last is the strongest.
            self.slots.iter().rev().cloned().for_each(|slot| point.array.put(slot));
            point.keep_allowed(envelope, now);
        } else if self.effective != point.effective {
            point.changed = Some(now);
        }
        point.keep_on_since(resting(envelope), now);
    }
}

impl Gate {
    /// Puts back what was stored before a restart. Slots that ended meanwhile are gone. Says every effective value anew.
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
                (Some(envelope), Some(point)) if point.bar.is_none() => row.fill(point, envelope, now),
                _ => self.forget(&row, now, &mut out),
            }
            out.dirty.insert(row.actuator);
        }
        let names: Vec<_> = self.table.actuators.keys().cloned().collect();
        for name in &names {
            self.silence_if_stopped(name, now, &mut out);
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
        self.points.get(actuator).map(|point| Stored::of(actuator, envelope, point))
    }

    /// The last word to an actuator that left the table while the host was down. Whoever is on its wire now starts from
    /// the time of its last change.
    fn forget(&mut self, row: &Stored, now: Timestamp, out: &mut Effects) {
        let on = row.effective != row.safe;
        let changed = if on { Some(now) } else { row.changed.map(|changed| changed.min(now)) };
        if let Some(group) = &row.group {
            self.rest(group, 0, changed);
        }
        for (name, _) in self.table.actuators.iter().filter(|(_, envelope)| row.is_wired_as(envelope)) {
            if let Some(point) = self.points.get_mut(name) {
                point.changed = point.changed.max(changed);
            }
        }
        if on && row.safe.is_finite() {
            self.dismiss(&row.actuator, (&row.device, &row.channel), row.effective, row.safe, now, out);
        }
    }
}
