use super::*;

/// Through JSON, as the store keeps it.
fn saved(gate: &Gate, names: &[&str]) -> Vec<Stored> {
    let rows = names.iter().map(|name| serde_json::to_string(&gate.stored(name).unwrap()).unwrap());
    rows.map(|row| serde_json::from_str(&row).unwrap()).collect()
}

fn restarted(old: &Gate, table: Table, stopped: &[Scope], now: u64) -> (Gate, Effects) {
    let names: Vec<_> = old.table.actuators.keys().map(String::as_str).collect();
    let mut gate = Gate::new(table, at(now));
    let effects = gate.restore(saved(old, &names), &stopped.iter().cloned().collect(), at(now));
    (gate, effects)
}

#[test]
fn slots_come_back_and_every_value_is_said_anew() {
    let two = || table([("fan", json!({})), ("pump", json!({}))]);
    let mut gate = Gate::new(two(), at(0));
    gate.judge(&write("pump", "weak", 9, 0.8, 0));
    gate.judge(&Write { hold_ms: Some(1_000), ..write("pump", "strong", 3, 0.4, 1) });
    let (early, effects) = restarted(&gate, two(), &[], 500);
    assert_eq!(told(&effects), [(0.0, Why::Asserted), (0.4, Why::Asserted)]);
    assert_eq!(early.view("pump"), gate.view("pump"));
    let (late, effects) = restarted(&gate, two(), &[], 5_000);
    assert_eq!(told(&effects), [(0.0, Why::Asserted), (0.8, Why::Asserted)], "what is safe comes first");
    assert_eq!(late.view("pump").unwrap().slots.len(), 1, "what ended meanwhile is gone");
}

#[test]
fn equals_keep_their_order() {
    let one = || table([("pump", json!({}))]);
    let mut gate = Gate::new(one(), at(0));
    for by in ["a", "b", "c"] {
        gate.judge(&write("pump", by, 9, 0.5, 0));
    }
    assert_eq!(restarted(&gate, one(), &[], 1).0.view("pump"), gate.view("pump"));
}

#[test]
fn the_time_on_goes_on() {
    let one = || table([("heater", json!({"max_on_ms": 1_000}))]);
    let mut gate = Gate::new(one(), at(0));
    gate.sets("heater", 0.5, 0);
    assert_eq!(restarted(&gate, one(), &[], 400).0.next_deadline(), Some(at(1_000)));
    assert_eq!(told(&restarted(&gate, one(), &[], 2_000).1), [(0.0, Why::MaxOnTime)]);
}

#[test]
fn what_is_stopped_comes_back_empty_and_silent() {
    let one = || table([("pump", json!({}))]);
    let mut gate = Gate::new(one(), at(0));
    gate.sets("pump", 0.5, 0);
    let (mut back, effects) = restarted(&gate, one(), &[Scope::All], 10);
    assert!(effects.changes.is_empty());
    assert!(effects.dirty.contains("pump"));
    assert_eq!(back.sets("pump", 0.5, 11).0, Code::EmergencyStopActive);
    assert_eq!(told(&back.reset(&Scope::All, at(12))), [(0.0, Why::Asserted)]);
}

#[test]
fn what_left_the_table_is_told_its_safe_value_on_its_wire() {
    let mut gate = gate([("pump", json!({"safe": 0.2}))]);
    gate.sets("pump", 0.5, 0);
    let (_, effects) = restarted(&gate, table([]), &[], 10);
    let command = commands(&effects)[0];
    assert_eq!((command.channel.as_str(), command.value), ("18", 0.2));
    assert!(effects.dirty.contains("pump"));
    let gone = gate.configure(table([("pump", json!({"device": "ESP_09"}))]), at(20));
    let said: Vec<_> = commands(&gone).iter().map(|c| (c.device.as_str(), c.value)).collect();
    assert_eq!(said, [("ESP_01", 0.2), ("ESP_09", 0.0)]);
    assert!(gate.view("pump").unwrap().slots.is_empty());
    gate.configure(table([]), at(30));
    assert_eq!(gate.stored("pump"), None);
}

#[test]
fn a_narrower_envelope_drops_what_it_does_not_allow() {
    let mut gate = gate([("pump", json!({}))]);
    gate.judge(&write("pump", "a", 5, 0.9, 0));
    gate.judge(&write("pump", "b", 9, 0.4, 0));
    let narrowed = gate.configure(table([("pump", json!({"max": 0.5}))]), at(10));
    assert_eq!(told(&narrowed), [(0.0, Why::MadeSafe), (0.4, Why::MadeSafe)]);
    assert_eq!(gate.view("pump").unwrap().slots.len(), 1);
}

#[test]
fn a_new_name_is_no_way_around_the_interval() {
    let slow = json!({"min_interval_ms": 1_000});
    let mut gate = gate([("pump", slow.clone())]);
    gate.sets("pump", 0.5, 0);
    gate.configure(table([("renamed", slow)]), at(100));
    assert_eq!(gate.sets("renamed", 0.5, 200).0, Code::RateLimited);
    assert_eq!(gate.next_deadline(), Some(at(1_100)));
}

