//! `interlock doctor`: what would keep the host from running well, each with the way to mend it.

mod broker;
mod machine;

use std::path::PathBuf;

use serde::Serialize;

use super::out::{BAD, GOOD, WARN, paint};
use super::{Failure, Out, Outcome};
use crate::config::Config;

/// What to look at.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Run it where the host will run, while the host is stopped. Exit code 1 if a check fails; warnings do not count.\n\n\
                        Example:\n  interlock doctor --config interlock.toml"
)]
pub struct Args {
    /// The host's configuration file.
    #[arg(long, env = "INTERLOCK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at.
    check: &'static str,
    /// How it is.
    state: State,
    /// What was seen.
    seen: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

impl Finding {
    /// As it should be.
    fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, state: State::Ok, seen: seen.into(), fix: None }
    }

    /// The host runs, but not as well as it could.
    fn warn(check: &'static str, seen: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Warn, seen: seen.into(), fix: Some(fix.into()) }
    }

    /// The host does not run like this.
    fn fail(check: &'static str, seen: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Fail, seen: seen.into(), fix: Some(fix.into()) }
    }
}

/// Looks.
///
/// # Errors
/// How many checks failed.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let (config, first) = match super::config::load(args.config.as_deref(), Vec::new()) {
        Ok(config) => (config, Finding::ok("configuration", "no mistakes")),
        // The other checks look at what a host without it would use.
        Err(failure) => (Config::default(), Finding::fail("configuration", failure.message, "mend these keys")),
    };
    let mut findings = vec![first];
    findings.extend(machine::findings(&config));
    findings.extend(broker::findings(&config));
    out.answer(&findings, |findings| people(findings))?;
    match findings.iter().filter(|finding| finding.state == State::Fail).count() {
        0 => Ok(()),
        failed => Err(Failure::failed(format!("{failed} of {} checks failed", findings.len()))),
    }
}

fn people(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let state = match finding.state {
            State::Ok => paint(GOOD, "ok  "),
            State::Warn => paint(WARN, "warn"),
            State::Fail => paint(BAD, "FAIL"),
        };
        let fix = finding.fix.as_ref().map_or_else(String::new, |fix| format!("\n{:19}-> {fix}", ""));
        format!("{state} {:<14} {}{fix}\n", finding.check, finding.seen)
    };
    findings.iter().map(line).collect()
}
