//! Between the host's words and the contract's.

use interlock_core::decision::{Action, Decision, Finding, Intent, Notification, Ruling, Setting};
use interlock_core::evaluation::{Fault, LogLevel};
use interlock_core::event::{Event, Occurrence, Quality, Severity};
use interlock_core::policy::{Manifest, Plan, Problem, ReadingFilter, Subscription};
use interlock_core::readings::{Sample, Stats};

use super::bindings::interlock::policy::{log, readings, types};

/// An event as a policy sees it.
pub(super) fn event(event: &Event) -> types::Event {
    types::Event {
        id: event.observation.id.clone(),
        seq: event.seq,
        at: event.at.0,
        measured: event.observation.measured.map(|measured| measured.0),
        what: occurrence(event.what()),
    }
}

fn occurrence(what: &Occurrence) -> types::Occurrence {
    match what {
        Occurrence::Reading(reading) => types::Occurrence::Reading(types::Reading {
            device: reading.device.clone(),
            channel: reading.channel.clone(),
            quantity: reading.quantity.clone(),
            value: reading.value,
            raw: reading.raw,
            unit: reading.unit.clone(),
            quality: quality(reading.quality),
            retained: reading.retained,
        }),
        Occurrence::Actuator(status) => types::Occurrence::Actuator(types::ActuatorStatus {
            device: status.device.clone(),
            channel: status.channel.clone(),
            kind: status.kind.clone(),
            active: status.active,
            value: status.value,
        }),
        Occurrence::Device(presence) => {
            types::Occurrence::Device(types::Presence { device: presence.device.clone(), online: presence.online })
        }
        Occurrence::Alert(alert) => types::Occurrence::Alert(types::Alert {
            kpi: alert.kpi.clone(),
            title: alert.title.clone(),
            message: alert.message.clone(),
            severity: to_severity(alert.severity),
            delta: alert.delta,
            roles: alert.roles.clone(),
        }),
        Occurrence::Incident(incident) => types::Occurrence::Incident(types::Incident {
            kind: incident.kind.clone(),
            severity: incident.severity,
            context: incident.context.to_string(),
        }),
        Occurrence::Access(access) => types::Occurrence::Access(types::Access {
            principal: access.principal.clone(),
            roles: access.roles.clone(),
            action: access.action.clone(),
            target: access.target.clone(),
            context: access.context.to_string(),
        }),
        Occurrence::Outcome(outcome) => types::Occurrence::Outcome(types::ActionOutcome {
            decision: outcome.decision,
            name: outcome.name.clone(),
            success: outcome.success,
            code: outcome.code.clone(),
        }),
        Occurrence::Custom(custom) => {
            types::Occurrence::Custom(types::Custom { kind: custom.kind.clone(), body: custom.body.to_string() })
        }
        Occurrence::Tick(_) => types::Occurrence::Tick,
    }
}

/// A policy's answer in the host's words.
///
/// # Errors
/// A fault of the kind `bad_answer` when an action's modifiers are no JSON object.
pub(super) fn decision(decision: types::Decision) -> Result<Decision, Fault> {
    Ok(Decision {
        ruling: ruling(decision.ruling),
        intents: decision.intents.into_iter().map(intent).collect(),
        notifications: decision.notifications.into_iter().map(notification).collect(),
        actions: decision.actions.into_iter().map(action).collect::<Result<_, _>>()?,
        findings: decision.findings.into_iter().map(finding).collect(),
    })
}

fn ruling(ruling: types::Ruling) -> Ruling {
    match ruling {
        types::Ruling::Abstain => Ruling::Abstain,
        types::Ruling::Allow => Ruling::Allow,
        types::Ruling::AllowAfter(approval) => {
            Ruling::AllowAfter { roles: approval.roles, expires_after_ms: approval.expires_after }
        }
        types::Ruling::Deny(reason) => Ruling::Deny { reason },
    }
}

fn intent(intent: types::Intent) -> Intent {
    Intent {
        actuator: intent.actuator,
        set: match intent.set {
            types::Setting::Value(value) => Setting::Value(value),
            types::Setting::Release => Setting::Release,
        },
        hold_ms: intent.hold_for,
        reason: intent.reason,
    }
}

fn notification(notification: types::Notification) -> Notification {
    Notification {
        channel: notification.channel,
        severity: from_severity(notification.severity),
        message: notification.message,
    }
}

