//! The line: the one task that gives everything its place and its time, asks the gate, and hands batches to the journal.
//!
//! ```text
//! Arrival ---> [ judge ] --- Entry, Entry, … ---> journal
//! Evaluated -->    |  `-- Event --> policies' mailboxes
//! Manual, Note ->  |
//!                 gate
//! ```
//!
//! One bounded channel leads in. While the journal commits a batch, the judge fills the next: a batch is whatever
//! gathered meanwhile, and no timer stretches it. A policy's evaluation starts when its event enters, before the
//! commit; where it is quick, event and decision share one.
//!
//! INVARIANT (one order): `seq` is given here and nowhere else, and entries reach the journal in its order.
//! INVARIANT (no effect without record): an approved command is only ever an entry's [`crate::journal::Then::Send`].

mod effects;
pub(crate) mod judge;
pub(crate) mod steps;
mod ticks;

use std::time::Duration;

use interlock_core::command::Command;
use interlock_core::decision::Intent;
use interlock_core::event::Observation;
use interlock_core::gate::envelope::Table;
use interlock_core::gate::{Verdict, View, Write};
use interlock_core::time::Seq;
use tokio::sync::{mpsc, oneshot, watch};

use crate::journal::record::Body;
use crate::journal::{Health, Recorded};
use crate::mqtt::Ack;
use crate::policy::approvals::{ApprovalError, Request};
use crate::policy::lanes::{Evaluated, Skipped};
use crate::store::Put;

/// Inputs that may wait for the judge.
pub const QUEUE: usize = 4_096;

/// How long a caller waits for a record before it hears that the journal is stuck.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Something that came in from outside, and the right to acknowledge it.
#[derive(Debug)]
pub struct Arrival {
    /// What was told, or what could not be read.
    pub what: Result<Observation, Malformed>,
    /// Fires when the record is durable; none where nobody waits.
    pub ack: Option<Ack>,
}

/// A message that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The MQTT topic, or the route.
    pub topic: String,
    /// Why it could not be read.
    pub reason: String,
    /// Its first 256 bytes, what is not UTF-8 replaced.
    pub head: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Why the line did not take something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
    /// The journal could not be written in time.
    #[error("the journal cannot be written: {0}")]
    JournalStuck(String),
}

/// A handle to the line. Cheap to clone; every send waits for room, so the sender feels the line's pace.
#[derive(Clone)]
pub struct Line {
    inputs: mpsc::Sender<Input>,
    health: watch::Receiver<Health>,
}

/// What the line takes.
pub(crate) enum Input {
    /// Something came in; the sender may wait for its record.
    Arrived(Arrival, Option<oneshot::Sender<Recorded<()>>>),
    /// A policy answered.
    Evaluated(Box<Evaluated>),
    /// A policy that lagged has moved on.
    Skipped(Skipped),
    /// A person writes to an actuator.
    Manual { intent: Intent, by: String, verdict: oneshot::Sender<Verdict>, recorded: oneshot::Sender<Recorded<()>> },
    /// Something about the host itself.
    Note { body: Box<Body>, puts: Vec<Put>, recorded: oneshot::Sender<Recorded<()>> },
    /// A policy no longer acts: its slots are given back. If it is gone, what it asked approval for is withdrawn.
    Release { policy: String, gone: bool },
    /// Other versions are live. The answer is the newest event: whatever comes after it takes the new routes.
    Rerouted { newest: oneshot::Sender<Seq> },
    /// The broker has taken a command for good.
    Delivered { id: String },
    /// A command could not be delivered while it was valid.
    Undelivered { command: Box<Command>, reason: String },
    /// The latch has opened: answered when the gate has, too.
    Open { done: oneshot::Sender<()> },
    /// The table of actuators is another one.
    Configure { table: Box<Table>, done: oneshot::Sender<()> },
    /// A person answers a decision that waits.
    Answer { decision: Seq, approve: bool, by: String, answered: oneshot::Sender<Result<Answered, ApprovalError>> },
    /// Somebody wants to know something that only the judge knows.
    Ask(Question),
    /// Everything before this has been handed to the journal and is durable.
    Drain { done: oneshot::Sender<Recorded<()>> },
    /// Nothing more is taken; the line ends when what it took is handed to the journal.
    Close,
}

/// What became of a person's answer: the verdicts now, the record when it is durable.
pub(crate) struct Answered {
    pub verdicts: Vec<Verdict>,
    pub recorded: oneshot::Receiver<Recorded<()>>,
}

/// What only the judge knows.
pub(crate) enum Question {
    /// An actuator's priority array.
    View { actuator: String, answer: oneshot::Sender<Option<View>> },
    /// How the gate would judge these writes now.
    Judge { writes: Vec<Write>, answer: oneshot::Sender<Vec<Verdict>> },
    /// The decisions that wait for a person's word.
    Waiting { answer: oneshot::Sender<Vec<Request>> },
}

impl Line {
    /// A handle and the end that the judge reads.
    pub(crate) fn new(health: watch::Receiver<Health>) -> (Self, mpsc::Receiver<Input>) {
        let (inputs, queue) = mpsc::channel(QUEUE);
        (Self { inputs, health }, queue)
    }

    /// The sender itself, for the policies' threads.
    pub(crate) fn sender(&self) -> mpsc::Sender<Input> {
        self.inputs.clone()
    }

