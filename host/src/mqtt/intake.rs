//! Intake: messages of devices become observations on the line, and are acknowledged when recorded.
//!
//! The session is persistent: what the broker could not deliver, and what was not acknowledged before a crash, comes
//! again. Back-pressure needs no code of its own: while the line is full nothing is acknowledged, so the broker has
//! `receive_maximum` messages under way and sends no more, and the connection's task goes on answering pings.

use interlock_core::event::Observation;
use interlock_core::event::parse::{Format, Message, Reader, Source};
use interlock_core::topic::Template;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Ack;
use super::address::Address;
use super::client::{Delivery, Qos, Subscription};
use super::connection::{Connection, Control, Event, Numbered, Role, SetupError, Status};
use crate::clock::Clock;
use crate::config::mqtt::Mqtt;
use crate::line::{Arrival, Line, Malformed, Refusal};

/// Bytes of a malformed payload that are recorded.
const HEAD_BYTES: usize = 256;
/// Room beside the messages for what else the connection tells.
const OTHER_EVENTS: usize = 64;

/// The intake; see [`Intake::run`].
pub struct Intake {
    connection: Connection,
    events: mpsc::Receiver<Numbered>,
    _control: Control,
    reader: Reader,
    clock: Clock,
}

impl Intake {
    /// An intake from this broker.
    ///
    /// # Errors
    /// When a source, a topic or a certificate is unusable.
    pub fn new(config: &Mqtt, broker: &Address, clock: Clock) -> Result<Self, SetupError> {
        let max_payload = usize::try_from(config.max_payload_bytes).unwrap_or(usize::MAX);
        let reader = Reader::new(sources(config)?, config.clock_tolerance_ms, max_payload);
        let role = Role {
            name: "intake",
            session_expiry_s: Some(config.session_expiry_s),
            window: 16,
            manual_acks: true,
            subscriptions: subscriptions(&reader),
            events: usize::from(config.receive_maximum) + OTHER_EVENTS,
        };
        let (connection, events, control) = Connection::new(config, broker, role)?;
        Ok(Self { connection, events, _control: control, reader, clock })
    }

    /// How the connection stands, now and later.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.connection.status()
    }

    /// Takes messages in until `stop`, then still acknowledges what gets recorded until `close`.
    pub async fn run(self, line: Line, stop: CancellationToken, close: CancellationToken) {
        let Self { connection, mut events, reader, clock, _control } = self;
        let taking = async {
            let taken = take(&mut events, &reader, &clock, &line);
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                refusal = taken => debug!(?refusal, "the line takes no more"),
            }
            // What comes now stays unacknowledged, and is delivered again after the start.
            while events.recv().await.is_some() {}
        };
        tokio::select! {
            () = connection.drive(close) => {}
            () = taking => {}
        }
    }
}

/// Hands messages to the line until it refuses or the connection ends.
async fn take(events: &mut mpsc::Receiver<Numbered>, reader: &Reader, clock: &Clock, line: &Line) -> Option<Refusal> {
    while let Some(Numbered { event, .. }) = events.recv().await {
        let Event::Message(delivery) = event else { continue };
        for arrival in arrivals(reader, clock, &delivery) {
            if let Err(refusal) = line.arrive(arrival).await {
                return Some(refusal);
            }
        }
    }
    None
}

/// What a message says. The last arrival carries the acknowledgement: when it is recorded, so are those before it.
fn arrivals(reader: &Reader, clock: &Clock, delivery: &Delivery) -> Vec<Arrival> {
    let (topic, read) = match delivery.topic() {
        Ok(topic) => (topic.to_owned(), read(reader, clock, topic, delivery)),
        Err(remains) => (remains, Err("the topic is not UTF-8".to_owned())),
    };
    let mut whats = match read {
        Ok(observations) => observations.into_iter().map(Ok).collect(),
        Err(reason) => vec![Err(malformed(topic, reason, delivery.payload()))],
    };
    let last = whats.pop();
    let mut arrivals: Vec<Arrival> = whats.into_iter().map(|what| Arrival { what, ack: None }).collect();
    arrivals.extend(last.map(|what| Arrival { what, ack: delivery.receipt().map(Ack) }));
    arrivals
}

fn read(reader: &Reader, clock: &Clock, topic: &str, delivery: &Delivery) -> Result<Vec<Observation>, String> {
    let message = Message { topic, payload: delivery.payload(), retained: delivery.retained(), at: clock.now() };
    reader.read(&message, new_id).map_err(|why| why.to_string())
}

/// MQTT messages have no id of their own.
fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// The record of a message that could not be read.
pub(super) fn malformed(topic: String, reason: String, payload: &[u8]) -> Malformed {
    let head = payload.get(..HEAD_BYTES).unwrap_or(payload);
    Malformed {
        topic,
        reason,
        head: String::from_utf8_lossy(head).into_owned(),
        bytes: u64::try_from(payload.len()).unwrap_or(u64::MAX),
    }
}

/// All sources in the order they are tried: the configured ones, then the host's own dialect.
fn sources(config: &Mqtt) -> Result<Vec<Source>, SetupError> {
    let mut sources = Vec::new();
    for source in &config.sources {
        sources.push(source.compile().map_err(SetupError::Config)?);
    }
    let topics = &config.topics;
    let own = [
        (&topics.sensor, Format::Sensor),
        (&topics.status, Format::Actuator),
        (&topics.heartbeat, Format::Heartbeat),
        (&topics.alert, Format::Alert),
        (&topics.incident, Format::Incident),
    ];
    for (topic, format) in own {
        sources.push(Source { topic: template(topic, &config.kaiser)?, format });
    }
    Ok(sources)
}

/// A topic template with the `{kaiser}` of this host.
pub(crate) fn template(topic: &str, kaiser: &str) -> Result<Template, SetupError> {
    let wrong = |why: String| SetupError::Config(vec![format!("topic `{topic}`: {why}")]);
    let template = Template::parse(topic).map_err(|why| wrong(why.to_string()))?;
    template.bind("kaiser", kaiser).map_err(|why| wrong(why.to_string()))
}

/// One subscription per filter. Signs of life may be lost; the next one comes soon.
fn subscriptions(reader: &Reader) -> Vec<Subscription> {
    let mut subscriptions: Vec<Subscription> = Vec::new();
    for source in reader.sources() {
        let filter = source.topic.filter();
        let qos = if matches!(source.format, Format::Heartbeat) { Qos::AtMostOnce } else { Qos::AtLeastOnce };
        if !subscriptions.iter().any(|known| known.filter == filter) {
            subscriptions.push(Subscription { filter, qos, retained_always: false, no_local: false });
        }
    }
    subscriptions
}

#[cfg(test)]
mod tests;
