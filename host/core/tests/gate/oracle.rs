//! The judge of the judge: keeps its own books of who wants what and what every wire was told.
//!
//! It trusts nothing the gate says about itself but the commands, and the deferral that a view admits to.

use std::collections::{BTreeMap, BTreeSet};

use interlock_core::command::{ActuatorKind, Command};
use interlock_core::decision::Setting;
use interlock_core::gate::envelope::{Envelope, Table};
use interlock_core::gate::{Code, Effects, Outcome, Scope, Verdict, View, Why, Write, Writer};

use crate::rules::{admitted, all_barred, earlier, leased, longest_hold, open, wire};

/// What somebody wants of an actuator.
#[derive(Debug, Clone)]
struct Want {
    writer: Writer,
    priority: u8,
    value: f64,
    until: Option<u64>,
    /// Higher is newer.
    number: u64,
}

/// What an actuator was told.
#[derive(Debug, Clone, Default)]
struct Line {
    value: f64,
    changed: Option<u64>,
    away_since: Option<u64>,
    wants: Vec<Want>,
    /// What was replaced or given back in this step: what was due before it may still be justified by that.
    before: Vec<Want>,
}

/// Something of a group went safe.
#[derive(Debug, Clone)]
struct Off {
    name: String,
    wire: (String, String),
    at: u64,
    dead: u64,
}

#[derive(Debug, Default)]
pub struct Oracle {
    table: Table,
    old: Table,
    lines: BTreeMap<String, Line>,
    offs: BTreeMap<String, Vec<Off>>,
    /// What may not be driven at all, and what might not under the table before.
    bars: BTreeSet<String>,
    old_bars: BTreeSet<String>,
    stopped: BTreeSet<Scope>,
    ids: BTreeSet<String>,
    number: u64,
    /// The number of the write that this step took.
    fresh: Option<u64>,
}

impl Oracle {
    pub fn new(table: &Table) -> Self {
        let mut oracle = Self { table: table.clone(), bars: all_barred(table), ..Self::default() };
        for (name, envelope) in &table.actuators {
            oracle.lines.insert(name.clone(), Line { value: envelope.safe, ..Line::default() });
        }
        oracle
    }

    fn is_stopped(&self, device: &str) -> bool {
        self.stopped.contains(&Scope::All) || self.stopped.contains(&Scope::Device(device.to_owned()))
    }

    /// Enters a write into the books, if the gate took it. It must have been right to.
    pub fn wrote(&mut self, write: &Write, verdict: &Verdict, now: u64) -> Result<(), String> {
        let envelope = &self.table.actuators[&write.actuator];
        let stopped = self.is_stopped(&envelope.device);
        let fresh = !write.cause.retained && now - write.cause.at.0 <= envelope.max_cause_age_ms;
        let sound = !self.bars.contains(&write.actuator);
        let value = match write.set {
            Setting::Value(asked) => admitted(envelope, asked)
                .filter(|value| leased(envelope, &write.writer, *value) && write.hold_ms != Some(0)),
            Setting::Release => Some(0.0),
        };
        let right = !stopped && fresh && sound && value.is_some();
        let taken = verdict.outcome != Outcome::Refuse;
        if taken && !right {
            return Err(format!(
                "took {write:?} though stopped {stopped}, fresh {fresh}, sound {sound}, value {value:?}"
            ));
        }
        if !taken && right && verdict.code != Code::MaxOnTime {
            return Err(format!("refused {write:?} for no reason: {verdict:?}"));
        }
        let Some(value) = value.filter(|_| taken) else { return Ok(()) };
        let until = earlier(write.hold_ms, longest_hold(envelope, &write.writer)).map(|ms| now + ms);
        let Some(line) = self.lines.get_mut(&write.actuator) else { return Ok(()) };
        line.before = line.wants.clone();
        line.wants.retain(|want| want.writer != write.writer);
        self.number += 1;
        if let Setting::Value(_) = write.set {
            self.fresh = Some(self.number);
            let (writer, priority, number) = (write.writer.clone(), write.priority, self.number);
            line.wants.push(Want { writer, priority, value, until, number });
        }
        Ok(())
    }

