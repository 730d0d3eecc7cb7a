//! One client of rumqttc, MQTT 5 or 3.1.1, behind one small interface.
//!
//! The library has a type of everything per version; here is the one place that knows both.

use std::sync::Arc;
use std::time::Duration;

use interlock_core::time::Timestamp;
use rumqttc::v5::mqttbytes::v5 as packets5;
use rumqttc::v5::{self, mqttbytes as bytes5};
use rumqttc::{NetworkOptions, Outgoing, TlsConfiguration, Transport};

use super::address::Address;

/// Seconds to reach the broker and to be let in.
const CONNECT_S: u64 = 5;
/// Under 3.1.1 a broker cannot be told what is too large for us, and would send it again for ever; so more is taken
/// from the wire than is read.
const V3_MAX_INCOMING: usize = 16 * 1024 * 1024;
/// Requests that wait for the event loop. Room for an acknowledgement of every message id there is, so that
/// acknowledging never finds it full.
const REQUESTS: usize = 65_535 + 1_024;

/// The protocol version in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// MQTT 5.
    V5,
    /// MQTT 3.1.1.
    V3,
}

/// Everything one client needs to know.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) address: Address,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) client_id: String,
    pub(crate) keep_alive: Duration,
    pub(crate) max_packet: u32,
    /// For how long the broker keeps the session; none for a clean start.
    pub(crate) session_expiry_s: Option<u32>,
    pub(crate) receive_maximum: u16,
    /// How many publishes may be under way at once.
    pub(crate) window: u16,
    /// Whether messages are acknowledged by hand.
    pub(crate) manual_acks: bool,
}

/// What to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) filter: String,
    pub(crate) qos: Qos,
    /// Whether retained messages come again with every connection, not only with a new subscription (MQTT 5).
    pub(crate) retained_always: bool,
    /// Whether our own messages stay away (MQTT 5).
    pub(crate) no_local: bool,
}

/// How hard the broker tries.
#[expect(clippy::enum_variant_names, reason = "the protocol's own words")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Qos {
    /// Once, or not.
    AtMostOnce,
    /// Until acknowledged.
    AtLeastOnce,
    /// Exactly once.
    ExactlyOnce,
}

/// What happened on the connection.
#[expect(clippy::large_enum_variant, reason = "nearly every signal is a message, the largest of them")]
pub(crate) enum Signal {
    /// The broker let us in.
    Connected { session_present: bool },
    /// It hears what we subscribed to, or refuses some.
    Subscribed { refused: usize },
    /// A message came.
    Message(Delivery),
    /// One of our messages was written to the wire, under this id.
    Sent(u16),
    /// The broker has it for good.
    Completed(u16),
    /// The broker does not want it.
    Refused(u16, String),
    /// We said goodbye, and it was written.
    SaidGoodbye,
    /// Nothing that matters here.
    Other,
}

/// Why a connection ended.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For people.
    pub(crate) reason: String,
    /// What it says about the protocol version.
    pub(crate) protocol: Protocol,
}

/// What a failure says about the protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The broker said that it does not speak this version.
    Refused,
    /// It did not answer as a broker of this version does.
    Doubtful,
    /// Something that was received cannot be decoded.
    Undecodable,
    /// Nothing.
    Fine,
}

/// A client and its event loop. Dropping it drops what it has not sent.
pub(crate) enum Client {
    V5 { client: v5::AsyncClient, events: Box<v5::EventLoop> },
    V3 { client: rumqttc::AsyncClient, events: Box<rumqttc::EventLoop> },
}

/// The sending half of a client. Does nothing once the client is gone.
#[derive(Debug, Clone)]
pub(crate) enum Publisher {
    V5(v5::AsyncClient),
    V3(rumqttc::AsyncClient),
}

/// A message as it came.
pub(crate) struct Delivery {
    publish: Publish,
    publisher: Publisher,
}

enum Publish {
    V5(packets5::Publish),
    V3(rumqttc::Publish),
}

/// What is needed to acknowledge one message.
#[derive(Debug)]
pub(crate) struct Receipt {
    publisher: Publisher,
    id: u16,
    qos: Qos,
}

/// The client takes nothing now: it is gone, or its queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotTaken;

