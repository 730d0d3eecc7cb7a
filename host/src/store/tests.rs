//! Rows go in through commits and come out typed; what stands in the way is said in words.

use std::sync::Arc;

use interlock_core::command::Command;
use interlock_core::evaluation::StateEntry;
use interlock_core::event::{Quality, Reading};
use interlock_core::policy::{Fallback, Limits, Manifest, Mode, Plan};
use interlock_core::time::Timestamp;
use redb::ReadableTable;
use sha2::{Digest, Sha256};

use super::commit::Batch;
use super::testing::Disk;
use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn commit(store: &Store, puts: Vec<Put>) {
    let puts = puts.into_iter().map(|put| (7, put)).collect();
    store.commit(&Batch { prev: [0; 32], rows: Vec::new(), secrets: Vec::new(), puts }).unwrap();
}

fn command(id: &str) -> Command {
    Command {
        id: id.into(),
        actuator: "fan".into(),
        device: "ESP_02".into(),
        channel: "18".into(),
        value: 1.0,
        issued: Timestamp(1),
        valid_until: Timestamp(2),
        hold_ms: None,
        source: "automation".into(),
        reason: "hot".into(),
    }
}

fn version(policy: &str, number: u64, bytes: &[u8]) -> VersionRow {
    VersionRow {
        policy: policy.into(),
        number,
        digest: hex::encode(Sha256::digest(bytes)),
        bytes: bytes.len() as u64,
        config: serde_json::json!({"n": number}),
        limits: Limits::default(),
        manifest: Manifest::default(),
        plan: Plan::default(),
        comment: String::new(),
        author: "ada".into(),
        created: Timestamp(1),
        evidence: serde_json::Value::Null,
        checksum: format!("{number:064x}"),
    }
}

fn artifact(bytes: &[u8]) -> (String, Put) {
    let digest = hex::encode(Sha256::digest(bytes));
    (digest.clone(), Put::Artifact { digest, bytes: bytes.into() })
}

fn entry(value: &str) -> Option<StateEntry> {
    Some(StateEntry { value: value.into(), expires: None })
}

#[test]
fn a_second_host_on_the_same_folder_is_told_which_folder() {
    let (folder, _open) = store();
    let Err(refused) = Store::open(folder.path()) else { panic!("the folder was opened twice") };
    assert!(matches!(refused, OpenError::InUse { .. }));
    let said = refused.to_string();
    assert!(said.contains(&folder.path().display().to_string()) && said.contains("in use by another host"), "{said}");
}

#[test]
fn the_folder_is_free_again_when_the_store_is_closed() {
    let (folder, open) = store();
    commit(&open, vec![Put::Cursor { policy: "p".into(), seq: 3 }]);
    drop(open);
    assert_eq!(Store::open(folder.path()).unwrap().cursors().unwrap()["p"], 3);
}

#[test]
fn a_file_that_is_no_store_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    std::fs::write(&file, vec![b'x'; 10_000]).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(OpenError::Corrupt { .. })));
    assert_eq!(std::fs::read(&file).unwrap(), vec![b'x'; 10_000]);
}

#[test]
fn a_folder_that_is_a_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    std::fs::write(&path, "").unwrap();
    assert!(matches!(Store::open(&path), Err(OpenError::Other { .. })));
}

