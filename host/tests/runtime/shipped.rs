//! The policy that ships, as it ships: built from Rust with the SDK.

use std::sync::Arc;
use std::time::Duration;

use interlock::runtime::Prepared;
use interlock::runtime::bench::{Case, Effort, measure};
use interlock_core::decision::Setting;
use interlock_core::policy::{Problem, Subscription};
use interlock_core::readings::Readings;
use interlock_core::state::PolicyState;

use crate::support::{prepare, reading, rejection};

const LOGIC: &[u8] = include_bytes!("../../../plugins/dist/logic.wasm");

const AUTO_IRRIGATION: &str = r#"{
    "rule_name": "auto_irrigation",
    "enabled": true,
    "cooldown_seconds": 30,
    "trigger_conditions": {"type": "sensor_threshold", "esp_id": "ESP_01", "gpio": 34, "operator": ">", "value": 25.0},
    "actions": [{"type": "actuator_command", "esp_id": "ESP_02", "gpio": 18, "value": 1.0}]
}"#;

async fn auto_irrigation() -> Prepared {
    prepare(LOGIC.to_vec(), AUTO_IRRIGATION).await.expect("it is taken")
}

#[tokio::test]
async fn it_starts_configured_and_plans_what_its_rule_needs() {
    let prepared = auto_irrigation().await;
    assert!(prepared.snapshotted, "{:?}", prepared.notes);
    assert_eq!(prepared.plan.actuators, ["ESP_02/18"]);
    let wants_readings = |subscription: &Subscription| matches!(subscription, Subscription::Readings(_));
    assert!(prepared.plan.subscriptions.iter().any(wants_readings), "{:?}", prepared.plan);
}

#[tokio::test]
async fn it_drives_the_pump_and_then_rests_on_the_state_it_wrote() {
    let prepared = auto_irrigation().await;
    let readings = Arc::new(Readings::new(4, 4));
    let mut state = PolicyState::default();
    let mut intents = |seq| {
        let evaluation = prepared.program.evaluate(&reading(seq), &readings, &Arc::new(state.clone()));
        state.apply(&evaluation.writes);
        evaluation.outcome.expect("it answers").intents
    };
    let first = intents(1);
    let intent = first.first().expect("26.5 is over 25");
    assert_eq!((intent.actuator.as_str(), intent.set), ("ESP_02/18", Setting::Value(1.0)));
    assert_eq!(intents(2), [], "it rests");
    assert_eq!(intents(31).len(), 1, "thirty seconds later it acts again");
}

#[tokio::test]
async fn a_wrong_rule_is_refused_with_the_pointer_to_the_mistake() {
    let wrong = AUTO_IRRIGATION.replace("\">\"", "\"=>\"");
    let refused = rejection(LOGIC.to_vec(), &wrong).await;
    assert_eq!(refused.code(), "invalid_config", "{refused}");
    let points_there = |problem: &Problem| problem.pointer.starts_with("/trigger_conditions");
    assert!(refused.problems().iter().any(points_there), "{refused}");
}

#[tokio::test]
async fn the_benchmark_times_what_it_says() {
    let prepared = auto_irrigation().await;
    let programs = [prepared.program.clone(), prepared.program];
    let mut natively = 0_u64;
    let effort = Effort { turns: 3, turn: Duration::from_millis(5) };
    let (event, readings) = (reading(1), Arc::new(Readings::new(4, 4)));
    let mut native = |_: &_| natively += 1;
    let mut case = Case {
        name: "two programs",
        programs: &programs,
        native: &mut native,
        event: &event,
        readings: &readings,
        state: &Arc::default(),
    };
    let figures = measure(&mut case, effort).expect("both answer");
    assert_eq!((figures.programs, figures.evaluations % 2), (2, 0));
    assert!(figures.evaluations >= 6 && natively >= 3, "{figures:?}");
    assert!(figures.fuel > 1_000, "{figures:?}");
}
