//! The stop wire: a connection with nothing on it but stops, out and in.
//!
//! Out: the broadcast, each device's emergency topic, every actuator's safe value, in that order. With quality of
//! service 1, not 2: a stop may be heard twice without harm, and at 2 brokers hold a message back until a second round
//! trip has released it, which is the very time a stop does not have. Commands are the other way round.
//!
//! In: `kaiser/broadcast/emergency` and every device's emergency topic, of any kaiser. A retained stop counts, so that a
//! host which comes up while somebody's stop stands comes up stopped; but each retained message counts once, or every
//! reconnection would undo a reset. What else counts is said in [`heard`].
//!
//! While the broker is away the newest stop of each scope is kept, and sent when it is back and the stop still stands.

mod heard;
mod order;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use interlock_core::command::SafeCommand;
use interlock_core::gate::Scope;
use interlock_core::topic::Template;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use super::address::Address;
use super::client::{Publisher, Qos, Subscription};
use super::connection::{Connection, Control, Event, Numbered, Role, SetupError, Status};
use super::intake::{malformed, template};
use super::numbering::Numbering;
use crate::clock::Clock;
use crate::config::mqtt::Mqtt;
use crate::latch::{Latch, StopOrder};
use crate::line::{Arrival, Line};
use heard::Heard;
use order::{Messages, Order};

/// Stops that may wait for this task. It takes them at once, so more are a flood.
const ORDERS: usize = 64;
/// Stops heard that may wait for the latch; beyond that they become one stop of everything.
const HEARD: usize = 256;
/// Retained stops and own ids that are remembered.
const REMEMBERED: usize = 256;
/// Scopes whose newest stop is kept for a broker that is away.
const KEPT: usize = 1_024;
/// Messages under way at once.
const WINDOW: u16 = 1_024;

/// A stop to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopMessage {
    /// The stop's id.
    pub id: String,
    /// What is stopped.
    pub scope: Scope,
    /// Why.
    pub reason: String,
}

/// The latch's end of the wire. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StopWire {
    orders: mpsc::Sender<Order>,
}

impl StopWire {
    /// Hands in a stop with its safe values, without waiting; how many of the values were taken. If the broker is away
    /// they are sent when it is back, as long as the stop stands.
    pub fn send(&self, message: StopMessage, commands: Vec<SafeCommand>) -> usize {
        let count = commands.len();
        match self.orders.try_send(Order { message, commands }) {
            Ok(()) => count,
            Err(_) => 0,
        }
    }
}

/// The broker's end of the wire; see [`Stops::run`].
pub struct Stops {
    connection: Connection,
    events: mpsc::Receiver<Numbered>,
    _control: Control,
    orders: mpsc::Receiver<Order>,
    messages: Messages,
    broadcast: Template,
    device: Template,
}

impl Stops {
    /// The two ends of a stop wire to this broker.
    ///
    /// # Errors
    /// When a topic, a sink or a certificate is unusable.
    pub fn new(config: &Mqtt, broker: &Address, clock: Clock) -> Result<(Self, StopWire), SetupError> {
        let broadcast = template(&config.topics.broadcast, &config.kaiser)?;
        // Any kaiser's stop counts: the `{kaiser}` stays open.
        let device = Template::parse(&config.topics.emergency)
            .map_err(|why| SetupError::Config(vec![format!("topic `{}`: {why}", config.topics.emergency)]))?;
        let subscribe = |template: &Template| Subscription {
            filter: template.filter(),
            qos: Qos::AtLeastOnce,
            retained_always: true,
            no_local: true,
        };
        let role = Role {
            name: "stop",
            session_expiry_s: None,
            window: WINDOW,
            manual_acks: false,
            subscriptions: vec![subscribe(&broadcast), subscribe(&device)],
            events: 4 * usize::from(WINDOW),
        };
        let (connection, events, control) = Connection::new(config, broker, role)?;
        let (sender, orders) = mpsc::channel(ORDERS);
        let messages = Messages::new(config, clock)?;
        let stops = Self { connection, events, _control: control, orders, messages, broadcast, device };
        Ok((stops, StopWire { orders: sender }))
    }

