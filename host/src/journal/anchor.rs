//! Anchors: what the host signs when it removes old records, and the key it signs with.
//!
//! An anchor vouches for the hash that the first kept record is chained to, so that a journal whose beginning is gone
//! can be told from one whose beginning was cut off.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature, Signer, SigningKey};
use interlock_core::time::{Seq, Timestamp};
use serde::{Deserialize, Serialize};

use super::chain::Hash;

/// The file in the data folder.
const FILE: &str = "host.key";
/// What a signature begins with, so that it can mean nothing else.
const PURPOSE: &[u8] = b"interlock journal anchor 1\n";

/// The signed beginning of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The first record that is kept.
    pub first: Seq,
    /// The hash it is chained to, in hex.
    pub before: String,
    /// The time of the newest record when it was made.
    pub at: Timestamp,
    /// How many records were removed with it.
    pub removed: u64,
    /// The public key, in hex.
    pub key: String,
    /// The ed25519 signature, in hex.
    pub signature: String,
}

impl Anchor {
    /// The hash that the first record is chained to; none if it is not one.
    pub fn before(&self) -> Option<Hash> {
        hex::decode(&self.before).ok()?.try_into().ok()
    }

    fn payload(&self) -> Vec<u8> {
        let numbers = [self.first, self.at.0, self.removed].map(u64::to_le_bytes).concat();
        [PURPOSE, &numbers, self.before.as_bytes()].concat()
    }
}

/// Why the host's key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("the host's key `{}` cannot be read or made: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not a key.
    #[error("`{}` is not a host's key: it has {found} bytes, a key has 32; restore it from a backup", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: usize,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for the host's key: {0}")]
    Random(getrandom::Error),
}

/// The host's signing key. Made at the first start; it never leaves the data folder.
pub struct HostKey(SigningKey);

impl HostKey {
    /// The key in a data folder; makes it if there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made, or is not a key.
    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        let path = folder.join(FILE);
        let seed = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(folder).map_err(|error| error.at(&path))?,
            Err(source) => return Err(KeyError::File { path, source }),
        };
        match <[u8; 32]>::try_from(seed.as_slice()) {
            Ok(seed) => Ok(Self(SigningKey::from_bytes(&seed))),
            Err(_) => Err(KeyError::Invalid { path, found: seed.len() }),
        }
    }

    /// The public key, in hex.
    pub fn public(&self) -> String {
        hex::encode(self.0.verifying_key().as_bytes())
    }

    /// A signed anchor.
    pub(crate) fn anchor(&self, first: Seq, before: &Hash, at: Timestamp, removed: u64) -> Anchor {
        let (before, key) = (hex::encode(before), self.public());
        let mut anchor = Anchor { first, before, at, removed, key, signature: String::new() };
        anchor.signature = hex::encode(self.0.sign(&anchor.payload()).to_bytes());
        anchor
    }

    /// Whether this host signed it.
    pub fn vouches(&self, anchor: &Anchor) -> bool {
        let signature: Option<[u8; 64]> = hex::decode(&anchor.signature).ok().and_then(|bytes| bytes.try_into().ok());
        signature.is_some_and(|bytes| {
            self.0.verifying_key().verify_strict(&anchor.payload(), &Signature::from_bytes(&bytes)).is_ok()
        })
    }
}

enum MakeError {
    File(io::Error),
    Random(getrandom::Error),
}

impl MakeError {
    fn at(self, path: &Path) -> KeyError {
        match self {
            Self::File(source) => KeyError::File { path: path.to_owned(), source },
            Self::Random(error) => KeyError::Random(error),
        }
    }
}

/// Makes the key whole or not at all: a half-written one would never be read again.
fn make(folder: &Path) -> Result<Vec<u8>, MakeError> {
    let mut seed = vec![0; 32];
    getrandom::fill(&mut seed).map_err(MakeError::Random)?;
    write_new(folder, &seed).map_err(MakeError::File)?;
    Ok(seed)
}

fn write_new(folder: &Path, seed: &[u8]) -> io::Result<()> {
    let draft = folder.join(format!("{FILE}.new"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(seed)?;
    file.sync_all()?;
    fs::rename(&draft, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}