    /// Hands in an observation. Returns when the line has taken it, not when it is recorded.
    ///
    /// # Errors
    /// [`Refusal::Stopping`]; the message stays unacknowledged.
    pub async fn arrive(&self, arrival: Arrival) -> Result<(), Refusal> {
        self.inputs.send(Input::Arrived(arrival, None)).await.map_err(|_| Refusal::Stopping)
    }

    /// Hands in an observation and waits until it is recorded; the seq of its record.
    ///
    /// # Errors
    /// [`Refusal::JournalStuck`] when the record is not durable in time. It may become so later.
    pub async fn record(&self, observation: Observation) -> Result<Seq, Refusal> {
        let (recorded, record) = oneshot::channel();
        let arrival = Arrival { what: Ok(observation), ack: None };
        self.send(Input::Arrived(arrival, Some(recorded))).await?;
        self.durable(record).await
    }

    /// A person's write to an actuator: judged, recorded, then answered.
    ///
    /// # Errors
    /// While the journal is stuck nothing is judged and nothing takes effect.
    pub async fn manual(&self, intent: Intent, by: &str) -> Result<(Seq, Verdict), Refusal> {
        self.writable()?;
        let (verdict, judged) = oneshot::channel();
        let (recorded, record) = oneshot::channel();
        self.send(Input::Manual { intent, by: by.to_owned(), verdict, recorded }).await?;
        let verdict = self.answer(judged).await?;
        Ok((self.durable(record).await?, verdict))
    }

    /// Records something about the host itself with the rows that change, and waits until it is durable.
    ///
    /// # Errors
    /// [`Refusal::JournalStuck`] when the record is not durable in time. It may become so later.
    pub async fn note(&self, body: Body, puts: Vec<Put>) -> Result<Seq, Refusal> {
        self.writable()?;
        let (recorded, record) = oneshot::channel();
        self.send(Input::Note { body: Box::new(body), puts, recorded }).await?;
        self.durable(record).await
    }

    /// As [`Line::note`] for steps that must be carried on once they are recorded: waits for the record as long as it
    /// takes, and does not take it back.
    ///
    /// # Errors
    /// When the journal is stuck already, or the host is stopping.
    pub(crate) async fn persist(&self, body: Body, puts: Vec<Put>) -> Result<Seq, Refusal> {
        self.writable()?;
        let (recorded, record) = oneshot::channel();
        self.send(Input::Note { body: Box::new(body), puts, recorded }).await?;
        record.await.map(|recorded| recorded.seq()).map_err(|_| Refusal::Stopping)
    }

    /// The outlet's word that the broker has taken this command for good.
    ///
    /// # Errors
    /// [`Refusal::Stopping`]; the command is sent again after the next start, marked as a repeat.
    pub async fn delivered(&self, id: String) -> Result<(), Refusal> {
        self.inputs.send(Input::Delivered { id }).await.map_err(|_| Refusal::Stopping)
    }

    /// The outlet's word that this command could not be delivered while it was valid.
    ///
    /// # Errors
    /// [`Refusal::Stopping`]; the outlet finds it expired after the next start.
    pub async fn undelivered(&self, command: Command, reason: String) -> Result<(), Refusal> {
        let input = Input::Undelivered { command: Box::new(command), reason };
        self.inputs.send(input).await.map_err(|_| Refusal::Stopping)
    }

    /// What an actuator's priority array looks like now.
    ///
    /// # Errors
    /// When the judge does not answer in time: it waits for the journal.
    pub async fn view(&self, actuator: &str) -> Result<Option<View>, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.send(Input::Ask(Question::View { actuator: actuator.to_owned(), answer })).await?;
        self.answer(answered).await
    }

    /// How the gate would judge these writes now, each alone. Nothing takes effect.
    ///
    /// # Errors
    /// When the judge does not answer in time: it waits for the journal.
    pub async fn judge(&self, writes: Vec<Write>) -> Result<Vec<Verdict>, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.send(Input::Ask(Question::Judge { writes, answer })).await?;
        self.answer(answered).await
    }

    /// Sends an input, waiting for room as long as [`PATIENCE`].
    pub(crate) async fn send(&self, input: Input) -> Result<(), Refusal> {
        match tokio::time::timeout(PATIENCE, self.inputs.send(input)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Refusal::Stopping),
            Err(_) => Err(self.stuck()),
        }
    }

    /// Waits for an answer of the judge.
    pub(crate) async fn answer<T>(&self, answered: oneshot::Receiver<T>) -> Result<T, Refusal> {
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Refusal::Stopping),
            Err(_) => Err(self.stuck()),
        }
    }

    /// Waits until a record is durable.
    pub(crate) async fn durable(&self, record: oneshot::Receiver<Recorded<()>>) -> Result<Seq, Refusal> {
        self.answer(record).await.map(|recorded| recorded.seq())
    }

    /// Whether records can be written at all just now.
    pub(crate) fn writable(&self) -> Result<(), Refusal> {
        match &*self.health.borrow() {
            Health::Writing => Ok(()),
            Health::Stopped { .. } => Err(Refusal::Stopping),
            Health::Stuck { reason, .. } => Err(Refusal::JournalStuck(reason.clone())),
        }
    }

    fn stuck(&self) -> Refusal {
        self.writable().err().unwrap_or_else(|| Refusal::JournalStuck("the disk is slower than the line".to_owned()))
    }
}
