//! What the host keeps for policies: their state, and how far each has come.

use std::collections::BTreeMap;

use interlock_core::evaluation::StateEntry;
use interlock_core::time::Seq;
use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::commit::WriteError;
use super::rows::{Json, decode, set};
use super::{ReadError, Store};

/// By policy and key.
const STATE: Json<(&str, &str)> = TableDefinition::new("state");
/// The last event answered, by policy.
const CURSORS: TableDefinition<&str, u64> = TableDefinition::new("cursors");

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(STATE)?;
    txn.open_table(CURSORS)?;
    Ok(())
}

pub(super) fn put_cursor(txn: &WriteTransaction, policy: &str, seq: Seq) -> Result<(), WriteError> {
    txn.open_table(CURSORS)?.insert(policy, seq)?;
    Ok(())
}

pub(super) fn put(
    txn: &WriteTransaction,
    policy: &str,
    key: &str,
    entry: Option<&StateEntry>,
) -> Result<(), WriteError> {
    set(txn, STATE, (policy, key), entry)
}

/// Removes all that is kept for a policy.
pub(super) fn remove_all(txn: &WriteTransaction, policy: &str) -> Result<(), WriteError> {
    txn.open_table(CURSORS)?.remove(policy)?;
    let mut state = txn.open_table(STATE)?;
    // Keys are ordered by policy first: its keys are those from the empty one on, while the policy is the same.
    for row in state.extract_from_if((policy, "").., |(of, _), _| of == policy)? {
        row?;
    }
    Ok(())
}

impl Store {
    /// A policy's state.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn state(&self, policy: &str) -> Result<BTreeMap<String, StateEntry>, ReadError> {
        self.read(|txn| {
            let mut entries = BTreeMap::new();
            for row in txn.open_table(STATE)?.range((policy, "")..)? {
                let (key, bytes) = row?;
                let (of, name) = key.value();
                if of != policy {
                    break;
                }
                entries.insert(name.to_owned(), decode("state", (of, name), bytes.value())?);
            }
            Ok(entries)
        })
    }

    /// How far each policy has come.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn cursors(&self) -> Result<BTreeMap<String, Seq>, ReadError> {
        self.read(|txn| {
            let rows = txn.open_table(CURSORS)?;
            rows.iter()?
                .map(|row| row.map(|(policy, seq)| (policy.value().to_owned(), seq.value())).map_err(Into::into))
                .collect()
        })
    }
}
