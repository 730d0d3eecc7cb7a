//! What a policy is given of an actuator, where that is less than the whole. People are given the whole.

use super::array::Slot;
use super::envelope::{Envelope, Lease};
use super::limit::Limit;
use super::words::{Code, Writer};
use crate::time::Timestamp;

/// The hold to take for the one asked for; none holds until replaced or released.
///
/// A hold longer than the lease's is shortened to it, and so is one without an end.
pub(super) fn check(envelope: &Envelope, writer: &Writer, value: f64, hold: Option<u64>) -> Result<Option<u64>, Limit> {
    if !allows(envelope, writer, value) {
        return Err(limit(envelope, writer, value));
    }
    let longest = lease(envelope, writer).and_then(|lease| lease.max_hold_ms);
    let hold = [hold, longest].into_iter().flatten().min();
    if hold == Some(0) {
        let message = "a hold of 0 ms is over at once; leave it out or give it time".to_owned();
        return Err(Limit::new(Code::Expired, "hold above 0 ms".to_owned(), Some(0.0), message));
    }
    Ok(hold)
}

/// The end to take for a slot that was written under another lease.
pub(super) fn end(envelope: &Envelope, slot: &Slot, now: Timestamp) -> Option<Timestamp> {
    let longest = lease(envelope, &slot.writer).and_then(|lease| lease.max_hold_ms);
    [slot.until, longest.map(|ms| now.after(ms))].into_iter().flatten().min()
}

/// Whether the writer may ask for this value.
pub(super) fn allows(envelope: &Envelope, writer: &Writer, value: f64) -> bool {
    lease(envelope, writer).is_none_or(|lease| (lease.min..=lease.max).contains(&value))
}

fn lease<'a>(envelope: &'a Envelope, writer: &Writer) -> Option<&'a Lease> {
    match writer {
        Writer::Policy(name) => envelope.leases.get(name),
        Writer::Manual => None,
    }
}

fn limit(envelope: &Envelope, writer: &Writer, value: f64) -> Limit {
    let (min, max) = lease(envelope, writer).map_or((envelope.min, envelope.max), |lease| (lease.min, lease.max));
    let text = format!("lease {min}..{max}");
    let message = format!("{value} is outside what the policy is given of the actuator: {min} to {max}");
    Limit::new(Code::OutsideLease, text, Some(value), message)
}
