//! The shortest time between two changes. Safe values do not wait for it.

use super::envelope::Envelope;
use super::limit::{Limit, Wait};
use super::words::Code;
use crate::time::Timestamp;

/// The wait until the next change may be made, if it is too soon.
pub(super) fn check(envelope: &Envelope, changed: Option<Timestamp>, now: Timestamp) -> Option<Wait> {
    let ms = envelope.min_interval_ms;
    let until = changed?.after(ms);
    (now < until).then(|| {
        let message = format!("changes are at least {ms} ms apart; the change waits for {} ms", until.since(now));
        Wait { limit: Limit::new(Code::RateLimited, format!("interval {ms} ms"), None, message), until: Some(until) }
    })
}
