//! The journal: the product's memory.
//!
//! Append-only and hash-chained. One writer commits whatever gathered while the last commit ran; there is no timer. What
//! it has committed it announces: acknowledgements fire, commands go to the outlet, live clients hear of it. The types
//! carry that order: only this module can make a [`Recorded`].

pub mod record;

use std::sync::Arc;

use interlock_core::command::{Approved, Command};
use interlock_core::time::{Seq, Timestamp};
use tokio::sync::oneshot;

use crate::store::Put;
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
    /// Tell whoever waits for it. The error is the reason that the host gave up, at shutdown.
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

/// The journal as readers see it. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    store: Arc<crate::store::Store>,
}

/// A record's body for the line to build entries from.
pub type Draft = Body;
