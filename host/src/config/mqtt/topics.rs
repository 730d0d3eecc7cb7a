//! `[mqtt.topics]`: where devices that speak the host's own dialect are heard and told.

use interlock_core::topic::Template;
use serde::{Deserialize, Serialize};

/// Topic templates with `{kaiser}`, `{device}` and `{channel}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Topics {
    /// Readings in.
    pub sensor: String,
    /// What actuators say of themselves, in.
    pub status: String,
    /// Signs of life, in.
    pub heartbeat: String,
    /// Key figures out of bounds, in; has `{kpi}`.
    pub alert: String,
    /// Incidents, in; has `{kind}`.
    pub incident: String,
    /// Commands, out.
    pub command: String,
    /// The stop of one device, out and in.
    pub emergency: String,
    /// The stop of everything, out and in.
    pub broadcast: String,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            sensor: "kaiser/{kaiser}/esp/{device}/sensor/{channel}/data".to_owned(),
            status: "kaiser/{kaiser}/esp/{device}/actuator/{channel}/status".to_owned(),
            heartbeat: "kaiser/{kaiser}/esp/{device}/system/heartbeat".to_owned(),
            alert: "events/alert/{kpi}".to_owned(),
            incident: "events/incident/{kind}".to_owned(),
            command: "kaiser/{kaiser}/esp/{device}/actuator/{channel}/command".to_owned(),
            emergency: "kaiser/{kaiser}/esp/{device}/system/emergency".to_owned(),
            broadcast: "kaiser/broadcast/emergency".to_owned(),
        }
    }
}

impl Topics {
    /// The templates that events come in on.
    pub fn heard(&self) -> impl Iterator<Item = &str> {
        [&self.sensor, &self.status, &self.heartbeat, &self.alert, &self.incident].into_iter().map(String::as_str)
    }

    /// What is wrong with them.
    pub fn problems(&self, kaiser: &str) -> Vec<String> {
        let wanted: [(&str, &str, &[&str]); 8] = [
            ("sensor", &self.sensor, &["device", "channel"]),
            ("status", &self.status, &["device", "channel"]),
            ("heartbeat", &self.heartbeat, &["device"]),
            ("alert", &self.alert, &["kpi"]),
            ("incident", &self.incident, &["kind"]),
            ("command", &self.command, &["device", "channel"]),
            ("emergency", &self.emergency, &["device"]),
            ("broadcast", &self.broadcast, &[]),
        ];
        let problems = wanted.into_iter().flat_map(|(key, topic, names)| {
            let wrong = check(topic, kaiser, names);
            wrong.into_iter().map(move |what| format!("`mqtt.topics.{key}`: {what}"))
        });
        problems.collect()
    }
}

/// What is wrong with a template that has to have exactly these placeholders beside `{kaiser}`.
fn check(topic: &str, kaiser: &str, names: &[&str]) -> Vec<String> {
    let template = match Template::parse(topic) {
        Ok(template) => template,
        Err(wrong) => return vec![wrong.to_string()],
    };
    let template = match template.bind("kaiser", kaiser) {
        Ok(template) => template,
        Err(wrong) => return vec![wrong.to_string()],
    };
    let found: Vec<&str> = template.names().collect();
    let missing = names.iter().filter(|name| !found.contains(name));
    let extra = found.iter().filter(|name| !names.contains(name));
    missing
        .map(|name| format!("`{topic}` needs `{{{name}}}`"))
        .chain(extra.map(|name| format!("`{topic}` has `{{{name}}}`, which means nothing here")))
        .collect()
}
