//! Documents that are refused: where the mistake is, and what is said about it.

use super::*;

/// Changes one thing in a right rule; where the policy then sees a mistake, and how it puts it.
fn mistake(change: impl FnOnce(&mut Value)) -> (String, String) {
    let mut document = rule("r", &threshold(">", 25.0));
    change(&mut document);
    refused(&document)
}

fn refused(document: &Value) -> (String, String) {
    let mut problems = configure::<Logic>(&document.to_string()).map(|_| document.clone()).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let problem = problems.remove(0);
    (problem.pointer, problem.message)
}

fn composite(operator: &str, conditions: &[Value]) -> Value {
    json!({ "type": "composite", "operator": operator, "conditions": conditions })
}

fn window(fields: Value) -> Value {
    let mut window = fields;
    window["type"] = json!("time_window");
    window
}

#[test]
fn every_mistake_points_at_its_culprit() {
    #[rustfmt::skip]
    let table: [(&str, Value, &str, &str); 31] = [
        // Where to change, to what; where the mistake is, and a part of what is said.
        ("/rule_name", json!(""), "/rule_name", "1 to 128 bytes"),
        ("/rule_name", json!(7), "/rule_name", "expected a string"),
        ("/rule_nam", json!("x"), "/rule_nam", "unknown field `rule_nam`"),
        ("/name", json!("x"), "/name", "either `rule_name` or `name`"),
        ("/priority", json!("high"), "/priority", "expected i32"),
        ("/cooldown_seconds", json!(-1), "/cooldown_seconds", "from 0 to a year"),
        ("/actions", json!([]), "/actions", "1 to 16 actions"),
        ("/actions/0/type", json!("shout"), "/actions/0/type", "unknown type `shout`, expected one of `actuator_command`, `notification`"),
        ("/actions/0/value", json!("on"), "/actions/0/value", "expected f64"),
        ("/actions/0/gpio", json!(-3), "/actions/0/gpio", "expected a pin number or the name of a channel"),
        ("/actions/0/gpio", json!("a/b"), "/actions/0/gpio", "without `/`"),
        ("/actions/0/actuator", json!("pump"), "/actions/0", "either `esp_id` and `gpio`, or `actuator`"),
        ("/actions/0/duration_seconds", json!(0), "/actions/0/duration_seconds", "longer than nothing"),
        ("/actions/0", json!({ "type": "notification", "message": "" }), "/actions/0/message", "1 to 1024 bytes"),
        ("/actions/0", json!({ "type": "notification", "message": "m", "severity": "loud" }), "/actions/0/severity", "unknown variant `loud`"),
        ("/trigger_conditions/type", json!("moon"), "/trigger_conditions/type", "unknown type `moon`"),
        ("/trigger_conditions/operator", json!("=>"), "/trigger_conditions/operator", "unknown variant `=>`, expected one of `>`"),
        ("/trigger_conditions/valeu", json!(1), "/trigger_conditions/valeu", "unknown field `valeu`"),
        ("/trigger_conditions/value", Value::Null, "/trigger_conditions/value", "needs a `value`"),
        ("/trigger_conditions/min", json!(1), "/trigger_conditions/min", "only `between` takes a `min`"),
        ("/trigger_conditions/esp_id", json!(""), "/trigger_conditions/esp_id", "1 to 128 bytes"),
        ("/trigger_conditions/hysteresis", json!(-0.5), "/trigger_conditions/hysteresis", "not be negative"),
        ("/trigger_conditions/accept_quality", json!("fair"), "/trigger_conditions/accept_quality", "unknown variant `fair`"),
        ("/trigger_conditions", window(json!({ "start": "6:00" })), "/trigger_conditions/start", "`6:00` is no time of day"),
        ("/trigger_conditions", window(json!({ "end": "24:01" })), "/trigger_conditions/end", "`24:01` is no time of day"),
        ("/trigger_conditions", window(json!({ "start": "06:00", "end": "06:00" })), "/trigger_conditions/end", "same as `start`"),
        ("/trigger_conditions", window(json!({ "days": [] })), "/trigger_conditions/days", "names no day"),
        ("/trigger_conditions", window(json!({ "days": ["mon", "someday"] })), "/trigger_conditions/days/1", "unknown variant `someday`"),
        ("/trigger_conditions", window(json!({ "timezone": "Berlin or so" })), "/trigger_conditions/timezone", "no time zone like"),
        ("/trigger_conditions", composite("AND", &[]), "/trigger_conditions/conditions", "at least one"),
        ("/trigger_conditions", composite("NOT", &[threshold(">", 1.0), threshold("<", 1.0)]), "/trigger_conditions/conditions", "exactly one"),
    ];
    for (place, value, pointer, message) in table {
        let (at, said) = mistake(|document| {
            let (parent, field) = place.rsplit_once('/').unwrap();
            match document.pointer_mut(parent).unwrap() {
                Value::Array(items) => items[field.parse::<usize>().unwrap()] = value,
                parent => parent[field] = value,
            }
        });
        assert_eq!(at, pointer, "{said}");
        assert!(said.contains(message), "`{said}` does not say `{message}`");
        assert!(!said.contains(" at line "), "{said}");
    }
}

