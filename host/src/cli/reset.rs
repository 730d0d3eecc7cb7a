//! `interlock reset`: opens what was stopped. Nothing starts by itself.

use serde_json::Value;
use ureq::http::Method;

use super::client::{Client, Remote};
use super::stop::order;
use super::{Out, Outcome};

/// What to open, and why.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing starts by itself: actuators stay at their safe values until a policy or a person asks anew.\n\n\
                        Examples:\n  interlock reset --reason 'false alarm, hall 2 checked'\n  interlock reset --device ESP_02 --reason 'cable replaced'"
)]
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
    let body = order(args.device.as_deref(), &args.reason);
    let safety: Value = Client::new(&args.remote)?.send(Method::POST, "/safety/reset", &body)?;
    out.answer(&safety, |safety| {
        let open = args.device.as_deref().map_or_else(|| "everything".to_owned(), |device| format!("device {device}"));
        let still = safety.get("scopes").and_then(Value::as_array).map_or(0, Vec::len);
        match still {
            0 => format!("open again: {open}; nothing is stopped any more"),
            still => format!("open again: {open}; {still} other stops stay"),
        }
    })
}
