//! From entries to a batch: chained, split from personal values, and without rows that a later one replaces.

use std::collections::HashSet;
use std::sync::Arc;

use interlock_core::time::Seq;

use super::chain::{Hash, link, row};
use super::record::Record;
use super::{Entry, Head, Then, personal};
use crate::store::Put;
use crate::store::commit::{Batch, Row};

/// A batch and what follows it.
pub(super) struct Prepared {
    /// What is committed.
    pub batch: Batch,
    /// Where the chain stands then.
    pub head: Head,
    /// The records as they are announced, personal values in place.
    pub records: Vec<Arc<Record>>,
    /// What follows, in order, each with its record.
    pub then: Vec<(Seq, Then)>,
}

/// Prepares entries to continue `head`. `seed` is random and secret, see [`personal::split`].
///
/// # Errors
/// A sentence on the record that does not continue the chain or cannot be encoded: a mistake in the host.
pub(super) fn prepare(entries: Vec<Entry>, head: Head, seed: &[u8; 32]) -> Result<Prepared, String> {
    let mut prepared = Prepared {
        batch: Batch { prev: head.hash, rows: Vec::new(), secrets: Vec::new(), puts: Vec::new() },
        head,
        records: Vec::new(),
        then: Vec::new(),
    };
    for entry in entries {
        if let Some(record) = entry.record {
            prepared.chain(record, seed)?;
        }
        let seq = prepared.head.seq;
        prepared.batch.puts.extend(entry.puts.into_iter().map(|put| (seq, put)));
        prepared.then.extend(entry.then.into_iter().map(|then| (seq, then)));
    }
    drop_replaced(&mut prepared.batch.puts);
    Ok(prepared)
}

impl Prepared {
    fn chain(&mut self, record: Record, seed: &[u8; 32]) -> Result<(), String> {
        if record.seq != self.head.seq + 1 {
            return Err(format!("record {} was handed in after record {}", record.seq, self.head.seq));
        }
        if record.at < self.head.at {
            return Err(format!("record {} is older than the record before it", record.seq));
        }
        let json = if personal::has_fields(&record.body) {
            let (chained, secrets) = personal::split(&record, seed);
            self.batch.secrets.extend(secrets.into_iter().map(|(field, bytes)| (record.seq, field, bytes)));
            encode(&chained)?
        } else {
            encode(&record)?
        };
        let hash: Hash = link(&self.head.hash, &json);
        self.batch.rows.push(Row { seq: record.seq, at: record.at, hash, bytes: row(&hash, &json) });
        self.head = Head { seq: record.seq, at: record.at, hash };
        self.records.push(Arc::new(record));
        Ok(())
    }
}

fn encode(record: &Record) -> Result<Vec<u8>, String> {
    serde_json::to_vec(record).map_err(|error| format!("record {} cannot be encoded: {error}", record.seq))
}

/// Drops every put that a later one of the same batch replaces: a thousand readings of one sensor write its row once.
fn drop_replaced(puts: &mut Vec<(Seq, Put)>) {
    let mut newer = HashSet::new();
    let mut keep: Vec<bool> =
        puts.iter().rev().map(|(_, put)| replaced_by_newer(put).is_none_or(|key| newer.insert(key))).collect();
    keep.reverse();
    let mut keep = keep.into_iter();
    puts.retain(|_| keep.next().unwrap_or(true));
}

/// The row that a put writes whole, for those that come often.
fn replaced_by_newer(put: &Put) -> Option<(u8, &str, &str, &str)> {
    match put {
        Put::Cursor { policy, .. } => Some((0, policy, "", "")),
        Put::State { policy, key, .. } => Some((1, policy, key, "")),
        Put::Slot { actuator, .. } => Some((2, actuator, "", "")),
        Put::Latest { reading, .. } => Some((3, &reading.device, &reading.channel, &reading.quantity)),
        _ => None,
    }
}
