//! One connection to the broker, kept up: one task polls the client's event loop and does nothing else.
//!
//! INVARIANT (used once): a client lives from one connection attempt to its first error. Whatever ends it, client and
//! event loop are dropped together and the next attempt starts from nothing, after a wait with jitter.
//! INVARIANT (never waits for itself): nothing that this task awaits needs this task to poll, except its events' reader.
//!
//! A broker that is not there yet is no error: the host waits, and says so.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::address::{Address, AddressError};
use super::backoff::Backoff;
use super::client::{Client, Delivery, Failure, Level, Options, Protocol, Publisher, Signal, Subscription};
use super::tls::{self, TlsError};
use crate::config::mqtt::{Mqtt, Version};

/// A connection that held this long was a good one: the next failure is a first one.
const PROVEN: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// So often the same undecodable message may end a session before the session is given up.
const POISONED: u32 = 3;

/// Why a connection cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The broker's address.
    #[error("`mqtt.url`: {0}")]
    Address(#[from] AddressError),
    /// The certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Topics, sources or sinks.
    #[error("{}", .0.join("; "))]
    Config(Vec<String>),
}

/// How a connection stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Status {
    /// Not there; why the last attempt failed, if there was one.
    Down {
        /// For people.
        reason: Option<String>,
    },
    /// There, and hearing what it subscribed to.
    Up {
        /// `5` or `3.1.1`.
        version: &'static str,
    },
}

/// What is different from connection to connection.
pub(crate) struct Role {
    /// `intake`, `outlet` or `stop`; also the end of the client id.
    pub(crate) name: &'static str,
    /// For how long the broker keeps the session; none for a clean start.
    pub(crate) session_expiry_s: Option<u32>,
    /// How many publishes may be under way at once.
    pub(crate) window: u16,
    pub(crate) manual_acks: bool,
    pub(crate) subscriptions: Vec<Subscription>,
    /// How many events may wait for their reader.
    pub(crate) events: usize,
}

/// What happened, for the role that owns the connection.
#[expect(clippy::large_enum_variant, reason = "nearly every event is a message, the largest of them")]
pub(crate) enum Event {
    /// A new client is connected; what was sent on an older one and not confirmed is lost.
    Connected(Publisher),
    Message(Delivery),
    /// The oldest message handed over and not yet numbered was written, under this id.
    Sent(u16),
    /// The broker has the message of this id for good.
    Completed(u16),
    /// The broker does not want the message of this id.
    Refused(u16, String),
    /// The client is gone.
    Lost,
}

/// An event and the number of the client it came from.
pub(crate) struct Numbered {
    pub(crate) client: u64,
    pub(crate) event: Event,
}

/// The role's handle.
pub(crate) struct Control {
    drops: mpsc::Sender<oneshot::Sender<u64>>,
}

impl Control {
    /// Drops client, event loop and all they hold, at once; a new one is built. Answers with the number of the newest
    /// client that is gone: what comes from it or from older ones is of the past.
    pub(crate) async fn drop_client(&self) -> Option<u64> {
        let (reply, dropped) = oneshot::channel();
        self.drops.send(reply).await.ok()?;
        dropped.await.ok()
    }
}

/// A connection; see [`Connection::drive`].
pub(crate) struct Connection {
    link: Link,
    drops: mpsc::Receiver<oneshot::Sender<u64>>,
}

/// The client of the moment, and what is known from those before it.
struct Link {
    role: &'static str,
    version: Version,
    options: Options,
    subscriptions: Vec<Subscription>,
    events: mpsc::Sender<Numbered>,
    status: watch::Sender<Status>,
    backoff: Backoff,
    /// When the next client may be built.
    not_before: Instant,
    client: Option<Client>,
    /// Counts clients.
    number: u64,
    level: Level,
    /// The broker said that it does not speak MQTT 5.
    v5_refused: bool,
    connected: Option<Instant>,
    undecodable: u32,
    /// Messages under way that the library will count as such for ever.
    leaked: u16,
    dropped_messages: u64,
}

