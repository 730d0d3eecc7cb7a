//! Commands that must leave, or expire: in the order of the records that approved them.

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::commit::WriteError;
use super::rows::{Json, decode, encode};
use super::{OutboxRow, ReadError, Store};

/// By record and place among that record's commands.
const OUTBOX: Json<(u64, u32)> = TableDefinition::new("outbox");
/// Where a command stands, by its id.
const PLACES: TableDefinition<&str, (u64, u32)> = TableDefinition::new("outbox_places");

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(OUTBOX)?;
    txn.open_table(PLACES)?;
    Ok(())
}

pub(super) fn put(txn: &WriteTransaction, row: &OutboxRow) -> Result<(), WriteError> {
    let mut places = txn.open_table(PLACES)?;
    if places.get(row.command.id.as_str())?.is_some() {
        return Ok(());
    }
    let mut outbox = txn.open_table(OUTBOX)?;
    let last = outbox.range((row.seq, 0)..=(row.seq, u32::MAX))?.next_back().transpose()?;
    let place = (row.seq, last.map_or(0, |(key, _)| key.value().1.saturating_add(1)));
    outbox.insert(place, encode("outbox", row)?.as_slice())?;
    places.insert(row.command.id.as_str(), place)?;
    Ok(())
}

pub(super) fn remove(txn: &WriteTransaction, id: &str) -> Result<(), WriteError> {
    let place = txn.open_table(PLACES)?.remove(id)?.map(|place| place.value());
    if let Some(place) = place {
        txn.open_table(OUTBOX)?.remove(place)?;
    }
    Ok(())
}

impl Store {
    /// What must leave, oldest first. Those who send take [`crate::journal::Journal::outbox`], which vouches for it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outbox(&self) -> Result<Vec<OutboxRow>, ReadError> {
        self.read(|txn| {
            let table = txn.open_table(OUTBOX)?;
            table
                .iter()?
                .map(|row| {
                    row.map_err(ReadError::from).and_then(|(key, row)| decode("outbox", key.value(), row.value()))
                })
                .collect()
        })
    }
}
