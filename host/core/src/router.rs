//! Which policies see which event.
//!
//! An event finds its policies through an index, never by asking every policy: a reading costs three map lookups
//! a level, whatever the number of policies.

use std::collections::HashMap;
use std::iter;

use crate::event::{Occurrence, Reading};
use crate::policy::{Plan, ReadingFilter, Subscription};

/// The subscriptions of all policies, indexed. `Id` is whatever the caller names a running policy by.
#[derive(Debug, Clone)]
pub struct Router<Id> {
    /// By device, channel, quantity.
    readings: Branch<Branch<Branch<Vec<Id>>>>,
    /// By device.
    actuators: Branch<Vec<Id>>,
    /// By device.
    devices: Branch<Vec<Id>>,
    /// By key figure.
    alerts: Branch<Vec<Id>>,
    /// By kind.
    incidents: Branch<Vec<Id>>,
    /// By kind.
    custom: Branch<Vec<Id>>,
    access: Vec<Id>,
    /// By the policy whose decision it was.
    outcomes: HashMap<String, Vec<Id>>,
    /// By the policy whose tick it is.
    ticks: HashMap<String, Vec<Id>>,
}

/// One level of the index: who asked for any name, and who for a certain one.
#[derive(Debug, Clone)]
struct Branch<T> {
    any: T,
    named: HashMap<String, T>,
}

impl<T: Default> Default for Branch<T> {
    fn default() -> Self {
        Self { any: T::default(), named: HashMap::new() }
    }
}

impl<T: Default> Branch<T> {
    fn entry(&mut self, name: Option<&str>) -> &mut T {
        match name {
            None => &mut self.any,
            Some(name) => self.named.entry(name.to_owned()).or_default(),
        }
    }

    fn matching(&self, name: &str) -> impl Iterator<Item = &T> {
        iter::once(&self.any).chain(self.named.get(name))
    }
}

impl<Id: Copy + Ord> Branch<Vec<Id>> {
    /// An empty list of names means all.
    fn subscribe(&mut self, names: &[String], id: Id) {
        if names.is_empty() {
            self.any.push(id);
        }
        for name in names {
            self.entry(Some(name)).push(id);
        }
    }

    fn collect(&self, name: &str, into: &mut Vec<Id>) {
        into.extend(self.matching(name).flatten());
    }
}

impl<Id> Default for Router<Id> {
    fn default() -> Self {
        Self {
            readings: Branch::default(),
            actuators: Branch::default(),
            devices: Branch::default(),
            alerts: Branch::default(),
            incidents: Branch::default(),
            custom: Branch::default(),
            access: Vec::new(),
            outcomes: HashMap::new(),
            ticks: HashMap::new(),
        }
    }
}

impl<Id: Copy + Ord> Router<Id> {
    /// An index over what runs: its id, the policy's name, its plan. One policy may run more than once, as when a
    /// second version runs in its shadow.
    pub fn new<'a>(policies: impl IntoIterator<Item = (Id, &'a str, &'a Plan)>) -> Self {
        let mut router = Self::default();
        for (id, name, plan) in policies {
            for subscription in &plan.subscriptions {
                router.subscribe(id, name, subscription);
            }
        }
        router
    }

    fn subscribe(&mut self, id: Id, name: &str, subscription: &Subscription) {
        match subscription {
            Subscription::Readings(filter) => self.leaf(filter).push(id),
            Subscription::Actuators(devices) => self.actuators.subscribe(devices, id),
            Subscription::Devices(devices) => self.devices.subscribe(devices, id),
            Subscription::Alerts(kpis) => self.alerts.subscribe(kpis, id),
            Subscription::Incidents(kinds) => self.incidents.subscribe(kinds, id),
            Subscription::Custom(kinds) => self.custom.subscribe(kinds, id),
            Subscription::Access => self.access.push(id),
            Subscription::Outcomes => self.outcomes.entry(name.to_owned()).or_default().push(id),
            Subscription::Ticks(_) => self.ticks.entry(name.to_owned()).or_default().push(id),
        }
    }

    fn leaf(&mut self, filter: &ReadingFilter) -> &mut Vec<Id> {
        self.readings.entry(filter.device.as_deref()).entry(filter.channel.as_deref()).entry(filter.quantity.as_deref())
    }

    /// Who sees this, in ascending order, each once.
    pub fn route(&self, what: &Occurrence) -> Vec<Id> {
        let mut seen_by = Vec::new();
        self.route_into(what, &mut seen_by);
        seen_by
    }

    /// As [`Router::route`], into a vector that the caller keeps; what was in it is dropped.
    pub fn route_into(&self, what: &Occurrence, into: &mut Vec<Id>) {
        into.clear();
        match what {
            Occurrence::Reading(reading) => self.route_reading(reading, into),
            Occurrence::Actuator(status) => self.actuators.collect(&status.device, into),
            Occurrence::Device(presence) => self.devices.collect(&presence.device, into),
            Occurrence::Alert(alert) => self.alerts.collect(&alert.kpi, into),
            Occurrence::Incident(incident) => self.incidents.collect(&incident.kind, into),
            Occurrence::Custom(custom) => self.custom.collect(&custom.kind, into),
            Occurrence::Access(_) => into.extend(&self.access),
            Occurrence::Outcome(outcome) => into.extend(self.outcomes.get(&outcome.policy).into_iter().flatten()),
            Occurrence::Tick(tick) => into.extend(self.ticks.get(&tick.policy).into_iter().flatten()),
        }
        into.sort_unstable();
        into.dedup();
    }

    fn route_reading(&self, reading: &Reading, into: &mut Vec<Id>) {
        for channels in self.readings.matching(&reading.device) {
            for quantities in channels.matching(&reading.channel) {
                quantities.collect(&reading.quantity, into);
            }
        }
    }
}

#[cfg(test)]
mod tests;
