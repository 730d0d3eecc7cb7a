//! Access tokens, by their public id.

use redb::{TableDefinition, WriteTransaction};

use super::commit::WriteError;
use super::rows::{Json, by_name, set};
use super::{ReadError, Store, TokenRow};

const TOKENS: Json<&str> = TableDefinition::new("tokens");

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(TOKENS)?;
    Ok(())
}

pub(super) fn put(txn: &WriteTransaction, id: &str, row: Option<&TokenRow>) -> Result<(), WriteError> {
    set(txn, TOKENS, id, row)
}

impl Store {
    /// All tokens in order of id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tokens(&self) -> Result<Vec<TokenRow>, ReadError> {
        self.read(|txn| Ok(by_name(txn, TOKENS)?.into_values().collect()))
    }
}
