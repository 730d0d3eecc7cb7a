//! A disk in memory that fails when it is told to, for the tests of store and journal.

use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use redb::{BackendError, Database, StorageBackend};

use super::Store;

/// The disk. It outlives the databases that are opened on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    bytes: Mutex<Vec<u8>>,
    locked: AtomicBool,
    /// Changes (writes, lengths, syncs) so far.
    changes: AtomicU64,
    /// The first change that fails; every one from there on does until the disk is mended.
    fails_at: AtomicU64,
}

impl Disk {
    /// A store on it.
    pub(crate) fn store(&self) -> Result<Store, super::OpenError> {
        let disk = self.clone();
        let opener = move || Database::builder().create_with_backend(Handle(disk.clone()));
        Store::open_by(Path::new("/disk"), Box::new(opener))
    }

    /// How many changes were made or tried.
    pub(crate) fn changes(&self) -> u64 {
        self.0.changes.load(Ordering::SeqCst)
    }

    /// Fails after so many more changes, and from then on.
    pub(crate) fn break_after(&self, changes: u64) {
        self.0.fails_at.store(self.changes() + changes + 1, Ordering::SeqCst);
    }

    /// Works again.
    pub(crate) fn mend(&self) {
        self.0.fails_at.store(0, Ordering::SeqCst);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        let number = self.0.changes.fetch_add(1, Ordering::SeqCst) + 1;
        let fails_at = self.0.fails_at.load(Ordering::SeqCst);
        if fails_at != 0 && number >= fails_at {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on the disk"));
        }
        Ok(change(&mut self.0.bytes.lock().unwrap()))
    }
}

impl Store {
    /// Changes the file past the journal's writer.
    pub(crate) fn tamper(&self, change: impl FnOnce(&redb::WriteTransaction)) {
        let database = self.database.read().unwrap();
        let txn = database.as_ref().unwrap().begin_write().unwrap();
        change(&txn);
        txn.commit().unwrap();
    }
}

/// The disk as one open database holds it: locked until it is closed.
#[derive(Debug)]
struct Handle(Disk);

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.0.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let bytes = self.0.0.bytes.lock().unwrap();
        let found = bytes.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.change(|bytes| bytes.resize(usize::try_from(len).unwrap(), 0))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.change(|_| ())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.0.change(|bytes| bytes[offset..offset + data.len()].copy_from_slice(data))
    }

    fn close(&self) -> io::Result<()> {
        self.0.0.locked.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        match (start, end) {
            (Bound::Unbounded | Bound::Included(0), Bound::Unbounded) => {
                Ok(!self.0.0.locked.swap(true, Ordering::SeqCst))
            }
            _ => Err(BackendError::Unsupported),
        }
    }

    fn unlock_range(&self, _start: Bound<u64>, _end: Bound<u64>) -> Result<(), BackendError> {
        self.0.0.locked.store(false, Ordering::SeqCst);
        Ok(())
    }
}
