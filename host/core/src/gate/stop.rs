//! The emergency stop: what it covers, and the safe values that go around every queue.

use std::collections::BTreeSet;

use super::envelope::Table;
use super::limit::Limit;
use super::words::{Code, Scope};
use crate::command::{Command, SafeCommand};
use crate::time::Timestamp;

impl Scope {
    /// Whether a stop of this scope stops the device.
    pub(super) fn covers(&self, device: &str) -> bool {
        match self {
            Self::All => true,
            Self::Device(stopped) => stopped == device,
        }
    }
}

/// Whether anything that stops this device is latched.
pub(super) fn active(stopped: &BTreeSet<Scope>, device: &str) -> bool {
    stopped.iter().any(|scope| scope.covers(device))
}

/// Refuses everything while a stop is latched.
pub(super) fn check(stopped: &BTreeSet<Scope>, device: &str) -> Result<(), Limit> {
    let Some(scope) = stopped.iter().find(|scope| scope.covers(device)) else { return Ok(()) };
    let what = match scope {
        Scope::All => "everything".to_owned(),
        Scope::Device(device) => format!("device `{device}`"),
    };
    let message = format!("{what} is stopped; reset the stop first");
    Err(Limit::new(Code::EmergencyStopActive, format!("stop of {what}"), None, message))
}

/// The safe value of every actuator in `scope`, as commands for the way around every queue. Needs only the table, so
/// that a stop never waits for the gate's owner. `reason` is for people; `id` is the stop's id and prefixes theirs.
///
/// An envelope whose safe value is no number has none to send; the device's own emergency topic reaches it.
pub fn safe_commands(table: &Table, scope: &Scope, id: &str, reason: &str, now: Timestamp) -> Vec<SafeCommand> {
    let covered = table.actuators.iter().filter(|(_, envelope)| scope.covers(&envelope.device));
    let finite = covered.filter(|(_, envelope)| envelope.safe.is_finite());
    let command = |(number, (name, envelope)): (usize, (&String, &super::envelope::Envelope))| Command {
        id: format!("{id}-{}", number + 1),
        actuator: name.clone(),
        device: envelope.device.clone(),
        channel: envelope.channel.clone(),
        value: envelope.safe + 0.0,
        issued: now,
        valid_until: now.after(envelope.command_valid_ms),
        hold_ms: None,
        source: "safety".to_owned(),
        reason: reason.to_owned(),
    };
    finite.enumerate().map(command).map(SafeCommand::new).collect()
}
