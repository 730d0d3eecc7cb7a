//! The crate of a policy and the run of cargo that makes its core module.
//!
//! Guests have a target folder of their own (`target/guest`), so that building one never rebuilds the host, and a profile
//! of their own, given on the command line, so that an author's `Cargo.toml` needs none.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::toolchain::{TARGET, Toolchain};

/// Bytes of the guest's stack. Small, because every fresh instance gets one of its own.
pub const STACK_BYTES: u32 = 65_536;

/// How guests are compiled: quick to instantiate, and a panic is a trap.
pub const PROFILE: [&str; 7] = [
    r#"profile.guest.inherits="release""#,
    "profile.guest.opt-level=3",
    "profile.guest.lto=true",
    "profile.guest.codegen-units=1",
    r#"profile.guest.panic="abort""#,
    "profile.guest.debug=false",
    "profile.guest.strip=true",
];

/// Why cargo made no core module.
#[derive(Debug, thiserror::Error)]
pub enum CargoError {
    /// cargo did not start.
    #[error("`cargo` does not start: {0}")]
    Start(std::io::Error),
    /// cargo cannot read the crate.
    #[error("`{}` is no crate: {reason}", manifest.display())]
    Manifest {
        /// Its `Cargo.toml`.
        manifest: PathBuf,
        /// cargo's words.
        reason: String,
    },
    /// The crate makes no module.
    #[error(
        "`{0}` makes no WebAssembly module: write `crate-type = [\"cdylib\", \"rlib\"]` under `[lib]` in its `Cargo.toml`"
    )]
    NoModule(String),
    /// The compiler said no; its messages are on the terminal.
    #[error("`{0}` does not compile, see above")]
    Failed(String),
}

/// The crate of a policy.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    manifest: PathBuf,
    /// The name of the module's file, without the extension.
    module: String,
    target_folder: PathBuf,
    workspace: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<MetadataTarget>,
}

#[derive(Deserialize)]
struct MetadataTarget {
    name: String,
    crate_types: Vec<String>,
}

impl Package {
    /// Reads the crate in a folder, or the one of a `Cargo.toml`.
    ///
    /// # Errors
    /// There is no crate, or it makes no module.
    pub fn read(path: &Path) -> Result<Self, CargoError> {
        let manifest = if path.is_dir() { path.join("Cargo.toml") } else { path.to_owned() };
        let no_crate = |reason: String| CargoError::Manifest { manifest: manifest.clone(), reason };
        let manifest = manifest.canonicalize().map_err(|error| no_crate(error.to_string()))?;
        let output = Command::new("cargo")
            .args(["metadata", "--format-version=1", "--no-deps", "--manifest-path"])
            .arg(&manifest)
            .output()
            .map_err(CargoError::Start)?;
        if !output.status.success() {
            return Err(no_crate(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|error| no_crate(error.to_string()))?;
        Self::among(metadata, manifest)
    }

    fn among(metadata: Metadata, manifest: PathBuf) -> Result<Self, CargoError> {
        let Metadata { packages, target_directory, workspace_root } = metadata;
        let Some(package) = packages.into_iter().find(|package| package.manifest_path == manifest) else {
            let reason = "it is a workspace; name the folder of one crate".into();
            return Err(CargoError::Manifest { manifest, reason });
        };
        let module = package.targets.into_iter().find(|target| target.crate_types.iter().any(|kind| kind == "cdylib"));
        match module {
            Some(target) => Ok(Self {
                name: package.name,
                manifest,
                module: target.name.replace('-', "_"),
                target_folder: target_directory.join("guest"),
                workspace: workspace_root,
            }),
            None => Err(CargoError::NoModule(package.name)),
        }
    }

    /// Compiles the crate; the path of its core module.
    ///
    /// # Errors
    /// It does not compile.
    pub fn build(&self, toolchain: &Toolchain, locked: bool) -> Result<PathBuf, CargoError> {
        let mut cargo = Command::new(&toolchain.cargo);
        cargo.args(["build", "--target", TARGET, "--profile", "guest", "--manifest-path"]).arg(&self.manifest);
        cargo.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
        if locked {
            cargo.arg("--locked");
        }
        if toolchain.std_from_source {
            cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
        }
        if let Some(linker) = &toolchain.linker {
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        let status = cargo
            .env("RUSTC", &toolchain.rustc)
            .env("CARGO_TARGET_DIR", &self.target_folder)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags(toolchain))
            // Where the host itself runs under cargo, this names the libraries of another compiler.
            .env_remove("LD_LIBRARY_PATH")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .map_err(CargoError::Start)?;
        if !status.success() {
            return Err(CargoError::Failed(self.name.clone()));
        }
        Ok(self.target_folder.join(TARGET).join("guest").join(&self.module).with_extension("wasm"))
    }

    /// The crates that depend directly on `name`.
    pub fn dependents(&self, name: &str) -> Vec<String> {
        let tree = Command::new("cargo")
            .args(["tree", "--target", TARGET, "--invert", name, "--depth", "1", "--prefix", "none", "--manifest-path"])
            .arg(&self.manifest)
            .output();
        let Ok(tree) = tree else { return Vec::new() };
        let lines = String::from_utf8_lossy(&tree.stdout);
        lines.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    }

    /// The compiler's flags: the stack, and names instead of this machine's folders in the messages of panics.
    fn flags(&self, toolchain: &Toolchain) -> OsString {
        let registry = cargo_home().join("registry/src");
        let mirrors = std::fs::read_dir(registry).into_iter().flatten().flatten().map(|folder| folder.path());
        let folders = mirrors.map(|folder| (folder, "deps"));
        let folders = folders
            .chain([(toolchain.sysroot.join("lib/rustlib/src/rust/library"), "rust"), (self.workspace.clone(), ".")]);
        let mut flags = OsString::from(format!("-Clink-arg=-zstack-size={STACK_BYTES}"));
        for (folder, name) in folders {
            flags.push("\u{1f}--remap-path-prefix=");
            flags.push(folder);
            flags.push(format!("={name}"));
        }
        flags
    }
}

fn cargo_home() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(crate_type: &str) -> Metadata {
        serde_json::from_value(serde_json::json!({
            "packages": [{
                "name": "my-policy", "manifest_path": "/p/Cargo.toml",
                "targets": [{ "name": "my-policy", "crate_types": [crate_type] }],
            }],
            "target_directory": "/p/target", "workspace_root": "/p",
        }))
        .unwrap()
    }

    #[test]
    fn a_guest_is_built_in_a_folder_of_its_own() {
        let package = Package::among(metadata("cdylib"), "/p/Cargo.toml".into()).unwrap();
        assert_eq!(package.module, "my_policy");
        assert_eq!(package.target_folder, Path::new("/p/target/guest"));
    }

    #[test]
    fn a_crate_without_a_module_is_told_what_to_write() {
        let error = Package::among(metadata("lib"), "/p/Cargo.toml".into()).unwrap_err();
        assert!(error.to_string().contains(r#"crate-type = ["cdylib", "rlib"]"#), "{error}");
    }

    #[test]
    fn a_workspace_is_not_a_crate() {
        let error = Package::among(metadata("cdylib"), "/other/Cargo.toml".into()).unwrap_err();
        assert!(error.to_string().contains("name the folder of one crate"), "{error}");
    }
}
