//! Components, by their SHA-256, in compressed chunks.
//!
//! INVARIANT (never served when flipped): what is read is hashed, and must hash to its name.

use std::collections::BTreeSet;
use std::sync::Arc;

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use sha2::{Digest, Sha256};

use super::commit::WriteError;
use super::{ReadError, Store};

/// Bytes of a chunk before compression.
const CHUNK: usize = 256 * 1024;
/// Fast: the line waits for this commit.
const LEVEL: i32 = 1;

/// Uncompressed bytes, by digest.
const SIZES: TableDefinition<&str, u64> = TableDefinition::new("artifacts");
/// A chunk, by digest and number.
pub(crate) const CHUNKS: TableDefinition<(&str, u32), &[u8]> = TableDefinition::new("artifact_chunks");

/// Why an artifact cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// There is none of this name.
    #[error("there is no artifact `{0}`")]
    Missing(String),
    /// Its bytes are not those that were stored.
    #[error("artifact `{digest}` is damaged ({why}) and is not used; upload the component again, or restore a backup")]
    Damaged {
        /// Its name.
        digest: String,
        /// What is wrong.
        why: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(SIZES)?;
    txn.open_table(CHUNKS)?;
    Ok(())
}

/// Stores a component unless it is there and whole: one that was damaged is mended by an upload of the same bytes.
pub(super) fn put(txn: &WriteTransaction, digest: &str, bytes: &[u8]) -> Result<(), WriteError> {
    let mut chunks = txn.open_table(CHUNKS)?;
    let mut sizes = txn.open_table(SIZES)?;
    for (number, chunk) in (0..).zip(bytes.chunks(CHUNK)) {
        let packed = zstd::bulk::compress(chunk, LEVEL)
            .map_err(|error| WriteError::Row { table: "artifact_chunks".into(), why: error.to_string() })?;
        let there = chunks.get((digest, number))?.is_some_and(|row| row.value() == packed.as_slice());
        if !there {
            chunks.insert((digest, number), packed.as_slice())?;
        }
    }
    sizes.insert(digest, bytes.len() as u64)?;
    Ok(())
}

/// Removes every artifact that is not named.
pub(super) fn collect(txn: &WriteTransaction, named: &BTreeSet<String>) -> Result<(), WriteError> {
    txn.open_table(SIZES)?.retain(|digest, _| named.contains(digest))?;
    txn.open_table(CHUNKS)?.retain(|(digest, _), _| named.contains(digest))?;
    Ok(())
}

impl Store {
    /// A component's bytes, verified.
    ///
    /// # Errors
    /// See [`ArtifactError`].
    pub fn artifact(&self, digest: &str) -> Result<Arc<[u8]>, ArtifactError> {
        let packed = self.read(|txn| {
            let Some(size) = txn.open_table(SIZES)?.get(digest)? else { return Ok(None) };
            let rows = txn.open_table(CHUNKS)?.range((digest, 0)..=(digest, u32::MAX))?;
            let chunks = rows.map(|row| row.map(|(_, chunk)| chunk.value().to_vec())).collect::<Result<Vec<_>, _>>()?;
            Ok(Some((size.value(), chunks)))
        })?;
        let (size, chunks) = packed.ok_or_else(|| ArtifactError::Missing(digest.to_owned()))?;
        unpack(digest, size, &chunks).map_err(|why| ArtifactError::Damaged { digest: digest.to_owned(), why })
    }

    /// The digests of all artifacts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn artifacts(&self) -> Result<BTreeSet<String>, ReadError> {
        self.read(|txn| {
            let rows = txn.open_table(SIZES)?;
            rows.iter()?.map(|row| Ok(row?.0.value().to_owned())).collect()
        })
    }
}

fn unpack(digest: &str, size: u64, chunks: &[Vec<u8>]) -> Result<Arc<[u8]>, String> {
    let mut bytes = Vec::new();
    for chunk in chunks {
        bytes.extend(zstd::bulk::decompress(chunk, CHUNK).map_err(|error| error.to_string())?);
    }
    let found = hex::encode(Sha256::digest(&bytes));
    if found == digest {
        Ok(bytes.into())
    } else {
        Err(format!("{} of {size} bytes, their SHA-256 is {found}", bytes.len()))
    }
}
