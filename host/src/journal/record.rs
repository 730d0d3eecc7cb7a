//! The stored shape of a record, and its version.
//!
//! A record is JSON: it is read by people and by programs that do not exist yet. What is hashed is the stored bytes
//! themselves, so no canonical form is needed. Fields are only ever added; [`FORMAT`] grows when the meaning of an
//! existing one would change.

use interlock_core::command::Command;
use interlock_core::decision::{Decision, Ruling};
use interlock_core::evaluation::{Fault, LogLine, Lookup, VersionRef};
use interlock_core::event::Observation;
use interlock_core::gate::{Scope, Verdict, Why, Writer};
use interlock_core::policy::Mode;
use interlock_core::time::{Seq, Timestamp};
use serde::{Deserialize, Serialize};

/// The version of the stored shape.
pub const FORMAT: u8 = 1;

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Record {
    /// Its place: 1 for the first, then without a gap.
    pub seq: Seq,
    /// When it happened on the line's clock. Never decreases.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// The host started; `after` is how the last run ended.
    Started {
        /// The host's version.
        version: String,
        /// `clean` or `crash`, or `first` for the first start.
        after: String,
    },
    /// The host drained and stopped.
    Stopped,
    /// Something was told to the host.
    Event(Observation),
    /// Something was told that could not be read. It was acknowledged and harms nobody else.
    Malformed {
        /// The MQTT topic, or the route.
        topic: String,
        /// Why it could not be read.
        reason: String,
        /// Its first 256 bytes, what is not UTF-8 replaced.
        head: String,
        /// Its length in bytes.
        bytes: u64,
    },
    /// A policy answered, and the gate judged.
    Decision(DecisionRecord),
    /// A policy gave no answer; its fallback was applied.
    Fault(FaultRecord),
    /// A policy lagged, and readings that newer ones replaced were skipped for it.
    Coalesced {
        /// The policy.
        policy: String,
        /// How many.
        skipped: u64,
        /// The last event it covers.
        until: Seq,
    },
    /// An effective value changed for another reason than a write: an expiry, a release, a deferred change.
    Effect {
        /// The changes.
        changes: Vec<ChangeRecord>,
    },
    /// A person or a client wrote to an actuator.
    Manual {
        /// Who. A personal field.
        by: Personal,
        /// What was asked for.
        intent: interlock_core::decision::Intent,
        /// How the gate judged.
        verdict: Verdict,
        /// What followed.
        changes: Vec<ChangeRecord>,
    },
    /// A command was recorded and could not be delivered while it was valid.
    Undelivered {
        /// The command's id.
        id: String,
        /// The actuator.
        actuator: String,
        /// Why.
        reason: String,
    },
    /// A stop was latched.
    Stop {
        /// The stop's own id.
        id: String,
        /// What is stopped.
        scope: Scope,
        /// Why.
        reason: String,
        /// `rest`, `cli`, `websocket`, `mqtt`.
        source: String,
        /// Who. A personal field.
        by: Personal,
        /// Whether the latch file was written before the answer.
        latched_on_disk: bool,
    },
    /// A stop was reset.
    Reset {
        /// What is open again.
        scope: Scope,
        /// Why.
        reason: String,
        /// Who. A personal field.
        by: Personal,
    },
    /// Something about a policy changed.
    Policy(PolicyRecord),
    /// The table of actuators, sensors or devices changed.
    Inventory {
        /// `actuator`, `sensor` or `device`.
        what: String,
        /// Its name.
        name: String,
        /// `configured` or `removed`.
        change: String,
        /// Who. A personal field.
        by: Personal,
    },
    /// An approval was asked for, given, refused or lapsed.
    Approval {
        /// The decision that asked.
        decision: Seq,
        /// `given`, `refused`, `lapsed`.
        answer: String,
        /// Who. A personal field.
        by: Personal,
        /// How the gate judged what was approved.
        verdicts: Vec<Verdict>,
        /// What followed.
        changes: Vec<ChangeRecord>,
    },
    /// A token was made or revoked.
    Token {
        /// Its public id.
        id: String,
        /// `made` or `revoked`.
        change: String,
        /// Its scopes.
        scopes: Vec<String>,
        /// Who. A personal field.
        by: Personal,
    },
    /// Old records were removed; the anchor vouches for where the chain begins now.
    Anchored {
        /// The first record that is kept.
        first: Seq,
        /// How many were removed.
        removed: u64,
    },
    /// A personal value was erased. Its commitment stays, so the chain still verifies.
    Erased {
        /// The record it stood in.
        of: Seq,
        /// Which of that record's personal fields, counted from 0.
        field: u8,
        /// Who. A personal field.
        by: Personal,
    },
}

