//! Payloads as their makers document them, and bytes that nobody documents.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::event::{ActuatorStatus, Alert, Incident, Occurrence, Presence, Quality, Reading, Severity};

const NOW: Timestamp = Timestamp(1_760_000_000_000);

fn source(topic: &str, format: Format) -> Source {
    Source { topic: Template::parse(topic).unwrap(), format }
}

fn reader(mapped: &[SourceConfig]) -> Reader {
    let mut sources: Vec<Source> = mapped.iter().map(|config| config.compile().unwrap()).collect();
    sources.extend([
        source("kaiser/god/esp/{device}/sensor/{channel}/data", Format::Sensor),
        source("kaiser/god/esp/{device}/actuator/{channel}/status", Format::Actuator),
        source("kaiser/god/esp/{device}/system/heartbeat", Format::Heartbeat),
        source("events/alert/{kpi}", Format::Alert),
        source("events/incident/{kind}", Format::Incident),
    ]);
    Reader::new(sources, 300_000, 4_096)
}

fn read_with(reader: &Reader, topic: &str, payload: &[u8], retained: bool) -> Result<Vec<Observation>, Unreadable> {
    reader.read(&Message { topic, payload, retained, at: NOW }, || "made".to_owned())
}

fn read(topic: &str, payload: &str) -> Result<Vec<Observation>, Unreadable> {
    read_with(&reader(&[]), topic, payload.as_bytes(), false)
}

fn only(observations: Result<Vec<Observation>, Unreadable>) -> Observation {
    let mut observations = observations.unwrap();
    assert_eq!(observations.len(), 1);
    observations.remove(0)
}

fn reading(device: &str, channel: &str, quantity: &str, value: f64, unit: Option<&str>) -> Reading {
    Reading {
        device: device.to_owned(),
        channel: channel.to_owned(),
        quantity: quantity.to_owned(),
        value,
        raw: None,
        unit: unit.map(str::to_owned),
        quality: Quality::Good,
        retained: false,
    }
}

#[test]
fn the_sensor_payload_of_the_seed() {
    let payload = r#"{"ts": 1760000000000, "gpio": 34, "sensor_type": "temperature", "raw": 2048, "value": 26.5,
        "unit": "°C", "quality": "good"}"#;
    let observation = only(read("kaiser/god/esp/ESP_01/sensor/34/data", payload));
    assert_eq!(observation.id, "made");
    assert_eq!(observation.measured, Some(NOW));
    let expected = Reading { raw: Some(2048.0), ..reading("ESP_01", "34", "temperature", 26.5, Some("°C")) };
    assert_eq!(observation.what, Occurrence::Reading(expected));
}

#[rstest]
#[case(r#"{"raw": 7}"#, 7.0, Quality::Good)]
#[case(r#"{"value": 1, "quality": "poor"}"#, 1.0, Quality::Suspect)]
#[case(r#"{"value": 1, "quality": "stale"}"#, 1.0, Quality::Stale)]
#[case(r#"{"value": 1, "ts": 1760000300000}"#, 1.0, Quality::Good)]
#[case(r#"{"value": 1, "ts": 1760000300001}"#, 1.0, Quality::Suspect)]
#[case(r#"{"value": 1, "ts": 1759999699999}"#, 1.0, Quality::Suspect)]
#[case(r#"{"value": 1, "ts": -5}"#, 1.0, Quality::Suspect)]
#[case(r#"{"value": 1, "gpio": "34", "more": {"a": [1]}}"#, 1.0, Quality::Good)]
fn sensors_may_say_less_or_more(#[case] payload: &str, #[case] value: f64, #[case] quality: Quality) {
    let Occurrence::Reading(reading) = only(read("kaiser/god/esp/E/sensor/34/data", payload)).what else {
        panic!("no reading");
    };
    assert_eq!((reading.value, reading.quality), (value, quality));
}

#[rstest]
#[case("kaiser/god/esp/E/sensor/34/data", "")]
#[case("kaiser/god/esp/E/sensor/34/data", "{}")]
#[case("kaiser/god/esp/E/sensor/34/data", "[1]")]
#[case("kaiser/god/esp/E/sensor/34/data", r#"{"value": "hot"}"#)]
#[case("kaiser/god/esp/E/sensor/34/data", r#"{"value": 1e999}"#)]
#[case("kaiser/god/esp/E/sensor/34/data", r#"{"value": 1, "gpio": 35}"#)]
#[case("kaiser/god/esp/E/sensor/34/data", r#"{"value": 1, "unit": "a\nb"}"#)]
#[case("kaiser/god/esp/E/actuator/1/status", r#"{"state": "perhaps"}"#)]
#[case("kaiser/god/esp/E/actuator/1/status", "{}")]
#[case("kaiser/god/esp/E/system/heartbeat", "alive")]
#[case("events/alert/margin", r#"{"severity": "terrible"}"#)]
#[case("events/incident/fire", r#"{"severity": 11}"#)]
#[case("events/incident/fire", r#"{"severity": -1}"#)]
#[case("events/incident/fire", r#"{"severity": 1, "timestamp": "yesterday"}"#)]
#[case("elsewhere", "{}")]
fn what_means_nothing_is_refused(#[case] topic: &str, #[case] payload: &str) {
    assert!(read(topic, payload).is_err());
}

