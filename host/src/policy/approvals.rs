//! Decisions that wait for a person's word.

use interlock_core::decision::Intent;
use interlock_core::evaluation::VersionRef;
use interlock_core::gate::Verdict;
use interlock_core::time::{Seq, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::line::{Answered, Input, Line, Question, Refusal};

/// A decision that waits for a person's word: the ruling asked for it, or the policy's mode is `advise`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Request {
    /// The record of the decision: the request's name.
    pub decision: Seq,
    /// Who decided.
    pub by: VersionRef,
    /// Its policy's place in every priority array.
    pub priority: u8,
    /// What it wants to do.
    pub intents: Vec<Intent>,
    /// Any of these roles may approve; empty for anyone with the scope.
    pub roles: Vec<String>,
    /// When it was asked.
    pub asked: Timestamp,
    /// When it lapses.
    pub expires: Timestamp,
}

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// Nothing waits under this number: it was answered, or lapsed.
    #[error("no decision {0} waits for an approval; it was answered or has lapsed")]
    NotWaiting(Seq),
    /// The line did not take it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A handle to what waits. Cheap to clone.
#[derive(Clone)]
pub struct Approvals {
    line: Line,
}

impl Approvals {
    /// A handle to what waits in this line.
    pub const fn new(line: Line) -> Self {
        Self { line }
    }

    /// What waits, oldest first.
    ///
    /// # Errors
    /// When the line does not answer in time.
    pub async fn list(&self) -> Result<Vec<Request>, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.line.send(Input::Ask(Question::Waiting { answer })).await?;
        self.line.answer(answered).await
    }

    /// Answers a request; approved intents go through the gate as fresh causes. How the gate judged them.
    ///
    /// # Errors
    /// When nothing waits under this number, or the line does not take it.
    pub async fn answer(&self, decision: Seq, approve: bool, by: &str) -> Result<Vec<Verdict>, ApprovalError> {
        self.line.writable()?;
        let (answered, answer) = oneshot::channel();
        self.line.send(Input::Answer { decision, approve, by: by.to_owned(), answered }).await?;
        let Answered { verdicts, recorded } = self.line.answer(answer).await??;
        self.line.durable(recorded).await?;
        Ok(verdicts)
    }
}