impl Connection {
    /// A connection as configured, the end that reads its events, and a handle.
    pub(crate) fn new(
        config: &Mqtt,
        broker: &Address,
        role: Role,
    ) -> Result<(Self, mpsc::Receiver<Numbered>, Control), SetupError> {
        let tls = if broker.tls { Some(tls::client_config(&config.tls)?) } else { None };
        let options = Options {
            address: with_credentials(broker, config),
            tls,
            client_id: format!("{}-{}", config.client_id, role.name),
            keep_alive: Duration::from_secs(config.keep_alive_s.clamp(5, 10).into()),
            max_packet: config.max_packet_bytes,
            session_expiry_s: role.session_expiry_s,
            receive_maximum: config.receive_maximum.max(1),
            window: role.window.max(1),
            manual_acks: role.manual_acks,
        };
        let (events, reader) = mpsc::channel(role.events);
        let (drop_sender, drops) = mpsc::channel(1);
        let link = Link {
            role: role.name,
            version: config.version,
            options,
            subscriptions: role.subscriptions,
            events,
            status: watch::Sender::new(Status::Down { reason: None }),
            backoff: Backoff::default(),
            not_before: Instant::now(),
            client: None,
            number: 0,
            level: if config.version == Version::V3 { Level::V3 } else { Level::V5 },
            v5_refused: false,
            connected: None,
            undecodable: 0,
            leaked: 0,
            dropped_messages: 0,
        };
        Ok((Self { link, drops }, reader, Control { drops: drop_sender }))
    }

    /// How it stands, now and later.
    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.link.status.subscribe()
    }

    /// Keeps the connection up until `close`; then says goodbye.
    pub(crate) async fn drive(self, close: CancellationToken) {
        let Self { mut link, mut drops } = self;
        loop {
            tokio::select! {
                biased;
                () = close.cancelled() => break,
                Some(reply) = drops.recv() => link.drop_now(reply),
                () = link.step() => {}
            }
        }
        link.say_goodbye().await;
    }
}

impl Link {
    /// One step. Cancelled, it may leave a half-written packet: only what drops the client may cancel it.
    async fn step(&mut self) {
        let Some(client) = &mut self.client else {
            tokio::time::sleep_until(self.not_before).await;
            self.number += 1;
            self.leaked = 0;
            self.client = Some(Client::new(self.level, &self.options_now()));
            return;
        };
        match client.poll().await {
            Ok(signal) => self.pass_on(signal).await,
            Err(failure) => self.lost(&failure).await,
        }
    }

    /// The options of the next client: a session whose messages cannot be decoded is given up.
    fn options_now(&mut self) -> Options {
        let mut options = self.options.clone();
        if self.undecodable >= POISONED && options.session_expiry_s.is_some() {
            self.undecodable = 0;
            error!(
                connection = self.role,
                "the broker's session holds a message that cannot be decoded; starting a new session without it"
            );
            options.session_expiry_s = None;
        }
        options
    }

    async fn pass_on(&mut self, signal: Signal) {
        match signal {
            Signal::Connected { session_present } => self.up(session_present).await,
            Signal::Subscribed { refused } => self.hears(refused),
            Signal::Message(delivery) => self.deliver(delivery).await,
            Signal::Sent(id) => self.tell(Event::Sent(id)).await,
            Signal::Completed(id) => self.tell(Event::Completed(id)).await,
            Signal::Refused(id, reason) => {
                self.tell(Event::Refused(id, reason)).await;
                self.leaked += 1;
                if self.leaked >= self.options.window.div_ceil(2) {
                    let reason = "too many refused messages".to_owned();
                    self.lost(&Failure { reason, protocol: Protocol::Fine }).await;
                }
            }
            Signal::SaidGoodbye | Signal::Other => {}
        }
    }

    async fn up(&mut self, session_present: bool) {
        let Some(publisher) = self.client.as_ref().map(Client::publisher) else { return };
        let address = &self.options.address;
        info!(connection = self.role, broker = %address, version = self.level.as_str(), session_present, "connected");
        self.connected = Some(Instant::now());
        if self.subscriptions.is_empty() {
            self.status.send_replace(Status::Up { version: self.level.as_str() });
        } else if publisher.subscribe(&self.subscriptions).is_err() {
            error!(connection = self.role, "cannot subscribe: a topic filter is invalid");
        }
        self.tell(Event::Connected(publisher)).await;
    }

    fn hears(&self, refused: usize) {
        if refused > 0 {
            error!(connection = self.role, refused, "the broker refused subscriptions; check what this user may hear");
        }
        self.status.send_replace(Status::Up { version: self.level.as_str() });
    }

