//! The way out: what an actuator's array means for its effective value, and the command that follows.
//!
//! INVARIANT (no way around): `Gate::say` is the only maker of [`Approved`] commands. It is reached from
//! `Gate::settle`, which applies every rule to every change whatever caused it, and with what is in force already or
//! with a safe value.

use super::envelope::default_validity;
use super::limit::Wait;
use super::point::{Point, resting};
use super::words::{Change, Effects, Why, Writer};
use super::{Gate, hours, interlock, interval, on_time, rate, stop};
use crate::command::{Approved, Command};
use crate::time::Timestamp;

/// When a settled actuator is told its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// When it changes.
    Changes,
    /// Also when it stays and nothing waits: the hold on the device starts anew.
    Renewal,
}

/// Where an actuator goes now.
struct Next {
    value: f64,
    /// Whose slot the value comes from.
    holder: Option<Writer>,
    /// What the rest of the way waits for.
    wait: Option<Wait>,
}

impl Gate {
    /// Brings one actuator in line with its array, as far as the rules allow now. The caller says why, unless the
    /// longest time on is over.
    pub(super) fn settle(&mut self, name: &str, why: Why, told: Told, now: Timestamp, out: &mut Effects) {
        let (Some(envelope), Some(point)) = (self.table.actuators.get(name), self.points.get_mut(name)) else { return };
        let safe = resting(envelope);
        let over = on_time::over(envelope, point.on_since, now);
        point.array.end(now);
        if over {
            point.array.keep(|slot| slot.value == safe);
        }
        point.keep_holder();
        let Some(next) = self.next(name, now) else { return };
        let Some(point) = self.points.get_mut(name) else { return };
        let from = point.effective;
        point.take(next.value, safe, now);
        point.held_by = next.holder;
        point.wait = next.wait;
        let changed = point.effective != from;
        let renewed = told == Told::Renewal && point.wait.is_none();
        let went_safe = changed && point.on_since.is_none();
        out.dirty.insert(name.to_owned());
        if changed || renewed {
            self.tell(name, from, if over { Why::MaxOnTime } else { why }, now, out);
        }
        self.reschedule(name, now);
        if went_safe {
            self.wake(name, now, out);
        }
    }

    /// Where the actuator goes, rule by rule: what it may not be at all, then how fast it may get there.
    ///
    /// A value stays while its change waits only as long as its writer has a slot; what nobody wants any more gives way
    /// to the safe value first, as a device does that falls back alone.
    fn next(&self, name: &str, now: Timestamp) -> Option<Next> {
        let (envelope, point) = (self.table.actuators.get(name)?, self.points.get(name)?);
        let safe = resting(envelope);
        let top = point.array.top();
        let holder = top.map(|slot| slot.writer.clone());
        let wanted = top.map_or(safe, |slot| slot.value);
        if wanted == safe {
            return Some(Next { value: safe, holder, wait: None });
        }
        let barred = hours::closed(envelope, now)
            .or_else(|| interlock::taken(&self.table, &self.points, &self.rests, name, envelope, now));
        if barred.is_some() {
            return Some(Next { value: safe, holder: None, wait: barred });
        }
        if wanted == point.effective {
            return Some(Next { value: wanted, holder, wait: None });
        }
        let (value, wait) = match interval::check(envelope, point.changed, now) {
            Some(wait) => (point.effective, Some(wait)),
            None => rate::reach(envelope, point.effective, wanted, point.changed, now),
        };
        Some(match (value == point.effective, &point.held_by) {
            (false, _) => Next { value, holder, wait },
            (true, Some(earlier)) => Next { value, holder: Some(earlier.clone()), wait },
            (true, None) => Next { value: safe, holder: None, wait },
        })
    }

    /// Lets the others of the group try, the strongest first, now that this one went safe.
    fn wake(&mut self, name: &str, now: Timestamp, out: &mut Effects) {
        for peer in self.waiting_peers(name) {
            self.settle(&peer, Why::Deferred, Told::Changes, now, out);
        }
    }

