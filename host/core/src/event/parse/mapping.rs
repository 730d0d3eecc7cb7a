//! Sources as the configuration describes them: where in a payload the values are, so that devices which know nothing of
//! this host (Zigbee2MQTT, Tasmota, Shelly, ESPHome) come in without code.
//!
//! Places are JSON pointers (`/AM2301/Temperature`); the empty pointer is the whole payload, which may then be plain
//! text (`21.5`, `ON`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Context, Format, Said, Source, Unreadable, value};
use crate::event::{ActuatorStatus, Custom, Occurrence, Presence, Quality, Reading};
use crate::topic::Template;

/// Messages under one topic template and what to take from them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// Topic template; its placeholders are `{device}`, `{channel}`, `{quantity}`.
    pub topic: String,
    /// The device's id where the topic has none.
    pub device: Option<String>,
    /// Pointer to the sender's id of the message.
    pub id: Option<String>,
    /// Pointer to when it was measured: milliseconds, seconds, or RFC 3339.
    pub time: Option<String>,
    /// Readings to take.
    pub readings: Vec<ReadingMapping>,
    /// Actuator states to take.
    pub actuators: Vec<ActuatorMapping>,
    /// Whether it tells of the device coming and going.
    pub presence: Option<PresenceMapping>,
    /// Makes the whole payload a custom event of this kind.
    pub custom: Option<String>,
}

/// Where one reading is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingMapping {
    /// Pointer to the value.
    pub value: String,
    /// The channel; without it the topic's `{channel}`, else the quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What is measured; without it the topic's `{quantity}`, else the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// Pointer to the value before conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The unit, or a pointer to it if it begins with `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Pointer to the device's word for the quality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// Numbers for words: `{ open = 1.0, closed = 0.0 }`. ON, OFF, true and false are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, f64>,
    /// What the value is multiplied with.
    #[serde(default = "one")]
    pub scale: f64,
}

const fn one() -> f64 {
    1.0
}

/// Where one actuator's state is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActuatorMapping {
    /// Pointer to the state: on, off, true, false or a number.
    pub state: String,
    /// The channel; without it the topic's `{channel}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Pointer to where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Numbers for words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, f64>,
}

/// Where a device's coming and going is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceMapping {
    /// Pointer to the word.
    pub state: String,
    /// The word, in any case, that means it is there; anything else means it went.
    #[serde(default = "online")]
    pub online: String,
}

fn online() -> String {
    "online".to_owned()
}

/// A checked [`SourceConfig`].
#[derive(Debug, Clone)]
pub struct Mapping {
    config: SourceConfig,
}

impl SourceConfig {
    /// The source it describes.
    ///
    /// # Errors
    /// Everything that is wrong with it, one sentence each.
    pub fn compile(&self) -> Result<Source, Vec<String>> {
        let mut problems = self.wrong_pointers();
        let topic = Template::parse(&self.topic).map_err(|why| problems.push(format!("topic `{}`: {why}", self.topic)));
        let has = |name: &str| topic.as_ref().is_ok_and(|topic| topic.names().any(|known| known == name));
        if self.custom.is_none() && self.device.is_none() && !has("device") {
            problems.push(format!("topic `{}` has no `{{device}}`: add it or set `device`", self.topic));
        }
        for reading in &self.readings {
            if reading.channel.is_none() && reading.quantity.is_none() && !has("channel") && !has("quantity") {
                problems.push(format!("the reading at `{}` needs a `channel` or a `quantity`", reading.value));
            }
            if !reading.scale.is_finite() {
                problems.push(format!("the reading at `{}` has no finite `scale`", reading.value));
            }
        }
        for actuator in self.actuators.iter().filter(|actuator| actuator.channel.is_none() && !has("channel")) {
            problems.push(format!("the actuator at `{}` needs a `channel`", actuator.state));
        }
        if self.readings.is_empty() && self.actuators.is_empty() && self.presence.is_none() && self.custom.is_none() {
            problems.push(format!(
                "source `{}` takes nothing: add `readings`, `actuators`, `presence` or `custom`",
                self.topic
            ));
        }
        match topic {
            Ok(topic) if problems.is_empty() => {
                Ok(Source { topic, format: Format::Mapped(Box::new(Mapping { config: self.clone() })) })
            }
            _ => Err(problems),
        }
    }

    fn wrong_pointers(&self) -> Vec<String> {
        let readings = self.readings.iter().flat_map(|reading| {
            [Some(&reading.value), reading.raw.as_ref(), reading.quality.as_ref()].into_iter().flatten()
        });
        let actuators = self
            .actuators
            .iter()
            .flat_map(|actuator| [Some(&actuator.state), actuator.value.as_ref()].into_iter().flatten());
        let presence = self.presence.as_ref().map(|presence| &presence.state);
        let all = readings.chain(actuators).chain(presence).chain(&self.id).chain(&self.time);
        all.filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/'))
            .map(|pointer| {
                format!("`{pointer}` is no JSON pointer: it begins with `/`, or is empty for the whole payload")
            })
            .collect()
    }
}

