use serde::Deserialize;

use super::*;
use crate::testing::Environment;
use crate::{Occurrence, Reading, ReadingFilter, Ruling};

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct Limit {
    /// From here on it is too much.
    above: f64,
}

#[derive(Debug)]
struct Guard(Limit);

impl Policy for Guard {
    type Config = Limit;

    fn configure(config: Limit) -> Result<Self, Vec<Problem>> {
        if config.above < 0.0 {
            return Err(vec![Problem::new("/above", "must not be negative")]);
        }
        Ok(Self(config))
    }

    fn plan(&self) -> Plan {
        Plan::new().on_readings(ReadingFilter::any())
    }

    fn on_reading(&self, reading: &Reading, context: &Context<'_>) -> Decision {
        context.log.info("looking");
        if reading.value > self.0.above { Decision::deny("too much") } else { Decision::abstain() }
    }
}

export_policy!(Guard, name = "guard", description = "Says when it is too much", fuel_hint = 7);

#[test]
fn the_manifest_carries_the_schema_of_the_configuration() {
    let manifest = Guard::manifest();
    let schema: serde_json::Value = serde_json::from_str(&manifest.config_schema).unwrap();

    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("guard", env!("CARGO_PKG_VERSION")));
    assert_eq!(manifest.fuel_hint, 7);
    assert_eq!(schema["properties"]["above"]["description"], "From here on it is too much.");
}

#[test]
fn nothing_is_decided_before_configure() {
    let slot = Slot::<Guard>::empty();
    let mut world = Environment::new();
    let event = world.event(Occurrence::Tick);

    assert_eq!(slot.decide(&event, &world), Err("`configure` must be called first".into()));
    assert_eq!(slot.migrate("0.0.1", &world), Err("`configure` must be called first".into()));
}

#[test]
fn a_refused_configuration_leaves_the_old_one() {
    let slot = Slot::<Guard>::empty();
    let mut world = Environment::new();
    let event = world.event(Environment::a_reading("ESP_01", "34", "temperature", 11.0));

    slot.configure(r#"{"above": 10}"#).unwrap();
    assert_eq!(slot.configure(r#"{"above": -1}"#).unwrap_err()[0].pointer, "/above");
    assert_eq!(slot.configure(r#"{"above": "x"}"#).unwrap_err()[0].pointer, "/above");

    assert_eq!(slot.decide(&event, &world).unwrap().ruling, Ruling::Deny("too much".into()));
    assert_eq!(world.log(), ["info: looking"]);
}
