//! The journal: the product's memory.
//!
//! Append-only and hash-chained. One writer commits whatever gathered while the last commit ran; there is no timer. What
//! it has committed it announces: acknowledgements fire, commands go to the outlet, live clients hear of it. The types
//! carry that order: only this module can make a [`Recorded`].

pub mod anchor;
pub mod batch;
pub mod chain;
pub mod personal;
mod prepare;
pub mod query;
pub mod record;
pub mod retention;
pub mod subject;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod writer;

use std::sync::Arc;

use interlock_core::command::{Approved, Command};
use interlock_core::time::{Seq, Timestamp};
use tokio::sync::{oneshot, watch};

use crate::store::{Put, ReadError, Store};
use anchor::HostKey;
use record::{Body, Record};

/// Proof that the record of something is durable. Only the journal's writer makes one, after the commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded<T> {
    seq: Seq,
    value: T,
}

impl<T> Recorded<T> {
    /// The record's place.
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// What was recorded.
    pub const fn get(&self) -> &T {
        &self.value
    }
}

/// One step to make durable: a record, the rows that change with it, and what follows once it is committed.
pub struct Entry {
    /// Its place; given by the line. Entries without a record (cursor moves, deliveries) have none.
    pub record: Option<Record>,
    /// Rows that change in the same commit.
    pub puts: Vec<Put>,
    /// What follows, in order.
    pub then: Vec<Then>,
}

/// What follows a commit.
pub enum Then {
    /// Tell the broker that the message is safe.
    Ack(crate::mqtt::Ack),
    /// Tell whoever waits for it. The sender is dropped where the host gave up, at shutdown.
    Reply(oneshot::Sender<Recorded<()>>),
    /// Send it.
    Send(Approved<Command>),
}

/// Where the chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The newest committed record; 0 in an empty journal.
    pub seq: Seq,
    /// Its time.
    pub at: Timestamp,
    /// Its hash: SHA-256 over the hash before it and its stored bytes.
    pub hash: [u8; 32],
}

/// Whether the journal can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The last commit worked.
    Writing,
    /// The last commit did not work. Nothing is lost: the batch is kept and tried again.
    Stuck {
        /// What the disk says.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
    /// The writer has ended, as it was told, or because it found a mistake in the host.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its end is not what was written.
    #[error(
        "the journal in `{folder}` is broken at record {seq} ({why}); restore a backup, or move the data folder aside"
    )]
    Broken {
        /// The data folder.
        folder: String,
        /// The record.
        seq: Seq,
        /// What is wrong.
        why: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The journal as readers see it. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    store: Arc<Store>,
    key: Arc<HostKey>,
    state: Arc<State>,
}

/// What the writer tells readers.
struct State {
    head: watch::Sender<Head>,
    health: watch::Sender<Health>,
    /// Commands that did not fit in the outlet's queue since the start.
    unqueued: watch::Sender<u64>,
}

impl Journal {
    /// The journal in a store. Looks at its end only; [`Journal::verify`] looks at all of it.
    ///
    /// # Errors
    /// When the end of the chain is not what was written, or cannot be read.
    pub fn open(store: Arc<Store>, key: Arc<HostKey>) -> Result<Self, JournalError> {
        let head = store.chain(chain::end)?.map_err(|(seq, why)| JournalError::Broken {
            folder: store.folder().display().to_string(),
            seq,
            why,
        })?;
        let state = State {
            head: watch::Sender::new(head),
            health: watch::Sender::new(Health::Writing),
            unqueued: watch::Sender::new(0),
        };
        Ok(Self { store, key, state: Arc::new(state) })
    }

    /// Where the chain stands: the newest record that is durable.
    pub fn head(&self) -> Head {
        *self.state.head.borrow()
    }

    /// Where the chain stands, as it grows.
    pub fn heads(&self) -> watch::Receiver<Head> {
        self.state.head.subscribe()
    }

    /// Whether the journal can be written, as that changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.state.health.subscribe()
    }

    /// Changes whenever a command did not fit in the outlet's queue: it is in [`Journal::outbox`] and must be read there.
    pub fn unqueued(&self) -> watch::Receiver<u64> {
        self.state.unqueued.subscribe()
    }

    /// Everything that must leave, in the order in which it was approved: after a start, and whenever the queue to the
    /// outlet was too short.
    ///
    /// # Errors
    /// When the store cannot be read.
    #[expect(
        clippy::disallowed_methods,
        reason = "the rows are durable, and only approved commands are made into rows"
    )]
    pub fn outbox(&self) -> Result<Vec<Recorded<Approved<Command>>>, ReadError> {
        let rows = self.store.outbox()?;
        Ok(rows.into_iter().map(|row| Recorded { seq: row.seq, value: Approved::recall(row.command) }).collect())
    }

    /// The store it lives in.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }
}

/// A record's body for the line to build entries from.
pub type Draft = Body;
