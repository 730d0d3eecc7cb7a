//! A policy as a named slot: its mode, its versions' limits, and the plan a configured version answered with.

use serde::{Deserialize, Serialize};

/// What a policy's decisions may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It sees nothing.
    Off,
    /// It decides, and nothing of it takes effect.
    Shadow,
    /// What it asks for waits for an approval.
    Advise,
    /// It acts, through the gate.
    #[default]
    Enforce,
}

/// What is done to the policy's actuators when a version faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// They stay as they are.
    #[default]
    Hold,
    /// They are given back, and fall to the next priority or the safe value.
    SafeValue,
    /// They stay, and a notification of severity `crit` goes out.
    Alarm,
}

/// What one evaluation may use. Part of a version, under the host's ceilings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Units of fuel; about one per executed instruction.
    pub fuel: u64,
    /// Wall-clock deadline in milliseconds, for what fuel does not measure.
    pub deadline_ms: u64,
    /// Bytes of all memories and tables of an instance together.
    pub memory_bytes: u64,
    /// Bytes of all keys and values the policy keeps in `state`.
    pub state_bytes: u64,
    /// Number of keys the policy keeps in `state`.
    pub state_keys: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 10_000_000,
            deadline_ms: 50,
            memory_bytes: 64 * 1024 * 1024,
            state_bytes: 256 * 1024,
            state_keys: 4_096,
        }
    }
}

/// A policy's place in the priority array unless it says otherwise: 1 is strongest, 16 weakest. Manual commands of
/// people have 8 (as in building automation), so a policy at the default never overrides a person.
pub const DEFAULT_PRIORITY: u8 = 10;

/// Which readings: an absent field means any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReadingFilter {
    /// The device's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The pin number or channel name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
}

impl ReadingFilter {
    /// Whether a reading of this sensor is meant. `quantity: None` asks whether some quantity could be.
    pub fn matches(&self, device: &str, channel: &str, quantity: Option<&str>) -> bool {
        let same = |wanted: &Option<String>, got: &str| wanted.as_deref().is_none_or(|wanted| wanted == got);
        same(&self.device, device)
            && same(&self.channel, channel)
            && quantity.is_none_or(|quantity| same(&self.quantity, quantity))
    }
}

/// What a policy wants to see. An empty list means all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Subscription {
    /// Readings that match.
    Readings(ReadingFilter),
    /// Actuator status of these devices.
    Actuators(Vec<String>),
    /// Presence of these devices.
    Devices(Vec<String>),
    /// Alerts for these key figures.
    Alerts(Vec<String>),
    /// Incidents of these kinds.
    Incidents(Vec<String>),
    /// Requests for access.
    Access,
    /// How the policy's own decisions ended.
    Outcomes,
    /// Custom events of these kinds.
    Custom(Vec<String>),
    /// A tick every so many milliseconds.
    Ticks(u64),
}

/// The shortest time between two ticks a policy may ask for, in milliseconds.
pub const MIN_TICK_MS: u64 = 100;

/// What a configured policy will do; the host grants exactly this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Plan {
    /// What it wants to see.
    pub subscriptions: Vec<Subscription>,
    /// Which readings it may look up.
    pub reads: Vec<ReadingFilter>,
    /// Which actuators it may ask for, by name or as `device/channel`.
    pub actuators: Vec<String>,
    /// Which named actions it may ask for.
    pub actions: Vec<String>,
}

/// What a component says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// The plugin's own version, semver by convention.
    pub version: String,
    /// One line.
    pub description: String,
    /// JSON Schema of the configuration.
    pub config_schema: serde_json::Value,
    /// What one decision usually costs.
    pub fuel_hint: u64,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = ConfigProblem))]
pub struct Problem {
    /// JSON pointer to the culprit.
    pub pointer: String,
    /// What to change.
    pub message: String,
}
