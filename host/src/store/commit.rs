//! Writing: one batch, one transaction, all or nothing.

use std::sync::PoisonError;

use interlock_core::time::{Seq, Timestamp};
use redb::{Database, WriteTransaction};

use super::{Put, Store, apply, journal, personal};

/// What one commit makes durable. Prepared once; committing it again changes nothing, so it can be tried until it works.
pub(crate) struct Batch {
    /// The hash that the first record is chained to.
    pub prev: [u8; 32],
    /// The records in order.
    pub rows: Vec<Row>,
    /// Personal values: record, field, salt and value.
    pub secrets: Vec<(Seq, u8, Vec<u8>)>,
    /// Rows that change, in order, each with the newest record up to it.
    pub puts: Vec<(Seq, Put)>,
}

/// A record as stored.
pub(crate) struct Row {
    /// Its place.
    pub seq: Seq,
    /// Its time.
    pub at: Timestamp,
    /// Its hash.
    pub hash: [u8; 32],
    /// Hash and JSON.
    pub bytes: Vec<u8>,
}

/// Why a batch was not committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The file could not be opened again yet.
    #[error("the store is closed")]
    Closed,
    /// The database did not take it: a full disk, a failing one.
    #[error("{0}")]
    Database(#[from] redb::Error),
    /// The batch does not continue the chain: a mistake in the host, and no repetition mends it.
    #[error("the batch continues record {batch}, but the journal ends with record {stored}")]
    OutOfOrder {
        /// The record before the batch's first.
        batch: Seq,
        /// The newest record in the store.
        stored: Seq,
    },
    /// A row could not be encoded: a mistake in the host, and no repetition mends it.
    #[error("a row of table `{table}` cannot be encoded: {why}")]
    Row {
        /// The table.
        table: String,
        /// What is wrong.
        why: String,
    },
}

impl WriteError {
    /// Whether trying again can help, once the store was opened anew.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self, Self::Closed | Self::Database(_))
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for WriteError {
            fn from(error: $error) -> Self {
                Self::Database(error.into())
            }
        }
    )*};
}
from_redb!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError);

/// A transaction as this host makes them: two phases, because rows hold bytes from outside and redb's checksum is not
/// cryptographic; quick repair, because a host that was killed must be back at once.
pub(super) fn durable(database: &Database) -> Result<WriteTransaction, WriteError> {
    let mut txn = database.begin_write()?;
    txn.set_two_phase_commit(true);
    txn.set_quick_repair(true);
    Ok(txn)
}

impl Store {
    /// Makes a batch durable: after `Ok` it survives a loss of power.
    ///
    /// # Errors
    /// After an error the batch is in the store as a whole or not at all, and which of them is not known. If
    /// [`WriteError::is_passing`], reopen and commit the same batch again: that is right in both cases.
    pub(crate) fn commit(&self, batch: &Batch) -> Result<(), WriteError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let txn = durable(database.as_ref().ok_or(WriteError::Closed)?)?;
        journal::append(&txn, batch)?;
        personal::insert(&txn, &batch.secrets)?;
        for (seq, put) in &batch.puts {
            apply::apply(&txn, *seq, put)?;
        }
        txn.commit()?;
        Ok(())
    }
}
