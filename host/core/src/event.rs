//! What happened: the kinds of event, and the observation that becomes one when the line gives it a place and a time.

pub mod parse;

use serde::{Deserialize, Serialize};

use crate::time::{Seq, Timestamp};

/// Something the host was told, before it has a place in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Observation {
    /// Unique; a repeated delivery of the same message carries the same id where the sender gave one.
    pub id: String,
    /// When the sender claims it happened. Never trusted, see [`Quality::Suspect`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Timestamp>,
    /// What happened.
    pub what: Occurrence,
}

/// An observation with its place and time: what policies see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the journal.
    pub seq: Seq,
    /// When the host received it. INVARIANT (time never runs back): `at` never decreases as `seq` grows.
    pub at: Timestamp,
    /// What was told.
    #[serde(flatten)]
    pub observation: Observation,
}

impl Event {
    /// What happened.
    pub fn what(&self) -> &Occurrence {
        &self.observation.what
    }
}

/// The kinds of event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Occurrence {
    /// A sensor's value.
    Reading(Reading),
    /// What an actuator says of itself.
    Actuator(ActuatorStatus),
    /// A device appeared or fell silent.
    Device(Presence),
    /// A key figure left its bounds.
    Alert(Alert),
    /// Something went wrong somewhere.
    Incident(Incident),
    /// Somebody asks to do something.
    Access(Access),
    /// How an earlier action or intent ended.
    Outcome(ActionOutcome),
    /// Anything else.
    Custom(Custom),
    /// Time passed, for one policy that asked to be told.
    Tick(Tick),
}

impl Occurrence {
    /// The kind as one word, for logs, metrics and filters.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Reading(_) => "reading",
            Self::Actuator(_) => "actuator",
            Self::Device(_) => "device",
            Self::Alert(_) => "alert",
            Self::Incident(_) => "incident",
            Self::Access(_) => "access",
            Self::Outcome(_) => "outcome",
            Self::Custom(_) => "custom",
            Self::Tick(_) => "tick",
        }
    }
}

/// How far a value can be trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Nothing speaks against it.
    #[default]
    Good,
    /// The device said so, or its clock is implausible.
    Suspect,
    /// Older than its sensor's freshness.
    Stale,
}

/// One value of one sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reading {
    /// The device's id, as in its topic.
    pub device: String,
    /// The pin number or channel name.
    pub channel: String,
    /// What is measured, in the device's words: `temperature`.
    pub quantity: String,
    /// The value in `unit`.
    pub value: f64,
    /// The value before any conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<f64>,
    /// The unit as the device names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How far to trust it.
    #[serde(default)]
    pub quality: Quality,
    /// The broker kept it from earlier; the gate refuses what it causes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retained: bool,
}

/// What an actuator says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ActuatorStatus {
    /// The device's id.
    pub device: String,
    /// The pin number or channel name.
    pub channel: String,
    /// `pwm`, `switch`, `servo` or the device's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether it is on.
    pub active: bool,
    /// Where it stands, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// A device appeared or fell silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Presence {
    /// The device's id.
    pub device: String,
    /// Whether it is heard of.
    pub online: bool,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Back to normal.
    Ok,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Worth getting up for.
    Crit,
}

/// A key figure left its bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Alert {
    /// The key figure: `margin`.
    pub kpi: String,
    /// One line.
    pub title: String,
    /// The text.
    pub message: String,
    /// How bad.
    pub severity: Severity,
    /// By how much it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<f64>,
    /// The roles of whoever asks.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Something went wrong somewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Incident {
    /// `memory_leak`, `disk_full`, …
    pub kind: String,
    /// 0 to 10.
    pub severity: u8,
    /// A JSON object.
    pub context: serde_json::Value,
}

/// Somebody asks to do something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Access {
    /// Who.
    pub principal: String,
    /// In which roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What.
    pub action: String,
    /// To what.
    pub target: String,
    /// A JSON object.
    #[serde(default)]
    pub context: serde_json::Value,
}

/// How an earlier action or intent ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ActionOutcome {
    /// Whose decision it was: only this policy's `outcomes` subscribers hear of it.
    pub policy: String,
    /// The record of the decision that asked for it.
    pub decision: Seq,
    /// The action's or the actuator's name.
    pub name: String,
    /// Whether it took effect.
    pub success: bool,
    /// `PASSED`, `RATE_LIMITED`, … or the executor's word.
    pub code: String,
}

/// Anything else that sender and policy agreed on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Custom {
    /// What it is about.
    pub kind: String,
    /// A JSON value.
    pub body: serde_json::Value,
}

/// Time passed, for one policy that asked to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Tick {
    /// Whose tick it is.
    pub policy: String,
}
