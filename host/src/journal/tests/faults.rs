//! A disk that fails: nothing is lost, nothing is doubled, the order stays, no restart is needed.

use std::time::Duration;

use super::*;
use crate::feed::Heard;
use crate::journal::Health;

async fn stuck(desk: &Desk) -> Health {
    let mut health = desk.journal.health();
    health.wait_for(|health| matches!(health, Health::Stuck { .. })).await.unwrap().clone()
}

#[tokio::test]
async fn a_full_disk_holds_everything_up_and_loses_nothing() {
    let disk = Disk::default();
    let mut desk = Desk::on(&disk);
    let mut tail = desk.feed.subscribe();
    desk.readings(3).await;
    desk.hand.set(Timestamp(5_000));
    disk.break_after(0);
    let mut answers = Vec::new();
    for n in 0..20 {
        answers.push(desk.hand_in(reading(n as f64), vec![Put::Cursor { policy: "p".into(), seq: 4 + n }]).await);
    }
    let Health::Stuck { reason, since } = stuck(&desk).await else { unreachable!() };
    assert!(reason.contains("no space left"), "{reason}");
    assert_eq!(since, Timestamp(5_000));
    assert_eq!(desk.journal.head().seq, 3, "nothing is announced that is not durable");
    assert!(answers.iter_mut().all(|answer| answer.try_recv().is_err()));

    disk.mend();
    for (seq, answer) in (4..).zip(answers) {
        assert_eq!(answer.await.unwrap().seq(), seq);
    }
    assert_eq!(*desk.journal.health().borrow(), Health::Writing);
    assert_eq!(desk.journal.store().cursors().unwrap()["p"], 23);
    let mut heard = Vec::new();
    while heard.len() < 23 {
        match tail.next().await.unwrap() {
            Heard::Records(records) => heard.extend(records.iter().map(|record| record.seq)),
            Heard::Gap { .. } => panic!("a gap"),
        }
    }
    assert_eq!(heard, (1..24).collect::<Vec<_>>());
    assert!(desk.journal.verify(|_, _| {}).unwrap().ok);
}

#[tokio::test]
async fn a_disk_that_fails_at_any_change_of_a_commit_leaves_the_same_journal() {
    for point in 0..40 {
        let disk = Disk::default();
        let mut desk = Desk::on(&disk);
        desk.readings(3).await;
        disk.break_after(point);
        let row = crate::store::OutboxRow { seq: 5, command: bodies::command("c") };
        let first = desk.hand_in(token("ada"), vec![]).await;
        let second = desk.hand_in(reading(1.0), vec![Put::Outbox(row)]).await;
        // Some points lie behind both commits: then a third one runs into it.
        let third = desk.hand_in(Body::Stopped, vec![]).await;
        tokio::select! {
            _ = stuck(&desk) => {}
            () = async { desk.journal.heads().wait_for(|head| head.seq == 6).await.unwrap(); } => {}
        }
        disk.mend();
        assert_eq!(first.await.unwrap().seq(), 4, "point {point}");
        assert_eq!(second.await.unwrap().seq(), 5, "point {point}");
        assert_eq!(third.await.unwrap().seq(), 6, "point {point}");
        assert_eq!(desk.journal.outbox().unwrap().len(), 1, "point {point}");
        let found = desk.journal.verify(|_, _| {}).unwrap();
        assert!(found.ok && found.records == 6, "point {point}: {found:?}");
        let tail = desk.journal.store().chain(|chain| chain.tail()).unwrap();
        let bytes: usize = (1..=6).map(|seq| desk.journal.store().chain(|c| c.row(seq)).unwrap().unwrap().len()).sum();
        assert_eq!((tail.records, tail.bytes), (6, bytes as u64), "point {point}");
        // What the disk holds is what the host said.
        drop(desk.finish());
        let again = Desk::on(&disk);
        assert_eq!(again.all().len(), 6, "point {point}");
    }
}

#[tokio::test]
async fn a_drain_with_a_dead_disk_ends_and_says_what_was_not_written() {
    let disk = Disk::default();
    let mut desk = Desk::on(&disk);
    desk.readings(1).await;
    disk.break_after(0);
    let answer = desk.hand_in(reading(1.0), vec![]).await;
    stuck(&desk).await;
    desk.sender.abandon();
    assert!(answer.await.is_err(), "it never took effect");
    assert_eq!(desk.finish().0, End::Abandoned { entries: 1 });
}

#[tokio::test]
async fn senders_wait_when_a_stuck_journal_is_full() {
    let disk = Disk::default();
    let mut desk = Desk::on(&disk);
    desk.readings(1).await;
    disk.break_after(0);
    let _first = desk.hand_in(reading(0.0), vec![]).await;
    stuck(&desk).await;
    let mut fill = Vec::new();
    for n in 0..crate::journal::batch::MAX_BATCH {
        fill.push(Entry { record: Some(desk.record(reading(n as f64))), puts: vec![], then: vec![] });
    }
    desk.sender.send(fill).await.unwrap();
    let one_more = desk.record(Body::Stopped);
    let entry = Entry { record: Some(one_more), puts: vec![], then: vec![] };
    let mut waiting = tokio::spawn({
        let sender = desk.sender.clone();
        async move { sender.send(vec![entry]).await }
    });
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err(), "it should wait for room");
    disk.mend();
    waiting.await.unwrap().unwrap();
    let last = desk.next - 1;
    desk.journal.heads().wait_for(|head| head.seq == last).await.unwrap();
    assert!(desk.journal.verify(|_, _| {}).unwrap().ok);
}
