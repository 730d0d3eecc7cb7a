//! The words of the gate: what it is asked, and what it answers.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::command::{Approved, Command};
use crate::decision::Setting;
use crate::time::{Seq, Timestamp};

/// The result of one check that did not simply pass, or `PASSED`. The words of the seed's safety service come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// A stop is latched for everything or for this device.
    EmergencyStopActive,
    /// The value is outside the actuator's range, or not a number.
    PwmOutOfRange,
    /// The actuator's pin is a sensor's pin too, or another actuator's.
    GpioConflict,
    /// There is no such actuator, or its envelope contradicts itself.
    ActuatorNotConfigured,
    /// The cause is too old, the broker kept it from earlier, or the hold asked for is over at once.
    Expired,
    /// Outside what this policy is given of the actuator.
    OutsideLease,
    /// A stronger slot holds the actuator; the write waits under it.
    Outranked,
    /// Another actuator of the interlock group is on, or was a moment ago; the change waits.
    Interlocked,
    /// Too soon after the last change, or too large a step; the change, or the rest of it, waits.
    RateLimited,
    /// On for as long as it may be; the next write opens it again.
    MaxOnTime,
    /// Outside the hours it may run; the change waits until they begin.
    OutsideHours,
    /// The same change waits already; the gate's timer tries again. The limit says what for.
    Deferred,
    /// The value was brought into the range.
    Clamped,
    /// All checks passed and the effective value is the one asked for.
    Passed,
}

impl Code {
    /// The code as it stands in records and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmergencyStopActive => "EMERGENCY_STOP_ACTIVE",
            Self::PwmOutOfRange => "PWM_OUT_OF_RANGE",
            Self::GpioConflict => "GPIO_CONFLICT",
            Self::ActuatorNotConfigured => "ACTUATOR_NOT_CONFIGURED",
            Self::Expired => "EXPIRED",
            Self::OutsideLease => "OUTSIDE_LEASE",
            Self::Outranked => "OUTRANKED",
            Self::Interlocked => "INTERLOCKED",
            Self::RateLimited => "RATE_LIMITED",
            Self::MaxOnTime => "MAX_ON_TIME",
            Self::OutsideHours => "OUTSIDE_HOURS",
            Self::Deferred => "DEFERRED",
            Self::Clamped => "CLAMPED",
            Self::Passed => "PASSED",
        }
    }
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
    /// The host started, a stop was reset or an actuator is new: what holds is said anew.
    Asserted,
    /// The envelope changed or its hours ended, and the safe value is taken.
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
