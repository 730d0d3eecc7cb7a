//! The line: one thread that gives everything its place and time, asks the gate, and hands batches to the journal.

use interlock_core::command::Command;
use interlock_core::decision::Intent;
use interlock_core::event::Observation;
use interlock_core::gate::{Verdict, View};
use interlock_core::time::Seq;
use tokio::sync::mpsc;

use crate::journal::Draft;
use crate::mqtt::Ack;
use crate::store::Put;

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
    /// The journal could not be written in time; nothing took effect, or it will when the disk allows.
    #[error("the journal cannot be written: {0}")]
    JournalStuck(String),
}

/// A handle to the line. Cheap to clone; every send waits for room, so the sender feels the line's pace.
#[derive(Clone)]
pub struct Line {
    inputs: mpsc::Sender<Input>,
}

/// What the line takes. Public to this crate only.
pub(crate) enum Input {}

#[expect(clippy::unimplemented, unused_variables, clippy::unused_async, reason = "the shape first")]
impl Line {
    /// Hands in an observation. Returns when the line has taken it, not when it is recorded.
    pub async fn arrive(&self, arrival: Arrival) -> Result<(), Refusal> {
        unimplemented!()
    }

    /// Hands in an observation and waits until it is recorded; the seq of its record.
    pub async fn record(&self, observation: Observation) -> Result<Seq, Refusal> {
        unimplemented!()
    }

    /// A person's write to an actuator: judged, recorded, then answered.
    pub async fn manual(&self, intent: Intent, by: &str) -> Result<(Seq, Verdict), Refusal> {
        unimplemented!()
    }

    /// Records something about the host itself with the rows that change, and waits until it is durable.
    pub async fn note(&self, body: Draft, puts: Vec<Put>) -> Result<Seq, Refusal> {
        unimplemented!()
    }

    /// The outlet's word that the broker has taken this command for good.
    pub async fn delivered(&self, command_id: String) -> Result<(), Refusal> {
        unimplemented!()
    }

    /// The outlet's word that this command could not be delivered while it was valid.
    pub async fn undelivered(&self, command: Command, reason: String) -> Result<(), Refusal> {
        unimplemented!()
    }

    /// What an actuator's priority array looks like now.
    pub async fn view(&self, actuator: &str) -> Result<Option<View>, Refusal> {
        unimplemented!()
    }
}
