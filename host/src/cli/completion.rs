//! `interlock completion`: a completion script for a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Out, Outcome};

/// Which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  source <(interlock completion bash)")]
pub struct Args {
    /// bash, elvish, fish, powershell or zsh.
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// When nobody reads it any more.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "interlock", &mut script);
    out.line(String::from_utf8_lossy(&script).trim_end())
}