    pub fn released(&mut self, policy: &str) {
        for line in self.lines.values_mut() {
            line.before = line.wants.clone();
            line.wants.retain(|want| want.writer != Writer::Policy(policy.to_owned()));
        }
    }

    /// What is stopped is told its safe value around the gate.
    pub fn stopped(&mut self, scope: Scope, now: u64) {
        self.stopped.insert(scope);
        self.hush(now);
    }

    pub fn reset(&mut self, scope: &Scope) {
        self.stopped.retain(|stopped| *scope != Scope::All && stopped != scope);
    }

    fn hush(&mut self, now: u64) {
        for (name, envelope) in self.table.clone().actuators {
            if self.is_stopped(&envelope.device) {
                self.told(&name, &envelope, envelope.safe, now);
                if let Some(line) = self.lines.get_mut(&name) {
                    line.wants.clear();
                }
            }
        }
    }

    /// Another table: what left, what does not fit any more, and what moved to another group.
    pub fn configured(&mut self, table: &Table, now: u64) {
        self.old = std::mem::replace(&mut self.table, table.clone());
        self.old_bars = std::mem::replace(&mut self.bars, all_barred(table));
        let mut wires: BTreeMap<(String, String), Line> = BTreeMap::new();
        for (name, was) in &self.old.actuators {
            let stays = table.actuators.get(name).is_some_and(|is| wire(is) == wire(was));
            if !stays && let Some(mut line) = self.lines.remove(name) {
                if line.away_since.take().is_some() {
                    line.changed = Some(now);
                    if let Some(group) = &was.group {
                        let off = Off { name: name.clone(), wire: wire(was), at: now, dead: was.dead_time_ms };
                        self.offs.entry(group.clone()).or_default().push(off);
                    }
                }
                line.wants.clear();
                // The last word to a wire is checked in `command`.
                line.value = was.safe;
                wires.insert(wire(was), line);
            }
        }
        for (name, is) in &table.actuators {
            let fresh = || wires.get(&wire(is)).cloned().unwrap_or(Line { value: is.safe, ..Line::default() });
            let line = self.lines.entry(name.clone()).or_insert_with(fresh);
            let bars = self.bars.contains(name);
            if self.old_bars.contains(name) {
                // It was told nothing, so it is taken to be safe.
                *line = Line { value: is.safe, changed: line.changed, ..Line::default() };
            }
            if bars && line.away_since.is_none() {
                line.value = is.safe;
            }
            line.away_since = if line.value == is.safe { None } else { line.away_since.or(Some(now)) };
            line.before.clear();
            line.wants.retain_mut(|want| {
                want.until = earlier(want.until, longest_hold(is, &want.writer).map(|ms| now + ms));
                !bars && admitted(is, want.value) == Some(want.value) && leased(is, &want.writer, want.value)
            });
        }
        for (group, offs) in &mut self.offs {
            for off in offs {
                let Some(is) = table.actuators.get(&off.name) else { continue };
                if wire(is) == off.wire && is.group.as_ref() == Some(group) {
                    off.dead = is.dead_time_ms;
                }
            }
        }
        self.hush(now);
    }

    /// After a start every sound actuator that is not stopped has been told its value.
    pub fn restarted(&mut self, table: &Table, effects: &Effects) -> Result<(), String> {
        let told: BTreeSet<_> = effects.changes.iter().map(|change| change.command.get().actuator.clone()).collect();
        for (name, envelope) in &table.actuators {
            if !told.contains(name) && !self.bars.contains(name) && !self.is_stopped(&envelope.device) {
                return Err(format!("`{name}` was not told its value after a start"));
            }
        }
        Ok(())
    }

    /// Judges the commands of one step.
    pub fn judge(&mut self, effects: &Effects, now: u64) -> Result<(), String> {
        for line in self.lines.values_mut() {
            line.wants.retain(|want| want.until.is_none_or(|until| now < until));
        }
        for change in &effects.changes {
            let command = change.command.get();
            if change.why == Why::MaxOnTime {
                self.ran_out(&command.actuator, now)?;
            }
            self.command(command, change.why, now).map_err(|broken| format!("{broken}: {change:?}"))?;
        }
        self.fresh = None;
        for line in self.lines.values_mut() {
            line.before.clear();
        }
        Ok(())
    }