    /// A message that may be lost gives way when the reader is behind; any other waits for room. Under MQTT 5 there is
    /// always room: the reader's queue is longer than what the broker may have under way.
    async fn deliver(&mut self, delivery: Delivery) {
        if delivery.receipt().is_some() {
            return self.tell(Event::Message(delivery)).await;
        }
        let numbered = Numbered { client: self.number, event: Event::Message(delivery) };
        if self.events.try_send(numbered).is_err() {
            self.dropped_messages += 1;
            debug!(connection = self.role, dropped = self.dropped_messages, "too busy for a message of quality 0");
        }
    }

    // Not `&self`: the client's socket may move between threads, and not be shared by them.
    async fn tell(&mut self, event: Event) {
        // A reader that is gone is on its way to `close`.
        let _ = self.events.send(Numbered { client: self.number, event }).await;
    }

    async fn lost(&mut self, failure: &Failure) {
        self.client = None;
        let held = self.connected.take().map(|since| since.elapsed());
        if held.is_some_and(|held| held >= PROVEN) {
            self.backoff.reset();
        }
        let undecodable = failure.protocol == Protocol::Undecodable && held.is_some();
        self.undecodable = if undecodable { self.undecodable + 1 } else { 0 };
        let fell_back = self.choose_level(failure.protocol, held.is_some());
        let wait = if fell_back { Duration::ZERO } else { self.backoff.next() };
        self.not_before = Instant::now() + wait;
        self.say_why(&failure.reason, wait);
        self.tell(Event::Lost).await;
    }

    /// The version of the next attempt; whether it is 3.1.1 because of this failure.
    fn choose_level(&mut self, protocol: Protocol, was_connected: bool) -> bool {
        if self.version != Version::Auto {
            return false;
        }
        if was_connected {
            // Doubt is no refusal: the broker may only have been starting.
            self.level = if self.v5_refused { Level::V3 } else { Level::V5 };
            return false;
        }
        let refused = matches!(protocol, Protocol::Refused | Protocol::Undecodable);
        match self.level {
            Level::V5 if refused || protocol == Protocol::Doubtful => {
                self.v5_refused = refused;
                self.level = Level::V3;
                true
            }
            Level::V3 if !self.v5_refused || protocol == Protocol::Refused => {
                self.level = Level::V5;
                false
            }
            _ => false,
        }
    }

    fn say_why(&self, reason: &str, wait: Duration) {
        let broker = &self.options.address;
        let seconds = wait.as_secs_f64();
        let news = Status::Down { reason: Some(reason.to_owned()) };
        if *self.status.borrow() == news {
            debug!(connection = self.role, %broker, reason, "still no connection; trying again in {seconds:.1} s");
        } else {
            warn!(connection = self.role, %broker, reason, "no connection to the broker; trying again in {seconds:.1} s");
        }
        self.status.send_replace(news);
    }

    fn drop_now(&mut self, reply: oneshot::Sender<u64>) {
        self.client = None;
        self.connected = None;
        self.not_before = Instant::now();
        self.status.send_replace(Status::Down { reason: None });
        let _ = reply.send(self.number);
    }

    /// Sends what waits, then the farewell. Events have no reader any more.
    async fn say_goodbye(&mut self) {
        let Some(client) = self.client.as_mut().filter(|_| self.connected.is_some()) else { return };
        if client.publisher().disconnect().is_err() {
            return;
        }
        let ended = tokio::time::timeout(GOODBYE, async {
            while !matches!(client.poll().await, Ok(Signal::SaidGoodbye) | Err(_)) {}
        })
        .await;
        debug!(connection = self.role, in_time = ended.is_ok(), "disconnected");
    }
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::V5 => "5",
            Self::V3 => "3.1.1",
        }
    }
}

/// The address, with the configuration's user and password where it has none.
pub(super) fn with_credentials(broker: &Address, config: &Mqtt) -> Address {
    let mut address = broker.clone();
    if address.credentials.is_none() {
        let password = config.password.clone().unwrap_or_default();
        address.credentials = config.username.clone().map(|user| (user, password));
    }
    address
}

#[cfg(test)]
mod tests;

/// Waits until a connection is up.
#[cfg(test)]
pub(crate) async fn until_up(status: &mut watch::Receiver<Status>) -> &'static str {
    let up = status.wait_for(|status| matches!(status, Status::Up { .. })).await.expect("the connection is driven");
    match &*up {
        Status::Up { version } => version,
        Status::Down { .. } => unreachable!("just waited for"),
    }
}
