//! From the Rust crate of a policy to a component: `interlock build`.
//!
//! ```text
//!  toolchain  which of the ways to WebAssembly works on this machine
//!  cargo      the crate, its flags, the core module
//!  component  the core module wrapped and held against the contract
//!  dist       the policies that ship, with the lock that ties components to sources
//! ```

pub mod cargo;
pub mod component;
pub mod dist;
pub mod toolchain;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use cargo::CargoError;
use component::ComponentError;
use toolchain::{Toolchain, ToolchainError};

/// What to build.
#[derive(Debug, Clone)]
pub struct Request {
    /// The folder of the crate, or its `Cargo.toml`.
    pub manifest: PathBuf,
    /// Where the component goes; without it, beside the core module in the target folder.
    pub out: Option<PathBuf>,
    /// Refuse to change `Cargo.lock`.
    pub locked: bool,
}

/// A component that was built.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Built {
    /// The package's name.
    pub package: String,
    /// Where the component is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: usize,
    /// Its SHA-256, as hex.
    pub sha256: String,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// The compiler's name and version.
    pub compiler: String,
    /// Whether the standard library was built from its source.
    pub std_from_source: bool,
}

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No way to WebAssembly on this machine.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The crate does not build.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// The core module does not become a component of the contract.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// A file could not be read or written.
    #[error("`{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl BuildError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Builds one component. Progress and compiler messages go to the terminal's error stream.
///
/// # Errors
/// No toolchain, a crate that does not build, or a component that breaks the contract.
pub fn build(request: &Request) -> Result<Built, BuildError> {
    build_with(&Toolchain::find()?, request)
}

/// Builds one component with a known toolchain.
///
/// # Errors
/// A crate that does not build, or a component that breaks the contract.
pub fn build_with(toolchain: &Toolchain, request: &Request) -> Result<Built, BuildError> {
    let package = cargo::Package::read(&request.manifest)?;
    let core_path = package.build(toolchain, request.locked)?;
    let core = std::fs::read(&core_path).map_err(BuildError::file(&core_path))?;
    component::check_core(&core).map_err(|error| error.blame(|crate_name| package.dependents(crate_name)))?;
    let component = component::encode(&core)?;
    let interface = component::inspect(&component)?;
    let path = request.out.clone().unwrap_or_else(|| core_path.with_extension("component.wasm"));
    std::fs::write(&path, &component).map_err(BuildError::file(&path))?;
    Ok(Built {
        package: package.name,
        path,
        bytes: component.len(),
        sha256: sha256(&component),
        imports: interface.imports,
        exports: interface.exports,
        compiler: toolchain.version.clone(),
        std_from_source: toolchain.std_from_source,
    })
}

/// SHA-256 as hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
