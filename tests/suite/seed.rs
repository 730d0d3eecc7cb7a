//! The seed's own scenario, and the life of a policy after it: over the embedded broker, and over a real Mosquitto where
//! one is asked for (`INTERLOCK_TEST_MOSQUITTO=1`; the extended checks do).

use std::net::SocketAddr;

use anyhow::{Context, Result};
use interlock_tests::host::Options;
use interlock_tests::{Api, Device, Host, Live, Mosquitto, shipped};
use serde_json::{Value, json};

use crate::CONFIG;

/// The seed's rule, as printed there.
fn rule(threshold: f64, value: f64) -> Value {
    json!({
        "rule_name": "auto_irrigation",
        "enabled": true,
        "trigger_conditions": {
            "type": "sensor_threshold", "esp_id": "ESP_01", "gpio": 34, "operator": ">", "value": threshold,
        },
        "actions": [{ "type": "actuator_command", "esp_id": "ESP_02", "gpio": 18, "value": value }],
    })
}

const SENSOR: u8 = 34;
const COMMAND: &str = "esp/ESP_02/actuator/18/command";

#[test]
fn over_the_embedded_broker() -> Result<()> {
    scenario(None)
}

#[test]
fn over_mosquitto() -> Result<()> {
    if std::env::var_os("INTERLOCK_TEST_MOSQUITTO").is_none() {
        return Ok(());
    }
    scenario(Some(&Mosquitto::start()?))
}

fn scenario(mosquitto: Option<&Mosquitto>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let start = |token: Option<String>| {
        let mqtt_url = mosquitto.map(Mosquitto::url);
        Host::start(&Options { data: &data, mqtt_url, config: CONFIG, token })
    };
    let host = start(None)?;
    let wire = |host: &Host| -> Result<SocketAddr> {
        mosquitto.map(|broker| broker.address).or(host.mqtt).context("no broker")
    };
    let (esp1, esp2) = (Device::connect(wire(&host)?, "ESP_01")?, Device::connect(wire(&host)?, "ESP_02")?);

    push(&host, &rule(25.0, 1.0), "as in the seed")?;
    a_hot_reading_switches_the_pump(&host, &esp1, &esp2)?;
    a_changed_policy_acts_after_its_activation(&host, &esp1, &esp2)?;
    a_bad_policy_is_refused_and_changes_nothing(&host, &esp1, &esp2)?;
    a_rollback_brings_the_old_version_back(&host, &esp1, &esp2)?;
    a_stop_makes_safe_and_holds(&host, &esp1, &esp2)?;

    let token = host.token.clone();
    let before = facts(&host.api())?;
    assert_eq!(host.drain()?.code(), Some(0), "a drain ends well");
    // A broker lets one client of a name in at a time.
    drop((esp1, esp2));

    let host = start(Some(token))?;
    assert_eq!(facts(&host.api())?, before, "versions, latch and policy are there after the restart");
    let (esp1, esp2) = (Device::connect(wire(&host)?, "ESP_01")?, Device::connect(wire(&host)?, "ESP_02")?);
    a_reset_opens_and_the_next_reading_acts(&host, &esp1, &esp2)?;
    let verified = host.cli_json(&["journal", "verify"])?;
    assert_eq!(verified["first_bad"], Value::Null, "the chain is whole: {verified}");
    Ok(())
}

/// Saves a version and lets it answer.
fn push(host: &Host, rule: &Value, comment: &str) -> Result<Value> {
    let file = host.data().with_extension("rule.json");
    std::fs::write(&file, rule.to_string())?;
    let (file, component) = (file.display().to_string(), shipped("logic").display().to_string());
    let push = ["push", "irrigation", &component, "--config", &file, "--comment", comment, "--activate", "enforce"];
    host.cli_json(&push)
}

fn a_hot_reading_switches_the_pump(host: &Host, esp1: &Device, esp2: &Device) -> Result<()> {
    let mut live = Live::connect(host.http, &host.token)?;
    live.subscribe("logic_execution/#")?;
    live.subscribe("sensor_data/ESP_01")?;
    esp1.reads(SENSOR, "temperature", 24.0)?;
    esp1.reads(SENSOR, "temperature", 26.5)?;
    let command = esp2.is_set(COMMAND, 1.0)?;
    assert!(!command.retain, "a command is never retained");
    assert_eq!(command.payload["command"], "SET");
    assert_eq!(command.payload["value"], 1.0);
    assert_eq!(command.payload["source"], "automation");
    assert!(command.payload["valid_until"].as_u64() > command.payload["timestamp"].as_u64());
    let data = live.hears("sensor_data")?;
    assert_eq!((&data["esp_id"], &data["gpio"], &data["value"]), (&json!("ESP_01"), &json!(34), &json!(24.0)));
    let execution = live.hears("logic_execution")?;
    assert_eq!((&execution["rule_name"], &execution["success"]), (&json!("auto_irrigation"), &json!(true)));

    let decisions = host.api().get("/api/v1/decisions?policy=irrigation&limit=1")?.ok()?;
    let text = decisions.to_string();
    assert!(
        text.contains("\"version\":1") && text.contains("PASSED"),
        "the decision names version and verdict: {text}"
    );
    Ok(())
}

