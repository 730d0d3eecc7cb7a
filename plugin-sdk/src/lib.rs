//! What the author of an Interlock policy depends on, and nothing else.
//!
//! A policy is one struct that implements [`Policy`] and one line that exports it:
//!
//! ```
//! use interlock_plugin_sdk::prelude::*;
//!
//! /// Opens the vent when it is hot.
//! #[derive(Debug)]
//! struct Vent(VentConfig);
//!
//! #[derive(Debug, Deserialize, JsonSchema)]
//! #[serde(crate = "interlock_plugin_sdk::serde", deny_unknown_fields)]
//! #[schemars(crate = "interlock_plugin_sdk::schemars")]
//! struct VentConfig {
//!     /// Degrees Celsius from which the vent is open.
//!     above: f64,
//! }
//!
//! impl Policy for Vent {
//!     type Config = VentConfig;
//!
//!     fn configure(config: VentConfig) -> Result<Self, Vec<Problem>> {
//!         Ok(Self(config))
//!     }
//!
//!     fn plan(&self) -> Plan {
//!         Plan::new().on_readings(ReadingFilter::sensor("ESP_01", "34")).drives("ESP_02/18")
//!     }
//!
//!     fn on_reading(&self, reading: &Reading, _: &Context) -> Decision {
//!         if reading.value > self.0.above {
//!             Decision::allow().set("ESP_02/18", 1.0).because(format!("{} is hot", reading.value))
//!         } else {
//!             Decision::abstain()
//!         }
//!     }
//! }
//!
//! export_policy!(Vent, name = "vent", description = "Opens the vent when it is hot");
//!
//! // The same struct runs natively, so its tests need no WebAssembly:
//! let vent = config::configure::<Vent>(r#"{ "above": 25 }"#).unwrap();
//! let mut world = testing::Environment::new();
//! let decision = world.reading(&vent, "ESP_01", "34", "temperature", 26.5).unwrap();
//! assert_eq!(decision.intents[0].actuator, "ESP_02/18");
//! ```
//!
//! `interlock build` turns the crate (`crate-type = ["cdylib", "rlib"]`) into a component. It also sets the small guest
//! stack that makes a fresh instance per evaluation cheap: keep large values on the heap, and recursion bounded.
//!
//! What the life of a component looks like, and what each word of the contract means, is written in `wit/policy.wit`.

#[doc(hidden)]
pub mod bindings;
mod context;
mod decision;
mod export;
#[cfg(target_arch = "wasm32")]
mod heap;
#[cfg(target_arch = "wasm32")]
mod imports;
mod plan;
mod policy;

pub mod config;
pub mod testing;

pub use bindings::interlock::policy::local_time::Civil;
pub use bindings::interlock::policy::log::Level;
pub use bindings::interlock::policy::readings::{Sample, Stats};
pub use bindings::interlock::policy::types::{
    Access, Action, ActionOutcome, ActuatorStatus, Alert, Approval, Custom, Decision, Event, Finding, Incident,
    Instant, Intent, Manifest, Millis, Notification, Occurrence, Plan, Presence, Problem, Quality, Reading,
    ReadingFilter, Ruling, Setting, Severity, Subscription,
};
pub use context::{Context, Host, LocalTime, Log, Readings, State, StateError};
pub use policy::Policy;

/// For `#[serde(crate = "interlock_plugin_sdk::serde")]`.
pub use serde;
pub use serde_json;

/// For `#[schemars(crate = "interlock_plugin_sdk::schemars")]`.
pub use schemars;

/// Bounds of one answer: intents, notifications and actions each. One more is a fault.
pub const MAX_ASKS: usize = 64;
/// Bound of one answer: findings. One more is a fault.
pub const MAX_FINDINGS: usize = 1_024;
/// Bound of one answer: bytes of all its texts together. One more is a fault.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// What most policies need, in one line.
pub mod prelude {
    pub use crate::{
        Access, ActionOutcome, ActuatorStatus, Alert, Context, Custom, Decision, Event, Incident, Occurrence, Plan,
        Policy, Presence, Problem, Quality, Reading, ReadingFilter, Severity, Subscription, config, export_policy,
        testing,
    };
    pub use schemars::JsonSchema;
    pub use serde::Deserialize;
}

/// What [`export_policy!`] expands to needs names; they are no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::exports::interlock::policy::policy::Guest;
    pub use crate::export::{Slot, manifest};
    #[cfg(target_arch = "wasm32")]
    pub use crate::{
        bindings::export,
        heap::tidy_heap,
        imports::{Imports, report_panics},
    };
}
