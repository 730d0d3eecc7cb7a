//! The rule document as a person writes it.
//!
//! The shapes follow the rules of the server this policy replaces, so its documents work as they are: `rule_name`,
//! `trigger_conditions`, `esp_id`, `gpio`. Three forms are taken: `{"rules": [..]}`, a list of rules, one rule.

use interlock_plugin_sdk::config::{Tagged, within};
use interlock_plugin_sdk::prelude::*;
use interlock_plugin_sdk::serde::Deserializer;
use interlock_plugin_sdk::serde_json::Value;

/// Rules.
#[derive(Debug, JsonSchema)]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
#[serde(untagged)]
pub enum Document {
    /// Rules, and how they are run.
    Set(RuleSet),
    /// Just rules.
    List(Vec<RuleDocument>),
    /// A single rule.
    One(Box<RuleDocument>),
}

/// Rules, and how they are run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub struct RuleSet {
    /// At most 1,000.
    pub rules: Vec<RuleDocument>,
    /// How often the rules without a sensor are looked at, in seconds: 1 to 3,600.
    #[serde(default = "defaults::tick_seconds")]
    pub tick_seconds: u64,
}

/// When which conditions hold, do what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub struct RuleDocument {
    /// Unique among the rules: 1 to 128 bytes.
    pub rule_name: Option<String>,
    /// The same as `rule_name`; give one of them.
    pub name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// A rule that is not enabled does nothing.
    #[serde(default = "defaults::enabled")]
    pub enabled: bool,
    /// Rules with lower numbers are asked first and win an actuator that several drive.
    #[serde(default = "defaults::priority")]
    pub priority: i32,
    /// How long the rule rests after it fired, in seconds.
    pub cooldown_seconds: Option<f64>,
    /// What must hold.
    pub trigger_conditions: ConditionDocument,
    /// What is done then: 1 to 16 actions.
    pub actions: Vec<ActionDocument>,
}

/// What must hold.
#[derive(Debug, JsonSchema)]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ConditionDocument {
    /// The latest value of a sensor.
    SensorThreshold(ThresholdDocument),
    /// Days and times of day.
    TimeWindow(WindowDocument),
    /// Several conditions together.
    Composite(CompositeDocument),
}

/// The latest value of a sensor.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub struct ThresholdDocument {
    /// The sensor's device.
    pub esp_id: String,
    /// The sensor's pin or channel.
    pub gpio: Gpio,
    /// What it measures, where it measures several things: `temperature`. Without it, any.
    pub sensor_type: Option<String>,
    /// How to compare.
    pub operator: Operator,
    /// What to compare with; for every operator but `between`.
    pub value: Option<f64>,
    /// For `between`: the least value that counts.
    pub min: Option<f64>,
    /// For `between`: the greatest value that counts.
    pub max: Option<f64>,
    /// Once the condition holds it goes on holding until the value is this far back beyond the threshold, so that a
    /// value that trembles there does not switch to and fro. Not for `==` and `!=`.
    pub hysteresis: Option<f64>,
    /// The worst quality of a reading that still counts; what is worse counts as unknown.
    #[serde(default)]
    pub accept_quality: AcceptQuality,
}

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde")]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub enum Operator {
    /// Greater than `value`.
    #[serde(rename = ">")]
    Above,
    /// At least `value`.
    #[serde(rename = ">=")]
    AtLeast,
    /// Less than `value`.
    #[serde(rename = "<")]
    Below,
    /// At most `value`.
    #[serde(rename = "<=")]
    AtMost,
    /// Exactly `value`.
    #[serde(rename = "==")]
    Equal,
    /// Anything but `value`.
    #[serde(rename = "!=")]
    NotEqual,
    /// From `min` to `max`, both included.
    #[serde(rename = "between")]
    Between,
}

/// The worst quality of a reading that still counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", rename_all = "snake_case")]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub enum AcceptQuality {
    /// Only what nothing speaks against.
    Good,
    /// Also what the device doubts, or what carries an implausible time.
    #[default]
    Suspect,
    /// Also what is older than the sensor's freshness.
    Stale,
}

