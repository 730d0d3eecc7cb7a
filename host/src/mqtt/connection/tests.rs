//! One connection against the embedded broker, a broker that is not there yet, and one that speaks no MQTT 5.

use rstest::rstest;
use tokio::task::JoinHandle;

use super::*;
use crate::mqtt::broker::Broker;
use crate::mqtt::client::Qos;
use crate::mqtt::testing::{Refusal, SOON, Watcher, embedded, on_port, only_v3};

struct Driven {
    events: mpsc::Receiver<Numbered>,
    control: Control,
    status: watch::Receiver<Status>,
    close: CancellationToken,
    task: JoinHandle<()>,
}

fn role(filters: &[&str]) -> Role {
    let subscribe = |filter: &&str| Subscription {
        filter: (*filter).to_owned(),
        qos: Qos::AtLeastOnce,
        retained_always: false,
        no_local: true,
    };
    Role {
        name: "test",
        session_expiry_s: Some(600),
        window: 8,
        manual_acks: true,
        subscriptions: filters.iter().map(subscribe).collect(),
        events: 64,
    }
}

fn drive(config: &Mqtt, broker: &Address, role: Role) -> Driven {
    let (connection, events, control) = Connection::new(config, broker, role).unwrap();
    let status = connection.status();
    let close = CancellationToken::new();
    let task = tokio::spawn(connection.drive(close.clone()));
    Driven { events, control, status, close, task }
}

impl Driven {
    async fn event(&mut self) -> Numbered {
        tokio::time::timeout(SOON, self.events.recv()).await.expect("an event comes").unwrap()
    }

    async fn publisher(&mut self) -> Publisher {
        loop {
            if let Event::Connected(publisher) = self.event().await.event {
                return publisher;
            }
        }
    }

    async fn message(&mut self) -> Delivery {
        loop {
            if let Event::Message(delivery) = self.event().await.event {
                return delivery;
            }
        }
    }

    async fn close(self) {
        self.close.cancel();
        tokio::time::timeout(SOON, self.task).await.expect("it says goodbye").unwrap();
    }
}

fn text(delivery: &Delivery) -> &str {
    std::str::from_utf8(delivery.payload()).unwrap()
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again() {
    let (broker, _folder) = embedded().await;
    let mut first = drive(&Mqtt::default(), &broker.address(), role(&["in/+"]));
    assert_eq!(until_up(&mut first.status).await, "5");
    let watcher = Watcher::new(&broker, &[]).await;
    watcher.publish("in/1", "one");
    watcher.publish("in/2", "two");
    let one = first.message().await;
    let two = first.message().await;
    assert_eq!((text(&one), text(&two)), ("one", "two"));
    one.receipt().unwrap().acknowledge();
    // Goodbye is said after what was acknowledged; `two` never is.
    first.close().await;

    let mut second = drive(&Mqtt::default(), &broker.address(), role(&["in/+"]));
    let again = second.message().await;
    assert_eq!(text(&again), "two");
    let stale = two.receipt().unwrap();
    stale.acknowledge();
    again.receipt().unwrap().acknowledge();
    second.close().await;

    let mut third = drive(&Mqtt::default(), &broker.address(), role(&["in/+"]));
    until_up(&mut third.status).await;
    watcher.publish("in/3", "three");
    assert_eq!(text(&third.message().await), "three");
    third.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_yet_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = on_port(port);
    let mut driven = drive(&config, &Address::plain(config.broker.bind), role(&[]));
    let down =
        driven.status.wait_for(|status| matches!(status, Status::Down { reason: Some(_) })).await.unwrap().clone();
    assert!(format!("{down:?}").contains("refused"), "{down:?}");
    let broker = Broker::start(&config, folder.path()).await.unwrap();
    assert_eq!(until_up(&mut driven.status).await, "5");
    driven.close().await;
    broker.stop().await;
}

#[rstest]
#[case(Refusal::V5)]
#[case(Refusal::V3)]
#[case(Refusal::Silence)]
#[tokio::test]
async fn falls_back_to_3_1_1(#[case] refusal: Refusal) {
    let (broker, _folder) = embedded().await;
    let guarded = only_v3(&broker, refusal).await;
    let mut driven = drive(&Mqtt::default(), &guarded, role(&["in/+"]));
    assert_eq!(until_up(&mut driven.status).await, "3.1.1");
    let watcher = Watcher::new(&broker, &["out"]).await;
    watcher.publish("in/1", "one");
    driven.message().await.receipt().unwrap().acknowledge();
    driven.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn only_5_does_not_fall_back() {
    let (broker, _folder) = embedded().await;
    let guarded = only_v3(&broker, Refusal::V5).await;
    let config = Mqtt { version: Version::V5, ..Mqtt::default() };
    let mut driven = drive(&config, &guarded, role(&[]));
    let down =
        driven.status.wait_for(|status| matches!(status, Status::Down { reason: Some(_) })).await.unwrap().clone();
    assert!(format!("{down:?}").contains("UnsupportedProtocolVersion"), "{down:?}");
    driven.close().await;
    broker.stop().await;
}

#[rstest]
#[case(Version::V5)]
#[case(Version::V3)]
#[tokio::test]
async fn what_is_published_gets_its_number_and_its_answer(#[case] version: Version) {
    let (broker, _folder) = embedded().await;
    let mut watcher = Watcher::new(&broker, &["out/#"]).await;
    let config = Mqtt { version, ..Mqtt::default() };
    let mut driven = drive(&config, &broker.address(), role(&[]));
    let publisher = driven.publisher().await;
    for (n, qos) in [Qos::AtLeastOnce, Qos::ExactlyOnce].into_iter().enumerate() {
        publisher.publish(&format!("out/{n}"), b"x".to_vec(), qos, Some(60)).unwrap();
        let Event::Sent(id) = driven.event().await.event else { panic!("not sent") };
        let Event::Completed(answered) = driven.event().await.event else { panic!("not completed") };
        assert_eq!(id, answered);
        let seen = watcher.next().await;
        assert_eq!((seen.topic, seen.qos, seen.retained), (format!("out/{n}"), n as u8 + 1, false));
    }
    driven.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_dropped_client_sends_nothing_and_is_replaced() {
    let (broker, _folder) = embedded().await;
    let mut driven = drive(&Mqtt::default(), &broker.address(), role(&[]));
    let old = driven.publisher().await;
    let gone = driven.control.drop_client().await.unwrap();
    assert!(old.publish("out", b"late".to_vec(), Qos::ExactlyOnce, None).is_err());
    let new = loop {
        let Numbered { client, event } = driven.event().await;
        if let Event::Connected(publisher) = event {
            assert!(client > gone);
            break publisher;
        }
    };
    let mut watcher = Watcher::new(&broker, &["out"]).await;
    new.publish("out", b"now".to_vec(), Qos::ExactlyOnce, None).unwrap();
    assert_eq!(watcher.next().await.payload, b"now");
    driven.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_lost_broker_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&on_port(0), folder.path()).await.unwrap();
    let config = on_port(broker.local_addr().port());
    let mut driven = drive(&config, &broker.address(), role(&["in/+"]));
    until_up(&mut driven.status).await;
    broker.stop().await;
    driven.status.wait_for(|status| matches!(status, Status::Down { .. })).await.unwrap();
    let broker = Broker::start(&config, folder.path()).await.unwrap();
    until_up(&mut driven.status).await;
    let watcher = Watcher::new(&broker, &[]).await;
    watcher.publish("in/1", "after");
    assert_eq!(text(&driven.message().await), "after");
    driven.close().await;
    broker.stop().await;
}
