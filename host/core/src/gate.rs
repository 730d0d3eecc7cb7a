//! The gate: the only maker of [`Approved`] commands.
//!
//! It judges every write to an actuator's priority array, and every change of an effective value that follows from a
//! write, an expiry, a release or the passing of time. It is data, not code: [`envelope::Envelope`] says what each
//! actuator may do. It is pure: the caller brings the time, and asks [`Gate::next_deadline`] when to call
//! [`Gate::advance`] again.
//!
//! INVARIANT (fails closed): what is unknown, unreadable or out of bounds is refused.
//! INVARIANT (no way around): every [`Approved`] command left through `effect`, which applies every rule.

mod array;
mod configure;
mod effect;
pub mod envelope;
mod freshness;
mod hours;
mod interlock;
mod interval;
mod lease;
mod limit;
mod on_time;
mod point;
mod range;
mod rate;
mod stop;
mod stored;
mod table;
mod view;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use stop::safe_commands;
pub use stored::Stored;
pub use view::{SlotView, View};
pub use words::{Cause, Change, Code, Effects, Outcome, Scope, Verdict, Why, Write, Writer};

use crate::decision::Setting;
use crate::time::Timestamp;
use array::Slot;
use effect::Told;
use envelope::{Envelope, Table, default_freshness};
use interlock::Rest;
use limit::Limit;
use point::Point;

/// The gate. One owner; every method is a step in one order.
///
/// Time never goes back for it: a step with an earlier time than the one before counts as at the same time.
#[derive(Debug, Clone)]
pub struct Gate {
    table: Table,
    points: HashMap<String, Point>,
    /// When which actuator next has something to do; [`Point::due`] is its own entry.
    due: BTreeSet<(Timestamp, String)>,
    /// Interlock groups that rest after an actuator that is no part of them any more.
    rests: BTreeMap<String, Rest>,
    stopped: BTreeSet<Scope>,
    boot: Timestamp,
    /// How many commands were made since the start.
    commands: u64,
    /// The time of the last step.
    latest: Timestamp,
}

/// A write that passed every check before the array.
enum Admitted {
    Value { name: String, value: f64, hold: Option<u64>, clamped: Option<Limit> },
    Release { name: String },
}

impl Gate {
    /// A gate for these actuators with empty arrays, all at their safe values. `boot` makes command ids unique.
    pub fn new(table: Table, boot: Timestamp) -> Self {
        let point = |(name, envelope): (&String, &Envelope)| {
            let bar = table.bar(name, envelope);
            (name.clone(), Point::new(envelope, bar))
        };
        Self {
            points: table.actuators.iter().map(point).collect(),
            table,
            due: BTreeSet::new(),
            rests: BTreeMap::new(),
            stopped: BTreeSet::new(),
            boot,
            commands: 0,
            latest: Timestamp::default(),
        }
    }

    /// Judges one write and carries it out if it may be.
    ///
    /// What is due comes first. Then the checks run in the order of `admit`; then the write takes its writer's slot, and
    /// the rules of `effect` decide what becomes of the effective value.
    pub fn review(&mut self, write: &Write, now: Timestamp) -> (Verdict, Effects) {
        let now = self.tick(now);
        let mut out = Effects::default();
        self.settle_due(now, &mut out);
        let verdict = match self.admit(write, &out, now) {
            Ok(Admitted::Value { name, value, hold, clamped }) => {
                self.put(&name, write, value, hold, now, &mut out).or(clamped).map_or_else(
                    || passed(&write.actuator, format!("`{name}` takes {value}")),
                    |limit| limit.clamp(&write.actuator),
                )
            }
            Ok(Admitted::Release { name }) => {
                let held = self.give_back(&name, &write.writer, now, &mut out);
                let what = if held { "the slot is given back" } else { "there was no slot to give back" };
                passed(&write.actuator, what.to_owned())
            }
            Err(limit) => limit.refuse(&write.actuator),
        };
        (verdict, out)
    }