impl Client {
    pub(crate) fn new(level: Level, options: &Options) -> Self {
        match level {
            Level::V5 => {
                let (client, events) = v5::AsyncClient::new(options_v5(options), REQUESTS);
                Self::V5 { client, events: Box::new(events) }
            }
            Level::V3 => {
                let (client, mut events) = rumqttc::AsyncClient::new(options_v3(options), REQUESTS);
                events.set_network_options(network());
                Self::V3 { client, events: Box::new(events) }
            }
        }
    }

    pub(crate) fn publisher(&self) -> Publisher {
        match self {
            Self::V5 { client, .. } => Publisher::V5(client.clone()),
            Self::V3 { client, .. } => Publisher::V3(client.clone()),
        }
    }

    /// What happens next. Cancelled, the client must be dropped: a packet may be half written.
    pub(crate) async fn poll(&mut self) -> Result<Signal, Failure> {
        match self {
            Self::V5 { client, events } => match events.poll().await {
                Ok(event) => Ok(signal_v5(event, client)),
                Err(error) => Err(failure_v5(&error)),
            },
            Self::V3 { client, events } => match events.poll().await {
                Ok(event) => Ok(signal_v3(event, client)),
                Err(error) => Err(failure_v3(&error)),
            },
        }
    }
}

impl Publisher {
    /// Hands a message to the event loop, never retained. `expiry_s` is how long the broker may keep it (MQTT 5).
    pub(crate) fn publish(
        &self,
        topic: &str,
        payload: Vec<u8>,
        qos: Qos,
        expiry_s: Option<u32>,
    ) -> Result<(), NotTaken> {
        match self {
            Self::V5(client) => {
                let properties = packets5::PublishProperties {
                    message_expiry_interval: expiry_s,
                    ..packets5::PublishProperties::default()
                };
                client.try_publish_with_properties(topic, qos.v5(), false, payload, properties).map_err(|_| NotTaken)
            }
            Self::V3(client) => client.try_publish(topic, qos.v3(), false, payload).map_err(|_| NotTaken),
        }
    }

    pub(crate) fn subscribe(&self, subscriptions: &[Subscription]) -> Result<(), NotTaken> {
        match self {
            Self::V5(client) => {
                client.try_subscribe_many(subscriptions.iter().map(Subscription::v5)).map_err(|_| NotTaken)
            }
            Self::V3(client) => {
                let filters = subscriptions.iter().map(|s| rumqttc::SubscribeFilter::new(s.filter.clone(), s.qos.v3()));
                client.try_subscribe_many(filters).map_err(|_| NotTaken)
            }
        }
    }

    /// Says goodbye after everything that was handed over.
    pub(crate) fn disconnect(&self) -> Result<(), NotTaken> {
        match self {
            Self::V5(client) => client.try_disconnect().map_err(|_| NotTaken),
            Self::V3(client) => client.try_disconnect().map_err(|_| NotTaken),
        }
    }
}

impl Receipt {
    pub(crate) fn acknowledge(self) {
        // The library wants the message; all it looks at is id and quality of service.
        let taken = match self.publisher {
            Publisher::V5(client) => {
                let publish = packets5::Publish { pkid: self.id, qos: self.qos.v5(), ..packets5::Publish::default() };
                client.try_ack(&publish).is_ok()
            }
            Publisher::V3(client) => {
                let mut publish = rumqttc::Publish::new("", self.qos.v3(), Vec::new());
                publish.pkid = self.id;
                client.try_ack(&publish).is_ok()
            }
        };
        if !taken {
            tracing::debug!(id = self.id, "the connection of this message is gone; the broker will deliver it again");
        }
    }
}

impl Delivery {
    /// The topic; the error is what there is of it.
    pub(crate) fn topic(&self) -> Result<&str, String> {
        match &self.publish {
            Publish::V5(publish) => {
                std::str::from_utf8(&publish.topic).map_err(|_| String::from_utf8_lossy(&publish.topic).into_owned())
            }
            Publish::V3(publish) => Ok(&publish.topic),
        }
    }

    pub(crate) fn payload(&self) -> &[u8] {
        match &self.publish {
            Publish::V5(publish) => &publish.payload,
            Publish::V3(publish) => &publish.payload,
        }
    }

    pub(crate) fn retained(&self) -> bool {
        match &self.publish {
            Publish::V5(publish) => publish.retain,
            Publish::V3(publish) => publish.retain,
        }
    }

