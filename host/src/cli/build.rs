//! `interlock build`: from a Rust crate to a component.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::build::{self, Built, Request, dist};

/// Builds the Rust crate of a policy into a component.
///
/// Takes whichever way to WebAssembly works on this machine, wraps the module, and holds it against the contract.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The crate's folder, or its `Cargo.toml`.
    #[arg(long, value_name = "PATH", default_value = ".")]
    manifest_path: PathBuf,

    /// Where the component goes [default: beside the module, under `target/guest`].
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    out: Option<PathBuf>,

    /// Build every crate under `plugins` into `plugins/dist` and write its lock; the path is the workspace's.
    #[arg(long)]
    all: bool,

    /// Refuse to change `Cargo.lock`.
    #[arg(long)]
    locked: bool,

    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// What kept a component from being built.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { manifest_path, out, all, locked, json } = args;
    let built = if all {
        dist::build_all(&manifest_path, locked)?
    } else {
        vec![build::build(&Request { manifest: manifest_path, out, locked })?]
    };
    let mut stdout = std::io::stdout().lock();
    for built in &built {
        if json {
            writeln!(stdout, "{}", serde_json::to_string(built)?)?;
        } else {
            write!(stdout, "{}", described(built))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn described(built: &Built) -> String {
    let Built { package, path, bytes, sha256, imports, compiler, std_from_source, .. } = built;
    let library = if *std_from_source { ", standard library from source" } else { "" };
    let imports: Vec<_> = imports.iter().map(|name| name.trim_start_matches("interlock:policy/")).collect();
    format!(
        "{package}\n  component  {}\n  size       {:.1} KiB\n  sha256     {sha256}\n  imports    {}\n  \
         compiler   {compiler}{library}\n",
        path.display(),
        *bytes as f64 / 1_024.0,
        imports.join(", "),
    )
}
