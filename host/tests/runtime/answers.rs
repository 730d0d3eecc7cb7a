//! What a policy answers, and what it may ask while it does.

use std::sync::Arc;

use interlock_core::decision::{Action, Decision, Finding, Intent, Notification, Ruling, Setting};
use interlock_core::evaluation::{Lookup, StateEntry};
use interlock_core::event::Severity;
use interlock_core::policy::{Plan, ReadingFilter, Subscription};
use interlock_core::readings::Readings;
use interlock_core::state::PolicyState;
use interlock_core::time::Timestamp;

use crate::support::guests::{DECISION, Guest};
use crate::support::{evaluate, prepare, reading};

fn full_plan() -> Plan {
    let filter = ReadingFilter { device: Some("ESP_01".into()), channel: Some("34".into()), quantity: None };
    Plan {
        subscriptions: vec![
            Subscription::Readings(filter.clone()),
            Subscription::Alerts(vec!["margin".into()]),
            Subscription::Access,
            Subscription::Outcomes,
            Subscription::Ticks(1_000),
        ],
        reads: vec![filter],
        actuators: vec!["ESP_02/18".into()],
        actions: vec!["restart".into()],
    }
}

fn full_decision() -> Decision {
    let intent = |set, hold_ms| Intent { actuator: "ESP_02/18".into(), set, hold_ms, reason: "hot".into() };
    let notification = Notification { channel: "email".into(), severity: Severity::Crit, message: "too hot".into() };
    let modifiers = serde_json::json!({"grace": 3});
    let finding = |matched| Finding { rule: "r1".into(), matched, because: "26.5 > 25".into() };
    Decision {
        ruling: Ruling::AllowAfter { roles: vec!["ops".into()], expires_after_ms: Some(60_000) },
        intents: vec![intent(Setting::Value(0.75), Some(5_000)), intent(Setting::Release, None)],
        notifications: vec![notification],
        actions: vec![Action { name: "restart".into(), modifiers, reversible_ms: Some(9) }],
        findings: vec![finding(true), finding(false)],
    }
}

#[tokio::test]
async fn plan_and_decision_arrive_as_the_guest_meant_them() {
    let guest = Guest::new().plan(&full_plan()).decision(&full_decision());
    let prepared = prepare(guest.component(), "{}").await.unwrap();
    assert_eq!(prepared.plan, full_plan());
    assert_eq!((prepared.manifest.name.as_str(), prepared.manifest.version.as_str()), ("guest", "1.0.0"));
    let evaluation = evaluate(&prepared);
    assert_eq!(evaluation.outcome, Ok(full_decision()));
    assert!(evaluation.fuel > 0 && evaluation.fuel < 1_000, "{}", evaluation.fuel);
}

/// Answers with the configuration as the reason of a denial: the answer shows where the instance began.
fn parrot() -> Guest {
    Guest::new()
        .decision(&Decision { ruling: Ruling::Deny { reason: String::new() }, ..Decision::default() })
        .configuring(&format!(
            "(i32.store (i32.const {}) (local.get $config)) (i32.store (i32.const {}) (local.get $length))",
            DECISION + 16,
            DECISION + 20
        ))
}

#[tokio::test]
async fn a_snapshot_decides_as_an_instance_configured_at_start() {
    let config = r#"{"threshold": 25}"#;
    let snapshotted = prepare(parrot().component(), config).await.unwrap();
    let configured = prepare(parrot().unsnapshottable().component(), config).await.unwrap();
    assert!(snapshotted.snapshotted && snapshotted.program.snapshotted());
    assert!(!configured.snapshotted && !configured.program.snapshotted());
    let why = configured.notes.first().expect("it says why");
    assert!(why.contains("table.set"), "{why}");
    let (one, other) = (evaluate(&snapshotted), evaluate(&configured));
    assert_eq!(one.outcome.as_ref().unwrap().ruling, Ruling::Deny { reason: config.into() });
    assert_eq!(one.outcome, other.outcome);
    assert_eq!(one.fuel, other.fuel, "fuel counts from `decide`");
}

#[tokio::test]
async fn nothing_is_left_for_the_next_event_but_the_state() {
    let count = "(i32.store (i32.const 0) (i32.add (i32.const 1) (i32.load (i32.const 0))))
                 (if (i32.ne (i32.load (i32.const 0)) (i32.const 1)) (then unreachable))";
    let prepared = prepare(Guest::new().deciding(count).component(), "{}").await.unwrap();
    for _ in 0..5 {
        assert_eq!(evaluate(&prepared).outcome, Ok(Decision::default()));
    }
}

#[tokio::test]
async fn a_core_module_that_carries_the_world_is_wrapped() {
    let guest = Guest::new().decision(&Decision { ruling: Ruling::Allow, ..Decision::default() });
    let prepared = prepare(guest.core(), "{}").await.unwrap();
    assert_eq!(prepared.artifact.as_ref(), guest.component().as_slice());
    assert!(prepared.notes.iter().any(|note| note.contains("wrapped")), "{:?}", prepared.notes);
    assert_eq!(evaluate(&prepared).outcome.unwrap().ruling, Ruling::Allow);
}

