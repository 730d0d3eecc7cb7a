//! All actuators and sensors, with the indexes that keep the gate from searching.

use std::collections::{BTreeMap, BTreeSet};

use super::envelope::Envelope;
use super::limit::Limit;
use super::words::Code;

/// All actuators, and the pins that are sensors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// By the actuator's name. To change them, make a new table: the indexes do not follow.
    pub actuators: BTreeMap<String, Envelope>,
    /// `(device, channel)` of every configured sensor.
    pub sensors: BTreeSet<(String, String)>,
    /// Device to channel to the actuators on it; more than one is a conflict.
    pins: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Interlock group to its actuators.
    groups: BTreeMap<String, Vec<String>>,
}

impl Table {
    /// The table of these actuators, by name, and these sensors, as `(device, channel)`.
    pub fn new(actuators: BTreeMap<String, Envelope>, sensors: BTreeSet<(String, String)>) -> Self {
        let mut pins: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, envelope) in &actuators {
            let device = pins.entry(envelope.device.clone()).or_default();
            device.entry(envelope.channel.clone()).or_default().push(name.clone());
            if let Some(group) = &envelope.group {
                groups.entry(group.clone()).or_default().push(name.clone());
            }
        }
        Self { actuators, sensors, pins, groups }
    }

    /// The actuator's name for a name or a `device/channel`.
    pub fn resolve<'a>(&'a self, actuator: &str) -> Option<&'a str> {
        if let Some((name, _)) = self.actuators.get_key_value(actuator) {
            return Some(name);
        }
        let (device, channel) = actuator.split_once('/')?;
        self.on_pin(device, channel).first().map(String::as_str)
    }

    /// The actuators of an interlock group, by name.
    pub(super) fn group(&self, group: &str) -> &[String] {
        self.groups.get(group).map_or(&[], Vec::as_slice)
    }

    fn on_pin(&self, device: &str, channel: &str) -> &[String] {
        self.pins.get(device).and_then(|channels| channels.get(channel)).map_or(&[], Vec::as_slice)
    }

    /// Why nothing may be written to this actuator at all, whatever the value.
    ///
    /// INVARIANT (fails closed): a pin with two meanings, or an envelope that contradicts itself, bars the actuator.
    pub(super) fn bar(&self, name: &str, envelope: &Envelope) -> Option<Limit> {
        let (device, channel) = (&envelope.device, &envelope.channel);
        if self.sensors.contains(&(device.clone(), channel.clone())) {
            let text = format!("pin {device}/{channel} of a sensor");
            let message = format!("`{device}/{channel}` is listed as a sensor; remove one of the two");
            return Some(Limit::new(Code::GpioConflict, text, None, message));
        }
        if let Some(other) = self.on_pin(device, channel).iter().find(|other| *other != name) {
            let text = format!("pin {device}/{channel} of `{other}`");
            let message = format!("`{name}` and `{other}` both drive `{device}/{channel}`; keep one");
            return Some(Limit::new(Code::GpioConflict, text, None, message));
        }
        let problem = envelope.problems(name).into_iter().next()?;
        let message = format!("the envelope contradicts itself: {problem}");
        Some(Limit::new(Code::ActuatorNotConfigured, "a sound envelope".to_owned(), None, message))
    }
}
