//! Which way to WebAssembly works on this machine.
//!
//! 1. A compiler that has the target `wasm32-unknown-unknown`: `rustup target add` is all it takes.
//! 2. A compiler that comes with the source of its standard library, which is then built too: rustup's `rust-src`, or
//!    Debian's `rustc-web`, `cargo-web` and `rust-web-src` where nothing can be downloaded from rustup.
//!
//! The source must be the compiler's own: a standard library is tied to its compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The one target.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler that reaches [`TARGET`].
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// The cargo that belongs to it.
    pub cargo: PathBuf,
    /// Where the compiler keeps its libraries.
    pub sysroot: PathBuf,
    /// `rustc 1.96.0 (..)`.
    pub version: String,
    /// Whether the standard library has to be built from its source first.
    pub std_from_source: bool,
    /// A linker, where the compiler does not bring its own.
    pub linker: Option<PathBuf>,
}

/// No compiler here reaches WebAssembly.
#[derive(Debug, thiserror::Error)]
#[error(
    "no compiler for `{TARGET}`: {}; install one with `rustup target add {TARGET}`, or on Debian with \
     `apt install rustc-web cargo-web rust-web-src`",
    missing.join("; ")
)]
pub struct ToolchainError {
    /// What each compiler lacks.
    pub missing: Vec<String>,
}

/// A compiler, and what it has.
#[derive(Debug)]
struct Compiler {
    rustc: PathBuf,
    sysroot: PathBuf,
    version: String,
    /// The machine it runs on, as a target triple.
    host: String,
}

impl Toolchain {
    /// The first way that works: a compiler with the target before one that has to build the library.
    ///
    /// # Errors
    /// What each compiler on this machine lacks, and the lines that install it.
    pub fn find() -> Result<Self, ToolchainError> {
        let named = std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from);
        let compilers: Vec<_> = [named, "/usr/bin/rustc".into()].into_iter().filter_map(Compiler::ask).collect();
        Self::among(&compilers)
    }

    fn among(compilers: &[Compiler]) -> Result<Self, ToolchainError> {
        let linker = || compilers.iter().find_map(Compiler::linker).or_else(linker_in_path);
        let ready = compilers.iter().find(|compiler| compiler.has_target());
        let found = ready.map(|compiler| (compiler, false)).or_else(|| {
            let with_source = compilers.iter().find(|compiler| compiler.has_source());
            with_source.map(|compiler| (compiler, true))
        });
        match found {
            Some((compiler, false)) => Ok(compiler.toolchain(false, None)),
            Some((compiler, true)) if compiler.linker().is_some() => Ok(compiler.toolchain(true, None)),
            Some((compiler, true)) => match linker() {
                Some(linker) => Ok(compiler.toolchain(true, Some(linker))),
                None => Err(ToolchainError { missing: vec![format!("{} finds no `rust-lld`", compiler.version)] }),
            },
            None => Err(ToolchainError { missing: missing(compilers) }),
        }
    }
}

fn missing(compilers: &[Compiler]) -> Vec<String> {
    if compilers.is_empty() {
        return vec!["there is no `rustc`".into()];
    }
    let lacks = |compiler: &Compiler| format!("{} has neither the target nor its library's source", compiler.version);
    compilers.iter().map(lacks).collect()
}

impl Compiler {
    fn ask(rustc: PathBuf) -> Option<Self> {
        let answer = |arguments: &[&str]| {
            let output = Command::new(&rustc).args(arguments).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let sysroot = answer(&["--print", "sysroot"])?.into();
        let details = answer(&["-vV"])?;
        let version = details.lines().next()?.to_owned();
        let host = details.lines().find_map(|line| line.strip_prefix("host: "))?.to_owned();
        Some(Self { rustc, sysroot, version, host })
    }

    fn rustlib(&self, rest: &str) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(rest)
    }

    fn has_target(&self) -> bool {
        let libraries = self.rustlib(TARGET).join("lib");
        std::fs::read_dir(libraries).is_ok_and(|mut files| files.next().is_some())
    }

    fn has_source(&self) -> bool {
        self.rustlib("src/rust/library/std/Cargo.toml").is_file()
    }

    /// The linker the compiler finds by itself.
    fn linker(&self) -> Option<PathBuf> {
        let linker = self.rustlib(&self.host).join("bin/rust-lld");
        linker.is_file().then_some(linker)
    }

    fn toolchain(&self, std_from_source: bool, linker: Option<PathBuf>) -> Toolchain {
        // A rustup compiler is reached through its proxy, and so is its cargo; any other has its cargo beside it.
        let beside = self.rustc.with_file_name("cargo");
        let cargo = if self.rustc.is_absolute() && beside.is_file() { beside } else { "cargo".into() };
        let (rustc, sysroot, version) = (self.rustc.clone(), self.sysroot.clone(), self.version.clone());
        Toolchain { rustc, cargo, sysroot, version, std_from_source, linker }
    }
}

fn linker_in_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["rust-lld", "wasm-ld"];
    std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|file| is_file(file))
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A compiler whose library folder holds these files.
    fn compiler(version: &str, files: &[&str]) -> (tempfile::TempDir, Compiler) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join("lib/rustlib").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let sysroot = folder.path().to_owned();
        (folder, Compiler { rustc: "rustc".into(), sysroot, version: version.into(), host: "machine".into() })
    }

    const LIBRARY: &str = "wasm32-unknown-unknown/lib/libcore.rlib";
    const SOURCE: &str = "src/rust/library/std/Cargo.toml";
    const LINKER: &str = "machine/bin/rust-lld";

    #[test]
    fn a_compiler_with_the_target_comes_first() {
        let (_first, source) = compiler("rustc source", &[SOURCE, LINKER]);
        let (_second, target) = compiler("rustc target", &[LIBRARY]);

        let found = Toolchain::among(&[source, target]).unwrap();
        assert_eq!((found.version.as_str(), found.std_from_source), ("rustc target", false));
    }

    #[test]
    fn a_compiler_with_its_source_borrows_the_linker_of_another() {
        let (first, plain) = compiler("rustc plain", &[LINKER]);
        let (_second, source) = compiler("rustc source", &[SOURCE]);

        let found = Toolchain::among(&[plain, source]).unwrap();
        assert_eq!((found.version.as_str(), found.std_from_source), ("rustc source", true));
        assert_eq!(found.linker, Some(first.path().join("lib/rustlib").join(LINKER)));
    }

    #[test]
    fn what_is_missing_is_said_with_the_line_that_installs_it() {
        let (_folder, plain) = compiler("rustc 1.95.0", &[LINKER]);

        let message = Toolchain::among(&[plain]).unwrap_err().to_string();
        assert!(message.contains("rustc 1.95.0 has neither the target nor its library's source"), "{message}");
        assert!(message.contains("`rustup target add wasm32-unknown-unknown`"), "{message}");
        assert!(Toolchain::among(&[]).unwrap_err().to_string().contains("there is no `rustc`"));
    }
}
