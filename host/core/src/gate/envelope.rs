//! What each actuator may do: the gate's data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::command::ActuatorKind;

/// What one actuator may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The device's id.
    pub device: String,
    /// The pin number or channel name.
    pub channel: String,
    /// How its values are meant.
    pub kind: ActuatorKind,
    /// Smallest value; 0.0 unless said otherwise.
    #[serde(default)]
    pub min: f64,
    /// Largest value; 1.0 unless said otherwise.
    #[serde(default = "one")]
    pub max: f64,
    /// The value it takes when nobody wants anything, and at a stop.
    #[serde(default)]
    pub safe: f64,
    /// What happens to a value outside the range.
    #[serde(default)]
    pub out_of_range: OutOfRange,
    /// Largest change per second; none for no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_per_s: Option<f64>,
    /// Shortest time between two changes, in milliseconds.
    #[serde(default)]
    pub min_interval_ms: u64,
    /// Longest time away from the safe value, in milliseconds; none for no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_on_ms: Option<u64>,
    /// Actuators of one group are never away from their safe values together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Time between one of the group going safe and the next going on, in milliseconds.
    #[serde(default)]
    pub dead_time_ms: u64,
    /// When it may be away from its safe value; empty for always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<Hours>,
    /// How long a command stays valid, in milliseconds.
    #[serde(default = "default_validity")]
    pub command_valid_ms: u64,
    /// How old a cause may be, in milliseconds.
    #[serde(default = "default_freshness")]
    pub max_cause_age_ms: u64,
    /// What a policy is given of it, where that is less than the whole; by policy name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leases: BTreeMap<String, Lease>,
}

const fn one() -> f64 {
    1.0
}

const fn default_validity() -> u64 {
    10_000
}

const fn default_freshness() -> u64 {
    30_000
}

/// What happens to a value outside the range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum OutOfRange {
    /// It is refused.
    #[default]
    Refuse,
    /// The nearest value in the range is taken. NaN and infinities are refused all the same.
    Clamp,
}

/// A daily span in UTC minutes from midnight; `from` after `to` means across midnight. The host turns local hours into
/// these when it builds the table, and does so anew each day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// First minute, 0 to 1439.
    pub from: u16,
    /// First minute after, 0 to 1440.
    pub to: u16,
}

/// What a policy is given of an actuator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Longest hold in milliseconds; longer or absent holds are shortened to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_hold_ms: Option<u64>,
}

/// All actuators, and the pins that are sensors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// By the actuator's name.
    pub actuators: BTreeMap<String, Envelope>,
    /// `(device, channel)` of every configured sensor.
    pub sensors: BTreeSet<(String, String)>,
}

impl Table {
    /// The actuator's name for a name or a `device/channel`.
    pub fn resolve<'a>(&'a self, actuator: &str) -> Option<&'a str> {
        if let Some((name, _)) = self.actuators.get_key_value(actuator) {
            return Some(name);
        }
        let (device, channel) = actuator.split_once('/')?;
        self.actuators
            .iter()
            .find(|(_, envelope)| envelope.device == device && envelope.channel == channel)
            .map(|(name, _)| name.as_str())
    }
}
