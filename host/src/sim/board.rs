//! One simulated board: its connection, its pins, its firmware's manners.

mod firmware;

use std::sync::Arc;
use std::time::Duration;

use interlock_core::time::Timestamp;
use interlock_core::topic::Template;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Counts, Greenhouse, Simulation};
use crate::clock::Clock;
use crate::mqtt::SetupError;
use crate::mqtt::device::{
    Connection, Control, Delivery, Event, Numbered, Publisher, Qos, Role, Subscription, template,
};
use firmware::{Firmware, PINS};

/// Time between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Shortest time between two rounds of readings: faster boards send several in one.
const ROUND: Duration = Duration::from_millis(5);
/// Readings that may be under way; a board has little memory.
const WINDOW: u16 = 64;

/// One board; see [`Board::run`].
pub(super) struct Board {
    connection: Connection,
    events: mpsc::Receiver<Numbered>,
    _control: Control,
    body: Body,
}

/// A board without its connection.
struct Body {
    id: String,
    topics: Topics,
    greenhouse: Arc<Greenhouse>,
    counts: Arc<Counts>,
    clock: Clock,
    firmware: Firmware,
    publisher: Option<Publisher>,
    started: Timestamp,
    /// Counts readings, to take turns.
    turn: u64,
}

struct Topics {
    sensor: Template,
    status: Template,
    heartbeat: Template,
    command: Template,
}

impl Board {
    pub(super) fn new(
        simulation: &Simulation,
        number: usize,
        greenhouse: Arc<Greenhouse>,
        counts: Arc<Counts>,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let id = format!("ESP_{number:02}");
        let mqtt = &simulation.mqtt;
        let own = |topic: &str| own_template(topic, &mqtt.kaiser, &id);
        let topics = Topics {
            sensor: own(&mqtt.topics.sensor)?,
            status: own(&mqtt.topics.status)?,
            heartbeat: own(&mqtt.topics.heartbeat)?,
            command: own(&mqtt.topics.command)?,
        };
        let heard =
            [topics.command.filter(), own(&mqtt.topics.emergency)?.filter(), own(&mqtt.topics.broadcast)?.filter()];
        let role = Role {
            name: "device",
            session_expiry_s: None,
            window: WINDOW,
            manual_acks: false,
            subscriptions: heard.into_iter().map(subscription).collect(),
            events: 256,
        };
        let config = crate::config::mqtt::Mqtt { client_id: format!("sim-{id}"), ..mqtt.clone() };
        let (connection, events, control) = Connection::new(&config, &simulation.broker, role)?;
        let started = clock.now();
        let firmware = Firmware::default();
        let body = Body { id, topics, greenhouse, counts, clock, firmware, publisher: None, started, turn: 0 };
        Ok(Self { connection, events, _control: control, body })
    }

    /// Lives until `close`: a reading every `period`.
    pub(super) async fn run(self, period: Duration, close: CancellationToken) {
        tokio::select! {
            () = self.connection.drive(close) => {}
            () = self.body.live(self.events, period) => {}
        }
    }
}

impl Body {
    async fn live(mut self, mut events: mpsc::Receiver<Numbered>, period: Duration) {
        let mut rounds = interval(period.max(ROUND));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut heartbeats = interval(HEARTBEAT);
        let mut next_reading = Instant::now();
        loop {
            let fallback = self.firmware.next_fallback().map(|at| self.instant(at));
            tokio::select! {
                Some(numbered) = events.recv() => self.hear(numbered.event),
                _ = rounds.tick() => {
                    // What the broker did not take in time is not made up for.
                    next_reading = next_reading.max(Instant::now() - 2 * period.max(ROUND));
                    while next_reading <= Instant::now() {
                        self.read();
                        next_reading += period;
                    }
                }
                _ = heartbeats.tick() => self.heartbeat(),
                () = sleep_until(fallback.unwrap_or_else(Instant::now)), if fallback.is_some() => {
                    let fallen = self.firmware.fall_back(self.clock.now());
                    self.drive(fallen);
                }
                else => return,
            }
        }
    }

