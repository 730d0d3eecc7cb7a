//! Clients: what they hear is what was recorded, each once, or they are told what they missed.

use super::*;
use crate::feed::{Heard, Item};

/// Takes items until record `last`.
async fn follow(desk: (Feed, Journal), after: Option<Seq>, last: Seq) -> Vec<Item> {
    let mut follow = desk.0.follow(desk.1, after);
    let mut items = Vec::new();
    loop {
        let item = follow.next().await.unwrap().unwrap();
        let done = matches!(&item, Item::Record(record) if record.seq >= last);
        items.push(item);
        if done {
            return items;
        }
    }
}

fn seqs(items: &[Item]) -> Vec<Seq> {
    items
        .iter()
        .map(|item| match item {
            Item::Record(record) => record.seq,
            Item::Gap { .. } => panic!("a gap: {item:?}"),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_resumes_has_neither_gap_nor_double_while_others_write() {
    let mut desk = Desk::new();
    desk.readings(3_000).await;
    let last = 12_000;
    let clients: Vec<_> = [0, 1, 255, 256, 257, 1_500, 2_999, 3_000]
        .into_iter()
        .map(|after| {
            let handles = (desk.feed.clone(), desk.journal.clone());
            (after, tokio::spawn(follow(handles, Some(after), last)))
        })
        .collect();
    while desk.next <= last {
        desk.readings(50).await;
    }
    for (after, client) in clients {
        let items = client.await.unwrap();
        // Who fell behind while live was told so; whatever came, came in order and once.
        let mut next = after + 1;
        for item in items {
            match item {
                Item::Record(record) => assert_eq!(record.seq, next),
                Item::Gap { from, to, missed } => {
                    assert_eq!((from, missed), (next, to - from + 1));
                    next = to;
                }
            }
            next += 1;
        }
        assert_eq!(next, last + 1);
    }
}

#[tokio::test]
async fn a_client_that_keeps_pace_hears_every_record_once() {
    let mut desk = Desk::new();
    desk.readings(700).await;
    let mut client = desk.feed.follow(desk.journal.clone(), Some(10));
    let mut heard = Vec::new();
    for round in 0..40u64 {
        desk.readings(round % 7 + 1).await;
        while heard.last() != Some(&(desk.next - 1)) {
            let item = client.next().await.unwrap().unwrap();
            heard.extend(seqs(&[item]));
        }
    }
    assert_eq!(heard, (11..desk.next).collect::<Vec<_>>());
}

#[tokio::test]
async fn without_a_place_a_client_hears_what_is_new() {
    let mut desk = Desk::new();
    desk.readings(5).await;
    let mut client = desk.feed.follow(desk.journal.clone(), None);
    desk.write(token("ada")).await;
    let Item::Record(record) = client.next().await.unwrap().unwrap() else { panic!("a gap") };
    assert_eq!((record.seq, &record.body), (6, &token("ada")));
}

#[tokio::test]
async fn a_slow_client_is_told_what_it_missed_and_can_have_it_all_the_same() {
    let mut desk = Desk::new();
    let mut slow = desk.feed.subscribe();
    desk.readings(2).await;
    assert!(matches!(slow.next().await, Some(Heard::Records(records)) if records.len() == 2));
    let mut follower = desk.feed.follow(desk.journal.clone(), None);
    desk.write(Body::Stopped).await;
    assert!(matches!(follower.next().await.unwrap(), Some(Item::Record(_))));
    for _ in 0..600 {
        desk.readings(1).await;
    }
    let Some(Heard::Gap { missed, resume_after }) = slow.next().await else { panic!("no gap") };
    assert_eq!(resume_after, 2);
    let Some(Heard::Records(records)) = slow.next().await else { panic!("no records") };
    assert_eq!(records[0].seq, resume_after + missed + 1);

    let Some(Item::Gap { from, to, missed }) = follower.next().await.unwrap() else { panic!("no gap") };
    assert_eq!((from, missed), (4, to - 3));
    let Some(Item::Record(record)) = follower.next().await.unwrap() else { panic!("no record") };
    assert_eq!(record.seq, to + 1);

    let resumed = follow((desk.feed.clone(), desk.journal.clone()), Some(resume_after), 603).await;
    assert_eq!(seqs(&resumed), (3..=603).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_retention_removed_is_a_gap() {
    let mut desk = Desk::new();
    desk.readings(100).await;
    let limits = crate::config::journal::Journal { max_age_days: 1, max_bytes: 5_000 };
    let anchor = crate::journal::retention::due(&desk.journal, &limits).unwrap().unwrap();
    let first = anchor.first;
    desk.hand_in(Body::Anchored { first, removed: anchor.removed }, vec![Put::Trim(anchor)]).await.await.unwrap();
    let items = follow((desk.feed.clone(), desk.journal.clone()), Some(0), 101).await;
    assert_eq!(items[0], Item::Gap { from: 1, to: first - 1, missed: first - 1 });
    assert_eq!(seqs(&items[1..]), (first..=101).collect::<Vec<_>>());
}

#[tokio::test]
async fn clients_end_when_the_host_stops() {
    let desk = Desk::new();
    let mut client = desk.feed.subscribe();
    let Desk { feed, sender, thread, .. } = desk;
    drop((feed, sender));
    thread.join().unwrap();
    assert!(client.next().await.is_none());
}
