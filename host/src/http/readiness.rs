//! Whether the host can do its work, as load balancers and `up` want to know it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A handle to what keeps the host from being ready. Cheap to clone; starts with `starting`.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(BTreeMap::from([("start", "the host is starting".to_owned())]))))
    }
}

impl Readiness {
    /// Everything is open and bound.
    pub fn started(&self) {
        self.clear("start");
    }

    /// The host stops: no new work, please.
    pub fn stopping(&self) {
        self.lack("stop", "the host is stopping");
    }

    /// This part cannot do its work, and why.
    pub fn lack(&self, part: &'static str, reason: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part, reason.into());
    }

    /// This part can do its work again.
    pub fn clear(&self, part: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(part);
    }

    /// Why the host is not ready; empty when it is.
    pub fn reasons(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_when_nothing_is_lacking() {
        let readiness = Readiness::default();
        assert_eq!(readiness.reasons(), ["the host is starting"]);
        readiness.lack("journal", "the disk is full");
        readiness.started();
        assert_eq!(readiness.reasons(), ["the disk is full"]);
        readiness.clear("journal");
        assert!(readiness.reasons().is_empty());
        readiness.stopping();
        assert_eq!(readiness.reasons(), ["the host is stopping"]);
    }
}
