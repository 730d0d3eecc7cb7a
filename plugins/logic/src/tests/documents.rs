//! Documents that are taken: their forms, their schema, what they plan.

use interlock_plugin_sdk::{ReadingFilter, Subscription};

use super::*;

/// The rule of the server this policy replaces, as printed there.
const SEED: &str = r#"{
    "rule_name": "auto_irrigation",
    "enabled": true,
    "trigger_conditions": { "type": "sensor_threshold", "esp_id": "ESP_01", "gpio": 34, "operator": ">", "value": 25.0 },
    "actions": [{ "type": "actuator_command", "esp_id": "ESP_02", "gpio": 18, "value": 1.0 }]
}"#;

fn schema() -> jsonschema::Validator {
    let schema: Value = Logic::manifest().config_schema.parse().unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn the_rule_of_the_seed_works_as_printed() {
    let logic: Logic = configure(SEED).unwrap();
    let mut world = Environment::new();
    let decision = temperature(&mut world, &logic, 26.5);

    assert_eq!(decision.intents.len(), 1);
    assert_eq!(decision.intents[0].actuator, "ESP_02/18");
    assert_eq!(decision.intents[0].set, interlock_plugin_sdk::Setting::Value(1.0));
    assert_eq!(decision.intents[0].hold_for, None);
    assert_eq!(decision.intents[0].reason, "auto_irrigation: ESP_01/34 is 26.5, > 25");
    assert_eq!(findings(&decision), [("auto_irrigation", true, "ESP_01/34 is 26.5, > 25")]);
}

#[test]
fn one_rule_a_list_and_a_set_are_the_same() {
    let one: Value = SEED.parse().unwrap();
    for document in [one.clone(), json!([one]), json!({ "rules": [one] })] {
        let decision = temperature(&mut Environment::new(), &logic(&document), 26.5);
        assert_eq!(decision.intents.len(), 1, "{document}");
    }
}

#[test]
fn the_schema_takes_what_the_policy_takes() {
    let seed: Value = SEED.parse().unwrap();
    let full = json!({
        "tick_seconds": 30,
        "rules": [{
            "name": "night", "description": "for people", "priority": 5, "cooldown_seconds": 60,
            "trigger_conditions": { "type": "composite", "operator": "AND", "conditions": [
                { "type": "sensor_threshold", "esp_id": "ESP_01", "gpio": "34", "sensor_type": "temperature",
                  "operator": "between", "min": 5, "max": 10, "hysteresis": 0.5, "accept_quality": "good" },
                { "type": "composite", "operator": "NOT", "conditions": [
                    { "type": "time_window", "start": "06:00", "end": "22:00", "days": ["mon", "sun"], "timezone": "Europe/Berlin" },
                ] },
            ] },
            "actions": [
                { "type": "actuator_command", "actuator": "heater", "value": 0.4, "duration_seconds": 90 },
                { "type": "notification", "channel": "email", "severity": "warn", "message": "frost" },
            ],
        }],
    });
    let schema = schema();
    for document in [seed.clone(), json!([seed]), full] {
        logic(&document);
        assert!(schema.is_valid(&document), "{:#?}", schema.iter_errors(&document).collect::<Vec<_>>());
    }
}

#[test]
fn the_schema_refuses_what_has_another_shape() {
    let schema = schema();
    let mut unknown: Value = SEED.parse().unwrap();
    unknown["colour"] = json!("green");
    let mut operator: Value = SEED.parse().unwrap();
    operator["trigger_conditions"]["operator"] = json!("=>");
    let mut kind: Value = SEED.parse().unwrap();
    kind["actions"][0]["type"] = json!("shout");
    for document in [unknown, operator, kind, json!("rules"), json!({ "rules": 7 })] {
        assert!(!schema.is_valid(&document), "{document}");
    }
}

#[test]
fn the_plan_is_what_the_enabled_rules_need_and_nothing_more() {
    let mut typed = threshold("<", 3.0);
    typed["sensor_type"] = json!("humidity");
    let mut disabled =
        rule("off", &json!({ "type": "sensor_threshold", "esp_id": "ESP_09", "gpio": 1, "operator": ">", "value": 1 }));
    disabled["enabled"] = json!(false);
    disabled["actions"][0]["gpio"] = json!(99);
    let plan =
        logic(&json!([rule("a", &threshold(">", 25.0)), rule("b", &threshold("<", 5.0)), rule("c", &typed), disabled]))
            .plan();

    let any = ReadingFilter::sensor("ESP_01", "34");
    let humidity = any.clone().quantity("humidity");
    assert_eq!(plan.reads, [any.clone(), humidity.clone()]);
    assert_eq!(plan.subscriptions, [Subscription::Readings(any), Subscription::Readings(humidity)]);
    assert_eq!(plan.actuators, ["ESP_02/18"]);
    assert_eq!(plan.actions, Vec::<String>::new());
}

#[test]
fn rules_without_a_sensor_get_ticks() {
    let window = json!({ "type": "time_window", "start": "06:00", "end": "22:00" });
    let plan = logic(&json!({ "rules": [rule("lamp", &window)], "tick_seconds": 10 })).plan();
    assert_eq!(plan.subscriptions, [Subscription::Ticks(10_000)]);

    let both = json!({ "type": "composite", "operator": "AND", "conditions": [window, threshold(">", 1.0)] });
    let plan = logic(&rule("both", &both)).plan();
    assert_eq!(plan.subscriptions, [Subscription::Readings(ReadingFilter::sensor("ESP_01", "34"))]);
}
