//! From records to live events: the one place that says what clients see of what happened.
//!
//! The words and fields of `sensor_data`, `actuator_status`, `logic_execution` and `system_event` are those that
//! existing clients know; every event also has the `seq` of its record. Who did something is not told here: that needs
//! the journal and `audit:read`.
//!
//! | record | event | topic |
//! |---|---|---|
//! | a reading | `sensor_data` | `sensor_data/{device}` |
//! | an actuator's status | `actuator_status` | `actuator_status/{device}` |
//! | any other event | `event` | `event/{kind}` |
//! | a decision, a fault | `logic_execution` | `logic_execution/{policy}` |
//! | every command that was approved | `actuator_command` | `actuator_command/{device}` |
//! | stop, reset, policy, inventory, … | `system_event` | `system_event/{kind}`, and to everyone if it is rare |

use interlock_core::command::Command;
use interlock_core::decision::{Decision, Setting};
use interlock_core::event::{ActuatorStatus, Observation, Occurrence, Reading};
use interlock_core::gate::{Outcome, Scope};
use interlock_core::policy::Mode;
use interlock_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::journal::record::{Body, ChangeRecord, DecisionRecord, FaultRecord, Record};

/// One event as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveEvent {
    /// Its type: `sensor_data`, …
    pub(crate) kind: &'static str,
    /// What is sent.
    pub(crate) body: Value,
}

/// Whether a client wants what is on a topic. The second value is whether it goes to everyone.
pub(crate) type Wanted<'a> = &'a dyn Fn(&str, bool) -> bool;

/// The events of a record that are wanted. `trigger` is the record of the event that a decision answers, where it is
/// at hand: it fills `trigger_data`.
pub(crate) fn of(record: &Record, trigger: Option<&Record>, wanted: Wanted) -> Vec<LiveEvent> {
    let mut teller = Teller { record, wanted, told: Vec::new() };
    match &record.body {
        Body::Event(observation) => teller.event(observation),
        Body::Decision(decision) => teller.decision(decision, trigger),
        Body::Fault(fault) => teller.fault(fault, trigger),
        Body::Effect { changes } | Body::Manual { changes, .. } | Body::Approval { changes, .. } => {
            teller.commands(changes);
        }
        _ => {}
    }
    teller.system();
    teller.told
}

struct Teller<'a> {
    record: &'a Record,
    wanted: Wanted<'a>,
    told: Vec<LiveEvent>,
}

impl Teller<'_> {
    /// Tells an event, unless nobody wants it: then it is not even made.
    fn tell(&mut self, kind: &'static str, topic: &str, everyone: bool, body: impl FnOnce() -> Value) {
        if !(self.wanted)(topic, everyone) {
            return;
        }
        let mut body = body();
        if let Value::Object(fields) = &mut body {
            fields.insert("event_type".into(), kind.into());
            fields.insert("timestamp".into(), timestamp(self.record.at));
            fields.insert("seq".into(), self.record.seq.into());
        }
        self.told.push(LiveEvent { kind, body });
    }

    fn event(&mut self, observation: &Observation) {
        match &observation.what {
            Occurrence::Reading(reading) => {
                let topic = format!("sensor_data/{}", reading.device);
                self.tell("sensor_data", &topic, false, || sensor_data(reading));
            }
            Occurrence::Actuator(status) => {
                let topic = format!("actuator_status/{}", status.device);
                self.tell("actuator_status", &topic, false, || actuator_status(status));
            }
            Occurrence::Tick(_) => {}
            other => {
                let topic = format!("event/{}", other.kind());
                self.tell("event", &topic, false, || other_event(other));
            }
        }
    }

    fn decision(&mut self, record: &DecisionRecord, trigger: Option<&Record>) {
        let topic = format!("logic_execution/{}", record.by.policy);
        self.tell("logic_execution", &topic, false, || logic_execution(record, trigger));
        self.commands(&record.changes);
    }

    fn fault(&mut self, record: &FaultRecord, trigger: Option<&Record>) {
        let topic = format!("logic_execution/{}", record.by.policy);
        self.tell("logic_execution", &topic, false, || failed_execution(record, trigger));
        self.commands(&record.changes);
    }

    fn commands(&mut self, changes: &[ChangeRecord]) {
        for change in changes {
            let topic = format!("actuator_command/{}", change.command.device);
            self.tell("actuator_command", &topic, false, || actuator_command(change));
        }
    }

    fn system(&mut self) {
        if let Some((kind, rare, data)) = system_event(&self.record.body) {
            let topic = format!("system_event/{kind}");
            self.tell("system_event", &topic, rare, || json!({"event": kind, "data": data()}));
        }
    }
}

