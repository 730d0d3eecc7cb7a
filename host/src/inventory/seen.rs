//! What devices said of themselves since the host started: when they were last heard of, and what their actuators do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use interlock_core::event::{ActuatorStatus, Occurrence};
use interlock_core::time::Timestamp;

/// Devices that are remembered; beyond it the one silent for longest is forgotten.
const DEVICES: usize = 65_536;
/// Actuators whose status is remembered.
const STATUSES: usize = 65_536;

/// What devices said of themselves.
#[derive(Debug)]
pub struct Seen {
    /// Silence after which a device counts as gone, in milliseconds.
    silent_ms: u64,
    state: Mutex<State>,
}

/// A device that was heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub name: String,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// Whether that was recently enough.
    pub online: bool,
}

#[derive(Debug, Default)]
struct State {
    devices: BTreeMap<String, (Timestamp, bool)>,
    /// The same by time, to find who is silent without asking everyone. Online devices only.
    by_time: BTreeSet<(Timestamp, String)>,
    statuses: BTreeMap<(String, String), ActuatorStatus>,
}

impl Seen {
    /// Nothing heard yet.
    pub fn new(silent_ms: u64) -> Self {
        Self { silent_ms, state: Mutex::default() }
    }

    /// Remembers a sign of life. The device, if it was not known to be there.
    pub fn heard(&self, what: &Occurrence, at: Timestamp) -> Option<String> {
        let mut state = self.state();
        let device = match what {
            Occurrence::Reading(reading) if !reading.retained => &reading.device,
            Occurrence::Actuator(status) => {
                let actuator = (status.device.clone(), status.channel.clone());
                if state.statuses.len() < STATUSES || state.statuses.contains_key(&actuator) {
                    state.statuses.insert(actuator, status.clone());
                }
                &status.device
            }
            Occurrence::Device(presence) if presence.online => &presence.device,
            Occurrence::Device(presence) => {
                state.gone(&presence.device);
                return None;
            }
            _ => return None,
        };
        let before = state.devices.insert(device.clone(), (at, true));
        if let Some((earlier, true)) = before {
            state.by_time.remove(&(earlier, device.clone()));
        }
        state.by_time.insert((at, device.clone()));
        state.bound();
        (!matches!(before, Some((_, true)))).then(|| device.clone())
    }

    /// The devices that have been silent for too long by now; each is told once.
    pub fn silent(&self, now: Timestamp) -> Vec<String> {
        let mut state = self.state();
        let mut silent = Vec::new();
        while let Some((at, device)) = state.by_time.first().cloned() {
            if at.after(self.silent_ms) > now {
                break;
            }
            state.gone(&device);
            silent.push(device);
        }
        silent
    }

    /// When the next device will have been silent for too long.
    pub fn next_silence(&self) -> Option<Timestamp> {
        self.state().by_time.first().map(|(at, _)| at.after(self.silent_ms))
    }

    /// All devices in order of id.
    pub fn devices(&self) -> Vec<Device> {
        let device = |(name, (last_seen, online)): (&String, &(Timestamp, bool))| Device {
            name: name.clone(),
            last_seen: *last_seen,
            online: *online,
        };
        self.state().devices.iter().map(device).collect()
    }

    /// What this actuator last said of itself.
    pub fn status(&self, device: &str, channel: &str) -> Option<ActuatorStatus> {
        self.state().statuses.get(&(device.to_owned(), channel.to_owned())).cloned()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn gone(&mut self, device: &str) {
        if let Some((at, online)) = self.devices.get_mut(device) {
            *online = false;
            self.by_time.remove(&(*at, device.to_owned()));
        }
    }

    fn bound(&mut self) {
        if self.devices.len() > DEVICES
            && let Some((_, device)) = self.by_time.pop_first()
        {
            self.devices.remove(&device);
        }
    }
}

#[cfg(test)]
mod tests {
    use interlock_core::event::Presence;

    use super::*;

    fn life(device: &str) -> Occurrence {
        Occurrence::Device(Presence { device: device.to_owned(), online: true })
    }

    #[test]
    fn a_device_appears_once_falls_silent_once_and_appears_again() {
        let seen = Seen::new(1_000);
        assert_eq!(seen.heard(&life("ESP_01"), Timestamp(0)).as_deref(), Some("ESP_01"));
        assert_eq!(seen.heard(&life("ESP_01"), Timestamp(900)), None);
        assert_eq!(seen.silent(Timestamp(1_800)), [""; 0]);
        assert_eq!(seen.next_silence(), Some(Timestamp(1_900)));
        assert_eq!(seen.silent(Timestamp(1_900)), ["ESP_01"]);
        assert_eq!(seen.silent(Timestamp(9_000)), [""; 0]);
        assert!(!seen.devices().first().unwrap().online);
        assert_eq!(seen.heard(&life("ESP_01"), Timestamp(9_100)).as_deref(), Some("ESP_01"));
    }
}
