//! Each way to give no answer, ended by its own limit and named with its number.

use std::time::{Duration, Instant};

use interlock_core::decision::{Action, Decision, Finding, Intent, Setting};
use interlock_core::evaluation::{Fault, FaultKind};
use interlock_core::policy::{Limits, Plan};

use crate::support::guests::{DECISION, Guest};
use crate::support::{evaluate, prepare, prepare_within};

/// The fault of a guest, and that an evaluation which faulted leaves no writes behind.
async fn fault_within(guest: Guest, limits: Limits) -> Fault {
    let prepared = prepare_within(guest.component(), "{}", limits).await.expect("it is taken");
    let evaluation = evaluate(&prepared);
    assert!(evaluation.writes.is_empty());
    evaluation.outcome.expect_err("it faults")
}

async fn fault(guest: Guest) -> Fault {
    fault_within(guest, Limits::default()).await
}

fn assert_says(fault: &Fault, kind: FaultKind, words: &str) {
    assert_eq!(fault.kind, kind, "{fault}");
    assert!(fault.detail.contains(words), "`{words}` is not in: {fault}");
}

/// The wrapper's own table: an element for each of a guest's imports.
const TABLE_BYTES: usize = 7 * 8;

const FOREVER: &str = "(loop $forever (br $forever))";

#[tokio::test]
async fn an_endless_loop_runs_out_of_fuel() {
    let limits = Limits { fuel: 12_345, ..Limits::default() };
    let prepared = prepare_within(Guest::new().deciding(FOREVER).component(), "{}", limits).await.unwrap();
    let evaluation = evaluate(&prepared);
    assert_says(&evaluation.outcome.unwrap_err(), FaultKind::OutOfFuel, "12345");
    assert_eq!(evaluation.fuel, 12_345);
}

#[tokio::test]
async fn the_same_run_is_cut_at_the_same_instruction() {
    let limits = Limits { fuel: 1_000, ..Limits::default() };
    let mut guest = Guest::new();
    let line = guest.text("tick");
    let guest = guest.deciding(&format!("(loop $l (call $log (i32.const 0) {line}) (br $l))"));
    let prepared = prepare_within(guest.component(), "{}", limits).await.unwrap();
    let first = evaluate(&prepared);
    assert!((0..20).all(|_| evaluate(&prepared).log == first.log));
}

#[tokio::test]
async fn what_fuel_does_not_stop_the_deadline_does() {
    let limits = Limits { fuel: 1_000_000_000, deadline_ms: 20, ..Limits::default() };
    let prepared = prepare_within(Guest::new().deciding(FOREVER).component(), "{}", limits).await.unwrap();
    let started = Instant::now();
    let evaluation = evaluate(&prepared);
    assert_says(&evaluation.outcome.unwrap_err(), FaultKind::Deadline, "20 ms");
    assert!(started.elapsed() >= Duration::from_millis(19), "{:?}", started.elapsed());
}

#[tokio::test]
async fn memory_is_limited_in_all_and_named_although_the_guest_only_aborts() {
    let limits = Limits { memory_bytes: 1024 * 1024, ..Limits::default() };
    let grow = "(if (i32.eq (memory.grow (i32.const 15)) (i32.const -1)) (then unreachable))";
    let fault = fault_within(Guest::new().deciding(grow), limits).await;
    assert_says(&fault, FaultKind::Memory, "1048576");
    assert!(fault.detail.contains(&(17 * 65_536 + TABLE_BYTES).to_string()), "{fault}");
}

#[tokio::test]
async fn a_guest_that_lives_without_more_memory_is_no_fault() {
    let limits = Limits { memory_bytes: 1024 * 1024, ..Limits::default() };
    let grow = "(drop (memory.grow (i32.const 1000)))";
    let prepared = prepare_within(Guest::new().deciding(grow).component(), "{}", limits).await.unwrap();
    assert_eq!(evaluate(&prepared).outcome, Ok(Decision::default()));
}

#[tokio::test]
async fn a_table_counts_as_memory() {
    let limits = Limits { memory_bytes: 200_000, ..Limits::default() };
    let table = "(table $big 0 funcref) (elem declare func $decide)";
    let grow = "(if (i32.eq (table.grow $big (ref.null func) (i32.const 9000)) (i32.const -1)) (then unreachable))";
    let fault = fault_within(Guest::new().with(table).deciding(grow), limits).await;
    assert_says(&fault, FaultKind::Memory, "200000");
}

#[tokio::test]
async fn endless_recursion_overflows_the_stack_and_nothing_else() {
    let fault = fault(Guest::new().deciding("(drop (call $decide (local.get $event)))")).await;
    assert_says(&fault, FaultKind::Stack, "524288");
    assert!(fault.detail.contains("decide"), "{fault}");
}

#[tokio::test]
async fn a_trap_tells_where_and_what_was_said_last() {
    let mut guest = Guest::new();
    let words = guest.text("panicked at src/lib.rs:7: no rules");
    let guest = guest
        .with("(func $inner_rule unreachable)")
        .deciding(&format!("(call $log (i32.const 3) {words}) (call $inner_rule)"));
    let fault = fault(guest).await;
    assert_says(&fault, FaultKind::Trap, "unreachable");
    assert!(fault.detail.contains("no rules") && fault.detail.contains("inner_rule < "), "{fault}");
}

