//! Outlet over a real broker, with a real journal and a real latch; the line's door is where the tests listen.

use std::sync::Arc;

use arc_swap::ArcSwap;
use interlock_core::gate::Scope;
use interlock_core::gate::envelope::Table;
use interlock_core::time::Timestamp;
use tokio::task::JoinHandle;

use super::*;
use crate::feed::Feed;
use crate::journal::anchor::HostKey;
use crate::journal::batch::BatchSender;
use crate::journal::record::{Body, Record};
use crate::journal::writer::Writer;
use crate::journal::{Entry, Health, Then};
use crate::latch::StopOrder;
use crate::line::Input;
use crate::mqtt::testing::{SOON, Watcher, Wire, embedded};
use crate::store::{OutboxRow, Put, Store};
use crate::telemetry::Metrics;

/// Everything behind an outlet.
struct Bench {
    journal: Journal,
    batches: Option<BatchSender>,
    commands: Option<mpsc::Receiver<Recorded<Approved<Command>>>>,
    latch: Latch,
    line: Line,
    inputs: mpsc::Receiver<Input>,
    clock: Clock,
    next: u64,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).unwrap());
        let key = Arc::new(HostKey::open(folder.path()).unwrap());
        let journal = Journal::open(store, key).unwrap();
        let clock = Clock::system();
        let (outlet, commands) = mpsc::channel(4);
        let (batches, _thread) =
            Writer::start(journal.clone(), Feed::new(), outlet, clock.clone(), Metrics::default()).unwrap();
        let table = Arc::new(ArcSwap::from_pointee(Table::default()));
        let latch = Latch::open(folder.path(), clock.clone(), table).unwrap();
        let (line, inputs) = Line::new(watch::channel(Health::Writing).1);
        let (batches, commands) = (Some(batches), Some(commands));
        Self { journal, batches, commands, latch, line, inputs, clock, next: 1, _folder: folder }
    }

    /// Records an approved command with its row in the outbox, as the line does.
    async fn approve(&mut self, id: &str, device: &str, valid_ms: u64) {
        let issued = self.clock.now();
        let command = Command {
            id: id.to_owned(),
            actuator: format!("{device}-pump"),
            device: device.to_owned(),
            channel: "18".to_owned(),
            value: 1.0,
            issued,
            valid_until: issued.after(valid_ms),
            hold_ms: None,
            source: "automation".to_owned(),
            reason: "test".to_owned(),
        };
        let seq = self.next;
        self.next += 1;
        let row = OutboxRow { seq, command: command.clone() };
        #[expect(clippy::disallowed_methods, reason = "the gate is not what is tested here")]
        let approved = Approved::recall(command);
        let record = Record { seq, at: Timestamp(seq), body: Body::Stopped };
        let entry = Entry { record: Some(record), puts: vec![Put::Outbox(row)], then: vec![Then::Send(approved)] };
        self.batches.as_ref().unwrap().send(vec![entry]).await.unwrap();
        self.journal.heads().wait_for(|head| head.seq >= seq).await.unwrap();
    }

    fn run(&mut self, broker: &Address) -> (JoinHandle<()>, watch::Receiver<Status>, CancellationToken) {
        let outlet = Outlet::new(&Mqtt::default(), broker, self.clock.clone()).unwrap();
        let (status, close) = (outlet.status(), CancellationToken::new());
        let commands = self.commands.take().unwrap();
        let running = outlet.run(commands, self.journal.clone(), self.latch.clone(), self.line.clone(), close.clone());
        (tokio::spawn(running), status, close)
    }

    /// What the line is told next: a command's id, and why it was not delivered, if it was not.
    async fn told(&mut self) -> (String, Option<String>) {
        match tokio::time::timeout(SOON, self.inputs.recv()).await.expect("the line is told").unwrap() {
            Input::Delivered { id } => (id, None),
            Input::Undelivered { command, reason } => (command.id, Some(reason)),
            _ => panic!("told something else"),
        }
    }

    async fn stop(&self, scope: Scope) -> crate::latch::StopReport {
        let order = StopOrder { id: None, scope, reason: "test".to_owned(), source: "rest", by: "test".to_owned() };
        self.latch.stop(order).await
    }
}

fn delivered(id: &str) -> (String, Option<String>) {
    (id.to_owned(), None)
}

fn undelivered(id: &str, reason: &str) -> (String, Option<String>) {
    (id.to_owned(), Some(reason.to_owned()))
}

const VALID: u64 = 60_000;

