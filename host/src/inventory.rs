//! What is out there: devices that were heard of, sensors and actuators as configured, and the gate's table made of them.

use interlock_core::gate::envelope::Envelope;
use interlock_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::line::Refusal;

/// A device that was heard of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeviceView {
    /// Its id.
    pub device: String,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// Whether that was recently enough.
    pub online: bool,
    /// Whether a stop is latched for it.
    pub stopped: bool,
}

/// A sensor as configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sensor {
    /// The device's id.
    pub device: String,
    /// The pin number or channel name.
    pub channel: String,
    /// What is measured.
    #[serde(default)]
    pub quantity: Option<String>,
    /// The unit of its values.
    #[serde(default)]
    pub unit: Option<String>,
    /// How long a reading counts as fresh, in milliseconds.
    #[serde(default)]
    pub fresh_ms: Option<u64>,
}

/// A sensor with its newest reading, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SensorView {
    /// Its name: `device/channel`.
    pub name: String,
    /// As configured; none for a sensor that only sends.
    pub configured: Option<Sensor>,
    /// Its newest reading.
    pub latest: Option<LatestReading>,
}

/// A sensor's newest reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LatestReading {
    /// Its record.
    pub seq: u64,
    /// When the host received it.
    pub at: Timestamp,
    /// The reading.
    #[serde(flatten)]
    pub reading: interlock_core::event::Reading,
}

/// An actuator as configured, with what it is told to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActuatorView {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub envelope: Envelope,
    /// Its priority array.
    pub array: Option<interlock_core::gate::View>,
    /// What the device last said of it.
    pub status: Option<interlock_core::event::ActuatorStatus>,
}

/// Why a change of the inventory was refused.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// There is no such thing.
    #[error("there is no {what} `{name}`")]
    Unknown {
        /// `actuator` or `sensor`.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The envelope contradicts itself.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// The line did not take it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A handle to the inventory. Cheap to clone.
#[derive(Clone)]
pub struct Inventory {}

#[expect(clippy::unimplemented, unused_variables, clippy::unused_async, reason = "the shape first")]
impl Inventory {
    /// All devices in order of id.
    pub fn devices(&self) -> Vec<DeviceView> {
        unimplemented!()
    }

    /// All sensors, configured or heard of, in order of name.
    pub fn sensors(&self) -> Vec<SensorView> {
        unimplemented!()
    }

    /// All actuators in order of name.
    pub async fn actuators(&self) -> Result<Vec<ActuatorView>, Refusal> {
        unimplemented!()
    }

    /// Configures or replaces an actuator: persisted, then the gate's.
    pub async fn put_actuator(&self, name: &str, envelope: Envelope, by: &str) -> Result<(), InventoryError> {
        unimplemented!()
    }

    /// Removes an actuator: it takes its safe value, then is unknown to the gate.
    pub async fn delete_actuator(&self, name: &str, by: &str) -> Result<(), InventoryError> {
        unimplemented!()
    }

    /// Configures or replaces a sensor. The name is `device/channel`.
    pub async fn put_sensor(&self, sensor: Sensor, by: &str) -> Result<(), InventoryError> {
        unimplemented!()
    }

    /// Removes a sensor's configuration.
    pub async fn delete_sensor(&self, name: &str, by: &str) -> Result<(), InventoryError> {
        unimplemented!()
    }
}
