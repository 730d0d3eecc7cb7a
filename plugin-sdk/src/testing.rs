//! A world for unit tests: sensors, state, zones and a clock that the test moves by hand.
//!
//! It keeps the promises of the host: a policy sees its own writes at once and a failed decision leaves none; entries
//! with a time to live end on the events' clock; a lookup sees the event's own reading.

mod calendar;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::bindings::interlock::policy::state::StateError;
use crate::context::{Context, Host, millis};
use crate::{Civil, Decision, Event, Instant, Level, Millis, Occurrence, Policy, Quality, Reading, Sample, Stats};

/// Answers a policy's questions in a test.
#[derive(Debug)]
pub struct Environment {
    now: Instant,
    seq: u64,
    readings: Vec<(Reading, Sample)>,
    zones: BTreeMap<String, i64>,
    state: RefCell<BTreeMap<String, Entry>>,
    quota: usize,
    log: RefCell<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Entry {
    value: String,
    until: Option<Instant>,
}

impl Environment {
    /// An empty world on 2026-01-05, a Monday, at 12:00 UTC, which is the only zone.
    pub fn new() -> Self {
        Self {
            now: 1_767_614_400_000,
            seq: 0,
            readings: Vec::new(),
            zones: BTreeMap::from([("UTC".into(), 0)]),
            state: RefCell::default(),
            quota: 1_000,
            log: RefCell::default(),
        }
    }

    /// Adds a zone that is `minutes` ahead of UTC all year.
    #[must_use]
    pub fn zone(mut self, name: &str, minutes: i64) -> Self {
        self.zones.insert(name.into(), minutes);
        self
    }

    /// Lets the state hold at most `keys` keys.
    #[must_use]
    pub const fn quota(mut self, keys: usize) -> Self {
        self.quota = keys;
        self
    }

    /// The moment of the next event, in ms since the Unix epoch.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Moves the clock to a moment, in ms since the Unix epoch.
    pub const fn at(&mut self, now: Instant) -> &mut Self {
        self.now = now;
        self
    }

    /// Lets time pass.
    pub fn advance(&mut self, span: Duration) -> &mut Self {
        self.now = self.now.saturating_add(millis(span));
        self
    }

    /// The occurrence of a good reading.
    pub fn a_reading(device: &str, channel: &str, quantity: &str, value: f64) -> Occurrence {
        Occurrence::Reading(Reading {
            device: device.into(),
            channel: channel.into(),
            quantity: quantity.into(),
            value,
            raw: None,
            unit: None,
            quality: Quality::Good,
            retained: false,
        })
    }

    /// The event of an occurrence, now; a reading is kept for later lookups.
    pub fn event(&mut self, what: Occurrence) -> Event {
        self.seq += 1;
        if let Occurrence::Reading(reading) = &what {
            let sample = Sample { value: reading.value, at: self.now, quality: reading.quality };
            self.readings.push((reading.clone(), sample));
        }
        Event { id: format!("event-{}", self.seq), seq: self.seq, at: self.now, measured: None, what }
    }

    /// Lets something happen and asks the policy.
    ///
    /// # Errors
    /// What the policy says; its writes are then undone.
    pub fn happens<P: Policy>(&mut self, policy: &P, what: Occurrence) -> Result<Decision, String> {
        let event = self.event(what);
        let before = self.state.borrow().clone();
        let answer = policy.decide(&event, &Context::new(&event, self));
        if answer.is_err() {
            self.state.replace(before);
        }
        answer
    }

    /// Lets a good reading arrive and asks the policy.
    ///
    /// # Errors
    /// As [`happens`](Self::happens).
    pub fn reading<P: Policy>(
        &mut self,
        policy: &P,
        device: &str,
        channel: &str,
        quantity: &str,
        value: f64,
    ) -> Result<Decision, String> {
        self.happens(policy, Self::a_reading(device, channel, quantity, value))
    }

    /// What was logged, as `level: message`.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// What is stored under `key` now.
    pub fn stored(&self, key: &str) -> Option<String> {
        self.get(key)
    }

    fn matching<'a>(
        &'a self,
        device: &'a str,
        channel: &'a str,
        quantity: Option<&'a str>,
    ) -> impl DoubleEndedIterator<Item = &'a Sample> {
        self.readings
            .iter()
            .filter(move |(reading, _)| {
                reading.device == device
                    && reading.channel == channel
                    && quantity.is_none_or(|quantity| reading.quantity == quantity)
            })
            .map(|(_, sample)| sample)
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self::new()
    }
}

impl Host for Environment {
    fn latest(&self, device: &str, channel: &str, quantity: Option<&str>) -> Option<Sample> {
        self.matching(device, channel, quantity).next_back().copied()
    }

    fn window(&self, device: &str, channel: &str, quantity: Option<&str>, span: Millis) -> Option<Stats> {
        let since = self.now.saturating_sub(span);
        let samples: Vec<Sample> =
            self.matching(device, channel, quantity).filter(|sample| sample.at >= since).copied().collect();
        let (first, last) = (*samples.first()?, *samples.last()?);
        let values = || samples.iter().map(|sample| sample.value);
        let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        Some(Stats {
            count,
            min: values().fold(f64::INFINITY, f64::min),
            max: values().fold(f64::NEG_INFINITY, f64::max),
            mean: values().sum::<f64>() / f64::from(count),
            first,
            last,
        })
    }

    fn get(&self, key: &str) -> Option<String> {
        let state = self.state.borrow();
        let entry = state.get(key)?;
        entry.until.is_none_or(|until| self.now < until).then(|| entry.value.clone())
    }

    fn set(&self, key: &str, value: &str, ttl: Option<Millis>) -> Result<(), StateError> {
        if key.is_empty() || key.len() > 256 {
            return Err(StateError::BadKey);
        }
        let mut state = self.state.borrow_mut();
        state.retain(|_, entry| entry.until.is_none_or(|until| self.now < until));
        if !state.contains_key(key) && state.len() >= self.quota {
            return Err(StateError::OverQuota(self.quota as u64));
        }
        let until = ttl.map(|ttl| self.now.saturating_add(ttl));
        state.insert(key.into(), Entry { value: value.into(), until });
        Ok(())
    }

    fn delete(&self, key: &str) {
        self.state.borrow_mut().remove(key);
    }

    fn compare_and_set(&self, key: &str, expected: Option<&str>, value: &str) -> Result<(), StateError> {
        if self.get(key).as_deref() != expected {
            return Err(StateError::Changed);
        }
        self.set(key, value, None)
    }

    fn list(&self, prefix: &str) -> Vec<String> {
        let state = self.state.borrow();
        state.keys().filter(|key| key.starts_with(prefix) && self.get(key).is_some()).take(1_000).cloned().collect()
    }

    fn civil(&self, at: Instant, zone: &str) -> Option<Civil> {
        self.zones.get(zone).map(|minutes| calendar::civil(at, *minutes))
    }

    fn emit(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        self.log.borrow_mut().push(format!("{level}: {message}"));
    }
}

#[cfg(test)]
mod tests;
