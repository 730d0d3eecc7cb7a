//! Rules at work: what fires, what rests, what is said about it.

use std::time::Duration;

use interlock_plugin_sdk::{MAX_ASKS, Occurrence, Quality, Ruling, Severity, Subscription};

use super::*;

fn and(conditions: &[Value]) -> Value {
    json!({ "type": "composite", "operator": "AND", "conditions": conditions })
}

fn not(condition: &Value) -> Value {
    json!({ "type": "composite", "operator": "NOT", "conditions": [condition] })
}

fn humidity(operator: &str, value: f64) -> Value {
    json!({ "type": "sensor_threshold", "esp_id": "ESP_03", "gpio": "hum", "operator": operator, "value": value })
}

/// Whether each of these temperatures, one after the other, fires the only rule.
fn fires(world: &mut Environment, logic: &Logic, values: &[f64]) -> Vec<bool> {
    values.iter().map(|value| !temperature(world, logic, *value).intents.is_empty()).collect()
}

#[test]
fn operators_fire_where_they_say() {
    let table = [
        (threshold(">", 25.0), [false, false, true]),
        (threshold(">=", 25.0), [false, true, true]),
        (threshold("<", 25.0), [true, false, false]),
        (threshold("<=", 25.0), [true, true, false]),
        (threshold("==", 25.0), [false, true, false]),
        (threshold("!=", 25.0), [true, false, true]),
    ];
    for (condition, expected) in table {
        let fired = fires(&mut Environment::new(), &logic(&rule("r", &condition)), &[24.9, 25.0, 25.1]);
        assert_eq!(fired, expected, "{condition}");
    }
}

#[test]
fn a_rule_that_does_not_match_says_why_and_asks_for_nothing() {
    let decision = temperature(&mut Environment::new(), &logic(&rule("r", &threshold(">", 25.0))), 21.4);

    assert_eq!(decision.ruling, Ruling::Abstain);
    assert!(decision.intents.is_empty());
    assert_eq!(findings(&decision), [("r", false, "ESP_01/34 is 21.4, not > 25")]);
}

#[test]
fn hysteresis_holds_until_the_value_is_back_far_enough() {
    let mut above = threshold(">", 25.0);
    above["hysteresis"] = json!(1.0);
    let (logic, mut world) = (logic(&rule("r", &above)), Environment::new());

    assert_eq!(
        fires(&mut world, &logic, &[24.5, 25.1, 24.5, 24.1, 24.0, 24.5, 25.1]),
        [false, true, true, true, false, false, true]
    );
    let held = temperature(&mut world, &logic, 24.5);
    assert_eq!(findings(&held)[0].2, "ESP_01/34 is 24.5, still held by its hysteresis: > 25");
}

#[test]
fn hysteresis_widens_between_on_both_sides() {
    let between = json!({ "type": "sensor_threshold", "esp_id": "ESP_01", "gpio": 34, "operator": "between",
        "min": 10, "max": 20, "hysteresis": 2 });
    let (logic, mut world) = (logic(&rule("r", &between)), Environment::new());
    assert_eq!(
        fires(&mut world, &logic, &[9.0, 10.0, 8.0, 7.9, 8.5, 20.0, 22.0, 22.1]),
        [false, true, true, false, false, true, true, false]
    );
}

#[test]
fn a_cooldown_rests_the_rule_and_says_for_how_long() {
    let mut document = rule("r", &threshold(">", 25.0));
    document["cooldown_seconds"] = json!(60);
    let (logic, mut world) = (logic(&document), Environment::new());

    assert_eq!(fires(&mut world, &logic, &[26.0]), [true]);
    world.advance(Duration::from_millis(17_500));
    let resting = temperature(&mut world, &logic, 26.0);
    assert!(resting.intents.is_empty());
    assert_eq!(findings(&resting), [("r", false, "ESP_01/34 is 26, > 25; in cooldown for another 43 s")]);
    world.advance(Duration::from_millis(42_499));
    assert_eq!(fires(&mut world, &logic, &[26.0]), [false]);
    world.advance(Duration::from_millis(1));
    assert_eq!(fires(&mut world, &logic, &[26.0, 26.0]), [true, false]);
}

#[test]
fn a_rule_that_cannot_remember_its_cooldown_does_not_fire() {
    let mut document = rule("r", &threshold(">", 25.0));
    document["cooldown_seconds"] = json!(60);
    let mut world = Environment::new().quota(0);

    let decision = temperature(&mut world, &logic(&document), 26.0);
    assert!(decision.intents.is_empty());
    assert!(findings(&decision)[0].2.contains("its cooldown cannot be kept"), "{:?}", decision.findings);
}

