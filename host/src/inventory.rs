//! What is out there: devices that were heard of, sensors and actuators as configured, and the gate's table made of them.

mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use interlock_core::gate::envelope::{Envelope, Table};
use interlock_core::readings::Readings;
use interlock_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::journal::record::{Body, Personal};
use crate::latch::Latch;
use crate::line::{Input, Line, Refusal};
use crate::store::Put;

pub use seen::Seen;

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
    /// The configuration file fixes it.
    #[error("the {what} `{name}` stands in the configuration file; change it there and restart")]
    Fixed {
        /// `actuator` or `sensor`.
        what: &'static str,
        /// Its name.
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
pub struct Inventory {
    inner: Arc<Inner>,
}

struct Inner {
    line: Line,
    latch: Latch,
    readings: Arc<Readings>,
    seen: Arc<Seen>,
    /// The gate's table, as the latch reads it too.
    table: Arc<ArcSwap<Table>>,
    sensors: ArcSwap<BTreeMap<String, Sensor>>,
    /// Actuators and sensors of the configuration file: changed there, not here.
    fixed: BTreeSet<String>,
    /// One change at a time: plan, persist, apply.
    changing: tokio::sync::Mutex<()>,
}

/// What the inventory starts from.
pub struct Parts {
    /// Records changes and carries them to the gate.
    pub line: Line,
    /// Which devices are stopped.
    pub latch: Latch,
    /// The newest readings.
    pub readings: Arc<Readings>,
    /// What devices said of themselves.
    pub seen: Arc<Seen>,
    /// The gate's table.
    pub table: Arc<ArcSwap<Table>>,
    /// The configured sensors by name.
    pub sensors: BTreeMap<String, Sensor>,
    /// The names that the configuration file fixes.
    pub fixed: BTreeSet<String>,
}

impl Inventory {
    /// An inventory of what is configured and what was heard of.
    pub fn new(parts: Parts) -> Self {
        let Parts { line, latch, readings, seen, table, sensors, fixed } = parts;
        let sensors = ArcSwap::from_pointee(sensors);
        let changing = tokio::sync::Mutex::default();
        Self { inner: Arc::new(Inner { line, latch, readings, seen, table, sensors, fixed, changing }) }
    }

    /// All devices in order of id.
    pub fn devices(&self) -> Vec<DeviceView> {
        let view = |device: seen::Device| DeviceView {
            stopped: !self.inner.latch.permits(&device.name),
            device: device.name,
            last_seen: device.last_seen,
            online: device.online,
        };
        self.inner.seen.devices().into_iter().map(view).collect()
    }

    /// All sensors, configured or heard of, in order of name.
    pub fn sensors(&self) -> Vec<SensorView> {
        let configured = self.inner.sensors.load();
        let view = |(name, sensor): (&String, &Sensor)| {
            (name.clone(), SensorView { name: name.clone(), configured: Some(sensor.clone()), latest: None })
        };
        let mut views: BTreeMap<_, _> = configured.iter().map(view).collect();
        for (seq, at, reading) in self.inner.readings.snapshot() {
            let name = sensor_name(&reading.device, &reading.channel);
            let view = views.entry(name.clone()).or_insert(SensorView { name, configured: None, latest: None });
            if view.latest.as_ref().is_none_or(|latest| latest.seq < seq) {
                view.latest = Some(LatestReading { seq, at, reading });
            }
        }
        views.into_values().collect()
    }

    /// All actuators in order of name.
    ///
    /// # Errors
    /// When the line does not answer in time.
    pub async fn actuators(&self) -> Result<Vec<ActuatorView>, Refusal> {
        let table = self.inner.table.load_full();
        let mut views = Vec::with_capacity(table.actuators.len());
        for (name, envelope) in &table.actuators {
            let array = self.inner.line.view(name).await?;
            let status = self.inner.seen.status(&envelope.device, &envelope.channel);
            views.push(ActuatorView { name: name.clone(), envelope: envelope.clone(), array, status });
        }
        Ok(views)
    }

    /// Configures or replaces an actuator: persisted, then the gate's.
    ///
    /// # Errors
    /// When the envelope contradicts itself, the configuration file fixes this name, or the line does not take it.
    pub async fn put_actuator(&self, name: &str, envelope: Envelope, by: &str) -> Result<(), InventoryError> {
        self.free("actuator", name)?;
        let mut problems = envelope.problems(name);
        let _one = self.inner.changing.lock().await;
        let mut table = Table::clone(&self.inner.table.load());
        problems.extend(taken(&table, name, &envelope));
        if !problems.is_empty() {
            return Err(InventoryError::Invalid(problems));
        }
        let row = serde_json::to_value(&envelope).ok();
        let mut actuators = std::mem::take(&mut table.actuators);
        actuators.insert(name.to_owned(), envelope);
        self.persist("actuator", name, row, by).await?;
        self.apply(Table::new(actuators, table.sensors)).await
    }

    /// Removes an actuator: it takes its safe value, then is unknown to the gate.
    ///
    /// # Errors
    /// When there is none, the configuration file fixes it, or the line does not take it.
    pub async fn delete_actuator(&self, name: &str, by: &str) -> Result<(), InventoryError> {
        self.free("actuator", name)?;
        let _one = self.inner.changing.lock().await;
        let mut table = Table::clone(&self.inner.table.load());
        let mut actuators = std::mem::take(&mut table.actuators);
        if actuators.remove(name).is_none() {
            return Err(InventoryError::Unknown { what: "actuator", name: name.to_owned() });
        }
        self.persist("actuator", name, None, by).await?;
        self.apply(Table::new(actuators, table.sensors)).await
    }

    /// Configures or replaces a sensor. Its name is `device/channel`.
    ///
    /// # Errors
    /// When the configuration file fixes this name, or the line does not take it.
    pub async fn put_sensor(&self, sensor: Sensor, by: &str) -> Result<(), InventoryError> {
        let name = sensor_name(&sensor.device, &sensor.channel);
        self.free("sensor", &name)?;
        let _one = self.inner.changing.lock().await;
        let row = serde_json::to_value(&sensor).ok();
        let mut sensors = BTreeMap::clone(&self.inner.sensors.load());
        sensors.insert(name.clone(), sensor);
        self.persist("sensor", &name, row, by).await?;
        self.apply_sensors(sensors).await
    }

    /// Removes a sensor's configuration.
    ///
    /// # Errors
    /// When there is none, the configuration file fixes it, or the line does not take it.
    pub async fn delete_sensor(&self, name: &str, by: &str) -> Result<(), InventoryError> {
        self.free("sensor", name)?;
        let _one = self.inner.changing.lock().await;
        let mut sensors = BTreeMap::clone(&self.inner.sensors.load());
        if sensors.remove(name).is_none() {
            return Err(InventoryError::Unknown { what: "sensor", name: name.to_owned() });
        }
        self.persist("sensor", name, None, by).await?;
        self.apply_sensors(sensors).await
    }

    fn free(&self, what: &'static str, name: &str) -> Result<(), InventoryError> {
        if self.inner.fixed.contains(name) {
            return Err(InventoryError::Fixed { what, name: name.to_owned() });
        }
        Ok(())
    }

    async fn persist(
        &self,
        what: &'static str,
        name: &str,
        row: Option<serde_json::Value>,
        by: &str,
    ) -> Result<(), InventoryError> {
        let change = if row.is_some() { "configured" } else { "removed" };
        let body = Body::Inventory {
            what: what.to_owned(),
            name: name.to_owned(),
            change: change.to_owned(),
            by: Personal::from(by),
        };
        self.inner.line.persist(body, vec![Put::Inventory { what, name: name.to_owned(), row }]).await?;
        Ok(())
    }

    async fn apply_sensors(&self, sensors: BTreeMap<String, Sensor>) -> Result<(), InventoryError> {
        let pins = pins(sensors.values());
        self.inner.sensors.store(Arc::new(sensors));
        let actuators = self.inner.table.load().actuators.clone();
        self.apply(Table::new(actuators, pins)).await
    }

    async fn apply(&self, table: Table) -> Result<(), InventoryError> {
        let (done, applied) = oneshot::channel();
        self.inner.line.send(Input::Configure { table: Box::new(table.clone()), done }).await?;
        self.inner.line.answer(applied).await?;
        self.inner.table.store(Arc::new(table));
        Ok(())
    }
}

/// A sensor's name.
pub fn sensor_name(device: &str, channel: &str) -> String {
    format!("{device}/{channel}")
}

/// The pins that are sensors, for the gate's table.
pub fn pins<'a>(sensors: impl Iterator<Item = &'a Sensor>) -> BTreeSet<(String, String)> {
    sensors.map(|sensor| (sensor.device.clone(), sensor.channel.clone())).collect()
}

/// Two names for one pin would be two priority arrays for one actuator.
fn taken(table: &Table, name: &str, envelope: &Envelope) -> Option<String> {
    let pin = sensor_name(&envelope.device, &envelope.channel);
    let other = table.resolve(&pin).filter(|other| *other != name)?;
    Some(format!("`{pin}` is the actuator `{other}` already; change that one, or remove it first"))
}