fn action(action: types::Action) -> Result<Action, Fault> {
    match serde_json::from_str(&action.modifiers) {
        Ok(modifiers @ serde_json::Value::Object(_)) => {
            Ok(Action { name: action.name, modifiers, reversible_ms: action.reversible_for })
        }
        Ok(_) => Err(Fault::bad_answer(format!("the modifiers of the action `{}` are no JSON object", action.name))),
        Err(error) => {
            Err(Fault::bad_answer(format!("the modifiers of the action `{}` are no JSON: {error}", action.name)))
        }
    }
}

fn finding(finding: types::Finding) -> Finding {
    Finding { rule: finding.rule, matched: finding.matched, because: finding.because }
}

/// A component's word about itself.
///
/// # Errors
/// Why its configuration schema is no JSON.
pub(super) fn manifest(manifest: types::Manifest) -> Result<Manifest, serde_json::Error> {
    Ok(Manifest {
        name: manifest.name,
        version: manifest.version,
        description: manifest.description,
        config_schema: serde_json::from_str(&manifest.config_schema)?,
        fuel_hint: manifest.fuel_hint,
    })
}

/// A plan in the host's words.
pub(super) fn plan(plan: types::Plan) -> Plan {
    Plan {
        subscriptions: plan.subscriptions.into_iter().map(subscription).collect(),
        reads: plan.reads.into_iter().map(filter).collect(),
        actuators: plan.actuators,
        actions: plan.actions,
    }
}

fn subscription(subscription: types::Subscription) -> Subscription {
    match subscription {
        types::Subscription::Readings(readings) => Subscription::Readings(filter(readings)),
        types::Subscription::Actuators(devices) => Subscription::Actuators(devices),
        types::Subscription::Devices(devices) => Subscription::Devices(devices),
        types::Subscription::Alerts(kpis) => Subscription::Alerts(kpis),
        types::Subscription::Incidents(kinds) => Subscription::Incidents(kinds),
        types::Subscription::Access => Subscription::Access,
        types::Subscription::Outcomes => Subscription::Outcomes,
        types::Subscription::Custom(kinds) => Subscription::Custom(kinds),
        types::Subscription::Ticks(every) => Subscription::Ticks(every),
    }
}

fn filter(filter: types::ReadingFilter) -> ReadingFilter {
    ReadingFilter { device: filter.device, channel: filter.channel, quantity: filter.quantity }
}

/// What is wrong with a configuration, in the host's words.
pub(super) fn problems(problems: Vec<types::Problem>) -> Vec<Problem> {
    problems.into_iter().map(|problem| Problem { pointer: problem.pointer, message: problem.message }).collect()
}

/// One looked-up reading.
pub(super) fn sample(sample: &Sample) -> readings::Sample {
    readings::Sample { value: sample.value, at: sample.at.0, quality: quality(sample.quality) }
}

/// One looked-up window.
pub(super) fn stats(stats: &Stats) -> readings::Stats {
    readings::Stats {
        count: stats.count,
        min: stats.min,
        max: stats.max,
        mean: stats.mean,
        first: sample(&stats.first),
        last: sample(&stats.last),
    }
}

/// How loud a line is.
pub(super) const fn level(level: log::Level) -> LogLevel {
    match level {
        log::Level::Debug => LogLevel::Debug,
        log::Level::Info => LogLevel::Info,
        log::Level::Warn => LogLevel::Warn,
        log::Level::Error => LogLevel::Error,
    }
}

const fn quality(quality: Quality) -> types::Quality {
    match quality {
        Quality::Good => types::Quality::Good,
        Quality::Suspect => types::Quality::Suspect,
        Quality::Stale => types::Quality::Stale,
    }
}

const fn to_severity(severity: Severity) -> types::Severity {
    match severity {
        Severity::Ok => types::Severity::Ok,
        Severity::Info => types::Severity::Info,
        Severity::Warn => types::Severity::Warn,
        Severity::Crit => types::Severity::Crit,
    }
}

const fn from_severity(severity: types::Severity) -> Severity {
    match severity {
        types::Severity::Ok => Severity::Ok,
        types::Severity::Info => Severity::Info,
        types::Severity::Warn => Severity::Warn,
        types::Severity::Crit => Severity::Crit,
    }
}
