//! The life of a policy: upload, check, dry run, save, activate, roll back.

use interlock_core::event::Observation;
use interlock_core::policy::Mode;

use super::{Adjust, JobView, PolicyView, Simulation, Upload};
use crate::line::Refusal;
use crate::store::VersionRow;

/// Why a step in a policy's life was refused.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// There is no such policy.
    #[error("there is no policy `{0}`; `interlock ps` lists them")]
    NoPolicy(String),
    /// There is no such version.
    #[error("policy `{policy}` has no version {version}; `interlock history {policy}` lists them")]
    NoVersion {
        /// The policy.
        policy: String,
        /// What was asked for.
        version: u64,
    },
    /// There is nothing to roll back to.
    #[error("policy `{0}` has no earlier activation to roll back to")]
    NothingBefore(String),
    /// The name cannot be a policy's.
    #[error("`{0}` cannot name a policy: use 1 to 64 of a-z, 0-9, `-` and `_`, starting with a letter")]
    BadName(String),
    /// The first upload of a policy needs a component.
    #[error("policy `{0}` is new: its first version needs a component")]
    NoComponent(String),
    /// The artifact could not be made ready.
    #[error("{}", .0.message)]
    Rejected(super::JobError),
    /// Too many uploads wait.
    #[error("{0} uploads are waiting already; try again when one has ended")]
    Busy(usize),
    /// A value is out of its bounds.
    #[error("{0}")]
    Invalid(String),
    /// There is no such decision in the journal.
    #[error("record {0} is no decision, or no longer kept")]
    NoDecision(u64),
    /// The line did not take it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not be read.
    #[error("the store cannot be read: {0}")]
    Store(String),
}

/// A handle to all policies. Cheap to clone.
#[derive(Clone)]
pub struct Policies {}

#[expect(clippy::unimplemented, unused_variables, clippy::unused_async, reason = "the shape first")]
impl Policies {
    /// All policies in order of name.
    pub fn list(&self) -> Vec<PolicyView> {
        unimplemented!()
    }

    /// One policy.
    pub fn get(&self, policy: &str) -> Result<PolicyView, LifecycleError> {
        unimplemented!()
    }

    /// All versions of a policy, newest first.
    pub fn versions(&self, policy: &str) -> Result<Vec<VersionRow>, LifecycleError> {
        unimplemented!()
    }

    /// One version.
    pub fn version(&self, policy: &str, number: u64) -> Result<VersionRow, LifecycleError> {
        unimplemented!()
    }

    /// Starts making a version; the job's id at once, the rest in the background.
    pub async fn upload(&self, upload: Upload) -> Result<String, LifecycleError> {
        unimplemented!()
    }

    /// A job, while it runs and for a while after.
    pub fn job(&self, id: &str) -> Option<JobView> {
        unimplemented!()
    }

    /// Waits until the job has more than `seen_stages` stages or ends, at most ten seconds.
    pub async fn job_changed(&self, id: &str, seen_stages: usize) -> Option<JobView> {
        unimplemented!()
    }

    /// Lets a version answer from the next event on.
    pub async fn activate(
        &self,
        policy: &str,
        version: u64,
        mode: Option<Mode>,
        by: &str,
        reason: Option<String>,
    ) -> Result<PolicyView, LifecycleError> {
        unimplemented!()
    }

    /// Lets an earlier version answer again: the one active before, or `to`.
    pub async fn rollback(
        &self,
        policy: &str,
        to: Option<u64>,
        by: &str,
        reason: Option<String>,
    ) -> Result<PolicyView, LifecycleError> {
        unimplemented!()
    }

    /// Changes what needs no new version.
    pub async fn adjust(&self, policy: &str, adjust: Adjust, by: &str) -> Result<PolicyView, LifecycleError> {
        unimplemented!()
    }

    /// Removes a policy with its versions and state; its slots are given back.
    pub async fn delete(&self, policy: &str, by: &str) -> Result<(), LifecycleError> {
        unimplemented!()
    }

    /// What a version would answer now; without a number, the active one.
    pub async fn simulate(
        &self,
        policy: &str,
        version: Option<u64>,
        event: Observation,
    ) -> Result<Simulation, LifecycleError> {
        unimplemented!()
    }

    /// A recorded decision run again alone: same event, same version, all findings.
    pub async fn why(&self, decision: u64) -> Result<Simulation, LifecycleError> {
        unimplemented!()
    }
}
