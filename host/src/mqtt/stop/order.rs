//! A stop as messages: broadcast, devices, safe values, in that order.

use std::collections::BTreeSet;

use interlock_core::command::{Command, SafeCommand};
use interlock_core::gate::Scope;
use interlock_core::topic::Template;
use serde::Serialize;
use tracing::error;

use super::StopMessage;
use crate::clock::Clock;
use crate::config::mqtt::Mqtt;
use crate::mqtt::SetupError;
use crate::mqtt::intake::template;
use crate::mqtt::sink::{Sinks, Wire};

/// A stop with its safe values.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) message: StopMessage,
    pub(super) commands: Vec<SafeCommand>,
}

/// Makes messages of stops.
pub(super) struct Messages {
    broadcast: Template,
    device: Template,
    sinks: Sinks,
    clock: Clock,
}

#[derive(Serialize)]
struct Payload<'a> {
    stop: bool,
    reason: &'a str,
    id: &'a str,
}

impl Messages {
    pub(super) fn new(config: &Mqtt, clock: Clock) -> Result<Self, SetupError> {
        Ok(Self {
            broadcast: template(&config.topics.broadcast, &config.kaiser)?,
            device: template(&config.topics.emergency, &config.kaiser)?,
            sinks: Sinks::new(config)?,
            clock,
        })
    }

    /// Every message of a stop. `again` marks safe values that may have been sent before.
    pub(super) fn of(&self, order: &Order, again: bool) -> Vec<Wire> {
        let StopMessage { id, scope, reason } = &order.message;
        let payload = serde_json::to_vec(&Payload { stop: true, reason, id }).unwrap_or_default();
        let mut devices: BTreeSet<&str> = order.commands.iter().map(|command| command.get().device.as_str()).collect();
        let mut topics = Vec::new();
        match scope {
            Scope::All => topics.push(self.broadcast.fill(&[])),
            Scope::Device(device) => {
                devices.insert(device);
            }
        }
        topics.extend(devices.into_iter().map(|device| self.device.fill(&[("device", device)])));
        let stops = topics.into_iter().map(|topic| Ok(Wire { topic: topic?, payload: payload.clone() }));
        let values = order.commands.iter().map(|command| self.sinks.wire(&self.lasting(command.get()), again));
        stops
            .chain(values)
            .filter_map(|wire| wire.inspect_err(|why| error!(%why, "part of a stop cannot be told")).ok())
            .collect()
    }

    /// A safe value is valid as long from now as it was when it was made: while the stop stands it does not go stale.
    fn lasting(&self, command: &Command) -> Command {
        let now = self.clock.now();
        let valid_ms = command.valid_until.since(command.issued);
        Command { issued: now, valid_until: now.after(valid_ms), ..command.clone() }
    }
}
