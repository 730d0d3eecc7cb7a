use rstest::rstest;

use super::*;

#[rstest]
#[case("pwm", json!({}), 0.0, Ok(0.0))]
#[case("pwm", json!({}), -0.0, Ok(0.0))]
#[case("pwm", json!({}), 1.0, Ok(1.0))]
#[case("pwm", json!({}), 1.000_001, Err(Code::PwmOutOfRange))]
#[case("pwm", json!({}), f64::NAN, Err(Code::PwmOutOfRange))]
#[case("pwm", json!({}), f64::INFINITY, Err(Code::PwmOutOfRange))]
#[case("pwm", json!({"max": 0.6}), 0.7, Err(Code::PwmOutOfRange))]
#[case("pwm", json!({"max": 0.6, "out_of_range": "clamp"}), 0.7, Ok(0.6))]
#[case("pwm", json!({"min": 0.2, "safe": 0.2, "out_of_range": "clamp"}), -9.0, Ok(0.2))]
#[case("pwm", json!({"out_of_range": "clamp"}), f64::NAN, Err(Code::PwmOutOfRange))]
#[case("pwm", json!({"out_of_range": "clamp"}), f64::NEG_INFINITY, Err(Code::PwmOutOfRange))]
#[case("servo", json!({"min": -90.0, "max": 90.0}), 45.5, Ok(45.5))]
#[case("switch", json!({}), 1.0, Ok(1.0))]
#[case("switch", json!({}), 0.5, Err(Code::PwmOutOfRange))]
#[case("switch", json!({"out_of_range": "clamp"}), 0.51, Ok(1.0))]
#[case("switch", json!({"out_of_range": "clamp"}), 0.5, Ok(0.0))]
fn range(
    #[case] kind: &str,
    #[case] mut rest: serde_json::Value,
    #[case] asked: f64,
    #[case] expected: Result<f64, Code>,
) {
    rest["kind"] = json!(kind);
    let mut gate = gate([("it", rest)]);
    let (verdict, told) = gate.judge(&write("it", "p", 10, asked, 0));
    match expected {
        Ok(value) => {
            assert_eq!(told, [(value, Why::Written)]);
            let clamped = value != asked;
            assert_eq!(verdict.code, if clamped { Code::Clamped } else { Code::Passed });
            assert_eq!(verdict.outcome, if clamped { Outcome::Clamp } else { Outcome::Pass });
        }
        Err(code) => assert_eq!((verdict.outcome, verdict.code, told), (Outcome::Refuse, code, vec![])),
    }
    assert!(serde_json::to_string(&verdict).is_ok());
}

#[rstest]
#[case(0, false, None)]
#[case(30_000, false, None)]
#[case(30_001, false, Some(Code::Expired))]
#[case(0, true, Some(Code::Expired))]
fn freshness(#[case] age: u64, #[case] retained: bool, #[case] refused: Option<Code>) {
    let mut gate = gate([("pump", json!({}))]);
    let cause = Cause { seq: None, at: at(0), retained };
    let (verdict, _) = gate.review(&Write { cause, ..write("pump", "p", 10, 0.5, 0) }, at(age));
    assert_eq!((verdict.outcome == Outcome::Refuse).then_some(verdict.code), refused, "{}", verdict.message);
}

#[test]
fn what_is_unknown_or_contradicts_itself_is_refused() {
    let pin = ("ESP_01".to_owned(), "18".to_owned());
    let pump = |rest| {
        BTreeSet::from([pin.clone()]).into_iter().zip([envelope("18", rest)]).map(|(_, e)| ("pump".to_owned(), e))
    };
    let sensor = Table::new(pump(json!({})).collect(), BTreeSet::from([pin.clone()]));
    let twice =
        Table::new(pump(json!({})).chain([("again".to_owned(), envelope("18", json!({})))]).collect(), BTreeSet::new());
    let broken = Table::new(pump(json!({"safe": 7.0})).collect(), BTreeSet::new());
    for (table, code) in
        [(sensor, Code::GpioConflict), (twice, Code::GpioConflict), (broken, Code::ActuatorNotConfigured)]
    {
        let mut gate = Gate::new(table, at(0));
        assert_eq!(gate.sets("pump", 0.5, 0), (code, vec![]));
        assert!(gate.restore(vec![], &BTreeSet::new(), at(1)).changes.is_empty(), "it is told nothing at all");
    }
    assert_eq!(gate([]).sets("nothing", 0.5, 0).0, Code::ActuatorNotConfigured);
}

