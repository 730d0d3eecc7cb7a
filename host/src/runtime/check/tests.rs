use super::*;

fn code(result: Result<impl std::fmt::Debug, Rejection>) -> &'static str {
    result.expect_err("it is refused").code()
}

fn text(result: Result<impl std::fmt::Debug, Rejection>) -> String {
    result.expect_err("it is refused").to_string()
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A component without code that exports an empty instance under this name.
fn exporting(name: &str, rest: &str) -> Vec<u8> {
    wat(&format!(r#"(component {rest} (instance $i) (export "{name}" (instance $i)))"#))
}

#[test]
fn a_file_that_is_no_webassembly_is_told_what_it_is() {
    let cases: [(&[u8], &str); 7] = [
        (b"\x7fELF\x02\x01", "cwasm"),
        (b"PK\x03\x04rest", "zip"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"  (component)", "assemble"),
        (b"{\"rules\": []}", "JSON"),
        ("grün ist kein Code".as_bytes(), "text"),
        (b"\xff\xfe\x00\x01", "fffe0001"),
    ];
    for (bytes, expected) in cases {
        let message = text(sniff(bytes, 1_000));
        assert!(message.contains(expected), "{message}");
        assert_eq!(code(sniff(bytes, 1_000)), "not_wasm");
    }
}

#[test]
fn sizes_are_bounded_before_anything_is_read() {
    assert_eq!(code(sniff(b"", 10)), "empty");
    let message = text(sniff(&[0; 11], 10));
    assert!(message.contains("11 bytes") && message.contains("at most 10"), "{message}");
}

#[test]
fn both_kinds_of_webassembly_are_known_by_their_header() {
    assert_eq!(sniff(&wat("(module)"), 1_000), Ok(Kind::Core));
    assert_eq!(sniff(&wat("(component)"), 1_000), Ok(Kind::Component));
    assert_eq!(code(sniff(b"\0asm\x07\0\0\0", 1_000)), "invalid_wasm");
}

#[test]
fn a_core_module_needs_the_world() {
    assert_eq!(code(wrapped(&wat("(module)"))), "core_module");
    let wasi = wat(r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#);
    let message = text(wrapped(&wasi));
    assert!(message.contains("`wasi_snapshot_preview1.fd_write`"), "{message}");
}

#[test]
fn another_world_is_told_what_is_missing() {
    let message = text(component(&exporting("wasi:cli/run@0.2.0", "")));
    assert!(message.contains(POLICY) && message.contains("`wasi:cli/run@0.2.0`"), "{message}");
    assert_eq!(code(component(&wat("(component)"))), "wrong_world");
}

#[test]
fn another_version_of_the_world_is_told_both() {
    let message = text(component(&exporting("interlock:policy/policy@0.2.0", "")));
    assert!(message.contains("policy@0.2.0") && message.contains("policy@0.1.0"), "{message}");
    let import = r#"(import "interlock:policy/state@0.3.0" (instance))"#;
    assert_eq!(code(component(&exporting(POLICY, import))), "wrong_version");
}

#[test]
fn wasi_is_refused_with_the_flag_that_fixes_it() {
    let import = r#"(import "wasi:clocks/wall-clock@0.2.0" (instance))"#;
    let message = text(component(&exporting(POLICY, import)));
    assert!(message.contains("`wasi:clocks/wall-clock@0.2.0`") && message.contains("--stub-wasi"), "{message}");
}

#[test]
fn what_is_not_granted_is_named() {
    let import = r#"(import "acme:secrets/vault@1.0.0" (instance))"#;
    let message = text(component(&exporting(POLICY, import)));
    assert!(message.contains("`acme:secrets/vault@1.0.0`"), "{message}");
    let ours = r#"(import "interlock:policy/gate@0.1.0" (instance))"#;
    assert_eq!(code(component(&exporting(POLICY, ours))), "not_granted");
}

#[test]
fn a_shape_beyond_the_bounds_names_bound_and_number() {
    let deep = (0..10).fold(String::new(), |inner, _| format!("(component {inner})"));
    let message = text(component(&exporting(POLICY, &deep)));
    assert!(message.contains("11 components within components") && message.contains("at most 8"), "{message}");
    let memories = (0..9).map(|_| "(core module (memory 1))").collect::<String>();
    let message = text(component(&exporting(POLICY, &memories)));
    assert!(message.contains("9 memories"), "{message}");
}

#[test]
fn proposals_that_are_off_are_refused_by_name() {
    let simd = r"(core module (func (result v128) (v128.const i64x2 0 0)))";
    let message = text(component(&exporting(POLICY, simd)));
    assert!(message.contains("SIMD"), "{message}");
    let threads = "(core module (memory 1 1 shared))";
    assert_eq!(code(component(&exporting(POLICY, threads))), "invalid_wasm");
}

#[test]
fn broken_bytes_are_refused_wherever_they_break() {
    let whole = exporting(POLICY, "(core module (memory 1) (func (export \"f\")))");
    for end in 8..whole.len() {
        let cut = whole.get(..end).unwrap();
        // A cut between two sections may leave a smaller component that is whole.
        let whole = wasmparser::validate(cut).is_ok();
        assert!(whole || component(cut).is_err(), "cut at {end}");
    }
}
