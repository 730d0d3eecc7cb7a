//! Every record that can be written can be read, and is the same.

use interlock_core::command::Command;
use interlock_core::decision::{Action, Decision, Finding, Intent, Notification, Ruling, Setting};
use interlock_core::evaluation::{Fault, FaultKind, LogLevel, LogLine, Lookup, VersionRef};
use interlock_core::event::{
    ActionOutcome, ActuatorStatus, Alert, Custom, Incident, Presence, Quality, Severity, Tick,
};
use interlock_core::gate::{Code, Outcome, Scope, Verdict, Why, Writer as SlotWriter};
use interlock_core::policy::Mode;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::journal::personal;
use crate::journal::record::{ChangeRecord, DecisionRecord, FaultRecord, PolicyChange, PolicyRecord};

pub(super) fn command(id: &str) -> Command {
    Command {
        id: id.into(),
        actuator: "fan".into(),
        device: "ESP_02".into(),
        channel: "18".into(),
        value: 1.0,
        issued: Timestamp(1),
        valid_until: Timestamp(2),
        hold_ms: Some(3),
        source: "automation".into(),
        reason: "hot".into(),
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,6}", ".{0,8}", Just("null".to_owned()), Just("\u{0}\"\\".to_owned())]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        finite().prop_map(Into::into),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |value| value.is_finite())
}

/// Anything a policy may ask for; `NaN` is tried by itself, for it equals nothing.
fn asked() -> impl Strategy<Value = f64> {
    prop_oneof![4 => finite(), 1 => Just(f64::INFINITY), 1 => Just(f64::NEG_INFINITY)]
}

fn severity() -> impl Strategy<Value = Severity> {
    prop_oneof![Just(Severity::Ok), Just(Severity::Info), Just(Severity::Warn), Just(Severity::Crit)]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Off), Just(Mode::Shadow), Just(Mode::Advise), Just(Mode::Enforce)]
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::All), text().prop_map(Scope::Device)]
}

fn by() -> impl Strategy<Value = Personal> {
    prop_oneof![
        text().prop_map(Personal::Known),
        "[0-9a-f]{64}".prop_map(|commitment| Personal::Committed { commitment }),
    ]
}

fn occurrence() -> impl Strategy<Value = Occurrence> {
    let reading = (text(), text(), text(), finite(), option::of(finite()), option::of(text()), any::<bool>());
    let alert = (text(), text(), text(), severity(), option::of(finite()), vec(text(), 0..3));
    prop_oneof![
        reading.prop_map(|(device, channel, quantity, value, raw, unit, retained)| {
            let quality = if retained { Quality::Suspect } else { Quality::Good };
            Occurrence::Reading(Reading { device, channel, quantity, value, raw, unit, quality, retained })
        }),
        (text(), text(), option::of(text()), any::<bool>(), option::of(finite())).prop_map(
            |(device, channel, kind, active, value)| {
                Occurrence::Actuator(ActuatorStatus { device, channel, kind, active, value })
            }
        ),
        (text(), any::<bool>()).prop_map(|(device, online)| Occurrence::Device(Presence { device, online })),
        alert.prop_map(|(kpi, title, message, severity, delta, roles)| {
            Occurrence::Alert(Alert { kpi, title, message, severity, delta, roles })
        }),
        (text(), any::<u8>(), json()).prop_map(|(kind, severity, context)| Occurrence::Incident(Incident {
            kind,
            severity,
            context
        })),
        (text(), vec(text(), 0..3), text(), text(), json()).prop_map(|(principal, roles, action, target, context)| {
            Occurrence::Access(Access { principal, roles, action, target, context })
        }),
        (any::<u64>(), text(), text(), any::<bool>(), text()).prop_map(|(decision, policy, name, success, code)| {
            Occurrence::Outcome(ActionOutcome { decision, policy, name, success, code })
        }),
        (text(), json()).prop_map(|(kind, body)| Occurrence::Custom(Custom { kind, body })),
        text().prop_map(|policy| Occurrence::Tick(Tick { policy })),
    ]
}

