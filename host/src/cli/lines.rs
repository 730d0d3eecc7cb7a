//! Records as lines for people: time, kind, whom it concerns, what happened.

use interlock_core::decision::{Intent, Setting};
use interlock_core::event::{Observation, Occurrence};
use interlock_core::gate::{Outcome, Scope, Verdict, Why, Writer};

use super::out::{BAD, DIM, GOOD, STRONG, WARN, paint};
use super::ps::word;
use crate::journal::record::{Body, ChangeRecord, DecisionRecord, FaultRecord, Personal, PolicyChange, Record};

/// The lines of one record: the record itself, then each command that follows from it.
pub fn lines(record: &Record) -> Vec<String> {
    let (kind, whom, what) = describe(&record.body);
    let mut lines = vec![line(record, kind, &whom, &what)];
    for change in changes(&record.body) {
        let command = &change.command;
        let pin = format!("{}/{}", command.device, command.channel);
        lines.push(line(record, "command", &pin, &change_text(change)));
    }
    lines
}

fn line(record: &Record, kind: &str, whom: &str, what: &str) -> String {
    let at = i64::try_from(record.at.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    columns(at, kind, whom, what)
}

/// Time, kind, whom it concerns, what happened: one line in columns.
pub fn columns(at: Option<jiff::Timestamp>, kind: &str, whom: &str, what: &str) -> String {
    let time = at.map_or_else(
        || " ".repeat(12),
        |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S%.3f").to_string(),
    );
    let style = match kind {
        "command" => GOOD,
        "decision" => STRONG,
        "fault" | "stop" | "malformed" => BAD,
        "reset" | "undelivered" | "gap" => WARN,
        _ => DIM,
    };
    // Padded before it is painted: escape sequences have no width.
    format!("{} {} {whom:<20} {what}", paint(DIM, time), paint(style, format!("{kind:<9}")))
}

fn changes(body: &Body) -> &[ChangeRecord] {
    match body {
        Body::Decision(DecisionRecord { changes, .. })
        | Body::Fault(FaultRecord { changes, .. })
        | Body::Effect { changes }
        | Body::Manual { changes, .. }
        | Body::Approval { changes, .. } => changes,
        _ => &[],
    }
}

/// Kind, whom it concerns, what happened.
fn describe(body: &Body) -> (&'static str, String, String) {
    match body {
        Body::Started { version, after } => ("started", "host".into(), format!("version {version}, last end: {after}")),
        Body::Stopped => ("stopped", "host".into(), "drained".into()),
        Body::Event(observation) => event(observation),
        Body::Malformed { topic, reason, .. } => ("malformed", topic.clone(), reason.clone()),
        Body::Decision(decision) => ("decision", slot(&decision.by.policy, decision.by.version), decided(decision)),
        Body::Fault(fault) => ("fault", slot(&fault.by.policy, fault.by.version), faulted(fault)),
        Body::Coalesced { policy, skipped, .. } => ("coalesced", policy.clone(), format!("{skipped} readings skipped")),
        Body::Effect { changes } => ("effect", "gate".into(), format!("{} changed", changes.len())),
        Body::Manual { by, intent, verdict, .. } => {
            ("manual", intent.actuator.clone(), format!("{} by {}", judged(intent, Some(verdict)), person(by)))
        }
        Body::Undelivered { actuator, reason, .. } => ("undelivered", actuator.clone(), reason.clone()),
        Body::Stop { scope, reason, by, .. } => ("stop", scoped(scope), format!("{reason} (by {})", person(by))),
        Body::Reset { scope, reason, by } => ("reset", scoped(scope), format!("{reason} (by {})", person(by))),
        Body::Policy(policy) => ("policy", policy.policy.clone(), lived(&policy.change)),
        Body::Inventory { what, name, change, .. } => ("inventory", name.clone(), format!("{what} {change}")),
        Body::Approval { decision, answer, by, .. } => {
            ("approval", format!("decision {decision}"), format!("{answer} by {}", person(by)))
        }
        Body::Token { id, change, .. } => ("token", id.clone(), change.clone()),
        Body::Erased { of, field, by } => {
            ("erased", format!("record {of}"), format!("personal field {field}, by {}", person(by)))
        }
        Body::Anchored { first, removed } => {
            ("anchored", "journal".into(), format!("{removed} old records removed; it begins at {first}"))
        }
    }
}

fn slot(policy: &str, version: u64) -> String {
    format!("{policy} v{version}")
}

fn event(observation: &Observation) -> (&'static str, String, String) {
    match &observation.what {
        Occurrence::Reading(reading) => {
            let unit = reading.unit.as_deref().unwrap_or_default();
            let quality = match reading.quality {
                interlock_core::event::Quality::Good => String::new(),
                quality => paint(WARN, format!(" ({})", word(quality))),
            };
            let whom = format!("{}/{}", reading.device, reading.channel);
            ("reading", whom, format!("{} {} {unit}{quality}", reading.quantity, number(reading.value)))
        }
        Occurrence::Actuator(status) => {
            let value = status.value.map(number).unwrap_or_default();
            let state = if status.active { "on" } else { "off" };
            ("status", format!("{}/{}", status.device, status.channel), format!("{state} {value}"))
        }
        Occurrence::Device(presence) => {
            ("device", presence.device.clone(), if presence.online { "online" } else { "silent" }.into())
        }
        Occurrence::Alert(alert) => ("alert", alert.kpi.clone(), format!("{}: {}", word(alert.severity), alert.title)),
        Occurrence::Incident(incident) => {
            ("incident", incident.kind.clone(), format!("severity {}", incident.severity))
        }
        Occurrence::Access(access) => {
            ("access", access.principal.clone(), format!("{} on {}", access.action, access.target))
        }
        Occurrence::Outcome(outcome) => ("outcome", outcome.name.clone(), outcome.code.clone()),
        Occurrence::Custom(custom) => ("custom", custom.kind.clone(), custom.body.to_string()),
        Occurrence::Tick(tick) => ("tick", tick.policy.clone(), String::new()),
    }
}

fn decided(record: &DecisionRecord) -> String {
    let decision = &record.decision;
    let rules: Vec<&str> =
        decision.findings.iter().filter(|finding| finding.matched).map(|f| f.rule.as_str()).collect();
    let mut parts = Vec::new();
    if !rules.is_empty() {
        parts.push(paint(STRONG, rules.join(", ")));
    }
    for (index, intent) in decision.intents.iter().enumerate() {
        parts.push(judged(intent, record.verdicts.get(index)));
    }
    parts.extend(decision.notifications.iter().map(|notice| format!("{}: {}", notice.channel, notice.message)));
    parts.extend(decision.actions.iter().map(|action| format!("action {}", action.name)));
    parts.push(paint(DIM, format!("{} fuel, {} µs", record.fuel, record.micros)));
    parts.join("; ")
}

fn judged(intent: &Intent, verdict: Option<&Verdict>) -> String {
    let wish = match intent.set {
        Setting::Value(value) => format!("{} = {}", intent.actuator, number(value)),
        Setting::Release => format!("{} released", intent.actuator),
    };
    match verdict {
        Some(verdict) => {
            let style = match verdict.outcome {
                Outcome::Pass => GOOD,
                Outcome::Clamp => WARN,
                Outcome::Refuse => BAD,
            };
            format!("{wish} {}", paint(style, word(verdict.code)))
        }
        None => wish,
    }
}

fn faulted(record: &FaultRecord) -> String {
    let end = if record.quarantined { "; quarantined from here on" } else { "" };
    format!("{}{end}", record.fault)
}

fn change_text(change: &ChangeRecord) -> String {
    let why = match change.why {
        Why::Written => "",
        Why::Released => ", released",
        Why::HoldEnded => ", its hold ended",
        Why::MaxOnTime => ", on for as long as it may be",
        Why::Deferred => ", after its wait",
        Why::Asserted => ", said anew",
        Why::MadeSafe => ", made safe",
    };
    let holder = match &change.held_by {
        Some(Writer::Policy(name)) => format!(" for {name}"),
        Some(Writer::Manual) => " for a person".to_owned(),
        None => " (safe value)".to_owned(),
    };
    let (name, from, to) = (&change.command.actuator, number(change.from), number(change.command.value));
    format!("{name} {from} -> {}{holder}{why}", paint(STRONG, to))
}

fn scoped(scope: &Scope) -> String {
    match scope {
        Scope::All => "everything".to_owned(),
        Scope::Device(device) => device.clone(),
    }
}

fn person(by: &Personal) -> &str {
    match by {
        Personal::Known(name) => name,
        Personal::Committed { .. } => "somebody",
    }
}

fn lived(change: &PolicyChange) -> String {
    match change {
        PolicyChange::VersionSaved { version, .. } => format!("version {version} saved"),
        PolicyChange::VersionRefused { problem } => format!("version refused: {problem}"),
        PolicyChange::Activated { version, mode, .. } => format!("version {version} activated, mode {}", word(mode)),
        PolicyChange::RolledBack { version, .. } => format!("rolled back to version {version}"),
        PolicyChange::Mode { mode } => format!("mode {}", word(mode)),
        PolicyChange::Priority { priority } => format!("priority {priority}"),
        other => word_of_step(other),
    }
}

fn word_of_step(change: &PolicyChange) -> String {
    let tree = serde_json::to_value(change).unwrap_or_default();
    tree.get("step").and_then(serde_json::Value::as_str).unwrap_or_default().replace('_', " ")
}

/// A number without noise: at most three decimals.
pub fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(record: serde_json::Value) -> Vec<String> {
        let record: Record = serde_json::from_value(record).unwrap();
        let strip = |line: String| anstream::adapter::strip_str(&line).to_string();
        lines(&record).into_iter().map(strip).map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    #[test]
    fn a_reading_is_one_line_in_columns() {
        let record = json!({"seq": 1, "at": 0, "kind": "event", "id": "a",
            "what": {"type": "reading", "device": "ESP_01", "channel": "34", "quantity": "temperature", "value": 26.5, "unit": "°C"}});
        assert_eq!(plain(record), ["reading   ESP_01/34            temperature 26.5 °C"]);
    }

    #[test]
    fn a_stop_names_who_and_why() {
        let record = json!({"seq": 1, "at": 0, "kind": "stop", "id": "s", "scope": {"scope": "device", "device": "ESP_02"},
            "reason": "smoke", "source": "cli", "by": "ada", "latched_on_disk": true});
        assert_eq!(plain(record), ["stop      ESP_02               smoke (by ada)"]);
    }
}