/// Days and times of day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub struct WindowDocument {
    /// `HH:MM`, included.
    #[serde(default = "defaults::start")]
    pub start: String,
    /// `HH:MM`, not included; `24:00` is the end of the day. Before `start`: on the next day.
    #[serde(default = "defaults::end")]
    pub end: String,
    /// The days on which a window starts; without them, every day. A window from Friday 22:00 to 06:00 ends on Saturday.
    pub days: Option<Vec<Day>>,
    /// An IANA time zone: `Europe/Berlin`.
    #[serde(default = "defaults::timezone")]
    pub timezone: String,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", rename_all = "snake_case")]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub enum Day {
    Mon = 1,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Several conditions together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub struct CompositeDocument {
    /// How they are combined.
    pub operator: Combination,
    /// `NOT` takes exactly one. At most 64 in a rule, at most 8 deep.
    pub conditions: Vec<ConditionDocument>,
}

/// How conditions are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", rename_all = "UPPERCASE")]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub enum Combination {
    /// All of them.
    And,
    /// At least one of them.
    Or,
    /// Not this one.
    Not,
}

/// What is done.
#[derive(Debug, JsonSchema)]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ActionDocument {
    /// Drives an actuator.
    ActuatorCommand(CommandDocument),
    /// Tells people.
    Notification(NoticeDocument),
}

/// Drives an actuator, named either by `esp_id` and `gpio` or by `actuator`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub struct CommandDocument {
    /// The actuator's device.
    pub esp_id: Option<String>,
    /// The actuator's pin or channel.
    pub gpio: Option<Gpio>,
    /// The actuator's name on the host.
    pub actuator: Option<String>,
    /// Where to drive it: 0.0 to 1.0, or in the actuator's own unit.
    pub value: f64,
    /// How long the value is wanted, in seconds; without it, until it is replaced.
    pub duration_seconds: Option<f64>,
}

/// Tells people.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub struct NoticeDocument {
    /// Where it goes.
    #[serde(default = "defaults::channel")]
    pub channel: String,
    /// How bad it is.
    #[serde(default)]
    pub severity: NoticeSeverity,
    /// What it says.
    pub message: String,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", rename_all = "snake_case")]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub enum NoticeSeverity {
    /// Back to normal.
    Ok,
    /// Worth knowing.
    #[default]
    Info,
    /// Worth a look.
    Warn,
    /// Worth getting up for.
    Crit,
}

/// A pin number, or the name of a channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "interlock_plugin_sdk::serde", untagged, expecting = "expected a pin number or the name of a channel")]
#[schemars(crate = "interlock_plugin_sdk::schemars")]
pub enum Gpio {
    /// A pin number.
    Pin(u32),
    /// The name of a channel, or a pin number as text.
    Channel(String),
}

mod defaults {
    pub(super) const fn tick_seconds() -> u64 {
        60
    }

    pub(super) const fn enabled() -> bool {
        true
    }

    pub(super) const fn priority() -> i32 {
        100
    }

    pub(super) fn start() -> String {
        "00:00".into()
    }

    pub(super) fn end() -> String {
        "24:00".into()
    }

    pub(super) fn timezone() -> String {
        "UTC".into()
    }

    pub(super) fn channel() -> String {
        "dashboard".into()
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            list @ Value::Array(_) => within(list).map(Self::List),
            set @ Value::Object(_) if set.get("rules").is_some() => within(set).map(Self::Set),
            rule => within(rule).map(Self::One),
        }
    }
}

impl<'de> Deserialize<'de> for ConditionDocument {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let condition = Tagged::read(from, "type")?;
        match condition.tag() {
            "sensor_threshold" => condition.body().map(Self::SensorThreshold),
            "time_window" => condition.body().map(Self::TimeWindow),
            "composite" => condition.body().map(Self::Composite),
            _ => Err(condition.unknown(&["sensor_threshold", "time_window", "composite"])),
        }
    }
}

impl<'de> Deserialize<'de> for ActionDocument {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let action = Tagged::read(from, "type")?;
        match action.tag() {
            "actuator_command" => action.body().map(Self::ActuatorCommand),
            "notification" => action.body().map(Self::Notification),
            _ => Err(action.unknown(&["actuator_command", "notification"])),
        }
    }
}
