//! Policies: named slots, their versions, and the actors that run them.
//!
//! Every change of a policy is planned, persisted, then applied, in that order: the record and the rows are durable
//! before anything answers differently, so a crash at any moment leaves the old or the new version, never none.

pub mod actor;
pub mod approvals;
mod jobs;
pub mod lanes;
pub mod lifecycle;
pub mod registry;
mod trial;
mod upload;

use interlock_core::decision::Decision;
use interlock_core::evaluation::{Fault, LogLine, Lookup, StateWrite, VersionRef};
use interlock_core::gate::Verdict;
use interlock_core::policy::{Fallback, Limits, Mode, Problem};
use interlock_core::time::{Seq, Timestamp};
use serde::{Deserialize, Serialize};

/// A policy as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyView {
    /// The slot's name.
    pub name: String,
    /// The version that answers; none before the first activation.
    pub active: Option<VersionRef>,
    /// The newest version's number.
    pub latest: Option<u64>,
    /// What its decisions may do.
    pub mode: Mode,
    /// Whether it runs at all.
    pub enabled: bool,
    /// Its place in every priority array, 1 (strongest) to 16.
    pub priority: u8,
    /// What happens to its actuators when it faults.
    pub fallback: Fallback,
    /// Stopped by the host after too many faults in a row.
    pub quarantined: bool,
    /// Why it does not run although it should: a corrupt artifact, say.
    pub problem: Option<String>,
    /// Counters since the host started.
    pub stats: PolicyStats,
    /// When it was created.
    pub created: Timestamp,
}

/// Counters of one policy since the host started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyStats {
    /// Evaluations, faults included.
    pub evaluations: u64,
    /// Evaluations that gave no answer.
    pub faults: u64,
    /// Readings skipped because newer ones replaced them while it lagged.
    pub coalesced: u64,
    /// Events that wait for it.
    pub waiting: u64,
    /// Mean microseconds of its recent evaluations.
    pub mean_micros: f64,
    /// Units of fuel of its newest evaluation.
    pub last_fuel: u64,
    /// Whether it runs in the slow lane.
    pub slow: bool,
    /// The last event it has answered.
    pub cursor: Seq,
}

/// A new version to be made.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The slot; made if it is new.
    pub policy: String,
    /// The component, or a core module that carries the world; none takes the artifact of the newest version.
    pub component: Option<std::sync::Arc<[u8]>>,
    /// The configuration; none takes the newest version's, or `{}`.
    pub config: Option<serde_json::Value>,
    /// What one evaluation may use; none takes the newest version's, or the defaults.
    pub limits: Option<Limits>,
    /// Why.
    pub comment: String,
    /// Who.
    pub author: String,
    /// Activate it at once if everything went well, in this mode.
    pub activate: Option<Mode>,
}

/// An upload on its way to becoming a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// The slot.
    pub policy: String,
    /// Where it is.
    pub state: JobState,
    /// The stages it went through: `checking`, `configuring`, `snapshotting`, `compiling`, `dry_running`, `saving`, …
    pub stages: Vec<String>,
    /// The version it became.
    pub version: Option<u64>,
    /// Whether that version was activated as asked.
    pub activated: bool,
    /// What was seen in the dry run.
    pub evidence: serde_json::Value,
    /// Why it failed.
    pub error: Option<JobError>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Not at its end.
    Running,
    /// It became a version.
    Done,
    /// It was refused.
    Failed,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobError {
    /// One stable word: `wrong_world`, `invalid_config`, `duplicate`, …
    pub code: String,
    /// One sentence that says what to do.
    pub message: String,
    /// What is wrong with the configuration, where that is it.
    pub problems: Vec<Problem>,
}

/// What a policy would answer to an event now. Nothing of it takes effect and nothing is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Simulation {
    /// Who answered.
    pub by: VersionRef,
    /// The answer, with all findings.
    pub decision: Option<Decision>,
    /// Why there is none.
    pub fault: Option<Fault>,
    /// How the gate would judge each intent now.
    pub verdicts: Vec<Verdict>,
    /// The lookups it made.
    pub reads: Vec<Lookup>,
    /// What it would write to its state.
    pub writes: Vec<StateWrite>,
    /// What it said to its author.
    pub log: Vec<LogLine>,
    /// Units of fuel.
    pub fuel: u64,
    /// Microseconds.
    pub micros: u64,
}

/// Changes to a slot that need no new version. Absent fields stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Adjust {
    /// What its decisions may do.
    pub mode: Option<Mode>,
    /// Whether it runs at all.
    pub enabled: Option<bool>,
    /// Its place in every priority array.
    pub priority: Option<u8>,
    /// What happens to its actuators when it faults.
    pub fallback: Option<Fallback>,
}
