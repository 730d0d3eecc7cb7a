//! The range of an actuator's values.

use super::envelope::{Envelope, OutOfRange};
use super::limit::Limit;
use super::words::Code;
use crate::command::ActuatorKind;

/// The value to take for the one asked for, and the limit it was brought into, if it was.
///
/// A switch takes only its `min` (off) and its `max` (on). Where the envelope says clamp, the nearer one is taken, and
/// `min` from the very middle.
///
/// INVARIANT (fails closed): NaN and infinities are refused whatever the envelope says.
pub(super) fn check(envelope: &Envelope, asked: f64) -> Result<(f64, Option<Limit>), Limit> {
    // Adding zero turns -0.0 into 0.0, so that equal values are written alike.
    let asked = asked + 0.0;
    if allows(envelope, asked) {
        return Ok((asked, None));
    }
    let limit = limit(envelope, asked);
    match envelope.out_of_range {
        OutOfRange::Clamp if asked.is_finite() => Ok((nearest(envelope, asked), Some(limit))),
        OutOfRange::Clamp | OutOfRange::Refuse => Err(limit),
    }
}

/// Whether the actuator may take this value.
pub(super) fn allows(envelope: &Envelope, value: f64) -> bool {
    let Envelope { min, max, kind, .. } = *envelope;
    value.is_finite() && (min..=max).contains(&value) && (kind != ActuatorKind::Switch || value == min || value == max)
}

fn nearest(envelope: &Envelope, asked: f64) -> f64 {
    let Envelope { min, max, kind, .. } = *envelope;
    let inside = asked.max(min).min(max);
    match kind {
        ActuatorKind::Switch if inside - min <= max - inside => min,
        ActuatorKind::Switch => max,
        ActuatorKind::Pwm | ActuatorKind::Servo => inside,
    }
}

fn limit(envelope: &Envelope, asked: f64) -> Limit {
    let Envelope { min, max, kind, .. } = *envelope;
    let text = match kind {
        ActuatorKind::Switch => format!("either {min} or {max}"),
        ActuatorKind::Pwm | ActuatorKind::Servo => format!("range {min}..{max}"),
    };
    let message = match envelope.out_of_range {
        OutOfRange::Clamp if asked.is_finite() => {
            format!("{asked} is outside the {text}; {} is taken", nearest(envelope, asked))
        }
        OutOfRange::Clamp | OutOfRange::Refuse => format!("{asked} is outside the {text}"),
    };
    let code = match envelope.out_of_range {
        OutOfRange::Clamp if asked.is_finite() => Code::Clamped,
        OutOfRange::Clamp | OutOfRange::Refuse => Code::PwmOutOfRange,
    };
    // JSON has no NaN and no infinities; the message has them.
    Limit::new(code, text, asked.is_finite().then_some(asked), message)
}
