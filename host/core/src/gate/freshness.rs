//! A cause must be fresh: what a policy concluded from old news is not carried out.

use super::limit::Limit;
use super::words::{Cause, Code};
use crate::time::Timestamp;

/// Refuses a cause that is older than `max_age_ms`, and one that the broker kept from earlier: its true age is unknown.
pub(super) fn check(cause: &Cause, max_age_ms: u64, now: Timestamp) -> Result<(), Limit> {
    if cause.retained {
        let message = "the cause was retained by the broker, so nobody knows how old it is".to_owned();
        return Err(Limit::new(Code::Expired, "no retained cause".to_owned(), None, message));
    }
    let age = now.since(cause.at);
    if age <= max_age_ms {
        return Ok(());
    }
    let text = format!("cause at most {max_age_ms} ms old");
    let message = format!("the cause is {age} ms old; at most {max_age_ms} ms are accepted");
    Err(Limit::new(Code::Expired, text, Some(age as f64), message))
}
