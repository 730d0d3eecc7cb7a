//! The demo: a greenhouse of two simulated boards, its hardware, and the policy that looks after it.
//!
//! Everything is real but the boards: they speak MQTT to the broker, the policy is the `logic` component that ships, and
//! what is in `demo/*.json` is what a user would write.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use interlock_core::gate::envelope::Envelope;
use interlock_core::policy::Mode;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::cli::LOGIC;
use crate::config::Config;
use crate::inventory::Sensor;
use crate::mqtt::address::Address;
use crate::policy::lifecycle::Policies;
use crate::policy::{JobState, Upload};
use crate::sim::{self, Counts, Simulation};

/// The policy's name.
pub const POLICY: &str = "greenhouse";
const RULES: &str = include_str!("demo/rules.json");
const HARDWARE: &str = include_str!("demo/hardware.json");

/// Boards, each with its sensors and actuators.
const BOARDS: usize = 2;
/// Readings a second of each board: as many lines as a person can follow.
const RATE: f64 = 1.0;
/// Seconds of climate in a second of time: a few seconds until the first rule matches.
const SPEED: f64 = 20.0;

/// What is wired to what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hardware {
    actuators: BTreeMap<String, Envelope>,
    sensors: Vec<Sensor>,
}

/// A configuration with the greenhouse's hardware added. What the user configured under the same name stays.
///
/// # Errors
/// When the demo's own file is wrong, which a test rules out.
pub fn equipped(mut config: Config) -> anyhow::Result<Config> {
    let hardware: Hardware = serde_json::from_str(HARDWARE).context("read the demo's hardware")?;
    for (name, envelope) in hardware.actuators {
        config.actuators.entry(name).or_insert(envelope);
    }
    for sensor in hardware.sensors {
        let pin = |other: &Sensor| other.device == sensor.device && other.channel == sensor.channel;
        if !config.sensors.iter().any(pin) {
            config.sensors.push(sensor);
        }
    }
    // The view is what a person reads; log lines below a warning would only stand between.
    if config.host.log == Config::default().host.log {
        config.host.log = "warn".to_owned();
    }
    Ok(config)
}

/// Uploads and activates the policy, unless it is there from an earlier start: then it is the user's.
///
/// # Errors
/// Why the policy was refused.
pub async fn install(policies: &Policies) -> anyhow::Result<()> {
    if policies.get(POLICY).is_ok() {
        return Ok(());
    }
    let upload = Upload {
        policy: POLICY.to_owned(),
        component: Some(Arc::from(LOGIC)),
        config: Some(serde_json::from_str(RULES).context("read the demo's rules")?),
        limits: None,
        comment: "the demo's rules".to_owned(),
        author: "demo".to_owned(),
        activate: Some(Mode::Enforce),
    };
    let id = policies.upload(upload).await?;
    let mut seen = 0;
    loop {
        let job = policies.job_changed(&id, seen).await.context("the demo's upload is gone")?;
        match job.state {
            JobState::Running => seen = job.stages.len(),
            JobState::Done => return Ok(()),
            JobState::Failed => bail!(job.error.map_or_else(String::new, |error| error.message)),
        }
    }
}

/// Runs the boards until `close`.
///
/// # Errors
/// When the topics of the configuration cannot be spoken.
pub async fn boards(config: &Config, broker: Address, close: CancellationToken) -> anyhow::Result<()> {
    let simulation = Simulation { mqtt: config.mqtt.clone(), broker, devices: BOARDS, rate: RATE, speed: SPEED };
    sim::run(&simulation, Arc::new(Counts::default()), close).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hardware_is_sound_and_leaves_what_the_user_wrote() {
        let config = equipped(Config::default()).unwrap();
        assert_eq!(config.problems(), Vec::<String>::new());
        let own = Envelope { max: 0.3, ..config.actuators["fan"].clone() };
        let user = Config { actuators: BTreeMap::from([("fan".to_owned(), own.clone())]), ..Config::default() };
        let config = equipped(user).unwrap();
        assert_eq!(config.actuators["fan"], own);
        assert!(config.actuators.contains_key("pump"));
    }

    #[test]
    fn every_rule_drives_what_the_hardware_has() {
        let hardware: Hardware = serde_json::from_str(HARDWARE).unwrap();
        let rules: serde_json::Value = serde_json::from_str(RULES).unwrap();
        let actions = rules["rules"].as_array().unwrap().iter().flat_map(|rule| rule["actions"].as_array().unwrap());
        for action in actions.filter(|action| action["type"] == "actuator_command") {
            let (device, channel) = (action["esp_id"].as_str().unwrap(), action["gpio"].to_string());
            let known = hardware.actuators.values().any(|known| known.device == device && known.channel == channel);
            assert!(known, "{action}");
        }
    }
}
