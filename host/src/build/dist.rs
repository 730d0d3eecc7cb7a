//! The policies that ship: `plugins/dist/*.wasm`, so that a fresh machine needs no WebAssembly toolchain.
//!
//! `dist.lock` ties each component to the sources it was made from: the contract, the SDK, the plugin, and the way they are
//! compiled. A test fails when they drift apart. Tests inside the sources do not count, they never reach a component; nor
//! do the versions of other crates, which the rebuild in continuous integration compares by behaviour.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BuildError, Built, Request, build_with, cargo, sha256, toolchain::Toolchain};

/// One line of the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// SHA-256 of the sources, as hex.
    pub sources: String,
    /// SHA-256 of the component, as hex.
    pub artifact: String,
    /// The component's size.
    pub bytes: usize,
    /// The compiler that made it.
    pub compiler: String,
}

/// The lock: plugins by name.
pub type Lock = BTreeMap<String, Locked>;

/// Why a shipped component is not what its sources say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Drift {
    /// A plugin has no component.
    #[error("`{0}` is not in `plugins/dist/dist.lock`; run `interlock build --all`")]
    Unlocked(String),
    /// The sources changed since.
    #[error("the sources of `{0}` changed since its component was built; run `interlock build --all`")]
    Sources(String),
    /// The component is another than the lock says.
    #[error("`plugins/dist/{0}.wasm` is not the component its lock names; run `interlock build --all`")]
    Artifact(String),
}

/// Builds every plugin of the workspace at `root` into `plugins/dist` and writes the lock.
///
/// # Errors
/// The first plugin that does not build.
pub fn build_all(root: &Path, locked: bool) -> Result<Vec<Built>, BuildError> {
    let toolchain = Toolchain::find()?;
    let dist = root.join("plugins/dist");
    std::fs::create_dir_all(&dist).map_err(BuildError::file(&dist))?;
    let (mut lock, mut all) = (Lock::new(), Vec::new());
    for name in plugins(root)? {
        let out = Some(dist.join(&name).with_extension("wasm"));
        let built = build_with(&toolchain, &Request { manifest: root.join("plugins").join(&name), out, locked })?;
        let entry = Locked {
            sources: sources(root, &name)?,
            artifact: built.sha256.clone(),
            bytes: built.bytes,
            compiler: built.compiler.clone(),
        };
        lock.insert(name, entry);
        all.push(built);
    }
    let path = lock_path(root);
    let text = toml::to_string(&lock).map_err(std::io::Error::other).map_err(BuildError::file(&path))?;
    std::fs::write(&path, text).map_err(BuildError::file(&path))?;
    Ok(all)
}

/// Where components and sources drifted apart.
///
/// # Errors
/// A file cannot be read.
pub fn drift(root: &Path) -> Result<Vec<Drift>, BuildError> {
    let path = lock_path(root);
    let text = std::fs::read_to_string(&path).map_err(BuildError::file(&path))?;
    let lock: Lock = toml::from_str(&text).map_err(std::io::Error::other).map_err(BuildError::file(&path))?;
    let mut found = Vec::new();
    for name in plugins(root)? {
        let Some(locked) = lock.get(&name) else {
            found.push(Drift::Unlocked(name));
            continue;
        };
        if locked.sources != sources(root, &name)? {
            found.push(Drift::Sources(name.clone()));
        }
        let artifact = root.join("plugins/dist").join(&name).with_extension("wasm");
        if std::fs::read(artifact).map_or(true, |bytes| sha256(&bytes) != locked.artifact) {
            found.push(Drift::Artifact(name));
        }
    }
    Ok(found)
}

fn lock_path(root: &Path) -> PathBuf {
    root.join("plugins/dist/dist.lock")
}

/// The folders under `plugins` that hold a crate, by name.
fn plugins(root: &Path) -> Result<Vec<String>, BuildError> {
    let folder = root.join("plugins");
    let entries = std::fs::read_dir(&folder).map_err(BuildError::file(&folder))?;
    let crates = entries.flatten().filter(|entry| entry.path().join("Cargo.toml").is_file());
    let mut names: Vec<_> = crates.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    Ok(names)
}

/// SHA-256 over everything a component is made from, in the order of the paths, with line ends as `\n`.
fn sources(root: &Path, plugin: &str) -> Result<String, BuildError> {
    let plugin = Path::new("plugins").join(plugin);
    let mut files = vec![PathBuf::from("plugin-sdk/Cargo.toml"), plugin.join("Cargo.toml")];
    for folder in [Path::new("wit"), Path::new("plugin-sdk/src"), &plugin.join("src")] {
        collect(root, folder, &mut files)?;
    }
    files.sort_unstable();
    let mut digest = Sha256::new();
    digest.update(format!("{:?} {}", cargo::PROFILE, cargo::STACK_BYTES));
    for file in files {
        let path = root.join(&file);
        let text = std::fs::read_to_string(&path).map_err(BuildError::file(&path))?.replace("\r\n", "\n");
        digest.update(format!("\n{} {}\n", file.display(), text.len()));
        digest.update(text);
    }
    Ok(hex::encode(digest.finalize()))
}

/// The source files under a folder, those of tests left out.
fn collect(root: &Path, folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), BuildError> {
    let path = root.join(folder);
    for entry in std::fs::read_dir(&path).map_err(BuildError::file(&path))?.flatten() {
        let name = entry.file_name();
        if name == "tests.rs" || name == "tests" {
            continue;
        }
        let file = folder.join(name);
        if entry.path().is_dir() {
            collect(root, &file, into)?;
        } else {
            into.push(file);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