    /// How the connection stands, now and later.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.connection.status()
    }

    /// Tells and hears stops until `close`.
    pub async fn run(self, latch: Latch, line: Line, close: CancellationToken) {
        let Self { connection, events, orders, messages, broadcast, device, _control } = self;
        let (stop_sender, stops) = mpsc::channel(1);
        let (unread_sender, unread) = mpsc::channel(16);
        let wire = Wire {
            latch: latch.clone(),
            messages,
            ears: Ears { broadcast, device, retained: VecDeque::new(), heard: VecDeque::new(), unread: unread_sender },
            publisher: None,
            kept: BTreeMap::new(),
            own: VecDeque::new(),
            under_way: Numbering::default(),
        };
        tokio::select! {
            () = connection.drive(close) => {}
            () = wire.run(events, orders, stop_sender) => {}
            () = latch_all(latch, stops) => {}
            () = write_down(line, unread) => {}
        }
    }
}

/// Latches what was heard, one after the other: latching waits for the disk, and the wire must not.
async fn latch_all(latch: Latch, mut stops: mpsc::Receiver<StopOrder>) {
    while let Some(order) = stops.recv().await {
        let report = latch.stop(order).await;
        info!(id = report.id, on_disk = report.latched_on_disk, "a stop heard over MQTT is latched");
    }
    std::future::pending().await
}

/// Records messages on emergency topics that are no stop.
async fn write_down(line: Line, mut unread: mpsc::Receiver<Arrival>) {
    while let Some(arrival) = unread.recv().await {
        if let Err(refusal) = line.arrive(arrival).await {
            debug!(%refusal, "a message on an emergency topic was not recorded");
        }
    }
    std::future::pending().await
}

/// The task's state: what is to be told, and who listens.
struct Wire {
    latch: Latch,
    messages: Messages,
    ears: Ears,
    publisher: Option<Publisher>,
    /// The newest stop of each scope that the broker does not have for good.
    kept: BTreeMap<Scope, Kept>,
    /// Ids of our own newest stops: under 3.1.1 they come back to us.
    own: VecDeque<String>,
    under_way: Numbering<Scope>,
}

/// A stop and how many of its messages the broker has not confirmed.
struct Kept {
    order: Order,
    unconfirmed: usize,
}

impl Wire {
    async fn run(
        mut self,
        mut events: mpsc::Receiver<Numbered>,
        mut orders: mpsc::Receiver<Order>,
        stops: mpsc::Sender<StopOrder>,
    ) {
        loop {
            tokio::select! {
                biased;
                Some(order) = orders.recv() => self.tell(order),
                Ok(room) = stops.reserve(), if !self.ears.heard.is_empty() => {
                    if let Some(order) = self.ears.heard.pop_front() {
                        room.send(order);
                    }
                }
                Some(numbered) = events.recv() => self.hear(numbered.event),
                else => return,
            }
        }
    }

    /// A stop of our own.
    fn tell(&mut self, order: Order) {
        remember(&mut self.own, order.message.id.clone());
        let scope = order.message.scope.clone();
        self.publish(&order, false);
        if self.kept.len() >= KEPT && !self.kept.contains_key(&scope) {
            error!(?scope, "too many stops wait for the broker; this one is latched here and told once");
            return;
        }
        self.kept.insert(scope.clone(), Kept { order, unconfirmed: 0 });
        self.count(&scope);
    }

    /// Hands every message of a stop to the client, if there is one.
    fn publish(&mut self, order: &Order, again: bool) {
        let Some(publisher) = &self.publisher else { return };
        for wire in self.messages.of(order, again) {
            if publisher.publish(&wire.topic, wire.payload, Qos::AtLeastOnce, None).is_err() {
                self.publisher = None;
                return;
            }
            self.under_way.push(order.message.scope.clone());
        }
    }