fn intent() -> impl Strategy<Value = Intent> {
    let set = prop_oneof![asked().prop_map(Setting::Value), Just(Setting::Release)];
    (text(), set, option::of(any::<u64>()), text()).prop_map(|(actuator, set, hold_ms, reason)| Intent {
        actuator,
        set,
        hold_ms,
        reason,
    })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let how = prop_oneof![
        Just((Outcome::Pass, Code::Passed)),
        Just((Outcome::Clamp, Code::Deferred)),
        Just((Outcome::Refuse, Code::PwmOutOfRange)),
    ];
    (text(), how, option::of(text()), option::of(finite()), text()).prop_map(
        |(actuator, (outcome, code), limit, value, message)| Verdict { actuator, outcome, code, limit, value, message },
    )
}

fn change() -> impl Strategy<Value = ChangeRecord> {
    let held_by = option::of(prop_oneof![text().prop_map(SlotWriter::Policy), Just(SlotWriter::Manual)]);
    let why = prop_oneof![Just(Why::Written), Just(Why::HoldEnded), Just(Why::MadeSafe)];
    (finite(), finite(), why, held_by, option::of(any::<u64>()), text()).prop_map(
        |(from, value, why, held_by, hold_ms, reason)| {
            let command = Command { value, hold_ms, reason, ..command("c") };
            ChangeRecord { from, why, held_by, command }
        },
    )
}

fn ruling() -> impl Strategy<Value = Ruling> {
    prop_oneof![
        Just(Ruling::Abstain),
        Just(Ruling::Allow),
        (vec(text(), 0..3), option::of(any::<u64>()))
            .prop_map(|(roles, expires_after_ms)| Ruling::AllowAfter { roles, expires_after_ms }),
        text().prop_map(|reason| Ruling::Deny { reason }),
    ]
}

fn decision() -> impl Strategy<Value = Decision> {
    let notification = (text(), severity(), text()).prop_map(|(channel, severity, message)| Notification {
        channel,
        severity,
        message,
    });
    let action = (text(), json(), option::of(any::<u64>())).prop_map(|(name, modifiers, reversible_ms)| Action {
        name,
        modifiers,
        reversible_ms,
    });
    let finding =
        (text(), any::<bool>(), text()).prop_map(|(rule, matched, because)| Finding { rule, matched, because });
    (ruling(), vec(intent(), 0..3), vec(notification, 0..3), vec(action, 0..3), vec(finding, 0..3)).prop_map(
        |(ruling, intents, notifications, actions, findings)| Decision {
            ruling,
            intents,
            notifications,
            actions,
            findings,
        },
    )
}

fn version() -> impl Strategy<Value = VersionRef> {
    (text(), any::<u64>(), "[0-9a-f]{64}").prop_map(|(policy, version, digest)| VersionRef { policy, version, digest })
}

fn log() -> impl Strategy<Value = Vec<LogLine>> {
    vec(text().prop_map(|message| LogLine { level: LogLevel::Warn, message }), 0..2)
}

fn decision_record() -> impl Strategy<Value = Body> {
    let lookup = (text(), text(), option::of(text()), option::of(any::<u64>()), option::of(any::<u64>()))
        .prop_map(|(device, channel, quantity, span_ms, seq)| Lookup { device, channel, quantity, span_ms, seq });
    let judged = (vec(verdict(), 0..3), vec(change(), 0..3), vec(lookup, 0..3));
    (version(), mode(), any::<u64>(), decision(), judged, log(), any::<(u64, u64)>()).prop_map(
        |(by, mode, event, decision, (verdicts, changes, reads), log, (fuel, micros))| {
            Body::Decision(DecisionRecord { by, mode, event, decision, verdicts, changes, reads, log, fuel, micros })
        },
    )
}

fn fault_record() -> impl Strategy<Value = Body> {
    let kind = prop_oneof![Just(FaultKind::OutOfFuel), Just(FaultKind::BadAnswer), Just(FaultKind::Trap)];
    let fault = (kind, text()).prop_map(|(kind, detail)| Fault { kind, detail });
    (version(), any::<u64>(), fault, vec(change(), 0..2), any::<(bool, bool)>(), log(), any::<(u64, u64)>()).prop_map(
        |(by, event, fault, changes, (quarantined, alarm), log, (fuel, micros))| {
            Body::Fault(FaultRecord { by, event, fault, changes, quarantined, alarm, log, fuel, micros })
        },
    )
}

