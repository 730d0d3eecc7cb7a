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
    assert_eq!(told(&effects), [(0.8, Why::Asserted), (0.0, Why::Asserted)], "what changes comes first");
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
