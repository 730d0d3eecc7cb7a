//! `interlock set`: what can change without a new version.

use interlock_core::policy::{Fallback, Mode};
use serde_json::json;
use ureq::http::Method;

use super::activate::mode;
use super::client::{Client, Remote, escaped};
use super::ps::word;
use super::{Out, Outcome};
use crate::policy::{Adjust, PolicyView};

/// What to change.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  interlock set greenhouse --mode shadow\n  interlock set greenhouse --enabled false\n  \
                        interlock set greenhouse --priority 5 --fallback safe-value"
)]
#[group(required = true, multiple = true, id = "change", args = ["mode", "priority", "enabled", "fallback"])]
pub struct Args {
    /// The policy's name.
    name: String,
    /// What its decisions may do: off, shadow, advise or enforce.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    mode: Option<Mode>,
    /// Its place in every priority array: 1 is strongest, 16 weakest; people's commands have 8.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=16))]
    priority: Option<u8>,
    /// Whether it runs at all.
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    /// What happens to its actuators when it faults: hold, safe-value or alarm.
    #[arg(long, value_parser = fallback)]
    fallback: Option<Fallback>,
    #[command(flatten)]
    remote: Remote,
}

/// Changes.
///
/// # Errors
/// What the host answers, or that it is not reachable.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let Args { mode, enabled, priority, fallback, .. } = *args;
    let path = format!("/policies/{}", escaped(&args.name));
    let adjust = Adjust { mode, enabled, priority, fallback };
    let policy: PolicyView = Client::new(&args.remote)?.send(Method::PATCH, &path, &adjust)?;
    out.answer(&policy, |policy| {
        let enabled = if policy.enabled { "enabled" } else { "disabled" };
        let (mode, fallback) = (word(policy.mode), word(policy.fallback));
        format!("{}: {enabled}, mode {mode}, priority {}, fallback {fallback}", policy.name, policy.priority)
    })
}

fn fallback(text: &str) -> Result<Fallback, String> {
    serde_json::from_value(json!(text)).map_err(|_| "choose hold, safe-value or alarm".to_owned())
}
