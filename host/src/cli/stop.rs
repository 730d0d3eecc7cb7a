//! `interlock stop`: the emergency stop.

use serde_json::{Value, json};
use ureq::http::Method;

use super::client::{Client, Remote};
use super::out::{BAD, GOOD, WARN, paint};
use super::{Out, Outcome};

/// What to stop, and why.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every actuator takes its safe value, and no command passes until `interlock reset`, not even after a restart.\n\n\
                        Examples:\n  interlock stop --reason 'smoke in hall 2'\n  interlock stop --device ESP_02 --reason 'cable work'\n\n\
                        A software stop does not replace a hardware one."
)]
pub struct Args {
    /// Only this device; without it everything.
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Why, for the journal and for whoever resets it.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    remote: Remote,
}

/// Stops.
///
/// # Errors
/// What the host answers, or that it is not reachable.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let body = order(args.device.as_deref(), &args.reason);
    let report: Value = Client::new(&args.remote)?.send(Method::POST, "/safety/stop", &body)?;
    out.answer(&report, |report| people(report, args.device.as_deref()))
}

/// What a stop or a reset says: how far it reaches, and why.
pub fn order(device: Option<&str>, reason: &str) -> Value {
    match device {
        Some(device) => json!({ "scope": "device", "device": device, "reason": reason }),
        None => json!({ "scope": "all", "reason": reason }),
    }
}

fn people(report: &Value, device: Option<&str>) -> String {
    let what = device.map_or_else(|| "everything".to_owned(), |device| format!("device {device}"));
    let sent = report.get("safe_values").and_then(Value::as_u64).unwrap_or(0);
    let latched = report.get("latched_on_disk").and_then(Value::as_bool).unwrap_or(false);
    let disk = if latched { paint(GOOD, "latched on disk") } else { paint(BAD, "NOT latched on disk") };
    let mut text = format!("{}: {what}; {disk}; safe values sent to {sent} actuators", paint(BAD, "stopped"));
    for warning in report.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        text.push_str(&format!("\n{}: {}", paint(WARN, "warning"), warning.as_str().unwrap_or_default()));
    }
    text
}
