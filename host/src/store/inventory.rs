//! Actuators, sensors and devices as configured.

use std::collections::BTreeMap;

use redb::{TableDefinition, WriteTransaction};
use serde_json::Value;

use super::commit::WriteError;
use super::rows::{Json, decode, set};
use super::{ReadError, Store};

/// By kind and name.
const INVENTORY: Json<(&str, &str)> = TableDefinition::new("inventory");

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(INVENTORY)?;
    Ok(())
}

pub(super) fn put(txn: &WriteTransaction, what: &str, name: &str, row: Option<&Value>) -> Result<(), WriteError> {
    set(txn, INVENTORY, (what, name), row)
}

impl Store {
    /// All rows of a kind (`actuator`, `sensor`, `device`) by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn inventory(&self, what: &str) -> Result<BTreeMap<String, Value>, ReadError> {
        self.read(|txn| {
            let mut rows = BTreeMap::new();
            for row in txn.open_table(INVENTORY)?.range((what, "")..)? {
                let (key, bytes) = row?;
                let (of, name) = key.value();
                if of != what {
                    break;
                }
                rows.insert(name.to_owned(), decode("inventory", (of, name), bytes.value())?);
            }
            Ok(rows)
        })
    }
}