#[test]
fn conditions_reach_across_devices() {
    let both = and(&[threshold(">", 25.0), humidity("<", 40.0)]);
    let (logic, mut world) = (logic(&rule("r", &both)), Environment::new());

    let unknown = temperature(&mut world, &logic, 26.0);
    assert_eq!(findings(&unknown)[0].2, "(ESP_01/34 is 26, > 25 and ESP_03/hum is unknown: no reading yet)");
    assert!(world.reading(&logic, "ESP_03", "hum", "humidity", 50.0).unwrap().intents.is_empty());
    let dry = world.reading(&logic, "ESP_03", "hum", "humidity", 39.0).unwrap();
    assert_eq!(findings(&dry), [("r", true, "(ESP_01/34 is 26, > 25 and ESP_03/hum is 39, < 40)")]);
    assert_eq!(fires(&mut world, &logic, &[26.0, 24.0]), [true, false]);
}

#[test]
fn what_is_unknown_fires_no_rule_not_even_under_not() {
    let unheard = humidity("<", 40.0);
    let (either, neither) = (
        json!({ "type": "composite", "operator": "OR", "conditions": [threshold(">", 25.0), unheard] }),
        and(&[threshold(">", 25.0), not(&unheard)]),
    );
    assert_eq!(fires(&mut Environment::new(), &logic(&rule("r", &either)), &[26.0, 24.0]), [true, false]);
    assert_eq!(fires(&mut Environment::new(), &logic(&rule("r", &neither)), &[26.0, 24.0]), [false, false]);
    assert_eq!(
        fires(&mut Environment::new(), &logic(&rule("r", &not(&threshold(">", 25.0)))), &[26.0, 24.0]),
        [false, true]
    );
}

#[test]
fn only_rules_that_mention_the_sensor_are_asked() {
    let mut typed = threshold(">", 25.0);
    typed["sensor_type"] = json!("humidity");
    let logic =
        logic(&json!([rule("any", &threshold(">", 25.0)), rule("other", &humidity(">", 1.0)), rule("typed", &typed)]));
    let mut world = Environment::new();

    let asked = |decision: &Decision| findings(decision).iter().map(|found| found.0.to_owned()).collect::<Vec<_>>();
    assert_eq!(asked(&temperature(&mut world, &logic, 26.0)), ["any"]);
    assert_eq!(asked(&world.reading(&logic, "ESP_01", "34", "humidity", 26.0).unwrap()), ["any", "typed"]);
    assert_eq!(asked(&world.reading(&logic, "ESP_07", "34", "humidity", 26.0).unwrap()), Vec::<String>::new());
}

#[test]
fn the_first_by_priority_keeps_an_actuator() {
    let mut late = rule("late", &threshold(">", 20.0));
    late["actions"][0]["value"] = json!(0.2);
    let mut early = rule("early", &threshold(">", 25.0));
    early["priority"] = json!(1);
    let decision = temperature(&mut Environment::new(), &logic(&json!([late, early])), 26.0);

    assert_eq!(decision.intents.len(), 1);
    assert_eq!(decision.intents[0].set, interlock_plugin_sdk::Setting::Value(1.0));
    assert_eq!(
        findings(&decision),
        [
            ("early", true, "ESP_01/34 is 26, > 25"),
            ("late", true, "ESP_01/34 is 26, > 20; `ESP_02/18` is already driven by `early`"),
        ]
    );
}

#[test]
fn a_disabled_rule_does_nothing_and_says_so() {
    let mut disabled = rule("off", &threshold(">", 1.0));
    disabled["enabled"] = json!(false);
    let decision =
        temperature(&mut Environment::new(), &logic(&json!([disabled, rule("on", &threshold(">", 99.0))])), 26.0);

    assert!(decision.intents.is_empty());
    assert_eq!(findings(&decision)[0], ("off", false, "not enabled"));
}

#[test]
fn a_bad_quality_counts_as_unknown_unless_it_is_accepted() {
    let fired = |accept: Option<&str>, quality: Quality| {
        let mut condition = threshold(">", 25.0);
        if let Some(accept) = accept {
            condition["accept_quality"] = json!(accept);
        }
        let Occurrence::Reading(mut reading) = Environment::a_reading("ESP_01", "34", "temperature", 26.0) else {
            unreachable!("a reading")
        };
        reading.quality = quality;
        let decision =
            Environment::new().happens(&logic(&rule("r", &condition)), Occurrence::Reading(reading)).unwrap();
        !decision.intents.is_empty()
    };
    let qualities = [Quality::Good, Quality::Suspect, Quality::Stale];
    assert_eq!(qualities.map(|quality| fired(None, quality)), [true, true, false]);
    assert_eq!(qualities.map(|quality| fired(Some("good"), quality)), [true, false, false]);
    assert_eq!(qualities.map(|quality| fired(Some("stale"), quality)), [true, true, true]);
}

#[test]
fn a_retained_reading_fires_nothing_and_starts_no_cooldown() {
    let mut document = rule("r", &threshold(">", 25.0));
    document["cooldown_seconds"] = json!(60);
    let (logic, mut world) = (logic(&document), Environment::new());
    let Occurrence::Reading(mut reading) = Environment::a_reading("ESP_01", "34", "temperature", 26.0) else {
        unreachable!("a reading")
    };
    reading.retained = true;

    let decision = world.happens(&logic, Occurrence::Reading(reading)).unwrap();
    assert_eq!(findings(&decision), [("r", false, "the broker kept this reading from earlier")]);
    assert_eq!(fires(&mut world, &logic, &[26.0]), [true]);
}