    /// The time on is over: whoever wanted it on has lost the slot, but for a write that came after.
    fn ran_out(&mut self, name: &str, now: u64) -> Result<(), String> {
        let (envelope, fresh) = (&self.table.actuators[name], self.fresh);
        let Some(line) = self.lines.get_mut(name) else { return Ok(()) };
        let end = line.away_since.zip(envelope.max_on_ms).map(|(since, ms)| since + ms);
        if end.is_none_or(|end| now < end) {
            return Err(format!("`{name}` was switched off before its time"));
        }
        line.wants.retain(|want| want.value == envelope.safe || fresh == Some(want.number));
        line.before.retain(|want| want.value == envelope.safe);
        Ok(())
    }

    fn command(&mut self, command: &Command, why: Why, now: u64) -> Result<(), String> {
        let ensure = |right: bool, what: &str| if right { Ok(()) } else { Err(what.to_owned()) };
        ensure(!self.is_stopped(&command.device), "a command while stopped")?;
        ensure(self.ids.insert(command.id.clone()), "an id came twice")?;
        ensure(command.issued.0 == now && command.valid_until.0 > now, "issued at another time, or expired at once")?;
        let here = (command.device.clone(), command.channel.clone());
        let is = self.table.actuators.get(&command.actuator).filter(|is| wire(is) == here);
        let Some(envelope) = is.filter(|_| !self.bars.contains(&command.actuator)).cloned() else {
            // The last word to what left, or may not be driven any more.
            let was = self.old.actuators.get(&command.actuator).filter(|was| wire(was) == here);
            let was = was.ok_or("nothing is or was configured there")?.clone();
            ensure(command.value == was.safe, "the last word is not the safe value")?;
            if is.is_some() {
                self.told(&command.actuator, &was, was.safe, now);
            }
            return Ok(());
        };
        ensure(command.valid_until.0 <= now + envelope.command_valid_ms, "valid for too long")?;
        if command.value != envelope.safe {
            self.away(command, &envelope, why, now)?;
        }
        self.told(&command.actuator, &envelope, command.value, now);
        Ok(())
    }

    /// Every rule for a value that is not the safe one.
    fn away(&self, command: &Command, envelope: &Envelope, why: Why, now: u64) -> Result<(), String> {
        let ensure = |right: bool, what: &str| if right { Ok(()) } else { Err(what.to_owned()) };
        let (value, line) = (command.value, &self.lines[&command.actuator]);
        ensure(value.is_finite() && value >= envelope.min && value <= envelope.max, "outside the range")?;
        let switch = envelope.kind == ActuatorKind::Switch;
        ensure(!switch || value == envelope.min || value == envelope.max, "no value of a switch")?;
        ensure(open(envelope, now), "outside the hours")?;
        if value != line.value
            && let Some(changed) = line.changed
        {
            let passed = now - changed;
            ensure(passed >= envelope.min_interval_ms, "too soon after the last change")?;
            let counted = if switch { passed } else { passed.min(1_000) };
            let allowed = envelope.max_rate_per_s.map(|rate| rate * counted as f64 / 1_000.0);
            ensure(allowed.is_none_or(|most| (value - line.value).abs() <= most + 1e-6), "too large a step")?;
        } else if value != line.value && !switch {
            let most = envelope.max_rate_per_s.unwrap_or(f64::INFINITY);
            ensure((value - line.value).abs() <= most + 1e-6, "too large a first step")?;
        }
        let end = envelope.max_on_ms.and_then(|ms| Some(line.away_since? + ms));
        ensure(end.is_none_or(|end| now < end), "on for too long")?;
        self.interlocked(command, envelope, now)?;
        self.wanted(command, envelope, why, now)
    }