    fn count(&mut self, scope: &Scope) {
        let unconfirmed = self.under_way.iter().filter(|told| *told == scope).count();
        if let Some(kept) = self.kept.get_mut(scope) {
            kept.unconfirmed = unconfirmed;
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Connected(publisher) => self.connected(publisher),
            Event::Sent(id) => self.under_way.sent(id),
            Event::Completed(id) => self.confirmed(id),
            Event::Refused(id, reason) => {
                error!(reason, "the broker refused a message of a stop; check what this user may publish");
                self.confirmed(id);
            }
            Event::Lost => {
                self.publisher = None;
                drop(self.under_way.drain());
            }
            Event::Message(delivery) => {
                let topic = delivery.topic().map_or_else(|remains| remains, str::to_owned);
                let stopped = self.latch.stopped();
                self.ears.hear(topic, delivery.payload(), delivery.retained(), &self.own, &stopped);
            }
        }
    }

    /// A new client: whatever still stands and was not confirmed is told again.
    fn connected(&mut self, publisher: Publisher) {
        drop(self.under_way.drain());
        self.publisher = Some(publisher);
        let stopped = self.latch.stopped();
        let kept = std::mem::take(&mut self.kept);
        for (scope, kept) in kept {
            if covered(&stopped, &scope) {
                self.publish(&kept.order, true);
                self.kept.insert(scope.clone(), kept);
                self.count(&scope);
            }
        }
    }

    fn confirmed(&mut self, id: u16) {
        let Some(scope) = self.under_way.answered(id) else { return };
        let Some(kept) = self.kept.get_mut(&scope) else { return };
        kept.unconfirmed = kept.unconfirmed.saturating_sub(1);
        if kept.unconfirmed == 0 {
            self.kept.remove(&scope);
        }
    }
}

/// The listening half.
#[derive(Debug)]
struct Ears {
    broadcast: Template,
    device: Template,
    /// Digests of retained stops that were heard before.
    retained: VecDeque<String>,
    heard: VecDeque<StopOrder>,
    unread: mpsc::Sender<Arrival>,
}

impl Ears {
    fn hear(
        &mut self,
        topic: String,
        payload: &[u8],
        retained: bool,
        own: &VecDeque<String>,
        stopped: &BTreeSet<Scope>,
    ) {
        let (id, reason) = match heard::read(payload) {
            Heard::Stop { id, reason } => (id, reason),
            Heard::Nothing(why) => return self.no_stop(topic, why, payload),
        };
        let scope = self.scope(&topic);
        if id.as_ref().is_some_and(|id| own.contains(id)) && covered(stopped, &scope) {
            return;
        }
        let new = self.is_new(&topic, payload);
        if retained && !new {
            return;
        }
        self.push(StopOrder { id, scope, reason, source: "mqtt", by: topic });
    }

    /// What a topic stops. A topic that matches neither template came over a subscription all the same: everything.
    fn scope(&self, topic: &str) -> Scope {
        if self.broadcast.captures(topic).is_some() {
            return Scope::All;
        }
        let captures = self.device.captures(topic);
        captures
            .and_then(|captures| captures.get("device"))
            .map_or(Scope::All, |device| Scope::Device(device.to_owned()))
    }

    /// A retained message that was not heard since the start.
    fn is_new(&mut self, topic: &str, payload: &[u8]) -> bool {
        let digest = Sha256::new().chain_update(topic).chain_update([0]).chain_update(payload).finalize();
        let digest = hex::encode(digest);
        let new = !self.retained.contains(&digest);
        if new {
            remember(&mut self.retained, digest);
        }
        new
    }

    fn push(&mut self, order: StopOrder) {
        if self.heard.len() < HEARD {
            return self.heard.push_back(order);
        }
        let reason = "more stops were heard than can be told apart".to_owned();
        self.heard.clear();
        self.heard.push_back(StopOrder { id: None, scope: Scope::All, reason, ..order });
    }

    fn no_stop(&self, topic: String, why: &str, payload: &[u8]) {
        info!(topic, why, "a message on an emergency topic is no stop");
        let what = Err(malformed(topic, why.to_owned(), payload));
        // A flood of these is not worth the journal's room.
        let _ = self.unread.try_send(Arrival { what, ack: None });
    }
}

/// Whether a scope is stopped, by itself or with everything.
fn covered(stopped: &BTreeSet<Scope>, scope: &Scope) -> bool {
    stopped.contains(&Scope::All) || stopped.contains(scope)
}

fn remember(recent: &mut VecDeque<String>, one: String) {
    if recent.len() >= REMEMBERED {
        recent.pop_front();
    }
    recent.push_back(one);
}
