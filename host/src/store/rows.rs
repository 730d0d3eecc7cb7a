//! Rows as JSON: readable in ten years, and fields can be added.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use redb::{Key, ReadTransaction, ReadableTable, TableDefinition, TableHandle, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::commit::WriteError;
use super::read::ReadError;

/// A table of JSON rows.
pub(super) type Json<K> = TableDefinition<'static, K, &'static [u8]>;

/// A row's bytes.
pub(super) fn encode(table: &str, row: &impl Serialize) -> Result<Vec<u8>, WriteError> {
    serde_json::to_vec(row).map_err(|error| WriteError::Row { table: table.to_owned(), why: error.to_string() })
}

/// A row from its bytes. `key` is for the message.
pub(super) fn decode<T: DeserializeOwned>(
    table: &str,
    key: impl std::fmt::Debug,
    bytes: &[u8],
) -> Result<T, ReadError> {
    serde_json::from_slice(bytes).map_err(|error| ReadError::Row {
        table: table.to_owned(),
        key: format!("{key:?}"),
        why: error.to_string(),
    })
}

/// Writes a row, or removes it.
pub(super) fn set<'k, K: Key + 'static>(
    txn: &WriteTransaction,
    table: Json<K>,
    key: impl Borrow<K::SelfType<'k>>,
    row: Option<&impl Serialize>,
) -> Result<(), WriteError> {
    let mut rows = txn.open_table(table)?;
    match row {
        Some(row) => rows.insert(key, encode(table.name(), row)?.as_slice())?,
        None => rows.remove(key)?,
    };
    Ok(())
}

/// One row.
pub(super) fn one<'k, K: Key + 'static, T: DeserializeOwned>(
    txn: &ReadTransaction,
    table: Json<K>,
    key: K::SelfType<'k>,
) -> Result<Option<T>, ReadError> {
    let row = txn.open_table(table)?.get(&key)?;
    row.map(|row| decode(table.name(), &key, row.value())).transpose()
}

/// All rows of a table keyed by name.
pub(super) fn by_name<T: DeserializeOwned>(
    txn: &ReadTransaction,
    table: Json<&'static str>,
) -> Result<BTreeMap<String, T>, ReadError> {
    let mut rows = BTreeMap::new();
    for row in txn.open_table(table)?.iter()? {
        let (key, bytes) = row?;
        rows.insert(key.value().to_owned(), decode(table.name(), key.value(), bytes.value())?);
    }
    Ok(rows)
}
