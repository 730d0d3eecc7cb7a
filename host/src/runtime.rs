//! The runtime: from a stranger's file to an answer that can be trusted to be only an answer.
//!
//! ```text
//! upload -> check -> describe -> configure -> snapshot -> compile      (in a child, once per version)
//!                                                            |
//!                          event -> fresh instance <- sealed code      (in the host, for every event)
//! ```
//!
//! Every evaluation starts from the configured snapshot and ends with its instance: no event can leave anything for the
//! next but what it wrote to its state, and the same event on the same state gives the same decision.

pub mod bench;
mod bindings;
mod cache;
mod check;
pub mod compile;
pub mod component;
mod convert;
mod engine;
mod exports;
mod fault;
mod grants;
mod guest;
mod imports;
mod instance;
mod limits;
mod rejection;
mod snapshot;
mod state;
mod ticker;

use std::path::Path;
use std::sync::Arc;

use interlock_core::policy::{Limits, Manifest, Plan};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Linker;

pub use instance::Program;
pub use rejection::{Rejection, Step};

use crate::config;
use cache::{Cache, Name, Sealed};
use compile::Compiler;
use fault::Budget;
use guest::Guest;
use instance::Parts;
use ticker::Ticker;

/// Where an upload is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// What kind of file it is, which world it speaks, what it imports.
    Checking,
    /// A core module becomes a component.
    Wrapping,
    /// It says what it is.
    Describing,
    /// It reads its configuration and says what it will do.
    Configuring,
    /// The configured instance becomes the beginning of every evaluation.
    Snapshotting,
    /// It becomes native code.
    Compiling,
    /// The code becomes runnable, and an instance is tried.
    Loading,
    /// It can answer.
    Done,
}

impl Stage {
    /// The stage as one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Wrapping => "wrapping",
            Self::Describing => "describing",
            Self::Configuring => "configuring",
            Self::Snapshotting => "snapshotting",
            Self::Compiling => "compiling",
            Self::Loading => "loading",
            Self::Done => "ready",
        }
    }
}

/// An upload that can answer.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The component to keep; another than the upload if that was a core module.
    pub artifact: Arc<[u8]>,
    /// SHA-256 of the artifact, in hex.
    pub digest: String,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it will do.
    pub plan: Plan,
    /// Whether instances start configured.
    pub snapshotted: bool,
    /// What its author should know.
    pub notes: Vec<String>,
    /// The configured version itself.
    pub program: Program,
}

/// Why the runtime cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The engine does not start.
    #[error("the WebAssembly engine does not start: {0}; where address space is limited, lower `runtime.instances`")]
    Engine(wasmtime::Error),
    /// The cache folder or its key.
    #[error("the code cache in the data folder cannot be used: {0}")]
    Cache(std::io::Error),
    /// The thread that counts epochs.
    #[error("the thread that keeps deadlines cannot be started: {0}")]
    Ticker(std::io::Error),
    /// The program that compiles.
    #[error("this program's own file cannot be found to start the compiler from: {0}")]
    Compiler(std::io::Error),
}

/// The engine and what surrounds it, once per process. Cheap to clone.
#[derive(Clone)]
pub struct Runtime(Arc<Shared>);

struct Shared {
    config: config::runtime::Runtime,
    engine: Engine,
    ticker: Arc<Ticker>,
    linker: Linker<Guest>,
    fingerprint: String,
    cache: Cache,
    compiler: Compiler,
}

