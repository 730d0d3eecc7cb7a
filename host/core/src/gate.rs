//! The gate: the only maker of [`Approved`] commands.
//!
//! It judges every write to an actuator's priority array, and every change of an effective value that follows from a
//! write, an expiry, a release or the passing of time. It is data, not code: [`envelope::Envelope`] says what each
//! actuator may do. It is pure: the caller brings the time, and asks [`Gate::next_deadline`] when to call
//! [`Gate::advance`] again.
//!
//! INVARIANT (fails closed): what is unknown, unreadable or out of bounds is refused.
//! INVARIANT (no way around): every [`Approved`] command left through `effect`, which applies every rule.

pub mod envelope;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::command::{Approved, Command, SafeCommand};
use crate::decision::Setting;
use crate::time::{Seq, Timestamp};
use envelope::Table;

/// The result of one check that did not simply pass, or `PASSED`. The words of the seed's safety service come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// A stop is latched for everything or for this device.
    EmergencyStopActive,
    /// The value is outside the actuator's range, or not a number.
    PwmOutOfRange,
    /// The actuator's pin is a sensor's pin too.
    GpioConflict,
    /// There is no such actuator.
    ActuatorNotConfigured,
    /// The cause is too old, or the broker kept it from earlier.
    Expired,
    /// Outside what this policy is given of the actuator.
    OutsideLease,
    /// A stronger slot holds the actuator; the write waits under it.
    Outranked,
    /// Another actuator of the interlock group is on, or was a moment ago.
    Interlocked,
    /// Too soon after the last change, or too large a step.
    RateLimited,
    /// On for longer than it may be.
    MaxOnTime,
    /// Outside the hours it may run.
    OutsideHours,
    /// The change waits; the gate's timer tries again.
    Deferred,
    /// The value was brought into the range.
    Clamped,
    /// All checks passed and the effective value is the one asked for.
    Passed,
}

/// How the gate answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As asked.
    Pass,
    /// Taken, with another value or at another time.
    Clamp,
    /// Not taken.
    Refuse,
}

/// The gate's judgement of one write. It names the check, its limit and the value that met it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Verdict {
    /// The actuator as it was asked for.
    pub actuator: String,
    /// How it was answered.
    pub outcome: Outcome,
    /// Which check decided.
    pub code: Code,
    /// The limit in words, with its number: `range 0..1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The value that met the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// One sentence for people.
    pub message: String,
}

/// Who writes into a priority array.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "by", content = "name")]
pub enum Writer {
    /// A policy, by name.
    Policy(String),
    /// A person; all manual commands share one slot.
    Manual,
}

/// One write into an actuator's priority array.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The actuator's name, or `device/channel`.
    pub actuator: String,
    /// Whose slot.
    pub writer: Writer,
    /// 1 (strongest) to 16.
    pub priority: u8,
    /// The value, or the slot given back.
    pub set: Setting,
    /// How long the slot holds, in milliseconds; without it until replaced or released.
    pub hold_ms: Option<u64>,
    /// For people: why.
    pub reason: String,
    /// What it follows from.
    pub cause: Cause,
}

/// What a write follows from; the freshness check looks at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The event's place in the journal; none for a person's command.
    pub seq: Option<Seq>,
    /// When the host received it.
    pub at: Timestamp,
    /// Whether the broker kept it from earlier.
    pub retained: bool,
}

/// What one step of the gate led to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effects {
    /// Changes of effective values, in order. Each must be recorded before its command leaves.
    pub changes: Vec<Change>,
    /// Actuators whose stored state changed; the caller writes [`Gate::stored`] of each in the same commit.
    pub dirty: BTreeSet<String>,
}

/// A change of an actuator's effective value.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where the value was.
    pub from: f64,
    /// Why it changes.
    pub why: Why,
    /// The command that brings it about.
    pub command: Approved<Command>,
}

/// Why an effective value changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A write took or renewed the highest slot.
    Written,
    /// The highest slot was given back.
    Released,
    /// The highest slot's hold ended.
    HoldEnded,
    /// It was on for as long as it may be.
    MaxOnTime,
    /// A change that had to wait could be made.
    Deferred,
    /// The host started, or a stop was reset: what holds is said anew.
    Asserted,
    /// A stop was latched, or the envelope changed, and the safe value is taken.
    MadeSafe,
}