#[test]
fn what_is_too_long_is_not_looked_at() {
    let payload = format!(r#"{{"value": 1, "unit": "{}"}}"#, "x".repeat(5_000));
    let refused = read("kaiser/god/esp/E/sensor/34/data", &payload);
    assert_eq!(refused, Err(Unreadable::TooLong { bytes: payload.len(), limit: 4_096 }));
}

#[rstest]
#[case(r#"{"gpio": 18, "type": "pump", "state": "on", "value": 1.0}"#, true)]
#[case(r#"{"state": true}"#, true)]
#[case(r#"{"state": "OFF", "value": 0.4}"#, false)]
#[case(r#"{"state": "moving", "value": 0.4}"#, true)]
#[case(r#"{"value": 0}"#, false)]
fn an_actuator_says_whether_it_is_on(#[case] payload: &str, #[case] active: bool) {
    let Occurrence::Actuator(status) = only(read("kaiser/god/esp/E/actuator/18/status", payload)).what else {
        panic!("no status");
    };
    assert_eq!(status.active, active);
}

#[rstest]
#[case("{}", true)]
#[case(r#"{"uptime": 5}"#, true)]
#[case(r#"{"status": "offline"}"#, false)]
#[case(r#"{"online": false}"#, false)]
fn a_heartbeat_is_presence(#[case] payload: &str, #[case] online: bool) {
    let what = only(read("kaiser/god/esp/E/system/heartbeat", payload)).what;
    assert_eq!(what, Occurrence::Device(Presence { device: "E".to_owned(), online }));
}

#[test]
fn the_alert_of_the_seed() {
    let payload = r#"{"id": "test", "kpiId": "margin", "title": "Test", "message": "Test", "severity": "warn"}"#;
    let observation = only(read("events/alert/margin", payload));
    assert_eq!(observation.id, "test");
    let alert = Alert {
        kpi: "margin".to_owned(),
        title: "Test".to_owned(),
        message: "Test".to_owned(),
        severity: Severity::Warn,
        delta: None,
        roles: Vec::new(),
    };
    assert_eq!(observation.what, Occurrence::Alert(alert));
}

#[test]
fn the_incident_of_the_seed() {
    let payload = r#"{"event_type": "memory_leak", "severity": 9, "context": {"service": "payment-api",
        "memory_usage_mb": 8192}, "timestamp": "2025-10-20T12:00:00"}"#;
    let observation = only(read("events/incident/memory_leak", payload));
    assert_eq!(observation.measured, Some(Timestamp(1_760_961_600_000)));
    let context = serde_json::json!({"service": "payment-api", "memory_usage_mb": 8192});
    let incident = Incident { kind: "memory_leak".to_owned(), severity: 9, context };
    assert_eq!(observation.what, Occurrence::Incident(incident));
}