#[rstest]
#[case("p", 0.5, Some(1_000), Ok(Some(1_000)))]
#[case("p", 0.5, Some(9_000), Ok(Some(5_000)))]
#[case("p", 0.5, None, Ok(Some(5_000)))]
#[case("p", 0.7, None, Err(Code::OutsideLease))]
#[case("other", 0.7, None, Ok(None))]
#[case("other", 0.7, Some(0), Err(Code::Expired))]
fn lease(
    #[case] by: &str,
    #[case] value: f64,
    #[case] hold_ms: Option<u64>,
    #[case] expected: Result<Option<u64>, Code>,
) {
    let mut gate = gate([("pump", json!({"leases": {"p": {"min": 0.1, "max": 0.6, "max_hold_ms": 5_000}}}))]);
    let (verdict, effects) = gate.review(&Write { hold_ms, ..write("pump", by, 10, value, 0) }, at(0));
    match expected {
        Ok(hold) => assert_eq!(commands(&effects)[0].hold_ms, hold),
        Err(code) => assert_eq!((verdict.outcome, verdict.code), (Outcome::Refuse, code)),
    }
}

#[test]
fn changes_keep_their_interval_and_safe_values_do_not() {
    let mut gate = gate([("pump", json!({"min_interval_ms": 1_000}))]);
    assert_eq!(gate.sets("pump", 0.5, 0).0, Code::Passed);
    let (verdict, told) = gate.judge(&write("pump", "p", 10, 0.7, 400));
    assert_eq!((verdict.outcome, verdict.code), (Outcome::Clamp, Code::RateLimited));
    assert_eq!(verdict.limit.as_deref(), Some("interval 1000 ms"));
    assert!(told.is_empty());
    assert_eq!(gate.sets("pump", 0.7, 500).0, Code::Deferred, "the same change waits already");
    assert_eq!(gate.view("pump").unwrap().deferred_until, Some(at(1_000)));
    assert_eq!(super::told(&gate.advance(at(1_000))), [(0.7, Why::Deferred)]);
    assert_eq!(gate.sets("pump", 0.0, 1_001), (Code::Passed, vec![(0.0, Why::Written)]));
}

#[test]
fn what_nobody_wants_any_more_does_not_stay_while_the_next_waits() {
    let mut gate = gate([("pump", json!({"min_interval_ms": 1_000}))]);
    gate.judge(&write("pump", "weak", 12, 0.9, 0));
    gate.judge(&Write { hold_ms: Some(500), ..write("pump", "strong", 3, 0.4, 2_000) });
    assert_eq!(told(&gate.advance(at(2_500))), [(0.0, Why::HoldEnded)], "as the device does alone");
    assert_eq!(told(&gate.advance(at(3_500))), [(0.9, Why::Deferred)]);
}

#[test]
fn a_large_step_becomes_a_ramp() {
    let mut gate = gate([("fan", json!({"max_rate_per_s": 0.25}))]);
    let (verdict, told) = gate.judge(&write("fan", "p", 10, 0.6, 0));
    assert_eq!((verdict.code, verdict.limit.as_deref()), (Code::RateLimited, Some("rate 0.25 per second")));
    assert_eq!(told, [(0.25, Why::Written)]);
    let mut steps = Vec::new();
    while let Some(due) = gate.next_deadline() {
        steps.extend(super::told(&gate.advance(due)).into_iter().map(|(value, _)| (due.0 - NOON, value)));
    }
    assert_eq!(steps, [(1_000, 0.5), (1_400, 0.6)]);
    assert_eq!(gate.sets("fan", 0.0, 1_401).1, [(0.0, Why::Written)], "the safe value at once");
}

#[test]
fn a_switch_makes_its_step_whole() {
    let mut gate = gate([("relay", json!({"kind": "switch", "max_rate_per_s": 0.5}))]);
    assert_eq!(gate.sets("relay", 1.0, 0).0, Code::Passed);
    gate.sets("relay", 0.0, 100);
    assert_eq!(gate.sets("relay", 1.0, 200).0, Code::RateLimited);
    assert_eq!(gate.next_deadline(), Some(at(2_100)));
    assert_eq!(told(&gate.advance(at(2_100))), [(1.0, Why::Deferred)]);
}