    /// What acknowledges it; none where the broker does not wait.
    pub(crate) fn receipt(&self) -> Option<Receipt> {
        let (id, qos) = match &self.publish {
            Publish::V5(publish) => (publish.pkid, Qos::from_v5(publish.qos)),
            Publish::V3(publish) => (publish.pkid, Qos::from_v3(publish.qos)),
        };
        (qos != Qos::AtMostOnce).then(|| Receipt { publisher: self.publisher.clone(), id, qos })
    }
}

impl Subscription {
    fn v5(&self) -> packets5::Filter {
        let mut filter = packets5::Filter::new(self.filter.clone(), self.qos.v5());
        filter.nolocal = self.no_local;
        filter.retain_forward_rule = if self.retained_always {
            packets5::RetainForwardRule::OnEverySubscribe
        } else {
            packets5::RetainForwardRule::OnNewSubscribe
        };
        filter
    }
}

impl Qos {
    const fn v5(self) -> bytes5::QoS {
        match self {
            Self::AtMostOnce => bytes5::QoS::AtMostOnce,
            Self::AtLeastOnce => bytes5::QoS::AtLeastOnce,
            Self::ExactlyOnce => bytes5::QoS::ExactlyOnce,
        }
    }

    const fn v3(self) -> rumqttc::QoS {
        match self {
            Self::AtMostOnce => rumqttc::QoS::AtMostOnce,
            Self::AtLeastOnce => rumqttc::QoS::AtLeastOnce,
            Self::ExactlyOnce => rumqttc::QoS::ExactlyOnce,
        }
    }

    const fn from_v5(qos: bytes5::QoS) -> Self {
        match qos {
            bytes5::QoS::AtMostOnce => Self::AtMostOnce,
            bytes5::QoS::AtLeastOnce => Self::AtLeastOnce,
            bytes5::QoS::ExactlyOnce => Self::ExactlyOnce,
        }
    }

    const fn from_v3(qos: rumqttc::QoS) -> Self {
        match qos {
            rumqttc::QoS::AtMostOnce => Self::AtMostOnce,
            rumqttc::QoS::AtLeastOnce => Self::AtLeastOnce,
            rumqttc::QoS::ExactlyOnce => Self::ExactlyOnce,
        }
    }
}

fn transport(options: &Options) -> Transport {
    match &options.tls {
        Some(config) => Transport::tls_with_config(TlsConfiguration::Rustls(Arc::clone(config))),
        None => Transport::tcp(),
    }
}

/// Without TCP_NODELAY a reading waits up to 40 ms for an acknowledgement of TCP.
fn network() -> NetworkOptions {
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(CONNECT_S);
    network
}

fn options_v5(options: &Options) -> v5::MqttOptions {
    let address = &options.address;
    let mut v5 = v5::MqttOptions::new(&options.client_id, &address.host, address.port);
    v5.set_transport(transport(options))
        .set_network_options(network())
        .set_connection_timeout(CONNECT_S)
        .set_keep_alive(options.keep_alive)
        .set_clean_start(options.session_expiry_s.is_none())
        .set_session_expiry_interval(options.session_expiry_s)
        .set_receive_maximum(Some(options.receive_maximum))
        .set_max_packet_size(Some(options.max_packet))
        .set_outgoing_inflight_upper_limit(options.window)
        .set_manual_acks(options.manual_acks);
    if let Some((user, password)) = &address.credentials {
        v5.set_credentials(user, password);
    }
    v5
}

fn options_v3(options: &Options) -> rumqttc::MqttOptions {
    let address = &options.address;
    let outgoing = usize::try_from(options.max_packet).unwrap_or(usize::MAX);
    let mut v3 = rumqttc::MqttOptions::new(&options.client_id, &address.host, address.port);
    v3.set_transport(transport(options))
        .set_keep_alive(options.keep_alive)
        .set_clean_session(options.session_expiry_s.is_none())
        .set_max_packet_size(V3_MAX_INCOMING.max(outgoing), outgoing)
        .set_inflight(options.window)
        .set_manual_acks(options.manual_acks);
    if let Some((user, password)) = &address.credentials {
        v3.set_credentials(user, password);
    }
    v3
}

