//! A command as a device understands it: topic and payload, in the host's own dialect or as a sink says.

use interlock_core::command::Command;
use interlock_core::topic::{FillError, Template};
use serde::Serialize;

use super::SetupError;
use super::intake::template;
use crate::config::mqtt::{Mqtt, Piece, SinkConfig, pieces};

/// What is published for one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wire {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

/// How every device is told.
#[derive(Debug)]
pub(super) struct Sinks {
    sinks: Vec<(SinkConfig, Template)>,
    own: Template,
}

/// The host's own command payload.
#[derive(Serialize)]
struct Payload<'a> {
    command: &'static str,
    value: f64,
    source: &'a str,
    timestamp: u64,
    id: &'a str,
    valid_until: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_ms: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeat: bool,
}

impl Sinks {
    pub(super) fn new(config: &Mqtt) -> Result<Self, SetupError> {
        let mut sinks = Vec::new();
        for sink in &config.sinks {
            sinks.push((sink.clone(), template(&sink.topic, &config.kaiser)?));
        }
        Ok(Self { sinks, own: template(&config.topics.command, &config.kaiser)? })
    }

    /// What to publish. `repeat` marks a command that may have been sent before.
    ///
    /// # Errors
    /// When the device's or the channel's name cannot stand in a topic.
    pub(super) fn wire(&self, command: &Command, repeat: bool) -> Result<Wire, FillError> {
        let sink = self.sinks.iter().find(|(sink, _)| sink.fits(&command.device, &command.channel));
        let topic = sink.map_or(&self.own, |(_, topic)| topic);
        let topic = topic.fill(&[("device", command.device.as_str()), ("channel", command.channel.as_str())])?;
        let payload = match sink.and_then(|(sink, _)| Some((sink, sink.payload.as_deref()?))) {
            Some((sink, payload)) => filled(sink, payload, command).into_bytes(),
            None => own_payload(command, repeat),
        };
        Ok(Wire { topic, payload })
    }
}

fn own_payload(command: &Command, repeat: bool) -> Vec<u8> {
    let payload = Payload {
        command: "SET",
        value: command.value,
        source: &command.source,
        timestamp: command.issued.0,
        id: &command.id,
        valid_until: command.valid_until.0,
        hold_ms: command.hold_ms,
        repeat,
    };
    serde_json::to_vec(&payload).unwrap_or_default()
}

fn filled(sink: &SinkConfig, payload: &str, command: &Command) -> String {
    let mut text = String::with_capacity(payload.len() + 32);
    for piece in pieces(payload) {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Name(name) => text.push_str(&part(sink, name, command)),
        }
    }
    text
}

fn part(sink: &SinkConfig, name: &str, command: &Command) -> String {
    let on = command.value > 0.0;
    match name {
        "value" => command.value.to_string(),
        "scaled" => (command.value * sink.scale).round().to_string(),
        "state" => if on { &sink.on } else { &sink.off }.clone(),
        "bool" => on.to_string(),
        "id" => inside_string(&command.id),
        "issued" => command.issued.0.to_string(),
        "valid_until" => command.valid_until.0.to_string(),
        "hold_ms" => command.hold_ms.map_or_else(|| "null".to_owned(), |hold| hold.to_string()),
        "source" => inside_string(&command.source),
        "device" => inside_string(&command.device),
        "channel" => inside_string(&command.channel),
        other => format!("{{{other}}}"),
    }
}

