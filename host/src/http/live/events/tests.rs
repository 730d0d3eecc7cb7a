//! One record of each kind, and what clients see of it.

use interlock_core::decision::{Finding, Intent, Notification};
use interlock_core::evaluation::{Fault, FaultKind, VersionRef};
use interlock_core::event::{Access, Severity};
use interlock_core::gate::{Code, Verdict, Why};

use super::*;

const AT: Timestamp = Timestamp(1_765_101_600_123);

fn record(seq: u64, body: Body) -> Record {
    Record { seq, at: AT, body }
}

fn event(seq: u64, what: Occurrence) -> Record {
    record(seq, Body::Event(Observation { id: "e".into(), measured: None, what }))
}

fn reading(value: f64) -> Record {
    let reading = json!({"type": "reading", "device": "ESP_01", "channel": "34", "quantity": "temperature",
        "value": value, "unit": "°C"});
    event(7, serde_json::from_value(reading).unwrap())
}

fn decision(mode: Mode, outcome: Outcome) -> Record {
    let intent = Intent { actuator: "ESP_02/18".into(), set: Setting::Value(1.0), hold_ms: None, reason: "hot".into() };
    let verdict = Verdict {
        actuator: "ESP_02/18".into(),
        outcome,
        code: if outcome == Outcome::Refuse { Code::EmergencyStopActive } else { Code::Passed },
        limit: None,
        value: None,
        message: String::new(),
    };
    let command = json!({"id": "c1", "actuator": "pump", "device": "ESP_02", "channel": "18", "value": 1.0,
        "issued": AT, "valid_until": AT, "source": "automation", "reason": "hot"});
    let change =
        ChangeRecord { from: 0.0, why: Why::Written, held_by: None, command: serde_json::from_value(command).unwrap() };
    let note = Notification { channel: "email".into(), severity: Severity::Warn, message: "hot".into() };
    let finding = Finding { rule: "auto_irrigation".into(), matched: true, because: "26.5 > 25".into() };
    let enforced = mode == Mode::Enforce;
    record(
        8,
        Body::Decision(DecisionRecord {
            by: VersionRef { policy: "greenhouse".into(), version: 3, digest: "ab".into() },
            mode,
            event: 7,
            decision: Decision {
                intents: vec![intent],
                notifications: vec![note],
                findings: vec![finding],
                ..Decision::default()
            },
            verdicts: if enforced { vec![verdict] } else { Vec::new() },
            changes: if enforced && outcome != Outcome::Refuse { vec![change] } else { Vec::new() },
            reads: Vec::new(),
            log: Vec::new(),
            fuel: 9,
            micros: 4,
        }),
    )
}

fn all(record: &Record, trigger: Option<&Record>) -> Vec<Value> {
    of(record, trigger, &|_, _| true).into_iter().map(|event| event.body).collect()
}

fn topics(record: &Record) -> Vec<(String, bool)> {
    let seen = std::cell::RefCell::default();
    of(record, None, &|topic, everyone| {
        let seen: &std::cell::RefCell<Vec<_>> = &seen;
        seen.borrow_mut().push((topic.to_owned(), everyone));
        false
    });
    seen.into_inner()
}

#[test]
fn a_reading_has_the_fields_existing_clients_know() {
    let expected = json!({"event_type": "sensor_data", "esp_id": "ESP_01", "gpio": 34, "sensor_type": "temperature",
        "value": 26.5, "unit": "°C", "timestamp": "2025-12-07T10:00:00.123Z", "quality": "good", "seq": 7});
    assert_eq!(all(&reading(26.5), None), [expected]);
    assert_eq!(topics(&reading(26.5)), [("sensor_data/ESP_01".into(), false)]);
}

#[test]
fn a_status_has_the_fields_existing_clients_know() {
    let status = |value| ActuatorStatus {
        device: "ESP_02".into(),
        channel: "valve".into(),
        kind: Some("switch".into()),
        active: true,
        value,
    };
    let record = event(4, Occurrence::Actuator(status(None)));
    let expected = json!({"event_type": "actuator_status", "esp_id": "ESP_02", "gpio": "valve", "seq": 4,
        "actuator_type": "switch", "is_active": true, "value": 1.0, "timestamp": "2025-12-07T10:00:00.123Z"});
    assert_eq!(all(&record, None), [expected]);
    assert_eq!(topics(&record), [("actuator_status/ESP_02".into(), false)]);
}