#[tokio::test]
async fn a_command_leaves_as_the_table_says_and_the_line_is_told() {
    let (broker, _folder) = embedded().await;
    let mut bench = Bench::new();
    let mut watcher = Watcher::new(&broker, &["kaiser/#"]).await;
    let (task, mut status, _close) = bench.run(&broker.address());
    crate::mqtt::connection::until_up(&mut status).await;
    bench.approve("c-1", "ESP_02", VALID).await;
    let seen = watcher.next().await;
    assert_eq!(seen.topic, "kaiser/god/esp/ESP_02/actuator/18/command");
    assert_eq!((seen.qos, seen.retained), (2, false));
    let payload: serde_json::Value = serde_json::from_slice(&seen.payload).unwrap();
    assert_eq!((&payload["command"], &payload["value"], &payload["id"]), (&"SET".into(), &1.0.into(), &"c-1".into()));
    assert_eq!(payload["valid_until"].as_u64().unwrap() - payload["timestamp"].as_u64().unwrap(), VALID);
    assert!(payload.get("repeat").is_none());
    assert_eq!(bench.told().await, delivered("c-1"));
    // More than the channel holds: the rest comes from the outbox, each once.
    for n in 2..30 {
        bench.approve(&format!("c-{n}"), "ESP_02", VALID).await;
    }
    for n in 2..30 {
        assert_eq!(bench.told().await, delivered(&format!("c-{n}")));
        let payload: serde_json::Value = serde_json::from_slice(&watcher.next().await.payload).unwrap();
        assert_eq!(payload["id"], format!("c-{n}"));
    }
    // The journal's end is the outlet's end.
    bench.batches.take();
    tokio::time::timeout(SOON, task).await.expect("it ends").unwrap();
    broker.stop().await;
}

#[tokio::test]
async fn what_was_not_confirmed_is_sent_again_and_says_so() {
    let (broker, _folder) = embedded().await;
    let wire = Wire::to(&broker).await;
    let mut bench = Bench::new();
    let mut watcher = Watcher::new(&broker, &["kaiser/#"]).await;
    let (task, mut status, close) = bench.run(&wire.address);
    crate::mqtt::connection::until_up(&mut status).await;
    bench.approve("c-1", "ESP_02", VALID).await;
    assert_eq!(bench.told().await, delivered("c-1"));
    assert_eq!(watcher.until(|_, _| true).await["id"], "c-1");

    wire.deafen();
    bench.approve("c-2", "ESP_02", VALID).await;
    wire.until_carried("c-2").await;
    wire.cut();
    // At quality 2 the broker never released the first copy: what devices see is the second, and it says what it is.
    let again = watcher.until(|_, _| true).await;
    assert_eq!((&again["id"], &again["repeat"]), (&"c-2".into(), &true.into()));
    assert_eq!(bench.told().await, delivered("c-2"));
    bench.approve("c-3", "ESP_02", VALID).await;
    let next = watcher.until(|_, _| true).await;
    assert_eq!((&next["id"], next.get("repeat")), (&"c-3".into(), None));
    close.cancel();
    tokio::time::timeout(SOON, task).await.expect("it ends").unwrap();
    broker.stop().await;
}

#[tokio::test]
async fn what_an_earlier_start_left_is_sent_and_marked() {
    let (broker, _folder) = embedded().await;
    let mut bench = Bench::new();
    let mut watcher = Watcher::new(&broker, &["kaiser/#"]).await;
    bench.approve("left", "ESP_02", VALID).await;
    bench.approve("over", "ESP_02", 1).await;
    let (task, _status, close) = bench.run(&broker.address());
    let payload = watcher.until(|_, _| true).await;
    assert_eq!((&payload["id"], &payload["repeat"]), (&"left".into(), &true.into()));
    let mut told = [bench.told().await, bench.told().await];
    told.sort();
    assert_eq!(told, [delivered("left"), undelivered("over", OVER)]);
    close.cancel();
    tokio::time::timeout(SOON, task).await.expect("it ends").unwrap();
    broker.stop().await;
}

#[tokio::test]
async fn without_a_broker_a_command_is_over_when_it_is_over() {
    let mut bench = Bench::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_task, _status, _close) = bench.run(&Address::plain(nobody));
    bench.approve("c-1", "ESP_02", 50).await;
    assert_eq!(bench.told().await, undelivered("c-1", OVER));
}

#[tokio::test]
async fn a_stop_takes_what_has_not_left_and_lets_other_devices_be() {
    let mut bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = crate::mqtt::testing::on_port(port);
    let (task, mut status, close) = bench.run(&Address::plain(config.broker.bind));
    bench.approve("stopped", "ESP_02", VALID).await;
    bench.approve("other", "ESP_03", VALID).await;
    let report = bench.stop(Scope::Device("ESP_02".to_owned())).await;
    assert!(report.outlet_cleared && report.latched_on_disk, "{report:?}");
    // Given up before the stop was answered: no later reset can let it through.
    assert_eq!(bench.told().await, undelivered("stopped", STOPPED));
    bench.approve("later", "ESP_02", VALID).await;

    let broker = crate::mqtt::broker::Broker::start(&config, folder.path()).await.unwrap();
    crate::mqtt::connection::until_up(&mut status).await;
    // What the broker has taken for good; a second client might come too late to hear it.
    let mut told = [bench.told().await, bench.told().await];
    told.sort();
    assert_eq!(told, [undelivered("later", STOPPED), delivered("other")]);

    // With a live connection: dropped, cleared, and connected anew.
    let report = bench.stop(Scope::All).await;
    assert!(report.outlet_cleared, "{report:?}");
    bench.approve("never", "ESP_03", VALID).await;
    assert_eq!(bench.told().await, undelivered("never", STOPPED));
    close.cancel();
    tokio::time::timeout(SOON, task).await.expect("it ends").unwrap();
    broker.stop().await;
}
