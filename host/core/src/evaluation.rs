//! One run of one version on one event: a decision, or the fault that stands in its place.

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::time::{Seq, Timestamp};

/// Which version of which policy answered. Every decision carries it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VersionRef {
    /// The policy's name.
    pub policy: String,
    /// The version's number, counted per policy from 1.
    pub version: u64,
    /// SHA-256 of the artifact, in hex.
    pub digest: String,
}

/// What became of one event in one policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The answer, or why there is none. A fault is a refusal: its writes are dropped with it.
    pub outcome: Result<Decision, Fault>,
    /// Units of fuel used.
    pub fuel: u64,
    /// Wall-clock microseconds of the whole evaluation.
    pub micros: u64,
    /// The answers the host gave to lookups, by reference, so that the decision can be replayed alone.
    pub reads: Vec<Lookup>,
    /// What it wrote to its state, in order; empty for a fault.
    pub writes: Vec<StateWrite>,
    /// What it said to its author.
    pub log: Vec<LogLine>,
}

/// The answer to one lookup of a reading, by reference into the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Lookup {
    /// The device's id.
    pub device: String,
    /// The pin number or channel name.
    pub channel: String,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// The window's length in milliseconds; none for the latest reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_ms: Option<u64>,
    /// The newest reading the answer was made of; none if there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
}

/// One change of a policy's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StateWrite {
    /// The key.
    pub key: String,
    /// The new entry; none deletes it.
    pub entry: Option<StateEntry>,
}

/// One entry of a policy's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StateEntry {
    /// Text; JSON by convention.
    pub value: String,
    /// When it is gone, on the events' clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// One line a policy said to its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// `debug`, `info`, `warn` or `error`.
    pub level: LogLevel,
    /// The text, without control characters.
    pub message: String,
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For the author at work.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something is wrong.
    Error,
}

/// Why a version gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[error("{kind}: {detail}")]
pub struct Fault {
    /// Which limit was hit or rule broken.
    pub kind: FaultKind,
    /// For people: the limit with its number, the trap with the guest's function names.
    pub detail: String,
}

/// The ways to give no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The fuel ran out.
    OutOfFuel,
    /// The wall-clock deadline passed.
    Deadline,
    /// Memories and tables together would have grown over the limit.
    Memory,
    /// The guest's stack overflowed.
    Stack,
    /// The guest trapped: a panic, an unreachable instruction, an access out of bounds.
    Trap,
    /// The answer breaks the bounds or the canonical ABI.
    BadAnswer,
    /// A host call was made with more data than is taken, or where it is not allowed.
    HostCall,
    /// Something outside the granted plan was asked for.
    NotGranted,
    /// The policy itself answered with an error.
    Refused,
    /// The instance could not be made.
    Start,
}

impl FaultKind {
    /// The kind as one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutOfFuel => "out_of_fuel",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Trap => "trap",
            Self::BadAnswer => "bad_answer",
            Self::HostCall => "host_call",
            Self::NotGranted => "not_granted",
            Self::Refused => "refused",
            Self::Start => "start",
        }
    }
}

impl std::fmt::Display for FaultKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Fault {
    /// A fault of this kind.
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// The answer broke a bound.
    pub fn bad_answer(detail: impl Into<String>) -> Self {
        Self::new(FaultKind::BadAnswer, detail)
    }
}
