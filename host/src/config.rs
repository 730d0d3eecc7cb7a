//! The configuration: one struct per concern, made of a file, the environment and flags.
//!
//! Nothing here has a side effect: no folder is made, no port is bound. Unknown keys are refused, and all mistakes are
//! told at once. Where two sources name the same key, the flag wins over the environment, the environment over the
//! file, the file over the default.
//!
//! The environment's names follow the keys: `INTERLOCK_<SECTION>_<KEY>`, with two underscores before every deeper level.
//! So `INTERLOCK_HOST_DRAIN_S` is `host.drain_s`.

pub mod actuators;
pub mod host;
pub mod http;
pub mod journal;
pub mod mqtt;
pub mod policies;
pub mod runtime;

pub mod layers;
pub mod mask;
pub mod mistakes;

use std::collections::BTreeMap;

use interlock_core::gate::envelope::Envelope;
use serde::{Deserialize, Serialize};

use crate::inventory::Sensor;
pub use layers::{Layers, Origin, Sources};
pub use mistakes::{Mistake, Mistakes};

/// Everything the host can be told before it starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The process itself: data folder, drain, logs.
    pub host: host::Host,
    /// REST, WebSocket, SSE and the page.
    pub http: http::Http,
    /// How long the journal keeps what happened.
    pub journal: journal::Journal,
    /// The wire to devices.
    pub mqtt: mqtt::Mqtt,
    /// How policies run.
    pub policies: policies::Policies,
    /// The engine that runs them.
    pub runtime: runtime::Runtime,
    /// What each actuator may do, by name. Added to what the store holds; the file wins over the store.
    pub actuators: BTreeMap<String, Envelope>,
    /// What is known of sensors beforehand. A sensor that is not listed is taken as it sends.
    pub sensors: Vec<Sensor>,
}

impl Config {
    /// The configuration that these sources add up to.
    ///
    /// # Errors
    /// Every mistake of every source, each with the key, what is wrong and what to write instead.
    pub fn load(sources: &Sources) -> Result<Self, Mistakes> {
        mistakes::read(Layers::stack(sources)?)
    }

    /// What contradicts itself or is out of its bounds although each value has the right type, one line each, the key
    /// in backticks first.
    pub fn problems(&self) -> Vec<String> {
        let rooms = [
            self.host.problems(),
            self.http.problems(),
            self.journal.problems(),
            self.mqtt.problems(),
            self.policies.problems(),
            self.runtime.problems(),
            actuators::problems(&self.actuators, &self.sensors),
        ];
        rooms.into_iter().flatten().collect()
    }

    /// The keys and values as a tree, with nothing left out.
    pub fn tree(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
