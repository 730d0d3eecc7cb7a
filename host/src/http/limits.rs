//! How often one client may ask.
//!
//! Per token, because addresses are shared and cheap; requests without a good token are counted per address. Probes and
//! the emergency stop are not limited. Both maps are bounded: per token by the number of tokens, per address by
//! [`MAX_ADDRESSES`], beyond which newcomers share one allowance.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::http::Http;
use crate::tokens::{Holder, MAX_TOKENS};

/// Addresses that are counted one by one.
const MAX_ADDRESSES: usize = 4_096;

/// Who asked how often.
pub(crate) struct Limits {
    default_per_minute: NonZeroU32,
    tokens: Mutex<BTreeMap<String, Arc<DefaultDirectRateLimiter>>>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Limits {
    pub(crate) fn new(config: &Http) -> Self {
        let unauthenticated = at_least_one(config.unauthenticated_per_minute);
        Self {
            default_per_minute: at_least_one(config.requests_per_minute),
            tokens: Mutex::default(),
            addresses: RateLimiter::hashmap(Quota::per_minute(unauthenticated)),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request of this token.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(crate) fn token(&self, holder: &Holder) -> Result<(), Duration> {
        self.limiter(holder).check().map_err(|early| early.wait_time_from(self.clock.now()))
    }

    /// Counts a request without a good token from this address.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(crate) fn unauthenticated(&self, address: IpAddr) -> Result<(), Duration> {
        if self.addresses.len() >= MAX_ADDRESSES {
            self.addresses.retain_recent();
        }
        let crowded = self.addresses.len() >= MAX_ADDRESSES;
        let counted = if crowded { IpAddr::from([0, 0, 0, 0]) } else { network(address) };
        self.addresses.check_key(&counted).map_err(|early| early.wait_time_from(self.clock.now()))
    }

    fn limiter(&self, holder: &Holder) -> Arc<DefaultDirectRateLimiter> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limiter) = tokens.get(&holder.row.id) {
            return Arc::clone(limiter);
        }
        if tokens.len() > MAX_TOKENS {
            // Revoked tokens leave their counts behind; who is still alive starts a fresh minute.
            tokens.clear();
        }
        let per_minute = holder.row.per_minute.map_or(self.default_per_minute, at_least_one);
        let limiter = Arc::new(RateLimiter::direct(Quota::per_minute(per_minute)));
        tokens.insert(holder.row.id.clone(), Arc::clone(&limiter));
        limiter
    }
}

/// One household has a whole /64 of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn at_least_one(per_minute: u32) -> NonZeroU32 {
    NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_runs_out_and_others_do_not() {
        let limits = Limits::new(&Http { unauthenticated_per_minute: 3, ..Http::default() });
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert!((0..3).all(|_| limits.unauthenticated(one).is_ok()));
        let wait = limits.unauthenticated(one).unwrap_err();
        assert!(wait <= Duration::from_secs(20), "{wait:?}");
        assert!(limits.unauthenticated(other).is_ok());
    }

    #[test]
    fn the_map_of_addresses_is_bounded() {
        let limits = Limits::new(&Http::default());
        for n in 0..u32::try_from(MAX_ADDRESSES).unwrap() + 100 {
            let _ = limits.unauthenticated(IpAddr::from(n.to_be_bytes()));
        }
        assert!(limits.addresses.len() <= MAX_ADDRESSES + 1);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let neighbours: [IpAddr; 2] = ["2001:db8::1".parse().unwrap(), "2001:db8::ffff".parse().unwrap()];
        assert_eq!(network(neighbours[0]), network(neighbours[1]));
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), IpAddr::from([10, 0, 0, 1]));
    }
}