impl Mapping {
    pub(super) fn read(&self, context: &Context<'_>) -> Result<Said, Unreadable> {
        let payload = document(context)?;
        let measured = match self.config.time.as_deref().and_then(|pointer| at(&payload, pointer)) {
            None => None,
            Some(time) => Some(value::moment(time).ok_or_else(|| wrong("time", time))?),
        };
        let what = self.occurrences(context, &payload, context.implausible(measured))?;
        if what.is_empty() {
            return Err(Unreadable::Missing("any value this source takes".to_owned()));
        }
        let id = self.config.id.as_deref().and_then(|pointer| at(&payload, pointer));
        let id = id.map(|id| value::name("id", &text(id))).transpose()?;
        Ok(Said { id, measured, what })
    }

    fn occurrences(&self, context: &Context<'_>, payload: &Value, late: bool) -> Result<Vec<Occurrence>, Unreadable> {
        let mut what = Vec::new();
        if let Some(kind) = &self.config.custom {
            if context.message.retained {
                return Err(Unreadable::Retained("custom event"));
            }
            what.push(Occurrence::Custom(Custom { kind: kind.clone(), body: payload.clone() }));
            return Ok(what);
        }
        let device = match &self.config.device {
            Some(device) => device.clone(),
            None => context.name("device")?,
        };
        for mapping in &self.config.readings {
            if let Some(found) = at(payload, &mapping.value) {
                what.push(Occurrence::Reading(mapping.reading(context, payload, found, &device, late)?));
            }
        }
        for mapping in &self.config.actuators {
            if let Some(found) = at(payload, &mapping.state) {
                what.push(Occurrence::Actuator(mapping.status(context, payload, found, &device)?));
            }
        }
        if let Some((mapping, found)) = self.config.presence.as_ref().and_then(|m| Some((m, at(payload, &m.state)?))) {
            let online = text(found).trim().eq_ignore_ascii_case(&mapping.online);
            what.push(Occurrence::Device(Presence { device, online }));
        }
        Ok(what)
    }
}

impl ReadingMapping {
    fn reading(
        &self,
        context: &Context<'_>,
        payload: &Value,
        found: &Value,
        device: &str,
        late: bool,
    ) -> Result<Reading, Unreadable> {
        let number = value::number(found, &self.words).ok_or_else(|| wrong(&self.value, found))?;
        let channel = self.channel.clone().map_or_else(|| context.name("channel"), Ok);
        let quantity = self.quantity.clone().map_or_else(|| context.name("quantity"), Ok);
        let quantity = quantity.or_else(|_| channel.clone())?;
        let raw = self.raw.as_deref().and_then(|pointer| at(payload, pointer));
        let said = self.quality.as_deref().and_then(|pointer| at(payload, pointer));
        let quality = said.map_or(Quality::Good, |word| value::quality(&text(word)));
        Ok(Reading {
            device: device.to_owned(),
            channel: channel.unwrap_or_else(|_| quantity.clone()),
            quantity,
            value: value::finite(&self.value, number * self.scale)?,
            raw: raw.and_then(|raw| value::number(raw, &self.words)),
            unit: self.unit_of(payload)?,
            quality: if quality == Quality::Good && late { Quality::Suspect } else { quality },
            retained: context.message.retained,
        })
    }

    fn unit_of(&self, payload: &Value) -> Result<Option<String>, Unreadable> {
        match self.unit.as_deref() {
            Some(pointer) if pointer.starts_with('/') => {
                at(payload, pointer).map(|unit| value::name("unit", &text(unit))).transpose()
            }
            fixed => Ok(fixed.map(str::to_owned)),
        }
    }
}

impl ActuatorMapping {
    fn status(
        &self,
        context: &Context<'_>,
        payload: &Value,
        found: &Value,
        device: &str,
    ) -> Result<ActuatorStatus, Unreadable> {
        let state = value::number(found, &self.words).ok_or_else(|| wrong(&self.state, found))?;
        let stands = self.value.as_deref().and_then(|pointer| at(payload, pointer));
        Ok(ActuatorStatus {
            device: device.to_owned(),
            channel: self.channel.clone().map_or_else(|| context.name("channel"), Ok)?,
            kind: None,
            active: state > 0.0,
            value: stands.and_then(|value| value::number(value, &self.words)),
        })
    }
}

/// The payload as JSON; what is no JSON as text.
fn document(context: &Context<'_>) -> Result<Value, Unreadable> {
    let payload = context.message.payload;
    serde_json::from_slice(payload).or_else(|_| match std::str::from_utf8(payload) {
        Ok(text) => Ok(Value::String(text.to_owned())),
        Err(_) => Err(Unreadable::Json { what: "device", why: "it is not UTF-8 either".to_owned() }),
    })
}

/// What a pointer points at; null is nothing.
fn at<'a>(payload: &'a Value, pointer: &str) -> Option<&'a Value> {
    payload.pointer(pointer).filter(|value| !value.is_null())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn wrong(field: &str, found: &Value) -> Unreadable {
    let found: String = found.to_string().chars().take(64).collect();
    Unreadable::Wrong { field: field.to_owned(), why: format!("{found} cannot be read as one") }
}
