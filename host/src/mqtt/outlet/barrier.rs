//! What no later reset lets through: commands that were issued before a stop. Pure.

use std::collections::{BTreeMap, BTreeSet};

use interlock_core::command::Command;
use interlock_core::gate::Scope;
use interlock_core::time::Timestamp;

/// The newest stop of every scope.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    stops: BTreeMap<Scope, Timestamp>,
}

impl Barrier {
    /// A stop was latched by `now`. If nothing is stopped any more, a reset was faster than the news, and nobody knows
    /// what of: then of everything.
    pub(super) fn raise(&mut self, stopped: &BTreeSet<Scope>, now: Timestamp) {
        let everything = BTreeSet::from([Scope::All]);
        let scopes = if stopped.is_empty() { &everything } else { stopped };
        self.stops.extend(scopes.iter().map(|scope| (scope.clone(), now)));
    }

    /// Whether a command was issued before a stop of its device.
    pub(super) fn holds_back(&self, command: &Command) -> bool {
        let after = |scope: &Scope| self.stops.get(scope).is_none_or(|stop| command.issued > *stop);
        // Most hosts were never stopped.
        !self.stops.is_empty() && (!after(&Scope::All) || !after(&Scope::Device(command.device.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(device: &str, at: u64) -> Command {
        Command {
            id: String::new(),
            actuator: String::new(),
            device: device.to_owned(),
            channel: String::new(),
            value: 0.0,
            issued: Timestamp(at),
            valid_until: Timestamp(u64::MAX),
            hold_ms: None,
            source: String::new(),
            reason: String::new(),
        }
    }

    #[test]
    fn holds_back_what_is_older_than_the_stop() {
        let mut barrier = Barrier::default();
        assert!(!barrier.holds_back(&issued("a", 0)));
        barrier.raise(&BTreeSet::from([Scope::Device("a".to_owned())]), Timestamp(10));
        assert!(barrier.holds_back(&issued("a", 10)));
        assert!(!barrier.holds_back(&issued("a", 11)) && !barrier.holds_back(&issued("b", 5)));
        barrier.raise(&BTreeSet::new(), Timestamp(20));
        assert!(barrier.holds_back(&issued("b", 20)) && !barrier.holds_back(&issued("b", 21)));
    }
}
