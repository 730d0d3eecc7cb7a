//! The work of a child: from an upload to compiled code.

use std::sync::Arc;

use interlock_core::policy::{Limits, Manifest, Plan, Problem};
use serde::{Deserialize, Serialize};
use wasmtime::component::{Component, Instance};
use wasmtime::{Engine, Store};

use super::super::engine;
use super::super::exports::Exports;
use super::super::fault::{self, Budget};
use super::super::guest::{Guest, head};
use super::super::rejection::{Rejection, Step};
use super::super::snapshot::{self, Instrumented};
use super::super::ticker::{Ticker, Ticking};
use super::super::{Stage, check, convert, grants, instance};
use super::schema;

/// What `describe` and `configure` may answer with, in bytes: a schema is longer than a decision.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Problems with a configuration that are reported.
const MAX_PROBLEMS: usize = 64;
/// Bytes of one problem's text.
const MAX_PROBLEM_BYTES: usize = 512;
/// Bytes of a manifest's name, version and description.
const MAX_TEXT_BYTES: usize = 1024;

/// The work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    /// The configuration, JSON.
    pub(super) config: String,
    /// The version's limits; its memory holds for `describe` and `configure` too.
    pub(super) limits: Limits,
    /// Fuel for `describe` and for `configure`.
    pub(super) setup_fuel: u64,
    /// Milliseconds for each of them.
    pub(super) setup_deadline_ms: u64,
    /// Seconds of processor time.
    pub(super) cpu_s: u64,
    /// Bytes of memory.
    pub(super) memory_bytes: u64,
}

/// How it ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// Well.
    Compiled(Report),
    /// Not.
    Rejected(Rejection),
}

/// What was found out on the way. Kept beside the code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// What the component says of itself.
    pub(crate) manifest: Manifest,
    /// What the configured component will do.
    pub(crate) plan: Plan,
    /// Whether the code starts configured.
    pub(crate) snapshotted: bool,
    /// What its author should know.
    pub(crate) notes: Vec<String>,
}

/// Compiled code and what belongs to it.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// What was found out.
    pub(crate) report: Report,
    /// The component, if it is not the upload itself.
    pub(crate) artifact: Option<Arc<[u8]>>,
    /// Code for the engine that runs. Not to be loaded from anywhere but this hand.
    pub(crate) code: Vec<u8>,
}

/// Does the work.
///
/// # Errors
/// Why the upload is not taken.
pub(super) fn run(job: &Job, upload: &[u8], progress: &mut impl FnMut(Stage)) -> Result<Compiled, Rejection> {
    progress(Stage::Checking);
    let mut notes = Vec::new();
    let wrapped = match check::sniff(upload, u64::MAX)? {
        check::Kind::Component => None,
        check::Kind::Core => {
            progress(Stage::Wrapping);
            notes.push("the core module was wrapped into a component".to_owned());
            Some(check::wrapped(upload)?)
        }
    };
    let component = wrapped.as_deref().unwrap_or(upload);
    check::component(component)?;

    progress(Stage::Describing);
    let setup = Setup::new(job, component, &mut notes)?;
    let _ticking = setup.ticking();
    let manifest = setup.describe()?;
    against_schema(&manifest, &job.config)?;

    progress(Stage::Configuring);
    let (mut store, instance) = setup.start()?;
    let plan = setup.configure(&mut store, &instance)?;

    let snapshot = match &setup.instrumented {
        None => None,
        Some(instrumented) => {
            progress(Stage::Snapshotting);
            noted(snapshot::take(instrumented, &mut store, instance), &mut notes)
        }
    };

    progress(Stage::Compiling);
    let (code, snapshotted) = code(component, snapshot.as_deref(), &mut notes)?;
    let report = Report { manifest, plan, snapshotted, notes };
    Ok(Compiled { report, artifact: wrapped.as_deref().map(Arc::from), code })
}

/// The component compiled in haste, to be called twice.
struct Setup<'a> {
    job: &'a Job,
    engine: Engine,
    ticker: Ticker,
    component: Component,
    exports: Exports,
    instrumented: Option<Instrumented<'a>>,
}

impl<'a> Setup<'a> {
    fn new(job: &'a Job, bytes: &'a [u8], notes: &mut Vec<String>) -> Result<Self, Rejection> {
        let engine = engine::setting_up().map_err(|error| broken(&error))?;
        let ticker = Ticker::start(&engine).map_err(|error| Rejection::io(&error))?;
        let instrumented = noted(snapshot::instrument(bytes), notes);
        let runnable = instrumented.as_ref().map_or(bytes, |instrumented| instrumented.bytes.as_slice());
        let component = Component::new(&engine, runnable).map_err(|error| broken(&error))?;
        let exports = Exports::of(&component).ok_or_else(|| Rejection::Mismatch {
            reason: "a function of the interface `policy` is missing".to_owned(),
        })?;
        Ok(Self { job, engine, ticker, component, exports, instrumented })
    }

