//! Reading: one short snapshot per call.

use std::sync::PoisonError;

use redb::{ReadTransaction, ReadableDatabase};

use super::Store;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is being opened again after an error.
    #[error("the store is closed until a failed write is overcome; try again in a moment")]
    Closed,
    /// The database gave no answer.
    #[error("the store cannot be read: {0}")]
    Database(#[from] redb::Error),
    /// A row is not what this host writes.
    #[error("row `{key}` of table `{table}` cannot be understood: {why}")]
    Row {
        /// The table.
        table: String,
        /// The row's key.
        key: String,
        /// What is wrong.
        why: String,
    },
}

impl From<redb::StorageError> for ReadError {
    fn from(error: redb::StorageError) -> Self {
        Self::Database(error.into())
    }
}

impl From<redb::TableError> for ReadError {
    fn from(error: redb::TableError) -> Self {
        Self::Database(error.into())
    }
}

impl From<redb::TransactionError> for ReadError {
    fn from(error: redb::TransactionError) -> Self {
        Self::Database(error.into())
    }
}

impl Store {
    /// Calls `look` with a snapshot that lives as long as the call.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&ReadTransaction) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let txn = database.as_ref().ok_or(ReadError::Closed)?.begin_read()?;
        look(&txn)
    }
}
