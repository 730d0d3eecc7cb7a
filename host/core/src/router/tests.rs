use rstest::rstest;

use super::*;
use crate::event::{Access, ActionOutcome, ActuatorStatus, Alert, Custom, Incident, Presence, Quality, Severity, Tick};

fn reading(device: &str, channel: &str, quantity: &str) -> Occurrence {
    Occurrence::Reading(Reading {
        device: device.into(),
        channel: channel.into(),
        quantity: quantity.into(),
        value: 26.5,
        raw: None,
        unit: None,
        quality: Quality::Good,
        retained: false,
    })
}

fn filter(device: &str, channel: &str, quantity: &str) -> ReadingFilter {
    let given = |text: &str| (text != "*").then(|| text.to_owned());
    ReadingFilter { device: given(device), channel: given(channel), quantity: given(quantity) }
}

fn plan(subscriptions: Vec<Subscription>) -> Plan {
    Plan { subscriptions, ..Plan::default() }
}

#[test]
fn the_index_agrees_with_asking_every_filter() {
    let words = ["*", "a", "b"];
    let mut plans = Vec::new();
    for device in words {
        for channel in words {
            for quantity in words {
                plans.push(plan(vec![Subscription::Readings(filter(device, channel, quantity))]));
            }
        }
    }
    let router = Router::new(plans.iter().enumerate().map(|(id, plan)| (id, "p", plan)));
    for (d, c, q) in [("a", "a", "a"), ("a", "b", "a"), ("b", "b", "b"), ("a", "x", "b"), ("x", "x", "x")] {
        let asked: Vec<usize> = (0..plans.len())
            .filter(|id| {
                matches!(plans[*id].subscriptions.as_slice(),
                    [Subscription::Readings(filter)] if filter.matches(d, c, Some(q)))
            })
            .collect();
        assert_eq!(router.route(&reading(d, c, q)), asked, "{d}/{c}/{q}");
        assert!(!asked.is_empty());
    }
}

#[test]
fn a_policy_with_overlapping_filters_sees_an_event_once() {
    let plan = plan(vec![
        Subscription::Readings(filter("ESP_01", "*", "*")),
        Subscription::Readings(filter("*", "34", "*")),
        Subscription::Readings(ReadingFilter::default()),
    ]);
    let router = Router::new([(7, "greenhouse", &plan)]);
    assert_eq!(router.route(&reading("ESP_01", "34", "temperature")), [7]);
}

#[rstest]
#[case::actuator(Subscription::Actuators, Occurrence::Actuator(ActuatorStatus {
    device: "x".into(), channel: "18".into(), kind: None, active: true, value: None }))]
#[case::device(Subscription::Devices, Occurrence::Device(Presence { device: "x".into(), online: true }))]
#[case::alert(Subscription::Alerts, Occurrence::Alert(Alert {
    kpi: "x".into(), title: String::new(), message: String::new(), severity: Severity::Warn, delta: None, roles: vec![] }))]
#[case::incident(Subscription::Incidents, Occurrence::Incident(Incident {
    kind: "x".into(), severity: 3, context: serde_json::Value::Null }))]
#[case::custom(Subscription::Custom, Occurrence::Custom(Custom { kind: "x".into(), body: serde_json::Value::Null }))]
fn a_list_means_its_names_and_an_empty_one_all(
    #[case] subscription: fn(Vec<String>) -> Subscription,
    #[case] what: Occurrence,
) {
    let all = plan(vec![subscription(vec![])]);
    let named = plan(vec![subscription(vec!["w".into(), "x".into()])]);
    let other = plan(vec![subscription(vec!["y".into()])]);
    let router = Router::new([(3, "all", &all), (2, "named", &named), (1, "other", &other)]);
    assert_eq!(router.route(&what), [2, 3]);
    assert_eq!(router.route(&reading("x", "x", "x")), [] as [i32; 0]);
}

#[test]
fn ticks_and_outcomes_go_to_the_policy_they_are_about() {
    let both = plan(vec![Subscription::Ticks(1_000), Subscription::Outcomes]);
    let neither = plan(vec![Subscription::Access]);
    let router = Router::new([(1, "a", &both), (2, "b", &both), (3, "b", &both), (4, "c", &neither)]);
    let tick = |policy: &str| Occurrence::Tick(Tick { policy: policy.into() });
    let outcome = |policy: &str| {
        Occurrence::Outcome(ActionOutcome {
            policy: policy.into(),
            decision: 1,
            name: "fan".into(),
            success: true,
            code: "PASSED".into(),
        })
    };
    assert_eq!(router.route(&tick("b")), [2, 3]);
    assert_eq!(router.route(&outcome("a")), [1]);
    assert_eq!(router.route(&tick("c")), [] as [i32; 0]);
    assert_eq!(router.route(&outcome("c")), [] as [i32; 0]);
    let access = Occurrence::Access(Access {
        principal: "u".into(),
        roles: vec![],
        action: "read".into(),
        target: "t".into(),
        context: serde_json::Value::Null,
    });
    assert_eq!(router.route(&access), [4]);
}