    fn ticking(&self) -> Ticking<'_> {
        self.ticker.hold()
    }

    fn start(&self) -> Result<(Store<Guest>, Instance), Rejection> {
        let mismatch = |error: wasmtime::Error| Rejection::Mismatch { reason: format!("{error:#}") };
        let mut store =
            instance::store(&self.engine, self.job.limits.memory_bytes, ANSWER_BYTES, self.job.setup_deadline_ms);
        let linker = instance::linker(&self.engine).map_err(mismatch)?;
        let pre = linker.instantiate_pre(&self.component).map_err(mismatch)?;
        let instance =
            store.set_fuel(self.job.setup_fuel).and_then(|()| pre.instantiate(&mut store)).map_err(|error| {
                Rejection::SetupFault { step: Step::Start, fault: fault::of_start(&error, store.data(), self.budget()) }
            })?;
        self.exports.check(&mut store, &instance).map_err(mismatch)?;
        Ok((store, instance))
    }

    /// In an instance of its own, so that the snapshot knows nothing of it.
    fn describe(&self) -> Result<Manifest, Rejection> {
        let (mut store, instance) = self.start()?;
        let manifest =
            self.exports.describe(&mut store, &instance).map_err(|error| self.fault(Step::Describe, &error, &store))?;
        let manifest = convert::manifest(manifest)
            .map_err(|error| Rejection::BadManifest { reason: format!("`config-schema` is no JSON: {error}") })?;
        let long = [&manifest.name, &manifest.version, &manifest.description];
        if manifest.name.is_empty() || long.into_iter().any(|text| text.len() > MAX_TEXT_BYTES) {
            let reason = format!("it needs a name, and no text over {MAX_TEXT_BYTES} bytes but the schema");
            return Err(Rejection::BadManifest { reason });
        }
        Ok(manifest)
    }

    fn configure(&self, store: &mut Store<Guest>, instance: &Instance) -> Result<Plan, Rejection> {
        let answer = self
            .exports
            .configure(store, instance, &self.job.config)
            .map_err(|error| self.fault(Step::Configure, &error, store))?;
        let plan = answer.map(convert::plan).map_err(|problems| invalid(convert::problems(problems)))?;
        match grants::problems(&plan) {
            problems if problems.is_empty() => Ok(plan),
            problems => Err(Rejection::BadPlan { problems }),
        }
    }

    fn fault(&self, step: Step, error: &wasmtime::Error, store: &Store<Guest>) -> Rejection {
        Rejection::SetupFault { step, fault: fault::of(error, store.data(), self.budget()) }
    }

    const fn budget(&self) -> Budget {
        Budget { fuel: self.job.setup_fuel, deadline_ms: self.job.setup_deadline_ms }
    }
}

/// The code of the snapshot, or of the component itself where there is none.
fn code(component: &[u8], snapshot: Option<&[u8]>, notes: &mut Vec<String>) -> Result<(Vec<u8>, bool), Rejection> {
    let engine = engine::compiling().map_err(|error| broken(&error))?;
    if let Some(snapshot) = snapshot {
        let compiled = engine.precompile_component(snapshot).map_err(|error| error.root_cause().to_string());
        if let Some(code) = noted(compiled, notes) {
            return Ok((code, true));
        }
    }
    let code = engine.precompile_component(component).map_err(|error| broken(&error))?;
    Ok((code, false))
}

/// The value; or a note that the snapshot failed, and why.
fn noted<T>(result: Result<T, String>, notes: &mut Vec<String>) -> Option<T> {
    result
        .map_err(|reason| {
            notes.push(format!("no snapshot could be taken, so every evaluation runs `configure` first: {reason}"));
        })
        .ok()
}

fn against_schema(manifest: &Manifest, config: &str) -> Result<(), Rejection> {
    let config =
        serde_json::from_str(config).map_err(|error| Rejection::ConfigNotJson { reason: error.to_string() })?;
    let problems = schema::problems(&manifest.config_schema, &config)
        .map_err(|reason| Rejection::BadSchema { reason: clipped(&reason) })?;
    if problems.is_empty() { Ok(()) } else { Err(invalid(problems)) }
}

fn invalid(problems: Vec<Problem>) -> Rejection {
    let mut problems: Vec<Problem> = problems
        .into_iter()
        .take(MAX_PROBLEMS)
        .map(|problem| Problem { pointer: clipped(&problem.pointer), message: clipped(&problem.message) })
        .collect();
    if problems.is_empty() {
        let message = "`configure` refused it without saying why".to_owned();
        problems.push(Problem { pointer: String::new(), message });
    }
    Rejection::InvalidConfig { problems }
}

fn clipped(text: &str) -> String {
    head(text, MAX_PROBLEM_BYTES).to_owned()
}

fn broken(error: &wasmtime::Error) -> Rejection {
    Rejection::Compile { reason: format!("{error:#}") }
}
