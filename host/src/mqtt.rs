//! MQTT: the wire to devices.
//!
//! Three connections, each owned by one task: *intake* (persistent session, acknowledges when recorded), *outlet* (clean
//! start; the outbox in the store is its durability) and *stop* (clean start, nothing else on it). In the order the data
//! takes:
//!
//! ```text
//! broker -> connection -> intake -> line ... journal -> Ack, outlet -> connection -> broker
//!                    \-> stop -> latch -> stop -> connection -> broker
//! ```
//!
//! The client library keeps state over reconnections that can wedge or lose messages. So here a connection is used once:
//! whatever goes wrong, client and event loop are dropped together and built anew, and what was not confirmed is sent
//! again from the outbox.

pub mod address;
mod backoff;
pub mod broker;
mod client;
mod connection;
pub mod health;
pub mod intake;
mod numbering;
pub mod outlet;
pub mod probe;
mod sink;
pub mod stop;
#[cfg(test)]
pub(crate) mod testing;
mod tls;

pub use connection::{SetupError, Status};

/// What a simulated device needs to speak MQTT as robustly as the host does.
pub(crate) mod device {
    pub(crate) use super::client::{Delivery, Publisher, Qos, Subscription};
    pub(crate) use super::connection::{Connection, Control, Event, Numbered, Role};
    pub(crate) use super::intake::template;
}

/// The right to acknowledge one message to the broker, once, when its record is durable.
///
/// Dropped without [`Ack::fire`] the message stays unacknowledged and the broker delivers it again. Once the connection
/// it came on is gone, firing does nothing: the broker has already counted the message as unacknowledged.
#[derive(Debug)]
pub struct Ack(client::Receipt);

impl Ack {
    /// Acknowledges. Never blocks; MQTT wants it called in the order of arrival.
    pub fn fire(self) {
        self.0.acknowledge();
    }
}