#[test]
fn a_store_of_a_newer_host_is_not_opened() {
    let (folder, open) = store();
    drop(open);
    let database = redb::Database::open(folder.path().join("store.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(redb::TableDefinition::<&str, u64>::new("schema")).unwrap().insert("schema", 99).unwrap();
    txn.commit().unwrap();
    drop(database);
    assert!(matches!(Store::open(folder.path()), Err(OpenError::Newer { found: 99, .. })));
}

#[test]
fn state_and_cursors_belong_to_one_policy() {
    let (_folder, store) = store();
    let put = |policy: &str, key: &str, value| Put::State { policy: policy.into(), key: key.into(), entry: value };
    commit(&store, vec![put("a", "x", entry("1")), put("a", "y", entry("2")), put("ab", "x", entry("3"))]);
    commit(&store, vec![put("a", "x", None), Put::Cursor { policy: "a".into(), seq: 9 }]);
    assert_eq!(store.state("a").unwrap().into_keys().collect::<Vec<_>>(), ["y"]);
    commit(&store, vec![Put::DropPolicy("a".into())]);
    assert!(store.state("a").unwrap().is_empty() && store.cursors().unwrap().is_empty());
    assert_eq!(store.state("ab").unwrap()["x"].value, "3");
}

#[test]
fn the_outbox_keeps_the_order_of_approval_and_takes_a_command_once() {
    let (_folder, store) = store();
    let put = |seq, id: &str| Put::Outbox(OutboxRow { seq, command: command(id) });
    commit(&store, vec![put(5, "z"), put(5, "a"), put(4, "m")]);
    commit(&store, vec![put(5, "z"), put(5, "a")]);
    let ids = |store: &Store| store.outbox().unwrap().into_iter().map(|row| row.command.id).collect::<Vec<_>>();
    assert_eq!(ids(&store), ["m", "z", "a"]);
    commit(&store, vec![Put::OutboxDone("z".into()), Put::OutboxDone("unknown".into())]);
    assert_eq!(ids(&store), ["m", "a"]);
}

#[test]
fn small_tables_give_back_what_they_took() {
    let (_folder, store) = store();
    let reading = Reading {
        device: "ESP_01".into(),
        channel: "34".into(),
        quantity: "temperature".into(),
        value: 0.1 + 0.2,
        raw: None,
        unit: None,
        quality: Quality::Good,
        retained: false,
    };
    let token = TokenRow {
        id: "t1".into(),
        sha256: "00".into(),
        name: "laptop".into(),
        scopes: vec!["admin".into()],
        per_minute: None,
        created: Timestamp(1),
        expires: None,
    };
    let row = serde_json::json!({"device": "ESP_02"});
    commit(
        &store,
        vec![
            Put::Latest { seq: 3, at: Timestamp(4), reading: reading.clone() },
            Put::Inventory { what: "actuator", name: "fan".into(), row: Some(row.clone()) },
            Put::Inventory { what: "sensor", name: "fan".into(), row: Some(row.clone()) },
            Put::Approval { decision: 8, row: Some(row.clone()) },
            Put::Token { id: "t1".into(), row: Some(token.clone()) },
            Put::Meta { name: "boot", value: vec![1, 2] },
        ],
    );
    assert_eq!(store.latest().unwrap(), [(3, Timestamp(4), reading)]);
    assert_eq!(store.inventory("actuator").unwrap(), [("fan".to_owned(), row.clone())].into());
    assert_eq!(store.approvals().unwrap(), [(8, row)].into());
    assert_eq!(store.tokens().unwrap(), [token]);
    assert_eq!(store.meta("boot").unwrap(), Some(vec![1, 2]));
    commit(
        &store,
        vec![
            Put::Inventory { what: "actuator", name: "fan".into(), row: None },
            Put::Approval { decision: 8, row: None },
            Put::Token { id: "t1".into(), row: None },
        ],
    );
    assert!(store.inventory("actuator").unwrap().is_empty() && store.inventory("sensor").unwrap().len() == 1);
    assert!(store.approvals().unwrap().is_empty() && store.tokens().unwrap().is_empty());
}

#[test]
fn an_artifact_of_many_chunks_comes_back_whole() {
    let (_folder, store) = store();
    let bytes: Vec<u8> = (0..700_001u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
    let (digest, put) = artifact(&bytes);
    commit(&store, vec![put.clone(), put]);
    assert_eq!(&*store.artifact(&digest).unwrap(), bytes.as_slice());
    assert!(matches!(store.artifact("00"), Err(ArtifactError::Missing(_))));
}

#[test]
fn an_artifact_with_a_flipped_byte_is_never_served_and_an_upload_mends_it() {
    let (_folder, store) = store();
    let (digest, put) = artifact(b"one component");
    let (_, other) = artifact(b"two component");
    commit(&store, vec![put.clone(), other]);
    {
        let database = store.database.read().unwrap();
        let txn = database.as_ref().unwrap().begin_write().unwrap();
        {
            let mut chunks = txn.open_table(artifacts::CHUNKS).unwrap();
            let mut flipped = chunks.get((digest.as_str(), 0)).unwrap().unwrap().value().to_vec();
            *flipped.last_mut().unwrap() ^= 1;
            chunks.insert((digest.as_str(), 0), flipped.as_slice()).unwrap();
        }
        txn.commit().unwrap();
    }
    let Err(refused) = store.artifact(&digest) else { panic!("a flipped artifact was served") };
    assert!(refused.to_string().contains(&digest) && refused.to_string().contains("upload"), "{refused}");
    commit(&store, vec![put]);
    assert_eq!(&*store.artifact(&digest).unwrap(), b"one component");
}

#[test]
fn a_deleted_policys_versions_stay_findable_while_records_may_name_them() {
    let (folder, store) = store();
    let (kept, put_kept) = artifact(b"kept");
    let (gone, put_gone) = artifact(b"gone");
    let row = PolicyRow {
        name: "p".into(),
        active: Some(1),
        mode: Mode::Enforce,
        enabled: true,
        priority: 10,
        fallback: Fallback::Hold,
        quarantined: false,
        next_version: 2,
        activations: vec![1],
        created: Timestamp(1),
    };
    let versions = [version("p", 1, b"gone"), version("q", 1, b"kept")];
    commit(&store, vec![put_kept, put_gone, Put::Policy(row)]);
    commit(&store, versions.iter().cloned().map(Put::Version).collect());
    commit(&store, vec![Put::DropPolicy("p".into())]);
    assert!(store.policies().unwrap().is_empty() && store.versions("p").unwrap().is_empty());
    assert_eq!(store.version("p", 1).unwrap(), None);
    assert_eq!(store.version_named("p", 1, &gone).unwrap().as_ref(), Some(&versions[0]));
    assert_eq!(store.version_named("q", 1, &kept).unwrap().as_ref(), Some(&versions[1]));

    // It was deleted with record 7: a journal that begins with 7 may name it, one that begins with 8 cannot.
    let key = crate::journal::anchor::HostKey::open(folder.path()).unwrap();
    for (first, left) in [(7, true), (8, false)] {
        commit(&store, vec![Put::Trim(key.anchor(first, &[0; 32], Timestamp(1), 0))]);
        assert_eq!(store.artifacts().unwrap().contains(&gone), left);
        assert_eq!(store.version_named("p", 1, &gone).unwrap().is_some(), left);
    }
    assert!(store.artifact(&kept).is_ok());
}

#[test]
fn a_failed_commit_leaves_nothing_and_the_store_works_after_reopening() {
    let disk = Disk::default();
    let store = Arc::new(disk.store().unwrap());
    commit(&store, vec![Put::Meta { name: "a", value: vec![1] }]);
    disk.break_after(0);
    let batch = Batch {
        prev: [0; 32],
        rows: Vec::new(),
        secrets: Vec::new(),
        puts: vec![(0, Put::Meta { name: "a", value: vec![2; 300_000] })],
    };
    assert!(store.commit(&batch).unwrap_err().is_passing());
    disk.mend();
    assert!(store.commit(&batch).unwrap_err().is_passing(), "redb refuses until it is opened anew");
    store.reopen().unwrap();
    assert_eq!(store.meta("a").unwrap(), Some(vec![1]));
    store.commit(&batch).unwrap();
    assert_eq!(store.meta("a").unwrap(), Some(vec![2; 300_000]));
}
