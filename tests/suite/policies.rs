//! What a policy may do is what its slot says, and what it did survives a kill.

use anyhow::{Context, Result};
use interlock_tests::host::Options;
use interlock_tests::{Device, Host, shipped};
use serde_json::{Value, json};

use crate::CONFIG;

const COMMAND: &str = "esp/ESP_02/actuator/18/command";

fn rules() -> Value {
    json!({
        "rule_name": "cool",
        "trigger_conditions": { "type": "sensor_threshold", "esp_id": "ESP_01", "gpio": 34, "operator": ">", "value": 25 },
        "actions": [{ "type": "actuator_command", "esp_id": "ESP_02", "gpio": 18, "value": 0.5 }],
    })
}

fn push(host: &Host, policy: &str, mode: &str) -> Result<Value> {
    let file = host.data().with_extension("rules.json");
    std::fs::write(&file, rules().to_string())?;
    let (file, component) = (file.display().to_string(), shipped("logic").display().to_string());
    host.cli_json(&["push", policy, &component, "--config", &file, "--activate", mode])
}

/// Waits until the policy has decided about a reading with this value.
fn decided(host: &Host, value: f64) -> Result<Value> {
    let mut after = 0;
    let until = std::time::Instant::now() + interlock_tests::PATIENCE;
    while std::time::Instant::now() < until {
        // A page that is empty says where to look next; the request itself is the wait.
        let page = host.api().get(&format!("/api/v1/journal?after={after}&limit=500"))?.ok()?;
        let records = page["records"].as_array().context("records")?;
        let event = |record: &&Value| record["kind"] == "event" && record["what"]["value"] == json!(value);
        if let Some(event) = records.iter().find(event) {
            let of = |record: &&Value| record["kind"] == "decision" && record["event"] == event["seq"];
            if let Some(decision) = records.iter().find(of) {
                return Ok(decision.clone());
            }
        } else if let Some(last) = records.last() {
            after = last["seq"].as_u64().context("a place")?;
        }
    }
    anyhow::bail!("no decision about {value}")
}

#[test]
fn a_shadow_decides_and_never_acts_and_enforcing_it_acts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let host = Host::start(&Options { data: &data, mqtt_url: None, config: CONFIG, token: None })?;
    let broker = host.mqtt.context("a broker")?;
    let (esp1, esp2) = (Device::connect(broker, "ESP_01")?, Device::connect(broker, "ESP_02")?);
    push(&host, "cooling", "shadow")?;
    esp1.reads(34, "temperature", 26.25)?;
    let decision = decided(&host, 26.25)?;
    assert!(decision["changes"].is_null(), "a shadow changes nothing: {decision}");
    assert_eq!((&decision["mode"], decision["verdicts"].is_null()), (&json!("shadow"), true), "{decision}");
    let acted = esp2.rest().into_iter().find(|heard| heard.topic.ends_with(COMMAND) && heard.payload["value"] != 0.0);
    assert!(acted.is_none(), "a shadow sends nothing: {acted:?}");
    host.cli_json(&["set", "cooling", "--mode", "enforce"])?;
    esp1.reads(34, "temperature", 27.25)?;
    esp2.is_set(COMMAND, 0.5)?;
    // Switched off, what it held is given back.
    host.cli_json(&["set", "cooling", "--enabled", "false"])?;
    assert_eq!(esp2.hears(COMMAND)?.payload["value"], 0.0);
    Ok(())
}

#[test]
fn what_was_recorded_survives_a_kill_and_the_policy_goes_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let host = Host::start(&Options { data: &data, mqtt_url: None, config: CONFIG, token: None })?;
    let token = host.token.clone();
    let broker = host.mqtt.context("a broker")?;
    let (esp1, esp2) = (Device::connect(broker, "ESP_01")?, Device::connect(broker, "ESP_02")?);
    push(&host, "cooling", "enforce")?;
    for n in 0..50 {
        esp1.reads(34, "temperature", 26.0 + f64::from(n) / 100.0)?;
    }
    esp2.hears(COMMAND)?;
    host.kill()?;

    let host = Host::start(&Options { data: &data, mqtt_url: None, config: CONFIG, token: Some(token) })?;
    let verified = host.cli_json(&["journal", "verify"])?;
    assert_eq!(verified["first_bad"], Value::Null, "{verified}");
    let broker = host.mqtt.context("a broker")?;
    drop((esp1, esp2));
    let (esp1, esp2) = (Device::connect(broker, "ESP_01")?, Device::connect(broker, "ESP_02")?);
    esp1.reads(34, "temperature", 30.5)?;
    decided(&host, 30.5)?;
    esp2.is_set(COMMAND, 0.5)?;
    // Every reading that was recorded before the kill has one decision at most.
    let page = host.api().get("/api/v1/journal?after=0&limit=1000")?.ok()?;
    let records = page["records"].as_array().context("records")?;
    let mut answered: Vec<_> =
        records.iter().filter(|record| record["kind"] == "decision").map(|record| record["event"].as_u64()).collect();
    let all = answered.len();
    answered.sort_unstable();
    answered.dedup();
    assert_eq!(answered.len(), all, "no event is decided twice");
    Ok(())
}
