//! The harness: a host as its users run it, and everything that talks to it, each over its real wire.
//!
//! ```text
//! Host      the shipped binary as a child process, on free ports, in a data folder of its own
//! Api       its REST interface          Device    an MQTT client that plays an ESP32
//! Live      a WebSocket client          Mosquitto a real broker as another child process
//! ```
//!
//! Nothing here sleeps: whoever waits, waits for a message or for the end of a process, and says what it waited for when
//! the time is up.

pub mod api;
pub mod broker;
pub mod device;
pub mod host;
pub mod live;

pub use api::Api;
pub use broker::Mosquitto;
pub use device::Device;
pub use host::Host;
pub use live::Live;

use std::path::PathBuf;
use std::time::Duration;

/// How long anything may take before the test fails. Generous: the machines are small and busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The repository's top folder.
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The shipped component of this name.
pub fn shipped(plugin: &str) -> PathBuf {
    repository().join("plugins/dist").join(format!("{plugin}.wasm"))
}
