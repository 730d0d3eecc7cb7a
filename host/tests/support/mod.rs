//! What the tests share: guests, and a runtime that compiles with the real program.

pub mod guests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use interlock::config;
use interlock::runtime::{Prepared, Rejection, Runtime};
use interlock_core::evaluation::Evaluation;
use interlock_core::event::{Event, Observation, Occurrence, Quality, Reading};
use interlock_core::policy::Limits;
use interlock_core::readings::Readings;
use interlock_core::state::PolicyState;
use interlock_core::time::{Seq, Timestamp};

/// The configuration of the tests: the program that compiles is the one just built.
pub fn config() -> config::runtime::Runtime {
    let compiler = Some(PathBuf::from(env!("CARGO_BIN_EXE_interlock")));
    config::runtime::Runtime { instances: 16, compile_queue: 256, compiler, ..Default::default() }
}

/// A runtime of its own.
pub fn open(config: &config::runtime::Runtime, data: &Path) -> Runtime {
    Runtime::open(config, data).expect("the engine starts")
}

/// The runtime that tests share.
pub fn shared() -> &'static Runtime {
    static SHARED: OnceLock<(tempfile::TempDir, Runtime)> = OnceLock::new();
    let (_, runtime) = SHARED.get_or_init(|| {
        let data = tempfile::tempdir().expect("a folder");
        let runtime = open(&config(), data.path());
        (data, runtime)
    });
    runtime
}

/// Prepares a component with a configuration, within these limits.
pub async fn prepare_within(component: Vec<u8>, config: &str, limits: Limits) -> Result<Prepared, Rejection> {
    shared().prepare(Arc::from(component), config.to_owned(), limits, |_| ()).await
}

/// Prepares a component with a configuration.
pub async fn prepare(component: Vec<u8>, config: &str) -> Result<Prepared, Rejection> {
    prepare_within(component, config, Limits::default()).await
}

/// Why it is refused.
pub async fn rejection(component: Vec<u8>, config: &str) -> Rejection {
    prepare(component, config).await.expect_err("it is refused")
}

/// A reading of `ESP_01/34`, 26.5 °C, at this place; its time is `seq` seconds.
pub fn reading(seq: Seq) -> Event {
    let reading = Reading {
        device: "ESP_01".into(),
        channel: "34".into(),
        quantity: "temperature".into(),
        value: 26.5,
        raw: Some(2048.0),
        unit: Some("°C".into()),
        quality: Quality::Good,
        retained: false,
    };
    let observation = Observation { id: format!("e{seq}"), measured: None, what: Occurrence::Reading(reading) };
    Event { seq, at: Timestamp(seq * 1_000), observation }
}

/// Evaluates one reading with no readings and no state before it.
pub fn evaluate(prepared: &Prepared) -> Evaluation {
    let readings = Arc::new(Readings::new(4, 4));
    prepared.program.evaluate(&reading(1), &readings, &Arc::new(PolicyState::default()))
}