    /// The checks before the array, in their order. The first limit that is met refuses the write.
    fn admit(&self, write: &Write, so_far: &Effects, now: Timestamp) -> Result<Admitted, Limit> {
        let known = self.table.resolve(&write.actuator).and_then(|name| self.table.actuators.get_key_value(name));
        let named = write.actuator.split_once('/').map_or("", |(device, _)| device);
        stop::check(&self.stopped, known.map_or(named, |(_, envelope)| &envelope.device))?;
        let max_age = known.map_or(default_freshness(), |(_, envelope)| envelope.max_cause_age_ms);
        freshness::check(&write.cause, max_age, now)?;
        let (name, envelope) = known.ok_or_else(|| not_configured(&write.actuator))?;
        self.points.get(name).and_then(|point| point.bar.clone()).map_or(Ok(()), Err)?;
        let Setting::Value(asked) = write.set else { return Ok(Admitted::Release { name: name.clone() }) };
        let (value, clamped) = range::check(envelope, asked)?;
        let hold = lease::check(envelope, &write.writer, value, write.hold_ms)?;
        on_time::check(envelope, name, &so_far.changes)?;
        Ok(Admitted::Value { name: name.clone(), value, hold, clamped })
    }

    /// Takes the writer's slot. The limit that keeps the value from being the effective one now, if any does.
    fn put(
        &mut self,
        name: &str,
        write: &Write,
        value: f64,
        hold: Option<u64>,
        now: Timestamp,
        out: &mut Effects,
    ) -> Option<Limit> {
        let point = self.points.get_mut(name)?;
        let waited = point.wait.is_some()
            && point.array.top().is_some_and(|top| top.writer == write.writer && top.value == value);
        point.array.put(Slot {
            writer: write.writer.clone(),
            priority: write.priority,
            value,
            until: hold.map(|ms| now.after(ms)),
            reason: write.reason.clone(),
        });
        let outranked = point.array.top().filter(|top| top.writer != write.writer).map(|top| outranked(top, value));
        let told = if outranked.is_some() { Told::Changes } else { Told::Renewal };
        self.settle(name, Why::Written, told, now, out);
        let waits = || self.points.get(name)?.wait.as_ref().map(|wait| wait.limit.clone());
        outranked.or_else(waits).map(|limit| match waited {
            true => Limit { code: Code::Deferred, ..limit },
            false => limit,
        })
    }

    fn give_back(&mut self, name: &str, writer: &Writer, now: Timestamp, out: &mut Effects) -> bool {
        let held = self.points.get_mut(name).is_some_and(|point| point.array.remove(writer));
        if held {
            self.settle(name, Why::Released, Told::Changes, now, out);
        }
        held
    }

    /// Gives back every slot of this policy: it was switched off, quarantined or deleted.
    pub fn release(&mut self, policy: &str, now: Timestamp) -> Effects {
        let now = self.tick(now);
        let mut out = Effects::default();
        self.settle_due(now, &mut out);
        let writer = Writer::Policy(policy.to_owned());
        let held = self.points.iter().filter(|(_, point)| point.array.of(&writer).is_some());
        let mut names: Vec<_> = held.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        for name in names {
            self.give_back(&name, &writer, now, &mut out);
        }
        out
    }

    /// Does what is due: ends holds, tries deferred changes, ends what was on for too long.
    pub fn advance(&mut self, now: Timestamp) -> Effects {
        let now = self.tick(now);
        let mut out = Effects::default();
        self.settle_due(now, &mut out);
        out
    }

    /// When [`Gate::advance`] next has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Latches a stop: empties the arrays of what is stopped; nothing passes until [`Gate::reset`].
    /// The safe values themselves go out as [`crate::command::SafeCommand`]s, see [`safe_commands`].
    pub fn stop(&mut self, scope: Scope, now: Timestamp) -> Effects {
        let now = self.tick(now);
        let mut out = Effects::default();
        let covered = self.table.actuators.iter().filter(|(_, envelope)| scope.covers(&envelope.device));
        let names: Vec<_> = covered.map(|(name, _)| name.clone()).collect();
        self.stopped.insert(scope);
        for name in &names {
            self.silence_if_stopped(name, now, &mut out);
            self.reschedule(name, now);
            // Others of the group, on devices that run on, may wait for this one: the timer lets them try.
            for peer in self.waiting_peers(name) {
                let due = self.points.get(&peer).and_then(|point| point.due);
                self.schedule(&peer, Some(due.map_or(now.after(1), |due| due.min(now.after(1)))));
            }
        }
        out
    }

