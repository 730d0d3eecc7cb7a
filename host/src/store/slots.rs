//! What gate and readings must find again: the gate's state of every actuator, the newest reading of every sensor.

use std::collections::BTreeMap;

use interlock_core::event::Reading;
use interlock_core::gate::Stored;
use interlock_core::time::{Seq, Timestamp};
use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::commit::WriteError;
use super::rows::{Json, by_name, decode, set};
use super::{ReadError, Store};

/// By actuator.
const SLOTS: Json<&str> = TableDefinition::new("slots");
/// By device, channel and quantity.
const LATEST: Json<(&str, &str, &str)> = TableDefinition::new("latest");

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(SLOTS)?;
    txn.open_table(LATEST)?;
    Ok(())
}

pub(super) fn put(txn: &WriteTransaction, actuator: &str, stored: Option<&Stored>) -> Result<(), WriteError> {
    set(txn, SLOTS, actuator, stored)
}

pub(super) fn put_latest(txn: &WriteTransaction, seq: Seq, at: Timestamp, reading: &Reading) -> Result<(), WriteError> {
    let key = (reading.device.as_str(), reading.channel.as_str(), reading.quantity.as_str());
    set(txn, LATEST, key, Some(&(seq, at, reading)))
}

impl Store {
    /// The gate's state, by actuator.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn slots(&self) -> Result<BTreeMap<String, Stored>, ReadError> {
        self.read(|txn| by_name(txn, SLOTS))
    }

    /// The newest reading of every sensor, in order of device, channel and quantity.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn latest(&self) -> Result<Vec<(Seq, Timestamp, Reading)>, ReadError> {
        self.read(|txn| {
            let table = txn.open_table(LATEST)?;
            table
                .iter()?
                .map(|row| {
                    row.map_err(ReadError::from).and_then(|(key, row)| decode("latest", key.value(), row.value()))
                })
                .collect()
        })
    }
}
