//! MQTT: the wire to devices.
//!
//! Three connections, each owned by one task: *intake* (persistent session, acknowledges when recorded), *outlet* (clean
//! start; the outbox in the store is its durability) and *stop* (clean start, nothing else on it).

/// The right to acknowledge one message to the broker, once, when its record is durable.
///
/// Dropped without [`Ack::fire`] the message stays unacknowledged and the broker delivers it again.
#[derive(Debug)]
pub struct Ack {}

impl Ack {
    /// Acknowledges. Never blocks.
    pub fn fire(self) {}
}