#[tokio::test]
async fn an_access_out_of_bounds_is_a_trap() {
    let fault = fault(Guest::new().deciding("(drop (i32.load (i32.const -8)))")).await;
    assert_says(&fault, FaultKind::Trap, "out of bounds memory access");
}

#[tokio::test]
async fn an_answer_outside_the_abi_is_a_bad_answer() {
    let ruling = format!("(i32.store8 (i32.const {}) (i32.const 9))", DECISION + 8);
    assert_says(&fault(Guest::new().deciding(&ruling)).await, FaultKind::BadAnswer, "discriminant");
    let list = format!("(i32.store (i32.const {}) (i32.const -16))", DECISION + 40);
    let length = format!("(i32.store (i32.const {}) (i32.const 60))", DECISION + 44);
    let fault = fault(Guest::new().deciding(&format!("{list} {length}"))).await;
    assert_says(&fault, FaultKind::BadAnswer, "out of bounds");
}

#[tokio::test]
async fn an_answer_over_its_bounds_is_a_bad_answer_with_the_bound() {
    let finding = || Finding { rule: "r".into(), matched: false, because: String::new() };
    let many = Decision { findings: (0..1_025).map(|_| finding()).collect(), ..Decision::default() };
    assert_says(&fault(Guest::new().decision(&many)).await, FaultKind::BadAnswer, "1025 findings; at most 1024");
    let long = Finding { because: "x".repeat(300_000), ..finding() };
    let large = Decision { findings: vec![long], ..Decision::default() };
    assert_says(&fault(Guest::new().pages(8).decision(&large)).await, FaultKind::BadAnswer, "262144 bytes");
}

#[tokio::test]
async fn modifiers_that_are_no_json_object_are_a_bad_answer() {
    let plan = Plan { actions: vec!["restart".into()], ..Plan::default() };
    for (modifiers, words) in [("{broken", "no JSON"), ("[1]", "no JSON object")] {
        let action = Action { name: "restart".into(), modifiers: modifiers.into(), reversible_ms: None };
        let decision = Decision { actions: vec![action], ..Decision::default() };
        let fault = fault(Guest::new().plan(&plan).decision(&decision)).await;
        assert_says(&fault, FaultKind::BadAnswer, words);
    }
}

#[tokio::test]
async fn a_host_call_with_too_much_data_is_refused_before_it_is_copied() {
    let call = "(call $log (i32.const 1) (i32.const 0) (i32.const 262145))";
    let fault = fault(Guest::new().pages(8).deciding(call)).await;
    assert_says(&fault, FaultKind::HostCall, "262144 bytes");
}

#[tokio::test]
async fn a_host_call_at_the_wrong_time_is_refused() {
    let mut guest = Guest::new();
    let zone = guest.text("UTC");
    let civil = format!("(call $civil (i64.const 0) {zone} (i32.const 0))");
    let program = prepare(guest.migrating(&civil).component(), "{}").await.unwrap().program;
    let fault = program.migrate("1", interlock_core::time::Timestamp(0), &Default::default()).unwrap_err();
    assert_says(&fault, FaultKind::HostCall, "`local-time.of` was called outside of `decide`");
}

#[tokio::test]
async fn what_is_not_in_the_plan_is_not_granted() {
    let intent = Intent { actuator: "pump".into(), set: Setting::Value(1.0), hold_ms: None, reason: String::new() };
    let decision = Decision { intents: vec![intent], ..Decision::default() };
    assert_says(&fault(Guest::new().decision(&decision)).await, FaultKind::NotGranted, "actuator `pump`");
    let mut guest = Guest::new();
    let (device, channel) = (guest.text("ESP_09"), guest.text("1"));
    let none = "(i32.const 0) (i32.const 0) (i32.const 0)";
    let guest = guest.deciding(&format!("(call $latest {device} {channel} {none} (i32.const 0))"));
    assert_says(&fault(guest).await, FaultKind::NotGranted, "`ESP_09/1`");
}

#[tokio::test]
async fn an_error_of_the_policy_is_its_refusal() {
    let fault = fault(Guest::new().refusal("this event makes no sense")).await;
    assert_eq!(fault, Fault::new(FaultKind::Refused, "this event makes no sense"));
}

#[tokio::test]
async fn a_fault_does_not_keep_the_next_evaluation_from_answering() {
    let mut guest = Guest::new();
    let key = guest.text("k");
    // Traps unless the state has the key.
    let guest = guest.deciding(&format!(
        "(call $get {key} (i32.const 0)) (if (i32.eqz (i32.load8_u (i32.const 0))) (then unreachable))"
    ));
    let prepared = prepare(guest.component(), "{}").await.unwrap();
    let entry = interlock_core::evaluation::StateEntry { value: String::new(), expires: None };
    let state = interlock_core::state::PolicyState::from_entries([("k".to_owned(), entry)]);
    let readings = std::sync::Arc::new(interlock_core::readings::Readings::new(1, 1));
    let state = std::sync::Arc::new(state);
    for _ in 0..50 {
        assert_eq!(evaluate(&prepared).outcome.unwrap_err().kind, FaultKind::Trap);
        let good = prepared.program.evaluate(&crate::support::reading(1), &readings, &state);
        assert_eq!(good.outcome, Ok(Decision::default()));
    }
}
