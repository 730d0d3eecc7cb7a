//! Compiled code that is kept: found again after a restart, and never trusted unseen.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use interlock::config;
use interlock::runtime::{Program, Rejection};
use interlock_core::decision::{Decision, Ruling};
use interlock_core::policy::Limits;

use crate::support::guests::Guest;
use crate::support::{config, open, reading};

fn artifact() -> Arc<[u8]> {
    Arc::from(Guest::new().decision(&Decision { ruling: Ruling::Allow, ..Decision::default() }).component())
}

fn assert_allows(program: &Program) {
    let readings = Arc::new(interlock_core::readings::Readings::new(1, 1));
    let evaluation = program.evaluate(&reading(1), &readings, &Arc::default());
    assert_eq!(evaluation.outcome.unwrap().ruling, Ruling::Allow);
}

/// A configuration whose compiler cannot be started: what is loaded with it came from the cache.
fn without_compiler() -> config::runtime::Runtime {
    config::runtime::Runtime { compiler: Some(PathBuf::from("/nonexistent")), ..config() }
}

async fn digest_in(data: &Path) -> String {
    let runtime = open(&config(), data);
    let prepared = runtime.prepare(artifact(), "{}".into(), Limits::default(), |_| ()).await.unwrap();
    prepared.digest
}

fn entry(data: &Path) -> PathBuf {
    let mut entries = fs::read_dir(data.join("code")).unwrap();
    entries.next().expect("one entry").unwrap().path()
}

#[tokio::test]
async fn a_restart_needs_no_compiler() {
    let data = tempfile::tempdir().unwrap();
    let digest = digest_in(data.path()).await;
    let runtime = open(&without_compiler(), data.path());
    assert_allows(&runtime.load(artifact(), &digest, "{}", Limits::default()).await.unwrap());
    let again = runtime.prepare(artifact(), "{}".into(), Limits::default(), |_| ()).await.unwrap();
    assert_eq!(again.digest, digest);
    let other = runtime.load(artifact(), &digest, "{ }", Limits::default()).await;
    assert_eq!(other.unwrap_err().code(), "io", "another configuration is other code");
}

#[tokio::test]
async fn forged_code_is_compiled_again_instead_of_loaded() {
    let data = tempfile::tempdir().unwrap();
    let digest = digest_in(data.path()).await;
    let path = entry(data.path());
    let mut forged = fs::read(&path).unwrap();
    let middle = forged.len() / 2;
    forged[middle] ^= 0xff;
    fs::write(&path, &forged).unwrap();
    let refused = open(&without_compiler(), data.path()).load(artifact(), &digest, "{}", Limits::default()).await;
    assert_eq!(refused.unwrap_err().code(), "io", "without a compiler there is nothing to load");
    let runtime = open(&config(), data.path());
    assert_allows(&runtime.load(artifact(), &digest, "{}", Limits::default()).await.unwrap());
    assert_ne!(fs::read(&path).unwrap(), forged, "the entry was replaced");
}

#[tokio::test]
async fn a_damaged_artifact_is_named_and_harms_nobody_else() {
    let data = tempfile::tempdir().unwrap();
    let runtime = open(&config(), data.path());
    let damaged: Arc<[u8]> = Arc::from(b"\0asm damaged".as_slice());
    let refused = runtime.load(damaged, "0123", "{}", Limits::default()).await.unwrap_err();
    assert!(matches!(refused, Rejection::Corrupt { .. }), "{refused}");
    assert!(runtime.prepare(artifact(), "{}".into(), Limits::default(), |_| ()).await.is_ok());
}

#[tokio::test]
async fn hosts_of_one_build_share_a_fingerprint() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = open(&config(), one.path()).fingerprint();
    let other = open(&config::runtime::Runtime { instances: 3, ..config() }, other.path()).fingerprint();
    assert_eq!((one.len(), &one), (64, &other), "the size of the pool changes no decision");
}
