//! The rules as the documentation of the envelope states them, written without a look at the gate's code.

use std::collections::BTreeSet;

use interlock_core::command::ActuatorKind;
use interlock_core::gate::Writer;
use interlock_core::gate::envelope::{Envelope, OutOfRange, Table};

pub fn wire(envelope: &Envelope) -> (String, String) {
    (envelope.device.clone(), envelope.channel.clone())
}

/// What nothing may be written to: its pin has two meanings or its safe value is outside its range.
pub fn all_barred(table: &Table) -> BTreeSet<String> {
    table.actuators.keys().filter(|name| barred(table, name)).cloned().collect()
}

fn barred(table: &Table, name: &str) -> bool {
    let Some(envelope) = table.actuators.get(name) else { return true };
    let twins = table.actuators.values().filter(|other| wire(other) == wire(envelope)).count();
    let safe = envelope.safe >= envelope.min && envelope.safe <= envelope.max;
    let lease = envelope.leases.values().all(|lease| lease.min >= envelope.min && lease.max <= envelope.max);
    twins > 1 || table.sensors.contains(&wire(envelope)) || !safe || !lease
}

pub fn open(envelope: &Envelope, now: u64) -> bool {
    let minute = now / 60_000 % 1_440;
    envelope.hours.is_empty()
        || envelope.hours.iter().any(|span| {
            let (from, to) = (u64::from(span.from), u64::from(span.to));
            let wraps = from > to;
            if wraps { minute >= from || minute < to } else { from <= minute && minute < to }
        })
}

/// The value that a write of `asked` may lead to.
pub fn admitted(envelope: &Envelope, asked: f64) -> Option<f64> {
    let Envelope { min, max, .. } = *envelope;
    let switch = envelope.kind == ActuatorKind::Switch;
    let fits = asked >= min && asked <= max && (!switch || asked == min || asked == max);
    if fits {
        return Some(asked);
    }
    if !asked.is_finite() || envelope.out_of_range == OutOfRange::Refuse {
        return None;
    }
    Some(match (switch, asked > (min + max) / 2.0) {
        (true, true) => max,
        (true, false) => min,
        (false, true) => max,
        (false, false) => min,
    })
}

pub fn leased(envelope: &Envelope, writer: &Writer, value: f64) -> bool {
    let Writer::Policy(name) = writer else { return true };
    envelope.leases.get(name).is_none_or(|lease| value >= lease.min && value <= lease.max)
}

pub fn longest_hold(envelope: &Envelope, writer: &Writer) -> Option<u64> {
    let Writer::Policy(name) = writer else { return None };
    envelope.leases.get(name)?.max_hold_ms
}

pub fn earlier(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}
