use interlock_core::policy::{Manifest, Plan};

use super::*;

fn report() -> Report {
    Report { manifest: Manifest::default(), plan: Plan::default(), snapshotted: true, notes: Vec::new() }
}

fn cache(folder: &Path) -> Cache {
    Cache::open(folder, 1_000_000).unwrap()
}

fn entry(config: &str) -> Name {
    Name::of("digest", config, "engine")
}

#[test]
fn an_entry_comes_back_as_it_was_put_even_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    cache(data.path()).put(&entry("{}"), report(), b"code".to_vec());
    let found = cache(data.path()).get(&entry("{}")).expect("it is there");
    assert_eq!((found.code.as_slice(), found.report()), (b"code".as_slice(), &report()));
    assert!(cache(data.path()).get(&entry("{ }")).is_none(), "another configuration is another entry");
}

#[test]
fn every_changed_byte_breaks_the_seal() {
    let data = tempfile::tempdir().unwrap();
    let cache = cache(data.path());
    cache.put(&entry("{}"), report(), b"code".to_vec());
    let path = cache.path(&entry("{}"));
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut forged = whole.clone();
        *forged.get_mut(place).unwrap() ^= 1;
        fs::write(&path, &forged).unwrap();
        assert!(cache.get(&entry("{}")).is_none(), "byte {place}");
    }
    for length in 0..whole.len() {
        fs::write(&path, whole.get(..length).unwrap()).unwrap();
        assert!(cache.get(&entry("{}")).is_none(), "cut to {length}");
    }
}

#[test]
fn an_entry_under_another_name_is_forged() {
    let data = tempfile::tempdir().unwrap();
    let cache = cache(data.path());
    cache.put(&entry("a"), report(), b"code".to_vec());
    fs::rename(cache.path(&entry("a")), cache.path(&entry("b"))).unwrap();
    assert!(cache.get(&entry("b")).is_none());
}

#[test]
fn a_lost_or_damaged_key_makes_every_entry_worthless_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    cache(data.path()).put(&entry("{}"), report(), b"code".to_vec());
    fs::write(data.path().join(KEY_FILE), b"short").unwrap();
    assert!(cache(data.path()).get(&entry("{}")).is_none());
    cache(data.path()).put(&entry("{}"), report(), b"code".to_vec());
    assert!(cache(data.path()).get(&entry("{}")).is_some());
}

#[cfg(unix)]
#[test]
fn key_and_code_are_readable_by_the_host_alone() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    let cache = cache(data.path());
    cache.put(&entry("{}"), report(), b"code".to_vec());
    for path in [data.path().join(KEY_FILE), cache.path(&entry("{}"))] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn the_longest_unused_makes_room() {
    let data = tempfile::tempdir().unwrap();
    let cache = Cache::open(data.path(), 2_500).unwrap();
    let code = vec![0; 1_000];
    cache.put(&entry("old"), report(), code.clone());
    let long_ago = SystemTime::UNIX_EPOCH;
    File::options().append(true).open(cache.path(&entry("old"))).unwrap().set_modified(long_ago).unwrap();
    cache.put(&entry("new"), report(), code.clone());
    cache.put(&entry("newest"), report(), code);
    assert!(cache.get(&entry("old")).is_none());
    assert!(cache.get(&entry("new")).is_some() && cache.get(&entry("newest")).is_some());
}