#[test]
fn a_group_is_never_on_together_and_rests_between() {
    let group = json!({"group": "valves", "dead_time_ms": 300});
    let mut gate = gate([("a", group.clone()), ("b", group.clone()), ("c", group)]);
    assert_eq!(gate.sets("a", 1.0, 0).0, Code::Passed);
    gate.judge(&write("b", "weak", 9, 1.0, 1));
    let (verdict, _) = gate.judge(&write("c", "strong", 2, 1.0, 2));
    assert_eq!((verdict.outcome, verdict.code), (Outcome::Clamp, Code::Interlocked));
    assert_eq!(verdict.limit.as_deref(), Some("group valves: `a` is on"));
    assert_eq!(gate.next_deadline(), None, "only `a` can end the wait");
    gate.sets("a", 0.0, 1_000);
    assert!(gate.advance(at(1_299)).changes.is_empty());
    let freed = gate.advance(at(1_300));
    assert_eq!(commands(&freed)[0].actuator, "c", "the strongest takes the group");
    assert_eq!(freed.changes.len(), 1);
}

#[test]
fn the_longest_time_on_drops_who_wanted_it_and_the_next_write_opens_it() {
    let mut gate = gate([("heater", json!({"max_on_ms": 1_000}))]);
    let (_, effects) = gate.review(&write("heater", "p", 10, 0.5, 0), at(0));
    assert_eq!(commands(&effects)[0].hold_ms, Some(1_000), "the device ends it alone too");
    gate.sets("heater", 0.7, 600);
    let (verdict, told) = gate.judge(&write("heater", "p", 10, 0.7, 1_000));
    assert_eq!((verdict.outcome, verdict.code), (Outcome::Refuse, Code::MaxOnTime));
    assert_eq!(told, [(0.0, Why::MaxOnTime)]);
    assert!(gate.view("heater").unwrap().slots.is_empty());
    assert_eq!(gate.sets("heater", 0.7, 1_100), (Code::Passed, vec![(0.7, Why::Written)]));
}

#[rstest]
#[case(12 * 60, 13 * 60, Some(3_600_000))]
#[case(11 * 60, 12 * 60, None)]
#[case(23 * 60, 12 * 60 + 1, Some(60_000))]
#[case(13 * 60, 12 * 60, None)]
fn hours(#[case] from: u16, #[case] to: u16, #[case] open_ms: Option<u64>) {
    let mut gate = gate([("lamp", json!({"hours": [{"from": from, "to": to}]}))]);
    let (code, _) = gate.sets("lamp", 1.0, 0);
    match open_ms {
        Some(ms) => {
            assert_eq!((code, gate.next_deadline()), (Code::Passed, Some(at(ms))));
            assert_eq!(told(&gate.advance(at(ms))), [(0.0, Why::MadeSafe)]);
        }
        None => assert_eq!((code, gate.effective("lamp")), (Code::OutsideHours, 0.0)),
    }
    let due = gate.next_deadline().unwrap();
    assert_eq!(told(&gate.advance(due)), [(1.0, Why::Deferred)], "the slot waits for the hours");
}

#[test]
fn hours_that_follow_each_other_are_one_span() {
    let spans = json!([{"from": 720, "to": 780}, {"from": 770, "to": 800}, {"from": 800, "to": 900}]);
    let mut gate = gate([("lamp", json!({"hours": spans}))]);
    gate.sets("lamp", 1.0, 0);
    assert_eq!(gate.next_deadline(), Some(at(180 * 60_000)));
    let whole_day = json!([{"from": 0, "to": 1_440}]);
    let mut gate = super::gate([("lamp", json!({"hours": whole_day}))]);
    gate.sets("lamp", 1.0, 0);
    assert_eq!(gate.next_deadline(), None);
}

#[test]
fn an_envelope_tells_all_its_mistakes() {
    let wrong = envelope(
        "1",
        json!({"kind": "switch", "safe": 0.5, "max_rate_per_s": 0.0, "max_on_ms": 0, "command_valid_ms": 0,
            "hours": [{"from": 60, "to": 60}], "leases": {"p": {"min": 0.5, "max": 2.0}}}),
    );
    let problems = wrong.problems("relay");
    assert_eq!(problems.len(), 6, "{problems:#?}");
    assert!(problems[0].starts_with("`actuators.relay.safe` is 0.5;"), "{}", problems[0]);
    assert!(envelope("1", json!({})).problems("pump").is_empty());
}
