//! What the tests of this room share: an embedded broker in a folder of its own, a client that is not ours, and a
//! broker that speaks no MQTT 5.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};

use super::address::Address;
use super::broker::Broker;
use crate::config::mqtt::Mqtt;

/// Nothing that is waited for takes this long.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// An embedded broker on a free port.
pub(crate) async fn embedded() -> (Broker, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Broker::start(&on_port(0), folder.path()).await.unwrap(), folder)
}

/// A configuration whose embedded broker listens on this port.
pub(crate) fn on_port(port: u16) -> Mqtt {
    let mut config = Mqtt::default();
    config.broker.bind.set_port(port);
    config
}

/// A message that a [`Watcher`] saw.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retained: bool,
}

/// A plain client that sees what is published and publishes itself.
pub(crate) struct Watcher {
    client: AsyncClient,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Watcher {
    /// A client that hears these filters.
    pub(crate) async fn new(broker: &Broker, filters: &[&str]) -> Self {
        let id = format!("watcher-{}", uuid::Uuid::now_v7());
        let mut options = MqttOptions::new(id, "127.0.0.1", broker.local_addr().port());
        options.set_keep_alive(Duration::from_secs(5));
        let (client, mut events) = AsyncClient::new(options, 1_000);
        for filter in filters {
            client.try_subscribe(*filter, QoS::ExactlyOnce).unwrap();
        }
        let (sender, seen) = mpsc::unbounded_channel();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let mut ready = Some(ready);
        // Without a filter the connection itself is what is waited for.
        let mut left = filters.len();
        tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                let done = match event {
                    Event::Incoming(Packet::Publish(publish)) => {
                        let seen = Seen {
                            topic: publish.topic,
                            payload: publish.payload.to_vec(),
                            qos: publish.qos as u8,
                            retained: publish.retain,
                        };
                        if sender.send(seen).is_err() {
                            return;
                        }
                        0
                    }
                    Event::Incoming(Packet::SubAck(_)) => 1,
                    _ => 0,
                };
                left = left.saturating_sub(done);
                if left == 0
                    && let Some(ready) = ready.take()
                {
                    let _ = ready.send(());
                }
            }
        });
        tokio::time::timeout(SOON, is_ready).await.expect("the watcher subscribes").unwrap();
        Self { client, seen }
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Seen {
        tokio::time::timeout(SOON, self.seen.recv()).await.expect("a message comes").unwrap()
    }

    /// The payload of the next message that fits; what is no JSON is null.
    pub(crate) async fn until(&mut self, fits: impl Fn(&str, &Value) -> bool) -> Value {
        let fitting = async {
            loop {
                let seen = self.next().await;
                let payload = serde_json::from_slice(&seen.payload).unwrap_or_default();
                if fits(&seen.topic, &payload) {
                    return payload;
                }
            }
        };
        tokio::time::timeout(SOON, fitting).await.expect("a message that fits comes")
    }

    pub(crate) fn publish(&self, topic: &str, payload: &str) {
        self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).unwrap();
    }

    pub(crate) fn publish_retained(&self, topic: &str, payload: &str) {
        self.client.try_publish(topic, QoS::AtLeastOnce, true, payload).unwrap();
    }
}

/// A wire to a broker that can be cut, or let nothing back.
pub(crate) struct Wire {
    pub(crate) address: Address,
    ends: Arc<Ends>,
}

struct Ends {
    behind: std::net::SocketAddr,
    deaf: AtomicBool,
    cut: Notify,
    /// What went from the host to the broker.
    carried: watch::Sender<Vec<u8>>,
}

impl Wire {
    pub(crate) async fn to(broker: &Broker) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::plain(listener.local_addr().unwrap());
        let ends = Arc::new(Ends {
            behind: broker.local_addr(),
            deaf: AtomicBool::new(false),
            cut: Notify::new(),
            carried: watch::Sender::default(),
        });
        let carrying = Arc::clone(&ends);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let ends = Arc::clone(&carrying);
                tokio::spawn(async move { ends.carry(stream).await });
            }
        });
        Self { address, ends }
    }

    /// From here on nothing comes back from the broker.
    pub(crate) fn deafen(&self) {
        self.ends.deaf.store(true, Ordering::SeqCst);
    }

    /// Waits until the host has sent this.
    pub(crate) async fn until_carried(&self, text: &str) {
        let mut carried = self.ends.carried.subscribe();
        let has = |bytes: &Vec<u8>| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        tokio::time::timeout(SOON, carried.wait_for(has)).await.expect("the host sends it").unwrap();
    }

    /// Ends every connection; new ones carry both ways.
    pub(crate) fn cut(&self) {
        self.ends.deaf.store(false, Ordering::SeqCst);
        self.ends.cut.notify_waiters();
    }
}

impl Ends {
    async fn carry(&self, stream: TcpStream) {
        let Ok(broker) = TcpStream::connect(self.behind).await else { return };
        let (mut from_host, mut to_host) = stream.into_split();
        let (mut from_broker, mut to_broker) = broker.into_split();
        let there = async {
            let mut buffer = [0; 4_096];
            while let Ok(count @ 1..) = from_host.read(&mut buffer).await {
                self.carried.send_modify(|carried| carried.extend(&buffer[..count]));
                if to_broker.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        };
        let back = async {
            let mut buffer = [0; 4_096];
            while let Ok(count @ 1..) = from_broker.read(&mut buffer).await {
                if !self.deaf.load(Ordering::SeqCst) && to_host.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = there => {}
            () = back => {}
            () = self.cut.notified() => {}
        }
    }
}

/// How a broker refuses MQTT 5.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    /// As MQTT 5 says it: reason 0x84.
    V5,
    /// As 3.1.1 says it: return code 1, without properties.
    V3,
    /// It hangs up.
    Silence,
}

/// A broker that refuses MQTT 5 and lets anybody else through to `behind`.
pub(crate) async fn only_v3(behind: &Broker, refusal: Refusal) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::plain(listener.local_addr().unwrap());
    let behind = behind.local_addr();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(guard(stream, behind, refusal));
        }
    });
    address
}

async fn guard(mut stream: TcpStream, behind: std::net::SocketAddr, refusal: Refusal) {
    // Fixed header, length, protocol name `MQTT`, level.
    let mut head = [0; 9];
    if stream.read_exact(&mut head).await.is_err() {
        return;
    }
    if head[8] == 5 {
        let answer: &[u8] = match refusal {
            Refusal::V5 => &[0x20, 3, 0, 0x84, 0],
            Refusal::V3 => &[0x20, 2, 0, 1],
            Refusal::Silence => &[],
        };
        let _ = stream.write_all(answer).await;
        return;
    }
    let Ok(mut broker) = TcpStream::connect(behind).await else { return };
    if broker.write_all(&head).await.is_ok() {
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut broker).await;
    }
}
