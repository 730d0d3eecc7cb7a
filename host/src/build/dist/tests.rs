use super::*;

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A workspace with one plugin, and its lock.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "wit/policy.wit", "package a:b;\n");
    write(root, "plugin-sdk/Cargo.toml", "[package]\n");
    write(root, "plugin-sdk/src/lib.rs", "pub fn sdk() {}\n");
    write(root, "plugins/one/Cargo.toml", "[package]\n");
    write(root, "plugins/one/src/lib.rs", "fn one() {}\n");
    write(root, "plugins/one/src/tests.rs", "#[test]\n");
    write(root, "plugins/dist/one.wasm", "component");
    let locked = Locked {
        sources: sources(root, "one").unwrap(),
        artifact: sha256(b"component"),
        bytes: 9,
        compiler: "rustc".into(),
    };
    write(root, "plugins/dist/dist.lock", &toml::to_string(&Lock::from([("one".into(), locked)])).unwrap());
    folder
}

#[test]
fn the_components_that_ship_are_made_from_these_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    assert_eq!(drift(root).unwrap(), []);
}

#[test]
fn a_changed_source_is_noticed_wherever_it_is() {
    for file in ["wit/policy.wit", "plugin-sdk/src/lib.rs", "plugins/one/src/lib.rs", "plugins/one/src/new.rs"] {
        let folder = workspace();
        assert_eq!(drift(folder.path()).unwrap(), []);
        write(folder.path(), file, "changed\n");
        assert_eq!(drift(folder.path()).unwrap(), [Drift::Sources("one".into())], "{file}");
    }
}

#[test]
fn tests_and_line_ends_are_no_change() {
    let folder = workspace();
    write(folder.path(), "plugins/one/src/tests.rs", "#[test] fn more() {}\n");
    write(folder.path(), "plugins/one/src/lib.rs", "fn one() {}\r\n");
    assert_eq!(drift(folder.path()).unwrap(), []);
}

#[test]
fn a_changed_or_missing_component_is_noticed() {
    let folder = workspace();
    write(folder.path(), "plugins/dist/one.wasm", "another");
    assert_eq!(drift(folder.path()).unwrap(), [Drift::Artifact("one".into())]);
    std::fs::remove_file(folder.path().join("plugins/dist/one.wasm")).unwrap();
    assert_eq!(drift(folder.path()).unwrap(), [Drift::Artifact("one".into())]);
}

#[test]
fn a_new_plugin_must_be_built() {
    let folder = workspace();
    write(folder.path(), "plugins/two/Cargo.toml", "[package]\n");
    assert_eq!(drift(folder.path()).unwrap(), [Drift::Unlocked("two".into())]);
}
