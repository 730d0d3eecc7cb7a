//! `[mqtt]`: the broker, the topics, and what devices that know nothing of this host say and understand.

mod broker;
mod sink;
mod topics;

use std::path::PathBuf;

use interlock_core::event::parse::SourceConfig;
use interlock_core::topic::Template;
use serde::{Deserialize, Serialize};

pub use broker::Broker;
pub use sink::{Piece, SinkConfig, pieces};
pub use topics::Topics;

use crate::mqtt::address::Address;

/// The wire to devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mqtt {
    /// The broker, as `mqtt://[user:password@]host[:port]` or `mqtts://…`. Without it the embedded broker is started.
    pub url: Option<String>,
    /// User name, where the address has none.
    pub username: Option<String>,
    /// Password, where the address has none.
    pub password: Option<String>,
    /// Protocol version: `auto` tries 5 first and falls back to 3.1.1. Default `auto`.
    pub version: Version,
    /// What the client ids begin with; unique per host on a broker, and stable, or unacknowledged messages are lost.
    /// Default `interlock`.
    pub client_id: String,
    /// The `{kaiser}` in topics: the name of this installation. Default `god`.
    pub kaiser: String,
    /// Seconds without traffic until the broker is asked whether it is there, 5 to 10. Default 10.
    pub keep_alive_s: u16,
    /// Largest packet taken and sent, in bytes. Default 1 MiB.
    pub max_packet_bytes: u32,
    /// Largest payload that is read, in bytes; longer ones are recorded as malformed. Default 256 KiB.
    pub max_payload_bytes: u32,
    /// How many messages the broker may have sent that are not yet recorded (MQTT 5). Rate times commit time must fit
    /// in. Default 4,096.
    pub receive_maximum: u16,
    /// How many commands may be under way to the broker at once. Default 256.
    pub outlet_window: u16,
    /// Seconds the broker keeps messages for a host that is away (MQTT 5). Default one day.
    pub session_expiry_s: u32,
    /// Milliseconds a device's clock may be from the arrival before its readings are `suspect`. Default five minutes.
    pub clock_tolerance_ms: u64,
    /// Certificates, for `mqtts://`.
    pub tls: Tls,
    /// Topic templates of devices that speak this host's own dialect.
    pub topics: Topics,
    /// What to take from the messages of other devices; tried before the host's own topics.
    pub sources: Vec<SourceConfig>,
    /// How other devices are told; the first that fits a command is taken, else the host's own command topic.
    pub sinks: Vec<SinkConfig>,
    /// The embedded broker; used where there is no `url`.
    pub broker: Broker,
}

/// Which protocol version is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// 5, and 3.1.1 where the broker refuses 5.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Only 5.
    #[serde(rename = "5")]
    V5,
    /// Only 3.1.1.
    #[serde(rename = "3")]
    V3,
}

/// Certificates, for `mqtts://`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file of certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Whether the machine's certificate authorities are trusted. Default true.
    pub native_roots: bool,
    /// PEM file of the client certificate, where the broker wants one.
    pub cert_file: Option<PathBuf>,
    /// PEM file of the client certificate's key.
    pub key_file: Option<PathBuf>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { ca_file: None, native_roots: true, cert_file: None, key_file: None }
    }
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            url: None,
            username: None,
            password: None,
            version: Version::Auto,
            client_id: "interlock".to_owned(),
            kaiser: "god".to_owned(),
            keep_alive_s: 10,
            max_packet_bytes: 1024 * 1024,
            max_payload_bytes: 256 * 1024,
            receive_maximum: 4_096,
            outlet_window: 256,
            session_expiry_s: 86_400,
            clock_tolerance_ms: 300_000,
            tls: Tls::default(),
            topics: Topics::default(),
            sources: Vec::new(),
            sinks: Vec::new(),
            broker: Broker::default(),
        }
    }
}

impl Mqtt {
    /// What is out of its bounds or contradicts itself.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.bounds();
        problems.extend(self.address());
        problems.extend(self.topics.problems(&self.kaiser));
        for (n, source) in self.sources.iter().enumerate() {
            let wrong = source.compile().err().unwrap_or_default();
            problems.extend(wrong.into_iter().map(|what| format!("`mqtt.sources[{n}]`: {what}")));
        }
        for (n, sink) in self.sinks.iter().enumerate() {
            problems.extend(sink.problems().into_iter().map(|what| format!("`mqtt.sinks[{n}]`: {what}")));
        }
        problems.extend(self.echoes());
        if self.url.is_none() {
            problems.extend(self.broker.problems());
        }
        problems
    }

    fn bounds(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut within = |key: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                problems.push(format!("`mqtt.{key}` is {value}; choose {least} to {most}"));
            }
        };
        within("keep_alive_s", self.keep_alive_s.into(), 5, 10);
        within("max_packet_bytes", self.max_packet_bytes.into(), 1_024, 256 * 1024 * 1024 - 1);
        within("max_payload_bytes", self.max_payload_bytes.into(), 64, self.max_packet_bytes.into());
        within("receive_maximum", self.receive_maximum.into(), 1, 65_535);
        within("outlet_window", self.outlet_window.into(), 1, 4_096);
        if self.client_id.is_empty() || self.client_id.len() > 64 || self.client_id.chars().any(char::is_control) {
            problems.push("`mqtt.client_id` must have 1 to 64 bytes, for example `interlock`".to_owned());
        }
        if self.tls.cert_file.is_some() != self.tls.key_file.is_some() {
            problems.push("`mqtt.tls.cert_file` and `mqtt.tls.key_file` belong together; set both or none".to_owned());
        }
        problems
    }

    fn address(&self) -> Option<String> {
        let url = self.url.as_deref()?;
        Address::parse(url).err().map(|wrong| format!("`mqtt.url`: {wrong}"))
    }

    /// Sources that would hear what the host itself says: every command would be an event, and cause the next command.
    fn echoes(&self) -> Vec<String> {
        let said = self.sinks.iter().map(|sink| sink.topic.as_str()).chain([self.topics.command.as_str()]);
        let said: Vec<Template> = said.filter_map(|topic| Template::parse(topic).ok()).collect();
        let heard = self.sources.iter().map(|source| source.topic.as_str()).chain(self.topics.heard());
        let heard = heard.filter_map(|topic| Some((topic, Template::parse(topic).ok()?)));
        heard
            .filter_map(|(topic, template)| {
                let echo = said.iter().find(|said| said.overlaps(&template))?;
                Some(format!("`mqtt`: `{topic}` would hear the host's own commands on `{echo}`; make it narrower"))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
