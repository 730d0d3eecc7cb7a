//! What a policy may ask while it decides: readings, its state, civil time, and a log.
//!
//! Inside a component the answers come from the host, in a unit test from [`crate::testing::Environment`]; the policy
//! cannot tell which.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::interlock::policy::state::StateError as Refusal;
use crate::{Civil, Event, Instant, Level, Millis, Sample, Stats};

/// Whoever answers: the component's imports, or a test.
pub trait Host {
    /// See [`Readings::latest`].
    fn latest(&self, device: &str, channel: &str, quantity: Option<&str>) -> Option<Sample>;
    /// See [`Readings::window`].
    fn window(&self, device: &str, channel: &str, quantity: Option<&str>, span: Millis) -> Option<Stats>;
    /// See [`State::get_text`].
    fn get(&self, key: &str) -> Option<String>;
    /// See [`State::set_text`].
    fn set(&self, key: &str, value: &str, ttl: Option<Millis>) -> Result<(), Refusal>;
    /// See [`State::delete`].
    fn delete(&self, key: &str);
    /// See [`State::compare_and_set`].
    fn compare_and_set(&self, key: &str, expected: Option<&str>, value: &str) -> Result<(), Refusal>;
    /// See [`State::keys`].
    fn list(&self, prefix: &str) -> Vec<String>;
    /// See [`LocalTime::of`].
    fn civil(&self, at: Instant, zone: &str) -> Option<Civil>;
    /// See [`Log`].
    fn emit(&self, level: Level, message: &str);
}

/// The event's place and time, and what may be asked about the world as of then.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The event's id. A repeated delivery of the same message has the same.
    pub id: &'a str,
    /// Its place in the journal; strictly increasing.
    pub seq: u64,
    /// When the host received it, in ms since the Unix epoch: the time to reckon with. Never decreases.
    pub at: Instant,
    /// When the sender claims it happened, in ms since the Unix epoch. Not to be trusted.
    pub measured: Option<Instant>,
    /// The latest readings of the sensors that the plan reads.
    pub readings: Readings<'a>,
    /// What the policy remembers.
    pub state: State<'a>,
    /// Civil time.
    pub local_time: LocalTime<'a>,
    /// Lines for the policy's author.
    pub log: Log<'a>,
}

impl<'a> Context<'a> {
    /// The context of `event`, answered by `host`.
    pub const fn new(event: &'a Event, host: &'a dyn Host) -> Self {
        Self {
            id: event.id.as_str(),
            seq: event.seq,
            at: event.at,
            measured: event.measured,
            readings: Readings(host),
            state: State(host),
            local_time: LocalTime(host),
            log: Log(host),
        }
    }
}

/// The latest readings, as of the event.
#[derive(Clone, Copy)]
pub struct Readings<'a>(&'a dyn Host);

impl Readings<'_> {
    /// The newest reading, the event's own included; without a quantity the newest of any. `None` when there was none,
    /// or when the plan does not read this sensor.
    pub fn latest(&self, device: &str, channel: &str, quantity: Option<&str>) -> Option<Sample> {
        self.0.latest(device, channel, quantity)
    }

    /// A summary of the readings of the last `span` before the event.
    pub fn window(&self, device: &str, channel: &str, quantity: Option<&str>, span: Duration) -> Option<Stats> {
        self.0.window(device, channel, quantity, millis(span))
    }
}

/// What the policy remembers from one event to the next: bounded text under keys of 1 to 256 bytes.
///
/// Its own writes are seen at once; they become durable together with the decision, or not at all.
#[derive(Clone, Copy)]
pub struct State<'a>(&'a dyn Host);

impl<'a> State<'a> {
    pub(crate) const fn new(host: &'a dyn Host) -> Self {
        Self(host)
    }

