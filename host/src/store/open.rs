//! Opening the store, again after an error, and what stands in the way.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use redb::{Database, DatabaseError, ReadableDatabase, StorageError, TableDefinition, TableError};

use super::Store;
use super::commit::{WriteError, durable};

/// The version of the tables. It grows when an older host could not read what this one writes.
pub const SCHEMA: u64 = 1;
/// The file in the data folder.
const FILE: &str = "store.redb";
/// Bytes of pages kept in memory. Rows are read rarely and in order; the rest is better left to the page cache.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

const VERSIONS: TableDefinition<&str, u64> = TableDefinition::new("schema");
const SCHEMA_KEY: &str = "schema";
const RECORD_FORMAT_KEY: &str = "record_format";

/// Opens the file; kept so that the store can be opened again after an error.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// Why the store cannot be opened, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data folder `{}` is in use by another host; stop that one, or choose another folder", .folder.display())]
    InUse {
        /// The data folder.
        folder: PathBuf,
    },
    /// The folder or the file may not be read or written.
    #[error("no permission for `{}`; make it readable and writable for this user, or choose another folder", .path.display())]
    NoPermission {
        /// What could not be opened.
        path: PathBuf,
    },
    /// The file is damaged, or something else.
    #[error("`{}` is damaged or no store ({why}); restore a backup, or move the file aside to start empty", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What redb says.
        why: String,
    },
    /// A newer host wrote it.
    #[error("the data folder `{}` was written by a newer host (schema {found}, this one knows {SCHEMA}); start that one", .folder.display())]
    Newer {
        /// The data folder.
        folder: PathBuf,
        /// The version found.
        found: u64,
    },
    /// Anything else: a full disk, a failing one, a path that is no folder.
    #[error("`{}` cannot be opened: {why}", .path.display())]
    Other {
        /// What could not be opened.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
}

impl Store {
    /// Opens the store in a data folder; makes both if they are not there.
    ///
    /// # Errors
    /// See [`OpenError`]; every one says what to do.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        make_folder(folder)?;
        let file = folder.join(FILE);
        let opener = move || Database::builder().set_cache_size(CACHE_BYTES).create(&file);
        Self::open_by(folder, Box::new(opener))
    }

    /// Opens the store by other means than the file system; the folder is for messages.
    pub(super) fn open_by(folder: &Path, opener: Opener) -> Result<Self, OpenError> {
        let store = Self { folder: folder.to_owned(), opener, database: RwLock::new(None) };
        store.reopen()?;
        Ok(store)
    }

    /// Closes the database and opens it again: what an input or output error needs. Waits for readers to end; while it
    /// cannot be opened, readers are told so.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn reopen(&self) -> Result<(), OpenError> {
        let mut slot = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The lock on the file is released first: redb would find the file in use by ourselves.
        drop(slot.take());
        let database = (self.opener)().map_err(|error| self.explain(error))?;
        self.check_schema(&database)?;
        *slot = Some(database);
        Ok(())
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn check_schema(&self, database: &Database) -> Result<(), OpenError> {
        match found_schema(database).map_err(|error| self.damaged(&error))? {
            Some(SCHEMA) => Ok(()),
            // No version is older than the first; a migration goes here, in one transaction, when there is a second.
            Some(found) => Err(OpenError::Newer { folder: self.folder.clone(), found }),
            None => {
                make_tables(database).map_err(|error| OpenError::Other { path: self.file(), why: error.to_string() })
            }
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn damaged(&self, error: &redb::Error) -> OpenError {
        OpenError::Corrupt { path: self.file(), why: error.to_string() }
    }

    fn explain(&self, error: DatabaseError) -> OpenError {
        match error {
            DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { folder: self.folder.clone() },
            DatabaseError::Storage(StorageError::Io(error)) if error.kind() != ErrorKind::InvalidData => {
                from_io(self.file(), &error)
            }
            error => self.damaged(&error.into()),
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), OpenError> {
    std::fs::create_dir_all(folder).map_err(|error| from_io(folder.to_owned(), &error))
}

fn from_io(path: PathBuf, error: &std::io::Error) -> OpenError {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => OpenError::NoPermission { path },
        _ => OpenError::Other { path, why: error.to_string() },
    }
}

/// The version of the tables; none in a new file.
fn found_schema(database: &Database) -> Result<Option<u64>, redb::Error> {
    let txn = database.begin_read()?;
    match txn.open_table(VERSIONS) {
        Ok(table) => Ok(table.get(SCHEMA_KEY)?.map(|version| version.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes every table at once, so that no reader ever finds one missing.
fn make_tables(database: &Database) -> Result<(), WriteError> {
    let txn = durable(database)?;
    {
        let mut versions = txn.open_table(VERSIONS)?;
        versions.insert(SCHEMA_KEY, SCHEMA)?;
        versions.insert(RECORD_FORMAT_KEY, u64::from(crate::journal::record::FORMAT))?;
    }
    super::journal::create(&txn)?;
    super::personal::create(&txn)?;
    super::policies::create(&txn)?;
    super::artifacts::create(&txn)?;
    super::state::create(&txn)?;
    super::outbox::create(&txn)?;
    super::slots::create(&txn)?;
    super::inventory::create(&txn)?;
    super::tokens::create(&txn)?;
    super::approvals::create(&txn)?;
    super::meta::create(&txn)?;
    txn.commit()?;
    Ok(())
}
