//! One table per rule, and the examples of the safety service that the gate descends from.

mod array;
mod restart;
mod rules;
mod stopping;

use std::collections::BTreeSet;

use serde_json::json;

use super::envelope::{Envelope, Table};
use super::*;

/// Monday at noon, UTC, in milliseconds.
const NOON: u64 = 1_704_110_400_000;

fn at(ms: u64) -> Timestamp {
    Timestamp(NOON + ms)
}

/// An envelope from its JSON, on a pin of its own.
fn envelope(channel: &str, mut rest: serde_json::Value) -> Envelope {
    let base = json!({"device": "ESP_01", "channel": channel, "kind": "pwm"});
    for (key, value) in base.as_object().unwrap() {
        rest.as_object_mut().unwrap().entry(key).or_insert(value.clone());
    }
    serde_json::from_value(rest).unwrap()
}

fn table<const N: usize>(actuators: [(&str, serde_json::Value); N]) -> Table {
    let numbered = actuators.into_iter().enumerate();
    let actuators = numbered.map(|(n, (name, rest))| (name.to_owned(), envelope(&(18 + n).to_string(), rest)));
    Table::new(actuators.collect(), BTreeSet::new())
}

fn gate<const N: usize>(actuators: [(&str, serde_json::Value); N]) -> Gate {
    Gate::new(table(actuators), at(0))
}

fn policy(name: &str) -> Writer {
    Writer::Policy(name.to_owned())
}

/// A policy's write with a fresh cause.
fn write(actuator: &str, by: &str, priority: u8, value: f64, now: u64) -> Write {
    Write {
        actuator: actuator.to_owned(),
        writer: policy(by),
        priority,
        set: Setting::Value(value),
        hold_ms: None,
        reason: format!("{by} wants {value}"),
        cause: Cause { seq: Some(1), at: at(now), retained: false },
    }
}

impl Gate {
    /// A write at its cause's time.
    fn judge(&mut self, write: &Write) -> (Verdict, Vec<(f64, Why)>) {
        let (verdict, effects) = self.review(write, write.cause.at);
        (verdict, told(&effects))
    }

    fn sets(&mut self, actuator: &str, value: f64, now: u64) -> (Code, Vec<(f64, Why)>) {
        let (verdict, told) = self.judge(&write(actuator, "p", 10, value, now));
        (verdict.code, told)
    }

    fn effective(&self, actuator: &str) -> f64 {
        self.view(actuator).unwrap().effective
    }
}

/// The values that were commanded, and why.
fn told(effects: &Effects) -> Vec<(f64, Why)> {
    effects.changes.iter().map(|change| (change.command.get().value, change.why)).collect()
}

fn commands(effects: &Effects) -> Vec<&crate::command::Command> {
    effects.changes.iter().map(|change| change.command.get()).collect()
}
