//! Whoever changes the file past the host is found out.

use redb::{ReadableTable, WriteTransaction};

use super::*;
use crate::journal::verify::Verification;
use crate::store::{journal as tables, personal as personal_tables};

/// A journal of ten records, changed past the host, then verified.
async fn after(change: impl FnOnce(&WriteTransaction)) -> Verification {
    let mut desk = Desk::new();
    desk.readings(4).await;
    desk.write(token("ada")).await;
    desk.write(access("grace")).await;
    desk.readings(4).await;
    desk.journal.store().tamper(change);
    desk.journal.verify(|_, _| {}).unwrap()
}

fn bad_at(found: &Verification) -> Seq {
    assert!(!found.ok, "it was not found out");
    found.first_bad.as_ref().unwrap().seq
}

fn row(txn: &WriteTransaction, seq: Seq) -> Vec<u8> {
    txn.open_table(tables::RECORDS).unwrap().get(seq).unwrap().unwrap().value().to_vec()
}

fn set_row(txn: &WriteTransaction, seq: Seq, row: &[u8]) {
    txn.open_table(tables::RECORDS).unwrap().insert(seq, row).unwrap();
}

fn remove(txn: &WriteTransaction, seq: Seq) {
    txn.open_table(tables::RECORDS).unwrap().remove(seq).unwrap().unwrap();
}

#[tokio::test]
async fn untouched_it_is_sound() {
    let found = after(|_| {}).await;
    assert!(found.ok, "{found:?}");
    assert_eq!((found.records, found.erased), (10, 0));
}

#[tokio::test]
async fn an_edited_record() {
    let found = after(|txn| {
        let mut edited = row(txn, 3);
        let place = edited.windows(4).position(|four| four == b"ESP_").unwrap();
        edited[place] = b'X';
        set_row(txn, 3, &edited);
    });
    assert_eq!(bad_at(&found.await), 3);
}

#[tokio::test]
async fn an_edited_record_with_a_hash_of_its_own() {
    let found = after(|txn| {
        let json = br#"{"seq":3,"at":3,"kind":"stopped"}"#;
        let before: [u8; 32] = row(txn, 2)[..32].try_into().unwrap();
        set_row(txn, 3, &crate::journal::chain::row(&crate::journal::chain::link(&before, json), json));
    });
    assert_eq!(bad_at(&found.await), 4, "the next record gives it away");
}

#[tokio::test]
async fn a_deleted_record() {
    assert_eq!(bad_at(&after(|txn| remove(txn, 5)).await), 5);
}

#[tokio::test]
async fn two_swapped_records() {
    let found = after(|txn| {
        let (two, three) = (row(txn, 2), row(txn, 3));
        set_row(txn, 2, &three);
        set_row(txn, 3, &two);
    });
    assert_eq!(bad_at(&found.await), 2);
}

#[tokio::test]
async fn a_journal_cut_at_its_end() {
    let found = after(|txn| {
        remove(txn, 10);
        remove(txn, 9);
    });
    assert_eq!(bad_at(&found.await), 9);
}

#[tokio::test]
async fn a_journal_cut_at_its_beginning() {
    let found = after(|txn| {
        remove(txn, 1);
        remove(txn, 2);
    });
    assert_eq!(bad_at(&found.await), 1);
}

#[tokio::test]
async fn a_journal_cut_at_its_beginning_under_a_forged_anchor() {
    let found = after(|txn| {
        let stranger = HostKey::open(tempfile::tempdir().unwrap().path()).unwrap();
        let before: [u8; 32] = row(txn, 2)[..32].try_into().unwrap();
        remove(txn, 1);
        remove(txn, 2);
        let anchor = serde_json::to_vec(&stranger.anchor(3, &before, Timestamp(10), 2)).unwrap();
        txn.open_table(tables::ANCHORS).unwrap().insert(3, anchor.as_slice()).unwrap();
    });
    assert_eq!(bad_at(&found.await), 3);
}

#[tokio::test]
async fn a_personal_value_that_was_changed_or_taken() {
    let changed = after(|txn| {
        let mut values = txn.open_table(personal_tables::VALUES).unwrap();
        let mut secret = values.get((5, 0)).unwrap().unwrap().value().to_vec();
        *secret.last_mut().unwrap() ^= 1;
        values.insert((5, 0), secret.as_slice()).unwrap();
    });
    assert_eq!(bad_at(&changed.await), 5);
    let taken = after(|txn| {
        txn.open_table(personal_tables::VALUES).unwrap().remove((6, 0)).unwrap().unwrap();
    });
    assert_eq!(bad_at(&taken.await), 6);
}

#[tokio::test]
async fn a_journal_whose_end_was_touched_is_not_continued() {
    let mut desk = Desk::new();
    desk.readings(3).await;
    desk.journal.store().tamper(|txn| remove(txn, 3));
    let (store, key) = (Arc::clone(desk.journal.store()), Arc::new(HostKey::open(desk._folder.path()).unwrap()));
    assert!(matches!(Journal::open(store, key), Err(crate::journal::JournalError::Broken { seq: 3, .. })));
}

#[tokio::test]
async fn personal_values_are_not_in_the_chain_and_an_erased_one_leaves_it_sound() {
    let mut desk = Desk::new();
    desk.write(token("ada@example.org")).await;
    desk.write(access("grace@example.org")).await;
    let rows: Vec<Vec<u8>> =
        desk.journal.store().chain(|chain| Ok(vec![chain.row(1)?.unwrap(), chain.row(2)?.unwrap()])).unwrap();
    assert!(rows.iter().all(|row| !String::from_utf8_lossy(row).contains("example.org")));
    assert_eq!(desk.all()[0].body, token("ada@example.org"));
    assert_eq!(desk.all()[1].body, access("grace@example.org"));
    let hidden = desk.journal.get(1, false).unwrap().unwrap();
    assert!(matches!(hidden.body, Body::Token { by: Personal::Committed { .. }, .. }));

    for of in [1, 2] {
        let body = Body::Erased { of, field: 0, by: "dpo".into() };
        desk.hand_in(body, vec![Put::Erase { seq: of, field: 0 }]).await.await.unwrap();
    }
    assert!(matches!(desk.all()[0].body, Body::Token { by: Personal::Committed { .. }, .. }));
    assert_ne!(desk.all()[1].body, access("grace@example.org"));
    let found = desk.journal.verify(|_, _| {}).unwrap();
    assert!(found.ok, "{found:?}");
    assert_eq!(found.erased, 2);
}

#[tokio::test]
async fn equal_values_have_unequal_commitments() {
    let mut desk = Desk::new();
    desk.write(token("ada")).await;
    desk.write(token("ada")).await;
    let hidden = |seq| match desk.journal.get(seq, false).unwrap().unwrap().body {
        Body::Token { by: Personal::Committed { commitment }, .. } => commitment,
        other => panic!("{other:?}"),
    };
    assert_ne!(hidden(1), hidden(2));
}
