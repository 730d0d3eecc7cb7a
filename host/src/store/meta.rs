//! Small values of the host itself, by name.

use redb::{TableDefinition, WriteTransaction};

use super::commit::WriteError;
use super::{ReadError, Store};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(META)?;
    Ok(())
}

pub(super) fn put(txn: &WriteTransaction, name: &str, value: &[u8]) -> Result<(), WriteError> {
    txn.open_table(META)?.insert(name, value)?;
    Ok(())
}

impl Store {
    /// A value by its name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        self.read(|txn| Ok(txn.open_table(META)?.get(name)?.map(|row| row.value().to_vec())))
    }
}