#[test]
fn windows_follow_the_clock_of_their_zone() {
    let window =
        json!({ "type": "time_window", "start": "22:00", "end": "06:00", "days": ["mon"], "timezone": "Asia/Tokyo" });
    let logic = logic(&rule("night", &window));
    let mut world = Environment::new().zone("Asia/Tokyo", 9 * 60);
    assert_eq!(logic.plan().subscriptions, [Subscription::Ticks(60_000)]);

    // Monday 12:00 UTC is 21:00 in Tokyo.
    let early = world.happens(&logic, Occurrence::Tick).unwrap();
    assert_eq!(findings(&early), [("night", false, "mon 21:00, not within 22:00-06:00 mon Asia/Tokyo")]);
    world.advance(Duration::from_secs(3_600));
    assert_eq!(world.happens(&logic, Occurrence::Tick).unwrap().intents.len(), 1);
    world.advance(Duration::from_secs(8 * 3_600 - 60));
    let late = world.happens(&logic, Occurrence::Tick).unwrap();
    assert_eq!(findings(&late), [("night", true, "tue 05:59, within 22:00-06:00 mon Asia/Tokyo")]);
    world.advance(Duration::from_secs(60));
    assert!(world.happens(&logic, Occurrence::Tick).unwrap().intents.is_empty());
}

#[test]
fn an_unknown_zone_is_told_and_fires_nothing() {
    let window = json!({ "type": "time_window", "timezone": "Europe/Atlantis" });
    let decision = Environment::new().happens(&logic(&rule("r", &window)), Occurrence::Tick).unwrap();
    assert_eq!(findings(&decision)[0], ("r", false, "the time in `Europe/Atlantis` is unknown: there is no such zone"));
}

#[test]
fn a_tick_asks_no_rule_that_has_a_sensor() {
    let decision = Environment::new().happens(&logic(&rule("r", &threshold(">", 1.0))), Occurrence::Tick).unwrap();
    assert_eq!(decision, Decision::abstain());
}

#[test]
fn actions_carry_what_they_say() {
    let mut document = rule("r", &threshold(">", 25.0));
    document["actions"] = json!([
        { "type": "actuator_command", "actuator": "pump", "value": 0.5, "duration_seconds": 1.5 },
        { "type": "notification", "channel": "email", "severity": "crit", "message": "too hot" },
        { "type": "notification", "message": "fyi" },
    ]);
    let decision = temperature(&mut Environment::new(), &logic(&document), 26.0);

    assert_eq!((decision.intents[0].actuator.as_str(), decision.intents[0].hold_for), ("pump", Some(1_500)));
    let told: Vec<_> =
        decision.notifications.iter().map(|n| (n.channel.as_str(), n.severity, n.message.as_str())).collect();
    assert_eq!(told, [("email", Severity::Crit, "too hot"), ("dashboard", Severity::Info, "fyi")]);
}

#[test]
fn a_hundred_rules_are_asked_in_order_and_keep_the_bounds() {
    let rules: Vec<_> = (0..100)
        .map(|number| {
            let mut rule = rule(&format!("rule-{number}"), &threshold(">", f64::from(number)));
            rule["actions"][0]["gpio"] = json!(number);
            rule
        })
        .collect();
    let (logic, mut world) = (logic(&json!({ "rules": rules })), Environment::new());

    let some = temperature(&mut world, &logic, 49.5);
    assert_eq!((some.findings.len(), some.intents.len()), (100, 50));
    assert_eq!(findings(&some)[49], ("rule-49", true, "ESP_01/34 is 49.5, > 49"));
    assert_eq!(findings(&some)[50], ("rule-50", false, "ESP_01/34 is 49.5, not > 50"));

    let all = temperature(&mut world, &logic, 200.0);
    assert_eq!(all.intents.len(), MAX_ASKS);
    assert_eq!(
        findings(&all)[99],
        ("rule-99", true, "ESP_01/34 is 200, > 99; `ESP_02/99` finds no room in the decision")
    );
}

#[test]
fn the_longest_document_stays_within_the_bounds_of_an_answer() {
    let conditions = vec![threshold(">", 1.0); 63];
    let rules: Vec<_> = (0..1_000).map(|number| rule(&format!("{number:0>128}"), &and(&conditions))).collect();
    let decision = temperature(&mut Environment::new(), &logic(&json!(rules)), 26.0);

    let texts = decision.findings.iter().map(|found| found.rule.len() + found.because.len());
    let reasons = decision.intents.iter().map(|intent| intent.actuator.len() + intent.reason.len());
    assert_eq!(decision.findings.len(), 1_000);
    assert!(texts.sum::<usize>() + reasons.sum::<usize>() < interlock_plugin_sdk::MAX_ANSWER_BYTES);
}
