//! The stop wire over a real broker, with a real latch; what is recorded arrives at the line's door.

use std::sync::Arc;

use arc_swap::ArcSwap;
use interlock_core::gate::envelope::Table;
use rstest::rstest;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::Clock;
use crate::config::mqtt::Version;
use crate::journal::Health;
use crate::journal::record::Body;
use crate::line::Input;
use crate::mqtt::broker::Broker;
use crate::mqtt::testing::{SOON, Watcher, Wire as Cable, embedded, on_port};

struct Bench {
    latch: Latch,
    inputs: mpsc::Receiver<Input>,
    status: watch::Receiver<Status>,
    close: CancellationToken,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

/// Two devices, one actuator each.
fn table() -> Table {
    let envelope = |device: &str| {
        serde_json::from_value(serde_json::json!({"device": device, "channel": "18", "kind": "switch"})).unwrap()
    };
    let actuators = [("fan".to_owned(), envelope("ESP_01")), ("pump".to_owned(), envelope("ESP_02"))];
    Table::new(actuators.into(), BTreeSet::new())
}

fn run(config: &Mqtt, broker: &Address) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let (stops, wire) = Stops::new(config, broker, clock.clone()).unwrap();
    let latch = Latch::open(folder.path(), clock, Arc::new(ArcSwap::from_pointee(table()))).unwrap();
    let (line, inputs) = Line::new(watch::channel(Health::Writing).1);
    latch.connect(wire, line.clone());
    let (status, close) = (stops.status(), CancellationToken::new());
    let task = tokio::spawn(stops.run(latch.clone(), line, close.clone()));
    Bench { latch, inputs, status, close, task, _folder: folder }
}

impl Bench {
    async fn up(&mut self) {
        crate::mqtt::connection::until_up(&mut self.status).await;
    }

    async fn stop(&self, id: &str, scope: Scope) {
        let id = Some(id.to_owned());
        let order = StopOrder { id, scope, reason: "smoke".to_owned(), source: "rest", by: "test".to_owned() };
        self.latch.stop(order).await;
    }

    /// The next stop that is recorded: id, scope, source.
    async fn recorded(&mut self) -> (String, Scope, String) {
        match tokio::time::timeout(SOON, self.inputs.recv()).await.expect("a stop is recorded").unwrap() {
            Input::Note { body, .. } => match *body {
                Body::Stop { id, scope, source, .. } => (id, scope, source),
                other => panic!("not a stop: {other:?}"),
            },
            _ => panic!("not a record"),
        }
    }

    async fn unread(&mut self) -> String {
        match tokio::time::timeout(SOON, self.inputs.recv()).await.expect("something arrives").unwrap() {
            Input::Arrived(arrival, None) => arrival.what.unwrap_err().reason,
            _ => panic!("not an arrival"),
        }
    }

    async fn end(self) {
        self.close.cancel();
        tokio::time::timeout(SOON, self.task).await.expect("it ends").unwrap();
    }
}

fn device(id: &str) -> Scope {
    Scope::Device(id.to_owned())
}

