//! The largest change per second. Safe values do not wait for it.
//!
//! A larger step is made as a ramp: one step a second at most, each no larger than what the time since the last change
//! allows, and never more than one second's worth. A ramp may pass through values that nobody asked for; they lie
//! between two that were. A switch cannot ramp: it makes its whole step once the time since its last change allows it.

use super::envelope::Envelope;
use super::limit::{Limit, Wait};
use super::words::Code;
use crate::command::ActuatorKind;
use crate::time::Timestamp;

/// How much of a step counts as rounding.
const ROUNDING: f64 = 1e-9;

/// How far a change gets now, and the wait for the rest of it.
pub(super) fn reach(
    envelope: &Envelope,
    from: f64,
    to: f64,
    changed: Option<Timestamp>,
    now: Timestamp,
) -> (f64, Option<Wait>) {
    let Some(rate) = envelope.max_rate_per_s else { return (to, None) };
    let (step, elapsed) = ((to - from).abs(), changed.map_or(u64::MAX, |changed| now.since(changed)));
    let whole = if envelope.kind == ActuatorKind::Switch { u64::MAX } else { 1_000 };
    let allowed = rate * seconds(elapsed.min(whole));
    if step <= allowed * (1.0 + ROUNDING) {
        return (to, None);
    }
    if elapsed < 1_000 || envelope.kind == ActuatorKind::Switch {
        let until = changed.unwrap_or(now).after(millis(step / rate).min(whole));
        return (from, Some(wait(rate, to, until)));
    }
    let reached = from + allowed.copysign(to - from);
    let pause = millis((step - allowed) / rate).min(1_000).max(envelope.min_interval_ms);
    (reached, Some(wait(rate, to, now.after(pause))))
}

fn wait(rate: f64, to: f64, until: Timestamp) -> Wait {
    let text = format!("rate {rate} per second");
    let message = format!("it changes by at most {rate} per second; {to} is approached in steps");
    Wait { limit: Limit::new(Code::RateLimited, text, Some(to), message), until: Some(until) }
}
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
/// Rounded up, so that the time is never too short; what is too long for the type is its longest.
fn millis(seconds: f64) -> u64 {
    (seconds * 1_000.0).ceil() as u64
}