    /// Opens what was stopped. Nothing starts by itself: arrays are empty and effective values safe, and said anew.
    /// A reset of `All` opens devices as well; of a device, only that device.
    pub fn reset(&mut self, scope: &Scope, now: Timestamp) -> Effects {
        let now = self.tick(now);
        let mut out = Effects::default();
        self.settle_due(now, &mut out);
        let was = self.stopped.clone();
        self.stopped.retain(|stopped| *scope != Scope::All && stopped != scope);
        let open = |device: &str| stop::active(&was, device) && !stop::active(&self.stopped, device);
        let opened = self.table.actuators.iter().filter(|(_, envelope)| open(&envelope.device));
        for name in opened.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.assert(&name, now, &mut out);
        }
        out
    }

    /// Says an actuator's effective value anew: the last word was not heard in time.
    pub fn reassert(&mut self, actuator: &str, now: Timestamp) -> Effects {
        let now = self.tick(now);
        let mut out = Effects::default();
        self.settle_due(now, &mut out);
        let device = self.table.actuators.get(actuator).map(|envelope| envelope.device.as_str());
        if device.is_some_and(|device| !stop::active(&self.stopped, device)) {
            self.assert(actuator, now, &mut out);
        }
        out
    }

    /// What is stopped now.
    pub const fn stopped(&self) -> &BTreeSet<Scope> {
        &self.stopped
    }

    /// For people. The actuator's name, or `device/channel`.
    pub fn view(&self, actuator: &str) -> Option<View> {
        let name = self.table.resolve(actuator)?;
        self.points.get(name).map(|point| View::of(name, point, self.latest))
    }

    /// The time of this step.
    fn tick(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Settles every actuator with something due, the strongest first, so that it is the strongest that takes an
    /// interlock group that became free.
    fn settle_due(&mut self, now: Timestamp, out: &mut Effects) {
        let mut due = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, name)) = self.due.pop_first() else { break };
            let Some(point) = self.points.get_mut(&name) else { continue };
            point.due = None;
            due.push((point.array.rank(), name));
        }
        due.sort_unstable();
        for (_, name) in due {
            let Some(point) = self.points.get(&name) else { continue };
            let why = match point.array.first_end() {
                Some(end) if end <= now => Why::HoldEnded,
                _ if point.wait.is_some() => Why::Deferred,
                _ => Why::MadeSafe,
            };
            self.settle(&name, why, Told::Changes, now, out);
        }
    }

    /// Brings the actuator's place in the deadlines in line with its state.
    fn reschedule(&mut self, name: &str, now: Timestamp) {
        let (Some(envelope), Some(point)) = (self.table.actuators.get(name), self.points.get(name)) else { return };
        // Always later than now, so that a timer that fires at its deadline comes to an end.
        let due = point.deadline(envelope, now).map(|due| due.max(now.after(1)));
        self.schedule(name, due);
    }

    fn schedule(&mut self, name: &str, due: Option<Timestamp>) {
        let Some(point) = self.points.get_mut(name).filter(|point| point.due != due) else { return };
        if let Some(earlier) = std::mem::replace(&mut point.due, due) {
            self.due.remove(&(earlier, name.to_owned()));
        }
        self.due.extend(due.map(|due| (due, name.to_owned())));
    }
}

fn passed(actuator: &str, message: String) -> Verdict {
    let (outcome, code) = (Outcome::Pass, Code::Passed);
    Verdict { actuator: actuator.to_owned(), outcome, code, limit: None, value: None, message }
}

fn not_configured(actuator: &str) -> Limit {
    let message = format!("there is no actuator `{actuator}`; configure it first");
    Limit::new(Code::ActuatorNotConfigured, "configured actuators".to_owned(), None, message)
}

fn outranked(top: &Slot, value: f64) -> Limit {
    let holder = match &top.writer {
        Writer::Policy(name) => format!("policy `{name}`"),
        Writer::Manual => "a person".to_owned(),
    };
    let text = format!("priority {} of {holder}", top.priority);
    let message = format!("{holder} holds the actuator with priority {}; {value} waits under it", top.priority);
    Limit::new(Code::Outranked, text, Some(top.value), message)
}

#[cfg(test)]
mod tests;