fn sensor_data(reading: &Reading) -> Value {
    json!({
        "esp_id": reading.device,
        "gpio": gpio(&reading.channel),
        "sensor_type": reading.quantity,
        "value": reading.value,
        "unit": reading.unit,
        "quality": reading.quality,
    })
}

fn actuator_status(status: &ActuatorStatus) -> Value {
    json!({
        "esp_id": status.device,
        "gpio": gpio(&status.channel),
        "actuator_type": status.kind.as_deref().unwrap_or("unknown"),
        "is_active": status.active,
        // Existing clients expect a number; a switch that only says that it is on stands at 1.
        "value": status.value.unwrap_or(if status.active { 1.0 } else { 0.0 }),
    })
}

fn other_event(what: &Occurrence) -> Value {
    match what {
        // Who asks is a personal field.
        Occurrence::Access(access) => {
            json!({"data": {"type": "access", "action": access.action, "target": access.target}})
        }
        what => json!({"data": what}),
    }
}

fn logic_execution(record: &DecisionRecord, trigger: Option<&Record>) -> Value {
    let matched = record.decision.findings.iter().find(|finding| finding.matched);
    let rule = matched.map_or(record.by.policy.as_str(), |finding| finding.rule.as_str());
    let refused = record.verdicts.iter().any(|verdict| verdict.outcome == Outcome::Refuse);
    let mut data = trigger_data(record.event, trigger);
    if let Some(finding) = matched {
        data.insert("because".into(), finding.because.clone().into());
    }
    json!({
        "rule_name": rule,
        "rule_id": format!("{}/{rule}", record.by.policy),
        "success": !refused,
        "trigger_data": data,
        "actions_executed": actions(record),
        "policy": record.by.policy,
        "version": record.by.version,
        "mode": record.mode,
        "ruling": record.decision.ruling,
        "findings": record.decision.findings,
        "verdicts": record.verdicts,
        "fuel": record.fuel,
        "micros": record.micros,
    })
}

fn failed_execution(record: &FaultRecord, trigger: Option<&Record>) -> Value {
    let policy = &record.by.policy;
    json!({
        "rule_name": policy,
        "rule_id": policy,
        "success": false,
        "trigger_data": trigger_data(record.event, trigger),
        "actions_executed": [],
        "policy": policy,
        "version": record.by.version,
        "error": record.fault,
        "quarantined": record.quarantined,
        "fuel": record.fuel,
        "micros": record.micros,
    })
}

/// What set a decision off: always the record's number, and the rest where the record is at hand.
fn trigger_data(event: u64, trigger: Option<&Record>) -> Map<String, Value> {
    let mut data = Map::from_iter([("event".to_owned(), event.into())]);
    let Some(Record { at, body: Body::Event(observation), .. }) = trigger else { return data };
    data.insert("type".into(), observation.what.kind().into());
    data.insert("timestamp".into(), timestamp(*at));
    if let Occurrence::Reading(reading) = &observation.what {
        data.insert("esp_id".into(), reading.device.clone().into());
        data.insert("gpio".into(), gpio(&reading.channel));
        data.insert("sensor_type".into(), reading.quantity.clone().into());
        data.insert("sensor_value".into(), reading.value.into());
    }
    data
}

/// What took effect: the intents that the gate took, and what goes to people and executors.
fn actions(record: &DecisionRecord) -> Vec<Value> {
    let Decision { intents, notifications, actions, .. } = &record.decision;
    let taken = intents.iter().zip(&record.verdicts).filter(|(_, verdict)| verdict.outcome != Outcome::Refuse);
    let mut told: Vec<Value> = taken
        .map(|(intent, verdict)| {
            let value = if let Setting::Value(value) = intent.set { value.into() } else { Value::Null };
            let mut action = json!({
                "type": "actuator_command", "actuator": intent.actuator, "value": value,
                "code": verdict.code, "reason": intent.reason,
            });
            if let Some(command) = command_for(&intent.actuator, &record.changes)
                && let Value::Object(fields) = &mut action
            {
                fields.insert("esp_id".into(), command.device.clone().into());
                fields.insert("gpio".into(), gpio(&command.channel));
            }
            action
        })
        .collect();
    if record.mode == Mode::Enforce && DecisionRecord::acts(&record.decision.ruling) {
        told.extend(notifications.iter().map(|notification| {
            json!({"type": "notification", "channel": notification.channel, "severity": notification.severity,
                "message": notification.message})
        }));
        told.extend(actions.iter().map(|action| json!({"type": "action", "name": action.name})));
    }
    told
}

