//! What each actuator may do: the gate's data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::ActuatorKind;

pub use super::table::Table;

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
    /// Largest change per second; none for no bound. A larger step is made as a ramp of one step a second at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_per_s: Option<f64>,
    /// Shortest time between two changes, in milliseconds.
    #[serde(default)]
    pub min_interval_ms: u64,
    /// Longest time away from the safe value, in milliseconds; none for no bound. When it is over, whoever wanted it on
    /// loses the slot and the next write opens it again; `min_interval_ms` is then the shortest pause.
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

pub(super) const fn default_validity() -> u64 {
    10_000
}

pub(super) const fn default_freshness() -> u64 {
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

/// A daily span in UTC minutes from midnight; `from` after `to` means across midnight. They are UTC: where the
/// clocks change twice a year, these hours do not move with them.
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

impl Envelope {
    /// Everything the envelope of the actuator `name` says against itself; empty if it makes sense.
    ///
    /// INVARIANT (fails closed): the gate refuses every write to an actuator whose envelope has problems.
    pub fn problems(&self, name: &str) -> Vec<String> {
        let Self { min, max, safe, .. } = *self;
        let ordered = min.is_finite() && max.is_finite() && min < max;
        let mut found = Vec::new();
        let mut tell = |key: &str, text: &str| found.push(format!("`actuators.{name}.{key}` {text}"));
        if !ordered {
            tell("min", &format!("is {min} and max is {max}; min must be below max"));
        } else if !(min..=max).contains(&safe) {
            tell("safe", &format!("is {safe}; choose a value from {min} to {max}"));
        } else if self.kind == ActuatorKind::Switch && safe != min && safe != max {
            tell("safe", &format!("is {safe}; a switch is either {min} or {max}"));
        }
        if self.max_rate_per_s.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            tell("max_rate_per_s", "must be above 0; leave it out for no bound");
        }
        if self.max_on_ms == Some(0) {
            tell("max_on_ms", "is 0, so it could never be on; leave it out for no bound");
        }
        if self.command_valid_ms == 0 {
            tell("command_valid_ms", "must be above 0");
        }
        if self.max_cause_age_ms == 0 {
            tell("max_cause_age_ms", "must be above 0");
        }
        if self.hours.iter().any(|Hours { from, to }| *from > 1_439 || *to > 1_440 || from == to) {
            tell("hours", "are minutes of a day: from 0 to 1439, to 0 to 1440, and not the same");
        }
        for (policy, lease) in &self.leases {
            let (least, most) = (lease.min, lease.max);
            if !(least <= most && least >= min && most <= max) {
                tell(&format!("leases.{policy}"), &format!("is {least} to {most}; it must lie within {min} to {max}"));
            }
            if lease.max_hold_ms == Some(0) {
                tell(&format!("leases.{policy}.max_hold_ms"), "is 0; leave it out for no bound");
            }
        }
        found
    }
}
