//! The longest time away from the safe value.
//!
//! When it is over, the safe value is taken and every slot that wanted another one is dropped. The next write opens the
//! actuator again; `min_interval_ms` is then the shortest pause. A write that arrives in the very step in which the
//! time ran out is refused, so that a renewal cannot bridge the end.

use super::envelope::Envelope;
use super::limit::Limit;
use super::words::{Change, Code, Why};
use crate::time::Timestamp;

/// When an actuator that is away from its safe value since `since` must be back.
pub(super) fn end(envelope: &Envelope, since: Timestamp) -> Option<Timestamp> {
    envelope.max_on_ms.map(|ms| since.after(ms))
}

/// Whether the time is over.
pub(super) fn over(envelope: &Envelope, since: Option<Timestamp>, now: Timestamp) -> bool {
    since.and_then(|since| end(envelope, since)).is_some_and(|end| end <= now)
}

/// Refuses a write to an actuator whose time ran out in this step.
pub(super) fn check(envelope: &Envelope, name: &str, changes: &[Change]) -> Result<(), Limit> {
    let ended = |change: &Change| change.why == Why::MaxOnTime && change.command.get().actuator == name;
    if !changes.iter().any(ended) {
        return Ok(());
    }
    let ms = envelope.max_on_ms.unwrap_or_default();
    let message = format!("it was on for {ms} ms, as long as it may be; the next write opens it again");
    Err(Limit::new(Code::MaxOnTime, format!("on for at most {ms} ms"), None, message))
}
