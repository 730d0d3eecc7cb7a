//! Building a plan: what a configured policy hears, reads, drives and triggers.

use std::time::Duration;

use crate::context::millis;
use crate::{Plan, Problem, ReadingFilter, Subscription};

impl Plan {
    /// A plan that hears and drives nothing yet.
    pub const fn new() -> Self {
        Self { subscriptions: Vec::new(), reads: Vec::new(), actuators: Vec::new(), actions: Vec::new() }
    }

    /// Hears this.
    #[must_use]
    pub fn on(mut self, subscription: Subscription) -> Self {
        self.subscriptions.push(subscription);
        self
    }

    /// Hears these readings, and may look them up.
    #[must_use]
    pub fn on_readings(mut self, filter: ReadingFilter) -> Self {
        self.reads.push(filter.clone());
        self.on(Subscription::Readings(filter))
    }

    /// Hears a tick every so often; at least 100 ms.
    #[must_use]
    pub fn on_ticks(self, every: Duration) -> Self {
        self.on(Subscription::Ticks(millis(every)))
    }

    /// May look up these readings without hearing them.
    #[must_use]
    pub fn reads(mut self, filter: ReadingFilter) -> Self {
        self.reads.push(filter);
        self
    }

    /// May ask for this actuator: its name, or `device/channel`.
    #[must_use]
    pub fn drives(mut self, actuator: impl Into<String>) -> Self {
        self.actuators.push(actuator.into());
        self
    }

    /// May trigger this action.
    #[must_use]
    pub fn triggers(mut self, action: impl Into<String>) -> Self {
        self.actions.push(action.into());
        self
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self::new()
    }
}

impl ReadingFilter {
    /// Every reading of every device.
    pub const fn any() -> Self {
        Self { device: None, channel: None, quantity: None }
    }

    /// One sensor, whatever it measures.
    pub fn sensor(device: impl Into<String>, channel: impl Into<String>) -> Self {
        Self { device: Some(device.into()), channel: Some(channel.into()), quantity: None }
    }

    /// Only this quantity of it.
    #[must_use]
    pub fn quantity(mut self, quantity: impl Into<String>) -> Self {
        self.quantity = Some(quantity.into());
        self
    }
}

impl Problem {
    /// What is wrong, and where: `pointer` is the JSON pointer of the culprit (`""`: the whole document).
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}
