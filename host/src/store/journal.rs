//! The records themselves, where the chain ends, and the anchors of where it begins.

use std::ops::{ControlFlow, RangeInclusive};

use interlock_core::time::{Seq, Timestamp};
use redb::{ReadOnlyTable, ReadableTable, TableDefinition, WriteTransaction};

use super::commit::{Batch, WriteError};
use super::rows::{Json, decode, set};
use super::{ReadError, Store, personal};
use crate::journal::anchor::Anchor;

/// Hash (32 bytes) and JSON of a record, by seq.
pub(crate) const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
/// One row: seq, time and hash of the newest record; number and bytes of all.
pub(crate) const TAIL: TableDefinition<(), (u64, u64, &[u8; 32], u64, u64)> = TableDefinition::new("tail");
/// Anchors, by the first record they vouch for.
pub(crate) const ANCHORS: Json<u64> = TableDefinition::new("anchors");
/// Anchors kept; the newest is the one that counts, and each left an `anchored` record.
const ANCHORS_KEPT: usize = 16;

/// Where the chain ends, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    /// The newest record.
    pub seq: Seq,
    /// Its time.
    pub at: Timestamp,
    /// Its hash.
    pub hash: [u8; 32],
    /// How many records there are.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(RECORDS)?;
    txn.open_table(TAIL)?;
    txn.open_table(ANCHORS)?;
    Ok(())
}

/// Adds a batch's records.
///
/// INVARIANT (unbroken chain): the batch is chained to the newest record, or is the newest records themselves, committed
/// by an attempt whose end was not known; anything else is refused.
pub(super) fn append(txn: &WriteTransaction, batch: &Batch) -> Result<(), WriteError> {
    let (Some(first), Some(last)) = (batch.rows.first(), batch.rows.last()) else { return Ok(()) };
    let mut records = txn.open_table(RECORDS)?;
    let mut tail_table = txn.open_table(TAIL)?;
    let mut tail = tail_table.get(())?.map_or(EMPTY, |row| tail_of(row.value()));
    let again = tail.hash == last.hash;
    if !again && (tail.hash != batch.prev || tail.seq + 1 != first.seq) {
        return Err(WriteError::OutOfOrder { batch: first.seq.saturating_sub(1), stored: tail.seq });
    }
    for row in &batch.rows {
        records.insert(row.seq, row.bytes.as_slice())?;
    }
    if !again {
        tail.records += batch.rows.len() as u64;
        tail.bytes += batch.rows.iter().map(|row| row.bytes.len() as u64).sum::<u64>();
    }
    tail_table.insert((), (last.seq, last.at.0, &last.hash, tail.records, tail.bytes))?;
    Ok(())
}

/// Removes every record before the anchor's first, and keeps the anchor.
pub(super) fn trim(txn: &WriteTransaction, anchor: &Anchor) -> Result<(), WriteError> {
    let (mut count, mut bytes) = (0, 0);
    let mut records = txn.open_table(RECORDS)?;
    for row in records.extract_from_if(..anchor.first, |_, _| true)? {
        count += 1;
        bytes += row?.1.value().len() as u64;
    }
    let mut tail_table = txn.open_table(TAIL)?;
    let tail = tail_table.get(())?.map_or(EMPTY, |row| tail_of(row.value()));
    let left = (tail.records.saturating_sub(count), tail.bytes.saturating_sub(bytes));
    tail_table.insert((), (tail.seq, tail.at.0, &tail.hash, left.0, left.1))?;
    set(txn, ANCHORS, anchor.first, Some(anchor))?;
    let mut anchors = txn.open_table(ANCHORS)?;
    while redb::ReadableTableMetadata::len(&anchors)? > ANCHORS_KEPT as u64 {
        anchors.pop_first()?;
    }
    Ok(())
}

const EMPTY: Tail = Tail { seq: 0, at: Timestamp(0), hash: [0; 32], records: 0, bytes: 0 };

fn tail_of((seq, at, hash, records, bytes): (u64, u64, &[u8; 32], u64, u64)) -> Tail {
    Tail { seq, at: Timestamp(at), hash: *hash, records, bytes }
}

/// The journal's tables in one snapshot.
pub(crate) struct Chain {
    records: ReadOnlyTable<u64, &'static [u8]>,
    tail: ReadOnlyTable<(), (u64, u64, &'static [u8; 32], u64, u64)>,
    anchors: ReadOnlyTable<u64, &'static [u8]>,
    /// Personal values and the marks of erased ones.
    pub personal: personal::Secrets,
}

impl Store {
    /// Calls `look` with the journal's tables in one snapshot that lives as long as the call.
    pub(crate) fn chain<T>(&self, look: impl FnOnce(&Chain) -> Result<T, ReadError>) -> Result<T, ReadError> {
        self.read(|txn| {
            look(&Chain {
                records: txn.open_table(RECORDS)?,
                tail: txn.open_table(TAIL)?,
                anchors: txn.open_table(ANCHORS)?,
                personal: personal::Secrets::open(txn)?,
            })
        })
    }
}

impl Chain {
    /// Where the chain ends; zeros in an empty journal.
    pub(crate) fn tail(&self) -> Result<Tail, ReadError> {
        Ok(self.tail.get(())?.map_or(EMPTY, |row| tail_of(row.value())))
    }

    /// A record's row.
    pub(crate) fn row(&self, seq: Seq) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.records.get(seq)?.map(|row| row.value().to_vec()))
    }

    /// The first record that is kept.
    pub(crate) fn first(&self) -> Result<Option<Seq>, ReadError> {
        Ok(self.records.first()?.map(|(seq, _)| seq.value()))
    }

    /// The newest record that is there, whatever the tail says.
    pub(crate) fn last(&self) -> Result<Option<Seq>, ReadError> {
        Ok(self.records.last()?.map(|(seq, _)| seq.value()))
    }

    /// The anchors, oldest first.
    pub(crate) fn anchors(&self) -> Result<Vec<Anchor>, ReadError> {
        let rows = self.anchors.iter()?;
        rows.map(|row| row.map_err(ReadError::from).and_then(|(key, row)| decode("anchors", key.value(), row.value())))
            .collect()
    }

    /// Visits rows in order of seq until told to stop.
    pub(crate) fn forwards(&self, range: RangeInclusive<Seq>, visit: impl Visit) -> Result<(), ReadError> {
        if range.is_empty() { Ok(()) } else { each(self.records.range(range)?, visit) }
    }

    /// Visits rows newest first until told to stop.
    pub(crate) fn backwards(&self, range: RangeInclusive<Seq>, visit: impl Visit) -> Result<(), ReadError> {
        if range.is_empty() { Ok(()) } else { each(self.records.range(range)?.rev(), visit) }
    }
}

/// What is done with a row.
pub(crate) trait Visit: FnMut(Seq, &[u8]) -> Result<ControlFlow<()>, ReadError> {}
impl<F: FnMut(Seq, &[u8]) -> Result<ControlFlow<()>, ReadError>> Visit for F {}

type Found<'a> = Result<(redb::AccessGuard<'a, u64>, redb::AccessGuard<'a, &'static [u8]>), redb::StorageError>;

fn each<'a>(rows: impl Iterator<Item = Found<'a>>, mut visit: impl Visit) -> Result<(), ReadError> {
    for row in rows {
        let (seq, bytes) = row?;
        if visit(seq.value(), bytes.value())?.is_break() {
            break;
        }
    }
    Ok(())
}
