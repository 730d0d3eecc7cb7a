//! `interlock build`: from a Rust crate to a component.

use std::path::PathBuf;

use super::{Failure, Out, Outcome};
use crate::build::{self, BuildError, Built, Request, dist};

/// Builds the Rust crate of a policy into a component.
///
/// Takes whichever way to WebAssembly works on this machine, wraps the module, and holds it against the contract.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  interlock build --manifest-path my-policy --out my-policy.wasm\n  interlock build --all"
)]
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
}

/// Runs the verb.
///
/// # Errors
/// What kept a component from being built.
pub fn run(args: &Args, out: &Out) -> Outcome {
    out.answer(&built(args).map_err(|error| Failure::failed(chain(&error)))?, |built| {
        built.iter().map(described).collect()
    })
}

fn built(args: &Args) -> Result<Vec<Built>, BuildError> {
    let Args { manifest_path: manifest, out, all, locked } = args.clone();
    if all { dist::build_all(&manifest, locked) } else { Ok(vec![build::build(&Request { manifest, out, locked })?]) }
}

/// An error with what it came from.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = Vec::new();
    for text in causes.map(ToString::to_string) {
        // Some errors repeat their source in their own text.
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
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
