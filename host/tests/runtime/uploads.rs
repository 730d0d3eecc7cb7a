//! What is refused at the door, and what the refusal says.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use interlock::config;
use interlock::runtime::{Rejection, Stage, Step};
use interlock_core::evaluation::FaultKind;
use interlock_core::policy::{Limits, Plan, Problem, Subscription};

use crate::support::guests::Guest;
use crate::support::{config, open, prepare_within, rejection, shared};

#[tokio::test]
async fn files_that_are_no_component_of_ours_are_told_apart() {
    let cases = [
        (Vec::new(), "empty"),
        (b"PK\x03\x04".to_vec(), "not_wasm"),
        (Guest::new().bare(), "core_module"),
        (wat::parse_str("(component)").unwrap(), "wrong_world"),
        (Guest::new().component().split_last_chunk::<9>().unwrap().0.to_vec(), "invalid_wasm"),
    ];
    for (upload, code) in cases {
        let rejection = rejection(upload, "{}").await;
        assert_eq!(rejection.code(), code, "{rejection}");
    }
}

#[tokio::test]
async fn a_component_with_other_types_is_told_which() {
    let mut wit = interlock::runtime::component::CONTRACT.to_owned();
    wit = wit.replace("fuel-hint: u64", "fuel-hint: u32");
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("other.wit", &wit).unwrap();
    let world = resolve.select_world(&[package], Some("policy-plugin")).unwrap();
    let mut core = Guest::new().bare();
    wit_component::embed_component_metadata(&mut core, &resolve, world, wit_component::StringEncoding::UTF8).unwrap();
    let rejection = rejection(core, "{}").await;
    assert_eq!(rejection.code(), "mismatch");
    assert!(rejection.to_string().contains("fuel-hint"), "{rejection}");
}

#[tokio::test]
async fn a_configuration_is_held_against_the_schema_first() {
    let schema = r#"{"type": "object", "required": ["rules"], "properties": {
        "rules": {"type": "array", "items": {"type": "object", "properties": {"limit": {"type": "number"}}}}}}"#;
    let guest = Guest::new().manifest("strict", schema).configuring("unreachable");
    let refused = rejection(guest.component(), r#"{"rules": [{"limit": 1}, {"limit": "hot"}, 7]}"#).await;
    let pointers: Vec<&str> = refused.problems().iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(pointers, ["/rules/1/limit", "/rules/2"], "{refused}");
    let refused = rejection(guest.component(), "{}").await;
    assert!(refused.to_string().contains("rules"), "{refused}");
}

#[tokio::test]
async fn what_configure_refuses_comes_back_with_its_pointers() {
    let problem = Problem { pointer: "/rules/0/operator".into(), message: "`=>` is no operator".into() };
    let refused = rejection(Guest::new().problems(std::slice::from_ref(&problem)).component(), "{}").await;
    assert_eq!(refused.problems(), [problem]);
    assert!(refused.to_string().contains("`/rules/0/operator` `=>` is no operator"), "{refused}");
}

#[tokio::test]
async fn configuration_and_limits_are_looked_at_before_the_component() {
    let refused = rejection(Guest::new().component(), "{\"a\": }").await;
    assert_eq!(refused.code(), "config_not_json");
    assert!(refused.to_string().contains("column 7"), "{refused}");
    let limits = Limits { fuel: 2_000_000_000, ..Limits::default() };
    let refused = prepare_within(Guest::new().component(), "{}", limits).await.unwrap_err();
    assert_eq!(refused.code(), "over_ceiling");
    assert!(refused.to_string().contains("runtime.ceiling.fuel"), "{refused}");
}