    fn instant(&self, at: Timestamp) -> Instant {
        Instant::now() + Duration::from_millis(at.since(self.clock.now()))
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Connected(publisher) => {
                self.publisher = Some(publisher);
                self.heartbeat();
                self.drive(PINS.iter().map(|pin| pin.number).collect());
            }
            Event::Lost => self.publisher = None,
            Event::Completed(_) => Counts::add(&self.counts.confirmed),
            Event::Message(delivery) => self.obey(&delivery),
            Event::Sent(_) | Event::Refused(..) => {}
        }
    }

    fn obey(&mut self, delivery: &Delivery) {
        let now = self.clock.now();
        let Ok(topic) = delivery.topic() else { return };
        let Some(captures) = self.topics.command.captures(topic) else {
            Counts::add(&self.counts.stops);
            let fallen = self.firmware.emergency(delivery.payload(), now);
            return self.drive(fallen);
        };
        let pin = captures.get("channel").and_then(|channel| channel.parse().ok());
        let obeyed = pin.and_then(|pin| {
            let retained = delivery.retained();
            self.firmware.command(pin, delivery.payload(), retained, now).then_some(pin)
        });
        match obeyed {
            Some(pin) => {
                Counts::add(&self.counts.obeyed);
                self.drive(vec![pin]);
            }
            None => Counts::add(&self.counts.refused),
        }
    }

    /// Lets pins act on the climate, and says where they stand.
    fn drive(&self, pins: Vec<u16>) {
        for number in pins {
            let value = self.firmware.value(number);
            let kind = PINS.iter().find(|pin| pin.number == number).map_or("relay", |pin| pin.kind);
            self.greenhouse.now(|climate| match kind {
                "pump" => climate.pump = value,
                _ => climate.fan = value,
            });
            let state = if value > 0.0 { "on" } else { "off" };
            let ts = self.clock.now().0;
            let status = json!({"ts": ts, "gpio": number, "type": kind, "state": state, "value": value});
            self.publish(&self.topics.status, Some(number), &status, Qos::AtLeastOnce);
        }
    }

    /// The next reading: temperature every other time, humidity and soil moisture between.
    fn read(&mut self) {
        let climate = self.greenhouse.now(|climate| climate.clone());
        let (gpio, quantity, value, unit) = match self.turn % 4 {
            1 => (35, "humidity", climate.humidity, "%"),
            3 => (32, "soil_moisture", climate.soil, "%"),
            _ => (34, "temperature", climate.temperature, "°C"),
        };
        self.turn += 1;
        let value = (value * 100.0).round() / 100.0;
        let ts = self.clock.now().0;
        let reading =
            json!({"ts": ts, "gpio": gpio, "sensor_type": quantity, "value": value, "unit": unit, "quality": "good"});
        if self.publish(&self.topics.sensor, Some(gpio), &reading, Qos::AtLeastOnce) {
            Counts::add(&self.counts.published);
        }
    }

    fn heartbeat(&self) {
        let now = self.clock.now();
        let beat = json!({"ts": now.0, "uptime_ms": now.since(self.started), "device": self.id});
        self.publish(&self.topics.heartbeat, None, &beat, Qos::AtMostOnce);
    }

    /// Whether there was a connection that took it.
    fn publish(&self, topic: &Template, pin: Option<u16>, payload: &serde_json::Value, qos: Qos) -> bool {
        let Some(publisher) = &self.publisher else { return false };
        let pin = pin.map(|pin| pin.to_string()).unwrap_or_default();
        let Ok(topic) = topic.fill(&[("channel", &pin)]) else { return false };
        publisher.publish(&topic, payload.to_string().into_bytes(), qos, None).is_ok()
    }
}

fn own_template(topic: &str, kaiser: &str, id: &str) -> Result<Template, SetupError> {
    let wrong = |why: String| SetupError::Config(vec![format!("topic `{topic}`: {why}")]);
    template(topic, kaiser)?.bind("device", id).map_err(|why| wrong(why.to_string()))
}

fn subscription(filter: String) -> Subscription {
    Subscription { filter, qos: Qos::ExactlyOnce, retained_always: true, no_local: true }
}
