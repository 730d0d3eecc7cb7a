//! The journal as a whole: chained, found out when touched, stuck without loss, trimmed, erased, followed.

mod bodies;
mod faults;
mod following;
mod tampering;
mod trimming;

use std::sync::Arc;
use std::thread::JoinHandle;

use interlock_core::command::{Approved, Command};
use interlock_core::event::{Access, Observation, Occurrence, Reading};
use interlock_core::time::{Seq, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::anchor::HostKey;
use super::batch::BatchSender;
use super::query::Filter;
use super::record::{Body, Personal, Record};
use super::writer::{End, Writer};
use super::{Entry, Journal, Recorded, Then};
use crate::clock::{Clock, Hand};
use crate::feed::Feed;
use crate::store::testing::Disk;
use crate::store::{Put, Store};
use crate::telemetry::Metrics;

/// A journal with its writer.
struct Desk {
    journal: Journal,
    feed: Feed,
    sender: BatchSender,
    thread: JoinHandle<End>,
    hand: Hand,
    outgoing: mpsc::Receiver<Recorded<Approved<Command>>>,
    next: Seq,
    _folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self::over(store, folder)
    }

    fn on(disk: &Disk) -> Self {
        Self::over(disk.store().unwrap(), tempfile::tempdir().unwrap())
    }

    fn over(store: Store, folder: tempfile::TempDir) -> Self {
        let key = Arc::new(HostKey::open(folder.path()).unwrap());
        let journal = Journal::open(Arc::new(store), key).unwrap();
        let feed = Feed::new();
        let (outlet, outgoing) = mpsc::channel(1);
        let (clock, hand) = Clock::manual(Timestamp(1_000));
        let (sender, thread) = Writer::start(journal.clone(), feed.clone(), outlet, clock, Metrics::default()).unwrap();
        let next = journal.head().seq + 1;
        Self { journal, feed, sender, thread, hand, outgoing, next, _folder: folder }
    }

    /// The next record with this body; its time is its place.
    fn record(&mut self, body: Body) -> Record {
        let seq = self.next;
        self.next += 1;
        Record { seq, at: Timestamp(seq), body }
    }

    /// Hands in a record with rows; what answers when it is durable.
    async fn hand_in(&mut self, body: Body, puts: Vec<Put>) -> oneshot::Receiver<Recorded<()>> {
        let (reply, answer) = oneshot::channel();
        let record = self.record(body);
        let entry = Entry { record: Some(record), puts, then: vec![Then::Reply(reply)] };
        self.sender.send(vec![entry]).await.unwrap();
        answer
    }

    /// Records this and waits until it is durable.
    async fn write(&mut self, body: Body) -> Seq {
        self.hand_in(body, Vec::new()).await.await.unwrap().seq()
    }

    /// Records so many readings in one batch and waits.
    async fn readings(&mut self, count: u64) {
        let mut entries = Vec::new();
        for n in 0..count {
            let record = self.record(reading(n as f64));
            entries.push(Entry { record: Some(record), puts: Vec::new(), then: Vec::new() });
        }
        self.sender.send(entries).await.unwrap();
        let wanted = self.next - 1;
        self.journal.heads().wait_for(|head| head.seq >= wanted).await.unwrap();
    }

    /// Ends the writer and gives back the store's folder.
    fn finish(self) -> (End, tempfile::TempDir) {
        drop(self.sender);
        (self.thread.join().unwrap(), self._folder)
    }

    fn all(&self) -> Vec<Record> {
        self.journal.after(0, usize::MAX, &Filter::everything()).unwrap().records
    }
}

fn reading(value: f64) -> Body {
    let reading = Reading {
        device: "ESP_01".into(),
        channel: "34".into(),
        quantity: "temperature".into(),
        value,
        raw: None,
        unit: Some("°C".into()),
        quality: Default::default(),
        retained: false,
    };
    Body::Event(Observation { id: format!("r{value}"), measured: None, what: Occurrence::Reading(reading) })
}

fn access(principal: &str) -> Body {
    let access = Access {
        principal: principal.into(),
        roles: vec![],
        action: "open".into(),
        target: "door".into(),
        context: serde_json::Value::Null,
    };
    Body::Event(Observation { id: "a".into(), measured: None, what: Occurrence::Access(access) })
}

