//! The latch on disk: a small preallocated file with two copies, so that a full disk cannot stop a stop and a torn
//! write cannot lose one.
//!
//! Each half of the file holds `sha256 ‖ generation ‖ length ‖ JSON`. A write goes to the half with the older
//! generation and is synced; reading takes the newest half whose hash fits. A file that has neither counts as a stop
//! of everything: whoever made it unreadable must not have opened it as well.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use interlock_core::gate::Scope;
use sha2::{Digest, Sha256};
use tracing::error;

/// Bytes of one copy: room for a thousand stopped devices with ids of fifty characters.
const HALF: usize = 64 * 1024;
/// SHA-256, generation, length.
const HEADER: usize = 32 + 8 + 4;

/// The open file.
pub(super) struct LatchFile {
    file: File,
    generation: u64,
}

impl LatchFile {
    /// Opens the file, or makes it; and what it says is stopped.
    pub fn open(path: &Path) -> Result<(Self, BTreeSet<Scope>)> {
        let made = !path.exists();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if made {
            return Self::make(file, path);
        }
        let newest = [0, 1].into_iter().filter_map(|half| read_half(&file, half)).max_by_key(|copy| copy.0);
        let (generation, stopped) = newest.unwrap_or_else(|| {
            error!(path = %path.display(), "the latch file cannot be read: everything is stopped until a reset");
            (0, BTreeSet::from([Scope::All]))
        });
        Ok((Self { file, generation }, stopped))
    }

    fn make(file: File, path: &Path) -> Result<(Self, BTreeSet<Scope>)> {
        // Written in full, so that no later write needs a block that a full disk does not have.
        file.write_all_at(&[0; 2 * HALF], 0)?;
        let mut latch = Self { file, generation: 0 };
        latch.write(&BTreeSet::new())?;
        latch.file.sync_all()?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok((latch, BTreeSet::new()))
    }

    /// Writes what is stopped and syncs it.
    pub fn write(&mut self, stopped: &BTreeSet<Scope>) -> Result<()> {
        let json = serde_json::to_vec(stopped)?;
        let length = u32::try_from(json.len()).ok().filter(|length| *length as usize <= HALF - HEADER);
        let Some(length) = length else {
            return Err(Error::new(ErrorKind::FileTooLarge, "too many stopped devices for the latch file; stop all"));
        };
        let generation = self.generation + 1;
        let mut copy = generation.to_le_bytes().to_vec();
        copy.extend(length.to_le_bytes());
        copy.extend(json);
        let mut block = Sha256::digest(&copy).to_vec();
        block.append(&mut copy);
        self.file.write_all_at(&block, (generation % 2) * HALF as u64)?;
        self.file.sync_data()?;
        self.generation = generation;
        Ok(())
    }
}

/// One copy, if it is whole: its generation and what it says.
fn read_half(file: &File, half: u64) -> Option<(u64, BTreeSet<Scope>)> {
    let mut block = vec![0; HALF];
    file.read_exact_at(&mut block, half * HALF as u64).ok()?;
    let (hash, copy) = block.split_at_checked(32)?;
    let (generation, rest) = copy.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let json = rest.get(..length)?;
    let hashed = copy.get(..8 + 4 + length)?;
    if Sha256::digest(hashed).as_slice() != hash {
        return None;
    }
    Some((u64::from_le_bytes(*generation), serde_json::from_slice(json).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> BTreeSet<Scope> {
        BTreeSet::from([Scope::Device(name.to_owned())])
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latch");
        let (mut latch, stopped) = LatchFile::open(&path).unwrap();
        assert!(stopped.is_empty());
        latch.write(&device("ESP_01")).unwrap();
        assert_eq!(LatchFile::open(&path).unwrap().1, device("ESP_01"));
    }

    #[test]
    fn a_torn_write_leaves_the_write_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latch");
        let (mut latch, _) = LatchFile::open(&path).unwrap();
        latch.write(&device("ESP_01")).unwrap();
        latch.write(&device("ESP_02")).unwrap();
        let torn = (latch.generation % 2) * HALF as u64;
        latch.file.write_all_at(&[0xff; 8], torn + HEADER as u64 + 4).unwrap();
        assert_eq!(LatchFile::open(&path).unwrap().1, device("ESP_01"));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_a_stop_of_everything() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latch");
        std::fs::write(&path, b"opened by hand").unwrap();
        assert_eq!(LatchFile::open(&path).unwrap().1, BTreeSet::from([Scope::All]));
    }

    #[test]
    fn a_write_needs_no_new_block() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latch");
        let (mut latch, _) = LatchFile::open(&path).unwrap();
        let before = std::fs::metadata(&path).unwrap().len();
        for n in 0..100 {
            latch.write(&device(&n.to_string())).unwrap();
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), before);
    }
}
