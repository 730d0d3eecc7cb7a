//! The payloads that ESP32 devices, key-figure watchers and incident sources send to this host, as their makers wrote
//! them down. Unknown fields are ignored: devices may say more than is needed.

use serde::Deserialize;
use serde_json::Value;

use super::{Context, Said, Unreadable, value};
use crate::event::{ActuatorStatus, Alert, Incident, Occurrence, Presence, Quality, Reading, Severity};
use crate::time::Timestamp;

/// What a sensor that does not say what it measures is taken to measure.
const UNNAMED_QUANTITY: &str = "value";

/// A number or a text, as devices write ids and pins.
#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Number(u64),
    Text(String),
}

impl Label {
    fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

#[derive(Deserialize)]
struct SensorPayload {
    id: Option<Label>,
    ts: Option<f64>,
    gpio: Option<Label>,
    sensor_type: Option<String>,
    raw: Option<f64>,
    value: Option<f64>,
    unit: Option<String>,
    quality: Option<String>,
}

#[derive(Deserialize)]
struct ActuatorPayload {
    id: Option<Label>,
    ts: Option<f64>,
    gpio: Option<Label>,
    #[serde(rename = "type")]
    kind: Option<String>,
    state: Option<Value>,
    value: Option<f64>,
}

#[derive(Deserialize)]
struct AlertPayload {
    id: Option<Label>,
    #[serde(rename = "kpiId", alias = "kpi")]
    kpi: Option<String>,
    title: Option<String>,
    message: Option<String>,
    severity: Severity,
    delta: Option<f64>,
    #[serde(default)]
    roles: Vec<String>,
    timestamp: Option<Value>,
}

#[derive(Deserialize)]
struct IncidentPayload {
    id: Option<Label>,
    #[serde(alias = "type")]
    event_type: Option<String>,
    severity: u8,
    #[serde(default)]
    context: serde_json::Map<String, Value>,
    timestamp: Option<Value>,
}

pub(super) fn sensor(context: &Context<'_>) -> Result<Said, Unreadable> {
    let payload: SensorPayload = json(context, "reading")?;
    let channel = channel(context, payload.gpio)?;
    let value = payload.value.or(payload.raw).ok_or_else(|| Unreadable::Missing("value".to_owned()))?;
    let measured = payload.ts.map(value::millis);
    let mut quality = payload.quality.map_or(Quality::Good, |word| value::quality(&word));
    if quality == Quality::Good && context.implausible(measured) {
        quality = Quality::Suspect;
    }
    let reading = Reading {
        device: context.name("device")?,
        channel,
        quantity: value::name("sensor_type", payload.sensor_type.as_deref().unwrap_or(UNNAMED_QUANTITY))?,
        value: value::finite("value", value)?,
        raw: payload.raw.map(|raw| value::finite("raw", raw)).transpose()?,
        unit: payload.unit.filter(|unit| !unit.is_empty()).map(|unit| value::name("unit", &unit)).transpose()?,
        quality,
        retained: context.message.retained,
    };
    Ok(Said::one(id(payload.id)?, measured, Occurrence::Reading(reading)))
}

pub(super) fn actuator(context: &Context<'_>) -> Result<Said, Unreadable> {
    let payload: ActuatorPayload = json(context, "actuator status")?;
    let status = ActuatorStatus {
        device: context.name("device")?,
        channel: channel(context, payload.gpio)?,
        kind: payload.kind.map(|kind| value::name("type", &kind)).transpose()?,
        active: active(payload.state.as_ref(), payload.value)?,
        value: payload.value.map(|value| value::finite("value", value)).transpose()?,
    };
    Ok(Said::one(id(payload.id)?, payload.ts.map(value::millis), Occurrence::Actuator(status)))
}

/// What the device says of its state; where that is no word for on or off, whether its value is above zero.
fn active(state: Option<&Value>, value: Option<f64>) -> Result<bool, Unreadable> {
    let said = state.and_then(|state| value::number(state, &std::collections::BTreeMap::new()));
    let number = said.or(value).ok_or_else(|| match state {
        Some(state) => Unreadable::Wrong { field: "state".to_owned(), why: format!("{state} is neither on nor off") },
        None => Unreadable::Missing("state".to_owned()),
    })?;
    Ok(number > 0.0)
}

/// Any JSON is a sign of life, unless it says that the device goes: `{"online": false}` or `{"status": "offline"}`.
pub(super) fn heartbeat(context: &Context<'_>) -> Result<Said, Unreadable> {
    let payload: Value = json(context, "heartbeat")?;
    let goes = payload.get("online") == Some(&Value::Bool(false))
        || payload.get("status").and_then(Value::as_str).is_some_and(|word| word.eq_ignore_ascii_case("offline"));
    // A retained heartbeat was life once; it is no sign of life now.
    if context.message.retained && !goes {
        return Err(Unreadable::Retained("heartbeat"));
    }
    let measured = payload.get("ts").and_then(Value::as_f64).map(value::millis);
    let presence = Presence { device: context.name("device")?, online: !goes };
    Ok(Said::one(None, measured, Occurrence::Device(presence)))
}

pub(super) fn alert(context: &Context<'_>) -> Result<Said, Unreadable> {
    if context.message.retained {
        return Err(Unreadable::Retained("alert"));
    }
    let payload: AlertPayload = json(context, "alert")?;
    let kpi = match payload.kpi {
        Some(kpi) => value::name("kpiId", &kpi)?,
        None => context.name("kpi")?,
    };
    let alert = Alert {
        title: payload.title.unwrap_or_else(|| kpi.clone()),
        kpi,
        message: payload.message.unwrap_or_default(),
        severity: payload.severity,
        delta: payload.delta.map(|delta| value::finite("delta", delta)).transpose()?,
        roles: payload.roles,
    };
    Ok(Said::one(id(payload.id)?, moment(payload.timestamp.as_ref())?, Occurrence::Alert(alert)))
}

pub(super) fn incident(context: &Context<'_>) -> Result<Said, Unreadable> {
    if context.message.retained {
        return Err(Unreadable::Retained("incident"));
    }
    let payload: IncidentPayload = json(context, "incident")?;
    let kind = match payload.event_type {
        Some(kind) => value::name("event_type", &kind)?,
        None => context.name("kind")?,
    };
    if payload.severity > 10 {
        let why = format!("{} is not within 0 to 10", payload.severity);
        return Err(Unreadable::Wrong { field: "severity".to_owned(), why });
    }
    let incident = Incident { kind, severity: payload.severity, context: Value::Object(payload.context) };
    Ok(Said::one(id(payload.id)?, moment(payload.timestamp.as_ref())?, Occurrence::Incident(incident)))
}

fn json<'de, T: Deserialize<'de>>(context: &Context<'de>, what: &'static str) -> Result<T, Unreadable> {
    serde_json::from_slice(context.message.payload).map_err(|why| Unreadable::Json { what, why: why.to_string() })
}

fn id(id: Option<Label>) -> Result<Option<String>, Unreadable> {
    id.map(|id| value::name("id", &id.into_text())).transpose()
}

fn moment(value: Option<&Value>) -> Result<Option<Timestamp>, Unreadable> {
    let wrong = |value: &Value| Unreadable::Wrong { field: "timestamp".to_owned(), why: format!("{value} is no time") };
    value.map(|value| value::moment(value).ok_or_else(|| wrong(value))).transpose()
}

/// The channel of the topic. A payload that names another pin contradicts itself, and nobody can tell which is meant.
fn channel(context: &Context<'_>, gpio: Option<Label>) -> Result<String, Unreadable> {
    let channel = context.name("channel")?;
    match gpio.map(Label::into_text) {
        Some(gpio) if gpio != channel => {
            let why = format!("it says `{gpio}`, the topic `{channel}`");
            Err(Unreadable::Wrong { field: "gpio".to_owned(), why })
        }
        _ => Ok(channel),
    }
}
