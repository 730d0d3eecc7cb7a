//! A new table under a running gate: who leaves, who stays with another envelope, who is new.

use std::collections::HashMap;
use std::mem;

use super::effect::Told;
use super::envelope::{Envelope, Table};
use super::interlock::Rest;
use super::point::{Point, resting};
use super::words::{Effects, Why};
use super::{Gate, range, stop};
use crate::time::Timestamp;

/// After this long nobody asks any more what left a group. Dead times are seconds.
const LONGEST_REST_MS: u64 = 86_400_000;

/// Where what left a wire was put, and when it last changed, by device and channel.
type Wires = HashMap<(String, String), (f64, Option<Timestamp>)>;

impl Gate {
    /// Replaces the table of actuators. Slots outside the new envelopes fall away.
    ///
    /// An actuator that is gone, or is wired elsewhere now, is told its safe value on its old wire; a new one is told
    /// its safe value too. Its group rests for the dead time, and a new actuator on the same wire starts from the time of
    /// the last change there, so that a new name is no way around a rule.
    pub fn configure(&mut self, table: Table, now: Timestamp) -> Effects {
        let now = self.tick(now);
        let mut out = Effects::default();
        self.settle_due(now, &mut out);
        let old = mem::replace(&mut self.table, table);
        self.rests.retain(|_, rest| now.since(rest.off) < LONGEST_REST_MS);
        let mut wires = Wires::new();
        for (name, was) in &old.actuators {
            if !self.table.actuators.get(name).is_some_and(|is| same_wire(was, is)) {
                self.leave(name, was, &mut wires, now, &mut out);
            }
        }
        let names: Vec<_> = self.table.actuators.keys().cloned().collect();
        let mut new = Vec::new();
        for name in &names {
            let told = match old.actuators.get(name) {
                Some(was) if self.points.contains_key(name) => self.adapt(name, was, now, &mut out),
                _ => self.enter(name, &wires, now),
            };
            new.extend(told.then_some(name));
        }
        for name in &new {
            self.assert_safe(name, now, &mut out);
        }
        for name in &names {
            self.silence_if_stopped(name, now, &mut out);
            self.settle(name, Why::MadeSafe, Told::Changes, now, &mut out);
        }
        for name in new {
            self.assert(name, now, &mut out);
        }
        out
    }

    /// Empties an actuator whose device is stopped; nothing is said to it.
    pub(super) fn silence_if_stopped(&mut self, name: &str, now: Timestamp, out: &mut Effects) {
        let (Some(envelope), Some(point)) = (self.table.actuators.get(name), self.points.get_mut(name)) else { return };
        if stop::active(&self.stopped, &envelope.device) && point.silence(resting(envelope), now) {
            out.dirty.insert(name.to_owned());
        }
    }

    /// Makes a group rest after something that went safe and is no part of it any more.
    pub(super) fn rest(&mut self, group: &str, dead_ms: u64, off: Option<Timestamp>) {
        let Some(off) = off else { return };
        let rest = Rest { off, dead_ms };
        self.rests.entry(group.to_owned()).and_modify(|known| *known = known.and(rest)).or_insert(rest);
    }

    fn leave(&mut self, name: &str, was: &Envelope, wires: &mut Wires, now: Timestamp, out: &mut Effects) {
        let Some(mut point) = self.points.remove(name) else { return };
        if let Some(due) = point.due.take() {
            self.due.remove(&(due, name.to_owned()));
        }
        out.dirty.insert(name.to_owned());
        let (from, safe) = (point.effective, resting(was));
        if from != safe {
            self.dismiss(name, (&was.device, &was.channel), from, safe, now, out);
        }
        point.silence(safe, now);
        if let Some(group) = &was.group {
            self.rest(group, was.dead_time_ms, point.changed);
        }
        wires.insert((was.device.clone(), was.channel.clone()), (safe, point.changed));
    }

    /// Fits an actuator into its new envelope; whether it is to be told its value as if it were new.
    fn adapt(&mut self, name: &str, was: &Envelope, now: Timestamp, out: &mut Effects) -> bool {
        let (Some(envelope), Some(point)) = (self.table.actuators.get(name), self.points.get_mut(name)) else {
            return false;
        };
        let moved = was.group.as_ref().filter(|group| envelope.group.as_ref() != Some(*group));
        let freed = point.bar.is_some();
        point.bar = self.table.bar(name, envelope);
        let freed = freed && point.bar.is_none();
        if freed {
            // Its safe value may have moved under the bar: being told so may be a change.
            point.changed = Some(now);
        }
        if envelope == was && point.bar.is_none() {
            return freed;
        }
        point.keep_allowed(envelope, now);
        let (from, safe) = (point.effective, resting(envelope));
        let barred = point.bar.is_some();
        if barred || !(range::allows(envelope, from) || from == safe) {
            if barred {
                point.array.clear();
            }
            point.take(safe, safe, now);
            point.held_by = None;
            if barred && from != resting(was) {
                // The last word moves it, though it may be taken to be where it was.
                point.changed = Some(now);
                self.dismiss(name, (&was.device, &was.channel), from, resting(was), now, out);
            } else if !barred {
                self.tell(name, from, Why::MadeSafe, now, out);
            }
        } else {
            point.keep_on_since(safe, now);
        }
        if let Some(group) = moved {
            let changed = self.points.get(name).and_then(|point| point.changed);
            self.rest(group, was.dead_time_ms, changed);
        }
        freed
    }

    fn enter(&mut self, name: &str, wires: &Wires, now: Timestamp) -> bool {
        let Some(envelope) = self.table.actuators.get(name) else { return false };
        let mut point = Point::new(envelope, self.table.bar(name, envelope));
        if let Some((value, changed)) = wires.get(&(envelope.device.clone(), envelope.channel.clone())) {
            point.changed = if *value == point.effective { *changed } else { Some(now) };
        }
        self.points.insert(name.to_owned(), point);
        true
    }
}

fn same_wire(was: &Envelope, is: &Envelope) -> bool {
    was.device == is.device && was.channel == is.channel
}
