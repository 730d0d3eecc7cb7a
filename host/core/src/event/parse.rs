//! Payload bytes to observations: what a message means, decided by its topic.
//!
//! Pure and total: any bytes under any topic become observations or a reason, never a panic. A message may hold several
//! readings. The arrival time comes in as a value, so that a device's clock can be judged.

mod mapping;
mod native;
#[cfg(test)]
mod tests;
mod value;

pub use mapping::{ActuatorMapping, PresenceMapping, ReadingMapping, SourceConfig};

use super::Observation;
use crate::time::Timestamp;
use crate::topic::{Captures, Template};

/// Longest name of a device, channel, quantity, unit or kind that is taken, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// A message as the broker delivered it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Where it was published.
    pub topic: &'a str,
    /// What was published.
    pub payload: &'a [u8],
    /// Whether the broker kept it from earlier.
    pub retained: bool,
    /// When the host received it.
    pub at: Timestamp,
}

/// How messages under one template are read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Which topics.
    pub topic: Template,
    /// What their payloads mean.
    pub format: Format,
}

/// What a payload means.
#[derive(Debug, Clone)]
pub enum Format {
    /// `{"ts", "gpio", "sensor_type", "raw", "value", "unit", "quality"}`.
    Sensor,
    /// `{"ts", "gpio", "type", "state", "value"}`.
    Actuator,
    /// Any JSON: the device is there.
    Heartbeat,
    /// `{"id", "kpiId", "title", "message", "severity", "delta", "roles"}`.
    Alert,
    /// `{"event_type", "severity", "context", "timestamp"}`.
    Incident,
    /// As the configuration says.
    Mapped(Box<mapping::Mapping>),
}

/// All sources, in the order they are tried: the first whose template matches reads the message.
#[derive(Debug, Clone)]
pub struct Reader {
    sources: Vec<Source>,
    tolerance_ms: u64,
    max_bytes: usize,
}

/// Why a message could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No source has such a topic.
    #[error("no source is configured for this topic")]
    Topic,
    /// Too long to be looked at.
    #[error("the payload has {bytes} bytes; at most {limit} are taken")]
    TooLong {
        /// What came.
        bytes: usize,
        /// What is taken.
        limit: usize,
    },
    /// Not the JSON that belongs here.
    #[error("not the JSON of a {what}: {why}")]
    Json {
        /// What was expected.
        what: &'static str,
        /// What the JSON reader said.
        why: String,
    },
    /// Something is absent.
    #[error("`{0}` is missing")]
    Missing(String),
    /// Something is there and means nothing.
    #[error("`{field}` is wrong: {why}")]
    Wrong {
        /// What.
        field: String,
        /// Why.
        why: String,
    },
    /// It was kept from earlier, and acting on it late could do harm.
    #[error("a retained {0} is not taken: it may be old")]
    Retained(&'static str),
}

impl Reader {
    /// A reader that tries `sources` in order. `tolerance_ms` is how far a device's clock may be from the arrival;
    /// payloads over `max_bytes` are not looked at.
    pub const fn new(sources: Vec<Source>, tolerance_ms: u64, max_bytes: usize) -> Self {
        Self { sources, tolerance_ms, max_bytes }
    }

    /// The filters to subscribe with.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// What a message says: at least one observation. `new_id` names a message whose sender did not.
    ///
    /// # Errors
    /// When the message means nothing here; the reason is for people.
    pub fn read(&self, message: &Message<'_>, new_id: impl FnOnce() -> String) -> Result<Vec<Observation>, Unreadable> {
        if message.payload.len() > self.max_bytes {
            return Err(Unreadable::TooLong { bytes: message.payload.len(), limit: self.max_bytes });
        }
        let found = self.sources.iter().find_map(|source| Some((source, source.topic.captures(message.topic)?)));
        let (source, captures) = found.ok_or(Unreadable::Topic)?;
        let context = Context { message, captures, tolerance_ms: self.tolerance_ms };
        let said = match &source.format {
            Format::Sensor => native::sensor(&context),
            Format::Actuator => native::actuator(&context),
            Format::Heartbeat => native::heartbeat(&context),
            Format::Alert => native::alert(&context),
            Format::Incident => native::incident(&context),
            Format::Mapped(mapping) => mapping.read(&context),
        }?;
        Ok(said.into_observations(new_id))
    }
}

/// What the readers of single formats need.
struct Context<'a> {
    message: &'a Message<'a>,
    captures: Captures<'a>,
    tolerance_ms: u64,
}

impl Context<'_> {
    /// A placeholder's value as a name.
    fn name(&self, placeholder: &str) -> Result<String, Unreadable> {
        let text = self.captures.get(placeholder).ok_or_else(|| Unreadable::Missing(placeholder.to_owned()))?;
        value::name(placeholder, text)
    }

    /// Whether the claimed time is too far from the arrival to be believed.
    fn implausible(&self, measured: Option<Timestamp>) -> bool {
        let at = self.message.at;
        measured.is_some_and(|measured| measured.since(at).max(at.since(measured)) > self.tolerance_ms)
    }
}

/// What one message says, before it has an id.
struct Said {
    id: Option<String>,
    measured: Option<Timestamp>,
    what: Vec<super::Occurrence>,
}

impl Said {
    fn one(id: Option<String>, measured: Option<Timestamp>, what: super::Occurrence) -> Self {
        Self { id, measured, what: vec![what] }
    }

    /// The first keeps the message's id, the others add their number to it.
    fn into_observations(self, new_id: impl FnOnce() -> String) -> Vec<Observation> {
        let id = self.id.unwrap_or_else(new_id);
        let numbered = |n: usize| if n == 0 { id.clone() } else { format!("{id}.{n}") };
        let measured = self.measured;
        let observe = |(n, what)| Observation { id: numbered(n), measured, what };
        self.what.into_iter().enumerate().map(observe).collect()
    }
}
