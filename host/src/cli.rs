//! The command line: one file per verb, one way to fail.
//!
//! Exit codes: 0 it worked, 1 a check failed or the host said no, 2 the command was wrong (usage, configuration,
//! rights), 3 the host is not reachable. Standard output carries the answer, standard error everything else; with
//! `--json` the answer is JSON. Colour and progress appear on terminals only, and `NO_COLOR` is heeded.

pub mod client;
pub mod failure;
pub mod out;

mod activate;
mod bench;
mod build;
mod check;
mod completion;
mod config;
mod doctor;
mod history;
mod journal;
mod lines;
mod live;
mod logs;
mod ps;
mod push;
mod reset;
mod rollback;
mod set;
mod sim;
mod stop;
mod token;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use failure::{Failure, Outcome};
pub use out::Out;

/// The component that ships with the host.
const LOGIC: &[u8] = include_bytes!("../../plugins/dist/logic.wasm");

const EXAMPLES: &str = "\
Examples:
  interlock up --demo                     a host with a broker, simulated devices and a running policy
  interlock ps                            which policies run
  interlock push greenhouse rules.wasm --config rules.json --activate enforce
  interlock rollback greenhouse           the version before answers again
  interlock stop --reason 'smoke in hall 2'

Exit codes: 0 it worked; 1 a check failed or the host said no; 2 usage or configuration; 3 the host is not reachable.";

/// A WebAssembly policy host with a native safety gate.
#[derive(Debug, Parser)]
#[command(name = "interlock", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    /// Answer in JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the host: broker, policies, gate, journal, API and page.
    Up(up::Args),
    /// Build the Rust crate of a policy into a component.
    Build(build::Args),
    /// Check a component and its configuration here, without a host.
    Check(check::Args),
    /// Upload a version of a policy: checked, compiled, tried on recent events, saved.
    Push(push::Args),
    /// Let a version answer from the next event on.
    Activate(activate::Args),
    /// Let an earlier version answer again.
    Rollback(rollback::Args),
    /// Change a policy's mode, priority or fallback, or switch it on or off.
    Set(set::Args),
    /// List the policies with what they are doing.
    Ps(ps::Args),
    /// List a policy's versions: who, when, why.
    History(history::Args),
    /// Stop: every actuator takes its safe value and nothing passes until a reset.
    Stop(stop::Args),
    /// Open what was stopped.
    Reset(reset::Args),
    /// Show what happens, line by line.
    Logs(logs::Args),
    /// Read the journal and verify its chain.
    Journal(journal::Args),
    /// Make, list and revoke access tokens.
    Token(token::Args),
    /// Show or check the configuration.
    Config(config::Args),
    /// Look for what would keep the host from running well, and say how to mend it.
    Doctor(doctor::Args),
    /// Run simulated boards over a broker.
    Sim(sim::Args),
    /// Measure what an evaluation costs on this machine.
    Bench(bench::Args),
    /// Print a completion script for a shell.
    Completion(completion::Args),
}

impl Verb {
    fn run(&self, out: &Out) -> Outcome {
        match self {
            Self::Up(args) => up::run(args, out),
            Self::Build(args) => build::run(args, out),
            Self::Check(args) => check::run(args, out),
            Self::Push(args) => push::run(args, out),
            Self::Activate(args) => activate::run(args, out),
            Self::Rollback(args) => rollback::run(args, out),
            Self::Set(args) => set::run(args, out),
            Self::Ps(args) => ps::run(args, out),
            Self::History(args) => history::run(args, out),
            Self::Stop(args) => stop::run(args, out),
            Self::Reset(args) => reset::run(args, out),
            Self::Logs(args) => logs::run(args, out),
            Self::Journal(args) => journal::run(args, out),
            Self::Token(args) => token::run(args, out),
            Self::Config(args) => config::run(args, out),
            Self::Doctor(args) => doctor::run(args, out),
            Self::Sim(args) => sim::run(args, out),
            Self::Bench(args) => bench::run(args, out),
            Self::Completion(args) => completion::run(args, out),
        }
    }
}

/// What the host calls itself with, to compile in a process that can be killed. Not for people, so no verb.
const COMPILE: &str = "compile";

/// Reads the arguments, runs the verb, reports how it ended.
pub fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|verb| verb == COMPILE) {
        return crate::runtime::compile::child::main();
    }
    let cli = Cli::parse();
    let out = Out::new(cli.json);
    match cli.verb.run(&out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out.failure(&failure);
            ExitCode::from(failure.code())
        }
    }
}

#[cfg(test)]
mod tests;
