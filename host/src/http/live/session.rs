//! One WebSocket client: what it says, what it is told, and when it is over.
//!
//! Two tasks, so that a client which does not read cannot keep its own deadline from being noticed: this one listens and
//! watches, the writer alone touches the socket's sending half. Between them is a bounded queue; when it is full the
//! client's place in the feed simply stays where it is.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::dialect::{self, Safety, Said};
use super::watch::{Step, Watch};
use crate::http::auth::Caller;
use crate::http::error::Problem;
use crate::http::routes::safety::{SafetyOrder, safety};
use crate::http::state::Edge;
use crate::tokens::Scope;

/// Messages between the two tasks.
const QUEUE: usize = 256;
/// Answers that may wait for room in the queue before the client is no longer listened to.
const MAX_WAITING: usize = 64;

/// Serves one client until it goes or must go.
pub(super) async fn serve(socket: WebSocket, edge: Edge, caller: Caller) {
    let (sink, mut incoming) = socket.split();
    let (outgoing, queue) = mpsc::channel(QUEUE);
    let ping = Duration::from_millis(edge.own.config.ping_interval_ms);
    let deadline = Duration::from_millis(edge.own.config.write_timeout_ms);
    let writer = tokio::spawn(write(sink, queue, ping, deadline));
    let mut session = Session::new(edge, caller);
    let mut heard = Instant::now();
    let end = loop {
        let waiting = !session.waiting.is_empty();
        tokio::select! {
            biased;
            () = session.edge.own.drain.cancelled() => break Some((close_code::AWAY, "the host is stopping")),
            () = session.caller.gone() => break Some((close_code::POLICY, "the token is no longer valid")),
            () = outgoing.closed() => break None,
            said = incoming.next(), if session.waiting.len() < MAX_WAITING => match said {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if let Err(end) = session.hear(message).await {
                        break end;
                    }
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "a live client broke off");
                    break Some((close_code::PROTOCOL, "the message cannot be read"));
                }
                None => break None,
            },
            room = outgoing.reserve(), if waiting => match room {
                Ok(room) => {
                    if let Some(message) = session.waiting.pop_front() {
                        room.send(message);
                    }
                }
                Err(_) => break None,
            },
            step = session.watch.next(), if !waiting => match step {
                Ok(Some(step)) => session.tell(step),
                Ok(None) => break Some((close_code::AWAY, "the host is stopping")),
                Err(_) => break Some((close_code::ERROR, "the journal cannot be read")),
            },
            () = sleep_until(heard + 2 * ping + deadline) => break Some((close_code::AWAY, "no word for too long")),
        }
    };
    if let Some((code, reason)) = end {
        let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        // A full queue means a client that does not read: it would not read this either.
        let _ = outgoing.try_send(close);
    }
    drop(outgoing);
    let _ = writer.await;
}

/// Sends what is queued and pings in between; ends when the queue does, or when the client does not take a message
/// within the deadline.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut queue: mpsc::Receiver<Message>,
    ping: Duration,
    deadline: Duration,
) {
    let mut pings = interval_at(Instant::now() + ping, ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            biased;
            message = queue.recv() => match message {
                Some(message) => message,
                None => break,
            },
            _ = pings.tick() => Message::Ping(axum::body::Bytes::new()),
        };
        let last = matches!(message, Message::Close(_));
        if !matches!(timeout(deadline, sink.send(message)).await, Ok(Ok(()))) || last {
            break;
        }
    }
}

/// Why a session ends: a close code and a reason, or none when there is nobody to tell.
type End = Option<(u16, &'static str)>;

struct Session {
    edge: Edge,
    caller: Caller,
    watch: Watch,
    /// Messages for which there was no room yet.
    waiting: VecDeque<Message>,
}

impl Session {
    fn new(edge: Edge, caller: Caller) -> Self {
        let watch = Watch::new(&edge);
        let welcome = dialect::welcome(&uuid::Uuid::now_v7().to_string(), watch.newest());
        Self { edge, caller, watch, waiting: VecDeque::from([text(&welcome)]) }
    }

    fn tell(&mut self, step: Step) {
        match step {
            Step::Events(_, events) => self.waiting.extend(events.iter().map(|event| text(&event.body))),
            Step::Gap { from, to, missed } => {
                self.edge.api.metrics.gap(missed);
                self.waiting.push_back(text(&dialect::gap(from, to, missed)));
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        match message {
            Message::Text(said) => {
                let answer = match dialect::read(&said) {
                    Ok(said) => self.obey(said).await.unwrap_or_else(|problem| dialect::error(&problem)),
                    Err(answer) => answer,
                };
                self.waiting.push_back(text(&answer));
                Ok(())
            }
            Message::Binary(_) => Err(Some((close_code::UNSUPPORTED, "messages are JSON texts"))),
            Message::Close(_) => Err(None),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
        }
    }

    async fn obey(&mut self, said: Said) -> Result<Value, Problem> {
        match said {
            Said::Subscribe { topic, after } => {
                self.watch.subscribe(&topic, after)?;
                Ok(dialect::subscribed(&topic))
            }
            Said::Unsubscribe { topic } => {
                self.watch.unsubscribe(&topic);
                Ok(dialect::unsubscribed(&topic))
            }
            Said::Ping { timestamp } => Ok(dialect::pong(&timestamp)),
            Said::EmergencyStop(safety) => self.stop(safety).await,
            Said::EmergencyReset(safety) => self.reset(safety).await,
        }
    }

    async fn stop(&self, said: Safety) -> Result<Value, Problem> {
        self.caller.may(Scope::SafetyStop)?;
        let order = SafetyOrder::new(said.scope, said.device, said.reason);
        let report = order.stop(&self.edge.api.latch, "websocket", self.caller.name()).await?;
        Ok(with_type("emergency_stopped", serde_json::to_value(report).unwrap_or_default()))
    }

    async fn reset(&self, said: Safety) -> Result<Value, Problem> {
        self.caller.may(Scope::SafetyReset)?;
        let order = SafetyOrder::new(said.scope, said.device, said.reason);
        order.reset(&self.edge.api.latch, &self.caller.name()).await?;
        let left = serde_json::to_value(safety(&self.edge.api.latch)).unwrap_or_default();
        Ok(with_type("emergency_reset", left))
    }
}

fn with_type(kind: &str, mut body: Value) -> Value {
    if let Value::Object(fields) = &mut body {
        fields.insert("event_type".into(), kind.into());
    }
    body
}

fn text(body: &Value) -> Message {
    Message::Text(body.to_string().into())
}