#[tokio::test]
async fn a_schema_or_manifest_that_is_unusable_is_the_components_mistake() {
    let unusable = rejection(Guest::new().manifest("x", "{").component(), "{}").await;
    assert_eq!(unusable.code(), "bad_manifest");
    let unusable = rejection(Guest::new().manifest("x", r#"{"type": "thing"}"#).component(), "{}").await;
    assert_eq!(unusable.code(), "bad_schema");
    let nameless = rejection(Guest::new().manifest("", "{}").component(), "{}").await;
    assert_eq!(nameless.code(), "bad_manifest");
}

#[tokio::test]
async fn a_plan_that_cannot_be_granted_is_refused() {
    let plan = Plan { subscriptions: vec![Subscription::Ticks(5)], ..Plan::default() };
    let refused = rejection(Guest::new().plan(&plan).component(), "{}").await;
    assert_eq!(refused.code(), "bad_plan");
    assert!(refused.to_string().contains("every 5 ms"), "{refused}");
}

#[tokio::test]
async fn setup_has_limits_of_its_own() {
    let settings = config::runtime::Runtime { setup_fuel: 1_000_000, setup_deadline_ms: 500, ..config() };
    let data = tempfile::tempdir().unwrap();
    let runtime = open(&settings, data.path());
    let forever = "(loop $forever (br $forever))";
    for (guest, expected) in
        [(Guest::new().configuring(forever), Step::Configure), (Guest::new().describing(forever), Step::Describe)]
    {
        let upload = Arc::from(guest.component());
        let refused = runtime.prepare(upload, "{}".into(), Limits::default(), |_| ()).await.unwrap_err();
        let Rejection::SetupFault { step, fault } = &refused else { panic!("{refused}") };
        assert_eq!((*step, fault.kind), (expected, FaultKind::OutOfFuel), "{refused}");
        assert!(fault.detail.contains("1000000"), "{refused}");
    }
}

#[tokio::test]
async fn configure_may_only_log() {
    let mut guest = Guest::new();
    let key = guest.text("k");
    let refused = rejection(guest.configuring(&format!("(call $get {key} (i32.const 0))")).component(), "{}").await;
    assert!(refused.to_string().contains("`state.get` was called outside of `decide` and `migrate`"), "{refused}");
}

#[tokio::test]
async fn memory_of_the_version_holds_from_the_start() {
    let limits = Limits { memory_bytes: 65_536, ..Limits::default() };
    let refused = prepare_within(Guest::new().pages(3).component(), "{}", limits).await.unwrap_err();
    let Rejection::SetupFault { step: Step::Start, fault } = &refused else { panic!("{refused}") };
    assert_eq!(fault.kind, FaultKind::Memory, "{refused}");
    assert!(fault.detail.contains("the limit is 65536") && fault.detail.contains("1966"), "{refused}");
}

#[tokio::test]
async fn a_component_that_does_not_fit_into_the_pool_names_the_limit() {
    let guest = Guest::new().with("(table 10001 funcref)");
    let refused = rejection(guest.component(), "{}").await;
    assert_eq!(refused.code(), "does_not_fit");
    assert!(refused.to_string().contains("10000"), "{refused}");
}

#[tokio::test]
async fn progress_is_told_in_order_and_once() {
    let stages = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&stages);
    let guest = Guest::new().manifest("progress", "{}");
    let progress = move |stage| seen.lock().unwrap().push(stage);
    shared().prepare(Arc::from(guest.core()), "{}".into(), Limits::default(), progress).await.unwrap();
    let expected = [
        Stage::Checking,
        Stage::Wrapping,
        Stage::Describing,
        Stage::Configuring,
        Stage::Snapshotting,
        Stage::Compiling,
        Stage::Loading,
        Stage::Done,
    ];
    assert_eq!(*stages.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_compilation_that_takes_too_long_is_killed() {
    let settings = config::runtime::Runtime {
        setup_fuel: u64::MAX >> 2,
        setup_deadline_ms: 600_000,
        compile_wall_s: 1,
        ..config()
    };
    let data = tempfile::tempdir().unwrap();
    let runtime = open(&settings, data.path());
    let guest = Guest::new().configuring("(loop $forever (br $forever))");
    let started = Instant::now();
    let refused =
        runtime.prepare(Arc::from(guest.component()), "{}".into(), Limits::default(), |_| ()).await.unwrap_err();
    assert_eq!(refused, Rejection::CompileTimeout { seconds: 1 });
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let after = runtime.prepare(Arc::from(Guest::new().component()), "{}".into(), Limits::default(), |_| ()).await;
    assert!(after.is_ok(), "the next one has its turn");
}

#[tokio::test]
async fn a_compilation_over_its_processor_time_is_ended_by_the_system() {
    let settings = config::runtime::Runtime {
        setup_fuel: u64::MAX >> 2,
        setup_deadline_ms: 600_000,
        compile_cpu_s: 1,
        ..config()
    };
    let data = tempfile::tempdir().unwrap();
    let runtime = open(&settings, data.path());
    let guest = Guest::new().configuring("(loop $forever (br $forever))");
    let upload = Arc::from(guest.component());
    let refused = runtime.prepare(upload, "{}".into(), Limits::default(), |_| ()).await.unwrap_err();
    assert_eq!(refused.code(), "compile_limit", "{refused}");
}

/// A program in the compiler's place that does something else.
#[cfg(unix)]
async fn with_compiler(script: &str) -> Rejection {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    let program = data.path().join("compiler");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let settings = config::runtime::Runtime { compiler: Some(program), compile_wall_s: 5, ..config() };
    let runtime = open(&settings, data.path());
    let upload = Arc::from(Guest::new().component());
    runtime.prepare(upload, "{}".into(), Limits::default(), |_| ()).await.expect_err("it is refused")
}

#[cfg(unix)]
#[tokio::test]
async fn however_the_compiler_ends_the_host_goes_on() {
    let crash = with_compiler("kill -SEGV $$").await;
    assert!(crash.to_string().contains("stack overflowed"), "{crash}");
    let memory = with_compiler("echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$").await;
    assert_eq!(memory.code(), "compile_limit", "{memory}");
    let silent = with_compiler("exit 0").await;
    assert_eq!(silent.code(), "compile_crash", "{silent}");
    let garbage = with_compiler("echo this is no answer").await;
    assert_eq!(garbage.code(), "io", "{garbage}");
}
