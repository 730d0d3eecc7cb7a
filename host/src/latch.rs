//! The latch: what is stopped, readable by everyone without waiting, and the way a stop goes around every queue.

use interlock_core::gate::Scope;

/// A handle to the latch. Cheap to clone.
#[derive(Clone)]
pub struct Latch {}

/// Who asks for a stop, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopOrder {
    /// The sender's id for this stop, where it has one; a repeated id is the same stop.
    pub id: Option<String>,
    /// What to stop.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// `rest`, `cli`, `websocket`, `mqtt`.
    pub source: &'static str,
    /// Who.
    pub by: String,
}

/// How a stop ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct StopReport {
    /// The stop's id.
    pub id: String,
    /// Whether the latch file was written and synced before this answer.
    pub latched_on_disk: bool,
    /// Whether the outlet confirmed that its queue is gone.
    pub outlet_cleared: bool,
    /// How many actuators were sent their safe value.
    pub safe_values: usize,
    /// What did not work, for people.
    pub warnings: Vec<String>,
}

/// Why a stop stays.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// A reset says why.
    #[error("a reset needs a reason")]
    NoReason,
    /// Nothing of this scope is stopped.
    #[error("nothing of this scope is stopped")]
    NotStopped,
    /// The latch file could not be written.
    #[error("the latch file cannot be written, so the stop stays: {0}")]
    File(#[source] std::io::Error),
    /// The line did not take it.
    #[error(transparent)]
    Refused(#[from] crate::line::Refusal),
}

#[expect(clippy::unimplemented, unused_variables, clippy::unused_async, reason = "the shape first")]
impl Latch {
    /// Whether commands may go to this device. One atomic load while nothing is stopped.
    pub fn permits(&self, device: &str) -> bool {
        unimplemented!()
    }

    /// Changes with every stop; the outlet drops its queue when it does.
    pub fn stops(&self) -> tokio::sync::watch::Receiver<u64> {
        unimplemented!()
    }

    /// The outlet's word that everything queued before stop number `n` is gone.
    pub fn outlet_cleared(&self, n: u64) {
        unimplemented!()
    }

    /// Stops. Latches in memory, sends the safe values, syncs the latch file, then answers; the record follows.
    pub async fn stop(&self, order: StopOrder) -> StopReport {
        unimplemented!()
    }

    /// Opens what was stopped. The latch file first, then the gate, then the answer. Nothing starts by itself.
    ///
    /// # Errors
    /// When the latch file or the record cannot be written: everything stays stopped.
    pub async fn reset(&self, scope: Scope, reason: String, by: &str) -> Result<(), ResetError> {
        unimplemented!()
    }

    /// What is stopped now.
    pub fn stopped(&self) -> std::collections::BTreeSet<Scope> {
        unimplemented!()
    }
}
