//! `interlock reset`: opens what was stopped. Nothing starts by itself.

use serde_json::{Value, json};
use ureq::http::Method;

use super::client::{Client, Remote};
use super::stop::scope;
use super::{Out, Outcome};

/// What to open, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Nothing starts by itself: actuators stay at their safe values until a policy or a person asks anew.\n\n\
                        Examples:\n  interlock reset --reason 'false alarm, hall 2 checked'\n  interlock reset --device ESP_02 --reason 'cable replaced'")]
pub struct Args {
    /// Only this device; without it everything, devices included.
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Why it is safe again, for the journal.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    remote: Remote,
}

/// Resets.
///
/// # Errors
/// What the host answers, or that it is not reachable.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let body = json!({ "scope": scope(args.device.as_deref()), "reason": args.reason });
    let answer: Value = Client::new(&args.remote)?.send(Method::POST, "/safety/reset", &body)?;
    out.answer(&answer, |_| match &args.device {
        Some(device) => format!("open again: device {device}"),
        None => "open again: everything".to_owned(),
    })
}
