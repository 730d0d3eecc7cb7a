//! Compiled code on disk, and the proof that this host wrote it.
//!
//! Whoever can choose the code that is loaded runs anything. So an entry is sealed with a key that lies in the data
//! folder, readable by the host alone, and only [`Sealed`] code can be loaded: a forged, damaged, swapped or outdated
//! entry is no entry, and the component is compiled again from the stored artifact.

mod load;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::compile::Report;
pub(super) use load::load;

const MAGIC: &[u8; 8] = b"ILKCODE1";
const SEAL_BYTES: usize = 32;
const KEY_FILE: &str = "code.key";
const FOLDER: &str = "code";

/// Code that was sealed by this host for exactly this artifact, configuration and engine.
#[derive(Debug)]
pub(super) struct Sealed {
    report: Report,
    code: Vec<u8>,
}

impl Sealed {
    /// What was found out when it was compiled.
    pub(super) const fn report(&self) -> &Report {
        &self.report
    }
}

/// What an entry is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    /// The name for an artifact (its digest), a configuration and an engine (its fingerprint).
    pub(super) fn of(digest: &str, config: &str, fingerprint: &str) -> Self {
        let mut hasher = Sha256::new();
        for part in [digest, config, fingerprint] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hex::encode(hasher.finalize()))
    }
}

/// The folder and the key.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// Keyed, and nothing sealed with it yet.
    seal: Hmac<Sha256>,
    limit: u64,
}

impl Cache {
    /// The cache in the data folder; made if it is not there. Holds at most `limit` bytes.
    ///
    /// # Errors
    /// When folder or key can neither be read nor made.
    pub(super) fn open(data: &Path, limit: u64) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let key = key(&data.join(KEY_FILE))?;
        let seal = Hmac::new_from_slice(&key).map_err(io::Error::other)?;
        Ok(Self { folder, seal, limit })
    }

    /// The entry, if there is one and it is authentic.
    pub(super) fn get(&self, name: &Name) -> Option<Sealed> {
        let path = self.path(name);
        let bytes = fs::read(&path).ok()?;
        let sealed = self.unseal(name, &bytes);
        match &sealed {
            Some(_) => touch(&path),
            None => tracing::warn!(entry = name.0, "compiled code is not authentic; compiling it again"),
        }
        sealed
    }

    /// Seals code that was just compiled, and keeps it. A full disk costs the entry, nothing else.
    pub(super) fn put(&self, name: &Name, report: Report, code: Vec<u8>) -> Sealed {
        if let Err(error) = self.write(name, &report, &code) {
            tracing::warn!(%error, "compiled code is not kept");
        }
        Sealed { report, code }
    }

    fn write(&self, name: &Name, report: &Report, code: &[u8]) -> io::Result<()> {
        let report = serde_json::to_vec(report)?;
        self.make_room(code.len() as u64)?;
        let unfinished = self.folder.join(format!("{}.{}.part", name.0, std::process::id()));
        let mut file = private(&unfinished)?;
        file.write_all(MAGIC)?;
        file.write_all(&self.seal(name, &report, code).finalize().into_bytes())?;
        file.write_all(&(report.len() as u64).to_le_bytes())?;
        file.write_all(&report)?;
        file.write_all(code)?;
        fs::rename(unfinished, self.path(name))
    }

    fn unseal(&self, name: &Name, bytes: &[u8]) -> Option<Sealed> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (seal, rest) = rest.split_first_chunk::<SEAL_BYTES>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let (report, code) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        self.seal(name, report, code).verify_slice(seal).ok()?;
        Some(Sealed { report: serde_json::from_slice(report).ok()?, code: code.to_vec() })
    }

    /// INVARIANT (sealed for one purpose): the name is part of what is sealed, so an entry renamed is an entry forged.
    fn seal(&self, name: &Name, report: &[u8], code: &[u8]) -> Hmac<Sha256> {
        let mut seal = self.seal.clone();
        for part in [MAGIC.as_slice(), name.0.as_bytes(), report, code] {
            seal.update(&(part.len() as u64).to_le_bytes());
            seal.update(part);
        }
        seal
    }

    /// Removes what was not used for longest until `bytes` more fit, and what an earlier run left unfinished.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if entry.path().extension().is_some_and(|extension| extension == "part") {
                fs::remove_file(entry.path())?;
            } else if metadata.is_file() {
                entries.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), entry.path()));
            }
        }
        entries.sort_unstable();
        let mut taken: u64 = entries.iter().map(|(_, size, _)| size).sum::<u64>().saturating_add(bytes);
        for (_, size, path) in entries {
            if taken <= self.limit {
                break;
            }
            fs::remove_file(path)?;
            taken = taken.saturating_sub(size);
        }
        Ok(())
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.folder.join(&name.0)
    }
}

/// What was used last goes last.
fn touch(path: &Path) {
    let touched = File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = touched {
        tracing::debug!(%error, "an entry of the code cache could not be touched");
    }
}

fn key(path: &Path) -> io::Result<[u8; 32]> {
    match fs::read(path) {
        Ok(bytes) => {
            if let Ok(key) = bytes.try_into() {
                return Ok(key);
            }
            tracing::warn!("the key of the code cache is damaged; all components are compiled again");
            fs::remove_file(path)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let mut file = private(path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key)
}

/// A new file that only this user can read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests;