#[rstest]
#[case(Version::V5)]
#[case(Version::V3)]
#[tokio::test]
async fn a_stop_is_told_in_order_and_its_echo_is_no_second_one(#[case] version: Version) {
    let (broker, _folder) = embedded().await;
    let config = Mqtt { version, ..Mqtt::default() };
    let mut bench = run(&config, &broker.address());
    bench.up().await;
    let mut watcher = Watcher::new(&broker, &["kaiser/#"]).await;
    bench.stop("s-1", Scope::All).await;
    let mut topics = Vec::new();
    for n in 0..5 {
        let seen = watcher.next().await;
        let payload: serde_json::Value = serde_json::from_slice(&seen.payload).unwrap();
        assert!(!seen.retained);
        if n < 3 {
            assert_eq!(payload, serde_json::json!({"stop": true, "reason": "smoke", "id": "s-1"}));
        } else {
            assert_eq!((&payload["command"], &payload["value"]), (&"SET".into(), &0.0.into()));
        }
        topics.push(seen.topic);
    }
    let expected = [
        "kaiser/broadcast/emergency",
        "kaiser/god/esp/ESP_01/system/emergency",
        "kaiser/god/esp/ESP_02/system/emergency",
        "kaiser/god/esp/ESP_01/actuator/18/command",
        "kaiser/god/esp/ESP_02/actuator/18/command",
    ];
    assert_eq!(topics, expected);
    assert_eq!(bench.recorded().await, ("s-1".to_owned(), Scope::All, "rest".to_owned()));
    // What is heard after every echo has passed is the next stop.
    watcher.publish("kaiser/broadcast/emergency", r#"{"stop": true, "id": "s-2"}"#);
    assert_eq!(bench.recorded().await, ("s-2".to_owned(), Scope::All, "mqtt".to_owned()));
    bench.end().await;
    broker.stop().await;
}

#[tokio::test]
async fn stops_are_heard_from_any_kaiser_and_a_message_never_resets() {
    let (broker, _folder) = embedded().await;
    let mut bench = run(&Mqtt::default(), &broker.address());
    bench.up().await;
    let watcher = Watcher::new(&broker, &[]).await;
    watcher.publish("kaiser/other/esp/ESP_02/system/emergency", r#"{"stop": true, "id": "d-1", "reason": "jam"}"#);
    assert_eq!(bench.recorded().await, ("d-1".to_owned(), device("ESP_02"), "mqtt".to_owned()));
    assert!(!bench.latch.permits("ESP_02") && bench.latch.permits("ESP_01"));

    watcher.publish("kaiser/god/esp/ESP_02/system/emergency", r#"{"stop": false}"#);
    assert!(bench.unread().await.contains("never resets"));
    assert!(!bench.latch.permits("ESP_02"));

    watcher.publish("kaiser/broadcast/emergency", "HALT");
    assert_eq!(bench.recorded().await.1, Scope::All);
    assert!(!bench.latch.permits("ESP_01"));
    bench.end().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_retained_stop_counts_once_however_often_the_connection_comes_back() {
    let (broker, _folder) = embedded().await;
    let mut watcher = Watcher::new(&broker, &["kaiser/god/#"]).await;
    watcher.publish_retained("kaiser/god/esp/ESP_02/system/emergency", r#"{"stop": true}"#);
    // Heard back: the broker has it.
    watcher.next().await;
    let cable = Cable::to(&broker).await;
    let mut bench = run(&Mqtt::default(), &cable.address);
    assert_eq!(bench.recorded().await.1, device("ESP_02"));
    bench.up().await;
    cable.cut();
    bench.status.wait_for(|status| matches!(status, Status::Down { .. })).await.unwrap();
    bench.up().await;
    // The retained message came again with the subscription; what is recorded next is another stop.
    watcher.publish("kaiser/broadcast/emergency", r#"{"stop": true, "id": "s-2"}"#);
    assert_eq!(bench.recorded().await.0, "s-2");
    bench.end().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_stop_is_kept_for_a_broker_that_is_away() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = on_port(port);
    let mut bench = run(&config, &Address::plain(config.broker.bind));
    bench.stop("s-1", device("ESP_02")).await;
    bench.recorded().await;
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&config, folder.path()).await.unwrap();
    let mut watcher = Watcher::new(&broker, &["kaiser/#"]).await;
    let seen = watcher.next().await;
    assert_eq!(seen.topic, "kaiser/god/esp/ESP_02/system/emergency");
    let value = watcher.until(|topic, _| topic.ends_with("/command")).await;
    assert_eq!(value["repeat"], true);
    let late = value["valid_until"].as_u64().unwrap();
    assert!(late > Clock::system().now().0, "a safe value does not go stale while the stop stands");
    bench.end().await;
    broker.stop().await;
}

fn ears() -> (Ears, mpsc::Receiver<Arrival>) {
    let (unread, arrivals) = mpsc::channel(4);
    let template = |text: &str| Template::parse(text).unwrap();
    let ears = Ears {
        broadcast: template("kaiser/broadcast/emergency"),
        device: template("kaiser/{kaiser}/esp/{device}/system/emergency"),
        retained: VecDeque::new(),
        heard: VecDeque::new(),
        unread,
    };
    (ears, arrivals)
}

#[test]
fn an_own_id_is_an_echo_only_while_the_stop_stands() {
    let (mut ears, _arrivals) = ears();
    let own = VecDeque::from(["s-1".to_owned()]);
    let mut hear = |stopped: &BTreeSet<Scope>| {
        let topic = "kaiser/god/esp/ESP_02/system/emergency".to_owned();
        ears.hear(topic, br#"{"stop": true, "id": "s-1"}"#, false, &own, stopped);
        ears.heard.len()
    };
    assert_eq!(hear(&BTreeSet::from([Scope::All])), 0);
    assert_eq!(hear(&BTreeSet::from([device("ESP_02")])), 0);
    assert_eq!(hear(&BTreeSet::new()), 1, "after a reset the same id stops again");
}

#[test]
fn more_stops_than_can_be_told_apart_stop_everything() {
    let (mut ears, _arrivals) = ears();
    for n in 0..=HEARD {
        let topic = format!("kaiser/god/esp/E{n}/system/emergency");
        ears.hear(topic, b"{}", false, &VecDeque::new(), &BTreeSet::new());
    }
    assert_eq!(ears.heard.len(), 1);
    assert_eq!(ears.heard.front().unwrap().scope, Scope::All);
}
