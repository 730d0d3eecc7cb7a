//! `interlock check`: what a host would make of a component and its configuration, without a host.
//!
//! It is the host's own runtime that looks: the same checks, the same child that compiles, the same snapshot.

use std::path::PathBuf;
use std::sync::Arc;

use interlock_core::event::{Custom, Event, Observation, Occurrence};
use interlock_core::policy::{Limits, Manifest, Plan};
use interlock_core::readings::Readings;
use interlock_core::state::PolicyState;
use interlock_core::time::Timestamp;
use serde::Serialize;

use super::config::File;
use super::out::{DIM, GOOD, STRONG, WARN, paint};
use super::push::{read, read_json};
use super::{Failure, Out, Outcome};
use crate::build::component;
use crate::runtime::{Prepared, Program, Rejection, Runtime, Stage};

/// Runs that the usual cost is the median of.
const RUNS: usize = 21;

/// What to check.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  interlock check policy.wasm\n  interlock check logic.wasm --config rules.json --json"
)]
pub struct Args {
    /// The component.
    file: PathBuf,
    /// The policy's configuration: a JSON file. Without it `{}`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The host's configuration file, for its limits.
    #[arg(long, env = "INTERLOCK_CONFIG", value_name = "FILE")]
    host_config: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    digest: String,
    bytes: usize,
    manifest: Manifest,
    plan: Plan,
    imports: Vec<String>,
    snapshotted: bool,
    notes: Vec<String>,
    /// Microseconds of the first evaluation in a fresh instance, with cold caches.
    first_micros: u64,
    /// Median microseconds of the evaluations after it, each in a fresh instance.
    usual_micros: u64,
}

/// Checks.
///
/// # Errors
/// Why a host would not take it.
pub fn run(args: &Args, out: &Out) -> Outcome {
    let host = super::config::load(File { config: args.host_config.clone() }.config.as_deref(), Vec::new())?;
    let artifact: Arc<[u8]> = read(&args.file)?.into();
    let config = match &args.config {
        Some(file) => read_json(file)?.to_string(),
        None => "{}".to_owned(),
    };
    let scratch = tempfile::tempdir()?;
    let runtime = Runtime::open(&host.runtime, scratch.path()).map_err(|error| Failure::failed(error.to_string()))?;
    let progress = out.progress("checking");
    let stages = progress.clone();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = move |stage: Stage| stages.set_message(super::ps::word(stage).replace('_', " "));
    let prepared = tokio.block_on(runtime.prepare(artifact, config, Limits::default(), told)).map_err(rejected)?;
    progress.finish_and_clear();
    let imports = component::inspect(&prepared.artifact).map_err(|error| Failure::failed(error.to_string()))?.imports;
    out.answer(&report(prepared, imports), people)
}

/// Why a component was not taken, with each problem of its configuration.
pub fn rejected(rejection: Rejection) -> Failure {
    let problems = rejection.problems().iter().map(|problem| {
        let pointer = if problem.pointer.is_empty() { "/" } else { problem.pointer.as_str() };
        format!("\n  `{pointer}` {}", problem.message)
    });
    Failure::failed(format!("{rejection}{}", problems.collect::<String>()))
}

fn report(prepared: Prepared, imports: Vec<String>) -> Report {
    let (first_micros, usual_micros) = cost(&prepared.program);
    Report {
        imports,
        bytes: prepared.artifact.len(),
        digest: prepared.digest,
        manifest: prepared.manifest,
        plan: prepared.plan,
        snapshotted: prepared.snapshotted,
        notes: prepared.notes,
        first_micros,
        usual_micros,
    }
}

/// What an evaluation costs at least: on an event that no policy knows. The first, then the median of the next.
fn cost(program: &Program) -> (u64, u64) {
    let what = Occurrence::Custom(Custom { kind: "interlock.check".to_owned(), body: serde_json::Value::Null });
    let observation = Observation { id: "check".to_owned(), measured: None, what };
    let event = Event { seq: 1, at: Timestamp(0), observation };
    let (readings, state) = (Arc::new(Readings::new(1, 1)), Arc::new(PolicyState::default()));
    let first = program.evaluate(&event, &readings, &state).micros;
    let mut next: Vec<u64> = (0..RUNS).map(|_| program.evaluate(&event, &readings, &state).micros).collect();
    next.sort_unstable();
    (first, next.get(RUNS / 2).copied().unwrap_or(first))
}

fn people(report: &Report) -> String {
    let manifest = &report.manifest;
    let none = || paint(DIM, "none");
    let list = |items: &[String]| if items.is_empty() { none() } else { items.join(", ") };
    let sees: Vec<String> = report.plan.subscriptions.iter().map(json).collect();
    let reads: Vec<String> = report.plan.reads.iter().map(json).collect();
    let start = match report.snapshotted {
        true => paint(GOOD, "from its configured snapshot"),
        false => paint(WARN, "configured anew for each event: this component cannot be snapshotted"),
    };
    let mut text = format!(
        "{}\n  {}\n\n  artifact   {} bytes, sha256 {}\n  imports    {}\n  sees       {}\n  looks up   {}\n  drives     {}\n  \
         actions    {}\n  starts     {start}\n  costs      {} µs the first time, then {} µs at least",
        paint(STRONG, format!("{} {}", manifest.name, manifest.version)),
        manifest.description,
        report.bytes,
        report.digest,
        list(&report.imports),
        list(&sees),
        list(&reads),
        list(&report.plan.actuators),
        list(&report.plan.actions),
        report.first_micros,
        report.usual_micros,
    );
    for note in &report.notes {
        text.push_str(&format!("\n  {}       {note}", paint(WARN, "note")));
    }
    text
}

fn json(value: impl Serialize) -> String {
    serde_json::to_string(&value).unwrap_or_default()
}
