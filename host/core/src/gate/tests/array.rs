use super::*;

#[test]
fn the_lower_number_wins_and_the_other_waits_under_it() {
    let mut gate = gate([("pump", json!({}))]);
    gate.judge(&write("pump", "a", 5, 0.3, 0));
    let (verdict, told) = gate.judge(&write("pump", "b", 9, 0.8, 1));
    assert_eq!((verdict.outcome, verdict.code, verdict.value), (Outcome::Clamp, Code::Outranked, Some(0.3)));
    assert_eq!(verdict.limit.as_deref(), Some("priority 5 of policy `a`"));
    assert!(told.is_empty());
    let released = gate.release("a", at(2));
    assert_eq!(commands(&released)[0].reason, "b wants 0.8");
    assert_eq!(super::told(&released), [(0.8, Why::Released)]);
    assert_eq!(super::told(&gate.release("b", at(3))), [(0.0, Why::Released)]);
}

#[test]
fn among_equals_the_newest_wins() {
    let mut gate = gate([("pump", json!({}))]);
    gate.judge(&write("pump", "a", 9, 0.3, 0));
    assert_eq!(gate.judge(&write("pump", "b", 9, 0.8, 1)).0.code, Code::Passed);
    assert_eq!(gate.judge(&write("pump", "a", 9, 0.4, 2)).0.code, Code::Passed);
    assert_eq!(gate.view("pump").unwrap().held_by, Some(policy("a")));
}

#[test]
fn people_share_one_slot() {
    let mut gate = gate([("pump", json!({}))]);
    gate.judge(&write("pump", "a", 9, 0.3, 0));
    for (now, value) in [(1, 0.5), (2, 0.6)] {
        let manual = Write { writer: Writer::Manual, ..write("pump", "x", 8, value, now) };
        let (_, effects) = gate.review(&manual, at(now));
        assert_eq!(commands(&effects)[0].source, "manual");
    }
    assert_eq!(gate.view("pump").unwrap().slots.len(), 2);
}

#[test]
fn a_holds_end_lets_the_next_take_over_and_last_the_safe_value() {
    let mut gate = gate([("pump", json!({"safe": 0.1}))]);
    gate.judge(&Write { hold_ms: Some(2_000), ..write("pump", "b", 9, 0.8, 0) });
    let (_, effects) = gate.review(&Write { hold_ms: Some(1_000), ..write("pump", "a", 5, 0.3, 0) }, at(0));
    assert_eq!((commands(&effects)[0].hold_ms, commands(&effects)[0].valid_until), (Some(1_000), at(1_000)));
    assert_eq!(gate.next_deadline(), Some(at(1_000)));
    let ended = gate.advance(at(1_000));
    assert_eq!(told(&ended), [(0.8, Why::HoldEnded)]);
    assert_eq!(commands(&ended)[0].hold_ms, Some(1_000), "what is left of the slot");
    assert_eq!(told(&gate.advance(at(2_000))), [(0.1, Why::HoldEnded)]);
    assert_eq!(gate.next_deadline(), None);
}

#[test]
fn writing_the_same_again_renews_the_hold_and_waits_for_nothing() {
    let slow = json!({"min_interval_ms": 60_000, "max_rate_per_s": 0.4});
    let mut gate = gate([("pump", slow)]);
    let held = |now| Write { hold_ms: Some(1_000), ..write("pump", "a", 5, 0.3, now) };
    gate.judge(&held(0));
    let (verdict, effects) = gate.review(&held(500), at(500));
    assert_eq!(verdict.code, Code::Passed);
    assert_eq!(told(&effects), [(0.3, Why::Written)]);
    assert_eq!((effects.changes[0].from, commands(&effects)[0].hold_ms), (0.3, Some(1_000)));
    assert_eq!(gate.view("pump").unwrap().changed, Some(at(0)), "a renewal is no change");
    assert!(gate.advance(at(1_000)).changes.is_empty());
    assert_eq!(told(&gate.advance(at(1_500))), [(0.0, Why::HoldEnded)]);
}

#[test]
fn a_release_gives_the_slot_back() {
    let mut gate = gate([("pump", json!({}))]);
    gate.sets("pump", 0.5, 0);
    let release = Write { set: Setting::Release, ..write("pump", "p", 10, 0.0, 1) };
    let (verdict, told) = gate.judge(&release);
    assert_eq!((verdict.code, told), (Code::Passed, vec![(0.0, Why::Released)]));
    assert_eq!(gate.judge(&release).1, [], "there is nothing left to give back");
}

#[test]
fn a_priority_that_does_not_exist_is_the_weakest() {
    let mut gate = gate([("pump", json!({}))]);
    gate.judge(&write("pump", "a", 16, 0.3, 0));
    for strange in [0, 17, 255] {
        gate.judge(&write("pump", "b", strange, 0.8, 1));
        assert_eq!(gate.view("pump").unwrap().slots[0].priority, 16);
    }
}

#[test]
fn command_ids_are_unique_over_starts() {
    let mut ids = BTreeSet::new();
    for boot in 1..4 {
        let mut gate = Gate::new(table([("pump", json!({}))]), at(boot));
        for now in 0..3 {
            let (_, effects) = gate.review(&write("pump", "p", 9, 0.5, now), at(now));
            assert!(ids.insert(commands(&effects)[0].id.clone()));
        }
    }
}