fn token(by: &str) -> Body {
    Body::Token { id: "t".into(), change: "made".into(), scopes: vec![], by: Personal::from(by) }
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restart() {
    let mut desk = Desk::new();
    desk.readings(3).await;
    let head = desk.journal.head();
    let Desk { sender, thread, _folder: folder, journal, .. } = desk;
    drop(sender);
    assert_eq!(thread.join().unwrap(), End::Drained);
    drop(journal);
    let mut desk = Desk::over(Store::open(folder.path()).unwrap(), folder);
    assert_eq!(desk.journal.head(), head);
    assert_eq!(desk.write(Body::Stopped).await, 4);
    let found = desk.journal.verify(|_, _| {}).unwrap();
    assert!(found.ok, "{found:?}");
    assert_eq!((found.records, found.from, found.to), (4, 1, 4));
}

#[tokio::test]
async fn what_follows_a_commit_sees_it_in_the_journal() {
    let mut desk = Desk::new();
    for n in 1..50 {
        let answer = desk.hand_in(reading(n as f64), vec![Put::Cursor { policy: "p".into(), seq: n }]).await;
        assert_eq!(answer.await.unwrap().seq(), n);
        assert_eq!(desk.journal.get(n, true).unwrap().unwrap().body, reading(n as f64));
        assert_eq!(desk.journal.store().cursors().unwrap()["p"], n);
        assert!(desk.journal.head().seq >= n);
    }
}

#[tokio::test]
async fn a_batch_that_does_not_continue_the_chain_ends_the_writer() {
    let mut desk = Desk::new();
    desk.readings(2).await;
    desk.next = 4;
    let answer = desk.hand_in(Body::Stopped, Vec::new()).await;
    assert!(answer.await.is_err(), "it was never recorded");
    desk.journal.health().wait_for(|health| matches!(health, super::Health::Stopped { .. })).await.unwrap();
    assert_eq!(desk.journal.head().seq, 2);
    assert!(desk.sender.send(Vec::new()).await.is_err());
    assert!(matches!(desk.finish().0, End::Broken { .. }));
}

#[tokio::test]
async fn pages_filter_and_go_on_where_they_stopped() {
    let mut desk = Desk::new();
    desk.readings(5).await;
    desk.write(token("ada")).await;
    desk.readings(5).await;
    let journal = &desk.journal;
    let kinds = |kind: &str| Filter { kinds: vec![kind.into()], ..Filter::default() };
    let seqs = |page: &super::query::Page| page.records.iter().map(|record| record.seq).collect::<Vec<_>>();

    let page = journal.after(2, 3, &kinds("reading")).unwrap();
    assert_eq!((seqs(&page), page.next), (vec![3, 4, 5], Some(5)));
    let page = journal.after(5, 100, &kinds("event")).unwrap();
    assert_eq!((seqs(&page), page.next), (vec![7, 8, 9, 10, 11], None));
    let page = journal.before(Seq::MAX, 2, &Filter::default()).unwrap();
    assert_eq!((seqs(&page), page.next), (vec![11, 10], Some(10)));
    let page = journal.before(7, 1, &kinds("token")).unwrap();
    assert_eq!(seqs(&page), [6]);
    let device = |device: &str| Filter { device: Some(device.into()), ..Filter::default() };
    assert_eq!(journal.after(0, 100, &device("ESP_01")).unwrap().records.len(), 10);
    assert!(journal.after(0, 100, &device("ESP_09")).unwrap().records.is_empty());

    let events = journal.events_after(4, 2).unwrap();
    assert_eq!(events.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [5, 7]);
    assert_eq!((events.upto, events.end), (7, false));
    assert!(journal.events_after(7, 100).unwrap().end);
    let newest = journal.latest_event(|what| matches!(what, Occurrence::Reading(_)), 100).unwrap().unwrap();
    assert_eq!(newest.seq, 11);
    assert!(journal.latest_event(|what| matches!(what, Occurrence::Tick(_)), 100).unwrap().is_none());
}

/// Hands in a command with its row in the outbox; what hears of commands that were not queued.
#[expect(clippy::disallowed_methods, reason = "the gate has tests of its own")]
async fn approve(desk: &mut Desk, id: &str) {
    let record = desk.record(reading(1.0));
    let row = crate::store::OutboxRow { seq: record.seq, command: bodies::command(id) };
    let then = vec![Then::Send(Approved::recall(row.command.clone()))];
    desk.sender.send(vec![Entry { record: Some(record), puts: vec![Put::Outbox(row)], then }]).await.unwrap();
}

#[tokio::test]
async fn a_command_that_does_not_fit_the_outlets_queue_waits_in_the_outbox() {
    let mut desk = Desk::new();
    let mut unqueued = desk.journal.unqueued();
    approve(&mut desk, "c1").await;
    approve(&mut desk, "c2").await;
    unqueued.wait_for(|count| *count == 1).await.unwrap();
    let sent = desk.outgoing.recv().await.unwrap();
    assert_eq!((sent.seq(), sent.get().get().id.as_str()), (1, "c1"));
    let waiting = desk.journal.outbox().unwrap();
    let ids: Vec<_> = waiting.iter().map(|one| (one.seq(), one.get().get().id.as_str())).collect();
    assert_eq!(ids, [(1, "c1"), (2, "c2")]);

    let done = Entry { record: None, puts: vec![Put::OutboxDone("c1".into())], then: vec![] };
    let (reply, answer) = oneshot::channel();
    let asked = Entry { record: None, puts: vec![], then: vec![Then::Reply(reply)] };
    desk.sender.send(vec![done, asked]).await.unwrap();
    assert_eq!(answer.await.unwrap().seq(), 2, "a step without a record stands at the newest one");
    assert_eq!(desk.journal.outbox().unwrap().len(), 1);
}
