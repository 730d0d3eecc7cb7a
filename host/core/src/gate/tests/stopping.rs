use super::*;

#[test]
fn the_seeds_examples_of_a_safe_value() {
    let mut gate = gate([("pump", json!({}))]);
    assert_eq!(gate.sets("ESP_01/18", 0.75, 0), (Code::Passed, vec![(0.75, Why::Written)]));
    for value in [1.5, -0.5] {
        let (verdict, told) = gate.judge(&write("ESP_01/18", "p", 10, value, 1));
        assert_eq!((verdict.outcome, verdict.code, verdict.value), (Outcome::Refuse, Code::PwmOutOfRange, Some(value)));
        assert_eq!(verdict.limit.as_deref(), Some("range 0..1"));
        assert!(told.is_empty());
    }
    assert_eq!(gate.effective("pump"), 0.75);
}

#[test]
fn the_seeds_examples_of_a_stop_and_its_reset() {
    let mut gate = gate([("pump", json!({}))]);
    gate.sets("pump", 0.5, 0);
    let stopped = gate.stop(Scope::All, at(1));
    assert!(stopped.changes.is_empty());
    assert_eq!(stopped.dirty, BTreeSet::from(["pump".to_owned()]));
    assert_eq!(gate.sets("pump", 0.5, 2), (Code::EmergencyStopActive, vec![]));
    assert_eq!(told(&gate.reset(&Scope::All, at(3))), [(0.0, Why::Asserted)]);
    assert_eq!(gate.effective("pump"), 0.0, "nothing starts by itself");
    assert_eq!(gate.sets("pump", 0.5, 4), (Code::Passed, vec![(0.5, Why::Written)]));
}

#[test]
fn a_stop_of_a_device_stops_that_device() {
    let mut gate = gate([("pump", json!({})), ("fan", json!({"device": "ESP_02"}))]);
    gate.stop(Scope::Device("ESP_01".into()), at(0));
    assert_eq!(gate.sets("pump", 1.0, 1).0, Code::EmergencyStopActive);
    assert_eq!(gate.sets("fan", 1.0, 1).0, Code::Passed);
    assert_eq!(gate.sets("ESP_01/99", 1.0, 1).0, Code::EmergencyStopActive, "an unknown pin of a stopped device");
    gate.stop(Scope::All, at(2));
    assert!(gate.reset(&Scope::Device("ESP_01".into()), at(3)).changes.is_empty());
    assert_eq!(gate.sets("pump", 1.0, 4).0, Code::EmergencyStopActive, "everything is still stopped");
    assert_eq!(gate.reset(&Scope::All, at(5)).changes.len(), 2);
    assert!(gate.stopped().is_empty());
}

#[test]
fn nothing_is_due_while_stopped() {
    let mut gate = gate([("pump", json!({"max_rate_per_s": 0.1, "max_on_ms": 5_000}))]);
    gate.sets("pump", 0.5, 0);
    assert!(gate.next_deadline().is_some());
    gate.stop(Scope::All, at(1));
    assert_eq!(gate.next_deadline(), None);
    assert_eq!(gate.advance(at(60_000)), Effects::default());
}

#[test]
fn a_stop_frees_the_group_for_devices_that_run_on() {
    let group = json!({"group": "g", "dead_time_ms": 100});
    let mut other = group.clone();
    other["device"] = json!("ESP_02");
    let mut gate = gate([("left", group), ("right", other)]);
    gate.sets("left", 1.0, 0);
    assert_eq!(gate.sets("right", 1.0, 1).0, Code::Interlocked);
    assert!(gate.stop(Scope::Device("ESP_01".into()), at(10)).changes.is_empty());
    let mut now = 10;
    while let Some(due) = gate.next_deadline() {
        now = due.0 - NOON;
        gate.advance(due);
    }
    assert_eq!((gate.effective("right"), now), (1.0, 110));
}

#[test]
fn safe_commands_need_only_the_table() {
    let table = table([("pump", json!({"safe": 0.25})), ("fan", json!({"device": "ESP_02"}))]);
    let all = safe_commands(&table, &Scope::All, "stop-7", "fire", at(0));
    let said: Vec<_> = all.iter().map(|safe| (safe.get().id.as_str(), safe.get().value)).collect();
    assert_eq!(said, [("stop-7-1", 0.0), ("stop-7-2", 0.25)]);
    let one = safe_commands(&table, &Scope::Device("ESP_02".into()), "s", "fire", at(0));
    assert_eq!(one.len(), 1);
    assert_eq!((one[0].get().source.as_str(), one[0].get().valid_until), ("safety", at(10_000)));
}
