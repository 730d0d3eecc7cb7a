//! `[[mqtt.sinks]]`: how devices that know nothing of this host are told.

use interlock_core::topic::Template;
use serde::{Deserialize, Serialize};

/// How the commands of some devices leave.
///
/// In `payload`, `{name}` stands for a part of the command; any other brace is text, so JSON is written as it is:
/// `{"state": "{state}"}`. The names are in [`SinkConfig::NAMES`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// Which devices: an id, or the beginning of one and `*`. Default all.
    #[serde(default = "any")]
    pub device: String,
    /// Which channels: a name, or the beginning of one and `*`. Default all.
    #[serde(default = "any")]
    pub channel: String,
    /// Topic template with `{device}` and `{channel}`.
    pub topic: String,
    /// The payload. Default: the host's own JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// `{state}` where the value is above zero. Default `ON`.
    #[serde(default = "on")]
    pub on: String,
    /// `{state}` where it is not. Default `OFF`.
    #[serde(default = "off")]
    pub off: String,
    /// `{scaled}` is the value times this, as a whole number. Default 100.
    #[serde(default = "hundred")]
    pub scale: f64,
}

fn any() -> String {
    "*".to_owned()
}

fn on() -> String {
    "ON".to_owned()
}

fn off() -> String {
    "OFF".to_owned()
}

const fn hundred() -> f64 {
    100.0
}

impl SinkConfig {
    /// What a payload may name: the value as a number, as a scaled whole number, as a word and as true or false; the
    /// command's id, moments in milliseconds since the epoch, hold in milliseconds or `null`; and who is meant.
    pub const NAMES: [&str; 11] =
        ["value", "scaled", "state", "bool", "id", "issued", "valid_until", "hold_ms", "source", "device", "channel"];

    /// Whether it is meant for this actuator.
    pub fn fits(&self, device: &str, channel: &str) -> bool {
        let fits = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => pattern == name,
        };
        fits(&self.device, device) && fits(&self.channel, channel)
    }

    /// What is wrong with it.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let filled = Template::parse(&self.topic).map_err(|wrong| wrong.to_string()).and_then(|topic| {
            topic.fill(&[("device", "d"), ("channel", "c"), ("kaiser", "k")]).map_err(|wrong| wrong.to_string())
        });
        if let Err(wrong) = filled {
            problems.push(format!("topic `{}`: {wrong}", self.topic));
        }
        let named = self.payload.as_deref().map(pieces).unwrap_or_default();
        let unknown = named.iter().filter_map(|piece| match piece {
            Piece::Name(name) if !Self::NAMES.contains(name) => Some(name),
            _ => None,
        });
        let known = Self::NAMES.join("`, `");
        problems.extend(unknown.map(|name| format!("payload: there is no `{name}`; there are `{known}`")));
        if !self.scale.is_finite() {
            problems.push("`scale` must be a finite number".to_owned());
        }
        problems
    }
}

/// A part of a payload template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// As it is.
    Text(&'a str),
    /// To be replaced.
    Name(&'a str),
}

/// A payload template in parts: `{` and `}` around lower-case letters and underscores make a name, all else is text.
pub fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, name, after)) = next_name(rest) {
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Name(name));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(at, _)| {
        let (before, from) = text.split_at_checked(at)?;
        let (name, after) = from.strip_prefix('{')?.split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        is_name.then_some((before, name, after))
    })
}