#[test]
fn a_missing_name_is_missed_where_it_should_be() {
    let (at, said) = mistake(|document| {
        document.as_object_mut().unwrap().remove("rule_name");
    });
    assert_eq!((at.as_str(), said.as_str()), ("", "a rule needs a `rule_name`"));
}

#[test]
fn between_needs_both_ends_in_order() {
    let between = |fields: Value| {
        let mut condition = fields;
        condition["type"] = json!("sensor_threshold");
        condition["esp_id"] = json!("ESP_01");
        condition["gpio"] = json!(34);
        condition["operator"] = json!("between");
        refused(&rule("r", &condition))
    };
    assert_eq!(between(json!({ "min": 1 })), ("/trigger_conditions/max".into(), "`between` needs a `max`".into()));
    assert_eq!(between(json!({ "max": -1 })).0, "/trigger_conditions/min");
    assert_eq!(between(json!({ "min": 3, "max": 2 })).1, "must not be greater than `max`, which is 2");
    assert_eq!(between(json!({ "min": 1, "max": 2, "value": 3 })).0, "/trigger_conditions/value");
}

#[test]
fn hysteresis_fits_no_exact_operator() {
    let mut condition = threshold("==", 1.0);
    condition["hysteresis"] = json!(0.5);
    assert_eq!(refused(&rule("r", &condition)).0, "/trigger_conditions/hysteresis");
}

#[test]
fn pointers_reach_into_sets_lists_and_compositions() {
    let deep = composite("AND", &[threshold(">", 1.0), composite("OR", &[threshold("~", 1.0)])]);
    let good = rule("good", &threshold(">", 1.0));
    let bad = rule("bad", &deep);
    let inner = "trigger_conditions/conditions/1/conditions/0/operator";

    assert_eq!(refused(&json!({ "rules": [good, bad] })).0, format!("/rules/1/{inner}"));
    assert_eq!(refused(&json!([good, bad])).0, format!("/1/{inner}"));
    assert_eq!(refused(&bad).0, format!("/{inner}"));
}

#[test]
fn two_rules_may_not_share_a_name() {
    let twin = rule("twin", &threshold(">", 1.0));
    let (at, said) = refused(&json!({ "rules": [twin, twin] }));
    assert_eq!(
        (at.as_str(), said.as_str()),
        ("/rules/1/rule_name", "another rule is called `twin`, see `/rules/0/rule_name`")
    );
}

#[test]
fn a_rule_may_not_drive_an_actuator_twice() {
    let (at, said) = mistake(|document| {
        let action = document["actions"][0].clone();
        document["actions"].as_array_mut().unwrap().push(action);
    });
    assert_eq!((at.as_str(), said.as_str()), ("/actions/1", "the rule already drives `ESP_02/18`"));
}

#[test]
fn depth_and_number_of_conditions_are_bounded() {
    let nested = |depth| (0..depth).fold(threshold(">", 1.0), |inner, _| composite("AND", &[inner]));
    logic(&rule("r", &nested(8)));
    let (_, said) = refused(&rule("r", &nested(9)));
    assert!(said.contains("nested too deep"), "{said}");

    let wide = |count| composite("OR", &vec![threshold(">", 1.0); count]);
    logic(&rule("r", &wide(63)));
    let (at, said) = refused(&rule("r", &wide(64)));
    assert_eq!(
        (at.as_str(), said.as_str()),
        ("/trigger_conditions", "65 conditions are too many: at most 64 in a rule")
    );
}

#[test]
fn what_is_wrong_in_meaning_is_told_all_at_once() {
    let mut first = rule("", &threshold(">", 1.0));
    first["cooldown_seconds"] = json!(-1);
    let second = rule("second", &window(json!({ "start": "late", "timezone": "?" })));
    let problems = configure::<Logic>(&json!([first, second]).to_string()).map(|_| ()).unwrap_err();

    let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        ["/0/rule_name", "/0/cooldown_seconds", "/1/trigger_conditions/start", "/1/trigger_conditions/timezone"]
    );
}

#[test]
fn text_that_is_no_document_is_refused() {
    for text in ["", "rules", "7", "null", "[1]", r#"{"rules": {}}"#, r#"{"rules": [], "tick_seconds": 0}"#] {
        configure::<Logic>(text).map(|_| ()).unwrap_err();
    }
    assert_eq!(
        refused(&json!({ "rules": [], "tick_seconds": 0 })),
        ("/tick_seconds".into(), "must be 1 to 3600".into())
    );
}