#[test]
fn what_the_broker_kept_is_marked_or_refused() {
    let reader = reader(&[]);
    let kept = read_with(&reader, "kaiser/god/esp/E/sensor/34/data", br#"{"value": 1}"#, true).unwrap();
    assert!(matches!(&kept.first().unwrap().what, Occurrence::Reading(reading) if reading.retained));
    let alert = read_with(&reader, "events/alert/margin", br#"{"severity": "warn"}"#, true);
    assert_eq!(alert, Err(Unreadable::Retained("alert")));
}

fn config(text: &str) -> Vec<SourceConfig> {
    #[derive(serde::Deserialize)]
    struct Sources {
        sources: Vec<SourceConfig>,
    }
    toml::from_str::<Sources>(text).unwrap().sources
}

#[test]
fn zigbee2mqtt() {
    let reader = reader(&config(
        r#"
        [[sources]]
        topic = "zigbee2mqtt/{device}"
        time = "/last_seen"
        readings = [
            { value = "/temperature", quantity = "temperature", unit = "°C" },
            { value = "/humidity", quantity = "humidity", unit = "%" },
            { value = "/contact", quantity = "contact" },
        ]
        actuators = [{ state = "/state", channel = "plug" }]
        [[sources]]
        topic = "zigbee2mqtt/{device}/availability"
        presence = { state = "/state" }
        "#,
    ));
    let climate = br#"{"battery":97,"humidity":54.21,"last_seen":"2025-10-09T08:53:20.000Z","linkquality":120,
        "pressure":null,"temperature":21.37}"#;
    let observations = read_with(&reader, "zigbee2mqtt/greenhouse", climate, false).unwrap();
    assert_eq!(observations.iter().map(|o| o.id.as_str()).collect::<Vec<_>>(), ["made", "made.1"]);
    let what: Vec<_> = observations.into_iter().map(|o| o.what).collect();
    let temperature = reading("greenhouse", "temperature", "temperature", 21.37, Some("°C"));
    let humidity = reading("greenhouse", "humidity", "humidity", 54.21, Some("%"));
    assert_eq!(what, [Occurrence::Reading(temperature), Occurrence::Reading(humidity)]);

    let contact = only(read_with(&reader, "zigbee2mqtt/door", br#"{"contact":false}"#, false)).what;
    assert_eq!(contact, Occurrence::Reading(reading("door", "contact", "contact", 0.0, None)));
    let plug = only(read_with(&reader, "zigbee2mqtt/pump", br#"{"state":"ON"}"#, false)).what;
    assert!(matches!(plug, Occurrence::Actuator(ActuatorStatus { active: true, .. })));
    let gone = only(read_with(&reader, "zigbee2mqtt/pump/availability", br#"{"state":"offline"}"#, false)).what;
    assert_eq!(gone, Occurrence::Device(Presence { device: "pump".to_owned(), online: false }));
    assert!(read_with(&reader, "zigbee2mqtt/pump", br#"{"battery":50}"#, false).is_err());
}

#[test]
fn tasmota() {
    let reader = reader(&config(
        r#"
        [[sources]]
        topic = "tele/{device}/SENSOR"
        readings = [
            { value = "/AM2301/Temperature", channel = "AM2301", quantity = "temperature", unit = "/TempUnit" },
            { value = "/AM2301/Humidity", channel = "AM2301", quantity = "humidity", unit = "%" },
        ]
        [[sources]]
        topic = "stat/{device}/{channel}"
        actuators = [{ state = "" }]
        [[sources]]
        topic = "tele/{device}/LWT"
        presence = { state = "", online = "Online" }
        "#,
    ));
    let sensor = br#"{"Time":"2024-03-05T10:20:30","AM2301":{"Temperature":24.6,"Humidity":58.2},"TempUnit":"C"}"#;
    let observations = read_with(&reader, "tele/shed/SENSOR", sensor, false).unwrap();
    let first = observations.first().unwrap();
    assert_eq!(first.what, Occurrence::Reading(reading("shed", "AM2301", "temperature", 24.6, Some("C"))));
    assert_eq!(observations.len(), 2);
    let power = only(read_with(&reader, "stat/shed/POWER", b"ON", false)).what;
    assert!(matches!(power, Occurrence::Actuator(ActuatorStatus { active: true, channel, .. }) if channel == "POWER"));
    let here = only(read_with(&reader, "tele/shed/LWT", b"Online", true)).what;
    assert_eq!(here, Occurrence::Device(Presence { device: "shed".to_owned(), online: true }));
}

#[test]
fn shelly() {
    let reader = reader(&config(
        r#"
        [[sources]]
        topic = "{device}/status/switch:{channel}"
        readings = [
            { value = "/apower", channel = "meter", quantity = "power", unit = "W" },
            { value = "/temperature/tC", channel = "case", quantity = "temperature", unit = "°C" },
        ]
        actuators = [{ state = "/output" }]
        [[sources]]
        topic = "{device}/online"
        presence = { state = "", online = "true" }
        "#,
    ));
    let status = br#"{"id":0,"source":"MQTT","output":true,"apower":8.9,"voltage":235.7,"current":0.1,
        "aenergy":{"total":6.532},"temperature":{"tC":41.2,"tF":106.2}}"#;
    let what: Vec<_> = read_with(&reader, "shellyplus1pm-a8/status/switch:0", status, false)
        .unwrap()
        .into_iter()
        .map(|o| o.what)
        .collect();
    let power = reading("shellyplus1pm-a8", "meter", "power", 8.9, Some("W"));
    let case = reading("shellyplus1pm-a8", "case", "temperature", 41.2, Some("°C"));
    assert_eq!(what[..2], [Occurrence::Reading(power), Occurrence::Reading(case)]);
    assert!(matches!(&what[2], Occurrence::Actuator(status) if status.active && status.channel == "0"));
    let online = only(read_with(&reader, "shellyplus1pm-a8/online", b"true", false)).what;
    assert!(matches!(online, Occurrence::Device(Presence { online: true, .. })));
}

#[test]
fn esphome() {
    let reader = reader(&config(
        r#"
        [[sources]]
        topic = "{device}/sensor/{channel}/state"
        readings = [{ value = "" }]
        [[sources]]
        topic = "{device}/switch/{channel}/state"
        actuators = [{ state = "" }]
        [[sources]]
        topic = "{device}/status"
        presence = { state = "" }
        "#,
    ));
    let value = only(read_with(&reader, "garden/sensor/soil_moisture/state", b"38.4", false)).what;
    assert_eq!(value, Occurrence::Reading(reading("garden", "soil_moisture", "soil_moisture", 38.4, None)));
    let switch = only(read_with(&reader, "garden/switch/pump/state", b"OFF", false)).what;
    assert!(matches!(switch, Occurrence::Actuator(ActuatorStatus { active: false, .. })));
    assert!(read_with(&reader, "garden/sensor/soil_moisture/state", b"nan", false).is_err());
    assert!(read_with(&reader, "garden/sensor/soil_moisture/state", b"\xff", false).is_err());
}

#[test]
fn a_custom_event_is_the_whole_payload() {
    let reader = reader(&config("[[sources]]\ntopic = \"shop/orders\"\ncustom = \"order\"\nid = \"/no\""));
    let order = only(read_with(&reader, "shop/orders", br#"{"no": 7}"#, false));
    assert_eq!(order.id, "7");
    assert!(matches!(order.what, Occurrence::Custom(custom) if custom.kind == "order"));
}

#[rstest]
#[case("topic = \"a/{device}\"", "takes nothing")]
#[case("topic = \"a\"\nreadings = [{ value = \"/v\", channel = \"c\" }]", "no `{device}`")]
#[case("topic = \"a/{device}\"\nreadings = [{ value = \"/v\" }]", "needs a `channel`")]
#[case("topic = \"a/{device}\"\nreadings = [{ value = \"v\", channel = \"c\" }]", "no JSON pointer")]
#[case("topic = \"a/{device}\"\nactuators = [{ state = \"\" }]", "needs a `channel`")]
#[case("topic = \"a/#/b\"\ncustom = \"x\"", "no level")]
fn a_wrong_source_says_what_is_wrong(#[case] text: &str, #[case] expected: &str) {
    let config: SourceConfig = toml::from_str(text).unwrap();
    let problems = config.compile().unwrap_err();
    assert!(problems.iter().any(|problem| problem.contains(expected)), "{problems:?}");
}

const TOPICS: [&str; 9] = [
    "kaiser/god/esp/E/sensor/34/data",
    "kaiser/god/esp/E/actuator/18/status",
    "kaiser/god/esp/E/system/heartbeat",
    "events/alert/margin",
    "events/incident/fire",
    "tele/E/SENSOR",
    "E/sensor/c/state",
    "shop/orders",
    "nowhere",
];

fn everything() -> Reader {
    reader(&config(
        r#"
        [[sources]]
        topic = "tele/{device}/SENSOR"
        time = "/ts"
        readings = [{ value = "/value", channel = "c", raw = "/raw", unit = "/unit", quality = "/quality" }]
        [[sources]]
        topic = "{device}/sensor/{channel}/state"
        readings = [{ value = "", scale = 1e308 }]
        [[sources]]
        topic = "shop/orders"
        custom = "order"
        "#,
    ))
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        (-1e308..1e308f64).prop_map(|n| format!("{n:e}")),
        "\"[a-zA-Z0-9:.-]{0,12}\"",
        Just("1e400".to_owned()),
    ];
    let key = prop_oneof![
        Just("ts"),
        Just("value"),
        Just("raw"),
        Just("gpio"),
        Just("state"),
        Just("severity"),
        Just("unit"),
        Just("timestamp"),
        Just("id"),
        Just("quality"),
        Just("context"),
        Just("status"),
        Just("x")
    ];
    prop::collection::btree_map(key, leaf, 0..8).prop_map(|map| {
        let fields: Vec<String> = map.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(payload in prop::collection::vec(any::<u8>(), 0..300), n in 0..TOPICS.len()) {
        let _ = read_with(&everything(), TOPICS[n], &payload, false);
    }

    #[test]
    fn what_is_read_is_finite_and_named(payload in json(), n in 0..TOPICS.len(), retained: bool) {
        for observation in read_with(&everything(), TOPICS[n], payload.as_bytes(), retained).unwrap_or_default() {
            prop_assert!(!observation.id.is_empty());
            if let Occurrence::Reading(reading) = observation.what {
                prop_assert!(reading.value.is_finite() && reading.raw.is_none_or(f64::is_finite));
                prop_assert!(!reading.device.is_empty() && !reading.channel.is_empty() && !reading.quantity.is_empty());
                prop_assert_eq!(reading.retained, retained);
            }
        }
    }
}
