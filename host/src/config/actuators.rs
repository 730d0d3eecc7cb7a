//! `[actuators.NAME]` and `[[sensors]]`: what is wired to what, and what it may do.

use std::collections::{BTreeMap, BTreeSet};

use interlock_core::gate::envelope::{Envelope, Hours, Table};

use crate::inventory::Sensor;

/// The gate's table of these actuators and sensors.
pub fn table(actuators: &BTreeMap<String, Envelope>, sensors: &[Sensor]) -> Table {
    let pins = sensors.iter().map(|sensor| (sensor.device.clone(), sensor.channel.clone()));
    Table::new(actuators.clone(), pins.collect())
}

/// What contradicts itself: an envelope in itself, two actuators on one pin, a pin that is both sensor and actuator.
pub fn problems(actuators: &BTreeMap<String, Envelope>, sensors: &[Sensor]) -> Vec<String> {
    let pins: BTreeSet<_> = sensors.iter().map(|sensor| (sensor.device.as_str(), sensor.channel.as_str())).collect();
    let mut taken = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, envelope) in actuators {
        let key = format!("actuators.{name}");
        problems.extend(contradictions(envelope).into_iter().map(|problem| format!("`{key}.{problem}")));
        let pin = (envelope.device.as_str(), envelope.channel.as_str());
        if pins.contains(&pin) {
            problems.push(format!("`{key}` drives {}/{}, which is listed as a sensor; remove one", pin.0, pin.1));
        }
        if let Some(other) = taken.insert(pin, name) {
            problems.push(format!("`{key}` and `actuators.{other}` both drive {}/{}; keep one", pin.0, pin.1));
        }
    }
    problems
}

/// What one envelope says against itself; each begins with the key inside it.
fn contradictions(envelope: &Envelope) -> Vec<String> {
    let Envelope { min, max, safe, .. } = *envelope;
    let ordered = min.is_finite() && max.is_finite() && min < max;
    let mut found = Vec::new();
    if !ordered {
        found.push(format!("min` is {min} and max is {max}; min must be below max"));
    }
    if ordered && !(min..=max).contains(&safe) {
        found.push(format!("safe` is {safe}; choose a value from {min} to {max}"));
    }
    if envelope.max_rate_per_s.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        found.push("max_rate_per_s` must be above 0; leave it out for no bound".to_owned());
    }
    if envelope.max_on_ms == Some(0) {
        found.push("max_on_ms` is 0, so it could never be on; leave it out for no bound".to_owned());
    }
    if envelope.command_valid_ms == 0 || envelope.max_cause_age_ms == 0 {
        found.push("command_valid_ms` and max_cause_age_ms must be above 0".to_owned());
    }
    if envelope.hours.iter().any(|Hours { from, to }| *from > 1_439 || *to > 1_440) {
        found.push("hours` are minutes of a day: from 0 to 1439, to 0 to 1440".to_owned());
    }
    for (policy, lease) in &envelope.leases {
        if !(lease.min <= lease.max && lease.min >= min && lease.max <= max) {
            let (least, most) = (lease.min, lease.max);
            found.push(format!("leases.{policy}` is {least} to {most}; it must lie within {min} to {max}"));
        }
    }
    found
}