    /// The value under `key`, read from JSON.
    ///
    /// # Errors
    /// [`StateError::Malformed`] when what is stored is no JSON of this shape.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StateError> {
        let Some(text) = self.get_text(key) else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| StateError::Malformed(error.to_string()))
    }

    /// Stores `value` as JSON, for ever or until `ttl` has passed on the events' clock.
    ///
    /// # Errors
    /// The quota is used up, the key is not 1 to 256 bytes long, or the value has no JSON.
    pub fn set<T: Serialize>(&self, key: &str, value: &T, ttl: Option<Duration>) -> Result<(), StateError> {
        let text = serde_json::to_string(value).map_err(|error| StateError::Malformed(error.to_string()))?;
        self.set_text(key, &text, ttl)
    }

    /// The text under `key`.
    pub fn get_text(&self, key: &str) -> Option<String> {
        self.0.get(key)
    }

    /// Stores text, for ever or until `ttl` has passed on the events' clock.
    ///
    /// # Errors
    /// The quota is used up, or the key is not 1 to 256 bytes long.
    pub fn set_text(&self, key: &str, text: &str, ttl: Option<Duration>) -> Result<(), StateError> {
        Ok(self.0.set(key, text, ttl.map(millis))?)
    }

    /// Forgets `key`.
    pub fn delete(&self, key: &str) {
        self.0.delete(key);
    }

    /// Stores text only if `expected` is there now (`None`: nothing is).
    ///
    /// # Errors
    /// [`StateError::Changed`] when something else is there; otherwise as [`set_text`](Self::set_text).
    pub fn compare_and_set(&self, key: &str, expected: Option<&str>, text: &str) -> Result<(), StateError> {
        Ok(self.0.compare_and_set(key, expected, text)?)
    }

    /// The keys that start with `prefix`, in order, at most 1,000.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.0.list(prefix)
    }
}

/// Why the state did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateError {
    /// The policy's quota is used up; carries the quota.
    OverQuota(u64),
    /// A key has 1 to 256 bytes.
    BadKey,
    /// Another value is stored than was expected.
    Changed,
    /// The value is no JSON of the wanted shape; carries the parser's words.
    Malformed(String),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverQuota(quota) => write!(f, "the policy's state is full: its quota is {quota}"),
            Self::BadKey => f.write_str("a key of the state has 1 to 256 bytes"),
            Self::Changed => f.write_str("another value is stored than was expected"),
            Self::Malformed(reason) => write!(f, "the stored value has another shape: {reason}"),
        }
    }
}

impl std::error::Error for StateError {}

impl From<Refusal> for StateError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OverQuota(quota) => Self::OverQuota(quota),
            Refusal::BadKey => Self::BadKey,
            Refusal::Changed => Self::Changed,
        }
    }
}

/// Civil time. The zones live in the host, so a component carries no time zone data.
#[derive(Clone, Copy)]
pub struct LocalTime<'a>(&'a dyn Host);

impl LocalTime<'_> {
    /// Date and time of day of `at` in an IANA zone (`"Europe/Berlin"`, `"UTC"`); `None` when there is no such zone.
    pub fn of(&self, at: Instant, zone: &str) -> Option<Civil> {
        self.0.civil(at, zone)
    }
}

/// Lines for the policy's author, shown by `interlock logs`. At most 4 KiB a call.
#[derive(Clone, Copy)]
pub struct Log<'a>(&'a dyn Host);

impl Log<'_> {
    /// For whoever debugs the policy.
    pub fn debug(&self, message: &str) {
        self.0.emit(Level::Debug, message);
    }

    /// Worth knowing.
    pub fn info(&self, message: &str) {
        self.0.emit(Level::Info, message);
    }

    /// Worth a look.
    pub fn warn(&self, message: &str) {
        self.0.emit(Level::Warn, message);
    }

    /// Wrong.
    pub fn error(&self, message: &str) {
        self.0.emit(Level::Error, message);
    }
}

/// A duration in the contract's unit; stays at the end of time rather than wrap.
pub(crate) fn millis(span: Duration) -> Millis {
    Millis::try_from(span.as_millis()).unwrap_or(Millis::MAX)
}