    fn interlocked(&self, command: &Command, envelope: &Envelope, now: u64) -> Result<(), String> {
        let Some(group) = &envelope.group else { return Ok(()) };
        for (name, other) in &self.table.actuators {
            let counts = *name != command.actuator && other.group.as_ref() == Some(group) && !self.bars.contains(name);
            if counts && self.lines[name].value != other.safe {
                return Err(format!("`{name}` of the same group is on"));
            }
        }
        for off in self.offs.get(group).into_iter().flatten() {
            let is = self.table.actuators.get(&off.name);
            let member = is.filter(|is| wire(is) == off.wire && is.group.as_ref() == Some(group));
            let dead = member.map_or(off.dead, |is| is.dead_time_ms.max(envelope.dead_time_ms));
            let itself = off.name == command.actuator || off.wire == wire(envelope);
            if !itself && now < off.at + dead {
                return Err(format!(
                    "`{}` of the same group was on {} ms ago, dead time {dead}",
                    off.name,
                    now - off.at
                ));
            }
        }
        Ok(())
    }

    /// Somebody wants the value, or it lies on the way to a value that somebody wants, or it is in force and said anew;
    /// and it holds no longer than somebody wants.
    fn wanted(&self, command: &Command, envelope: &Envelope, why: Why, now: u64) -> Result<(), String> {
        let (value, line) = (command.value, &self.lines[&command.actuator]);
        let on_way = |want: &&Want| {
            let ramp = envelope.max_rate_per_s.is_some()
                && value >= line.value.min(want.value)
                && value <= line.value.max(want.value);
            let anew = why == Why::Asserted && value == line.value;
            value == want.value || ramp || anew
        };
        let wants: Vec<_> = line.wants.iter().chain(&line.before).filter(on_way).collect();
        if wants.is_empty() {
            return Err(format!("nobody wants it; what is wanted: {:?}", line.wants));
        }
        let holds_until = command.hold_ms.map(|ms| now + ms);
        let within = |end: Option<u64>| end.is_none_or(|end| holds_until.is_some_and(|until| until <= end));
        if !wants.iter().any(|want| within(want.until)) {
            return Err("it holds longer than anybody wants it".to_owned());
        }
        let on = line.away_since.unwrap_or(now);
        if !within(envelope.max_on_ms.map(|ms| on + ms)) {
            return Err("it holds longer than it may be on".to_owned());
        }
        if command.valid_until.0 > holds_until.unwrap_or(u64::MAX) {
            return Err("it can be delivered after it ended".to_owned());
        }
        Ok(())
    }

    /// Enters what a wire was told.
    fn told(&mut self, name: &str, envelope: &Envelope, value: f64, now: u64) {
        let Some(line) = self.lines.get_mut(name) else { return };
        if value != line.value {
            line.changed = Some(now);
            line.value = value;
        }
        if value != envelope.safe {
            line.away_since.get_or_insert(now);
        } else if line.away_since.take().is_some()
            && let Some(group) = &envelope.group
        {
            let off = Off { name: name.to_owned(), wire: wire(envelope), at: now, dead: envelope.dead_time_ms };
            self.offs.entry(group.clone()).or_default().push(off);
        }
    }

    /// What the gate shows is what was commanded last, and it is what the strongest wants unless a change waits.
    pub fn agrees(&self, views: &[View], now: u64) -> Result<(), String> {
        for view in views {
            let (envelope, line) = (&self.table.actuators[&view.actuator], &self.lines[&view.actuator]);
            if self.bars.contains(&view.actuator) {
                continue;
            }
            if view.effective != line.value {
                return Err(format!(
                    "`{}` was told {} but is said to be {}",
                    view.actuator, line.value, view.effective
                ));
            }
            let strongest = line.wants.iter().min_by_key(|want| (want.priority, u64::MAX - want.number));
            let wanted = strongest.map_or(envelope.safe, |want| want.value);
            let away = line.value != envelope.safe;
            if line.value != wanted && view.deferred_until.is_none() {
                return Err(format!(
                    "`{}` is {} though {wanted} is wanted and nothing waits",
                    view.actuator, line.value
                ));
            }
            if away && !line.wants.iter().any(|want| want.value != envelope.safe) {
                return Err(format!("`{}` is {} though nobody wants it on", view.actuator, line.value));
            }
            if away && envelope.max_on_ms.is_some_and(|ms| line.away_since.is_some_and(|since| since + ms <= now)) {
                return Err(format!("`{}` is on for too long", view.actuator));
            }
            if away && !open(envelope, now) {
                return Err(format!("`{}` is on outside its hours", view.actuator));
            }
        }
        Ok(())
    }
}
