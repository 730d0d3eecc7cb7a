//! A stop from wherever it comes, for everything or for one device, and what it survives.

use anyhow::{Context, Result};
use interlock_tests::host::Options;
use interlock_tests::{Device, Host, Live};
use serde_json::{Value, json};

/// Two devices with a pump each.
const PUMPS: &str = r#"
[actuators.near]
device = "ESP_02"
channel = "18"
kind = "pwm"

[actuators.far]
device = "ESP_03"
channel = "18"
kind = "switch"
"#;

fn stopped(host: &Host) -> Result<Value> {
    Ok(host.api().get("/api/v1/safety")?.ok()?["scopes"].clone())
}

fn command(host: &Host, actuator: &str) -> Result<Value> {
    let body = json!({ "value": 1.0, "reason": "by hand" });
    host.api().post(&format!("/api/v1/actuators/{actuator}/command"), &body).map(|answer| answer.body)
}

#[test]
fn over_mqtt_for_one_device_and_the_others_go_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::start(&Options { data: &folder.path().join("data"), mqtt_url: None, config: PUMPS, token: None })?;
    let broker = host.mqtt.context("a broker")?;
    let (near, far) = (Device::connect(broker, "ESP_02")?, Device::connect(broker, "ESP_03")?);
    let mut live = Live::connect(host.http, &host.token)?;
    live.subscribe("#")?;
    assert!(command(&host, "near")?.to_string().contains("PASSED"));
    near.is_set("actuator/18/command", 1.0)?;
    far.publish("kaiser/god/esp/ESP_02/system/emergency", r#"{"stop": true, "reason": "smoke"}"#)?;
    assert_eq!(near.hears("actuator/18/command")?.payload["value"], 0.0, "its safe value");
    live.hears("system_event")?;
    assert_eq!(stopped(&host)?, json!([{ "scope": "device", "device": "ESP_02" }]));
    assert!(command(&host, "near")?.to_string().contains("EMERGENCY_STOP_ACTIVE"));
    assert!(command(&host, "far")?.to_string().contains("PASSED"));
    far.is_set("actuator/18/command", 1.0)?;
    Ok(())
}

#[test]
fn over_the_live_connection() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::start(&Options { data: &folder.path().join("data"), mqtt_url: None, config: PUMPS, token: None })?;
    let mut live = Live::connect(host.http, &host.token)?;
    live.subscribe("#")?;
    live.say(&json!({ "type": "emergency_stop", "reason": "a hand on the button" }))?;
    live.hears("system_event")?;
    assert_eq!(stopped(&host)?, json!([{ "scope": "all" }]));
    Ok(())
}

#[test]
fn it_survives_being_killed_right_after_the_answer() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let host = Host::start(&Options { data: &data, mqtt_url: None, config: PUMPS, token: None })?;
    let token = host.token.clone();
    let report = host.api().post("/api/v1/safety/stop", &json!({ "reason": "before the cut" }))?.ok()?;
    assert_eq!(report["latched_on_disk"], true, "{report}");
    host.kill()?;
    let host = Host::start(&Options { data: &data, mqtt_url: None, config: PUMPS, token: Some(token) })?;
    assert_eq!(stopped(&host)?, json!([{ "scope": "all" }]));
    assert!(command(&host, "near")?.to_string().contains("EMERGENCY_STOP_ACTIVE"));
    let verified = host.cli_json(&["journal", "verify"])?;
    assert_eq!(verified["first_bad"], Value::Null, "{verified}");
    Ok(())
}

#[test]
fn it_needs_a_scope_and_a_reset_needs_another() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::start(&Options { data: &folder.path().join("data"), mqtt_url: None, config: PUMPS, token: None })?;
    let made = host.api().post("/api/v1/tokens", &json!({ "name": "button", "scopes": ["safety:stop"] }))?.ok()?;
    let button = interlock_tests::Api::new(host.http, made["token"].as_str().context("a token")?);
    assert_eq!(button.post("/api/v1/safety/stop", &json!({ "reason": "pressed" }))?.status, 200);
    let refused = button.post("/api/v1/safety/reset", &json!({ "reason": "let go" }))?;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(stopped(&host)?, json!([{ "scope": "all" }]));
    Ok(())
}