/// What is stopped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "scope", content = "device")]
pub enum Scope {
    /// Every actuator of every device.
    All,
    /// Every actuator of one device.
    Device(String),
}

/// The gate. One owner; every method is a step in one order.
#[derive(Debug)]
pub struct Gate {}

/// What survives a restart, per actuator. Opaque JSON to everyone else; see [`Gate::restore`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {}

/// What an actuator's priority array looks like, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct View {
    /// The actuator's name.
    pub actuator: String,
    /// What it is told to be.
    pub effective: f64,
    /// Who decides that; none when it is the safe value.
    pub held_by: Option<Writer>,
    /// When it last changed.
    pub changed: Option<Timestamp>,
    /// Whether a change waits, and until when at least.
    pub deferred_until: Option<Timestamp>,
    /// The active slots, strongest first.
    pub slots: Vec<SlotView>,
}

/// One active slot, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SlotView {
    /// Whose.
    pub writer: Writer,
    /// 1 (strongest) to 16.
    pub priority: u8,
    /// What it wants.
    pub value: f64,
    /// When it ends.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

#[expect(clippy::unimplemented, unused_variables, reason = "the shape first")]
impl Gate {
    /// A gate for these actuators with empty arrays, all at their safe values. `boot` makes command ids unique.
    pub fn new(table: Table, boot: Timestamp) -> Self {
        unimplemented!()
    }

    /// Puts back what was stored before a restart. Slots that ended meanwhile are gone. Says every effective value anew.
    pub fn restore(&mut self, stored: Vec<Stored>, stopped: &BTreeSet<Scope>, now: Timestamp) -> Effects {
        unimplemented!()
    }

    /// Judges one write and carries it out if it may be.
    pub fn review(&mut self, write: &Write, now: Timestamp) -> (Verdict, Effects) {
        unimplemented!()
    }

    /// Gives back every slot of this policy: it was switched off, quarantined or deleted.
    pub fn release(&mut self, policy: &str, now: Timestamp) -> Effects {
        unimplemented!()
    }

    /// Does what is due: ends holds, tries deferred changes, ends what was on for too long.
    pub fn advance(&mut self, now: Timestamp) -> Effects {
        unimplemented!()
    }

    /// When [`Gate::advance`] next has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        unimplemented!()
    }

    /// Latches a stop: empties the arrays of what is stopped; nothing passes until [`Gate::reset`].
    /// The safe values themselves go out as [`SafeCommand`]s, see [`Gate::safe_commands`].
    pub fn stop(&mut self, scope: Scope, now: Timestamp) -> Effects {
        unimplemented!()
    }

    /// Opens what was stopped. Nothing starts by itself: arrays are empty and effective values safe.
    /// A reset of `All` opens devices as well; of a device, only that device.
    pub fn reset(&mut self, scope: &Scope, now: Timestamp) -> Effects {
        unimplemented!()
    }

    /// What is stopped now.
    pub fn stopped(&self) -> &BTreeSet<Scope> {
        unimplemented!()
    }

    /// Replaces the table of actuators. Slots outside the new envelopes fall away.
    pub fn configure(&mut self, table: Table, now: Timestamp) -> Effects {
        unimplemented!()
    }

    /// What must be stored for this actuator.
    pub fn stored(&self, actuator: &str) -> Option<Stored> {
        unimplemented!()
    }

    /// For people.
    pub fn view(&self, actuator: &str) -> Option<View> {
        unimplemented!()
    }
}

/// The safe value of every actuator in `scope`, as commands for the way around every queue. Needs only the table, so
/// that a stop never waits for the gate's owner. `reason` is for people; `id` is the stop's id and prefixes theirs.
#[expect(clippy::unimplemented, unused_variables, reason = "the shape first")]
pub fn safe_commands(table: &Table, scope: &Scope, id: &str, reason: &str, now: Timestamp) -> Vec<SafeCommand> {
    unimplemented!()
}
