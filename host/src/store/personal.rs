//! Personal values beside the chain: salt and value by record and field, and the marks of those that were erased.
//!
//! An erased value is gone for every reader at once. Its bytes may stay in a free page of the file until that page is
//! written again.

use interlock_core::time::Seq;
use redb::{ReadOnlyTable, ReadTransaction, TableDefinition, WriteTransaction};

use super::commit::WriteError;
use super::read::ReadError;

/// Salt (32 bytes) and value, by record and field.
pub(crate) const VALUES: TableDefinition<(u64, u8), &[u8]> = TableDefinition::new("personal");
/// Record and field of what was erased: applied again after a backup is restored.
pub(crate) const ERASED: TableDefinition<(u64, u8), ()> = TableDefinition::new("erased");

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(VALUES)?;
    txn.open_table(ERASED)?;
    Ok(())
}

pub(super) fn insert(txn: &WriteTransaction, secrets: &[(Seq, u8, Vec<u8>)]) -> Result<(), WriteError> {
    if secrets.is_empty() {
        return Ok(());
    }
    let mut values = txn.open_table(VALUES)?;
    for (seq, field, bytes) in secrets {
        values.insert((*seq, *field), bytes.as_slice())?;
    }
    Ok(())
}

pub(super) fn erase(txn: &WriteTransaction, seq: Seq, field: u8) -> Result<(), WriteError> {
    txn.open_table(VALUES)?.remove((seq, field))?;
    txn.open_table(ERASED)?.insert((seq, field), ())?;
    Ok(())
}

/// Removes what belongs to records before `first`.
pub(super) fn trim(txn: &WriteTransaction, first: Seq) -> Result<(), WriteError> {
    txn.open_table(VALUES)?.retain_in(..(first, 0), |_, _| false)?;
    txn.open_table(ERASED)?.retain_in(..(first, 0), |_, ()| false)?;
    Ok(())
}

/// Both tables in one snapshot.
pub(crate) struct Secrets {
    values: ReadOnlyTable<(u64, u8), &'static [u8]>,
    erased: ReadOnlyTable<(u64, u8), ()>,
}

impl Secrets {
    pub(super) fn open(txn: &ReadTransaction) -> Result<Self, ReadError> {
        Ok(Self { values: txn.open_table(VALUES)?, erased: txn.open_table(ERASED)? })
    }

    /// Salt and value.
    pub(crate) fn get(&self, seq: Seq, field: u8) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.values.get((seq, field))?.map(|row| row.value().to_vec()))
    }

    /// Whether it was erased on purpose.
    pub(crate) fn is_erased(&self, seq: Seq, field: u8) -> Result<bool, ReadError> {
        Ok(self.erased.get((seq, field))?.is_some())
    }
}