/// The actuator and the value of each command, in order.
fn said(effects: &Effects) -> Vec<(&str, f64)> {
    commands(effects).iter().map(|command| (command.actuator.as_str(), command.value)).collect()
}

/// A fan that waits for a pump of its group, and the table in which a valve with another safe value has the pump's wire.
fn a_fan_that_waits() -> (Gate, Table) {
    let grouped = |safe: f64| json!({"group": "g", "safe": safe});
    let mut gate = gate([("fan", grouped(0.0)), ("pump", grouped(0.5))]);
    gate.sets("pump", 1.0, 0);
    assert_eq!(gate.sets("fan", 0.4, 1).0, Code::Interlocked);
    (gate, table([("fan", grouped(0.0)), ("valve", grouped(0.0))]))
}

#[test]
fn who_takes_over_a_wire_is_told_to_go_safe_before_its_group_goes_on() {
    let (mut gate, next) = a_fan_that_waits();
    assert_eq!(said(&gate.configure(next, at(10))), [("pump", 0.5), ("valve", 0.0), ("fan", 0.4)]);
}

#[test]
fn who_takes_over_a_wire_during_a_restart_is_told_to_go_safe_before_its_group_goes_on() {
    let (gate, next) = a_fan_that_waits();
    let (_, effects) = restarted(&gate, next, &[], 10);
    assert_eq!(said(&effects), [("pump", 0.5), ("fan", 0.0), ("valve", 0.0), ("fan", 0.4)]);
}

#[test]
fn who_is_freed_from_a_bar_is_told_to_go_safe_before_its_group_goes_on() {
    let grouped = |safe: f64| json!({"group": "g", "safe": safe});
    let mut gate = gate([("fan", grouped(0.0)), ("pump", grouped(0.5)), ("heater", grouped(0.0))]);
    gate.sets("heater", 1.0, 0);
    gate.sets("fan", 0.4, 1);
    // Under the bar the pump's safe value becomes another one, of which it is told nothing.
    let mut barred = table([("fan", grouped(0.0)), ("pump", grouped(0.0)), ("heater", grouped(0.0))]);
    barred.sensors.insert(("ESP_01".into(), "19".into()));
    assert_eq!(said(&gate.configure(barred, at(10))), []);
    let freed = table([("fan", grouped(0.0)), ("pump", grouped(0.0))]);
    let effects = gate.configure(freed, at(20));
    assert_eq!(said(&effects), [("heater", 0.0), ("pump", 0.0), ("fan", 0.4)]);
}

#[test]
fn a_bar_is_no_way_around_the_rate() {
    let ramp = |safe: f64| table([("pump", json!({"safe": safe, "max_rate_per_s": 0.2}))]);
    let mut gate = Gate::new(ramp(0.5), at(0));
    gate.sets("pump", 0.4, 0);
    gate.sets("pump", 0.3, 2_000);
    let mut barred = ramp(0.3);
    barred.sensors.insert(("ESP_01".into(), "18".into()));
    assert_eq!(said(&gate.configure(barred, at(9_000))), [("pump", 0.5)]);
    let (mut back, _) = restarted(&gate, ramp(0.3), &[], 9_050);
    assert_eq!(back.sets("pump", 0.4, 9_100), (Code::RateLimited, vec![]));
    gate.configure(ramp(0.3), at(9_200));
    assert_eq!(gate.sets("pump", 0.4, 9_600), (Code::RateLimited, vec![]));
}

#[test]
fn a_group_rests_through_a_table_without_it() {
    let grouped = || table([("fan", json!({"group": "g"})), ("pump", json!({"group": "g", "dead_time_ms": 300}))]);
    let mut gate = Gate::new(grouped(), at(0));
    gate.sets("pump", 0.5, 0);
    gate.sets("pump", 0.0, 10);
    gate.configure(table([("fan", json!({})), ("pump", json!({}))]), at(20));
    let (mut back, _) = restarted(&gate, grouped(), &[], 30);
    assert_eq!(back.sets("fan", 0.5, 309).0, Code::Interlocked);
    assert_eq!(told(&back.advance(at(310))), [(0.5, Why::Deferred)]);
}

#[test]
fn a_pin_that_became_a_sensors_is_made_safe_and_left_alone() {
    let mut gate = gate([("pump", json!({}))]);
    gate.sets("pump", 0.5, 0);
    let mut conflict = table([("pump", json!({}))]);
    conflict.sensors.insert(("ESP_01".into(), "18".into()));
    assert_eq!(told(&gate.configure(conflict, at(1))), [(0.0, Why::MadeSafe)]);
    assert_eq!(gate.sets("pump", 0.5, 2), (Code::GpioConflict, vec![]));
    assert_eq!(told(&gate.configure(table([("pump", json!({}))]), at(3))), [(0.0, Why::Asserted)]);
}
