//! `interlock rollback`: an earlier version answers again.

use serde_json::json;
use ureq::http::Method;

use super::activate::answers;
use super::client::{Client, Remote, escaped};
use super::{Out, Outcome};
use crate::policy::PolicyView;

/// How far back.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  interlock rollback greenhouse\n  interlock rollback greenhouse --to 2 --reason 'fan runs all night'"
)]
pub struct Args {
    /// The policy's name.
    name: String,
    /// The version's number; without it the one that was active before.
    #[arg(long, value_name = "VERSION")]
    to: Option<u64>,
    /// Why, for the journal.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Rolls back.
///
/// # Errors
/// What the host answers, or that it is not reachable.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let path = format!("/policies/{}/rollback", escaped(&args.name));
    let body = json!({ "to": args.to, "reason": args.reason });
    let policy: PolicyView = Client::new(&args.remote)?.send(Method::POST, &path, &body)?;
    out.answer(&policy, answers)
}
