//! Single-use tickets: how a browser, which cannot set headers on a WebSocket, shows whose connection it is.
//!
//! A ticket stands in an address and addresses end up in logs, so it is good once and for thirty seconds.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::auth::Caller;
use crate::http::error::Problem;

/// How long a ticket is good.
pub(crate) const TICKET_LIFE: Duration = Duration::from_secs(30);
/// Tickets that may wait to be used.
const MAX_TICKETS: usize = 4_096;

/// The tickets that were given out and not used yet.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<BTreeMap<String, (Instant, Caller)>>);

impl Tickets {
    /// A new ticket for this caller.
    ///
    /// # Errors
    /// When too many wait to be used, or the machine gives no random numbers.
    pub(crate) fn give(&self, caller: Caller) -> Result<String, Problem> {
        let mut random = [0_u8; 24];
        getrandom::fill(&mut random).map_err(|error| Problem::full(format!("no random numbers: {error}")))?;
        let ticket = URL_SAFE_NO_PAD.encode(random);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MAX_TICKETS {
            waiting.retain(|_, (given, _)| given.elapsed() < TICKET_LIFE);
        }
        if waiting.len() >= MAX_TICKETS {
            return Err(Problem::full(format!("{MAX_TICKETS} tickets wait to be used")));
        }
        waiting.insert(ticket.clone(), (Instant::now(), caller));
        Ok(ticket)
    }

    /// Whose ticket this is, once; none for an unknown, used or old one, or when its token was revoked meanwhile.
    pub(crate) fn redeem(&self, ticket: &str) -> Option<Caller> {
        let (given, caller) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(ticket)?;
        let revoked = matches!(&caller, Caller::Token(holder) if holder.revoked.is_cancelled());
        (given.elapsed() < TICKET_LIFE && !revoked).then_some(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once() {
        let tickets = Tickets::default();
        let ticket = tickets.give(Caller::Anyone).unwrap();
        assert!(tickets.redeem("another").is_none());
        assert!(tickets.redeem(&ticket).is_some());
        assert!(tickets.redeem(&ticket).is_none());
    }

    #[test]
    fn an_old_ticket_is_good_for_nothing() {
        let tickets = Tickets::default();
        let ticket = tickets.give(Caller::Anyone).unwrap();
        let old = Instant::now().checked_sub(TICKET_LIFE).unwrap();
        tickets.0.lock().unwrap().get_mut(&ticket).unwrap().0 = old;
        assert!(tickets.redeem(&ticket).is_none());
    }
}
