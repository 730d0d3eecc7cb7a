//! Requests that wait for a person's word, by the decision that asked.

use std::collections::BTreeMap;

use interlock_core::time::Seq;
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde_json::Value;

use super::commit::WriteError;
use super::rows::{Json, decode, set};
use super::{ReadError, Store};

const APPROVALS: Json<u64> = TableDefinition::new("approvals");

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(APPROVALS)?;
    Ok(())
}

pub(super) fn put(txn: &WriteTransaction, decision: Seq, row: Option<&Value>) -> Result<(), WriteError> {
    set(txn, APPROVALS, decision, row)
}

impl Store {
    /// What waits, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn approvals(&self) -> Result<BTreeMap<Seq, Value>, ReadError> {
        self.read(|txn| {
            let mut rows = BTreeMap::new();
            for row in txn.open_table(APPROVALS)?.iter()? {
                let (decision, bytes) = row?;
                rows.insert(decision.value(), decode("approvals", decision.value(), bytes.value())?);
            }
            Ok(rows)
        })
    }
}