/// A policy's answer and what the gate made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DecisionRecord {
    /// Who answered.
    #[serde(flatten)]
    pub by: VersionRef,
    /// In which mode.
    pub mode: Mode,
    /// The event it answers.
    pub event: Seq,
    /// The answer, with the matched findings only: the others are found again by running it again.
    pub decision: Decision,
    /// How the gate judged each intent, in order. Empty unless the mode is `enforce` and the ruling lets it act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Verdict>,
    /// What followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeRecord>,
    /// The answers it was given, by reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<Lookup>,
    /// What it said to its author.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
    /// Units of fuel.
    pub fuel: u64,
    /// Microseconds.
    pub micros: u64,
}

impl DecisionRecord {
    /// Whether the ruling lets the intents act at once.
    pub const fn acts(ruling: &Ruling) -> bool {
        matches!(ruling, Ruling::Abstain | Ruling::Allow)
    }
}

/// A fault and its fallback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FaultRecord {
    /// Whose.
    #[serde(flatten)]
    pub by: VersionRef,
    /// The event.
    pub event: Seq,
    /// What happened.
    pub fault: Fault,
    /// What the fallback led to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeRecord>,
    /// Whether the policy is quarantined from here on: too many faults in a row.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quarantined: bool,
    /// Whether people must hear of it: the fallback is `alarm`, or the policy is quarantined.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alarm: bool,
    /// What it said to its author.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
    /// Units of fuel.
    pub fuel: u64,
    /// Microseconds.
    pub micros: u64,
}

/// A change of an effective value, with the command that was approved for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChangeRecord {
    /// Where the value was.
    pub from: f64,
    /// Why it changes.
    pub why: Why,
    /// Who holds the actuator now; none for the safe value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<Writer>,
    /// The command.
    pub command: Command,
}

/// A change in a policy's life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyRecord {
    /// The policy.
    pub policy: String,
    /// What changed.
    pub change: PolicyChange,
    /// Why, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who. A personal field.
    pub by: Personal,
}

/// The steps of a policy's life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum PolicyChange {
    /// A version was saved.
    VersionSaved {
        /// Its number.
        version: u64,
        /// The artifact's SHA-256.
        digest: String,
        /// The checksum over everything the version is.
        checksum: String,
    },
    /// A version was refused.
    VersionRefused {
        /// Why.
        problem: String,
    },
    /// A version answers from here on.
    Activated {
        /// Its number.
        version: u64,
        /// The one before.
        from: Option<u64>,
        /// In which mode.
        mode: Mode,
    },
    /// An earlier version answers again.
    RolledBack {
        /// Its number.
        version: u64,
        /// The one before.
        from: Option<u64>,
    },
    /// The mode changed.
    Mode {
        /// From here on.
        mode: Mode,
    },
    /// The priority changed.
    Priority {
        /// From here on.
        priority: u8,
    },
    /// It was switched on or off.
    Enabled {
        /// From here on.
        enabled: bool,
    },
    /// What happens when it faults changed.
    Fallback {
        /// From here on.
        fallback: interlock_core::policy::Fallback,
    },
    /// The host stopped it: too many faults in a row.
    Quarantined,
    /// It was deleted.
    Deleted,
}

/// A personal field: in the hash chain stands only a salted commitment, so that the value can be erased and the chain
/// still verifies.
///
/// In memory it is the value; [`crate::journal::writer`] splits it into commitment (stored in the record) and value and
/// salt (stored beside it), and reading joins them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Personal {
    /// SHA-256 over salt and value, in hex: what is in the chain.
    Committed {
        /// The commitment.
        commitment: String,
    },
    /// The value itself.
    Known(String),
}

impl From<&str> for Personal {
    fn from(value: &str) -> Self {
        Self::Known(value.to_owned())
    }
}