fn a_changed_policy_acts_after_its_activation(host: &Host, esp1: &Device, esp2: &Device) -> Result<()> {
    let job = push(host, &rule(30.0, 0.5), "later and gentler")?;
    assert_eq!(job["version"], 2, "{job}");
    esp1.reads(SENSOR, "temperature", 31.0)?;
    assert_eq!(esp2.hears(COMMAND)?.payload["value"], 0.5);
    // The same again is no new version.
    let component = shipped("logic").display().to_string();
    let file = host.data().with_extension("rule.json").display().to_string();
    let again = host.cli(&["push", "irrigation", &component, "--config", &file])?;
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("version 2"), "{again:?}");
    Ok(())
}

fn a_bad_policy_is_refused_and_changes_nothing(host: &Host, esp1: &Device, esp2: &Device) -> Result<()> {
    let mut bad = rule(30.0, 1.0);
    bad["trigger_conditions"]["operator"] = json!("hotter than");
    let answer =
        host.api().put("/api/v1/policies/irrigation/config", &json!({ "config": bad, "comment": "broken" }))?;
    let job = host.api().job(&answer)?;
    assert_eq!(job["state"], "failed", "{job}");
    let problems = job["error"]["problems"].to_string();
    assert!(problems.contains("/trigger_conditions/operator"), "the culprit is named: {job}");
    esp1.reads(SENSOR, "temperature", 32.0)?;
    assert_eq!(esp2.hears(COMMAND)?.payload["value"], 0.5, "version 2 goes on");
    Ok(())
}

fn a_rollback_brings_the_old_version_back(host: &Host, esp1: &Device, esp2: &Device) -> Result<()> {
    let policy = host.cli_json(&["rollback", "irrigation", "--reason", "too gentle"])?;
    assert_eq!(policy["active"]["version"], 1, "{policy}");
    esp1.reads(SENSOR, "temperature", 26.0)?;
    assert_eq!(esp2.hears(COMMAND)?.payload["value"], 1.0);
    let history = host.cli_json(&["history", "irrigation"])?;
    assert!(history.to_string().contains("later and gentler"), "history keeps comments: {history}");
    Ok(())
}

fn a_stop_makes_safe_and_holds(host: &Host, esp1: &Device, esp2: &Device) -> Result<()> {
    let mut live = Live::connect(host.http, &host.token)?;
    live.subscribe("#")?;
    esp2.rest();
    let report = host.cli_json(&["stop", "--reason", "a test"])?;
    assert_eq!((&report["latched_on_disk"], &report["outlet_cleared"]), (&json!(true), &json!(true)), "{report}");
    assert_eq!(esp2.hears("kaiser/broadcast/emergency")?.payload["stop"], true);
    assert_eq!(esp2.hears(COMMAND)?.payload["value"], 0.0, "the safe value");
    live.hears("system_event")?;
    esp1.reads(SENSOR, "temperature", 40.0)?;
    let manual = host.api().post("/api/v1/actuators/pump/command", &json!({ "value": 1.0, "reason": "try" }))?;
    assert!(manual.body.to_string().contains("EMERGENCY_STOP_ACTIVE"), "{manual:?}");
    let on = esp2.rest().into_iter().find(|heard| heard.topic.ends_with(COMMAND) && heard.payload["value"] != 0.0);
    assert!(on.is_none(), "nothing goes on after a stop: {on:?}");
    // Saying the opposite over MQTT opens nothing.
    esp1.publish("kaiser/broadcast/emergency", r#"{"stop": false}"#)?;
    let reset = host.cli(&["reset"])?;
    assert_ne!(reset.status.code(), Some(0), "a reset needs a reason");
    assert_eq!(host.api().get("/api/v1/safety")?.ok()?["scopes"], json!([{ "scope": "all" }]));
    Ok(())
}

fn a_reset_opens_and_the_next_reading_acts(host: &Host, esp1: &Device, esp2: &Device) -> Result<()> {
    host.cli_json(&["reset", "--reason", "looked after it"])?;
    esp2.rest();
    esp1.reads(SENSOR, "temperature", 41.0)?;
    // After the reset the safe value may be said anew.
    esp2.is_set(COMMAND, 1.0)?;
    Ok(())
}

/// What must be the same after a restart.
fn facts(api: &Api) -> Result<Value> {
    let policy = api.get("/api/v1/policies/irrigation")?.ok()?;
    let safety = api.get("/api/v1/safety")?.ok()?;
    let versions = api.get("/api/v1/policies/irrigation/versions")?.ok()?;
    Ok(json!({
        "active": policy["active"], "mode": policy["mode"], "latest": policy["latest"],
        "stopped": safety["scopes"], "versions": versions,
    }))
}