impl Runtime {
    /// Starts the engine. Compiled code is kept in `data`.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(config: &config::runtime::Runtime, data: &Path) -> Result<Self, OpenError> {
        let engine = engine::running(config).map_err(OpenError::Engine)?;
        Ok(Self(Arc::new(Shared {
            config: config.clone(),
            linker: instance::linker(&engine).map_err(OpenError::Engine)?,
            fingerprint: engine::fingerprint(&engine),
            cache: Cache::open(data, config.cache_bytes).map_err(OpenError::Cache)?,
            compiler: Compiler::new(config).map_err(OpenError::Compiler)?,
            ticker: Arc::new(Ticker::start(&engine).map_err(OpenError::Ticker)?),
            engine,
        })))
    }

    /// What two hosts must share to decide alike and to share compiled code: SHA-256 in hex.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint.clone()
    }

    /// Takes an upload all the way: checks it, configures it, compiles it, and makes an instance once.
    ///
    /// Returns when it can answer; nothing is stored but compiled code. Dropping the future stops the work.
    ///
    /// # Errors
    /// Why it is not taken; see [`Rejection`].
    pub async fn prepare(
        &self,
        upload: Arc<[u8]>,
        config: String,
        limits: Limits,
        progress: impl Fn(Stage) + Send + 'static,
    ) -> Result<Prepared, Rejection> {
        let mut last = None;
        let mut progress = move |stage: Stage| {
            if last.replace(stage) != Some(stage) {
                progress(stage);
            }
        };
        progress(Stage::Checking);
        let kind = check::sniff(&upload, self.0.config.max_artifact_bytes)?;
        self.accept(&config, limits)?;
        let known = match kind {
            check::Kind::Component => self.cached(&upload, &config).await?,
            check::Kind::Core => None,
        };
        let (artifact, digest, sealed) = match known {
            Some((digest, sealed)) => (upload, digest, sealed),
            None => self.compiled(upload, &config, limits, &mut progress).await?,
        };
        progress(Stage::Loading);
        let (report, program) = self.assemble(sealed, config, limits).await?;
        progress(Stage::Done);
        let notes = notes(&report, &limits);
        Ok(Prepared {
            artifact,
            digest,
            manifest: report.manifest,
            plan: report.plan,
            snapshotted: report.snapshotted,
            notes,
            program,
        })
    }

    /// Makes a stored version runnable: from the code cache if what is there is authentic, else by compiling again.
    ///
    /// # Errors
    /// As [`Runtime::prepare`], and [`Rejection::Corrupt`] when the artifact is not what it was.
    pub async fn load(
        &self,
        artifact: Arc<[u8]>,
        digest: &str,
        config: &str,
        limits: Limits,
    ) -> Result<Program, Rejection> {
        let sealed = match self.lookup(digest, config).await? {
            Some(sealed) => sealed,
            None => {
                let found = self.digest(&artifact).await?;
                if found != digest {
                    return Err(Rejection::Corrupt { found, wanted: digest.to_owned() });
                }
                self.compiled(artifact, config, limits, &mut |_| ()).await?.2
            }
        };
        Ok(self.assemble(sealed, config.to_owned(), limits).await?.1)
    }

    /// What can be said of configuration and limits without the component.
    fn accept(&self, config: &str, limits: Limits) -> Result<(), Rejection> {
        let (bytes, limit) = (config.len() as u64, self.0.config.max_config_bytes);
        if bytes > limit {
            return Err(Rejection::ConfigTooLarge { bytes, limit });
        }
        serde_json::from_str::<serde_json::Value>(config)
            .map_err(|error| Rejection::ConfigNotJson { reason: error.to_string() })?;
        let ceiling = self.0.config.ceiling;
        let asked = [
            ("fuel", limits.fuel, ceiling.fuel),
            ("deadline_ms", limits.deadline_ms, ceiling.deadline_ms),
            ("memory_bytes", limits.memory_bytes, ceiling.memory_bytes),
            ("state_bytes", limits.state_bytes, ceiling.state_bytes),
            ("state_keys", limits.state_keys, ceiling.state_keys),
        ];
        match asked.into_iter().find(|(_, asked, ceiling)| asked > ceiling) {
            Some((limit, asked, ceiling)) => Err(Rejection::OverCeiling { limit: limit.to_owned(), asked, ceiling }),
            None => Ok(()),
        }
    }

    async fn cached(&self, upload: &Arc<[u8]>, config: &str) -> Result<Option<(String, Sealed)>, Rejection> {
        let digest = self.digest(upload).await?;
        Ok(self.lookup(&digest, config).await?.map(|sealed| (digest, sealed)))
    }

    async fn compiled(
        &self,
        upload: Arc<[u8]>,
        config: &str,
        limits: Limits,
        progress: &mut (impl FnMut(Stage) + Send),
    ) -> Result<(Arc<[u8]>, String, Sealed), Rejection> {
        let compiled = self.0.compiler.compile(&upload, config, limits, progress).await?;
        let artifact = compiled.artifact.unwrap_or(upload);
        let digest = self.digest(&artifact).await?;
        let (shared, name) = (Arc::clone(&self.0), Name::of(&digest, config, &self.0.fingerprint));
        let sealed = blocking(move || shared.cache.put(&name, compiled.report, compiled.code)).await?;
        Ok((artifact, digest, sealed))
    }

    async fn lookup(&self, digest: &str, config: &str) -> Result<Option<Sealed>, Rejection> {
        let (shared, name) = (Arc::clone(&self.0), Name::of(digest, config, &self.0.fingerprint));
        blocking(move || shared.cache.get(&name)).await
    }

    async fn assemble(
        &self,
        sealed: Sealed,
        config: String,
        limits: Limits,
    ) -> Result<(compile::Report, Program), Rejection> {
        let shared = Arc::clone(&self.0);
        blocking(move || {
            let component = cache::load(&shared.engine, &sealed)
                .map_err(|error| Rejection::DoesNotFit { reason: format!("{error:#}") })?;
            let report = sealed.report().clone();
            let parts = Parts {
                manifest: report.manifest.clone(),
                plan: report.plan.clone(),
                limits,
                setup: Budget { fuel: shared.config.setup_fuel, deadline_ms: shared.config.setup_deadline_ms },
                configure: (!report.snapshotted).then_some(config),
                ticker: Arc::clone(&shared.ticker),
            };
            let program = Program::new(&shared.linker, &component, parts)?;
            Ok((report, program))
        })
        .await?
    }

    async fn digest(&self, bytes: &Arc<[u8]>) -> Result<String, Rejection> {
        let bytes = Arc::clone(bytes);
        blocking(move || hex::encode(Sha256::digest(&bytes))).await
    }
}

fn notes(report: &compile::Report, limits: &Limits) -> Vec<String> {
    let mut notes = report.notes.clone();
    let usual = report.manifest.fuel_hint;
    if usual > limits.fuel {
        notes.push(format!("one decision usually costs {usual} units of fuel; the limit is {}", limits.fuel));
    }
    notes
}

/// Work that would hold up the others on this thread: hashing and loading megabytes.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Rejection::Io { reason: error.to_string() })
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("fingerprint", &self.0.fingerprint).finish_non_exhaustive()
    }
}
