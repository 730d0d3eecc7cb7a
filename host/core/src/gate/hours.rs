//! The hours of the day, in UTC, in which an actuator may be away from its safe value.

use super::envelope::{Envelope, Hours};
use super::limit::{Limit, Wait};
use super::words::Code;
use crate::time::Timestamp;

const MINUTE: u64 = 60_000;
const DAY: u64 = 1_440 * MINUTE;

/// The wait for the hours to begin, if it is outside of them.
pub(super) fn closed(envelope: &Envelope, now: Timestamp) -> Option<Wait> {
    let hours = &envelope.hours;
    if hours.is_empty() || hours.iter().any(|span| left(*span, now).is_some()) {
        return None;
    }
    let spans: Vec<_> = hours.iter().map(|Hours { from, to }| format!("{}-{}", clock(*from), clock(*to))).collect();
    let text = format!("hours {} UTC", spans.join(", "));
    let message = format!("it may be away from its safe value only in the {text}; the change waits for them");
    let until = hours.iter().filter_map(|span| opens_in(*span, now)).min().map(|ms| now.after(ms));
    Some(Wait { limit: Limit::new(Code::OutsideHours, text, None, message), until })
}

/// When the hours that run now end; none if they run on for a day or more, or if every hour is allowed.
pub(super) fn open_until(envelope: &Envelope, now: Timestamp) -> Option<Timestamp> {
    let mut end = now;
    // Spans may overlap or follow each other: go on from the end of one while another runs there.
    while let Some(ms) = envelope.hours.iter().filter_map(|span| left(*span, end)).max() {
        end = end.after(ms);
        if end.since(now) >= DAY {
            return None;
        }
    }
    (end > now).then_some(end)
}

/// Milliseconds that the span still runs from `at`; none if it does not run then. A span of no length never runs.
fn left(span: Hours, at: Timestamp) -> Option<u64> {
    let (from, to, time) = (u64::from(span.from) * MINUTE, u64::from(span.to) * MINUTE, at.0 % DAY);
    match (from < to, time >= from, time < to) {
        (true, true, true) => Some(to - time),
        (false, true, _) if from > to => Some(DAY - time + to),
        (false, _, true) if from > to => Some(to - time),
        _ => None,
    }
}

/// Milliseconds until the span next begins; none if it never does.
fn opens_in(span: Hours, at: Timestamp) -> Option<u64> {
    let (from, time) = (u64::from(span.from) * MINUTE % DAY, at.0 % DAY);
    (span.from != span.to).then(|| if from > time { from - time } else { DAY - time + from })
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
