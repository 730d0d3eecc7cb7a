//! `interlock activate`: a version answers from the next event on.

use interlock_core::policy::Mode;
use serde_json::json;
use ureq::http::Method;

use super::client::{Client, Remote, escaped};
use super::{Failure, Out, Outcome};
use crate::policy::PolicyView;

/// Which version, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  interlock activate greenhouse 3\n  \
                        interlock activate greenhouse 4 --mode shadow --reason 'watch it for a day'")]
pub struct Args {
    /// The policy's name.
    name: String,
    /// The version's number; without it the newest.
    version: Option<u64>,
    /// What its decisions may do: off, shadow, advise or enforce. Without it the mode stays.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    mode: Option<Mode>,
    /// Why, for the journal.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Activates.
///
/// # Errors
/// What the host answers, or that it is not reachable.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let client = Client::new(&args.remote)?;
    let path = format!("/policies/{}", escaped(&args.name));
    let version = match args.version {
        Some(version) => version,
        None => newest(&client.get::<PolicyView>(&path)?)?,
    };
    let body = json!({ "version": version, "mode": args.mode, "reason": args.reason });
    let policy: PolicyView = client.send(Method::POST, &format!("{path}/activate"), &body)?;
    out.answer(&policy, answers)
}

/// One line: who answers now.
pub fn answers(policy: &PolicyView) -> String {
    let mode = super::ps::word(policy.mode);
    match &policy.active {
        Some(active) => format!("{} version {} answers from here on, in mode {mode}", policy.name, active.version),
        None => format!("{} has no active version", policy.name),
    }
}

fn newest(policy: &PolicyView) -> Result<u64, Failure> {
    policy.latest.ok_or_else(|| Failure::failed(format!("policy `{}` has no version yet", policy.name)))
}

/// A mode by its word.
///
/// # Errors
/// With the words there are.
pub fn mode(text: &str) -> Result<Mode, String> {
    serde_json::from_value(json!(text)).map_err(|_| "choose off, shadow, advise or enforce".to_owned())
}
