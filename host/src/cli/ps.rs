//! `interlock ps`: the policies and what they are doing.

use comfy_table::{Cell, Color};

use super::client::{Client, Remote};
use super::out::{BAD, cell, paint, table};
use super::{Out, Outcome};
use crate::policy::PolicyView;

/// Which host.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  interlock ps --json | jq '.[] | select(.quarantined)'")]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
}

/// Lists.
///
/// # Errors
/// What the host answers, or that it is not reachable.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let policies: Vec<PolicyView> = Client::new(&args.remote)?.get("/policies")?;
    out.answer(&policies, |policies| people(policies))
}

fn people(policies: &[PolicyView]) -> String {
    if policies.is_empty() {
        return "no policies yet; `interlock push NAME FILE` uploads the first".to_owned();
    }
    let titles = ["POLICY", "VERSION", "MODE", "PRIORITY", "STATE", "EVENTS", "FAULTS", "WAITING", "MEAN µs", "FUEL"];
    let mut rows = table(titles);
    for policy in policies {
        let version = policy.active.as_ref().map_or_else(|| "-".to_owned(), |active| active.version.to_string());
        let newer = policy.latest.filter(|latest| policy.active.as_ref().is_none_or(|active| active.version < *latest));
        rows.add_row([
            Cell::new(&policy.name),
            Cell::new(newer.map_or_else(|| version.clone(), |latest| format!("{version} (newest {latest})"))),
            Cell::new(word(policy.mode)),
            Cell::new(policy.priority),
            state(policy),
            Cell::new(policy.stats.evaluations),
            Cell::new(policy.stats.faults),
            Cell::new(policy.stats.waiting),
            Cell::new(format!("{:.1}", policy.stats.mean_micros)),
            Cell::new(policy.stats.last_fuel),
        ]);
    }
    let problems = policies.iter().filter_map(|policy| {
        let problem = policy.problem.as_ref()?;
        Some(format!("\n{} {}: {problem}", paint(BAD, "!"), policy.name))
    });
    format!("{}{}", rows.trim_fmt(), problems.collect::<String>())
}

fn state(policy: &PolicyView) -> Cell {
    if policy.problem.is_some() {
        return cell(Color::Red, "broken");
    }
    match (policy.quarantined, policy.enabled, &policy.active, policy.stats.slow) {
        (true, ..) => cell(Color::Red, "quarantined"),
        (_, false, ..) => cell(Color::DarkGrey, "disabled"),
        (_, _, None, _) => cell(Color::DarkGrey, "not active"),
        (.., true) => cell(Color::Yellow, "slow"),
        _ => cell(Color::Green, "running"),
    }
}

/// A value as the one word it is in JSON.
pub fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
