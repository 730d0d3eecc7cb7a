//! The checked-in component is what its sources build to: both decide alike on a real host.
//!
//! The extended checks build it anew and name the file in `INTERLOCK_TEST_REBUILT`. Bytes are not compared: another
//! compiler may order them otherwise.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use interlock_tests::host::{Options, binary};
use interlock_tests::{Host, shipped};
use serde_json::{Value, json};

use crate::CONFIG;

/// The component built from the sources, if there is one.
fn rebuilt() -> Option<PathBuf> {
    let path = std::env::var_os("INTERLOCK_TEST_REBUILT").map(PathBuf::from);
    if path.is_none() {
        #[expect(clippy::print_stderr, reason = "whoever reads the test's output must not think that more was done")]
        {
            eprintln!("INTERLOCK_TEST_REBUILT names no rebuilt component: there is nothing to compare");
        }
    }
    path
}

#[test]
fn it_decides_like_the_checked_in_one() -> Result<()> {
    let Some(rebuilt) = rebuilt() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let host =
        Host::start(&Options { data: &folder.path().join("data"), mqtt_url: None, config: CONFIG, token: None })?;
    push(&host, "shipped", &shipped("logic"))?;
    push(&host, "rebuilt", &rebuilt)?;
    let (mut fired, mut rested) = (0, 0);
    for what in occurrences() {
        let (old, new) = (answer(&host, "shipped", &what)?, answer(&host, "rebuilt", &what)?);
        assert_eq!(new, old, "{what}");
        let acts = old["decision"]["intents"].as_array().is_some_and(|intents| !intents.is_empty());
        *(if acts { &mut fired } else { &mut rested }) += 1;
    }
    assert!(fired >= 3 && rested >= 3, "the table shows both: {fired} fired, {rested} did not");
    Ok(())
}

#[test]
fn it_imports_nothing_but_the_contract() -> Result<()> {
    for component in [Some(shipped("logic")), rebuilt()].into_iter().flatten() {
        let report = check(&component)?;
        let imports = report["imports"].as_array().with_context(|| format!("no imports in {report}"))?;
        for import in imports {
            let name = import.as_str().unwrap_or_default();
            assert!(name.starts_with("interlock:policy/"), "{} imports {import}", component.display());
        }
    }
    Ok(())
}

/// What `interlock check` finds.
fn check(component: &Path) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("rules.json");
    std::fs::write(&config, rules().to_string())?;
    let mut command = Command::new(binary()?);
    command.arg("check").arg(component).arg("--config").arg(&config).arg("--json");
    let output = command.current_dir(folder.path()).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        bail!("{}: {}", component.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Saves a version that answers, and whose answers have no effect.
fn push(host: &Host, policy: &str, component: &Path) -> Result<()> {
    let file = host.data().with_extension("rules.json");
    std::fs::write(&file, rules().to_string())?;
    let (file, component) = (file.display().to_string(), component.display().to_string());
    host.cli_json(&["push", policy, &component, "--config", &file, "--comment", "compared", "--activate", "shadow"])?;
    Ok(())
}

/// What a policy answers to an occurrence, without what another moment or another build may change: fuel, time, places
/// in the journal.
fn answer(host: &Host, policy: &str, what: &Value) -> Result<Value> {
    let body = json!({ "event": { "id": "compared", "what": what } });
    let answer = host.api().post(&format!("/api/v1/policies/{policy}/simulate"), &body)?.ok()?;
    assert_eq!(answer["fault"], Value::Null, "{policy} answers {what}: {answer}");
    let of = |list: &str, part: &str| -> Vec<Value> {
        answer[list].as_array().into_iter().flatten().map(|item| item[part].clone()).collect()
    };
    Ok(json!({
        "decision": answer["decision"], "log": answer["log"],
        "reads": of("reads", "device"), "writes": of("writes", "key"),
    }))
}

/// A rule of every kind.
fn rules() -> Value {
    let threshold = |gpio: u8, operator: &str, value: f64| {
        json!({
            "type": "sensor_threshold", "esp_id": "ESP_01", "gpio": gpio,
            "operator": operator, "value": value,
        })
    };
    let drive = |gpio: u8, value: f64| {
        json!({
            "type": "actuator_command", "esp_id": "ESP_02", "gpio": gpio,
            "value": value, "duration_seconds": 60,
        })
    };
    let always = json!({ "type": "time_window", "start": "00:00", "end": "24:00", "timezone": "Europe/Berlin" });
    let both =
        json!({ "type": "composite", "operator": "AND", "conditions": [threshold(34, "<", 10.0), always.clone()] });
    let never = json!({ "type": "composite", "operator": "NOT", "conditions": [always] });
    json!({ "rules": [
        { "rule_name": "hot", "cooldown_seconds": 30, "trigger_conditions": threshold(34, ">", 25.0),
          "actions": [drive(18, 1.0), { "type": "notification", "severity": "warn", "message": "hot" }] },
        { "rule_name": "cold", "priority": 5,
          "trigger_conditions": both,
          "actions": [drive(19, 0.5)] },
        { "rule_name": "never", "trigger_conditions": never,
          "actions": [drive(20, 1.0)] },
        { "rule_name": "between", "trigger_conditions": { "type": "sensor_threshold", "esp_id": "ESP_01", "gpio": 35,
            "operator": "between", "min": 40.0, "max": 60.0, "hysteresis": 2.0, "accept_quality": "good" },
          "actions": [drive(21, 0.25)] },
        { "rule_name": "either", "trigger_conditions": { "type": "composite", "operator": "OR",
            "conditions": [threshold(34, "==", 17.0), threshold(35, ">=", 90.0)] },
          "actions": [drive(18, 0.0)] },
    ] })
}

/// Occurrences on both sides of every threshold, and some that no rule knows.
fn occurrences() -> Vec<Value> {
    let reading = |channel: &str, value: f64| {
        json!({
            "type": "reading", "device": "ESP_01", "channel": channel,
            "quantity": "temperature", "value": value,
        })
    };
    let with = |mut what: Value, key: &str, value: Value| {
        what[key] = value;
        what
    };
    let temperatures = [-40.0, 9.9, 10.0, 17.0, 25.0, 25.000_001, 26.5, 1e300].map(|value| reading("34", value));
    let humidities = [39.9, 40.0, 60.0, 60.1, 90.0].map(|value| reading("35", value));
    let others = [
        with(reading("34", 26.5), "quality", json!("suspect")),
        with(reading("34", 26.5), "quality", json!("stale")),
        with(reading("35", 50.0), "quality", json!("suspect")),
        with(reading("34", 26.5), "retained", json!(true)),
        with(reading("34", 26.5), "unit", json!("°C")),
        with(reading("34", 26.5), "device", json!("ESP_09")),
        json!({ "type": "device", "device": "ESP_01", "online": false }),
        json!({ "type": "custom", "kind": "greeting", "body": { "text": "hello" } }),
    ];
    temperatures.into_iter().chain(humidities).chain(others).collect()
}
