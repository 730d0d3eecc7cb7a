//! What a device can be told, and the proof that it may be told so.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What drives an actuator, and how its values are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ActuatorKind {
    /// 0.0 to 1.0, the share of time it is on.
    Pwm,
    /// 0.0 off, 1.0 on.
    Switch,
    /// Degrees, or what its range says.
    Servo,
}

/// One order to one actuator. It always expires, and it is never retained by a broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Command {
    /// Unique over all starts of the host; a repeated delivery carries the same one.
    pub id: String,
    /// The actuator's name on the host.
    pub actuator: String,
    /// The device's id.
    pub device: String,
    /// The pin number or channel name.
    pub channel: String,
    /// The value to take.
    pub value: f64,
    /// When it was approved.
    pub issued: Timestamp,
    /// After this moment nobody delivers or obeys it.
    pub valid_until: Timestamp,
    /// How long the value holds before the device may fall back alone, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ms: Option<u64>,
    /// Who wanted it: `automation`, `manual` or `safety`.
    pub source: String,
    /// For people: why.
    pub reason: String,
}

/// Proof that the gate let something pass. The fields are private and only [`crate::gate`] can make one, so a command
/// that was not judged cannot reach the outlet: it does not compile.
#[derive(Debug, Clone, PartialEq)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }

    /// What was approved.
    pub const fn get(&self) -> &T {
        &self.0
    }
}

impl Approved<Command> {
    /// The approval of a command that the gate let pass before, read back from its own durable row in the outbox.
    ///
    /// INVARIANT (no second way in): the journal's outbox is the only caller; `.clippy.toml` refuses every other one.
    pub const fn recall(command: Command) -> Self {
        Self(command)
    }
}

/// A command to a safe value, for the way around every queue. Only the latch can make one.
#[derive(Debug, Clone, PartialEq)]
pub struct SafeCommand(Command);

impl SafeCommand {
    pub(crate) const fn new(command: Command) -> Self {
        Self(command)
    }

    /// What the device is told.
    pub const fn get(&self) -> &Command {
        &self.0
    }
}