    /// The actuators of the same group in which something waits, the strongest first.
    pub(super) fn waiting_peers(&self, name: &str) -> Vec<String> {
        let group = self.table.actuators.get(name).and_then(|envelope| envelope.group.as_deref());
        let peers = group.map_or(&[][..], |group| self.table.group(group)).iter().filter(|peer| *peer != name);
        let waiting = peers.filter_map(|peer| self.points.get(peer).map(|point| (peer, point)));
        let mut waiting: Vec<_> =
            waiting.filter(|(_, point)| point.wait.is_some()).map(|(peer, point)| (point.array.rank(), peer)).collect();
        waiting.sort_unstable();
        waiting.into_iter().map(|(_, peer)| peer.clone()).collect()
    }

    /// Says the safe value anew to an actuator that is taken to be there.
    ///
    /// It comes before anything is settled: until it is told, an actuator may still be where another one left its wire,
    /// or where a bar found it, and nothing of its group may be told to go on before.
    pub(super) fn assert_safe(&mut self, name: &str, now: Timestamp, out: &mut Effects) {
        if self.points.get(name).is_some_and(|point| point.on_since.is_none()) {
            self.assert(name, now, out);
        }
    }

    /// Says what is in force anew.
    pub(super) fn assert(&mut self, name: &str, now: Timestamp, out: &mut Effects) {
        let (Some(envelope), Some(point)) = (self.table.actuators.get(name), self.points.get(name)) else { return };
        let told = |change: &Change| {
            let command = change.command.get();
            command.actuator == name && command.device == envelope.device && command.channel == envelope.channel
        };
        let said = point.bar.is_some() || out.changes.iter().any(told);
        if !said {
            self.tell(name, point.effective, Why::Asserted, now, out);
        }
    }

    /// Tells an actuator its effective value.
    pub(super) fn tell(&mut self, name: &str, from: f64, why: Why, now: Timestamp, out: &mut Effects) {
        let (Some(envelope), Some(point)) = (self.table.actuators.get(name), self.points.get(name)) else { return };
        let slot = point.held_by.as_ref().and_then(|writer| point.array.of(writer));
        let (source, reason) = match slot {
            Some(slot) if slot.writer == Writer::Manual => ("manual", slot.reason.clone()),
            Some(slot) => ("automation", slot.reason.clone()),
            None => ("safety", because(why, point).to_owned()),
        };
        let until = point.holds_until(envelope, now);
        let valid_until = now.after(envelope.command_valid_ms);
        let command = Command {
            id: String::new(),
            actuator: name.to_owned(),
            device: envelope.device.clone(),
            channel: envelope.channel.clone(),
            value: point.effective,
            issued: now,
            valid_until: until.map_or(valid_until, |until| valid_until.min(until)),
            hold_ms: until.map(|until| until.since(now)),
            source: source.to_owned(),
            reason,
        };
        self.say(from, why, command, out);
    }

    /// The last word to an actuator that leaves: its safe value, on the wire it was on.
    pub(super) fn dismiss(
        &mut self,
        name: &str,
        wire: (&str, &str),
        from: f64,
        safe: f64,
        now: Timestamp,
        out: &mut Effects,
    ) {
        let command = Command {
            id: String::new(),
            actuator: name.to_owned(),
            device: wire.0.to_owned(),
            channel: wire.1.to_owned(),
            value: safe,
            issued: now,
            valid_until: now.after(default_validity()),
            hold_ms: None,
            source: "safety".to_owned(),
            reason: "it is not configured like this any more".to_owned(),
        };
        self.say(from, Why::MadeSafe, command, out);
    }

    /// Gives the command its id and approves it, unless its device is stopped.
    fn say(&mut self, from: f64, why: Why, mut command: Command, out: &mut Effects) {
        if stop::active(&self.stopped, &command.device) {
            return;
        }
        self.commands += 1;
        command.id = format!("{:x}-{}", self.boot.0, self.commands);
        out.changes.push(Change { from, why, command: Approved::new(command) });
    }
}

/// Why an actuator takes a value that comes from no slot.
fn because(why: Why, point: &Point) -> &'static str {
    match why {
        Why::MaxOnTime => "it was on for as long as it may be",
        Why::Asserted => "what is in force is said anew",
        _ if point.wait.is_some() => "what is wanted has to wait",
        Why::HoldEnded => "the hold ended and nobody else wants anything",
        Why::MadeSafe => "the envelope asks for it",
        Why::Written | Why::Released | Why::Deferred => "nobody wants anything else",
    }
}