#[test]
fn a_decision_is_a_logic_execution_and_its_commands() {
    let told = all(&decision(Mode::Enforce, Outcome::Pass), Some(&reading(26.5)));
    let [execution, command] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(execution["event_type"], "logic_execution");
    assert_eq!(execution["rule_name"], "auto_irrigation");
    assert_eq!(execution["rule_id"], "greenhouse/auto_irrigation");
    assert_eq!(execution["success"], true);
    let trigger = &execution["trigger_data"];
    assert_eq!((&trigger["esp_id"], &trigger["gpio"]), (&json!("ESP_01"), &json!(34)));
    assert_eq!((&trigger["sensor_value"], &trigger["event"]), (&json!(26.5), &json!(7)));
    let actions = &execution["actions_executed"];
    assert_eq!(actions[0]["type"], "actuator_command");
    assert_eq!((&actions[0]["esp_id"], &actions[0]["gpio"]), (&json!("ESP_02"), &json!(18)));
    assert_eq!(actions[1]["type"], "notification");
    assert_eq!((&command["event_type"], &command["value"]), (&json!("actuator_command"), &json!(1.0)));
    let expected = [("logic_execution/greenhouse".into(), false), ("actuator_command/ESP_02".into(), false)];
    assert_eq!(topics(&decision(Mode::Enforce, Outcome::Pass)), expected);
}

#[test]
fn what_was_refused_or_only_tried_was_not_executed() {
    let refused = all(&decision(Mode::Enforce, Outcome::Refuse), None);
    assert_eq!(refused[0]["success"], false);
    assert_eq!(refused[0]["actions_executed"].as_array().unwrap().len(), 1, "the notification alone");
    assert_eq!(refused[0]["verdicts"][0]["code"], "EMERGENCY_STOP_ACTIVE");
    let shadow = all(&decision(Mode::Shadow, Outcome::Pass), None);
    assert_eq!((&shadow[0]["success"], &shadow[0]["actions_executed"]), (&json!(true), &json!([])));
}

#[test]
fn a_fault_is_an_execution_that_failed() {
    let fault = FaultRecord {
        by: VersionRef { policy: "greenhouse".into(), version: 3, digest: "ab".into() },
        event: 7,
        fault: Fault::new(FaultKind::OutOfFuel, "10000000 units"),
        changes: Vec::new(),
        quarantined: true,
        alarm: true,
        log: Vec::new(),
        fuel: 9,
        micros: 4,
    };
    let told = all(&record(9, Body::Fault(fault)), None);
    assert_eq!((&told[0]["success"], &told[0]["rule_name"]), (&json!(false), &json!("greenhouse")));
    assert_eq!(told[0]["error"]["kind"], "out_of_fuel");
}

#[test]
fn a_stop_goes_to_everyone_and_does_not_say_who() {
    let stop = Body::Stop {
        id: "s1".into(),
        scope: Scope::Device("ESP_02".into()),
        reason: "smoke".into(),
        source: "rest".into(),
        by: "Ada".into(),
        latched_on_disk: true,
    };
    let record = record(10, stop);
    assert_eq!(topics(&record), [("system_event/emergency_stop".into(), true)]);
    let told = all(&record, None);
    assert_eq!((&told[0]["event_type"], &told[0]["event"]), (&json!("system_event"), &json!("emergency_stop")));
    assert_eq!((&told[0]["data"]["scope"], &told[0]["data"]["esp_id"]), (&json!("device"), &json!("ESP_02")));
    assert!(!told[0].to_string().contains("Ada"));
}

#[test]
fn personal_fields_stay_in_the_journal() {
    let access = Access {
        principal: "ada@example.org".into(),
        roles: vec!["owner".into()],
        action: "open".into(),
        target: "gate".into(),
        context: json!({}),
    };
    let token = Body::Token { id: "ab".into(), change: "made".into(), scopes: vec!["admin".into()], by: "Ada".into() };
    let told = all(&event(11, Occurrence::Access(access)), None);
    assert_eq!(told[0]["data"], json!({"type": "access", "action": "open", "target": "gate"}));
    assert!(all(&record(12, token), None).is_empty());
}

#[test]
fn what_nobody_wants_is_not_made() {
    assert!(of(&reading(1.0), None, &|topic, _| topic == "sensor_data/ESP_02").is_empty());
}
