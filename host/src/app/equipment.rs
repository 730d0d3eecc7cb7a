//! What the host knows of the plant before it starts: the configuration file's actuators and sensors, and those that
//! were configured over REST.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use interlock_core::gate::envelope::{Envelope, Table};
use serde::de::DeserializeOwned;
use tracing::warn;

use crate::config::Config;
use crate::inventory::{Sensor, pins, sensor_name};
use crate::store::Store;

/// Actuators and sensors, and whose they are.
pub(super) struct Equipment {
    pub table: Table,
    pub sensors: BTreeMap<String, Sensor>,
    /// The names that the configuration file fixes.
    pub fixed: BTreeSet<String>,
}

/// Adds up file and store; where both name the same thing, the file wins.
pub(super) fn read(config: &Config, store: &Store) -> Result<Equipment> {
    let mut actuators: BTreeMap<String, Envelope> = rows(store, "actuator")?;
    let mut sensors: BTreeMap<String, Sensor> = rows(store, "sensor")?;
    let mut fixed = BTreeSet::new();
    for (name, envelope) in &config.actuators {
        // The file may give a pin another name than the store did: one pin has one name.
        actuators.retain(|_, stored| (&stored.device, &stored.channel) != (&envelope.device, &envelope.channel));
        actuators.insert(name.clone(), envelope.clone());
        fixed.insert(name.clone());
    }
    for sensor in &config.sensors {
        let name = sensor_name(&sensor.device, &sensor.channel);
        sensors.insert(name.clone(), sensor.clone());
        fixed.insert(name);
    }
    let table = Table::new(actuators, pins(sensors.values()));
    Ok(Equipment { table, sensors, fixed })
}

fn rows<T: DeserializeOwned>(store: &Store, what: &str) -> Result<BTreeMap<String, T>> {
    let rows = store.inventory(what).with_context(|| format!("read the {what}s"))?;
    let row = |(name, row)| match serde_json::from_value(row) {
        Ok(row) => Some((name, row)),
        Err(error) => {
            warn!(what, name, %error, "a configured row cannot be read and is left out");
            None
        }
    };
    Ok(rows.into_iter().filter_map(row).collect())
}
