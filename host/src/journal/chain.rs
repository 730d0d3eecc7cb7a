//! The chain: each record's row is its hash and its JSON, and the hash covers the one before.

use interlock_core::time::{Seq, Timestamp};
use sha2::{Digest, Sha256};

use super::Head;
use super::record::Record;
use crate::store::ReadError;
use crate::store::journal::Chain;

/// SHA-256 over the hash before and the stored bytes.
pub type Hash = [u8; 32];

/// What the first record is chained to.
pub const GENESIS: Hash = [0; 32];

/// Where a chain stands that has no record yet.
pub const EMPTY: Head = Head { seq: 0, at: Timestamp(0), hash: GENESIS };

/// The hash of the record with these bytes after the record with this hash.
pub fn link(before: &Hash, json: &[u8]) -> Hash {
    Sha256::new().chain_update(before).chain_update(json).finalize().into()
}

/// A row of its hash and its JSON.
pub fn row(hash: &Hash, json: &[u8]) -> Vec<u8> {
    [hash.as_slice(), json].concat()
}

/// Hash and JSON of a row; none if it is too short to be one.
pub fn split(row: &[u8]) -> Option<(&Hash, &[u8])> {
    row.split_first_chunk()
}

/// The record in a row.
///
/// # Errors
/// When the row is not a record as this host writes it.
pub fn decode(seq: Seq, row: &[u8]) -> Result<Record, ReadError> {
    let unreadable = |why: String| ReadError::Row { table: "records".into(), key: seq.to_string(), why };
    let (_, json) = split(row).ok_or_else(|| unreadable(format!("{} bytes are too few", row.len())))?;
    serde_json::from_slice(json).map_err(|error| unreadable(error.to_string()))
}

/// Where the stored chain ends, or which record is broken there and why.
pub(super) fn end(chain: &Chain) -> Result<Result<Head, (Seq, String)>, ReadError> {
    let tail = chain.tail()?;
    let last = chain.last()?.unwrap_or(0);
    if last != tail.seq {
        return Ok(Err((
            last.min(tail.seq) + 1,
            format!("it should end with record {}, and ends with {last}", tail.seq),
        )));
    }
    if let Some(row) = chain.row(last)? {
        let before = before(chain, last)?;
        let sound = split(&row).is_some_and(|(hash, json)| {
            *hash == tail.hash && before.is_some_and(|before| link(&before, json) == *hash)
        });
        if !sound {
            return Ok(Err((last, "its hash is wrong".into())));
        }
    }
    Ok(Ok(Head { seq: tail.seq, at: tail.at, hash: tail.hash }))
}

/// The hash that a record is chained to; none where that is not kept.
pub(super) fn before(chain: &Chain, seq: Seq) -> Result<Option<Hash>, ReadError> {
    if seq <= 1 {
        return Ok(Some(GENESIS));
    }
    if let Some(row) = chain.row(seq - 1)? {
        return Ok(split(&row).map(|(hash, _)| *hash));
    }
    Ok(chain.anchors()?.iter().find(|anchor| anchor.first == seq).and_then(super::anchor::Anchor::before))
}
