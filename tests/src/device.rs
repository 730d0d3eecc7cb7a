//! An MQTT client that plays an ESP32: publishes readings, hears commands.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};

use crate::PATIENCE;

static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// A device on the wire. Disconnects when dropped.
pub struct Device {
    client: Client,
    name: String,
    heard: mpsc::Receiver<Heard>,
}

/// One message from the broker.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Its topic.
    pub topic: String,
    /// Its payload; null where it is no JSON.
    pub payload: Value,
    /// Whether the broker kept it.
    pub retain: bool,
    /// When it came.
    pub at: Instant,
}

impl Device {
    /// Connects as `name`, waits for the broker, and hears everything that is said to this device.
    ///
    /// # Errors
    /// When the broker does not answer in time.
    pub fn connect(broker: SocketAddr, name: &str) -> Result<Self> {
        // A name of its own for every connection: one that is on its way out must not push out the next.
        let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        let mut options = MqttOptions::new(format!("test-{name}-{number}"), broker.ip().to_string(), broker.port());
        options.set_keep_alive(Duration::from_secs(10)).set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut connection) = Client::new(options, 1_024);
        for topic in [
            format!("kaiser/+/esp/{name}/actuator/+/command"),
            format!("kaiser/+/esp/{name}/system/emergency"),
            "kaiser/broadcast/emergency".to_owned(),
        ] {
            client.subscribe(topic, QoS::ExactlyOnce)?;
        }
        let (ready, subscribed) = mpsc::sync_channel(8);
        let (say, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let give_up = Instant::now() + PATIENCE;
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(ready.try_send(())),
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let payload = serde_json::from_slice(&publish.payload).unwrap_or(Value::Null);
                        let heard = Heard { topic: publish.topic, payload, retain: publish.retain, at: Instant::now() };
                        if say.send(heard).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(rumqttc::ConnectionError::RequestsDone) => return,
                    // The broker may still be starting; the client connects again by itself.
                    Err(_) if Instant::now() < give_up => std::thread::yield_now(),
                    Err(_) => return,
                }
            }
        });
        for _ in 0..3 {
            subscribed.recv_timeout(PATIENCE).with_context(|| format!("{name} waits for the broker at {broker}"))?;
        }
        Ok(Self { client, name: name.to_owned(), heard })
    }

    /// Publishes a value of a sensor as the seed's firmware does.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn reads(&self, gpio: u8, quantity: &str, value: f64) -> Result<()> {
        let payload = json!({ "gpio": gpio, "sensor_type": quantity, "value": value, "unit": "°C", "quality": "good" });
        self.publish(&format!("kaiser/god/esp/{}/sensor/{gpio}/data", self.name), &payload.to_string())
    }

    /// Publishes anything at QoS 1.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn publish(&self, topic: &str, payload: &str) -> Result<()> {
        Ok(self.client.publish(topic, QoS::AtLeastOnce, false, payload.as_bytes())?)
    }

    /// The next message whose topic ends like this; others before it are dropped.
    ///
    /// # Errors
    /// When none comes in time.
    pub fn hears(&self, ending: &str) -> Result<Heard> {
        let until = Instant::now() + PATIENCE;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let heard = self.heard.recv_timeout(left).with_context(|| format!("{} waits for {ending}", self.name))?;
            if heard.topic.ends_with(ending) {
                return Ok(heard);
            }
        }
        bail!("{} heard nothing that ends with {ending}", self.name)
    }

    /// The next command that sets this value; others before it are dropped, as the safe value that a host says at its start.
    ///
    /// # Errors
    /// When none comes in time.
    pub fn is_set(&self, ending: &str, value: f64) -> Result<Heard> {
        loop {
            let heard = self.hears(ending)?;
            if heard.payload.get("value").and_then(Value::as_f64) == Some(value) {
                return Ok(heard);
            }
        }
    }

    /// Everything that was said and not looked at yet.
    pub fn rest(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.client.disconnect();
    }
}
