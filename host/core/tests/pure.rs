//! The pure part depends on nothing that knows a clock, a socket or a disk.

#[test]
fn no_runtime_no_engine_no_network_no_store() {
    let manifest = include_str!("../Cargo.toml");
    let named: Vec<_> = manifest.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(named.contains(&"serde.workspace = true"), "the manifest is written otherwise; this test must follow");
    for banned in ["tokio", "wasmtime", "axum", "rumqttc", "redb"] {
        assert!(!named.iter().any(|line| line.contains(banned)), "`{banned}` has no place in the pure part");
    }
}