#[tokio::test]
async fn the_state_is_read_written_and_ends_on_the_events_clock() {
    let mut guest = Guest::new();
    let (key, value) = (guest.text("seen"), guest.text("yes"));
    // Denies if the key is there; writes it for 10 s.
    let guest = guest.deciding(&format!(
        "(call $get {key} (i32.const 0))
         (if (i32.load8_u (i32.const 0)) (then (i32.store8 (i32.const {}) (i32.const 1))))
         (call $set {key} {value} (i32.const 1) (i64.const 10000) (i32.const 32))",
        DECISION + 8
    ));
    let program = prepare(guest.component(), "{}").await.unwrap().program;
    let readings = Arc::new(Readings::new(4, 4));
    let mut state = PolicyState::default();
    let mut decide = |seq| {
        let evaluation = program.evaluate(&reading(seq), &readings, &Arc::new(state.clone()));
        state.apply(&evaluation.writes);
        (evaluation.outcome.unwrap().ruling, evaluation.writes)
    };
    let (ruling, writes) = decide(1);
    let entry = StateEntry { value: "yes".into(), expires: Some(Timestamp(11_000)) };
    assert_eq!(ruling, Ruling::Abstain);
    assert_eq!(writes.first().unwrap().entry, Some(entry));
    assert_eq!(decide(2).0, Ruling::Allow, "it remembers");
    assert_eq!(decide(12).0, Ruling::Abstain, "it forgot after ten seconds");
}

#[tokio::test]
async fn readings_are_looked_up_as_of_the_event_and_recorded_by_reference() {
    let mut guest = Guest::new().plan(&full_plan());
    let (device, channel) = (guest.text("ESP_01"), guest.text("34"));
    let none = "(i32.const 0) (i32.const 0) (i32.const 0)";
    let guest = guest.deciding(&format!(
        "(call $latest {device} {channel} {none} (i32.const 0))
         (if (i32.load8_u (i32.const 0)) (then (i32.store8 (i32.const {}) (i32.const 1))))",
        DECISION + 8
    ));
    let program = prepare(guest.component(), "{}").await.unwrap().program;
    let readings = Arc::new(Readings::new(4, 4));
    let event = reading(7);
    let interlock_core::event::Occurrence::Reading(value) = event.what() else { unreachable!() };
    let decide = || program.evaluate(&event, &readings, &Arc::default());
    let lookup = |seq| Lookup { device: "ESP_01".into(), channel: "34".into(), quantity: None, span_ms: None, seq };
    readings.push(8, Timestamp(8_000), value);
    let before = decide();
    assert_eq!(before.outcome.unwrap().ruling, Ruling::Abstain, "what came later is not seen");
    assert_eq!(before.reads, [lookup(None)]);
    let readings = Arc::new(Readings::new(4, 4));
    readings.push(7, Timestamp(7_000), value);
    let own = program.evaluate(&event, &readings, &Arc::default());
    assert_eq!(own.outcome.unwrap().ruling, Ruling::Allow, "the event's own reading counts");
    assert_eq!(own.reads, [lookup(Some(7))]);
}

#[tokio::test]
async fn a_policy_speaks_to_its_author_in_bounds() {
    let mut guest = Guest::new();
    let line = guest.text("hello\u{1b}[2J");
    let guest = guest.deciding(&format!(
        "(local.set $n (i32.const 70))
         (loop $again (call $log (i32.const 2) {line})
           (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    ));
    let log = evaluate(&prepare(guest.component(), "{}").await.unwrap()).log;
    assert_eq!(log.len(), 65);
    assert_eq!(log.first().unwrap().message, "hello[2J");
    assert!(log.last().unwrap().message.starts_with("6 more lines"));
}

#[tokio::test]
async fn migration_rewrites_the_state_or_nothing() {
    let mut guest = Guest::new();
    let (old, new) = (guest.text("old"), guest.text("new"));
    let guest = guest.migrating(&format!(
        "(call $delete {old})
         (call $set {new} (local.get $from) (local.get $length) (i32.const 0) (i64.const 0) (i32.const 32))"
    ));
    let entry = |value: &str| StateEntry { value: value.into(), expires: None };
    let state = Arc::new(PolicyState::from_entries([("old".to_owned(), entry("x"))]));
    let program = prepare(guest.clone().component(), "{}").await.unwrap().program;
    let mut migrated = state.as_ref().clone();
    migrated.apply(&program.migrate("0.9.0", Timestamp(1), &state).unwrap());
    assert_eq!(migrated, PolicyState::from_entries([("new".to_owned(), entry("0.9.0"))]));
    let refusing = prepare(guest.migration_refusal("too old").component(), "{}").await.unwrap().program;
    let fault = refusing.migrate("0.1.0", Timestamp(1), &state).unwrap_err();
    assert_eq!(fault.to_string(), "refused: too old");
}