fn policy_record() -> impl Strategy<Value = Body> {
    let number = any::<u64>();
    let step = prop_oneof![
        (number, text(), text()).prop_map(|(version, digest, checksum)| PolicyChange::VersionSaved {
            version,
            digest,
            checksum
        }),
        text().prop_map(|problem| PolicyChange::VersionRefused { problem }),
        (number, option::of(number), mode()).prop_map(|(version, from, mode)| PolicyChange::Activated {
            version,
            from,
            mode
        }),
        (number, option::of(number)).prop_map(|(version, from)| PolicyChange::RolledBack { version, from }),
        mode().prop_map(|mode| PolicyChange::Mode { mode }),
        any::<u8>().prop_map(|priority| PolicyChange::Priority { priority }),
        Just(PolicyChange::Deleted),
    ];
    (text(), step, option::of(text()), by())
        .prop_map(|(policy, change, reason, by)| Body::Policy(PolicyRecord { policy, change, reason, by }))
}

fn body() -> impl Strategy<Value = Body> {
    let number = any::<u64>();
    let observation = (text(), option::of(number.prop_map(Timestamp)), occurrence())
        .prop_map(|(id, measured, what)| Body::Event(Observation { id, measured, what }));
    let judged = (vec(verdict(), 0..2), vec(change(), 0..2));
    prop_oneof![
        4 => observation,
        4 => decision_record(),
        2 => fault_record(),
        2 => policy_record(),
        1 => (text(), text()).prop_map(|(version, after)| Body::Started { version, after }),
        1 => Just(Body::Stopped),
        1 => (text(), text(), text(), number)
            .prop_map(|(topic, reason, head, bytes)| Body::Malformed { topic, reason, head, bytes }),
        1 => (text(), number, number).prop_map(|(policy, skipped, until)| Body::Coalesced { policy, skipped, until }),
        1 => vec(change(), 0..3).prop_map(|changes| Body::Effect { changes }),
        1 => (by(), intent(), verdict(), vec(change(), 0..2))
            .prop_map(|(by, intent, verdict, changes)| Body::Manual { by, intent, verdict, changes }),
        1 => (text(), text(), text()).prop_map(|(id, actuator, reason)| Body::Undelivered { id, actuator, reason }),
        1 => (text(), scope(), text(), text(), by(), any::<bool>()).prop_map(
            |(id, scope, reason, source, by, latched_on_disk)| {
                Body::Stop { id, scope, reason, source, by, latched_on_disk }
            }
        ),
        1 => (scope(), text(), by()).prop_map(|(scope, reason, by)| Body::Reset { scope, reason, by }),
        1 => (text(), text(), text(), by())
            .prop_map(|(what, name, change, by)| Body::Inventory { what, name, change, by }),
        1 => (number, text(), by(), judged).prop_map(|(decision, answer, by, (verdicts, changes))| {
            Body::Approval { decision, answer, by, verdicts, changes }
        }),
        1 => (text(), text(), vec(text(), 0..3), by())
            .prop_map(|(id, change, scopes, by)| Body::Token { id, change, scopes, by }),
        1 => (number, number).prop_map(|(first, removed)| Body::Anchored { first, removed }),
        1 => (number, any::<u8>(), by()).prop_map(|(of, field, by)| Body::Erased { of, field, by }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_record_read_back_is_the_record_written(seq: u64, at: u64, body in body()) {
        let record = Record { seq, at: Timestamp(at), body };
        let bytes = serde_json::to_vec(&record).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Record>(&bytes).unwrap(), record);
    }

    #[test]
    fn the_kind_is_the_stored_tag(body in body()) {
        let kind = body.kind();
        let stored = serde_json::to_value(Record { seq: 1, at: Timestamp(1), body }).unwrap();
        prop_assert_eq!(stored["kind"].as_str(), Some(kind));
    }

    #[test]
    fn no_personal_value_is_left_in_what_is_chained(body in body()) {
        let record = Record { seq: 1, at: Timestamp(1), body };
        let (chained, secrets) = personal::split(&record, &[7; 32]);
        if !personal::has_fields(&record.body) {
            prop_assert!(secrets.is_empty());
            prop_assert_eq!(&chained, &record);
        }
        for (_, secret) in secrets {
            prop_assert_eq!(secret.len() >= 32, true);
            prop_assert_ne!(&chained, &record);
        }
    }
}

#[test]
fn a_value_that_is_no_number_survives() {
    let intent = Intent { actuator: "fan".into(), set: Setting::Value(f64::NAN), hold_ms: None, reason: "?".into() };
    let read: Intent = serde_json::from_str(&serde_json::to_string(&intent).unwrap()).unwrap();
    assert!(matches!(read.set, Setting::Value(value) if value.is_nan()));
}