fn command_for<'a>(actuator: &str, changes: &'a [ChangeRecord]) -> Option<&'a Command> {
    changes.iter().map(|change| &change.command).find(|command| {
        command.actuator == actuator
            || actuator
                .split_once('/')
                .is_some_and(|(device, channel)| command.device == device && command.channel == channel)
    })
}

fn actuator_command(change: &ChangeRecord) -> Value {
    let command = &change.command;
    json!({
        "esp_id": command.device,
        "gpio": gpio(&command.channel),
        "actuator": command.actuator,
        "value": command.value,
        "from": change.from,
        "why": change.why,
        "held_by": change.held_by,
        "id": command.id,
        "source": command.source,
        "reason": command.reason,
        "valid_until": timestamp(command.valid_until),
        "hold_ms": command.hold_ms,
    })
}

/// A record that concerns the host itself: its kind, whether it is rare enough for everyone, and its data.
type SystemEvent<'a> = (&'static str, bool, Box<dyn FnOnce() -> Value + 'a>);

fn system_event(body: &Body) -> Option<SystemEvent<'_>> {
    Some(match body {
        Body::Started { version, after } => {
            ("started", true, Box::new(move || json!({"version": version, "after": after})))
        }
        Body::Stopped => ("stopped", true, Box::new(|| json!({}))),
        Body::Stop { id, scope, reason, source, latched_on_disk, .. } => (
            "emergency_stop",
            true,
            Box::new(move || {
                let (scope, esp_id) = reach(scope);
                json!({"id": id, "scope": scope, "esp_id": esp_id, "reason": reason, "source": source,
                    "latched_on_disk": latched_on_disk})
            }),
        ),
        Body::Reset { scope, reason, .. } => (
            "emergency_reset",
            true,
            Box::new(move || {
                let (scope, esp_id) = reach(scope);
                json!({"scope": scope, "esp_id": esp_id, "reason": reason})
            }),
        ),
        Body::Policy(record) => (
            "policy",
            true,
            Box::new(move || json!({"policy": record.policy, "change": record.change, "reason": record.reason})),
        ),
        Body::Inventory { what, name, change, .. } => {
            ("inventory", true, Box::new(move || json!({"what": what, "name": name, "change": change})))
        }
        Body::Approval { decision, answer, verdicts, .. } => {
            ("approval", true, Box::new(move || json!({"decision": decision, "answer": answer, "verdicts": verdicts})))
        }
        Body::Manual { intent, verdict, .. } => {
            ("manual", false, Box::new(move || json!({"intent": intent, "verdict": verdict})))
        }
        Body::Undelivered { id, actuator, reason } => {
            ("undelivered", false, Box::new(move || json!({"id": id, "actuator": actuator, "reason": reason})))
        }
        Body::Malformed { topic, reason, bytes, .. } => {
            ("malformed", false, Box::new(move || json!({"topic": topic, "reason": reason, "bytes": bytes})))
        }
        Body::Coalesced { policy, skipped, until } => {
            ("coalesced", false, Box::new(move || json!({"policy": policy, "skipped": skipped, "until": until})))
        }
        _ => return None,
    })
}

fn reach(scope: &Scope) -> (&'static str, Option<&str>) {
    match scope {
        Scope::All => ("all", None),
        Scope::Device(device) => ("device", Some(device)),
    }
}

/// A pin as existing clients know it: a number where it is one.
fn gpio(channel: &str) -> Value {
    channel.parse::<u64>().map_or_else(|_| channel.into(), Value::from)
}

/// A moment as ISO 8601 in UTC.
fn timestamp(at: Timestamp) -> Value {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).map_or(Value::Null, |moment| moment.to_string().into())
}

#[cfg(test)]
mod tests;
