//! The policy as the host sees it: a document goes in, events follow, decisions come out.

mod documents;
mod mistakes;
mod run;

use interlock_plugin_sdk::config::configure;
use interlock_plugin_sdk::serde_json::{Value, json};
use interlock_plugin_sdk::testing::Environment;
use interlock_plugin_sdk::{Decision, Policy};

use crate::Logic;

/// The policy of a document that must be right.
fn logic(document: &Value) -> Logic {
    configure(&document.to_string()).unwrap_or_else(|problems| panic!("{problems:#?}\nin {document:#}"))
}

/// A rule that switches `ESP_02/18` on.
fn rule(name: &str, condition: &Value) -> Value {
    json!({
        "rule_name": name,
        "trigger_conditions": condition,
        "actions": [{ "type": "actuator_command", "esp_id": "ESP_02", "gpio": 18, "value": 1.0 }],
    })
}

/// `ESP_01/34` against a value.
fn threshold(operator: &str, value: f64) -> Value {
    json!({ "type": "sensor_threshold", "esp_id": "ESP_01", "gpio": 34, "operator": operator, "value": value })
}

/// A good temperature of `ESP_01/34` arrives.
fn temperature(world: &mut Environment, logic: &Logic, value: f64) -> Decision {
    world.reading(logic, "ESP_01", "34", "temperature", value).unwrap()
}

/// What a decision found: rule, matched, why.
fn findings(decision: &Decision) -> Vec<(&str, bool, &str)> {
    let findings = decision.findings.iter();
    findings.map(|finding| (finding.rule.as_str(), finding.matched, finding.because.as_str())).collect()
}

#[test]
fn the_component_says_what_it_is() {
    let manifest = Logic::manifest();
    assert_eq!(manifest.name, "logic");
    assert_eq!(logic(&rule("r", &threshold(">", 1.0))).plan().actuators, ["ESP_02/18"]);
}
