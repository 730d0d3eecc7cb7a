//! Retention: the oldest go, under an anchor that this host signed.

use super::*;
use crate::config::journal::Journal as Limits;
use crate::journal::retention::{due, keep_by};
use crate::line::Refusal;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Keeps the desk's journal within limits until nothing is due.
async fn trim(desk: &mut Desk, limits: &Limits) -> Vec<Seq> {
    let mut firsts = Vec::new();
    while let Some(anchor) = due(&desk.journal, limits).unwrap() {
        firsts.push(anchor.first);
        let body = Body::Anchored { first: anchor.first, removed: anchor.removed };
        desk.hand_in(body, vec![Put::Trim(anchor)]).await.await.unwrap();
    }
    firsts
}

#[tokio::test]
async fn too_many_bytes_go_in_steps_and_the_rest_verifies_from_the_anchor() {
    let mut desk = Desk::new();
    desk.write(token("ada")).await;
    desk.readings(4_000).await;
    desk.readings(3_000).await;
    let bytes = desk.journal.store().chain(|chain| chain.tail()).unwrap().bytes;
    let firsts = trim(&mut desk, &Limits { max_age_days: 30, max_bytes: bytes / 4 }).await;
    assert!(firsts.len() >= 3 && firsts[0] == 2_049, "bounded steps: {firsts:?}");
    let tail = desk.journal.store().chain(|chain| chain.tail()).unwrap();
    assert!(tail.bytes <= bytes / 4 && tail.bytes > bytes / 5, "{tail:?}");
    let found = desk.journal.verify(|_, _| {}).unwrap();
    assert!(found.ok, "{found:?}");
    assert_eq!(found.from, *firsts.last().unwrap());
    assert_eq!(found.records, tail.records);
    assert_eq!(found.anchors, firsts.len() as u64);
    assert_eq!(desk.journal.first().unwrap(), firsts.last().copied());
    assert!(desk.journal.store().chain(|chain| chain.personal.get(1, 0)).unwrap().is_none());
    // The chain goes on, over a restart too.
    let head = desk.journal.head();
    let (end, folder) = {
        let Desk { sender, thread, _folder, journal, .. } = desk;
        drop((sender, journal));
        (thread.join().unwrap(), _folder)
    };
    assert_eq!(end, End::Drained);
    let desk = Desk::over(Store::open(folder.path()).unwrap(), folder);
    assert_eq!(desk.journal.head(), head);
    assert!(desk.journal.verify(|_, _| {}).unwrap().ok);
}

#[tokio::test]
async fn age_counts_from_the_newest_record() {
    let desk = Desk::new();
    let put = async |seq: Seq, at: u64| {
        let record = Record { seq, at: Timestamp(at), body: Body::Stopped };
        desk.sender.send(vec![Entry { record: Some(record), puts: vec![], then: vec![] }]).await.unwrap();
        desk.journal.heads().wait_for(|head| head.seq == seq).await.unwrap();
    };
    put(1, 0).await;
    put(2, DAY_MS - 1).await;
    put(3, DAY_MS).await;
    put(4, 2 * DAY_MS).await;
    let limits = Limits { max_age_days: 1, ..Limits::default() };
    let anchor = due(&desk.journal, &limits).unwrap().unwrap();
    assert_eq!((anchor.first, anchor.removed), (3, 2));
}

#[tokio::test]
async fn the_newest_record_is_never_removed() {
    let mut desk = Desk::new();
    desk.readings(10).await;
    let anchor = due(&desk.journal, &Limits { max_age_days: 1, max_bytes: 0 }).unwrap().unwrap();
    assert_eq!(anchor.first, 10);
}

#[tokio::test]
async fn a_trimmed_journal_whose_anchor_is_taken_away_is_found_out() {
    let mut desk = Desk::new();
    desk.readings(100).await;
    trim(&mut desk, &Limits { max_age_days: 1, max_bytes: 5_000 }).await;
    assert!(desk.journal.verify(|_, _| {}).unwrap().ok);
    desk.journal.store().tamper(|txn| {
        txn.open_table(crate::store::journal::ANCHORS).unwrap().retain(|_, _| false).unwrap();
    });
    assert_eq!(desk.journal.verify(|_, _| {}).unwrap().first_bad.unwrap().seq, 1);
}

#[tokio::test]
async fn it_looks_again_as_the_journal_grows() {
    let desk = Desk::new();
    let (notes, mut noted) = mpsc::channel(1);
    let keeper = tokio::spawn(keep_by(
        desk.journal.clone(),
        Limits { max_age_days: 1, max_bytes: 10_000 },
        move |body, puts| {
            let notes = notes.clone();
            async move {
                // The line would record it; here it is only heard of, and then the host stops.
                notes.send((body, puts)).await.map_err(|_| Refusal::Stopping)?;
                Err(Refusal::Stopping)
            }
        },
    ));
    let mut desk = desk;
    desk.readings(1_000).await;
    let (body, puts) = noted.recv().await.unwrap();
    assert!(matches!(body, Body::Anchored { first, removed } if removed == first - 1), "{body:?}");
    assert!(matches!(puts.as_slice(), [Put::Trim(_)]));
    keeper.await.unwrap();
}