/// A text as it stands between the quotes of a JSON string.
fn inside_string(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use interlock_core::time::Timestamp;
    use rstest::rstest;

    use super::*;

    fn command(device: &str, channel: &str, value: f64) -> Command {
        Command {
            id: "c-1".to_owned(),
            actuator: "pump".to_owned(),
            device: device.to_owned(),
            channel: channel.to_owned(),
            value,
            issued: Timestamp(1_000),
            valid_until: Timestamp(11_000),
            hold_ms: None,
            source: "automation".to_owned(),
            reason: "dry".to_owned(),
        }
    }

    fn sinks(text: &str) -> Sinks {
        let config: Mqtt = toml::from_str(text).unwrap();
        assert_eq!(config.problems(), Vec::<String>::new());
        Sinks::new(&config).unwrap()
    }

    fn wire(sinks: &Sinks, device: &str, channel: &str, value: f64) -> (String, String) {
        let wire = sinks.wire(&command(device, channel, value), false).unwrap();
        (wire.topic, String::from_utf8(wire.payload).unwrap())
    }

    #[test]
    fn the_own_dialect() {
        let sinks = sinks("");
        let (topic, payload) = wire(&sinks, "ESP_02", "18", 1.0);
        assert_eq!(topic, "kaiser/god/esp/ESP_02/actuator/18/command");
        assert_eq!(
            payload,
            r#"{"command":"SET","value":1.0,"source":"automation","timestamp":1000,"id":"c-1","valid_until":11000}"#
        );
        let held = Command { hold_ms: Some(500), ..command("ESP_02", "18", 0.5) };
        let again = String::from_utf8(sinks.wire(&held, true).unwrap().payload).unwrap();
        assert!(again.ends_with(r#""hold_ms":500,"repeat":true}"#), "{again}");
    }

    #[rstest]
    #[case::zigbee2mqtt(
        "[[sinks]]\ntopic = \"zigbee2mqtt/{device}/set\"\npayload = '{\"state\": \"{state}\"}'",
        "pump",
        "state",
        "zigbee2mqtt/pump/set",
        r#"{"state": "ON"}"#
    )]
    #[case::zigbee2mqtt_dimmer(
        "[[sinks]]\ntopic = \"zigbee2mqtt/{device}/set\"\npayload = '{\"brightness\": {scaled}}'\nscale = 254",
        "lamp",
        "brightness",
        "zigbee2mqtt/lamp/set",
        r#"{"brightness": 254}"#
    )]
    #[case::tasmota(
        "[[sinks]]\ntopic = \"cmnd/{device}/{channel}\"\npayload = \"{state}\"",
        "shed",
        "POWER",
        "cmnd/shed/POWER",
        "ON"
    )]
    #[case::shelly(
        "[[sinks]]\ntopic = \"{device}/rpc\"\npayload = '{\"id\":1,\"src\":\"interlock\",\"method\":\"Switch.Set\",\"params\":{\"id\":{channel},\"on\":{bool}}}'",
        "shellyplus1pm-a8",
        "0",
        "shellyplus1pm-a8/rpc",
        r#"{"id":1,"src":"interlock","method":"Switch.Set","params":{"id":0,"on":true}}"#
    )]
    #[case::esphome(
        "[[sinks]]\ntopic = \"{device}/switch/{channel}/command\"\npayload = \"{state}\"",
        "garden",
        "pump",
        "garden/switch/pump/command",
        "ON"
    )]
    fn other_dialects(
        #[case] config: &str,
        #[case] device: &str,
        #[case] channel: &str,
        #[case] topic: &str,
        #[case] payload: &str,
    ) {
        assert_eq!(wire(&sinks(config), device, channel, 1.0), (topic.to_owned(), payload.to_owned()));
    }

    #[test]
    fn the_first_sink_that_fits_is_taken() {
        let sinks = sinks(
            "[[sinks]]\ndevice = \"plug_*\"\ntopic = \"plugs/{device}\"\npayload = \"{state}\"\n\
             on = \"1\"\noff = \"0\"\n[[sinks]]\ndevice = \"lamp\"\nchannel = \"left\"\ntopic = \"lamps/{channel}\"",
        );
        assert_eq!(wire(&sinks, "plug_7", "x", 0.0), ("plugs/plug_7".to_owned(), "0".to_owned()));
        assert_eq!(wire(&sinks, "lamp", "left", 1.0).0, "lamps/left");
        assert_eq!(wire(&sinks, "lamp", "right", 1.0).0, "kaiser/god/esp/lamp/actuator/right/command");
    }

    #[test]
    fn names_cannot_break_out() {
        let sinks = sinks("[[sinks]]\ntopic = \"t\"\npayload = '{\"d\": \"{device}\"}'");
        assert_eq!(wire(&sinks, "a\"b", "c", 1.0).1, r#"{"d": "a\"b"}"#);
        assert!(self::sinks("").wire(&command("a/b", "c", 1.0), false).is_err());
    }
}
