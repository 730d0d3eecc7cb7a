//! Policies, their versions, and the versions of deleted policies that kept records still name.

use std::collections::BTreeSet;

use interlock_core::time::Seq;
use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::commit::WriteError;
use super::rows::{Json, by_name, decode, one, set};
use super::{PolicyRow, ReadError, Store, VersionRow};

const POLICIES: Json<&str> = TableDefinition::new("policies");
/// By policy and number.
const VERSIONS: Json<(&str, u64)> = TableDefinition::new("versions");
/// Versions of deleted policies, by policy, number and checksum: the record that deleted it, and the row.
const RETIRED: TableDefinition<(&str, u64, &str), (u64, &[u8])> = TableDefinition::new("retired_versions");

pub(super) fn create(txn: &WriteTransaction) -> Result<(), WriteError> {
    txn.open_table(POLICIES)?;
    txn.open_table(VERSIONS)?;
    txn.open_table(RETIRED)?;
    Ok(())
}

pub(super) fn put(txn: &WriteTransaction, row: &PolicyRow) -> Result<(), WriteError> {
    set(txn, POLICIES, row.name.as_str(), Some(row))
}

pub(super) fn put_version(txn: &WriteTransaction, row: &VersionRow) -> Result<(), WriteError> {
    set(txn, VERSIONS, (row.policy.as_str(), row.number), Some(row))
}

/// Removes a policy. Its versions are kept aside until no kept record can name them.
pub(super) fn retire(txn: &WriteTransaction, policy: &str, seq: Seq) -> Result<(), WriteError> {
    txn.open_table(POLICIES)?.remove(policy)?;
    let mut retired = txn.open_table(RETIRED)?;
    let mut versions = txn.open_table(VERSIONS)?;
    for row in versions.extract_from_if((policy, 0)..=(policy, u64::MAX), |_, _| true)? {
        let (key, bytes) = row?;
        let version: VersionRow = known(bytes.value())?;
        retired.insert((policy, key.value().1, version.checksum.as_str()), (seq, bytes.value()))?;
    }
    Ok(())
}

/// Forgets versions whose policy was deleted before `first`; whether there were any.
pub(super) fn forget_retired(txn: &WriteTransaction, first: Seq) -> Result<bool, WriteError> {
    let mut any = false;
    txn.open_table(RETIRED)?.retain(|_, (dropped, _)| {
        let keep = dropped >= first;
        any |= !keep;
        keep
    })?;
    Ok(any)
}

/// The artifacts that any version names.
pub(super) fn digests(txn: &WriteTransaction) -> Result<BTreeSet<String>, WriteError> {
    let mut named = BTreeSet::new();
    for row in txn.open_table(VERSIONS)?.iter()? {
        named.insert(known(row?.1.value())?.digest);
    }
    for row in txn.open_table(RETIRED)?.iter()? {
        named.insert(known(row?.1.value().1)?.digest);
    }
    Ok(named)
}

fn known(bytes: &[u8]) -> Result<VersionRow, WriteError> {
    serde_json::from_slice(bytes).map_err(|error| WriteError::Row { table: "versions".into(), why: error.to_string() })
}

impl Store {
    /// All policies in order of name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn policies(&self) -> Result<Vec<PolicyRow>, ReadError> {
        self.read(|txn| Ok(by_name(txn, POLICIES)?.into_values().collect()))
    }

    /// A policy's versions, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn versions(&self, policy: &str) -> Result<Vec<VersionRow>, ReadError> {
        self.read(|txn| {
            let table = txn.open_table(VERSIONS)?;
            let rows = table.range((policy, 0)..=(policy, u64::MAX))?;
            rows.map(|row| {
                let (key, bytes) = row?;
                decode("versions", key.value(), bytes.value())
            })
            .collect()
        })
    }

    /// One version.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn version(&self, policy: &str, number: u64) -> Result<Option<VersionRow>, ReadError> {
        self.read(|txn| one(txn, VERSIONS, (policy, number)))
    }

    /// The version that a record names, be its policy deleted meanwhile.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn version_named(&self, policy: &str, number: u64, digest: &str) -> Result<Option<VersionRow>, ReadError> {
        self.read(|txn| {
            let live: Option<VersionRow> = one(txn, VERSIONS, (policy, number))?;
            if let Some(row) = live.filter(|row| row.digest == digest) {
                return Ok(Some(row));
            }
            // `~` sorts behind every hexadecimal digit.
            for row in txn.open_table(RETIRED)?.range((policy, number, "")..=(policy, number, "~"))?.rev() {
                let (key, row) = row?;
                let row: VersionRow = decode("retired_versions", key.value(), row.value().1)?;
                if row.digest == digest {
                    return Ok(Some(row));
                }
            }
            Ok(None)
        })
    }
}