fn signal_v5(event: v5::Event, client: &v5::AsyncClient) -> Signal {
    use packets5::{Packet, PubAckReason, PubCompReason, PubRecReason, SubscribeReasonCode};
    match event {
        v5::Event::Outgoing(Outgoing::Publish(id)) => Signal::Sent(id),
        v5::Event::Outgoing(Outgoing::Disconnect) => Signal::SaidGoodbye,
        v5::Event::Outgoing(_) => Signal::Other,
        v5::Event::Incoming(packet) => match packet {
            Packet::ConnAck(ack) => Signal::Connected { session_present: ack.session_present },
            Packet::SubAck(ack) => {
                let taken = |code: &&SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
                Signal::Subscribed { refused: ack.return_codes.len() - ack.return_codes.iter().filter(taken).count() }
            }
            Packet::Publish(publish) => {
                Signal::Message(Delivery { publish: Publish::V5(publish), publisher: Publisher::V5(client.clone()) })
            }
            Packet::PubAck(ack) => match ack.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Signal::Completed(ack.pkid),
                reason => Signal::Refused(ack.pkid, format!("{reason:?}")),
            },
            Packet::PubRec(ack) => match ack.reason {
                PubRecReason::Success | PubRecReason::NoMatchingSubscribers => Signal::Other,
                reason => Signal::Refused(ack.pkid, format!("{reason:?}")),
            },
            Packet::PubComp(ack) => match ack.reason {
                PubCompReason::Success => Signal::Completed(ack.pkid),
                reason => Signal::Refused(ack.pkid, format!("{reason:?}")),
            },
            _ => Signal::Other,
        },
    }
}

fn signal_v3(event: rumqttc::Event, client: &rumqttc::AsyncClient) -> Signal {
    use rumqttc::{Packet, SubscribeReasonCode};
    match event {
        rumqttc::Event::Outgoing(Outgoing::Publish(id)) => Signal::Sent(id),
        rumqttc::Event::Outgoing(Outgoing::Disconnect) => Signal::SaidGoodbye,
        rumqttc::Event::Outgoing(_) => Signal::Other,
        rumqttc::Event::Incoming(packet) => match packet {
            Packet::ConnAck(ack) => Signal::Connected { session_present: ack.session_present },
            Packet::SubAck(ack) => {
                let refused = ack.return_codes.iter().filter(|code| **code == SubscribeReasonCode::Failure).count();
                Signal::Subscribed { refused }
            }
            Packet::Publish(publish) => {
                Signal::Message(Delivery { publish: Publish::V3(publish), publisher: Publisher::V3(client.clone()) })
            }
            Packet::PubAck(ack) => Signal::Completed(ack.pkid),
            Packet::PubComp(ack) => Signal::Completed(ack.pkid),
            _ => Signal::Other,
        },
    }
}

fn failure_v5(error: &v5::ConnectionError) -> Failure {
    use packets5::ConnectReturnCode as Code;
    use v5::{ConnectionError, StateError};
    let protocol = match error {
        ConnectionError::ConnectionRefused(
            Code::RefusedProtocolVersion
            | Code::UnsupportedProtocolVersion
            | Code::MalformedPacket
            | Code::ProtocolError,
        ) => Protocol::Refused,
        ConnectionError::MqttState(StateError::Deserialization(_)) => Protocol::Undecodable,
        ConnectionError::MqttState(StateError::ConnectionAborted)
        | ConnectionError::NotConnAck(_)
        | ConnectionError::Timeout(_) => Protocol::Doubtful,
        _ => Protocol::Fine,
    };
    Failure { reason: error.to_string(), protocol }
}

fn failure_v3(error: &rumqttc::ConnectionError) -> Failure {
    use rumqttc::{ConnectReturnCode as Code, ConnectionError, StateError};
    let protocol = match error {
        ConnectionError::ConnectionRefused(Code::RefusedProtocolVersion) => Protocol::Refused,
        ConnectionError::MqttState(StateError::Deserialization(_)) => Protocol::Undecodable,
        ConnectionError::MqttState(StateError::ConnectionAborted)
        | ConnectionError::NotConnAck(_)
        | ConnectionError::NetworkTimeout => Protocol::Doubtful,
        _ => Protocol::Fine,
    };
    Failure { reason: error.to_string(), protocol }
}

/// Seconds that are left until `end`, at least one: what the broker is told as a message's expiry.
pub(crate) fn seconds_left(now: Timestamp, end: Timestamp) -> u32 {
    u32::try_from(end.since(now).div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
}
